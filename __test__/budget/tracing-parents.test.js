'use strict'
/** Whose child a span is, and which traces are sampled. */

const { AsyncLocalStorage } = require('node:async_hooks')
const { ROOT_CONTEXT, TraceFlags, context: contextApi, trace: traceApi } = require('@opentelemetry/api')
const { createBatchWorkerCallWrapper, withWorkerCallObservability } = require('plimsoll')
const { Collector } = require('../support/collector')
const { roomy, trace } = require('../support/tracing')

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'

/** The least an application needs for OpenTelemetry's active span. */
class AsyncContextManager {
  #storage = new AsyncLocalStorage()

  active() {
    return this.#storage.getStore() ?? ROOT_CONTEXT
  }

  with(context, fn, thisArg, ...args) {
    return this.#storage.run(context, () => fn.call(thisArg, ...args))
  }

  bind(_context, target) {
    return target
  }

  enable() {
    return this
  }

  disable() {
    return this
  }
}

let collector
let tracing
beforeEach(async () => {
  collector = await Collector.listen()
  tracing = trace({ exporter: { otlp: { endpoint: collector.endpoint } } })
})
afterEach(() => contextApi.disable())

/** Runs a function inside a span of the application. */
function inside(spanContext, run) {
  const context = traceApi.setSpanContext(ROOT_CONTEXT, { traceId: TRACE, spanId: SPAN, traceFlags: TraceFlags.SAMPLED, ...spanContext })
  return contextApi.with(context, run)
}

/** Takes a slot, gives it back, and returns its context. */
async function call(manager, lane) {
  const context = await manager.acquireSlot('task', lane)
  manager.releaseSlot(context, true)
  return context
}

/** Every exported span by the name of its lane. */
async function exported() {
  expect(await tracing.flush()).toBe(true)
  return Object.fromEntries(collector.spans.map((span) => [span.name.replace('worker_call:', ''), span]))
}

describe('among calls', () => {
  test('one of its own is a trace of its own', async () => {
    const manager = roomy()
    await call(manager, 'one')
    await call(manager, 'two')
    const { one, two } = await exported()
    expect(one.traceId).not.toBe(two.traceId)
    for (const span of [one, two]) expect(span).not.toHaveProperty('parentSpanId')
  })

  test('what an observed function starts is its child, across awaits, timers and managers', async () => {
    const manager = roomy()
    const other = roomy()
    const nested = (lane, work, options) => withWorkerCallObservability('task', work, { lane, manager, ...options })
    await nested('outer', async () => {
      await new Promise((resolve) => setTimeout(resolve, 1))
      await Promise.all([
        nested('left', async () => {
          await null
          await call(manager, 'left_slot')
          await nested('foreign', () => call(manager, 'back'), { manager: other })
        }),
        new Promise((resolve) => setImmediate(() => resolve(call(manager, 'right')))),
      ])
    })
    await call(manager, 'after')
    const spans = await exported()
    const parentOf = (name) => Object.keys(spans).find((key) => spans[key].spanId === spans[name].parentSpanId)
    expect(Object.fromEntries(Object.keys(spans).map((name) => [name, parentOf(name)]))).toEqual({
      outer: undefined, left: 'outer', left_slot: 'left', foreign: 'left', back: 'foreign', right: 'outer', after: undefined,
    })
    const { after, ...family } = spans
    expect(new Set(Object.values(family).map(({ traceId }) => traceId)).size).toBe(1)
    expect(after.traceId).not.toBe(spans.outer.traceId)
  })

  test('each function of a batch runs in the batch\'s span', async () => {
    const manager = roomy()
    const batch = createBatchWorkerCallWrapper('task', 'batch', { manager })
    await batch.init()
    await batch.execute(() => call(manager, 'first'))
    await batch.execute(() => call(manager, 'second'))
    batch.release(true)
    const { batch: parent, first, second } = await exported()
    for (const span of [first, second]) expect(span).toMatchObject({ traceId: parent.traceId, parentSpanId: parent.spanId })
  })
})

describe('with @opentelemetry/api', () => {
  beforeEach(() => expect(contextApi.setGlobalContextManager(new AsyncContextManager())).toBe(true))

  test('the active span of the application is the parent, and its trace the trace of all below', async () => {
    const manager = roomy({ spanSampleRate: 0.000_001 })
    const { outer, context } = await inside({}, () => withWorkerCallObservability('task', async (_signal, outer) => {
      await new Promise((resolve) => setTimeout(resolve, 1))
      return { outer, context: await call(manager, 'inner') }
    }, { lane: 'outer', manager }))
    expect([outer.span.traceId, context.span.traceId]).toEqual([TRACE, TRACE])
    const spans = await exported()
    expect(spans.outer).toMatchObject({ traceId: TRACE, parentSpanId: SPAN, spanId: outer.span.spanId })
    expect(spans.inner).toMatchObject({ traceId: TRACE, parentSpanId: outer.span.spanId, spanId: context.span.spanId })
  })

  test('a plain slot and one that was waited for have it too', async () => {
    const manager = roomy({ laneConcurrencyLimits: { narrow: 1 } })
    const held = await manager.acquireSlot('task', 'narrow')
    const waiting = inside({}, () => manager.acquireSlot('task', 'narrow', { wait: { maxMs: 60_000 } }))
    await inside({ spanId: 'b7ad6b7169203332' }, () => call(manager, 'plain'))
    manager.releaseSlot(held, true)
    const context = await waiting
    manager.releaseSlot(context, true)
    expect(await tracing.flush()).toBe(true)
    const waited = collector.spans.find(({ spanId }) => spanId === context.span.spanId)
    expect(waited).toMatchObject({ name: 'worker_call:narrow', traceId: TRACE, parentSpanId: SPAN })
    expect(collector.spanOf('plain')).toMatchObject({ traceId: TRACE, parentSpanId: 'b7ad6b7169203332' })
  })

  test('a parent that is not sampled has no children that are', async () => {
    const manager = roomy()
    await inside({ traceFlags: TraceFlags.NONE }, async () => {
      expect((await call(manager, 'plain')).span).toBeNull()
      await withWorkerCallObservability('task', async (_signal, context) => {
        expect(context.span).toBeNull()
        expect((await call(manager, 'inner')).span).toBeNull()
      }, { lane: 'outer', manager })
    })
    await call(manager, 'after')
    expect(Object.keys(await exported())).toEqual(['after'])
  })

  test.each([
    ['a trace id of zeros', { traceId: '0'.repeat(32) }], ['a span id of zeros', { spanId: '0'.repeat(16) }],
    ['capital letters', { traceId: TRACE.toUpperCase() }], ['too short an id', { spanId: 'ab' }], ['an id that is no text', { traceId: 7 }],
  ])('%s is no parent', async (_what, spanContext) => {
    const context = await inside(spanContext, () => call(roomy(), 'plain'))
    const { plain } = await exported()
    expect(plain).not.toHaveProperty('parentSpanId')
    expect(plain.traceId).toBe(context.span.traceId)
    expect(plain.traceId).not.toBe(TRACE)
  })

  test('outside of any span nothing is a parent', async () => {
    await call(roomy(), 'plain')
    expect((await exported()).plain).not.toHaveProperty('parentSpanId')
  })

  test('an application whose context manager throws is not ours to fail with', async () => {
    contextApi.disable()
    const broken = Object.assign(new AsyncContextManager(), { active() { throw new Error('broken') } })
    expect(contextApi.setGlobalContextManager(broken)).toBe(true)
    expect((await call(roomy(), 'plain')).span).not.toBeNull()
    expect((await exported()).plain).not.toHaveProperty('parentSpanId')
  })
})

describe('sampling', () => {
  const CALLS = 2000

  /** What the specification's threshold says of a trace id: the 56 bits on its right. */
  const isAbove = (traceId, rate) => Number(BigInt(`0x${traceId.slice(-14)}`)) >= 2 ** 56 * (1 - rate)

  test.each([0, 0.1, 0.5, 1])('at a rate of %p is decided by the trace id', async (rate) => {
    const manager = roomy({ spanSampleRate: rate })
    const sampled = []
    for (let n = 0; n < CALLS; n++) {
      const { span } = await call(manager, 'lane')
      if (span !== null) sampled.push(span.traceId)
    }
    // Seven standard deviations of a fair draw.
    expect(Math.abs(sampled.length - CALLS * rate)).toBeLessThanOrEqual(7 * Math.sqrt(CALLS * rate * (1 - rate)))
    expect(sampled.filter((traceId) => !isAbove(traceId, rate))).toEqual([])
    expect(await tracing.flush()).toBe(true)
    expect(collector.spans.map(({ traceId }) => traceId)).toEqual(sampled)
  })

  test('a call inside another follows that one, whatever its own trace would be', async () => {
    const manager = roomy({ spanSampleRate: 0.5 })
    const seen = { sampled: 0, not: 0 }
    for (let n = 0; n < 100; n++) {
      await withWorkerCallObservability('task', async (_signal, { span }) => {
        seen[span === null ? 'not' : 'sampled']++
        for (let m = 0; m < 3; m++) expect((await call(manager, 'inner')).span?.traceId).toBe(span?.traceId)
      }, { lane: 'outer', manager })
    }
    expect(seen.sampled).toBeGreaterThan(0)
    expect(seen.not).toBeGreaterThan(0)
    expect(await tracing.flush()).toBe(true)
    expect(collector.spans).toHaveLength(4 * seen.sampled)
  })

  test('none with enableSpanEmission off', async () => {
    expect((await call(roomy({ enableSpanEmission: false }), 'plain')).span).toBeNull()
    expect(Object.keys(await exported())).toEqual([])
  })
})
