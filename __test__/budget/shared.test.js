'use strict'
/** Lanes shared by several processes through a file. */

const fs = require('node:fs')
const path = require('node:path')
const { ResourceBudgetManager } = require('../..')
const { budget } = require('../support/budgets')
const { launch } = require('../support/children')
const { temporaryDirectory } = require('../support/directories')
const { eventually } = require('../support/events')

const LONG_MS = 40_000
const segment = () => path.join(temporaryDirectory(), 'lanes')

/** A process on a shared file; `ask` sends a command and gives the answer. */
class Orchestrator {
  #heard = 0

  constructor(task) {
    this.child = launch('sharing.cjs', task)
  }

  async answer() {
    const nth = ++this.#heard
    const [, line] = await this.child.says(new RegExp(`^(?:.*\\n){${nth - 1}}(.*)\\n`))
    return JSON.parse(line)
  }

  ask(command) {
    this.child.process.stdin.write(`${command}\n`)
    return this.answer()
  }

  static async start(shared, limit = 2, rest = {}) {
    const orchestrator = new Orchestrator({ shared, limit, ...rest })
    expect(await orchestrator.answer()).toEqual({ ready: orchestrator.child.process.pid })
    return orchestrator
  }
}

test('limits hold over all processes together', async () => {
  const file = segment()
  const [one, other] = await Promise.all([Orchestrator.start(file), Orchestrator.start(file)])
  expect(await one.ask('acquire')).toMatchObject({ got: true })
  expect(await other.ask('acquire')).toMatchObject({ got: true })
  expect(await one.ask('acquire')).toMatchObject({ got: false, reason: 'lane_full' })
  expect(await other.ask('acquire')).toMatchObject({ got: false, reason: 'lane_full' })
  const status = await one.ask('status')
  expect(status).toMatchObject({ path: file, processes: 2, reclaimedProcesses: 0, problem: null, global: { active: 2, limit: 100, mine: 1 } })
  expect(status.lanes).toEqual([{ name: 'narrow', active: 2, limit: 2, mine: 1 }])
  expect(await one.ask('release')).toEqual({ held: 0 })
  expect(await other.ask('acquire')).toMatchObject({ got: true })
  expect(await one.ask('acquire')).toMatchObject({ got: false })
  expect(fs.statSync(file).mode & 0o777).toBe(0o600)
})

test('limits that one process changes hold for all', async () => {
  const file = segment()
  const manager = budget({ shared: file, laneConcurrencyLimits: { narrow: 1 } })
  const other = await Orchestrator.start(file, 1)
  expect(await other.ask('acquire')).toMatchObject({ got: true })
  expect(await manager.acquireSlot('task', 'narrow')).toBeNull()
  manager.setLimits({ laneConcurrencyLimits: { narrow: 2 } })
  const context = await manager.acquireSlot('task', 'narrow')
  expect(context).not.toBeNull()
  expect((await other.ask('status')).lanes).toEqual([{ name: 'narrow', active: 2, limit: 2, mine: 1 }])
  manager.releaseSlot(context, true)
})

test('a slot given back in one process goes to who waits in another', async () => {
  const file = segment()
  const [one, other] = await Promise.all([Orchestrator.start(file, 1), Orchestrator.start(file, 1)])
  expect(await one.ask('acquire')).toMatchObject({ got: true })
  expect(await other.ask(`wait ${LONG_MS}`)).toEqual({ waits: 1 })
  expect(await one.ask('release')).toEqual({ held: 0 })
  expect(await other.answer()).toMatchObject({ got: true })
})

test('a wait in vain ends', async () => {
  const file = segment()
  const [one, other] = await Promise.all([Orchestrator.start(file, 1), Orchestrator.start(file, 1)])
  await one.ask('acquire')
  await other.ask('wait 50')
  expect(await other.answer()).toMatchObject({ got: false, reason: 'wait_expired' })
})

test('the slots of a process that is killed are back within a second', async () => {
  const file = segment()
  const waiter = await Orchestrator.start(file, 1)
  for (let round = 1; round <= 3; round++) {
    const holder = await Orchestrator.start(file, 1)
    expect(await holder.ask('acquire')).toMatchObject({ got: true })
    expect(await waiter.ask(`wait ${LONG_MS}`)).toEqual({ waits: 1 })
    await holder.child.kill('SIGKILL')
    const dead = Date.now()
    const { got, at } = await waiter.answer()
    expect(got).toBe(true)
    expect(at - dead).toBeLessThan(1000)
    expect(await waiter.ask('status')).toMatchObject({ processes: 1, reclaimedProcesses: round, global: { active: 1, mine: 1 } })
    await waiter.ask('release')
  }
})

test('who looks for a slot at once finds that of a process that was killed', async () => {
  const file = segment()
  const [holder, looker] = await Promise.all([Orchestrator.start(file, 1), Orchestrator.start(file, 1)])
  await holder.ask('acquire')
  expect(await looker.ask('acquire')).toMatchObject({ got: false })
  await holder.child.kill('SIGKILL')
  const dead = Date.now()
  await eventually('the slot to be found', async () => (await looker.ask('acquire')).got)
  expect(Date.now() - dead).toBeLessThan(1000)
})

test('a process that ends gives its slots back', async () => {
  const file = segment()
  const manager = budget({ shared: file, laneConcurrencyLimits: { narrow: 1 } })
  const holder = await Orchestrator.start(file, 1)
  await holder.ask('acquire')
  const waiting = manager.acquireSlot('task', 'narrow', { wait: { maxMs: LONG_MS } })
  holder.child.process.stdin.end('end\n')
  expect(await holder.child.exit).toMatchObject({ code: 0 })
  manager.releaseSlot(await waiting, true)
})

test('processes that come and go never run more than the limit together', async () => {
  const file = segment()
  const marks = temporaryDirectory()
  const processes = await Promise.all([1, 2, 3].map((n) => Orchestrator.start(file, 2, { ownFile: path.join(marks, String(n)) })))
  const seen = await Promise.all(processes.map((one) => one.ask('loop 200')))
  for (const { most } of seen) expect([1, 2]).toContain(most)
  expect(await processes[0].ask('status')).toMatchObject({ global: { active: 0 }, problem: null })
})

describe('a file that is not ours', () => {
  test.each([
    ['text', Buffer.from('somebody else\'s notes\n')],
    ['as long as a segment', Buffer.alloc(32_768, 'x')],
    ['a segment of another version', (() => {
      const bytes = Buffer.alloc(32_768)
      bytes.write('PLIMLANE')
      bytes.writeUInt32LE(9999, 8)
      return bytes
    })()],
  ])('%s is refused and left alone', (_title, bytes) => {
    const file = segment()
    fs.writeFileSync(file, bytes, { mode: 0o600 })
    const before = fs.statSync(file)
    expect(() => new ResourceBudgetManager({ shared: file })).toThrow(expect.objectContaining({ name: 'PlimsollError', code: 'ERR_PLIMSOLL_UNSUPPORTED_SEGMENT' }))
    expect(fs.readFileSync(file).equals(bytes)).toBe(true)
    expect(fs.statSync(file).mtimeMs).toBe(before.mtimeMs)
  })

  test('a directory, and what would lie in a file, cannot be opened', () => {
    const directory = temporaryDirectory()
    const file = path.join(directory, 'file')
    fs.writeFileSync(file, 'text')
    for (const shared of [directory, path.join(file, 'lanes')]) {
      expect(() => new ResourceBudgetManager({ shared })).toThrow(expect.objectContaining({ code: 'ERR_PLIMSOLL_OPEN' }))
    }
    expect(fs.readdirSync(directory)).toEqual(['file'])
    expect(fs.readFileSync(file, 'utf8')).toBe('text')
  })
})
