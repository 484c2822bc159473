'use strict'
/** What looks like a leak, and what does not. */

const { EventEmitter } = require('node:events')
const { PassThrough } = require('node:stream')
const { Origins } = require('../../js/lifecycle-origin.js')
const { lifecycle } = require('../support/lifecycle')

/** Subscribes and tracks a new handler. */
function listen(manager, emitter = new EventEmitter()) {
  const handler = () => {}
  emitter.on('event', handler)
  manager.trackListener(emitter, 'event', handler)
  return emitter
}

describe('checkForLeaks', () => {
  test('warns above each limit, not at it', async () => {
    const { manager, core } = lifecycle({ maxListeners: 2, maxProcesses: 1, maxTempFiles: 0 })
    const scope = manager.scope()
    const emitters = [listen(manager), listen(manager)]
    scope.trackProcess({ pid: 7 }, 'x')
    expect(manager.checkForLeaks()).toEqual({ hasLeaks: false, warnings: [] })
    emitters.push(listen(manager))
    scope.trackProcess({ pid: 8 }, 'x')
    await manager.createTempFile('x', 'test')
    expect(manager.checkForLeaks()).toEqual({
      hasLeaks: true,
      warnings: [expect.stringMatching(/^3 .*listener/), expect.stringMatching(/^2 .*process/), expect.stringMatching(/^1 .*temp file/)],
    })
    core.running.clear()
    expect(manager.checkForLeaks().warnings).toHaveLength(2)
    expect(emitters).toHaveLength(3)
    await manager.cleanup()
    expect(manager.checkForLeaks()).toEqual({ hasLeaks: false, warnings: [] })
  })
})

describe('growth', () => {
  /** What the report says after each of these counts of listeners was sampled. */
  const alarms = (counts, config) => {
    const { manager, core } = lifecycle(config)
    const scope = manager.scope()
    const held = []
    return counts.map((count) => {
      while (held.length < count) {
        const emitter = new EventEmitter()
        scope.on(emitter, 'event', () => {})
        held.push(emitter)
      }
      while (held.length > count) held.pop().removeAllListeners()
      core.time += 500
      return manager.leakReport()
    })
  }
  const range = (length, value) => Array.from({ length }, (_, index) => value(index))

  test('is an alarm when it lasts', () => {
    const reports = alarms(range(12, (index) => 5 * index))
    expect(reports.map(({ alarm }) => alarm)).toEqual([...range(9, () => false), true, true, true])
    const { trends, suspects } = reports.at(-1)
    expect(trends.listeners).toEqual({ samples: 10, overMs: 4500, first: 10, last: 55, perMinute: 600, alarm: true })
    expect(trends.scopes.alarm).toBe(false)
    expect(suspects).toContainEqual(expect.objectContaining({ kind: 'listener', reason: 'growth', what: 'event of EventEmitter' }))
  })

  test.each([
    ['comes to rest', [0, 10, 20, 30, ...range(12, () => 40)]],
    ['works in waves', range(30, (index) => 10 + (index % 4) * 10)],
    ['falls once', [...range(8, (index) => 10 * index), 5, ...range(8, (index) => 10 + 10 * index)]],
    ['rises slowly and seldom', range(30, (index) => Math.floor(index / 2))],
    ['is constant', range(30, () => 100)],
  ])('is none when the count %s', (_how, counts) => {
    expect(alarms(counts, { maxListeners: 1000 }).filter(({ alarm }) => alarm)).toEqual([])
  })

  test('is seen by operations too, once a second', () => {
    const { manager, core } = lifecycle()
    const kept = []
    for (let step = 0; step < 20; step++) {
      for (let time = 0; time < 20; time++) {
        kept.push(listen(manager))
        core.time += 50
      }
    }
    const { trends, alarm } = manager.leakReport()
    expect(alarm).toBe(true)
    expect(trends.listeners).toMatchObject({ samples: 10, overMs: 9000 })
    expect(kept).toHaveLength(400)
  })

  test('that is slow is seen in samples further apart, whatever goes up and down meanwhile', () => {
    const reports = alarms([0, ...range(8 * 10, (index) => 5 * Math.floor(index / 8) + [10, 30, 20, 40, 50, 30, 60, 10][index % 8])], { maxListeners: 1000 })
    expect(reports.map(({ alarm }) => alarm)).toEqual([...range(79, () => false), true, true])
    expect(reports.at(-1).trends.listeners).toMatchObject({ samples: 10, overMs: 9 * 8 * 500, alarm: true })
  })

  test('needs as many samples as it is told', () => {
    expect(alarms([0, 1, 2, 3, 4], { growthSamples: 3 }).map(({ alarm }) => alarm)).toEqual([false, false, true, true, true])
  })

  test('of streams, timers and scopes is seen as well', async () => {
    const { manager, core } = lifecycle({ growthSamples: 3 })
    const scopes = []
    for (let step = 0; step < 4; step++) {
      const scope = manager.scope()
      scope.setTimeout(() => {}, 60_000)
      scope.trackStream(new PassThrough())
      scopes.push(scope)
      core.time += 100
      manager.checkForLeaks()
    }
    const { trends, suspects } = manager.leakReport()
    expect([trends.streams.alarm, trends.timers.alarm, trends.scopes.alarm]).toEqual([false, false, false])
    core.time += 100
    scopes[0].scope().setTimeout(() => {}, 60_000)
    scopes[0].trackStream(new PassThrough())
    expect(suspects).toEqual([])
    await manager.cleanup()
    expect(manager.leakReport().trends.scopes).toMatchObject({ samples: 1, alarm: false })
  })
})

describe('leakReport', () => {
  test('names what is old, with its age, purpose, origin and scope', async () => {
    const { manager, core } = lifecycle({ suspectAgeMs: 10_000 })
    const scope = manager.scope({ name: 'long work' })
    const emitter = new EventEmitter()
    scope.on(emitter, 'data', () => {})
    scope.trackProcess({ pid: 7 }, 'ruff', ['check'])
    await scope.createTempFile('x', 'for ruff')
    scope.trackStream(new PassThrough())
    scope.setInterval(() => {}, 60_000)
    scope.defer(function closeIt() {})
    expect(manager.leakReport().suspects).toEqual([])
    core.time += 20_000
    const { suspects, alarm, warnings, omittedSuspects } = manager.leakReport()
    expect(suspects.map(({ kind, what }) => `${kind}: ${what}`).sort()).toEqual([
      'listener: data of EventEmitter', 'process: ruff check', 'release: defer(closeIt)',
      'scope: 1 listener, 1 process, 1 temp file, 1 stream, 1 timer, 1 release', 'stream: PassThrough', 'temp file: for ruff', 'timer: setInterval of 60000 ms',
    ])
    for (const suspect of suspects) {
      expect(suspect).toMatchObject({ reason: 'age', count: 1, ageMs: 20_000, scope: 'long work', origin: [expect.stringContaining('leaks.test.js'), ...suspect.origin.slice(1)] })
    }
    expect({ alarm, warnings, omittedSuspects }).toEqual({ alarm: false, warnings: [], omittedSuspects: 0 })
    await manager.cleanup()
    expect(manager.leakReport().suspects).toEqual([])
  })

  test('names every listener when there are too many, equal ones together, the most numerous first', () => {
    const { manager } = lifecycle({ maxListeners: 10 })
    const emitter = new EventEmitter().setMaxListeners(0)
    const kept = [listen(manager)]
    for (let time = 0; time < 20; time++) listen(manager, emitter)
    const { suspects } = manager.leakReport()
    expect(suspects.map(({ kind, reason, count }) => ({ kind, reason, count }))).toEqual([
      { kind: 'listener', reason: 'limit', count: 20 }, { kind: 'listener', reason: 'limit', count: 1 },
    ])
    expect(suspects[0].origin.length).toBeLessThanOrEqual(4)
    expect(suspects[0].origin.join('\n')).not.toContain('lifecycle.js:')
    expect(kept).toHaveLength(1)
  })

  test('names no more than a hundred, and counts the rest', () => {
    const { manager } = lifecycle()
    const emitter = new EventEmitter()
    for (let number = 0; number < 250; number++) {
      const handler = () => {}
      emitter.on(`event ${number}`, handler)
      manager.trackListener(emitter, `event ${number}`, handler)
    }
    const { suspects, omittedSuspects } = manager.leakReport()
    expect([suspects.length, omittedSuspects]).toEqual([100, 150])
  })

  test('looks at no more than 10,000 things, and says so', () => {
    const { manager } = lifecycle()
    const emitter = new EventEmitter().setMaxListeners(0)
    for (let number = 0; number < 10_001; number++) listen(manager, emitter)
    const { suspects, complete } = manager.leakReport()
    expect([complete, suspects.reduce((sum, { count }) => sum + count, 0)]).toEqual([false, 10_000])
    emitter.removeAllListeners('event')
    expect(manager.leakReport()).toMatchObject({ complete: true, suspects: [] })
  })

  test('counts no timer that has fired, and no stream that has closed', async () => {
    const { manager } = lifecycle()
    const scope = manager.scope()
    await new Promise((resolve) => scope.setTimeout(resolve, 1))
    const stream = scope.trackStream(new PassThrough())
    await new Promise((resolve) => stream.once('close', resolve).destroy())
    expect(manager.leakReport().counts).toMatchObject({ timers: 0, streams: 0 })
    await scope.cleanup()
  })

  test('counts everything', async () => {
    const { manager } = lifecycle()
    const scope = manager.scope()
    listen(manager)
    await scope.createTempFile('x', 'test')
    scope.trackStream(new PassThrough())
    scope.setTimeout(() => {}, 60_000)
    const handle = manager.trackHandle(new PassThrough(), 'test')
    const { counts, limits, forgottenListeners, unwatchedHandles } = manager.leakReport()
    expect(counts).toMatchObject({ processes: 0, tempFiles: 1, streams: 1, timers: 1, scopes: 1, handles: 1 })
    expect(limits).toEqual({ listeners: 50, processes: 20, tempFiles: 100 })
    expect({ forgottenListeners, unwatchedHandles }).toEqual({ forgottenListeners: 0, unwatchedHandles: 0 })
    await new Promise((resolve) => handle.once('close', resolve).destroy())
    await manager.cleanup()
    expect(manager.leakReport().counts).toMatchObject({ streams: 0, timers: 0, scopes: 0, handles: 0 })
  })

  test('can be sent as JSON', () => {
    const { manager } = lifecycle({ suspectAgeMs: 0 })
    manager.scope().on(new EventEmitter(), Symbol('s'), () => {})
    const report = manager.leakReport()
    expect(JSON.parse(JSON.stringify(report))).toEqual(report)
  })
})

describe('origins', () => {
  test('are taken of the first in a second, then of some', () => {
    let now = 0
    const origins = new Origins(() => now)
    const taken = (times) => Array.from({ length: times }, () => origins.sample()).filter((origin) => origin !== null).length
    expect(taken(200)).toBe(200)
    const some = taken(640)
    expect(some).toBe(10)
    now += 1000
    expect(taken(10)).toBe(10)
  })

  test.each([
    ['throws', () => { throw new Error('no') }],
    ['gives no text', () => ({ toString: null })],
  ])('survive an Error.prepareStackTrace that %s', (_how, prepare) => {
    const { prepareStackTrace, stackTraceLimit } = Error
    Error.prepareStackTrace = prepare
    try {
      expect(new Origins(() => 0).sample()).toBeNull()
      expect(Error.stackTraceLimit).toBe(stackTraceLimit)
    } finally {
      Error.prepareStackTrace = prepareStackTrace
    }
  })
})
