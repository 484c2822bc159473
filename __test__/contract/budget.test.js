'use strict'
/** The fixed behaviour of ResourceBudgetManager and the worker-call wrappers, as existing suites use it. */

const {
  DEFAULT_RESOURCE_BUDGET_CONFIG, ResourceBudgetManager, createBatchWorkerCallWrapper, getResourceBudgetManager,
  resetResourceBudgetManager, withRequestScope, withWorkerCallObservability, withWorkerCallObservabilitySync,
} = require('plimsoll')

beforeEach(() => resetResourceBudgetManager())
afterAll(() => resetResourceBudgetManager())

/** Room for whatever the test runner itself takes. */
const ROOMY = { maxRssMb: 16_384, heapWarningMb: 16_384 }
const roomy = (config) => new ResourceBudgetManager({ ...ROOMY, ...config })

/** A promise settled from outside. */
function deferred() {
  let settle
  const promise = new Promise((resolve, reject) => {
    settle = { resolve, reject }
  })
  return { promise, ...settle }
}

describe('the default configuration', () => {
  test('is the contract\'s', () => {
    expect(DEFAULT_RESOURCE_BUDGET_CONFIG).toEqual({
      maxRssMb: 512,
      heapWarningMb: 400,
      laneConcurrencyLimits: { tool_call: 8, file_read: 16, file_write: 4, critic: 3, forecast_model: 1 },
      globalConcurrencyLimit: 32,
      defaultTimeoutMs: 300_000,
      timeoutEscalationFactor: 1.5,
      enableMemoryGuards: true,
      enableSpanEmission: true,
      spanSampleRate: 1,
    })
  })

  test('is what a manager without configuration uses', () => {
    expect(new ResourceBudgetManager().getConcurrencyStatus()).toEqual({
      global: { active: 0, limit: 32 },
      lanes: {
        tool_call: { active: 0, limit: 8 },
        file_read: { active: 0, limit: 16 },
        file_write: { active: 0, limit: 4 },
        critic: { active: 0, limit: 3 },
        forecast_model: { active: 0, limit: 1 },
      },
    })
  })

  test('loses its whole map of lanes to one that is given', () => {
    const manager = roomy({ laneConcurrencyLimits: { custom: 5 } })
    expect(manager.getConcurrencyStatus().lanes).toEqual({ custom: { active: 0, limit: 5 } })
  })
})

describe('acquireSlot', () => {
  test('gives a context with what was asked for', async () => {
    const manager = roomy()
    const metadata = { userId: 'user-1' }
    const before = Date.now()
    const context = await manager.acquireSlot('task-1', 'tool_call', 60_000, metadata)
    expect(context).toMatchObject({ taskId: 'task-1', lane: 'tool_call', timeoutMs: 60_000 })
    expect(context.metadata).toBe(metadata)
    expect(typeof context.id).toBe('string')
    expect(context.startedAtMs).toBeGreaterThanOrEqual(before)
    expect(context.startedAtMs).toBeLessThanOrEqual(Date.now())
    expect(context.span.traceId).toMatch(/^[0-9a-f]{32}$/)
    expect(context.span.spanId).toMatch(/^[0-9a-f]{16}$/)
    manager.releaseSlot(context, true)
  })

  test('takes the default timeout when none is given', async () => {
    const manager = roomy({ defaultTimeoutMs: 1234 })
    const context = await manager.acquireSlot('task', 'tool_call')
    expect(context.timeoutMs).toBe(1234)
    manager.releaseSlot(context, true)
  })

  test('gives every call an id of its own', async () => {
    const manager = roomy({ laneConcurrencyLimits: {}, globalConcurrencyLimit: 100 })
    const contexts = await Promise.all(Array.from({ length: 100 }, () => manager.acquireSlot('task', 'any')))
    expect(new Set(contexts.map(({ id }) => id)).size).toBe(100)
    expect(new Set(contexts.map(({ span }) => span.spanId)).size).toBe(100)
    for (const context of contexts) manager.releaseSlot(context, true)
  })

  test('gives null for a full lane, and a slot again after a release', async () => {
    const manager = roomy({ laneConcurrencyLimits: { forecast_model: 1 } })
    const context = await manager.acquireSlot('task', 'forecast_model')
    expect(await manager.acquireSlot('task', 'forecast_model')).toBeNull()
    manager.releaseSlot(context, true)
    const again = await manager.acquireSlot('task', 'forecast_model')
    expect(again).not.toBeNull()
    manager.releaseSlot(again, true)
  })

  test('leaves other lanes alone when one is full', async () => {
    const manager = roomy({ laneConcurrencyLimits: { a: 1, b: 1 } })
    const a = await manager.acquireSlot('task', 'a')
    expect(await manager.acquireSlot('task', 'a')).toBeNull()
    const b = await manager.acquireSlot('task', 'b')
    expect(b).not.toBeNull()
    manager.releaseSlot(a, true)
    manager.releaseSlot(b, true)
  })

  test('gives null when the process is full', async () => {
    const manager = roomy({ globalConcurrencyLimit: 2, laneConcurrencyLimits: { a: 5, b: 5 } })
    const held = [await manager.acquireSlot('task', 'a'), await manager.acquireSlot('task', 'b')]
    expect(held).not.toContain(null)
    expect(await manager.acquireSlot('task', 'a')).toBeNull()
    for (const context of held) manager.releaseSlot(context, true)
  })

  test('holds a lane without a limit by the global one, and shows it once it is used', async () => {
    const manager = roomy({ globalConcurrencyLimit: 2, laneConcurrencyLimits: {} })
    const context = await manager.acquireSlot('task', 'worker_call')
    expect(manager.getConcurrencyStatus()).toEqual({
      global: { active: 1, limit: 2 }, lanes: { worker_call: { active: 1, limit: 2 } },
    })
    manager.releaseSlot(context, true)
  })

  test('gives null for a negative timeout', async () => {
    const manager = roomy()
    expect(await manager.acquireSlot('task', 'tool_call', -1)).toBeNull()
    expect(manager.getConcurrencyStatus().global.active).toBe(0)
  })

  test('gives null over maxRssMb, unless guards are off', async () => {
    expect(await new ResourceBudgetManager({ maxRssMb: 1 }).acquireSlot('task', 'tool_call')).toBeNull()
    const unguarded = new ResourceBudgetManager({ maxRssMb: 1, enableMemoryGuards: false })
    const context = await unguarded.acquireSlot('task', 'tool_call')
    expect(context).not.toBeNull()
    unguarded.releaseSlot(context, true)
  })

  test('only warns over heapWarningMb', async () => {
    const lines = []
    const manager = roomy({ heapWarningMb: 1, logger: { log: (level, data) => lines.push({ level, ...data }) } })
    const context = await manager.acquireSlot('task', 'tool_call')
    expect(context).not.toBeNull()
    expect(lines).toContainEqual(expect.objectContaining({ level: 'warn', heapWarningMb: 1 }))
    manager.releaseSlot(context, true)
  })

  test('gives no span when none is sampled, or none is emitted', async () => {
    for (const config of [{ spanSampleRate: 0 }, { enableSpanEmission: false }]) {
      const manager = roomy(config)
      const context = await manager.acquireSlot('task', 'tool_call')
      expect(context.span).toBeNull()
      manager.releaseSlot(context, true)
    }
  })
})

describe('releaseSlot', () => {
  test('never throws', async () => {
    const manager = roomy({ logger: { log() {} } })
    const context = await manager.acquireSlot('task', 'tool_call')
    for (const wrong of [null, undefined, 7, {}, { ...context }]) {
      expect(() => manager.releaseSlot(wrong, true)).not.toThrow()
    }
    expect(manager.getConcurrencyStatus().global.active).toBe(1)
    manager.releaseSlot(context, true)
    expect(() => manager.releaseSlot(context, true)).not.toThrow()
    expect(manager.getConcurrencyStatus().global.active).toBe(0)
  })
})

describe('metrics', () => {
  test('of a call are measured', async () => {
    const manager = roomy()
    const context = await manager.acquireSlot('task-7', 'critic')
    const started = process.hrtime.bigint()
    while (process.hrtime.bigint() - started < 5_000_000n);
    manager.releaseSlot(context, true)
    const [metrics] = manager.getMetrics()
    expect(metrics).toMatchObject({
      callId: context.id, taskId: 'task-7', lane: 'critic', success: true, timeoutReached: false,
      concurrentCallsAtStart: 1, concurrentCallsAtEnd: 0,
    })
    expect(metrics.durationMs).toBeGreaterThanOrEqual(5)
    expect(metrics.errorType).toBeUndefined()
    expect(metrics.rssStartMb).toBeGreaterThan(10)
    expect(metrics.heapStartMb).toBeGreaterThan(1)
    expect(metrics.rssDeltaMb).toBeCloseTo(metrics.rssEndMb - metrics.rssStartMb, 1)
    expect(metrics.heapDeltaMb).toBeCloseTo(metrics.heapEndMb - metrics.heapStartMb, 1)
    expect(new Date(metrics.timestamp).toISOString()).toBe(metrics.timestamp)
  })

  test('name the class of an error', async () => {
    class BrokenTool extends Error {}
    const manager = roomy()
    manager.releaseSlot(await manager.acquireSlot('task', 'tool_call'), false, new BrokenTool('no'))
    expect(manager.getMetrics()[0]).toMatchObject({ success: false, errorType: 'BrokenTool' })
  })

  test('of the last 1000 calls are kept, the latest given', async () => {
    const manager = roomy()
    for (let call = 0; call < 1100; call++) {
      manager.releaseSlot(await manager.acquireSlot(`task-${call}`, 'tool_call'), true)
    }
    expect(manager.getMetrics(5000)).toHaveLength(1000)
    expect(manager.getMetrics()).toHaveLength(100)
    expect(manager.getMetrics(2).map(({ taskId }) => taskId)).toEqual(['task-1098', 'task-1099'])
    expect(manager.getMetrics(0)).toEqual([])
    manager.clearMetrics()
    expect(manager.getMetrics()).toEqual([])
  })

  test('add up', async () => {
    const manager = roomy()
    const first = await manager.acquireSlot('task', 'tool_call')
    const second = await manager.acquireSlot('task', 'tool_call')
    manager.releaseSlot(first, true)
    manager.releaseSlot(second, false, new Error('no'))
    expect(manager.getStatistics()).toEqual({
      totalCalls: 2, successCount: 1, failureCount: 1, averageDurationMs: expect.any(Number),
      averageRssDeltaMb: expect.any(Number), maxConcurrentCalls: 2, timeoutCount: 0,
    })
  })

  test('are zeros before the first call', () => {
    expect(roomy().getStatistics()).toEqual({
      totalCalls: 0, successCount: 0, failureCount: 0, averageDurationMs: 0, averageRssDeltaMb: 0, maxConcurrentCalls: 0, timeoutCount: 0,
    })
  })
})

test('a memory snapshot has megabytes of two decimals and an ISO time', () => {
  const { timestamp, ...megabytes } = roomy().getMemorySnapshot()
  expect(Object.keys(megabytes).sort()).toEqual(['arrayBuffersMb', 'externalMb', 'heapTotalMb', 'heapUsedMb', 'rssMb'])
  for (const value of Object.values(megabytes)) expect(Math.round(value * 100) / 100).toBe(value)
  expect(megabytes.rssMb).toBeGreaterThan(megabytes.heapUsedMb)
  expect(new Date(timestamp).toISOString()).toBe(timestamp)
})

describe('the manager of the process', () => {
  test('is one, with the configuration of the first call', () => {
    const manager = getResourceBudgetManager({ globalConcurrencyLimit: 3 })
    expect(getResourceBudgetManager({ globalConcurrencyLimit: 9 })).toBe(manager)
    expect(manager.getConcurrencyStatus().global.limit).toBe(3)
  })

  test('is another after a reset', () => {
    const manager = getResourceBudgetManager()
    resetResourceBudgetManager()
    expect(getResourceBudgetManager()).not.toBe(manager)
  })
})

describe('withWorkerCallObservability', () => {
  beforeEach(() => getResourceBudgetManager(ROOMY))

  test('gives the function\'s result and records the call', async () => {
    const result = await withWorkerCallObservability('task-1', async () => 'done', { lane: 'critic', metadata: { toolName: 'x' } })
    expect(result).toBe('done')
    expect(getResourceBudgetManager().getMetrics()).toEqual([expect.objectContaining({ taskId: 'task-1', lane: 'critic', success: true })])
  })

  test('uses the lane tool_call unless told otherwise', async () => {
    await withWorkerCallObservability('task', async () => {
      expect(getResourceBudgetManager().getConcurrencyStatus().lanes.tool_call.active).toBe(1)
    })
    expect(getResourceBudgetManager().getConcurrencyStatus().lanes.tool_call.active).toBe(0)
  })

  test('passes an error on as it is and frees the slot', async () => {
    const error = new RangeError('no')
    await expect(withWorkerCallObservability('task', async () => { throw error })).rejects.toBe(error)
    await expect(withWorkerCallObservability('task', () => { throw error })).rejects.toBe(error)
    expect(getResourceBudgetManager().getConcurrencyStatus().global.active).toBe(0)
    expect(getResourceBudgetManager().getMetrics().map(({ errorType }) => errorType)).toEqual(['RangeError', 'RangeError'])
  })

  test('throws over a limit, or runs unguarded when told so', async () => {
    const blocker = deferred()
    const running = withWorkerCallObservability('task', () => blocker.promise, { lane: 'forecast_model' })
    await expect(withWorkerCallObservability('task', async () => 1, { lane: 'forecast_model' })).rejects.toThrow(/^Resource limit exceeded: /)
    const options = { lane: 'forecast_model', throwOnResourceLimitExceeded: false }
    expect(await withWorkerCallObservability('task', async () => 'ran', options)).toBe('ran')
    blocker.resolve('first')
    expect(await running).toBe('first')
  })

  test('runs many calls in many lanes', async () => {
    const lanes = ['tool_call', 'file_read', 'file_write']
    const results = await Promise.all(Array.from({ length: 9 }, (_, index) =>
      withWorkerCallObservability(`task-${index}`, async () => index, { lane: lanes[index % 3] })))
    expect(results).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8])
    expect(getResourceBudgetManager().getStatistics()).toMatchObject({ totalCalls: 9, successCount: 9 })
  })
})

describe('withWorkerCallObservabilitySync', () => {
  beforeEach(() => getResourceBudgetManager(ROOMY))

  test('gives the result or throws the error at once', () => {
    expect(withWorkerCallObservabilitySync('task', () => 42)).toBe(42)
    expect(() => withWorkerCallObservabilitySync('task', () => { throw new TypeError('no') })).toThrow(TypeError)
    expect(getResourceBudgetManager().getStatistics()).toMatchObject({ totalCalls: 2, successCount: 1, failureCount: 1 })
  })

  test('throws over a limit, or runs unguarded when told so', async () => {
    const held = await getResourceBudgetManager().acquireSlot('task', 'forecast_model')
    expect(() => withWorkerCallObservabilitySync('task', () => 1, { lane: 'forecast_model' })).toThrow(/^Resource limit exceeded: /)
    expect(withWorkerCallObservabilitySync('task', () => 1, { lane: 'forecast_model', throwOnResourceLimitExceeded: false })).toBe(1)
    getResourceBudgetManager().releaseSlot(held, true)
  })
})

describe('createBatchWorkerCallWrapper', () => {
  beforeEach(() => getResourceBudgetManager(ROOMY))

  test('runs many functions in one slot', async () => {
    const batch = createBatchWorkerCallWrapper('task', 'file_write', { timeoutMs: 60_000 })
    await batch.init()
    const results = []
    for (const item of [1, 2, 3]) results.push(await batch.execute(async () => item * 2))
    expect(results).toEqual([2, 4, 6])
    expect(batch.getContext()).toMatchObject({ taskId: 'task', lane: 'file_write', timeoutMs: 60_000 })
    expect(getResourceBudgetManager().getConcurrencyStatus().lanes.file_write.active).toBe(1)
    batch.release(true)
    expect(getResourceBudgetManager().getConcurrencyStatus().lanes.file_write.active).toBe(0)
    expect(getResourceBudgetManager().getMetrics()).toEqual([expect.objectContaining({ success: true })])
  })

  test('rejects a function before init', async () => {
    await expect(createBatchWorkerCallWrapper('task').execute(async () => 1)).rejects.toThrow(/init/)
  })

  test('passes on what an item throws and goes on', async () => {
    const batch = createBatchWorkerCallWrapper('task')
    await batch.init()
    await expect(batch.execute(async () => { throw new Error('item') })).rejects.toThrow('item')
    expect(await batch.execute(async () => 'next')).toBe('next')
    batch.release(false, new Error('one failed'))
    expect(getResourceBudgetManager().getMetrics()).toEqual([expect.objectContaining({ success: false, errorType: 'Error' })])
  })
})

describe('withRequestScope', () => {
  beforeEach(() => getResourceBudgetManager(ROOMY))

  test('shares one slot between several operations', async () => {
    const result = await withRequestScope('task-9', async (scope) => {
      expect(scope.taskId).toBe('task-9')
      expect(scope.getContext()).toMatchObject({ taskId: 'task-9', lane: 'tool_call' })
      return [await Promise.resolve(1), await Promise.resolve(2)]
    })
    expect(result).toEqual([1, 2])
    expect(getResourceBudgetManager().getStatistics().totalCalls).toBe(1)
  })

  test('may be nested', async () => {
    const inner = () => withRequestScope('inner', async () => getResourceBudgetManager().getConcurrencyStatus().global.active)
    expect(await withRequestScope('outer', inner)).toBe(2)
    expect(getResourceBudgetManager().getConcurrencyStatus().global.active).toBe(0)
  })
})
