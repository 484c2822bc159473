'use strict'
/** Hostile and mistaken input: a clear error, and nothing has changed. */

const fs = require('node:fs')
const path = require('node:path')
const {
  PlimsollConfigError, PlimsollError, ResourceBudgetManager, createBatchWorkerCallWrapper, initTracing,
  withRequestScope, withWorkerCallObservability, withWorkerCallObservabilitySync,
} = require('../..')
const { budget, standing } = require('../support/budgets')
const { temporaryDirectory } = require('../support/directories')
const { rejection } = require('../support/events')

const NO_NUMBERS = [NaN, Infinity, -Infinity, '5', null, true, {}, 1n, Symbol('s')]
const throwing = (...keys) => Object.defineProperties({}, Object.fromEntries(keys.map((key) =>
  [key, { enumerable: true, get() { throw new Error(`no ${key}`) } }])))
const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}
const hostileProxy = () => new Proxy({}, {
  get() { throw new Error('no get') },
  has() { throw new Error('no has') },
  ownKeys() { throw new Error('no keys') },
  getPrototypeOf() { throw new Error('no prototype') },
})
const titled = (values) => values.map((value) => [typeof value === 'object' && value !== null ? JSON.stringify(value) ?? 'an object' : String(value), value])

/** Runs something that must be refused, and shows that the manager is as it was. */
async function refused(manager, act, code, ErrorClass = PlimsollError) {
  const before = standing(manager)
  let error
  try {
    await act()
  } catch (thrown) {
    error = thrown
  }
  expect(error).toBeInstanceOf(ErrorClass)
  expect(error).toMatchObject({ code, message: expect.stringMatching(/\S/) })
  expect(standing(manager)).toEqual(before)
  return error
}

describe('a configuration', () => {
  const bad = [
    ...['maxRssMb', 'heapWarningMb', 'globalConcurrencyLimit', 'defaultTimeoutMs', 'timeoutEscalationFactor', 'spanSampleRate', 'maxContainerMemory']
      .flatMap((key) => [...NO_NUMBERS, -1].map((value) => [key, value])),
    ['timeoutEscalationFactor', 0.99], ['spanSampleRate', 1.01], ['globalConcurrencyLimit', 1.5], ['defaultTimeoutMs', 2 ** 31],
    ...['enableMemoryGuards', 'enableSpanEmission', 'includeChildMemory'].flatMap((key) => [0, 'true', null].map((value) => [key, value])),
    ...[null, [], 'lanes', 7].map((value) => ['laneConcurrencyLimits', value]),
    ...[...NO_NUMBERS, -1, 0.5, 1_000_001, undefined].map((value) => ['laneConcurrencyLimits', { lane: value }]),
    ['laneConcurrencyLimits', { '': 1 }], ['laneConcurrencyLimits', { ['x'.repeat(257)]: 1 }],
    ['laneConcurrencyLimits', Object.fromEntries(Array.from({ length: 1025 }, (_, n) => [`lane ${n}`, 1]))],
    ['laneConcurrencyLimits', throwing('lane')],
    ['queue', { max: -1 }], ['queue', { shed: 'all' }], ['queue', { ageingMs: NaN }], ['queue', 7],
    ['borrow', { unknown: 3 }], ['borrow', { tool_call: 1 }],
    ['taskQuota', { slots: NaN }], ['taskQuota', { callsPerMinute: 0 }], ['taskQuota', { totalMs: Infinity }], ['taskQuotas', { task: 7 }],
    ['predictMemory', { margin: 0.5 }], ['predictMemory', { minimumSamples: 33 }], ['predictMemory', { percentile: 0 }], ['adaptive', { mode: 'hope' }], ['adaptive', { lanes: 'all' }],
    ['adaptive', { min: 0 }], ['breaker', { failureRate: 2 }], ['breaker', { openMs: 10, openMaxMs: 5 }], ['adaptiveTimeout', { percentile: 20 }],
    ['shared', ''], ['shared', 7], ['shared', 'a\0b'], ['logger', {}], ['logger', 'stderr'], ['logger', console.log], ['onTimeout', 'call me'],
    ['queue', throwing('max')],
  ]

  test.each(bad.map(([key, value], index) => [index, key, value]))('is refused (%i: %s)', (_index, key, value) => {
    let error
    try {
      new ResourceBudgetManager({ [key]: value })
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(PlimsollConfigError)
    expect(error.code).toBe('ERR_PLIMSOLL_CONFIG')
    expect(error.key === key || error.key.startsWith(`${key}.`)).toBe(true)
    expect(error.allowed).toMatch(/\S/)
  })

  test.each(titled([7, 'config', true, []]))('that is %s is refused', (_title, value) => {
    expect(() => new ResourceBudgetManager(value)).toThrow(expect.objectContaining({ code: 'ERR_PLIMSOLL_CONFIG' }))
  })

  test('whose getter throws says which', () => {
    expect(() => new ResourceBudgetManager(throwing('maxRssMb'))).toThrow(expect.objectContaining({ code: 'ERR_PLIMSOLL_CONFIG', key: 'maxRssMb' }))
  })

  test('is not taken from a polluted prototype', () => {
    Object.defineProperty(Object.prototype, 'globalConcurrencyLimit', { value: 1, configurable: true })
    try {
      expect(budget().getConcurrencyStatus().global.limit).toBe(32)
    } finally {
      delete Object.prototype.globalConcurrencyLimit
    }
  })
})

describe('acquireSlot', () => {
  const calls = [
    ...[undefined, null, 7, {}, Symbol('task'), 'x'.repeat(4097)].map((task) => ['task', [task, 'lane']]),
    ...[undefined, null, 7, {}, '', 'x'.repeat(257)].map((lane) => ['lane', ['task', lane]]),
    ...[NaN, Infinity, -Infinity, 2 ** 31, '5', true, 1n, Symbol('s'), () => 5].map((timeout) => ['timeout', ['task', 'lane', timeout]]),
    ...[NaN, Infinity, '5', true].map((timeoutMs) => ['timeoutMs', ['task', 'lane', { timeoutMs }]]),
    ...[NaN, 'soon', {}, null].map((timeout) => ['timeout in options', ['task', 'lane', { timeout }]]),
    ['both timeouts', ['task', 'lane', { timeout: 'adaptive', timeoutMs: 5 }]],
    ...[7, '', 'x'.repeat(257), null].map((kind) => ['kind', ['task', 'lane', { kind }]]),
    ...[7, 'signal', {}, null, { aborted: false }].map((signal) => ['signal', ['task', 'lane', { signal }]]),
    ...[7, 'call me', {}, null].map((onTimeout) => ['onTimeout', ['task', 'lane', { onTimeout }]]),
    ...[7, true, null, {}, { maxMs: -1 }, { maxMs: NaN }, { maxMs: Infinity }, { maxMs: '5' }, { maxMs: 5, priority: 'urgent' }, { maxMs: 5, priority: 1 },
      { maxMs: 5, priority: 'constructor' }].map((wait) => ['wait', ['task', 'lane', { wait }]]),
    ['a getter in options', ['task', 'lane', throwing('timeoutMs')]],
    ['a getter in wait', ['task', 'lane', { wait: throwing('maxMs') }]],
    ['a signal with a getter', ['task', 'lane', { signal: throwing('aborted') }]],
    ['a proxy', ['task', 'lane', hostileProxy()]],
    ['a revoked proxy', ['task', 'lane', revoked()]],
  ]

  test.each(calls.map(([what, args], index) => [`${index}: ${what}`, args]))('rejects bad input (%s)', async (_title, args) => {
    const manager = budget()
    const error = await refused(manager, () => manager.acquireSlot(...args), 'ERR_PLIMSOLL_ARGUMENT')
    expect(error.message.length).toBeLessThan(400)
  })

  test('takes names that mean something to objects', async () => {
    const names = ['__proto__', 'constructor', 'hasOwnProperty', 'toString', 'then']
    const limits = Object.defineProperty({ constructor: 2 }, '__proto__', { value: 1, enumerable: true })
    const manager = budget({ laneConcurrencyLimits: limits, taskQuotas: Object.defineProperty({}, '__proto__', { value: { slots: 1 }, enumerable: true }) })
    const held = []
    for (const name of names) held.push(await manager.acquireSlot('task', name))
    const { lanes } = manager.getConcurrencyStatus()
    expect(Object.keys(lanes).sort()).toEqual([...names].sort())
    expect(Object.getOwnPropertyDescriptor(lanes, '__proto__').value).toEqual({ active: 1, limit: 1 })
    expect(lanes.constructor).toEqual({ active: 1, limit: 2 })
    expect(await manager.acquireSlot('task', '__proto__')).toBeNull()
    expect(manager.lastRejection).toMatchObject({ reason: 'lane_full', lane: '__proto__' })
    const prototype = await manager.acquireSlot('__proto__', 'constructor')
    expect(await manager.acquireSlot('__proto__', 'toString')).toBeNull()
    expect(manager.lastRejection.reason).toBe('task_slots')
    for (const context of [...held, prototype]) manager.releaseSlot(context, true)
    expect({}.active).toBeUndefined()
    expect(manager.toPrometheus()).toContain('__proto__')
  })

  test('keeps any text of a task and a lane apart', async () => {
    const manager = budget()
    const names = ['a b', 'ä\u0000ö', '🙂', '"quoted"\\\n', 'x'.repeat(256)]
    for (const name of names) manager.releaseSlot(await manager.acquireSlot(name, name), true)
    expect(manager.getMetrics().map(({ taskId, lane }) => [taskId, lane])).toEqual(names.map((name) => [name, name]))
  })

  test('refuses lanes beyond 1024 and goes on with the others', async () => {
    const manager = budget({ laneConcurrencyLimits: { first: 1 } })
    for (let lane = 0; lane < 1023; lane++) manager.releaseSlot(await manager.acquireSlot('task', `lane ${lane}`), true)
    const before = standing(manager)
    expect(await manager.acquireSlot('task', 'one too many')).toBeNull()
    expect(manager.lastRejection).toMatchObject({ reason: 'too_many_lanes' })
    expect(await manager.acquireSlot('task', 'one too many', { wait: { maxMs: 5 } })).toBeNull()
    expect(manager.lastRejection.reason).toBe('too_many_lanes')
    expect(standing(manager)).toEqual(before)
    await refused(manager, () => manager.setLimits({ laneConcurrencyLimits: { first: 1, 'one too many': 1 } }), 'ERR_PLIMSOLL_LIMIT')
    const first = await manager.acquireSlot('task', 'first')
    expect(first).not.toBeNull()
    manager.releaseSlot(first, true)
  })

  test('gives back metadata that nobody can read', async () => {
    const manager = budget()
    const cyclic = {}
    cyclic.self = cyclic
    for (const metadata of [throwing('a', 'b'), hostileProxy(), revoked(), cyclic, Object.create(null), 5n, Symbol('s'), null, [cyclic]]) {
      const context = await manager.acquireSlot('task', 'lane', 1000, metadata)
      expect(context.metadata === metadata).toBe(true)
      expect(() => manager.releaseSlot(context, true)).not.toThrow()
    }
    expect(manager.getStatistics()).toMatchObject({ totalCalls: 9, successCount: 9 })
  })

  test('takes no negative timeout, and says so', async () => {
    const manager = budget()
    for (const args of [[-1], [-Number.MIN_VALUE], [{ timeoutMs: -5 }], [{ timeout: -5, wait: { maxMs: 1000 } }]]) {
      expect(await manager.acquireSlot('task', 'lane', ...args)).toBeNull()
      expect(manager.lastRejection.reason).toBe('timeout')
    }
    expect(manager.status().global.active).toBe(0)
  })
})

describe('setLimits', () => {
  const limits = [
    undefined, null, 7, [], { globalConcurrencyLimit: -1 }, { globalConcurrencyLimit: NaN }, { globalConcurrencyLimit: Infinity }, { globalConcurrencyLimit: 1.5 },
    { laneConcurrencyLimits: { lane: -1 } }, { laneConcurrencyLimits: { lane: NaN } }, { laneConcurrencyLimits: { lane: '1' } }, { laneConcurrencyLimits: null },
    { laneConcurrencyLimits: { '': 1 } }, { laneConcurrencyLimits: { a: 1, b: -1 }, globalConcurrencyLimit: 5 }, throwing('globalConcurrencyLimit'),
    { laneConcurrencyLimits: Object.fromEntries(Array.from({ length: 1025 }, (_, n) => [`lane ${n}`, 1])) },
  ]

  test.each(limits.filter((value) => value !== undefined).map((value, index) => [index, value]))('changes nothing for bad limits (%i)', async (_index, value) => {
    const manager = budget()
    await refused(manager, () => manager.setLimits(value), 'ERR_PLIMSOLL_CONFIG', PlimsollConfigError)
  })
})

describe('releaseSlot', () => {
  test('counts what is no context of this manager, or was released, and frees nothing', async () => {
    const [manager, other] = [budget(), budget()]
    const context = await manager.acquireSlot('task', 'lane')
    const foreign = await other.acquireSlot('task', 'lane')
    const strangers = [null, undefined, 7, 'context', Symbol('s'), {}, [], { ...context }, Object.create(context), new Proxy(context, {}), hostileProxy(), revoked(), foreign]
    for (const stranger of strangers) expect(() => manager.releaseSlot(stranger, true)).not.toThrow()
    expect(manager.status()).toMatchObject({ global: { active: 1 }, misuse: { foreignReleases: strangers.length, doubleReleases: 0 } })
    expect(other.status()).toMatchObject({ global: { active: 1 }, misuse: { foreignReleases: 0 } })
    manager.releaseSlot(context, true)
    other.releaseSlot(foreign, true)
    const before = standing(manager)
    manager.releaseSlot(context, true)
    manager.releaseSlot(context, false, new Error('again'))
    expect(standing(manager)).toEqual(before)
    expect(manager.status().misuse).toEqual({ foreignReleases: strangers.length, doubleReleases: 2, loggerFailures: 0 })
  })

  test('takes any error', async () => {
    const manager = budget()
    const errors = [
      [undefined, undefined], [null, 'null'], ['text', 'string'], [7, 'number'], [5n, 'bigint'], [Symbol('s'), 'symbol'], [Object.create(null), 'Object'],
      [throwing('constructor', 'message', 'stack'), 'Object'], [hostileProxy(), 'Object'], [revoked(), 'Object'], [() => {}, 'function'],
      [new (class extends Error {})('anonymous'), ''], [Object.assign(new Error('x'), { constructor: { name: 7 } }), 'Object'],
    ]
    for (const [error] of errors) {
      const context = await manager.acquireSlot('task', 'lane')
      expect(() => manager.releaseSlot(context, false, error)).not.toThrow()
    }
    const types = manager.getMetrics().map(({ errorType }) => errorType)
    expect(types.slice(0, 11)).toEqual(errors.slice(0, 11).map(([, type]) => type))
    expect(manager.status().global.active).toBe(0)
  })
})

describe.each([
  ['withWorkerCallObservability', withWorkerCallObservability],
  ['withWorkerCallObservabilitySync', withWorkerCallObservabilitySync],
  ['withRequestScope', withRequestScope],
])('%s', (_name, wrapper) => {
  const options = [7, 'lane', null, true, { lane: '' }, { lane: 7 }, { timeoutMs: NaN }, { timeoutMs: Infinity }, { signal: 7 }, { onTimeout: 7 }, { wait: 7 },
    throwing('lane'), throwing('manager'), throwing('timeoutMs'), hostileProxy(), { manager: {} }, { manager: null }]

  test.each(options.map((value, index) => [index, value]))('rejects bad options (%i) without calling the function', async (_index, value) => {
    const manager = budget()
    const fn = jest.fn()
    await refused(manager, () => wrapper('task', fn, withManager(value, manager)), 'ERR_PLIMSOLL_ARGUMENT')
    expect(fn).not.toHaveBeenCalled()
  })

  test.each(titled([undefined, null, 7, 'fn', {}, Promise.resolve()]))('rejects a function that is %s', async (_title, fn) => {
    const manager = budget()
    await refused(manager, () => wrapper('task', fn, { manager }), 'ERR_PLIMSOLL_ARGUMENT')
  })

  test('rejects a bad task', async () => {
    const manager = budget()
    for (const task of [undefined, null, 7, 'x'.repeat(4097)]) {
      await refused(manager, () => wrapper(task, () => 1, { manager }), 'ERR_PLIMSOLL_ARGUMENT')
    }
  })

  test('passes on whatever the function throws, and frees the slot', async () => {
    const manager = budget()
    const thrown = [undefined, null, 'text', 7, Object.create(null), hostileProxy(), revoked(), throwing('constructor', 'message')]
    for (const value of thrown) {
      let caught = 'nothing'
      try {
        await wrapper('task', () => { throw value }, { manager })
      } catch (error) {
        caught = error
      }
      expect(caught === value).toBe(true)
    }
    expect(manager.status()).toMatchObject({ global: { active: 0 }, misuse: { doubleReleases: 0, foreignReleases: 0 } })
    expect(manager.getStatistics()).toMatchObject({ totalCalls: thrown.length, failureCount: thrown.length })
  })
})

/** The value with a manager where it can be given one, so that the test sees that one. */
function withManager(value, manager) {
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(safe(value)) === null) return value
  const descriptors = Object.getOwnPropertyDescriptors(safe(value))
  return 'manager' in descriptors ? value : Object.defineProperty(value, 'manager', { value: manager, enumerable: true, configurable: true })
}

/** The value, or nothing for one that lets nobody look. */
function safe(value) {
  try {
    Object.getPrototypeOf(value)
    Object.getOwnPropertyDescriptors(value)
    return value
  } catch {
    return Object.create(null)
  }
}

describe('what a function gives', () => {
  test('is awaited when it is thenable, and given as it is when not', async () => {
    const manager = budget()
    const run = (fn) => withWorkerCallObservability('task', fn, { manager })
    expect(await run(() => ({ then: (resolve) => resolve('thenable') }))).toBe('thenable')
    expect(await run(() => undefined)).toBeUndefined()
    expect(await run(() => null)).toBeNull()
    const values = Object.create(null)
    expect(await run(() => values)).toBe(values)
    const error = new Error('no')
    expect(await rejection(run(() => ({ then: (_resolve, reject) => reject(error) })))).toBe(error)
    expect(await rejection(run(() => ({ then() { throw error } })))).toBe(error)
    expect(await rejection(run(() => throwing('then')))).toMatchObject({ message: 'no then' })
    expect(await run(() => ({ then: (resolve) => { resolve(1); resolve(2); throw error } }))).toBe(1)
    expect(manager.status()).toMatchObject({ global: { active: 0 }, counts: { abandonedRunning: 0 }, misuse: { doubleReleases: 0 } })
  })

  test('by a rejection that is no error is passed on', async () => {
    const manager = budget()
    for (const reason of [undefined, null, 'text', Object.create(null)]) {
      let caught = 'nothing'
      await withWorkerCallObservability('task', () => Promise.reject(reason), { manager }).catch((error) => { caught = error })
      expect(caught === reason).toBe(true)
    }
    expect(manager.getStatistics().failureCount).toBe(4)
  })
})

test('a batch refuses bad arguments and a wrong order', async () => {
  const manager = budget()
  for (const lane of ['', 7, null]) await refused(manager, () => createBatchWorkerCallWrapper('task', lane, { manager }), 'ERR_PLIMSOLL_ARGUMENT')
  await refused(manager, () => createBatchWorkerCallWrapper(7, 'lane', { manager }), 'ERR_PLIMSOLL_ARGUMENT')
  await refused(manager, () => createBatchWorkerCallWrapper('task', 'lane', 7), 'ERR_PLIMSOLL_ARGUMENT')
  const batch = createBatchWorkerCallWrapper('task', 'lane', { manager })
  await refused(manager, () => batch.execute(() => 1), 'ERR_PLIMSOLL_STATE')
  await batch.init()
  await refused(manager, () => batch.execute(7), 'ERR_PLIMSOLL_ARGUMENT')
  batch.release(true)
  await refused(manager, () => batch.execute(() => 1), 'ERR_PLIMSOLL_STATE')
})

test('what a context registers is checked', async () => {
  const manager = budget()
  const context = await manager.acquireSlot('task', 'lane')
  for (const child of [undefined, null, 7.5, -1, 0, 1, NaN, 2 ** 31, '7', {}, { pid: undefined }, process.pid, process.ppid]) {
    await refused(manager, () => context.registerProcess(child), 'ERR_PLIMSOLL_ARGUMENT')
  }
  for (const scope of [undefined, null, 7, {}, { cleanup: 7 }]) await refused(manager, () => context.registerScope(scope), 'ERR_PLIMSOLL_ARGUMENT')
  for (let scope = 0; scope < 256; scope++) context.registerScope({ cleanup() {} })
  await refused(manager, () => context.registerScope({ cleanup() {} }), 'ERR_PLIMSOLL_OVERFLOW')
  manager.releaseSlot(context, true)
})

test('getMetrics takes numbers alone', async () => {
  const manager = budget()
  for (const limit of [NaN, -1, '5', null, {}, 5n]) await refused(manager, () => manager.getMetrics(limit), 'ERR_PLIMSOLL_ARGUMENT')
  expect(manager.getMetrics(Infinity)).toEqual([])
})

describe('a span', () => {
  test('takes anything', async () => {
    const manager = budget()
    const context = await manager.acquireSlot('task', 'lane')
    const { span } = context
    for (const value of [hostileProxy(), revoked(), [revoked()], throwing('a'), Symbol('s'), 5n, undefined, null, () => {}, Object.create(null)]) {
      expect(span.setAttribute('key', value)).toBe(span)
      expect(span.setAttribute(value, 1)).toBe(span)
      expect(span.addEvent(value, value)).toBe(span)
      expect(span.setStatus(value, value)).toBe(span)
      expect(span.setStatus('error', value)).toBe(span)
      expect(span.recordException(value)).toBe(span)
    }
    manager.releaseSlot(context, true)
    expect(span.setAttribute('late', 1)).toBe(span)
    expect(JSON.parse(JSON.stringify(span))).toEqual({ traceId: expect.stringMatching(/^[0-9a-f]{32}$/), spanId: expect.stringMatching(/^[0-9a-f]{16}$/) })
  })

  test('is exported whatever it was given', async () => {
    const file = path.join(temporaryDirectory(), 'traces.jsonl')
    const tracing = initTracing({ exporter: { file } })
    const manager = budget()
    const cyclic = { list: [1, 2] }
    cyclic.self = cyclic
    const metadatas = [cyclic, hostileProxy(), revoked(), throwing('a'), Object.defineProperty({}, '__proto__', { value: 'own', enumerable: true }), { big: 5n, text: 'x'.repeat(10_000) }]
    try {
      for (const [index, metadata] of metadatas.entries()) {
        const context = await manager.acquireSlot(`task ${index}`, 'lane', 1000, metadata)
        context.span.setAttribute('cyclic', cyclic).addEvent('event', { cyclic, revoked: revoked() }).recordException(revoked())
        manager.releaseSlot(context, index % 2 === 0, hostileProxy())
      }
      expect(await tracing.flush()).toBe(true)
    } finally {
      await tracing.shutdown()
    }
    const spans = fs.readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line))
    expect(spans.map(({ attributes }) => attributes.taskId).sort()).toEqual(metadatas.map((_, index) => `task ${index}`))
    expect(spans.find(({ attributes }) => attributes.taskId === 'task 3').attributes.a).toBe('[unreadable]')
  })

  test.each(titled([7, 'file', null, { exporter: 'nowhere' }, { exporter: { otlp: { endpoint: 7 } } }, { exporter: { otlp: { endpoint: 'ftp://x' } } }, { exporter: { otlp: { timeoutMs: NaN } } },
    { exporter: { file: 7 } }, { exporter: { file: { maxBytes: -1 } } }, { serviceName: 7 }]))('exporter options %s are refused', (_title, options) => {
    expect(() => initTracing(options)).toThrow(expect.objectContaining({ code: 'ERR_PLIMSOLL_CONFIG' }))
  })
})
