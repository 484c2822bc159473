'use strict'
/** Streams, large texts, and the event loop meanwhile. */

const { Readable } = require('node:stream')
const { ErrorAnalysisWorker } = require('../..')
const { rejection } = require('../support/events')
const { readCases } = require('../support/score')

const CONTEXT = { taskId: 'T', phase: 'p' }
const diagnostics = (count) => Array.from({ length: count }, (_, n) => `src/f${n % 7}.ts(${n + 1},2): error TS2304: Cannot find name 'größe${n % 3}'.\n`).join('')

function* parts(bytes, size) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

test.each([1, 7, 100_000])('cut into parts of %d bytes a text is what it is whole', async (size) => {
  const text = diagnostics(size === 1 ? 60 : 20_000)
  const whole = await new ErrorAnalysisWorker().analyzeError(text, CONTEXT)
  const streamed = await new ErrorAnalysisWorker().analyzeStream(Readable.from(parts(Buffer.from(text), size)), CONTEXT)
  expect({ ...streamed, rawSize: 0 }).toEqual({ ...whole, rawSize: 0 })
  expect(streamed.rawSize).toBe(Buffer.byteLength(text))
})

test('every text of the corpus is the same as a stream', async () => {
  for (const { name, text } of readCases(/^(ruff|eslint|pytest|jest|cargo|gcc|npm|node|benign)/)) {
    const whole = await new ErrorAnalysisWorker().analyzeError(text, CONTEXT)
    const streamed = await new ErrorAnalysisWorker().analyzeStream([text], CONTEXT)
    expect({ name, ...streamed, rawSize: 0 }).toEqual({ name, ...whole, rawSize: 0 })
  }
}, 60_000)

test('an error of the stream is passed on, and the next one is read', async () => {
  const worker = new ErrorAnalysisWorker()
  const broken = Readable.from((function* () {
    yield 'error: half'
    throw new Error('the pipe broke')
  })())
  expect((await rejection(worker.analyzeStream(broken, CONTEXT))).message).toBe('the pipe broke')
  expect((await worker.analyzeStream([diagnostics(2)], CONTEXT)).summary).toBe('2 type errors: TS2304')
  for (const wrong of [undefined, 7, 'text', {}]) {
    expect((await rejection(worker.analyzeStream(/** @type {any} */ (wrong), CONTEXT))).code).toBe('ERR_PLIMSOLL_ARGUMENT')
  }
})

test('an exit code that comes with the end of the stream counts', async () => {
  const context = { ...CONTEXT, exitCode: /** @type {number | undefined} */ (undefined) }
  const stream = (async function* () {
    yield 'All checks passed!\n'
    context.exitCode = 9
  })()
  expect((await new ErrorAnalysisWorker().analyzeStream(stream, context)).summary).toContain('exit code 9')
})

test('texts without measure are read in bounded memory', async () => {
  const before = process.memoryUsage().rss
  const megabyte = Buffer.alloc(1 << 20, 'x')
  const oneLine = (function* () {
    for (let n = 0; n < 50; n++) yield megabyte
    yield '\nsrc/a.ts(1,1): error TS2304: x\n'
  })()
  expect((await new ErrorAnalysisWorker().analyzeStream(oneLine, CONTEXT)).type).toBe('typecheck')
  const noise = (function* () {
    const bytes = Buffer.alloc(1 << 20)
    for (let n = 0; n < 20; n++) {
      for (let at = 0; at < bytes.length; at += 4) bytes.writeUInt32LE((n * 2654435761 + at * 40503) >>> 0, at)
      yield bytes
    }
  })()
  expect((await new ErrorAnalysisWorker().analyzeStream(noise, CONTEXT)).summary.length).toBeLessThanOrEqual(500)
  expect((await new ErrorAnalysisWorker().analyzeError(diagnostics(200_000), CONTEXT)).details.errorCount).toBe(200_000)
  expect(process.memoryUsage().rss - before).toBeLessThan(400 << 20)
}, 120_000)

test('many at once are all answered, each with its own', async () => {
  const worker = new ErrorAnalysisWorker()
  const counts = Array.from({ length: 200 }, (_, n) => n + 100)
  const summaries = await Promise.all(counts.map((count) => worker.analyzeError(diagnostics(count), CONTEXT)))
  expect(summaries.map(({ details }) => details.errorCount)).toEqual(counts)
})

test('what is awaited keeps the process, what is not lets it go', () => {
  const { spawnSync } = require('node:child_process')
  const main = JSON.stringify(require.resolve('../..'))
  const script = `
    const { ErrorAnalysisWorker } = require(${main})
    const text = 'src/a.ts(1,1): error TS2304: x\\n'.repeat(10000)
    new ErrorAnalysisWorker().analyzeError(text, { taskId: 'T', phase: 'p' }).then(({ summary }) => console.log(summary))`
  const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' })
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '10000 type errors: TS2304\n', stderr: '' })
})
