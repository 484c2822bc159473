'use strict'
/** Workers that log to one path, and end in every way a worker can. */

const path = require('node:path')
const { launch } = require('../support/children')
const { temporaryDirectory } = require('../support/directories')
const { hiddenFilesOf, readData } = require('../support/log-files')

/** Runs workers in a process of their own; returns the numbers found and promised, by worker. */
async function runWorkers(ends, config = {}) {
  const settings = {
    logPath: path.join(temporaryDirectory(), 'log.jsonl'), bufferSize: 100, flushInterval: 20, rotationThreshold: 50_000, ...config
  }
  const { code, signal, stdout, stderr } = await launch('workers.cjs', { config: settings, ends }).exit
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' })
  const recovered = await launch('recover.cjs', settings).exit
  expect(recovered.code).toBe(0)
  const promised = JSON.parse(stdout)
  const found = promised.map(() => /** @type {number[]} */ ([]))
  for (const { worker, n } of readData(settings.logPath)) found[worker].push(n)
  return { settings, promised, found, stats: JSON.parse(recovered.stdout) }
}

const upTo = (count) => Array.from({ length: count }, (_, n) => n)

/** What was promised is there once and in order; at most the record under way besides. */
function expectWhole({ promised, found }) {
  found.forEach((numbers, worker) => {
    expect({ worker, numbers }).toEqual({ worker, numbers: upTo(numbers.length) })
    expect(numbers.length).toBeGreaterThanOrEqual(promised[worker])
    expect(numbers.length).toBeLessThanOrEqual(promised[worker] + 1)
  })
}

test('workers that end by themselves, with and without close()', async () => {
  const run = await runWorkers(['close', 'none', 'close', 'none'])
  expectWhole(run)
  expect(run.promised.slice(0, 4)).toEqual([2000, 2000, 2000, 2000])
  expect(run.promised[4]).toBeGreaterThan(0)
  expect(hiddenFilesOf(run.settings.logPath, 'ring')).toEqual([])
})

test('workers that call process.exit or throw', async () => {
  const run = await runWorkers(['process.exit', 'throw', 'process.exit', 'throw'])
  expectWhole(run)
  expect(run.promised.slice(0, 4)).toEqual([2000, 2000, 2000, 2000])
})

test('twelve workers that are terminated while they log', async () => {
  const run = await runWorkers(Array.from({ length: 12 }, () => 'terminate'))
  expectWhole(run)
  expect(Math.min(...run.promised)).toBeGreaterThan(0)
  expect(run.stats.entries.damaged).toBe(0)
  expect(hiddenFilesOf(run.settings.logPath, 'ring')).toEqual([])
})

test('workers of every kind at once, with a ring that is always full', async () => {
  const run = await runWorkers(['terminate', 'close', 'throw', 'terminate', 'process.exit', 'none', 'terminate'], { bufferSize: 4 })
  expectWhole(run)
})
