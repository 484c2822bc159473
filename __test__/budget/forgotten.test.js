'use strict'
/** Contexts and managers that nobody holds any more. */

const path = require('node:path')
const { Child } = require('../support/children')

const MAIN = JSON.stringify(path.resolve(__dirname, '../..'))

/** Runs code in a process that may collect when it likes; gives what it reported. */
async function collecting(code) {
  const child = new Child(process.execPath, ['--expose-gc', '-e', `
    const { ResourceBudgetManager, withWorkerCallObservability } = require(${MAIN})
    const lines = []
    const logger = { log: (level, data) => void lines.push({ level, ...data }) }
    const config = { laneConcurrencyLimits: { narrow: 2 }, enableMemoryGuards: false, logger }
    const manager = new ResourceBudgetManager(config)
    const turn = () => new Promise((resolve) => setImmediate(resolve))
    const until = async (look) => {
      const end = performance.now() + 20_000
      while (!look()) {
        if (performance.now() > end) throw new Error('waited in vain: ' + look)
        await turn() // what was looked at is held until then
        gc()
      }
    }
    const active = () => manager.status().global.active
    const collected = () => manager.status().counts.collectedContexts
    const main = async () => {${code}}
    main().then((report) => console.log(JSON.stringify(report)))`])
  const { code: exitCode, stdout, stderr } = await child.exit
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  return JSON.parse(stdout)
}

test('a context that is dropped is released, counted and named', async () => {
  const report = await collecting(`
    const drop = async () => (await manager.acquireSlot('task-7', 'narrow', 60_000, { some: 'metadata' })).id
    const id = await drop()
    const before = active()
    await until(() => collected() === 1)
    return { id, before, after: active(), metrics: manager.getMetrics(), lines, misuse: manager.status().misuse }`)
  expect(report).toMatchObject({ before: 1, after: 0, misuse: { foreignReleases: 0, doubleReleases: 0 } })
  expect(report.lines.filter(({ level }) => level === 'warn')).toEqual([{
    level: 'warn', message: 'a context was collected before it was released', component: 'ResourceBudgetManager',
    callId: report.id, taskId: 'task-7', lane: 'narrow',
  }])
  expect(report.metrics).toEqual([expect.objectContaining({ callId: report.id, endedBy: 'collected', success: false })])
})

test('a context with a signal, scopes and a span is found all the same', async () => {
  const report = await collecting(`
    const drop = async () => {
      const context = await manager.acquireSlot('task', 'narrow')
      context.span.setAttribute('a', 1).addEvent('b')
      context.signal.addEventListener('abort', () => context.id)
      context.registerScope({ cleanup: () => context.id })
    }
    await drop()
    await until(() => collected() === 1)
    return { active: active() }`)
  expect(report).toEqual({ active: 0 })
})

test('contexts that are released, or still held, are not', async () => {
  const report = await collecting(`
    const held = await manager.acquireSlot('held', 'narrow')
    for (let call = 0; call < 500; call++) {
      const context = await manager.acquireSlot('released', 'narrow')
      if (call % 7 === 0) await turn()
      manager.releaseSlot(context, true)
    }
    const drop = async () => void (await manager.acquireSlot('dropped', 'narrow'))
    await drop()
    await until(() => collected() > 0)
    for (let turns = 0; turns < 50; turns++) { gc(); await turn() }
    const counted = collected()
    manager.releaseSlot(held, true)
    return { counted, active: active(), names: lines.filter(({ level }) => level === 'warn').map(({ taskId }) => taskId) }`)
  expect(report).toEqual({ counted: 1, active: 0, names: ['dropped'] })
})

test('a context a function runs with is held by its call', async () => {
  const report = await collecting(`
    let finish
    const running = withWorkerCallObservability('task', () => new Promise((resolve) => { finish = resolve }), { manager, lane: 'narrow' })
    await turn()
    for (let turns = 0; turns < 50; turns++) { gc(); await turn() }
    const during = active()
    finish('done')
    return { during, result: await running, after: active(), collected: collected() }`)
  expect(report).toEqual({ during: 1, result: 'done', after: 0, collected: 0 })
})

test('a slot that was forgotten goes to the next who waits', async () => {
  const report = await collecting(`
    manager.setLimits({ laneConcurrencyLimits: { narrow: 1 } })
    const drop = async () => void (await manager.acquireSlot('dropped', 'narrow'))
    await drop()
    let next
    const waiting = manager.acquireSlot('next', 'narrow', { wait: { maxMs: 60_000 } }).then((context) => { next = context })
    await until(() => next !== undefined)
    await waiting
    return { task: next.taskId, active: active() }`)
  expect(report).toEqual({ task: 'next', active: 1 })
})

test('a deadline that comes before the collector frees the slot as well', async () => {
  const report = await collecting(`
    const drop = async () => void (await manager.acquireSlot('dropped', 'narrow', 10))
    await drop()
    await until(() => active() === 0)
    const [metrics] = manager.getMetrics()
    for (let turns = 0; turns < 20; turns++) { gc(); await turn() }
    const { collectedContexts, deadlines } = manager.status().counts
    return { calls: manager.getMetrics().length, endedBy: metrics.endedBy, sum: collectedContexts + deadlines, active: active() }`)
  expect(report).toMatchObject({ calls: 1, sum: 1, active: 0 })
  expect(['collected', 'deadline']).toContain(report.endedBy)
})

test('a manager that is dropped with its contexts is gone, and others are not disturbed', async () => {
  const report = await collecting(`
    const references = []
    const drop = async () => {
      for (let number = 0; number < 50; number++) {
        const other = new ResourceBudgetManager(config)
        globalThis.context = await other.acquireSlot('task', 'narrow')
        references.push(new WeakRef(other))
      }
      globalThis.context = undefined
    }
    await drop()
    await until(() => references.every((reference) => reference.deref() === undefined))
    for (let turns = 0; turns < 20; turns++) { gc(); await turn() }
    const context = await manager.acquireSlot('task', 'narrow')
    manager.releaseSlot(context, true)
    const again = new ResourceBudgetManager(config)
    const { global } = again.status()
    return { gone: references.length, active: active(), global }`)
  expect(report).toEqual({ gone: 50, active: 0, global: { active: 0, limit: 32, configured: 32 } })
})
