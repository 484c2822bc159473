'use strict'
/** What `require('plimsoll')` and loading the addon may cost: no thread, no open file, few megabytes. */

const { execFileSync } = require('node:child_process')
const { readdirSync, statSync } = require('node:fs')
const path = require('node:path')

const ROOT = path.resolve(__dirname, '../..')
const MOST_MEGABYTES = 6
const hasProc = process.platform === 'linux'

/** Counts threads, open files and pending work before and after `code`, in a process of its own. */
const around = (code) => {
  const script = `
    const { readdirSync } = require('node:fs')
    const count = () => ({
      threads: readdirSync('/proc/self/task').length,
      files: readdirSync('/proc/self/fd').length,
      pending: process.getActiveResourcesInfo(),
    })
    count()
    const before = count()
    ${code}
    console.log(JSON.stringify([before, count()]))`
  return JSON.parse(execFileSync(process.execPath, ['-e', script], { cwd: ROOT, encoding: 'utf8' }))
}

// Where there is no /proc nothing can be counted; the name says so in the report.
const countingTest = hasProc ? test : test.skip
const suffix = hasProc ? '' : ' (skipped: counting needs /proc)'

countingTest(`require starts no thread and opens no file${suffix}`, () => {
  const [before, after] = around("require('plimsoll')")
  expect(after).toEqual(before)
})

countingTest(`loading the addon starts no thread and opens no file${suffix}`, () => {
  const [before, after] = around("require('plimsoll').capabilities()")
  expect(after).toEqual(before)
})

countingTest(`a constructor starts no thread and opens no file${suffix}`, () => {
  const [before, after] = around("new (require('plimsoll').TelemetryManager)({ logPath: 'nowhere/at/all.jsonl' })")
  expect(after).toEqual(before)
})

countingTest(`a budget manager, the one of the process too, starts no thread and opens no file${suffix}`, () => {
  const [before, after] = around(`
    const { ResourceBudgetManager, getResourceBudgetManager } = require('plimsoll')
    globalThis.kept = [new ResourceBudgetManager(), getResourceBudgetManager({ adaptive: true, breaker: true })]
    for (const manager of kept) manager.status()`)
  expect(after).toEqual(before)
})

countingTest(`the first slot of all starts the threads, for every manager together${suffix}`, () => {
  const script = (count) => `
    const { ResourceBudgetManager } = require('plimsoll')
    globalThis.kept = Array.from({ length: ${count} }, () => new ResourceBudgetManager({ enableMemoryGuards: false }))
    for (const manager of kept) manager.acquireSlot('task', 'lane')`
  const [before, one] = around(script(1))
  const [, many] = around(script(50))
  expect(one.threads).toBeGreaterThan(before.threads)
  expect(many.threads).toBe(one.threads)
  expect(many.pending.filter((kind) => kind !== 'Immediate')).toEqual(before.pending)
})

countingTest(`the counting sees a thread and a file${suffix}`, () => {
  const [before, after] = around("require('node:fs').openSync('package.json'); new (require('node:worker_threads').Worker)('', { eval: true })")
  expect(after.threads).toBeGreaterThan(before.threads)
  expect(after.files).toBeGreaterThan(before.files)
})

test('require loads no native code', () => {
  const script = "require('plimsoll'); console.log(Object.keys(require.cache).filter((file) => file.endsWith('.node')).length)"
  expect(execFileSync(process.execPath, ['-e', script], { cwd: ROOT, encoding: 'utf8' })).toBe('0\n')
})

test(`each addon that was built is under ${MOST_MEGABYTES} MB`, () => {
  const addons = readdirSync(path.join(ROOT, 'js')).filter((name) => name.endsWith('.node'))
  expect(addons).not.toEqual([])
  for (const addon of addons) {
    expect(statSync(path.join(ROOT, 'js', addon)).size).toBeLessThan(MOST_MEGABYTES * 1e6)
  }
})
