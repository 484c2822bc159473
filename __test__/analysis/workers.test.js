'use strict'
/** Worker threads: each has its own answers, and may end while texts are read for it. */

const { once } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const { Worker } = require('node:worker_threads')
const { temporaryDirectory } = require('../support/directories')
const { eventually } = require('../support/events')

const MAIN = JSON.stringify(require.resolve('../..'))
const TEXT = "'src/a.ts(1,1): error TS2304: x\\n'.repeat(20_000)"

/** @param {string} script */
const start = (script) => new Worker(`const { ErrorAnalysisWorker } = require(${MAIN})\n${script}`, { eval: true })

test('every thread hears its own answers', async () => {
  const workers = [3, 5, 7].map((count) => start(`
    const { parentPort } = require('node:worker_threads')
    const worker = new ErrorAnalysisWorker()
    const analyze = (n) => worker.analyzeError('src/a.ts(1,1): error TS2304: x\\n'.repeat(5000 + n), { taskId: 'T', phase: 'p' })
    Promise.all(Array.from({ length: ${count} }, (_, n) => analyze(n))).then((all) => parentPort.postMessage(all.map(({ details }) => details.errorCount)))`))
  const answers = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0]))
  expect(answers).toEqual([3, 5, 7].map((count) => Array.from({ length: count }, (_, n) => 5000 + n)))
})

test('a thread that is terminated while texts are read harms nobody', async () => {
  const { ErrorAnalysisWorker } = require('../..')
  for (let round = 0; round < 5; round++) {
    const worker = start(`
      const { parentPort } = require('node:worker_threads')
      const text = ${TEXT}
      for (let n = 0; n < 20; n++) new ErrorAnalysisWorker().analyzeError(text, { taskId: 'T', phase: 'p' })
      parentPort.postMessage('submitted')`)
    await once(worker, 'message')
    await worker.terminate()
  }
  const { details } = await new ErrorAnalysisWorker().analyzeError('src/a.ts(1,1): error TS2304: x\n'.repeat(5000), { taskId: 'T', phase: 'p' })
  expect(details.errorCount).toBe(5000)
})

test('a thread that is terminated in the middle of a stream leaves no file', async () => {
  const dir = path.join(temporaryDirectory(), 'raw')
  for (let round = 0; round < 3; round++) {
    const worker = start(`
      const { PassThrough } = require('node:stream')
      const parts = new PassThrough()
      new ErrorAnalysisWorker({ rawStore: { dir: ${JSON.stringify(dir)} } }).analyzeStream(parts, { taskId: 'T', phase: 'p' })
      parts.write(Buffer.alloc(100_000, 'half a text\\n'))
      setInterval(() => {}, 1000)`)
    await eventually('the first part to be stored', () => fs.readdirSync(dir).length > 0)
    await worker.terminate()
    await eventually('what was stored to be removed', () => fs.readdirSync(dir).length === 0)
  }
})
