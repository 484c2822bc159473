'use strict'
/** However an owner ends, within a second nothing it has started runs, and its files are gone. */

const fs = require('node:fs')
const path = require('node:path')
const { launch } = require('../support/children')
const { temporaryDirectory } = require('../support/directories')
const { eventually } = require('../support/events')
const { Mark } = require('../support/marked')

const isLinux = process.platform === 'linux'
const linuxTest = isLinux ? test : test.skip
const suffix = isLinux ? '' : ' (skipped: elsewhere the process group alone is ended, and /proc finds what is left)'

/** What is promised. */
const MOST_MS = 1000

/** An owner that holds everything, with where its files and ledgers are. */
async function owning(task) {
  const [state, directory] = [temporaryDirectory(), temporaryDirectory()]
  const mark = new Mark()
  const env = { ...process.env, ...mark.env, PLIMSOLL_STATE_DIR: state }
  const owner = launch('owning.cjs', { directory, foreign: true, ...task }, { env, deadline: 55_000 })
  const { pid, files } = JSON.parse((await owner.says(/^(\{.*\})\n/))[1])
  const others = () => mark.found().filter((one) => one.pid !== pid)
  const leftFiles = () => fs.readdirSync(directory)
  const ledgers = () => fs.readdirSync(path.join(state, 'ledger'))
  expect(files.map((file) => fs.existsSync(file))).toEqual([true, true, true])
  expect(ledgers()).toHaveLength(1)
  return { owner, others, leftFiles, ledgers }
}

/** What the processes are that a message of a failed test should name. */
const commands = (processes) => processes.map(({ command }) => command)

linuxTest.each([
  ['SIGKILL', { signal: 'SIGKILL' }],
  ['SIGTERM', { signal: 'SIGTERM' }],
  ['process.exit', { code: 7 }],
  ['process.exit in a blocked loop', { code: 7 }],
  ['an uncaught exception', { code: 1 }],
  ['an unhandled rejection', { code: 1 }],
  ['process.abort', { signal: 'SIGABRT' }],
])(`by %s${suffix}`, async (end, ending) => {
  const { owner, others, leftFiles, ledgers } = await owning({ end })
  const before = commands(others())
  expect(before.filter((command) => command === 'sleep 600').length).toBeGreaterThanOrEqual(11)
  owner.process.stdin.write('end')
  await new Promise((resolve) => owner.process.once('exit', resolve))
  const ended = performance.now()
  await eventually('all it has started to be gone', () => others().length === 0, 10_000)
    .catch((error) => { throw new Error(`left: ${commands(others()).join(', ')}`, { cause: error }) })
  const tookMs = performance.now() - ended
  await eventually('its files to be gone', () => leftFiles().length === 0, 10_000)
    .catch((error) => { throw new Error(`left: ${leftFiles().join(', ')}`, { cause: error }) })
  await eventually('its ledger to be gone', () => ledgers().length === 0, 10_000)
  const filesMs = performance.now() - ended
  console.log(`${end}: ${before.length} processes gone after ${tookMs.toFixed(0)} ms, files and ledger after ${filesMs.toFixed(0)} ms`)
  expect(tookMs).toBeLessThan(MOST_MS)
  expect(await owner.exit).toMatchObject(ending)
})

linuxTest(`what a worker thread has started ends when the thread is terminated${suffix}`, async () => {
  const { owner, others, leftFiles, ledgers } = await owning({ end: 'the end of its worker thread', foreign: false })
  const before = others().length
  expect(before).toBeGreaterThan(10)
  owner.process.stdin.write('end')
  await owner.says(/terminated/)
  const ended = performance.now()
  await eventually('its processes to be gone', () => others().length === 0, 20_000)
    .catch((error) => { throw new Error(`left: ${commands(others()).join(', ')}`, { cause: error }) })
  console.log(`worker: ${before} processes gone after ${(performance.now() - ended).toFixed(0)} ms`)
  expect(owner.ended).toBe(null)
  owner.process.stdin.write('end')
  expect(await owner.exit).toMatchObject({ code: 0, stderr: '' })
  await eventually('its files and ledger to be gone', () => leftFiles().length === 0 && ledgers().length === 0)
})
