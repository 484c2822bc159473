'use strict'
/** Worker threads: they share the lanes of the process, and what they hold comes back when they end. */

const { once } = require('node:events')
const path = require('node:path')
const { Worker } = require('node:worker_threads')
const { getResourceBudgetManager, resetResourceBudgetManager } = require('../..')
const { eventually, stateOf } = require('../support/events')

const MAIN = JSON.stringify(path.resolve(__dirname, '../..'))
const LONG_MS = 600_000
const CONFIG = { laneConcurrencyLimits: { narrow: 3 }, globalConcurrencyLimit: 100, enableMemoryGuards: false, logger: { log() {} } }

/** @type {Set<Worker>} */
const workers = new Set()

/** Starts a thread whose script has `manager`, `parentPort` and `workerData`, and may await. */
function start(script, workerData) {
  const worker = new Worker(`
    const { parentPort, workerData } = require('node:worker_threads')
    const { ResourceBudgetManager, getResourceBudgetManager, resetResourceBudgetManager, withWorkerCallObservability } = require(${MAIN})
    const manager = getResourceBudgetManager({ enableMemoryGuards: false, logger: { log() {} } })
    const forever = () => setInterval(() => {}, 60_000)
    const main = async () => {${script}}
    main()`, { eval: true, workerData })
  workers.add(worker)
  worker.once('exit', () => workers.delete(worker))
  return worker
}

/** The manager of the process, made anew. */
function lanes(config) {
  resetResourceBudgetManager()
  return getResourceBudgetManager({ ...CONFIG, ...config })
}

const message = async (worker) => (await once(worker, 'message'))[0]

afterEach(async () => {
  await Promise.all([...workers].map((worker) => worker.terminate()))
  resetResourceBudgetManager()
})

test('a thread has the lanes of the process, and ids of its own', async () => {
  const manager = lanes()
  const worker = start(`
    const held = [await manager.acquireSlot('there', 'narrow'), await manager.acquireSlot('there', 'narrow')]
    parentPort.postMessage(held.map(({ id, span }) => ({ id, ...span.toJSON() })))
    parentPort.once('message', async () => {
      const refused = await manager.acquireSlot('there', 'narrow')
      for (const context of held) manager.releaseSlot(context, true)
      parentPort.postMessage({ refused, rejection: manager.lastRejection.reason })
    })`)
  const theirs = await message(worker)
  expect(manager.getConcurrencyStatus().lanes.narrow).toEqual({ active: 2, limit: 3 })
  const context = await manager.acquireSlot('here', 'narrow')
  const ids = [...theirs, { id: context.id, ...context.span.toJSON() }]
  for (const key of ['id', 'traceId', 'spanId']) expect(new Set(ids.map((one) => one[key])).size).toBe(3)
  expect(await manager.acquireSlot('here', 'narrow')).toBeNull()
  worker.postMessage('go on')
  expect(await message(worker)).toEqual({ refused: null, rejection: 'lane_full' })
  expect(manager.getConcurrencyStatus().lanes.narrow.active).toBe(1)
  manager.releaseSlot(context, true)
  expect(manager.getMetrics().map(({ taskId }) => taskId)).toEqual(['there', 'there', 'here'])
})

test('a thread that closes its manager closes nobody else\'s', async () => {
  const manager = lanes()
  const worker = start(`
    const held = await manager.acquireSlot('there', 'narrow')
    resetResourceBudgetManager()
    parentPort.postMessage({ refused: await manager.acquireSlot('there', 'narrow'), reason: manager.lastRejection.reason })
    forever()`)
  expect(await message(worker)).toEqual({ refused: null, reason: 'closed' })
  const context = await manager.acquireSlot('here', 'narrow')
  expect(context).not.toBeNull()
  expect(manager.getConcurrencyStatus().lanes.narrow.active).toBe(2)
  manager.releaseSlot(context, true)
})

test('a slot released in one thread goes to who waits in another', async () => {
  const manager = lanes({ laneConcurrencyLimits: { narrow: 1 } })
  const context = await manager.acquireSlot('here', 'narrow')
  const worker = start(`
    const waiting = manager.acquireSlot('there', 'narrow', { wait: { maxMs: ${LONG_MS} } })
    parentPort.postMessage('waits')
    const context = await waiting
    parentPort.postMessage('in')
    parentPort.once('message', () => manager.releaseSlot(context, true))`)
  expect(await message(worker)).toBe('waits')
  expect(manager.status().queue.waiting).toBe(1)
  manager.releaseSlot(context, true)
  expect(await message(worker)).toBe('in')
  const next = manager.acquireSlot('here', 'narrow', { wait: { maxMs: LONG_MS } })
  expect(await stateOf(next)).toBe('pending')
  worker.postMessage('release')
  manager.releaseSlot(await next, true)
  expect(manager.status().global.active).toBe(0)
})

test('what a thread holds comes back when it is terminated, and goes to who waits', async () => {
  const manager = lanes()
  for (let round = 1; round <= 5; round++) {
    const worker = start(`
      globalThis.held = [await manager.acquireSlot('there', 'narrow'), await manager.acquireSlot('there', 'narrow'), await manager.acquireSlot('there', 'narrow')]
      manager.acquireSlot('there', 'narrow', { wait: { maxMs: ${LONG_MS} } })
      parentPort.postMessage('holds')
      forever()`)
    await message(worker)
    const waiting = manager.acquireSlot('here', 'narrow', { wait: { maxMs: LONG_MS } })
    expect(manager.status()).toMatchObject({ global: { active: 3 }, queue: { waiting: 2 } })
    await worker.terminate()
    manager.releaseSlot(await waiting, true)
    await eventually('every slot to be back', () => manager.status().global.active === 0)
    expect(manager.status()).toMatchObject({ queue: { waiting: 0 }, counts: { orphanedCalls: 3 * round } })
  }
  const orphans = manager.getMetrics().filter(({ endedBy }) => endedBy === 'worker_end')
  expect(orphans).toHaveLength(15)
  expect(orphans.every(({ taskId, success }) => taskId === 'there' && !success)).toBe(true)
})

test('what a thread holds comes back when it ends by itself', async () => {
  const manager = lanes()
  const worker = start("globalThis.held = await manager.acquireSlot('there', 'narrow')")
  const [code] = await once(worker, 'exit')
  expect(code).toBe(0)
  await eventually('the slot to be back', () => manager.status().global.active === 0)
  expect(manager.status().counts.orphanedCalls).toBe(1)
})

test('a deadline is told in the thread that has the call', async () => {
  const manager = lanes()
  const worker = start(`
    const alive = forever()
    const error = await withWorkerCallObservability('there', () => new Promise(() => {}), { manager, timeoutMs: 10 }).catch((error) => error)
    clearInterval(alive)
    parentPort.postMessage({ name: error.name, taskId: error.taskId, code: error.code })`)
  expect(await message(worker)).toEqual({ name: 'WorkerCallTimeoutError', taskId: 'there', code: 'ERR_PLIMSOLL_TIMEOUT' })
  await eventually('the slot to be back', () => manager.status().global.active === 0)
  expect(manager.getMetrics()).toEqual([expect.objectContaining({ taskId: 'there', endedBy: 'deadline' })])
})

test('a thread of a process that made none, or closed it, has lanes of its own', async () => {
  lanes()
  resetResourceBudgetManager()
  const worker = start(`
    const context = await manager.acquireSlot('there', 'narrow')
    parentPort.postMessage([context?.taskId, manager.getConcurrencyStatus().global.limit])`)
  expect(await message(worker)).toEqual(['there', 32])
})

test('a manager that a thread makes for itself shares nothing', async () => {
  const manager = lanes()
  const worker = start(`
    const own = new ResourceBudgetManager({ laneConcurrencyLimits: { narrow: 1 }, enableMemoryGuards: false })
    const context = await own.acquireSlot('there', 'narrow')
    parentPort.postMessage(context.taskId)
    forever()`)
  expect(await message(worker)).toBe('there')
  expect(manager.status().global.active).toBe(0)
})

test('many threads never run more than the limit, and none of their calls is lost', async () => {
  const [THREADS, CALLERS, PAIRS, LIMIT] = [4, 4, 1000, 3]
  const manager = lanes()
  const counters = new Int32Array(new SharedArrayBuffer(12)) // running, the most that ever ran, over the limit
  const script = `
    const { counters, callers, pairs, limit } = workerData
    const tasks = ['a', 'b', 'c']
    let calls = 0
    const caller = async (number) => {
      for (let pair = 0; pair < pairs; pair++) {
        const wait = { maxMs: ${LONG_MS}, priority: ['high', 'normal', 'low'][pair % 3] }
        const context = await manager.acquireSlot(tasks[(number + pair) % 3], 'narrow', { wait })
        if (context === null) throw new Error(JSON.stringify(manager.lastRejection))
        const running = Atomics.add(counters, 0, 1) + 1
        if (running > limit) Atomics.add(counters, 2, 1)
        if (running > Atomics.load(counters, 1)) Atomics.store(counters, 1, running)
        if (pair % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
        Atomics.sub(counters, 0, 1)
        manager.releaseSlot(context, pair % 7 !== 0)
        calls++
      }
    }
    await Promise.all(Array.from({ length: callers }, (_, number) => caller(number)))
    parentPort.postMessage(calls)`
  const threads = Array.from({ length: THREADS }, () => start(script, { counters, callers: CALLERS, pairs: PAIRS, limit: LIMIT }))
  const calls = await Promise.all(threads.map(message))
  expect(calls).toEqual(threads.map(() => CALLERS * PAIRS))
  expect([counters[0], counters[2]]).toEqual([0, 0])
  expect(counters[1]).toBeGreaterThan(1)
  expect(manager.getStatistics()).toMatchObject({ totalCalls: THREADS * CALLERS * PAIRS })
  expect(manager.getStatistics().maxConcurrentCalls).toBeLessThanOrEqual(LIMIT)
  expect(manager.status()).toMatchObject({ global: { active: 0 }, queue: { waiting: 0 }, misuse: { doubleReleases: 0 } })
}, 120_000)
