'use strict'
/** Waiting for a slot: who comes in, in which order, and who is sent away. */

const path = require('node:path')
const { budget, deferred, listening } = require('../support/budgets')
const { Child } = require('../support/children')
const { eventually, rejection, stateOf } = require('../support/events')

const LONG_MS = 600_000
const MAIN = JSON.stringify(path.resolve(__dirname, '../..'))

/** One lane with one slot. */
const narrow = (config) => budget({ laneConcurrencyLimits: { narrow: 1 }, ...config })
const waitFor = (manager, task = 'task', wait = {}, lane = 'narrow') =>
  manager.acquireSlot(task, lane, { wait: { maxMs: LONG_MS, ...wait } })

/** Waits, and puts its name down when it gets its slot, which it gives back at once. */
async function visit(manager, name, visitors, options) {
  const context = await manager.acquireSlot(options?.task ?? 'task', 'narrow', { wait: { maxMs: LONG_MS, ...options?.wait } })
  visitors.push(name)
  manager.releaseSlot(context, true)
}

test('a slot that is free is given at once, also to who would wait', async () => {
  const manager = narrow()
  const context = await waitFor(manager)
  expect(context).toMatchObject({ taskId: 'task', lane: 'narrow' })
  expect(manager.status().queue.waiting).toBe(0)
  manager.releaseSlot(context, true)
  expect(manager.getMetrics()[0]).toMatchObject({ waitedMs: 0 })
})

test('who came first goes first', async () => {
  const manager = narrow()
  const holder = await waitFor(manager)
  const visitors = []
  const visits = Array.from({ length: 100 }, (_, name) => visit(manager, name, visitors))
  expect(manager.status().queue.waiting).toBe(100)
  expect(manager.status().lanes[0].waiting).toBe(100)
  manager.releaseSlot(holder, true)
  await Promise.all(visits)
  expect(visitors).toEqual(Array.from({ length: 100 }, (_, name) => name))
  expect(manager.status()).toMatchObject({ global: { active: 0 }, queue: { waiting: 0 } })
})

test('a higher priority goes before a lower one, whoever came first', async () => {
  const manager = narrow()
  const holder = await waitFor(manager)
  const visitors = []
  const visits = ['low', 'normal', 'high', 'low', 'normal', 'high'].map((priority, n) =>
    visit(manager, `${priority} ${n}`, visitors, { wait: { priority } }))
  manager.releaseSlot(holder, true)
  await Promise.all(visits)
  expect(visitors).toEqual(['high 2', 'high 5', 'normal 1', 'normal 4', 'low 0', 'low 3'])
})

test('who has waited long enough rises, so that nobody starves', async () => {
  const manager = narrow({ queue: { ageingMs: 20 } })
  let holder = await waitFor(manager)
  const old = waitFor(manager, 'old', { priority: 'low' })
  // Others of the highest priority keep coming; the old one gets in all the same.
  for (;;) {
    const next = waitFor(manager, 'new', { priority: 'high' })
    manager.releaseSlot(holder, true)
    const winner = await Promise.race([old, next])
    if (winner.taskId === 'old') {
      manager.releaseSlot(winner, true)
      manager.releaseSlot(await next, true)
      break
    }
    holder = winner
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  expect(manager.status().global.active).toBe(0)
})

test('tasks take turns: one that asks a hundred times does not hold up one that asks once', async () => {
  const manager = narrow()
  const holder = await waitFor(manager, 'holder')
  const visitors = []
  const visits = Array.from({ length: 100 }, (_, n) => visit(manager, `greedy ${n}`, visitors, { task: 'greedy' }))
  visits.push(visit(manager, 'modest', visitors, { task: 'modest' }))
  manager.releaseSlot(holder, true)
  await Promise.all(visits)
  expect(visitors.indexOf('modest')).toBeLessThanOrEqual(1)
})

test('a call that would not wait does not overtake those who do', async () => {
  const manager = budget({ laneConcurrencyLimits: { narrow: 1, other: 1 } })
  const holder = await waitFor(manager)
  const waiting = waitFor(manager, 'first')
  manager.releaseSlot(holder, true)
  // The slot is free for JavaScript only when the waiter has it.
  expect(await manager.acquireSlot('second', 'narrow')).toBeNull()
  expect(['lane_full', 'others_wait']).toContain(manager.lastRejection.reason)
  const other = await manager.acquireSlot('second', 'other')
  expect(other).not.toBeNull()
  const context = await waiting
  expect(context.taskId).toBe('first')
  manager.releaseSlot(context, true)
  manager.releaseSlot(other, true)
})

describe('the end of the wait', () => {
  test('gives null, and says so', async () => {
    const logger = listening()
    const manager = narrow({ logger })
    const holder = await waitFor(manager)
    const before = performance.now()
    expect(await waitFor(manager, 'late', { maxMs: 30 })).toBeNull()
    expect(performance.now() - before).toBeGreaterThanOrEqual(29)
    expect(manager.lastRejection).toMatchObject({ reason: 'wait_expired', taskId: 'late', lane: 'narrow' })
    expect(manager.status()).toMatchObject({ counts: { waitsExpired: 1 }, refusals: { wait_expired: 1 }, queue: { waiting: 0 } })
    expect(logger.said('slot refused: wait_expired')).toEqual([expect.objectContaining({ level: 'warn', taskId: 'late', lane: 'narrow' })])
    manager.releaseSlot(holder, true)
    const next = await manager.acquireSlot('task', 'narrow')
    expect(next).not.toBeNull()
    manager.releaseSlot(next, true)
  })

  test('of no milliseconds is there at once', async () => {
    const manager = narrow()
    const holder = await waitFor(manager)
    expect(await waitFor(manager, 'late', { maxMs: 0 })).toBeNull()
    expect(manager.lastRejection.reason).toBe('wait_expired')
    manager.releaseSlot(holder, true)
  })

  test('leaves the others where they were', async () => {
    const manager = narrow()
    const holder = await waitFor(manager)
    const [first, second, third] = [waitFor(manager, '1'), waitFor(manager, '2', { maxMs: 20 }), waitFor(manager, '3')]
    expect(await second).toBeNull()
    manager.releaseSlot(holder, true)
    const one = await first
    expect(await stateOf(third)).toBe('pending')
    manager.releaseSlot(one, true)
    manager.releaseSlot(await third, true)
    expect(manager.status().global.active).toBe(0)
  })
})

describe('a signal', () => {
  test('that was aborted before rejects with its reason, and takes no slot', async () => {
    const manager = narrow()
    const reason = new Error('enough')
    for (const wait of [undefined, { maxMs: LONG_MS }]) {
      const asked = manager.acquireSlot('task', 'narrow', { signal: AbortSignal.abort(reason), wait })
      expect(await rejection(asked)).toBe(reason)
    }
    expect(manager.status()).toMatchObject({ global: { active: 0 }, queue: { waiting: 0 } })
  })

  test('ends the wait with its reason, whatever that is', async () => {
    const manager = narrow()
    const holder = await waitFor(manager)
    for (const reason of [new Error('enough'), 'text', null]) {
      const controller = new AbortController()
      const waiting = manager.acquireSlot('task', 'narrow', { signal: controller.signal, wait: { maxMs: LONG_MS } })
      expect(manager.status().queue.waiting).toBe(1)
      controller.abort(reason)
      expect(await rejection(waiting)).toBe(reason)
      expect(manager.status().queue.waiting).toBe(0)
    }
    expect(manager.status().counts.waitsCancelled).toBe(3)
    manager.releaseSlot(holder, true)
    expect(manager.status().global.active).toBe(0)
  })

  test('lets the next one in when its own place is given up', async () => {
    const manager = budget({ globalConcurrencyLimit: 2, laneConcurrencyLimits: { narrow: 1 }, taskQuota: { slots: 1 } })
    const holder = await waitFor(manager, 'a')
    const controller = new AbortController()
    const first = manager.acquireSlot('b', 'narrow', { signal: controller.signal, wait: { maxMs: LONG_MS } })
    const second = waitFor(manager, 'c')
    controller.abort()
    expect((await rejection(first)).name).toBe('AbortError')
    manager.releaseSlot(holder, true)
    manager.releaseSlot(await second, true)
  })

  test('that comes with the grant leaks no slot', async () => {
    const manager = narrow()
    let [granted, aborted] = [0, 0]
    for (let round = 0; round < 300; round++) {
      const holder = await waitFor(manager)
      const controller = new AbortController()
      const waiting = manager.acquireSlot('task', 'narrow', { signal: controller.signal, wait: { maxMs: LONG_MS } })
      const outcome = waiting.then((context) => {
        granted++
        manager.releaseSlot(context, true)
      }, () => { aborted++ })
      if (round % 3 === 0) {
        controller.abort()
        manager.releaseSlot(holder, true)
      } else {
        manager.releaseSlot(holder, true)
        if (round % 3 === 1) controller.abort()
        else queueMicrotask(() => controller.abort())
      }
      await outcome
    }
    expect(granted + aborted).toBe(300)
    expect(aborted).toBeGreaterThanOrEqual(100)
    await eventually('every slot to be back', () => manager.status().global.active === 0)
    const next = await manager.acquireSlot('task', 'narrow')
    expect(next).not.toBeNull()
    manager.releaseSlot(next, true)
  })

  test('whose waiter was granted and given up hands the slot to the one behind', async () => {
    const manager = narrow()
    const holder = await waitFor(manager)
    const controller = new AbortController()
    const first = manager.acquireSlot('first', 'narrow', { signal: controller.signal, wait: { maxMs: LONG_MS } })
    const second = waitFor(manager, 'second')
    // The first one's grant is under way now, and comes too late.
    manager.setLimits({ laneConcurrencyLimits: { narrow: 2 } })
    controller.abort()
    expect((await rejection(first)).name).toBe('AbortError')
    const context = await second
    expect(context.taskId).toBe('second')
    manager.releaseSlot(holder, true)
    manager.releaseSlot(context, true)
    expect(manager.status().global.active).toBe(0)
  })

  test('aborted after the slot was given changes nothing', async () => {
    const manager = narrow()
    const controller = new AbortController()
    const context = await manager.acquireSlot('task', 'narrow', { signal: controller.signal, wait: { maxMs: LONG_MS } })
    controller.abort()
    expect(context.released).toBe(false)
    expect(manager.status().global.active).toBe(1)
    manager.releaseSlot(context, true)
  })
})

describe('a full queue', () => {
  test('refuses who comes', async () => {
    const manager = narrow({ queue: { max: 2 } })
    const holder = await waitFor(manager)
    const waiting = [waitFor(manager, '1'), waitFor(manager, '2')]
    expect(await waitFor(manager, '3', { priority: 'high' })).toBeNull()
    expect(manager.lastRejection).toMatchObject({ reason: 'queue_full', taskId: '3' })
    expect(manager.status().queue).toEqual({ waiting: 2, max: 2 })
    manager.releaseSlot(holder, true)
    for (const waiter of waiting) manager.releaseSlot(await waiter, true)
  })

  test('sends away the last of the lowest priority for a higher one, if told so', async () => {
    const manager = narrow({ queue: { max: 2, shed: 'drop-lowest' } })
    const holder = await waitFor(manager)
    const low = [waitFor(manager, 'low 1', { priority: 'low' }), waitFor(manager, 'low 2', { priority: 'low' })]
    expect(await waitFor(manager, 'low 3', { priority: 'low' })).toBeNull()
    expect(manager.lastRejection.reason).toBe('queue_full')
    const high = waitFor(manager, 'high', { priority: 'high' })
    expect(await low[1]).toBeNull()
    expect(manager.lastRejection).toMatchObject({ reason: 'shed', taskId: 'low 2' })
    expect(manager.status().counts.shed).toBe(1)
    manager.releaseSlot(holder, true)
    const context = await high
    expect(context.taskId).toBe('high')
    manager.releaseSlot(context, true)
    manager.releaseSlot(await low[0], true)
  })

  test('of no places lets nobody wait', async () => {
    const manager = narrow({ queue: { max: 0 } })
    const holder = await waitFor(manager)
    expect(await waitFor(manager)).toBeNull()
    expect(manager.lastRejection.reason).toBe('queue_full')
    manager.releaseSlot(holder, true)
  })
})

test('close() answers those who wait, and lets nobody in after', async () => {
  const manager = narrow()
  const holder = await waitFor(manager)
  const waiting = Array.from({ length: 10 }, () => waitFor(manager))
  manager.close()
  expect(await Promise.all(waiting)).toEqual(waiting.map(() => null))
  expect(manager.lastRejection.reason).toBe('closed')
  expect(await waitFor(manager)).toBeNull()
  expect(await manager.acquireSlot('task', 'narrow')).toBeNull()
  expect(manager.status()).toMatchObject({ global: { active: 1 }, queue: { waiting: 0 } })
  manager.releaseSlot(holder, true)
  expect(manager.status().global.active).toBe(0)
  expect(() => manager.setLimits({ globalConcurrencyLimit: 3 })).toThrow(expect.objectContaining({ code: 'ERR_PLIMSOLL_CLOSED' }))
  expect(() => manager.close()).not.toThrow()
})

test('setLimits lets in as many as there is room for now', async () => {
  const manager = budget({ laneConcurrencyLimits: { narrow: 0 }, globalConcurrencyLimit: 10 })
  const waiting = Array.from({ length: 5 }, () => waitFor(manager))
  expect(await stateOf(Promise.race(waiting))).toBe('pending')
  manager.setLimits({ laneConcurrencyLimits: { narrow: 3 } })
  const held = await Promise.all(waiting.slice(0, 3))
  expect(await stateOf(waiting[3])).toBe('pending')
  manager.setLimits({ globalConcurrencyLimit: 4, laneConcurrencyLimits: { narrow: 10 } })
  held.push(await waiting[3])
  expect(await stateOf(waiting[4])).toBe('pending')
  expect(manager.getConcurrencyStatus()).toEqual({ global: { active: 4, limit: 4 }, lanes: { narrow: { active: 4, limit: 10 } } })
  for (const context of held) manager.releaseSlot(context, true)
  manager.releaseSlot(await waiting[4], true)
})

test('a lowered limit lets nobody in until enough has ended', async () => {
  const manager = budget({ laneConcurrencyLimits: { narrow: 3 } })
  const held = [await waitFor(manager), await waitFor(manager), await waitFor(manager)]
  manager.setLimits({ laneConcurrencyLimits: { narrow: 1 } })
  expect(manager.getConcurrencyStatus().lanes.narrow).toEqual({ active: 3, limit: 1 })
  const waiting = waitFor(manager)
  for (const context of held.slice(0, 2)) manager.releaseSlot(context, true)
  expect(await stateOf(waiting)).toBe('pending')
  manager.releaseSlot(held[2], true)
  manager.releaseSlot(await waiting, true)
})

describe('quotas', () => {
  test('of slots hold one task back and no other', async () => {
    const manager = budget({ laneConcurrencyLimits: { wide: 10 }, taskQuota: { slots: 2 }, taskQuotas: { favoured: { slots: 3 } } })
    const acquire = (task) => manager.acquireSlot(task, 'wide')
    const held = [await acquire('a'), await acquire('a')]
    expect(await acquire('a')).toBeNull()
    expect(manager.lastRejection).toMatchObject({ reason: 'task_slots', taskId: 'a' })
    for (let n = 0; n < 3; n++) held.push(await acquire('favoured'))
    expect(held).not.toContain(null)
    expect(await acquire('favoured')).toBeNull()
    const waiting = manager.acquireSlot('a', 'wide', { wait: { maxMs: LONG_MS } })
    const other = await manager.acquireSlot('b', 'wide', { wait: { maxMs: LONG_MS } })
    expect(other).not.toBeNull()
    expect(await stateOf(waiting)).toBe('pending')
    manager.releaseSlot(held.shift(), true)
    held.push(await waiting, other)
    for (const context of held) manager.releaseSlot(context, true)
    expect(manager.status().global.active).toBe(0)
  })

  test('of calls a minute count calls that have ended too', async () => {
    const manager = budget({ taskQuota: { callsPerMinute: 3 } })
    for (let n = 0; n < 3; n++) manager.releaseSlot(await manager.acquireSlot('a', 'wide'), true)
    expect(await manager.acquireSlot('a', 'wide')).toBeNull()
    expect(manager.lastRejection.reason).toBe('task_rate')
    const other = await manager.acquireSlot('b', 'wide')
    expect(other).not.toBeNull()
    manager.releaseSlot(other, true)
  })

  test('of time are used up by what ran', async () => {
    const manager = budget({ taskQuota: { totalMs: 5 } })
    const context = await manager.acquireSlot('a', 'wide')
    await new Promise((resolve) => setTimeout(resolve, 10))
    manager.releaseSlot(context, true)
    expect(await manager.acquireSlot('a', 'wide')).toBeNull()
    expect(manager.lastRejection.reason).toBe('task_time')
  })
})

describe('the process', () => {
  const run = (code) => new Child(process.execPath, ['-e', `
    const { ResourceBudgetManager } = require(${MAIN})
    const manager = new ResourceBudgetManager({ laneConcurrencyLimits: { narrow: 1 }, enableMemoryGuards: false, logger: { log() {} } })
    const wait = (maxMs) => manager.acquireSlot('task', 'narrow', { wait: { maxMs } });
    ${code}`])

  test('lives while somebody waits, and ends when nobody does', async () => {
    const child = run(`
      (async () => {
        const held = await wait(0)
        console.log(await wait(300))
        manager.releaseSlot(held, true)
        console.log('released')
      })()`)
    expect(await child.exit).toMatchObject({ code: 0, stdout: 'null\nreleased\n', stderr: '' })
  })

  test('ends although a slot is held', async () => {
    const child = run("wait(0).then((context) => { globalThis.held = context; console.log('held') })")
    expect(await child.exit).toMatchObject({ code: 0, stdout: 'held\n', stderr: '' })
  })

  test('ends when the wait is given up', async () => {
    const child = run(`
      (async () => {
        globalThis.held = await wait(0)
        const controller = new AbortController()
        const waiting = manager.acquireSlot('task', 'narrow', { wait: { maxMs: ${LONG_MS} }, signal: controller.signal })
        controller.abort('enough')
        console.log(await waiting.catch((reason) => reason))
      })()`)
    expect(await child.exit).toMatchObject({ code: 0, stdout: 'enough\n', stderr: '' })
  })
})

test('a manager that nobody holds but those who wait still answers them', async () => {
  const child = new Child(process.execPath, ['--expose-gc', '-e', `
    const { ResourceBudgetManager } = require(${MAIN})
    const ask = () => new ResourceBudgetManager({ laneConcurrencyLimits: { narrow: 0 }, enableMemoryGuards: false, logger: { log() {} } })
      .acquireSlot('task', 'narrow', { wait: { maxMs: 200 } })
    ask().then((context) => console.log(context))
    const collect = setInterval(gc, 1)
    setTimeout(() => clearInterval(collect), 100)`])
  expect(await child.exit).toMatchObject({ code: 0, stdout: 'null\n', stderr: '' })
})

test('a slot given back inside an answer reaches the next one', async () => {
  const manager = narrow()
  const holder = await waitFor(manager)
  const done = deferred()
  let count = 0
  const visit = async () => {
    manager.releaseSlot(await waitFor(manager), true)
    if (++count === 50) done.resolve()
  }
  for (let n = 0; n < 50; n++) visit()
  manager.releaseSlot(holder, true)
  await done.promise
  expect(manager.status().global.active).toBe(0)
})
