'use strict'
/** Memory under overload: the ring and what waits for it are bounded, and so is what a stalled disk costs. */

const path = require('node:path')
const { launch } = require('../support/children')
const { temporaryDirectory } = require('../support/directories')
const { readData } = require('../support/log-files')
const { holdLock, testWithFlock } = require('../support/stalls')

const MIB = 1 << 20
const RING = 4 * MIB
/**
 * What may wait for room, by the facade's documented bound: 16 Mi UTF-16 units of text, at most 65,536
 * entries. A text of one-byte characters takes a byte a unit; a waiting entry with its promises about 1200 more.
 */
const WAITING = 16 * MIB + 65_536 * 1200
/**
 * What the measurement itself moves: V8's young generation (three semi-spaces of 16 MiB, V8's default), freed
 * pages it keeps, stacks. Unbounded, what waits would take 300 MiB more.
 */
const SLACK = 64 * MIB

/** Floods a log whose disk is stalled; the ring is full within the first tenth of the calls. */
async function flood(config, { calls, bytes }) {
  const settings = { logPath: path.join(temporaryDirectory(), 'log.jsonl'), ringBytes: RING, ...config }
  const child = launch('overloading.cjs', { config: settings, calls, bytes }, { nodeArgs: ['--expose-gc'], deadline: 110_000 })
  await child.says(/open/)
  const giveBack = await holdLock(settings.logPath)
  child.process.stdin.end('go')
  const { stdout, stderr } = await child.exit
  await giveBack()
  expect(stderr).toBe('')
  const report = JSON.parse(stdout.split('\n')[1])
  expect(report.fullAt).toBeGreaterThan(0)
  expect(report.fullAt).toBeLessThanOrEqual(calls / 10)
  return { report, settings }
}

testWithFlock("'drop-lowest': ten times what the ring takes adds no more than the ring", async () => {
  const { report, settings } = await flood({ overflow: 'drop-lowest', bufferSize: 100_000 }, { calls: 200_000, bytes: 1000 })
  expect(report.peak - report.before).toBeLessThan(RING + SLACK)
  expect(report.accepted + report.dropped).toBe(200_000)
  const recovered = await launch('recover.cjs', settings).exit
  expect(JSON.parse(recovered.stdout).entries.recovered).toBe(report.accepted)
  expect(readData(settings.logPath).filter((data) => 'n' in data)).toHaveLength(report.accepted)
}, 120_000)

testWithFlock("'wait': callers that do not wait add no more than the ring and the bound of what waits", async () => {
  const { report } = await flood({ bufferSize: 100_000 }, { calls: 300_000, bytes: 200 })
  expect(report.peak - report.before).toBeLessThan(RING + WAITING + SLACK)
  expect(report.accepted + report.waiting + report.dropped).toBe(300_000)
  expect(report.refused).toBe(report.dropped)
  expect(report.refused).toBeGreaterThan(100_000)
}, 120_000)
