'use strict'
/** What the wrappers give to functions, and what they tell of them. */

const { AsyncLocalStorage } = require('node:async_hooks')
const fs = require('node:fs')
const path = require('node:path')
const ts = require('typescript')
const {
  ResourceLimitError, WorkerCallContext, createBatchWorkerCallWrapper, getResourceBudgetManager, initTracing, resetResourceBudgetManager,
  withRequestScope, withWorkerCallObservability, withWorkerCallObservabilitySync,
} = require('../..')
const { budget, deferred, listening } = require('../support/budgets')
const { temporaryDirectory } = require('../support/directories')
const { eventually, rejection } = require('../support/events')
const { readData } = require('../support/log-files')
const { start } = require('../support/managers')

const LONG_MS = 600_000
const turn = () => new Promise((resolve) => setImmediate(resolve))

/** Runs something with spans exported to a file; gives the spans by task. */
async function traced(run) {
  const file = path.join(temporaryDirectory(), 'traces.jsonl')
  const tracing = initTracing({ serviceName: 'tests', exporter: { file } })
  try {
    await run()
    expect(await tracing.flush()).toBe(true)
  } finally {
    await tracing.shutdown()
  }
  const spans = fs.readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line))
  return Object.fromEntries(spans.map((span) => [span.attributes.taskId, span]))
}

describe('the arguments of a function', () => {
  const wrappers = [['withWorkerCallObservability', withWorkerCallObservability], ['withWorkerCallObservabilitySync', withWorkerCallObservabilitySync]]

  test.each(wrappers)('%s gives a signal and the context', async (_name, wrapper) => {
    const manager = budget()
    const given = await wrapper('task', (...all) => all, { manager, lane: 'critic', metadata: { a: 1 } })
    // One that declares no parameter gets the signal through the context.
    expect(given[0]).toBeUndefined()
    expect(given[1]).toBeInstanceOf(WorkerCallContext)
    const [signal, context] = await wrapper('task', (first, second) => [first, second], { manager, lane: 'critic', metadata: { a: 1 } })
    expect(signal).toBeInstanceOf(AbortSignal)
    expect(signal).toBe(context.signal)
    expect(signal.aborted).toBe(false)
    expect(context).toMatchObject({ taskId: 'task', lane: 'critic', metadata: { a: 1 }, released: true })
  })

  test.each(wrappers)('%s gives no context to a function that runs unguarded, but a signal', async (_name, wrapper) => {
    const manager = budget({ globalConcurrencyLimit: 0 })
    const options = { manager, throwOnResourceLimitExceeded: false }
    const [signal, context] = await wrapper('task', (first, second) => [first, second], options)
    expect([signal.aborted, context]).toEqual([false, null])
    const own = new AbortController()
    expect(await wrapper('task', (first) => first, { ...options, signal: own.signal })).toBe(own.signal)
    expect(manager.getStatistics().totalCalls).toBe(0)
  })

  test('of a batch and of a request scope are those of the slot', async () => {
    const manager = budget()
    const batch = createBatchWorkerCallWrapper('task', 'critic', { manager })
    expect(batch.getContext()).toBeNull()
    await batch.init()
    const [signal, context] = await batch.execute((first, second) => [first, second])
    expect(context).toBe(batch.getContext())
    expect(signal).toBe(context.signal)
    batch.release(true)
    await withRequestScope('task', (scope) => {
      expect(scope.signal).toBe(scope.getContext().signal)
    }, { manager })
  })
})

describe('options.signal', () => {
  test('aborts the function\'s signal, with its reason', async () => {
    const manager = budget()
    const own = new AbortController()
    const started = deferred()
    const running = withWorkerCallObservability('task', (signal) => {
      started.resolve(signal)
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    }, { manager, signal: own.signal })
    const signal = await started.promise
    const reason = new Error('enough')
    own.abort(reason)
    expect(await rejection(running)).toBe(reason)
    expect(signal.reason).toBe(reason)
    expect(manager.getMetrics()).toEqual([expect.objectContaining({ success: false, endedBy: 'release', errorType: 'Error' })])
  })

  test('aborted before calls nothing', async () => {
    const manager = budget()
    const fn = jest.fn()
    const signal = AbortSignal.abort(new Error('enough'))
    expect((await rejection(withWorkerCallObservability('task', fn, { manager, signal }))).message).toBe('enough')
    expect(() => withWorkerCallObservabilitySync('task', fn, { manager, signal })).toThrow('enough')
    expect((await rejection(withRequestScope('task', fn, { manager, signal }))).message).toBe('enough')
    const batch = createBatchWorkerCallWrapper('task', 'critic', { manager, signal })
    expect((await rejection(batch.init())).message).toBe('enough')
    expect(fn).not.toHaveBeenCalled()
    expect(manager.status().global.active).toBe(0)
  })

  test('aborted between the grant and the start reaches the function', async () => {
    const manager = budget()
    const own = new AbortController()
    const running = withWorkerCallObservability('task', (signal) => signal.aborted, { manager, signal: own.signal })
    own.abort()
    expect(await running).toBe(true)
  })

  test('has no listener left when the call is over', async () => {
    const manager = budget()
    const { signal } = new AbortController()
    const added = jest.spyOn(signal, 'addEventListener')
    const removed = jest.spyOn(signal, 'removeEventListener')
    await withWorkerCallObservability('task', () => 1, { manager, signal, wait: { maxMs: LONG_MS } })
    await rejection(withWorkerCallObservability('task', () => { throw new Error('no') }, { manager, signal }))
    expect(added).toHaveBeenCalled()
    expect(removed.mock.calls.map(([, listener]) => listener)).toEqual(expect.arrayContaining(added.mock.calls.map(([, listener]) => listener)))
  })

  test('ends the wait for a slot', async () => {
    const manager = budget({ globalConcurrencyLimit: 0 })
    const own = new AbortController()
    const running = withWorkerCallObservability('task', () => 1, { manager, signal: own.signal, wait: { maxMs: LONG_MS } })
    await eventually('it to wait', () => manager.status().queue.waiting === 1)
    own.abort('enough')
    expect(await running.catch((reason) => reason)).toBe('enough')
    expect(manager.status().queue.waiting).toBe(0)
  })
})

describe('a call that is not let in', () => {
  test('rejects with why', async () => {
    const manager = budget({ laneConcurrencyLimits: { closed: 0 } })
    const error = await rejection(withWorkerCallObservability('task-3', () => 1, { manager, lane: 'closed' }))
    expect(error).toBeInstanceOf(ResourceLimitError)
    expect(error).toMatchObject({ name: 'ResourceLimitError', code: 'ERR_PLIMSOLL_LIMIT', rejection: { reason: 'lane_full', taskId: 'task-3', lane: 'closed' } })
    expect(error.message).toMatch(/^Resource limit exceeded: lane_full: /)
  })

  test('rejects after its wait', async () => {
    const manager = budget({ globalConcurrencyLimit: 0 })
    const error = await rejection(withWorkerCallObservability('task', () => 1, { manager, wait: { maxMs: 5 } }))
    expect(error.rejection.reason).toBe('wait_expired')
    expect(await withWorkerCallObservability('task', () => 'ran', { manager, wait: { maxMs: 5 }, throwOnResourceLimitExceeded: false })).toBe('ran')
  })

  test('cannot wait when it is synchronous', () => {
    const options = { manager: budget(), wait: { maxMs: 5 } }
    expect(() => withWorkerCallObservabilitySync('task', () => 1, options)).toThrow(expect.objectContaining({ code: 'ERR_PLIMSOLL_ARGUMENT' }))
  })

  test('waits for its slot when told to', async () => {
    const manager = budget({ globalConcurrencyLimit: 2 })
    let [running, most] = [0, 0]
    const work = async (n) => {
      most = Math.max(most, ++running)
      await turn()
      running--
      return n
    }
    const calls = Array.from({ length: 50 }, (_, n) => withWorkerCallObservability(`task ${n % 5}`, () => work(n), { manager, wait: { maxMs: LONG_MS } }))
    expect(await Promise.all(calls)).toEqual(Array.from({ length: 50 }, (_, n) => n))
    expect(most).toBe(2)
    expect(manager.getStatistics()).toMatchObject({ totalCalls: 50, successCount: 50, maxConcurrentCalls: 2 })
  })
})

describe('spans', () => {
  test('of nested calls share a trace and name their parents', async () => {
    const [manager, other] = [budget(), budget()]
    const ids = {}
    const call = (task, fn, options) => withWorkerCallObservability(task, async (_signal, { span }) => {
      ids[task] = span.toJSON()
      await turn()
      return fn?.()
    }, { manager, ...options })
    const spans = await traced(async () => {
      await call('root', () => Promise.all([
        call('left', () => call('leaf')),
        call('right', () => call('elsewhere', () => call('back'), { manager: other })),
      ]))
      await call('stranger')
    })
    for (const [task, { traceId, spanId }] of Object.entries(ids)) expect(spans[task]).toMatchObject({ traceId, spanId, name: 'worker_call:tool_call' })
    const parents = { root: null, left: 'root', leaf: 'left', right: 'root', elsewhere: 'right', back: 'elsewhere' }
    for (const [task, parent] of Object.entries(parents)) {
      expect([task, spans[task].traceId]).toEqual([task, spans.root.traceId])
      expect([task, spans[task].parentSpanId ?? null]).toEqual([task, parent === null ? null : spans[parent].spanId])
    }
    expect(spans.stranger.traceId).not.toBe(spans.root.traceId)
  })

  test('of calls by hand, synchronous ones, batches and scopes inside a call are children too', async () => {
    const manager = budget()
    const spans = await traced(() => withWorkerCallObservability('root', async () => {
      manager.releaseSlot(await manager.acquireSlot('by hand', 'critic'), true)
      withWorkerCallObservabilitySync('sync', () => withWorkerCallObservabilitySync('inner', () => 1, { manager }), { manager })
      await withRequestScope('scope', () => 1, { manager })
      const batch = createBatchWorkerCallWrapper('batch', 'critic', { manager })
      await batch.init()
      await batch.execute(() => 1)
      await rejection(batch.execute(() => { throw new TypeError('no') }))
      batch.release(true)
    }, { manager, metadata: { tool: 'ruff', tries: 2 } }))
    for (const task of ['by hand', 'sync', 'scope', 'batch']) expect(spans[task]).toMatchObject({ traceId: spans.root.traceId, parentSpanId: spans.root.spanId })
    expect(spans.inner.parentSpanId).toBe(spans.sync.spanId)
    expect(spans.root.attributes).toMatchObject({ service: 'tests', taskId: 'root', lane: 'tool_call', tool: 'ruff', tries: 2 })
    const events = spans.batch.events.filter(({ name }) => name.startsWith('batch'))
    expect(events.map(({ name }) => name)).toEqual(['batch_started', 'batch_item_processed', 'batch_item_failed', 'batch_completed'])
    expect(events.at(-1).attributes).toEqual({ itemCount: 2, errorCount: 1 })
  })

  test('are not made for what is inside a call that is not sampled', async () => {
    const manager = budget({ spanSampleRate: 0 })
    const sampled = budget()
    await withWorkerCallObservability('root', async (_signal, context) => {
      expect(context.span).toBeNull()
      await withWorkerCallObservability('inner', (_inner, { span }) => expect(span).toBeNull(), { manager: sampled })
    }, { manager })
  })
})

test('an AsyncLocalStorage of the application survives', async () => {
  const manager = budget()
  const storage = new AsyncLocalStorage()
  const seen = await storage.run('mine', () => withWorkerCallObservability('task', async (_signal, context) => {
    const before = storage.getStore()
    await turn()
    context.signal.addEventListener('abort', () => {})
    return [before, storage.getStore(), await storage.run('inner', () => withWorkerCallObservability('task', async () => storage.getStore(), { manager })), storage.getStore()]
  }, { manager, wait: { maxMs: LONG_MS } }))
  expect(seen).toEqual(['mine', 'mine', 'inner', 'mine'])
  expect(storage.getStore()).toBeUndefined()
})

describe('a context', () => {
  test('is released by await using and by using', async () => {
    const manager = budget()
    const program = ts.transpileModule(`
      export const asynchronously = async (manager) => {
        await using context = await manager.acquireSlot('task', 'critic')
        return [manager.status().global.active, context.released]
      }
      export const failing = async (manager) => {
        await using context = await manager.acquireSlot('task', 'critic')
        manager.releaseSlot(context, false, new Error('no'))
      }
      export const synchronously = (manager, context) => {
        using held = context
        return held.released
      }
      export const managing = (made) => {
        using manager = made
        return manager.status().global.active
      }`, { compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.CommonJS } })
    const exported = {}
    new Function('exports', program.outputText)(exported)
    expect(await exported.asynchronously(manager)).toEqual([1, false])
    expect(exported.synchronously(manager, await manager.acquireSlot('task', 'critic'))).toBe(false)
    expect(manager.status()).toMatchObject({ global: { active: 0 }, misuse: { doubleReleases: 0 } })
    expect(manager.getStatistics()).toMatchObject({ totalCalls: 2, successCount: 2 })
    await exported.failing(manager)
    expect(manager.getStatistics()).toMatchObject({ totalCalls: 3, successCount: 2, failureCount: 1 })
    expect(manager.status().misuse.doubleReleases).toBe(0)
    expect(exported.managing(manager)).toBe(0)
    expect(await manager.acquireSlot('task', 'critic')).toBeNull()
    expect(manager.lastRejection.reason).toBe('closed')
  })

  test('cannot be made by hand into one of a manager', () => {
    const manager = budget()
    const forged = new WorkerCallContext({}, () => 0, 1, 'id', 'task', 'lane', 0, 0, null, undefined)
    manager.releaseSlot(forged, true)
    expect(manager.status().misuse.foreignReleases).toBe(1)
  })
})

describe('a batch', () => {
  test('runs functions at the same time in one slot', async () => {
    const manager = budget()
    const batch = createBatchWorkerCallWrapper('task', 'critic', { manager })
    await batch.init()
    let [running, most] = [0, 0]
    const results = await Promise.all(Array.from({ length: 20 }, (_, n) => batch.execute(async () => {
      most = Math.max(most, ++running)
      await turn()
      running--
      return n
    })))
    expect(results).toEqual(Array.from({ length: 20 }, (_, n) => n))
    expect(most).toBe(20)
    expect(manager.status().global.active).toBe(1)
    batch.release(true)
    batch.release(false)
    expect(manager.getStatistics()).toMatchObject({ totalCalls: 1, successCount: 1 })
    expect(manager.status().misuse.doubleReleases).toBe(0)
  })

  test('takes one slot however often it is initialised', async () => {
    const manager = budget()
    const batch = createBatchWorkerCallWrapper('task', 'critic', { manager })
    await Promise.all([batch.init(), batch.init()])
    await batch.init()
    expect(manager.status().global.active).toBe(1)
    batch.release(true)
    expect(manager.status().global.active).toBe(0)
    expect((await rejection(batch.execute(() => 1))).code).toBe('ERR_PLIMSOLL_STATE')
  })

  test('that was not let in may try again', async () => {
    const manager = budget({ globalConcurrencyLimit: 0 })
    const batch = createBatchWorkerCallWrapper('task', 'critic', { manager })
    expect((await rejection(batch.init())).code).toBe('ERR_PLIMSOLL_LIMIT')
    manager.setLimits({ globalConcurrencyLimit: 1 })
    await batch.init()
    expect(await batch.execute(() => 'in')).toBe('in')
    batch.release(true)
  })

  test('that is released before init() has its slot gives it back', async () => {
    const manager = budget({ globalConcurrencyLimit: 1 })
    const holder = await manager.acquireSlot('holder', 'critic')
    const batch = createBatchWorkerCallWrapper('task', 'critic', { manager, wait: { maxMs: LONG_MS } })
    const opening = batch.init()
    batch.release(true)
    manager.releaseSlot(holder, true)
    await opening
    expect(manager.status()).toMatchObject({ global: { active: 0 }, queue: { waiting: 0 } })
    const never = createBatchWorkerCallWrapper('task', 'critic', { manager })
    never.release(true)
    expect((await rejection(never.init())).code).toBe('ERR_PLIMSOLL_STATE')
  })

  test('that is released while a function runs lets it finish', async () => {
    const manager = budget()
    const batch = createBatchWorkerCallWrapper('task', 'critic', { manager })
    await batch.init()
    const going = deferred()
    const running = batch.execute(() => going.promise)
    batch.release(true)
    expect(manager.status().global.active).toBe(0)
    going.resolve('finished')
    expect(await running).toBe('finished')
  })

  test('runs unguarded when told so', async () => {
    const manager = budget({ globalConcurrencyLimit: 0 })
    const own = new AbortController()
    const batch = createBatchWorkerCallWrapper('task', 'critic', { manager, throwOnResourceLimitExceeded: false, signal: own.signal })
    await batch.init()
    expect(batch.getContext()).toBeNull()
    expect(await batch.execute((signal, context) => [signal, context])).toEqual([own.signal, null])
    expect(() => batch.release(true)).not.toThrow()
  })
})

describe('the log', () => {
  test('has the metrics of each call, unless told otherwise', async () => {
    const logger = listening()
    const manager = budget({ logger })
    await withWorkerCallObservability('loud', () => 1, { manager })
    await withWorkerCallObservability('quiet', () => 1, { manager, emitMetricsLog: false })
    withWorkerCallObservabilitySync('loud too', () => 1, { manager, emitMetricsLog: true })
    await rejection(withWorkerCallObservability('failed', () => { throw new RangeError('no') }, { manager }))
    const lines = logger.said('worker call completed')
    expect(lines.map(({ taskId }) => taskId)).toEqual(['loud', 'loud too', 'failed'])
    const [metrics] = manager.getMetrics()
    expect(lines[0]).toEqual({ level: 'info', message: 'worker call completed', component: 'ResourceBudgetManager', ...metrics })
    expect(lines[2]).toMatchObject({ success: false, errorType: 'RangeError' })
  })

  const sinks = [
    ['throws', () => { throw new Error('no disk') }],
    ['throws what cannot be shown', () => { throw Object.create(null) }],
    ['rejects', () => Promise.reject(new Error('no disk'))],
    ['rejects with what cannot be shown', () => Promise.reject(Object.create(null))],
    ['gives what throws', () => Object.defineProperty({}, 'then', { get() { throw new Error('no then') } })],
  ]

  test.each(sinks)('that %s disturbs no call, and is counted and warned of once', async (_title, log) => {
    const warnings = jest.spyOn(process, 'emitWarning').mockImplementation(() => {})
    try {
      const manager = budget({ logger: { log } })
      for (let call = 0; call < 3; call++) expect(await withWorkerCallObservability('task', () => call, { manager })).toBe(call)
      await eventually('the failures to be counted', () => manager.status().misuse.loggerFailures === 6)
      expect(warnings.mock.calls.map(([, { code }]) => code)).toEqual(['PLIMSOLL_LOGGER'])
    } finally {
      warnings.mockRestore()
    }
  })

  test('in a TelemetryManager is the whole life of a call', async () => {
    const telemetry = await start()
    const manager = budget({ logger: telemetry, timeoutEscalationFactor: 2, laneConcurrencyLimits: { closed: 0 } })
    await withWorkerCallObservability('fine', () => 1, { manager, lane: 'critic' })
    await rejection(withWorkerCallObservability('refused', () => 1, { manager, lane: 'closed' }))
    const error = await rejection(withWorkerCallObservability('late', (signal, context) => {
      context.registerScope({ cleanup() { throw new Error('stuck') } })
      return new Promise(() => {})
    }, { manager, timeoutMs: 250 }))
    await telemetry.flush()
    const lines = readData(telemetry.logPath)
    const life = (task) => lines.filter(({ taskId }) => taskId === task).map(({ message }) => message)
    expect(life('fine')).toEqual(['slot acquired', 'worker call completed'])
    expect(life('refused')).toEqual(['slot refused: lane_full'])
    expect(life('late')).toEqual(['slot acquired', 'worker call over its timeout', 'worker call ended at its deadline'])
    expect(lines.find(({ message }) => message === 'a scope could not be ended')).toMatchObject({ callId: error.callId, error: 'stuck' })
    expect(lines.every(({ component }) => component === 'ResourceBudgetManager')).toBe(true)
    expect(manager.status().misuse.loggerFailures).toBe(0)
  })

  test('on standard error has warnings alone, and the same one once a second', () => {
    const written = jest.spyOn(process.stderr, 'write').mockImplementation(() => true)
    try {
      const manager = budget({ logger: undefined, laneConcurrencyLimits: { closed: 0 } })
      for (let call = 0; call < 10; call++) {
        expect(() => withWorkerCallObservabilitySync('task', () => 1, { manager, lane: 'closed' })).toThrow(ResourceLimitError)
        withWorkerCallObservabilitySync('task', () => 1, { manager })
      }
      expect(written.mock.calls.map(([line]) => JSON.parse(line))).toEqual([expect.objectContaining({
        level: 'warn', message: 'slot refused: lane_full', taskId: 'task', lane: 'closed', timestamp: expect.any(Number),
      })])
    } finally {
      written.mockRestore()
    }
  })
})

test('without a manager the one of the process is used', async () => {
  resetResourceBudgetManager()
  const manager = getResourceBudgetManager({ enableMemoryGuards: false, logger: { log() {} } })
  expect(await withWorkerCallObservability('task', () => manager.status().global.active)).toBe(1)
  expect(withWorkerCallObservabilitySync('task', () => manager.status().global.active)).toBe(1)
  expect(manager.getStatistics().totalCalls).toBe(2)
  resetResourceBudgetManager()
})
