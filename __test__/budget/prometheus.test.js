'use strict'
/** What `toPrometheus()` says after real work, read by Prometheus's own checker. */

const { spawnSync } = require('node:child_process')
const path = require('node:path')
const { setImmediate: turn } = require('node:timers/promises')
const { withWorkerCallObservability } = require('plimsoll')
const { rejection } = require('../support/events')
const { roomy } = require('../support/tracing')

const { status: missing, stdout, stderr } = spawnSync(process.execPath, [path.join(__dirname, '../../scripts/promtool.mjs')], { encoding: 'utf8' })
const promtool = stdout.trim()
if (missing !== 0) console.warn(`promtool checks nothing here: ${stderr}`)
const checked = missing === 0 ? test : test.skip

const HOSTILE = [
  'a"b', 'back\\slash', 'two\nlines', 'carriage\r\nreturn', '__proto__', 'constructor', '}', '{lane="x"}', '# HELP x y', 'ü', '日本語', '🛳️', ' ', '\t', '\0',
  '\ud800', '\u2028', 'x'.repeat(256), `${'x'.repeat(255)}y`, '\\n', '\\', '"', 'NaN', '+Inf', 'le', '\u202eesrever',
]

/** @param {string} metrics */
function check(metrics) {
  const { status, stdout: said, stderr: complaints, error } = spawnSync(promtool, ['check', 'metrics'], { input: metrics, encoding: 'utf8' })
  expect({ status, said, complaints, error }).toEqual({ status: 0, said: '', complaints: '', error: undefined })
}

/** Every sample: name and labels as they stand, and the number. */
function samplesOf(metrics) {
  const lines = metrics.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => {
    const [, series, value] = /^([a-z_]+(?:\{.*\})?) (\S+)$/s.exec(line)
    return [series.replace('plimsoll_budget_', ''), Number(value)]
  }))
}

/** Every value of a label among the series of a metric. */
const labelsOf = (samples, metric) =>
  [...samples.keys()].filter((series) => series.startsWith(`${metric}{`)).map((series) => /lane="(.*)"\}$/s.exec(series)[1])

describe('promtool check metrics', () => {
  checked('says nothing of a manager that was never used', () => check(roomy().toPrometheus()))

  checked('says nothing of everything at once', async () => {
    const manager = roomy({
      laneConcurrencyLimits: { narrow: 1, failing: 4, lender: 2, borrower: 1 }, borrow: { borrower: 2 }, predictMemory: true, adaptive: true,
      breaker: { minimumCalls: 4, openMs: 60_000, openMaxMs: 60_000 }, taskQuota: { slots: 100 }, queue: { max: 1 }, timeoutEscalationFactor: 1,
    })
    for (const lane of HOSTILE) manager.releaseSlot(await manager.acquireSlot('task', lane), true)
    for (let n = 0; n < 8; n++) manager.releaseSlot(await manager.acquireSlot('task', 'failing'), false, new Error('no'))
    const held = await manager.acquireSlot('task', 'narrow')
    expect(await manager.acquireSlot('task', 'narrow')).toBeNull()
    expect(await manager.acquireSlot('task', 'narrow', -1)).toBeNull()
    const waiting = manager.acquireSlot('task', 'narrow', { wait: { maxMs: 60_000 } })
    expect(await manager.acquireSlot('task', 'narrow', { wait: { maxMs: 60_000 } })).toBeNull()
    check(manager.toPrometheus())
    manager.releaseSlot(held, true)
    manager.releaseSlot(await waiting, true)
    const error = await rejection(withWorkerCallObservability('task', () => new Promise(() => {}), { manager, lane: 'late', timeoutMs: 5, emitMetricsLog: false }))
    expect(error.code).toBe('ERR_PLIMSOLL_TIMEOUT')
    manager.close()
    expect(await manager.acquireSlot('task', 'narrow')).toBeNull()
    check(manager.toPrometheus())
  })

  checked('says nothing of a thousand lanes', async () => {
    const manager = roomy()
    for (let n = 0; n < 1000; n++) manager.releaseSlot(await manager.acquireSlot('task', `lane-${n}`), true)
    check(manager.toPrometheus())
  })

  checked('does complain of what is wrong', () => {
    const { status } = spawnSync(promtool, ['check', 'metrics'], { input: 'a{lane="x"} 1\na{lane="x"} 1\n', encoding: 'utf8' })
    expect(status).not.toBe(0)
  })
})

describe('the figures', () => {
  test('are those of what happened', async () => {
    const manager = roomy({ laneConcurrencyLimits: { narrow: 1 }, timeoutEscalationFactor: 1 })
    const held = await manager.acquireSlot('task', 'narrow')
    expect(await manager.acquireSlot('task', 'narrow')).toBeNull()
    expect(await manager.acquireSlot('task', 'narrow', -1)).toBeNull()
    const waiting = manager.acquireSlot('task', 'narrow', { wait: { maxMs: 60_000 } })
    const during = samplesOf(manager.toPrometheus())
    expect(Object.fromEntries(during)).toMatchObject({
      active_calls: 1, call_limit: 10_000, waiting_calls: 1, 'lane_active_calls{lane="narrow"}': 1, 'lane_call_limit{lane="narrow"}': 1, 'lane_waiting_calls{lane="narrow"}': 1,
      'refusals_total{reason="lane_full"}': 1, 'refusals_total{reason="timeout"}': 1, 'calls_total{outcome="success"}': 0,
    })
    manager.releaseSlot(held, true)
    manager.releaseSlot(await waiting, false, new Error('no'))
    await rejection(withWorkerCallObservability('task', () => new Promise(() => {}), { manager, lane: 'narrow', timeoutMs: 5 }))
    await turn()
    const after = samplesOf(manager.toPrometheus())
    expect(Object.fromEntries(after)).toMatchObject({
      active_calls: 0, waiting_calls: 0, peak_active_calls: 1, peak_waiting_calls: 1, 'calls_total{outcome="success"}': 1, 'calls_total{outcome="failure"}': 2,
      'releases_total{by="release"}': 2, 'releases_total{by="deadline"}': 1, deadline_ends_total: 1, timeout_warnings_total: 1, abandoned_calls_total: 1,
      'call_duration_seconds_count{lane="narrow"}': 3, 'call_duration_seconds_bucket{le="+Inf",lane="narrow"}': 3, 'call_wait_seconds_count{lane="narrow"}': 3,
    })
    const seconds = manager.getMetrics().reduce((sum, { durationMs }) => sum + durationMs / 1000, 0)
    expect(after.get('call_duration_seconds_sum{lane="narrow"}')).toBeCloseTo(seconds, 4)
    const rss = after.get('resident_memory_bytes')
    expect(rss).toBe(Math.round(rss))
    expect(rss).toBeGreaterThan(10 * 2 ** 20)
  })

  test('of buckets grow to the count', async () => {
    const manager = roomy()
    for (let n = 0; n < 50; n++) manager.releaseSlot(await manager.acquireSlot('task', 'lane'), true)
    const samples = [...samplesOf(manager.toPrometheus())].filter(([series]) => /^call_duration_seconds_bucket\{.*lane="lane"/.test(series))
    const bounds = samples.map(([series]) => Number(/le="([^"]+)"/.exec(series)[1].replace('+Inf', 'Infinity')))
    expect(bounds).toEqual([...bounds].sort((a, b) => a - b))
    expect(bounds.at(-1)).toBe(Infinity)
    const counts = samples.map(([, count]) => count)
    expect(counts).toEqual([...counts].sort((a, b) => a - b))
    expect(counts.at(-1)).toBe(50)
  })

  test('of every lane have a series of their own, whatever it is called', async () => {
    const manager = roomy({ laneConcurrencyLimits: {} })
    for (const lane of HOSTILE) manager.releaseSlot(await manager.acquireSlot('task', lane), true)
    const metrics = manager.toPrometheus()
    const labels = labelsOf(samplesOf(metrics), 'lane_active_calls')
    expect(labels).toHaveLength(HOSTILE.length)
    expect(new Set(labels).size).toBe(HOSTILE.length)
    // Escaped as the format says: backslash, quote and line feed.
    expect(labels).toEqual(expect.arrayContaining(['a\\"b', 'back\\\\slash', 'two\\nlines', '__proto__', '{lane=\\"x\\"}', '日本語']))
  })

  test('of more lanes than are shown say how many are left out', async () => {
    const manager = roomy({ laneConcurrencyLimits: {} })
    for (let n = 0; n < 1000; n++) manager.releaseSlot(await manager.acquireSlot('task', `lane-${n}`), true)
    const samples = samplesOf(manager.toPrometheus())
    expect(labelsOf(samples, 'lane_active_calls').length + samples.get('unlisted_lanes')).toBe(1000)
    expect(samples.get('calls_total{outcome="success"}')).toBe(1000)
  })

  test('of what running calls are to need are gone when nothing runs', async () => {
    const manager = roomy({ predictMemory: { defaultMb: 64 }, laneConcurrencyLimits: { lane: 1 } })
    const context = await manager.acquireSlot('task', 'lane')
    for (let n = 0; n < 10; n++) expect(await manager.acquireSlot('task', 'lane')).toBeNull()
    expect(samplesOf(manager.toPrometheus()).get('reserved_memory_bytes')).toBeGreaterThan(0)
    manager.releaseSlot(context, true)
    expect(samplesOf(manager.toPrometheus()).get('reserved_memory_bytes')).toBe(0)
    expect(manager.status().memory.reservedBytes).toBe(0)
  })
})
