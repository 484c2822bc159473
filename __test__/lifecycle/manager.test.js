'use strict'
/** The manager beyond its scopes: what belongs to none, and the end of everything. */

const { EventEmitter } = require('node:events')
const { deferred } = require('../support/budgets')
const { rejection, stateOf } = require('../support/events')
const { lifecycle } = require('../support/lifecycle')

const NOTHING = { listeners: 0, processes: 0, tempFiles: 0 }
const NEVER = new Promise(() => {})

/** One of each, most of it beyond any scope. */
async function busy({ manager }) {
  const emitter = new EventEmitter().on('event', busy)
  manager.trackListener(emitter, 'event', busy)
  await manager.createTempFile('file', 'test')
  await manager.createTempDirectory('directory', 'test')
  manager.spawn('server')
  const scope = manager.scope()
  scope.on(emitter, 'other', busy)
  scope.trackProcess({ pid: 7 }, 'other')
  return { emitter, scope }
}

test('statistics are those of this manager alone', async () => {
  const one = lifecycle()
  const { manager: other } = lifecycle()
  await busy(one)
  expect(one.manager.getStatistics()).toEqual({ listeners: 2, processes: 2, tempFiles: 2 })
  expect(other.getStatistics()).toEqual(NOTHING)
  one.core.trackProcess(8, 'of another manager over the same core', 99)
  expect(one.manager.getStatistics().processes).toBe(2)
  await one.manager.cleanup()
})

describe('cleanup()', () => {
  test('ends everything, as often as it is called', async () => {
    const parts = lifecycle()
    for (let time = 0; time < 3; time++) {
      const { emitter, scope } = await busy(parts)
      await parts.manager.cleanup()
      expect(parts.manager.getStatistics()).toEqual(NOTHING)
      expect([emitter.eventNames(), scope.ended, parts.manager.scopes.open, parts.core.groups.size]).toEqual([[], true, 0, 0])
      await parts.manager.cleanup()
    }
    expect(parts.core.processes()).toEqual([])
  })

  test('closes the pools', async () => {
    const { manager, core } = lifecycle({ codex: { max: 2 } })
    await manager.cleanup()
    expect(core.closed).toEqual([])
    const { owner, group } = manager.createProcessPool({ command: 'worker' })
    expect([...core.groups.keys()]).toEqual([group])
    expect(await manager.execCodex(['exec'], { timeoutMs: 5 })).toEqual({ args: ['exec'], options: { timeoutMs: 5 }, settings: { max: 2 } })
    await manager.cleanup()
    expect(core.closed).toEqual([owner])
  })

  test('ends commands that are under way, and not those that begin meanwhile', async () => {
    const { manager, core } = lifecycle()
    const gate = deferred()
    core.gate = gate.promise
    core.work = NEVER
    const ended = rejection(manager.exec('before'))
    const cleanup = manager.cleanup()
    manager.spawn('meanwhile')
    const scope = manager.scope()
    scope.spawn('in a scope')
    gate.resolve()
    await cleanup
    expect(core.processes().map(({ command }) => command)).toEqual(['meanwhile', 'in a scope'])
    expect(scope.ended).toBe(false)
    await manager.cleanup()
    expect(core.processes()).toEqual([])
    expect(await ended).toMatchObject({ message: 'ended with its group' })
  })

  test('ends independent scopes at once: one that hangs keeps no other', async () => {
    const { manager } = lifecycle({ releaseTimeoutMs: 60_000 })
    const released = []
    const hanging = deferred()
    for (const name of ['first', 'second']) {
      const scope = manager.scope()
      scope.defer(() => void released.push(name))
      if (name === 'second') scope.defer(() => hanging.promise)
    }
    const cleanup = manager.cleanup()
    await stateOf(NEVER)
    expect(released).toEqual(['first'])
    hanging.resolve()
    await cleanup
    expect(released).toEqual(['first', 'second'])
  })

  test('tries everything, and tells of all that failed', async () => {
    const { manager, core } = lifecycle({ releaseTimeoutMs: 5 })
    const failure = new Error('of a release')
    manager.scope({ name: 'failing' }).defer(() => { throw failure })
    await manager.createTempFile('x', 'test')
    core.endGroup = async () => NEVER
    const error = await rejection(manager.cleanup())
    expect(error).toMatchObject({ code: 'ERR_PLIMSOLL_CLEANUP', message: expect.stringContaining('a ResourceLifecycleManager has ended') })
    expect(error.errors).toEqual([
      expect.objectContaining({ code: 'ERR_PLIMSOLL_CLEANUP', errors: [failure] }),
      expect.objectContaining({ code: 'ERR_PLIMSOLL_TIMEOUT' }),
    ])
    expect(manager.lastCleanupFailures).toEqual(error.errors)
  })

  test('told twice at once is done once each, and both tell when it is done', async () => {
    const parts = lifecycle()
    await busy(parts)
    await Promise.all([parts.manager.cleanup(), parts.manager.cleanup(), parts.manager[Symbol.asyncDispose]()])
    expect(parts.manager.getStatistics()).toEqual(NOTHING)
    expect(parts.core.asked.filter((asked) => asked.startsWith('end ')).length).toBe(3)
  })

  test('in the middle of a scope\'s function ends the scope, and the function goes on', async () => {
    const { manager } = lifecycle()
    expect(await manager.withScope(async (scope) => {
      scope.defer(() => {})
      await manager.cleanup()
      return scope.ended
    })).toBe(true)
  })
})

describe('temporary files', () => {
  test('are deleted by path, and a path that is gone is no error', async () => {
    const { manager, core } = lifecycle()
    const path = await manager.createTempFile('x', 'test', { directory: '/elsewhere' })
    expect(path).toMatch(/^\/elsewhere\/x-/)
    await manager.deleteTempFile(path)
    await manager.deleteTempFile(path)
    expect(core.temps()).toEqual([])
  })

  test('are cleaned up by age: an hour unless told otherwise, 0 for all', async () => {
    const { manager, core } = lifecycle()
    await manager.createTempFile('old', 'test')
    core.time += 3_600_000
    await manager.createTempFile('new', 'test')
    expect(await manager.cleanupOldTempFiles()).toBe(1)
    expect(await manager.cleanupOldTempFiles(0)).toBe(1)
    expect(await manager.cleanupOldTempFiles(0)).toBe(0)
  })
})
