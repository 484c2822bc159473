'use strict'
/** What a collector and a file are told of a call, field by field. */

const fs = require('node:fs')
const path = require('node:path')
const { performance } = require('node:perf_hooks')
const {
  PlimsollConfigError, createBatchWorkerCallWrapper, initTracing, withRequestScope, withWorkerCallObservability, withWorkerCallObservabilitySync,
} = require('plimsoll')
const { version: VERSION } = require('../../package.json')
const { Collector } = require('../support/collector')
const { temporaryDirectory } = require('../support/directories')
const { rejection } = require('../support/events')
const { roomy, trace } = require('../support/tracing')

const SERVICE = { serviceName: 'orchestrator', version: '1.4.0', environment: 'production' }
const text = (stringValue) => ({ stringValue })
const integer = (intValue) => ({ intValue })
const double = (doubleValue) => ({ doubleValue })
const boolean = (boolValue) => ({ boolValue })
const list = (...values) => ({ arrayValue: { values } })
/** Sampled, and with a random id: W3C Trace Context Level 2. */
const FLAGS = 3

/** OTLP's list as an object; no key may come twice. */
function byKey(attributes = []) {
  const found = Object.fromEntries(attributes.map(({ key, value }) => [key, value]))
  expect(Object.keys(found)).toHaveLength(attributes.length)
  return found
}

/** Name and attributes of the events in their order, each within the span and none before the one ahead of it. */
function eventsOf({ events, startTimeUnixNano, endTimeUnixNano }) {
  const times = [startTimeUnixNano, ...events.map(({ timeUnixNano }) => timeUnixNano), endTimeUnixNano].map(BigInt)
  times.slice(1).forEach((time, index) => expect(time).toBeGreaterThanOrEqual(times[index]))
  return events.map(({ name, attributes }) => [name, byKey(attributes)])
}

const own = (taskId, lane) => ({
  service: text('orchestrator'), version: text('1.4.0'), environment: text('production'), taskId: text(taskId), lane: text(lane),
})
const acquired = (globalConcurrency, laneConcurrency) =>
  ['acquired_slot', { globalConcurrency: integer(String(globalConcurrency)), laneConcurrency: integer(String(laneConcurrency)) }]
const completed = (status) => ['call_completed', { status: text(status), durationMs: { doubleValue: expect.any(Number) } }]

let collector
let tracing
beforeEach(async () => {
  collector = await Collector.listen()
})

/** Starts exporting to the collector. */
function toCollector(otlp = {}) {
  tracing = trace({ ...SERVICE, exporter: { otlp: { endpoint: collector.endpoint, ...otlp } } })
}

describe('a request', () => {
  test('goes to /v1/traces with the type, the headers and the resource', async () => {
    toCollector({ headers: { authorization: 'Bearer abc', 'x-tenant': 'blue' } })
    const manager = roomy()
    manager.releaseSlot(await manager.acquireSlot('task', 'critic'), true)
    expect(await tracing.flush()).toBe(true)
    expect(collector.requests).toHaveLength(1)
    const [{ method, url, headers, message }] = collector.requests
    expect({ method, url }).toEqual({ method: 'POST', url: '/v1/traces' })
    expect(headers).toMatchObject({ 'content-type': 'application/x-protobuf', authorization: 'Bearer abc', 'x-tenant': 'blue' })
    expect(headers['content-encoding']).toBeUndefined()
    expect(Object.keys(message)).toEqual(['resourceSpans'])
    const [{ resource, scopeSpans, ...rest }, ...others] = message.resourceSpans
    expect({ rest, others }).toEqual({ rest: {}, others: [] })
    expect(Object.keys(resource)).toEqual(['attributes'])
    expect(byKey(resource.attributes)).toEqual({
      'service.name': text('orchestrator'),
      'service.version': text('1.4.0'),
      'deployment.environment.name': text('production'),
      'deployment.environment': text('production'),
      'telemetry.sdk.name': text('plimsoll'),
      'telemetry.sdk.language': text('nodejs'),
      'telemetry.sdk.version': text(VERSION),
    })
    expect(scopeSpans).toEqual([{ scope: { name: 'plimsoll', version: VERSION }, spans: [expect.anything()] }])
  })

  test('is compressed when asked for, and says the same', async () => {
    toCollector({ gzip: true })
    const manager = roomy()
    manager.releaseSlot(await manager.acquireSlot('task', 'critic', 1000, { tool: 'ruff' }), true)
    expect(await tracing.flush()).toBe(true)
    expect(collector.requests[0].headers['content-encoding']).toBe('gzip')
    expect(byKey(collector.spanOf('critic').attributes)).toEqual({ ...own('task', 'critic'), tool: text('ruff') })
  })

  test('names the service as the specification says when nobody else does', async () => {
    tracing = trace({ exporter: { otlp: { endpoint: `${collector.endpoint}/own/path` } } })
    const manager = roomy()
    manager.releaseSlot(await manager.acquireSlot('task', 'critic'), true)
    expect(await tracing.flush()).toBe(true)
    expect(collector.requests[0].url).toBe('/own/path')
    const resource = byKey(collector.requests[0].message.resourceSpans[0].resource.attributes)
    expect(Object.keys(resource).sort()).toEqual(['service.name', 'telemetry.sdk.language', 'telemetry.sdk.name', 'telemetry.sdk.version'])
    expect(resource['service.name']).toEqual(text('unknown_service:node'))
    expect(byKey(collector.spanOf('critic').attributes)).toMatchObject({ service: text('unknown_service:node'), version: text(''), environment: text('') })
  })
})

describe('the span of', () => {
  test('a plain slot', async () => {
    toCollector()
    const manager = roomy()
    const other = await manager.acquireSlot('task-0', 'tool_call')
    const context = await manager.acquireSlot('task-1', 'critic', 60_000)
    manager.releaseSlot(context, true)
    manager.releaseSlot(other, true)
    const endedAt = BigInt(Date.now() + 1) * 1_000_000n
    expect(await tracing.flush()).toBe(true)
    const { startTimeUnixNano, endTimeUnixNano, attributes, events, ...span } = collector.spanOf('critic')
    expect(span).toEqual({
      traceId: context.span.traceId, spanId: context.span.spanId, name: 'worker_call:critic', kind: 'SPAN_KIND_INTERNAL',
      flags: FLAGS, status: { code: 'STATUS_CODE_OK' },
    })
    expect(byKey(attributes)).toEqual(own('task-1', 'critic'))
    expect(eventsOf({ events, startTimeUnixNano, endTimeUnixNano })).toEqual([acquired(2, 1), completed('success')])
    // The core and JavaScript read the clock one after the other.
    expect(Math.abs(Number(BigInt(startTimeUnixNano) / 1_000_000n) - context.startedAtMs)).toBeLessThan(1000)
    expect(BigInt(endTimeUnixNano)).toBeLessThanOrEqual(endedAt)
    const lasted = Number(BigInt(endTimeUnixNano) - BigInt(startTimeUnixNano)) / 1e6
    expect(byKey(events.at(-1).attributes).durationMs.doubleValue).toBeCloseTo(lasted, 6)
    expect(manager.getMetrics().find(({ lane }) => lane === 'critic').durationMs).toBeCloseTo(lasted, 1)
  })

  test('a slot with metadata of every kind', async () => {
    toCollector()
    const manager = roomy()
    const metadata = {
      text: 'ü', empty: '', yes: true, no: false, whole: 3, negative: -7, fraction: 0.5, huge: 2 ** 60, nan: NaN, endless: -Infinity, nothing: null,
      missing: undefined, big: 12n, texts: ['a', ''], numbers: [1, 2], mixedNumbers: [1, 2.5], flags: [true, false], mixed: [1, 'a'], none: [],
      nested: { a: [1] }, long: 'x'.repeat(5000),
      get throwing() {
        throw new Error('no')
      },
    }
    Object.defineProperty(metadata, '__proto__', { value: 'own', enumerable: true })
    manager.releaseSlot(await manager.acquireSlot('task', 'critic', 1000, metadata), true)
    expect(await tracing.flush()).toBe(true)
    const { __proto__: proto, ...attributes } = byKey(collector.spanOf('critic').attributes)
    expect(proto).toEqual(text('own'))
    expect(attributes).toEqual({
      ...own('task', 'critic'),
      text: text('ü'), empty: text(''), yes: boolean(true), no: boolean(false), whole: integer('3'), negative: integer('-7'), fraction: double(0.5),
      huge: double(2 ** 60), nan: text('NaN'), endless: text('-Infinity'), nothing: text('null'), big: text('12'),
      texts: list(text('a'), text('')), numbers: list(integer('1'), integer('2')), mixedNumbers: list(double(1), double(2.5)),
      flags: list(boolean(true), boolean(false)), mixed: text('[1,"a"]'), none: text('[]'), nested: text('{"a":[1]}'),
      long: text('x'.repeat(4096)), throwing: text('[unreadable]'),
    })
  })

  test('a slot whose holder adds to it', async () => {
    toCollector()
    const manager = roomy()
    const context = await manager.acquireSlot('task', 'critic', 1000, { tool: 'ruff', step: 1 })
    context.span.setAttribute('step', 2).addEvent('parsed', { files: 3, names: ['a', 'b'] }).addEvent('bare').setStatus('error', 'not quite')
    manager.releaseSlot(context, true)
    context.span.setAttribute('late', true).addEvent('late').setStatus('ok')
    expect(await tracing.flush()).toBe(true)
    const span = collector.spanOf('critic')
    expect(byKey(span.attributes)).toEqual({ ...own('task', 'critic'), tool: text('ruff'), step: integer('2') })
    expect(eventsOf(span)).toEqual([
      acquired(1, 1), ['parsed', { files: integer('3'), names: list(text('a'), text('b')) }], ['bare', {}], completed('success'),
    ])
    expect(span.status).toEqual({ code: 'STATUS_CODE_ERROR', message: 'not quite' })
  })

  test('a slot with more than a span may hold says how much was left out', async () => {
    toCollector()
    const manager = roomy()
    const context = await manager.acquireSlot('task', 'critic')
    for (let n = 0; n < 140; n++) context.span.setAttribute(`key-${n}`, n).addEvent(`event-${n}`)
    manager.releaseSlot(context, true)
    expect(await tracing.flush()).toBe(true)
    const span = collector.spanOf('critic')
    expect(span.attributes.length).toBe(128)
    expect(span.attributes.length + span.droppedAttributesCount).toBe(140 + 5)
    expect(span.events.length + span.droppedEventsCount).toBe(140 + 2)
    expect(byKey(span.attributes)).toMatchObject(own('task', 'critic'))
    const names = span.events.map(({ name }) => name)
    expect([names[0], names.at(-1)]).toEqual(['acquired_slot', 'call_completed'])
  })

  test('a long batch that fails in the end tells the whole of it', async () => {
    toCollector()
    const batch = createBatchWorkerCallWrapper('task', 'file_write', { manager: roomy(), timeoutMs: 60_000 })
    await batch.init()
    for (let n = 0; n < 500; n++) await batch.execute(() => n)
    batch.release(false, new RangeError('no room'))
    expect(await tracing.flush()).toBe(true)
    const span = collector.spanOf('file_write')
    expect(eventsOf(span).slice(-3)).toEqual([
      ['batch_completed', { itemCount: integer('500'), errorCount: integer('0') }],
      ['exception', { 'exception.type': text('RangeError'), 'exception.message': text('no room'), 'exception.stacktrace': expect.anything() }],
      completed('error'),
    ])
    expect(span.events.length + span.droppedEventsCount).toBe(500 + 6)
  })

  test.each([
    ['a wrapped call', (manager) => withWorkerCallObservability('task', async () => 1, { lane: 'critic', manager, metadata: { a: 1 } })],
    ['a synchronous call', (manager) => withWorkerCallObservabilitySync('task', () => 1, { lane: 'critic', manager, metadata: { a: 1 } })],
    ['a request scope', (manager) => withRequestScope('task', async () => 1, { lane: 'critic', manager, metadata: { a: 1 } })],
  ])('%s', async (_what, call) => {
    toCollector()
    await call(roomy())
    expect(await tracing.flush()).toBe(true)
    const span = collector.spanOf('critic')
    expect(span.status).toEqual({ code: 'STATUS_CODE_OK' })
    expect(byKey(span.attributes)).toEqual({ ...own('task', 'critic'), a: integer('1') })
    expect(eventsOf(span)).toEqual([acquired(1, 1), ['execution_started', {}], ['execution_succeeded', {}], completed('success')])
  })

  test('a batch', async () => {
    toCollector()
    const batch = createBatchWorkerCallWrapper('task', 'file_write', { manager: roomy() })
    await batch.init()
    await batch.execute(() => 1)
    await rejection(batch.execute(() => Promise.reject(new RangeError('no room'))))
    await batch.execute((_signal, context) => context.span.addEvent('mine'))
    batch.release(true)
    expect(await tracing.flush()).toBe(true)
    expect(eventsOf(collector.spanOf('file_write'))).toEqual([
      acquired(1, 1), ['execution_started', {}], ['batch_started', {}],
      ['batch_item_processed', { item: integer('0') }],
      ['batch_item_failed', { item: integer('1'), errorType: text('RangeError') }],
      ['mine', {}],
      ['batch_item_processed', { item: integer('2') }],
      ['batch_completed', { itemCount: integer('3'), errorCount: integer('1') }],
      ['execution_succeeded', {}], completed('success'),
    ])
  })

  test('a call that fails', async () => {
    toCollector()
    const error = new TypeError('not a file')
    const options = { lane: 'critic', manager: roomy() }
    expect(await rejection(withWorkerCallObservability('task', () => Promise.reject(error), options))).toBe(error)
    expect(await tracing.flush()).toBe(true)
    const span = collector.spanOf('critic')
    expect(span.status).toEqual({ code: 'STATUS_CODE_ERROR', message: 'not a file' })
    expect(eventsOf(span)).toEqual([
      acquired(1, 1), ['execution_started', {}],
      ['exception', { 'exception.type': text('TypeError'), 'exception.message': text('not a file'), 'exception.stacktrace': text(error.stack.slice(0, 4096)) }],
      completed('error'),
    ])
  })

  test.each([
    ['null', null, 'null', 'null'],
    ['a text', 'broken', 'string', 'broken'],
    ['an object without a class', Object.create(null), 'Object', expect.any(String)],
  ])('a call that throws %s', async (_what, thrown, type, message) => {
    toCollector()
    await withWorkerCallObservability('task', () => Promise.reject(thrown), { lane: 'critic', manager: roomy() }).catch(() => {})
    expect(await tracing.flush()).toBe(true)
    const span = collector.spanOf('critic')
    expect(span.status.code).toBe('STATUS_CODE_ERROR')
    const [, , exception, last] = eventsOf(span)
    expect(exception).toEqual(['exception', { 'exception.type': text(type), 'exception.message': text(message) }])
    expect(last).toEqual(completed('error'))
  })

  test('a slot released as failed without an error', async () => {
    toCollector()
    const manager = roomy()
    manager.releaseSlot(await manager.acquireSlot('task', 'critic'), false)
    expect(await tracing.flush()).toBe(true)
    const span = collector.spanOf('critic')
    expect(span.status).toEqual({ code: 'STATUS_CODE_ERROR' })
    expect(eventsOf(span)).toEqual([acquired(1, 1), completed('error')])
  })

  test('a call whose time is over', async () => {
    toCollector()
    const manager = roomy({ timeoutEscalationFactor: 2 })
    const error = await rejection(withWorkerCallObservability('task', () => new Promise(() => {}), { lane: 'critic', manager, timeoutMs: 20 }))
    expect(error.code).toBe('ERR_PLIMSOLL_TIMEOUT')
    expect(await tracing.flush()).toBe(true)
    const span = collector.spanOf('critic')
    expect(span.status).toEqual({ code: 'STATUS_CODE_ERROR', message: 'the call was ended at its deadline' })
    const timeout = { timeoutMs: double(20) }
    expect(eventsOf(span)).toEqual([
      acquired(1, 1), ['execution_started', {}],
      ['timeout', { escalated: boolean(false), ...timeout }],
      ['timeout', { escalated: boolean(true), killedProcesses: integer('0'), ...timeout }],
      completed('error'),
    ])
    const since = (event) => Number(BigInt(event.timeUnixNano) - BigInt(span.startTimeUnixNano)) / 1e6
    expect(since(span.events[2])).toBeGreaterThanOrEqual(20)
    expect(since(span.events[3])).toBeGreaterThanOrEqual(40)
  })

  test('a call in a process whose monotonic clock has drifted from the wall clock', async () => {
    toCollector()
    const now = performance.now.bind(performance)
    const drifted = jest.spyOn(performance, 'now').mockImplementation(() => now() - 60_000)
    try {
      const manager = roomy()
      const context = await manager.acquireSlot('task', 'critic')
      context.span.addEvent('mine')
      manager.releaseSlot(context, true)
    } finally {
      drifted.mockRestore()
    }
    expect(await tracing.flush()).toBe(true)
    expect(eventsOf(collector.spanOf('critic'))).toEqual([acquired(1, 1), ['mine', {}], completed('success')])
  })
})

describe('a file', () => {
  const linesOf = (file) => fs.readFileSync(file, 'utf8').trimEnd().split('\n')

  test('has one object a line, with the exact times', async () => {
    const file = path.join(temporaryDirectory(), 'missing', 'traces.jsonl')
    tracing = trace({ ...SERVICE, exporter: { file } })
    const manager = roomy()
    let inner
    await rejection(withWorkerCallObservability('task-1', async (_signal, context) => {
      inner = await manager.acquireSlot('task-2', 'tool_call', 1000, { names: ['a'], share: 0.5 })
      manager.releaseSlot(inner, true)
      context.span.addEvent('half', { done: true })
      throw new Error('other half')
    }, { lane: 'critic', manager }))
    expect(await tracing.flush()).toBe(true)
    const lines = linesOf(file)
    const [child, parent] = lines.map((line) => JSON.parse(line))
    for (const [index, span] of [child, parent].entries()) {
      expect(Object.keys(span)).toEqual([
        'traceId', 'spanId', 'parentSpanId', 'name', 'startTimeUnixNano', 'endTimeUnixNano', 'durationMs', 'status', 'attributes', 'events',
      ])
      const [start, end] = ['start', 'end'].map((which) => BigInt(new RegExp(`"${which}TimeUnixNano":(\\d+)`).exec(lines[index])[1]))
      expect(span.durationMs).toBeCloseTo(Number(end - start) / 1e6, 9)
      expect(Math.abs(Number(start / 1_000_000n) - Date.now())).toBeLessThan(60_000)
    }
    expect(parent).toMatchObject({
      traceId: child.traceId, parentSpanId: null, name: 'worker_call:critic', status: { code: 'ERROR', message: 'other half' },
      attributes: { service: 'orchestrator', version: '1.4.0', environment: 'production', taskId: 'task-1', lane: 'critic' },
    })
    expect(parent.events.map(({ name }) => name)).toEqual(['acquired_slot', 'execution_started', 'half', 'exception', 'call_completed'])
    expect(parent.events[2]).toEqual({ name: 'half', timeUnixNano: expect.any(Number), attributes: { done: true } })
    expect(child).toMatchObject({
      traceId: inner.span.traceId, spanId: inner.span.spanId, parentSpanId: parent.spanId, name: 'worker_call:tool_call', status: { code: 'OK' },
      attributes: { taskId: 'task-2', lane: 'tool_call', names: ['a'], share: 0.5 },
    })
    expect(child.events[0]).toMatchObject({ name: 'acquired_slot', attributes: { globalConcurrency: 2, laneConcurrency: 1 } })
  })

  test('and a collector at once hear the same', async () => {
    const file = path.join(temporaryDirectory(), 'traces.jsonl')
    tracing = trace({ ...SERVICE, exporter: { otlp: { endpoint: collector.endpoint }, file: { path: file } } })
    const manager = roomy()
    for (let n = 0; n < 100; n++) manager.releaseSlot(await manager.acquireSlot(`task-${n}`, 'critic'), true)
    expect(await tracing.flush()).toBe(true)
    const written = linesOf(file).map((line) => JSON.parse(line))
    expect(written.map(({ spanId }) => spanId)).toEqual(collector.spans.map(({ spanId }) => spanId))
    expect(written.map(({ attributes }) => attributes.taskId)).toEqual(Array.from({ length: 100 }, (_, n) => `task-${n}`))
    expect(tracing.stats()).toMatchObject({ otlp: { accepted: 100, exported: 100, queued: 0 }, file: { accepted: 100, exported: 100, queued: 0 } })
  })

  test('is turned over at its bound', async () => {
    const file = path.join(temporaryDirectory(), 'traces.jsonl')
    tracing = trace({ exporter: { file: { path: file, maxBytes: 65_536 } } })
    const manager = roomy()
    for (let n = 0; n < 20; n++) {
      manager.releaseSlot(await manager.acquireSlot('task', 'critic', 1000, { long: 'x'.repeat(4000) }), true)
      expect(await tracing.flush()).toBe(true)
    }
    expect(linesOf(file).length + linesOf(`${file}.1`).length).toBe(20)
    for (const each of [file, `${file}.1`]) expect(fs.statSync(each).size).toBeLessThanOrEqual(65_536)
  })
})

test.each([
  ['a number', 7], ['null', null], ['another word', { exporter: 'zipkin' }], ['an exporter that is a number', { exporter: 4 }],
  ['an exporter that is null', { exporter: null }], ['a service name that is no text', { serviceName: 4 }],
  ['a version that is no text', { version: {} }],
  ['https', { exporter: { otlp: { endpoint: 'https://localhost' } } }], ['no URL', { exporter: { otlp: { endpoint: 'localhost:4318' } } }],
  ['credentials in the URL', { exporter: { otlp: { endpoint: 'http://me:secret@localhost' } } }],
  ['a header that is no text', { exporter: { otlp: { headers: { a: 1 } } } }], ['a header that splits', { exporter: { otlp: { headers: { a: 'x\r\nb: c' } } } }],
  ['a header that frames', { exporter: { otlp: { headers: { 'content-length': '0' } } } }], ['no time at all', { exporter: { otlp: { timeoutMs: 0 } } }],
  ['endless time', { exporter: { otlp: { timeoutMs: Infinity } } }], ['gzip as a text', { exporter: { otlp: { gzip: 'yes' } } }],
  ['a path that is a number', { exporter: { file: 4 } }], ['a path with a zero', { exporter: { file: 'a\0b' } }],
  ['too small a file', { exporter: { file: { maxBytes: 65_535 } } }], ['half a byte', { exporter: { file: { maxBytes: 65_536.5 } } }],
])('%s is refused, and the exporter before goes on', async (_what, options) => {
  toCollector()
  let thrown
  try {
    initTracing(options)
  } catch (error) {
    thrown = error
  }
  expect(thrown).toBeInstanceOf(PlimsollConfigError)
  expect(thrown.code).toBe('ERR_PLIMSOLL_CONFIG')
  expect(thrown.message).not.toContain('secret')
  const manager = roomy()
  manager.releaseSlot(await manager.acquireSlot('task', 'critic'), true)
  expect(await tracing.flush()).toBe(true)
  expect(collector.spans).toHaveLength(1)
})
