'use strict'
/** Spans on a bad day: a collector that is down, slow, busy or refuses, and a process that ends. */

const fs = require('node:fs')
const path = require('node:path')
const { initTracing } = require('plimsoll')
const { launch } = require('../support/children')
const { Collector, Response, freePort } = require('../support/collector')
const { temporaryDirectory } = require('../support/directories')
const { eventually, rejection } = require('../support/events')
const { roomy, trace } = require('../support/tracing')

/** Most spans that wait for one destination. */
const QUEUE = 2048
const NOTHING_DROPPED = { queueFull: 0, rejected: 0, tooLarge: 0, panicked: 0, closed: 0 }

/** Takes and gives back so many slots; the tasks are numbered from `first`. */
async function work(count, first = 0) {
  const manager = roomy()
  for (let n = first; n < first + count; n++) manager.releaseSlot(await manager.acquireSlot(String(n), 'tool_call'), true)
}

const taskOf = ({ attributes }) => attributes.find(({ key }) => key === 'taskId').value.stringValue
const upTo = (count) => Array.from({ length: count }, (_, n) => String(n))
const otlpOf = (tracing) => tracing.stats().otlp

/** A promise that is settled from outside. */
function gate() {
  let open
  const opened = new Promise((resolve) => { open = resolve })
  return { open, opened }
}

describe('a collector', () => {
  test('that is not there yet gets everything within the bound of the queue, and the rest is counted', async () => {
    const port = await freePort()
    const tracing = trace({ exporter: { otlp: { endpoint: `http://127.0.0.1:${port}` } } })
    await work(QUEUE + 10)
    expect(await tracing.flush(0)).toBe(false)
    const refused = await eventually('a refused connection', () => otlpOf(tracing).lastError && otlpOf(tracing))
    expect(refused).toMatchObject({
      queued: QUEUE, accepted: QUEUE, exported: 0, batches: 0, dropped: { ...NOTHING_DROPPED, queueFull: 10 },
      lastError: { code: 'ERR_PLIMSOLL_EXPORT', cause: 'ECONNREFUSED', message: expect.stringContaining(`http://127.0.0.1:${port}/v1/traces`) },
    })
    expect(refused.queuedBytes).toBeGreaterThan(0)
    expect(refused.retries).toBeGreaterThan(0)
    expect(Math.abs(refused.lastError.timestamp - Date.now())).toBeLessThan(60_000)
    const collector = await Collector.listen(port)
    expect(await tracing.flush()).toBe(true)
    expect(collector.spans.map(taskOf)).toEqual(upTo(QUEUE))
    expect(otlpOf(tracing)).toMatchObject({ queued: 0, queuedBytes: 0, exported: QUEUE, batches: 4 })
    await work(10, QUEUE)
    expect(await tracing.flush()).toBe(true)
    expect(collector.spans.map(taskOf)).toEqual(upTo(QUEUE + 10))
  })

  test('that is slow loses nothing and holds nobody up', async () => {
    const collector = await Collector.listen()
    const { open, opened } = gate()
    collector.answers.push({ after: opened })
    const tracing = trace({ exporter: { otlp: { endpoint: collector.endpoint } } })
    await work(600)
    await eventually('the first request', () => collector.requests.length === 1)
    await work(QUEUE - 600, 600)
    expect(await tracing.flush(20)).toBe(false)
    expect(otlpOf(tracing)).toMatchObject({ accepted: QUEUE, queued: QUEUE, exported: 0, retries: 0, dropped: NOTHING_DROPPED })
    open()
    expect(await tracing.flush()).toBe(true)
    expect(collector.spans.map(taskOf)).toEqual(upTo(QUEUE))
    expect(otlpOf(tracing)).toMatchObject({ exported: QUEUE, retries: 0, dropped: NOTHING_DROPPED, lastError: null })
  })

  test('that takes longer than it may is tried again', async () => {
    const collector = await Collector.listen()
    const { open, opened } = gate()
    collector.answers.push({ status: 503, after: opened })
    const tracing = trace({ exporter: { otlp: { endpoint: collector.endpoint, timeoutMs: 500 } } })
    await work(5)
    expect(await tracing.flush()).toBe(true)
    open()
    // A busy machine may take too long for one more.
    expect([...new Set(collector.spans.map(taskOf))]).toEqual(upTo(5))
    expect(otlpOf(tracing)).toMatchObject({ exported: 5, dropped: NOTHING_DROPPED, lastError: { code: 'ERR_PLIMSOLL_EXPORT' } })
    expect(otlpOf(tracing).retries).toBeGreaterThan(0)
  })

  test.each([429, 502, 503, 504])('that answers %d and then 200 gets everything once', async (status) => {
    const collector = await Collector.listen()
    collector.answers.push({ status, headers: { 'retry-after': '0' }, body: Buffer.from('busy') }, { status })
    const tracing = trace({ exporter: { otlp: { endpoint: collector.endpoint } } })
    await work(20)
    expect(await tracing.flush()).toBe(true)
    expect(collector.requests.map(({ message }) => message.resourceSpans[0].scopeSpans[0].spans.length)).toEqual([20, 20, 20])
    expect(collector.spans.map(taskOf)).toEqual(upTo(20))
    expect(otlpOf(tracing)).toMatchObject({
      accepted: 20, exported: 20, batches: 1, queued: 0, retries: 2, dropped: NOTHING_DROPPED,
      lastError: { code: 'ERR_PLIMSOLL_EXPORT', cause: String(status) },
    })
  })

  test.each([400, 401, 404, 500])('that answers %d is not asked again: the spans are dropped and counted', async (status) => {
    const collector = await Collector.listen()
    collector.answers.push({ status, body: Buffer.from('no such thing') })
    const tracing = trace({ exporter: { otlp: { endpoint: collector.endpoint } } })
    await work(3)
    expect(await tracing.flush()).toBe(true)
    expect(otlpOf(tracing)).toMatchObject({
      exported: 0, batches: 0, retries: 0, dropped: { ...NOTHING_DROPPED, rejected: 3 },
      lastError: { code: 'ERR_PLIMSOLL_EXPORT_REJECTED', cause: String(status), message: expect.stringContaining('no such thing') },
    })
    await work(2, 3)
    expect(await tracing.flush()).toBe(true)
    expect(collector.spans.map(taskOf)).toEqual(['3', '4'])
  })

  test('that takes only a part says so', async () => {
    const collector = await Collector.listen()
    const partialSuccess = { rejectedSpans: 2, errorMessage: 'two are too old' }
    collector.answers.push({ body: Response.encode(Response.fromObject({ partialSuccess })).finish() })
    const tracing = trace({ exporter: { otlp: { endpoint: collector.endpoint } } })
    await work(5)
    expect(await tracing.flush()).toBe(true)
    expect(otlpOf(tracing)).toMatchObject({
      exported: 3, dropped: { ...NOTHING_DROPPED, rejected: 2 }, lastError: { code: 'ERR_PLIMSOLL_EXPORT_REJECTED', message: expect.stringContaining('two are too old') },
    })
  })

  test('that finds a request too large gets it in halves', async () => {
    const collector = await Collector.listen()
    collector.answers.push({ status: 413 }, {}, { status: 413 })
    const tracing = trace({ exporter: { otlp: { endpoint: collector.endpoint } } })
    await work(40)
    expect(await tracing.flush()).toBe(true)
    expect(collector.requests.map(({ message }) => message.resourceSpans[0].scopeSpans[0].spans.length)).toEqual([40, 20, 20, 10, 10])
    expect(collector.spans.map(taskOf)).toEqual(upTo(40))
    expect(otlpOf(tracing)).toMatchObject({ exported: 40, batches: 3, dropped: NOTHING_DROPPED })
  })

  test('that is down costs the file nothing', async () => {
    const file = path.join(temporaryDirectory(), 'traces.jsonl')
    const tracing = trace({ exporter: { otlp: { endpoint: `http://127.0.0.1:${await freePort()}` }, file } })
    await work(QUEUE)
    expect(await tracing.flush(0)).toBe(false)
    await eventually('the file', () => tracing.stats().file.exported === QUEUE)
    expect(fs.readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line).attributes.taskId)).toEqual(upTo(QUEUE))
    expect(tracing.stats()).toMatchObject({ otlp: { queued: QUEUE, exported: 0 }, file: { queued: 0, lastError: null } })
  })
})

describe('a file', () => {
  test('that cannot be written gets everything once it can', async () => {
    const directory = path.join(temporaryDirectory(), 'state')
    fs.writeFileSync(directory, 'in the way')
    const file = path.join(directory, 'traces.jsonl')
    const tracing = trace({ exporter: { file } })
    await work(30)
    expect(await tracing.flush(0)).toBe(false)
    const { lastError, retries } = await eventually('a failed attempt', () => tracing.stats().file.lastError && tracing.stats().file)
    expect(lastError).toMatchObject({ code: 'ERR_PLIMSOLL_WRITE', cause: 'ENOTDIR' })
    expect(lastError.message).toContain(file)
    expect(retries).toBeGreaterThan(0)
    fs.rmSync(directory)
    expect(await tracing.flush()).toBe(true)
    expect(fs.readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line).attributes.taskId)).toEqual(upTo(30))
    expect(tracing.stats().file).toMatchObject({ exported: 30, queued: 0, dropped: NOTHING_DROPPED })
  })
})

describe('the exporter', () => {
  test('delivers at shutdown, then says nothing and takes nothing', async () => {
    const collector = await Collector.listen()
    const tracing = trace({ exporter: { otlp: { endpoint: collector.endpoint } } })
    await work(10)
    expect(await tracing.shutdown()).toBe(true)
    expect(tracing.stats()).toBeNull()
    await work(5, 10)
    expect(await tracing.flush()).toBe(true)
    expect(await tracing.shutdown()).toBe(true)
    expect(collector.spans.map(taskOf)).toEqual(upTo(10))
  })

  test('says at shutdown when something could not be delivered', async () => {
    const tracing = trace({ exporter: { otlp: { endpoint: `http://127.0.0.1:${await freePort()}` } } })
    await work(10)
    expect(await tracing.shutdown(100)).toBe(false)
    expect(tracing.stats()).toBeNull()
  })

  test('ends with its scope', async () => {
    const collector = await Collector.listen()
    const tracing = trace({ exporter: { otlp: { endpoint: collector.endpoint } } })
    await work(3)
    await tracing[Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose')]()
    expect(collector.spans).toHaveLength(3)
    expect(tracing.stats()).toBeNull()
  })

  test('that takes the place of another leaves that one\'s spans to it', async () => {
    const [first, second] = [await Collector.listen(), await Collector.listen()]
    trace({ exporter: { otlp: { endpoint: first.endpoint } } })
    await work(5)
    const tracing = trace({ exporter: { otlp: { endpoint: second.endpoint } } })
    await work(5, 5)
    expect(await tracing.flush()).toBe(true)
    await eventually('what the first had', () => first.spans.length === 5)
    expect([first, second].map(({ spans }) => spans.map(taskOf))).toEqual([upTo(5), upTo(10).slice(5)])
  })

  test('exports nowhere when told so', async () => {
    const tracing = trace({ exporter: 'none' })
    await work(3)
    expect(await tracing.flush()).toBe(true)
    expect(tracing.stats()).toEqual({ otlp: null, file: null })
  })

  test.each([-1, NaN, Infinity, 2 ** 31, '1', null, {}])('does not wait %p milliseconds', async (timeoutMs) => {
    const tracing = initTracing({ exporter: 'none' })
    for (const method of ['flush', 'shutdown']) {
      expect(await rejection(tracing[method](timeoutMs))).toMatchObject({ code: 'ERR_PLIMSOLL_ARGUMENT' })
    }
    expect(tracing.stats()).not.toBeNull()
    expect(await tracing.shutdown()).toBe(true)
  })
})

describe('a process that ends without a flush', () => {
  test.each([
    ['no more work', 0], ['process.exit', 7], ['an uncaught exception', 1], ['an unhandled rejection', 1],
  ])('by %s has delivered its spans', async (end, code) => {
    const collector = await Collector.listen()
    const file = path.join(temporaryDirectory(), 'traces.jsonl')
    const child = launch('traced.cjs', { exporter: { otlp: { endpoint: collector.endpoint }, file }, calls: 1000, end })
    expect(await child.exit).toMatchObject({ code, signal: null })
    expect(collector.spans.map(taskOf)).toEqual(upTo(1000))
    expect(fs.readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line).attributes.taskId)).toEqual(upTo(1000))
  })

  test('is not held up for ever by a collector that never answers', async () => {
    const collector = await Collector.listen()
    const { open, opened } = gate()
    collector.answers.push({ after: opened })
    const file = path.join(temporaryDirectory(), 'traces.jsonl')
    const child = launch('traced.cjs', { exporter: { otlp: { endpoint: collector.endpoint }, file }, calls: 10, end: 'process.exit' })
    expect(await child.exit).toMatchObject({ code: 7, signal: null })
    expect(collector.requests).toHaveLength(1)
    open()
    expect(fs.readFileSync(file, 'utf8').trimEnd().split('\n')).toHaveLength(10)
  })
})
