'use strict'
/** Scopes: what they hold is released, in order, in bounded time, whatever fails. */

const { EventEmitter, setMaxListeners } = require('node:events')
const { PassThrough } = require('node:stream')
const { PlimsollError, ScopeCleanupError, withWorkerCallObservability } = require('../..')
const { nativeGroup } = require('../../js/native-group.js')
const { budget, deferred } = require('../support/budgets')
const { eventually, rejection, stateOf } = require('../support/events')
const { FakeCore, lifecycle } = require('../support/lifecycle')

const NEVER = new Promise(() => {})

describe('the result', () => {
  test('of the function is that of withScope', async () => {
    const { manager } = lifecycle()
    expect(await manager.withScope(async () => 7)).toBe(7)
    expect(await manager.withScope(() => 'at once')).toBe('at once')
  })

  test.each([new Error('its own'), 'a string', undefined, null, 0])('of a function that throws is what it threw, the same one: %p', async (thrown) => {
    const { manager } = lifecycle()
    const released = []
    const error = await rejection(manager.withScope((scope) => {
      scope.defer(() => void released.push('released'))
      throw thrown
    }))
    expect(error).toBe(thrown)
    expect(released).toEqual(['released'])
  })
})

describe('release', () => {
  test('is in reverse order of acquisition, one after the other', async () => {
    const { manager, core } = lifecycle()
    const order = []
    const emitter = new EventEmitter()
    emitter.on('removeListener', () => order.push('listener'))
    const stream = new PassThrough().on('close', () => order.push('stream'))
    await manager.withScope(async (scope) => {
      scope.defer(() => order.push('first'))
      scope.on(emitter, 'event', () => {})
      scope.trackStream(stream)
      await scope.createTempFile('file', 'a test')
      scope.defer(async () => {
        await stateOf(NEVER)
        order.push(`slow, ${core.asked.filter((asked) => asked.startsWith('delete')).length} deleted`)
      })
      scope.trackProcess({ pid: 77, once() {} }, 'worker', ['--serve'])
      scope.use({ [Symbol.dispose]: () => order.push(core.asked.at(-1)) })
      scope.defer(() => order.push('last'))
    })
    expect(order).toEqual(['last', expect.stringMatching(/^create/), 'slow, 0 deleted', 'stream', 'listener', 'first'])
    expect(core.asked.map((asked) => asked.replace(/-?\d+.*/, ''))).toEqual(['open ', 'open ', 'create /fake/file', 'end process ', 'delete /fake/file', 'end '])
    expect(manager.getStatistics()).toEqual({ listeners: 0, processes: 0, tempFiles: 0 })
  })

  test('goes on after one that throws, and all errors are told', async () => {
    const { manager } = lifecycle()
    const released = []
    const errors = [new Error('late'), new Error('early')]
    const error = await rejection(manager.withScope((scope) => {
      scope.defer(() => released.push('first'))
      scope.defer(() => { throw errors[1] })
      scope.defer(() => Promise.reject(errors[0]))
      scope.defer(() => released.push('last'))
    }, { name: 'work' }))
    expect(error).toBeInstanceOf(ScopeCleanupError)
    expect(error).toBeInstanceOf(PlimsollError)
    expect(error).toMatchObject({
      name: 'ScopeCleanupError', code: 'ERR_PLIMSOLL_CLEANUP', errors, cause: errors[0],
      message: 'the scope "work" has ended, but 2 of its releases failed: late; early',
    })
    expect(released).toEqual(['last', 'first'])
    expect(manager.lastCleanupFailures).toEqual(errors)
    expect(manager.scopes).toMatchObject({ open: 0, opened: 1, ended: 1, failures: 2 })
  })

  test('that fails never hides the error of the function, and leaves it as it is', async () => {
    const heard = []
    const { manager, logger } = lifecycle({ onError: (error) => heard.push(error) })
    const own = Object.freeze(new Error('its own'))
    const failure = new Error('of the release')
    expect(await rejection(manager.withScope((scope) => {
      scope.defer(() => { throw failure })
      throw own
    }))).toBe(own)
    expect(heard).toEqual([expect.objectContaining({ code: 'ERR_PLIMSOLL_CLEANUP', errors: [failure] })])
    expect(manager.lastCleanupFailures).toEqual([failure])
    expect(logger.lines).toEqual([expect.objectContaining({ level: 'warn', failures: ['of the release'] })])
  })

  test.each([['throws', () => { throw new Error('no') }], ['rejects', () => Promise.reject(new Error('no'))]])('is not disturbed by an onError that %s', async (_how, onError) => {
    const { manager, logger } = lifecycle({ onError })
    const own = new Error('its own')
    expect(await rejection(manager.withScope((scope) => {
      scope.defer(() => { throw new Error('of the release') })
      throw own
    }))).toBe(own)
    await stateOf(NEVER)
    expect(logger.said('onError failed')).toEqual([expect.objectContaining({ level: 'error', failure: 'no' })])
  })

  test('that hangs is given up, named and counted, and the rest is released', async () => {
    const { manager } = lifecycle({ releaseTimeoutMs: 5 })
    const released = []
    const error = await rejection(manager.withScope((scope) => {
      scope.defer(() => released.push('first'))
      scope.defer(function waitsForEver() { return NEVER })
    }, { name: 'stuck' }))
    expect(released).toEqual(['first'])
    expect(error.errors).toEqual([expect.objectContaining({
      code: 'ERR_PLIMSOLL_TIMEOUT', message: expect.stringContaining('the release of defer(waitsForEver) in the scope "stuck" took longer than 5 ms'),
    })])
    expect(manager.scopes.releaseTimeouts).toBe(1)
  })

  test('that fails after it was given up disturbs nobody', async () => {
    const { manager } = lifecycle({ releaseTimeoutMs: 5 })
    const late = deferred()
    await rejection(manager.withScope((scope) => scope.defer(() => late.promise)))
    late.reject(new Error('late'))
    await stateOf(NEVER)
    expect(manager.scopes).toMatchObject({ failures: 1 })
  })

  test('of files the core could not remove is told', async () => {
    const { manager, core } = lifecycle()
    core.failures = [{ path: '/fake/x', message: 'EACCES' }]
    const error = await rejection(manager.withScope((scope) => scope.createTempFile('x', 'test')))
    expect(error.errors).toEqual([expect.objectContaining({ code: 'ERR_PLIMSOLL_WRITE', message: '/fake/x could not be removed: EACCES' })])
  })

  test('that waits for its own scope does not wait for ever', async () => {
    const { manager } = lifecycle({ releaseTimeoutMs: 5 })
    const error = await rejection(manager.withScope((scope) => scope.defer(() => scope.cleanup())))
    expect(error.errors).toEqual([expect.objectContaining({ code: 'ERR_PLIMSOLL_TIMEOUT' })])
  })

  test('skips what another release has let go of', async () => {
    const { manager, core } = lifecycle()
    await manager.withScope(async (scope) => {
      const path = await scope.createTempFile('x', 'test')
      scope.defer(() => manager.deleteTempFile(path))
    })
    expect(core.asked.filter((asked) => asked.startsWith('delete'))).toHaveLength(1)
  })
})

describe('cleanup()', () => {
  test('releases once, and gives the same promise again', async () => {
    const { manager } = lifecycle()
    const scope = manager.scope()
    let released = 0
    scope.defer(() => void released++)
    const first = scope.cleanup()
    expect(scope.cleanup()).toBe(first)
    await first
    expect(scope.cleanup()).toBe(first)
    expect([released, scope.ended]).toEqual([1, true])
  })

  test('in the middle of the function ends the scope for good', async () => {
    const { manager } = lifecycle()
    let released = 0
    await manager.withScope(async (scope) => {
      scope.defer(() => void released++)
      await scope.cleanup()
      expect(() => scope.defer(() => {})).toThrow(expect.objectContaining({ code: 'ERR_PLIMSOLL_CLOSED' }))
    })
    expect(released).toBe(1)
  })

  test('is what Symbol.asyncDispose does', async () => {
    const { manager } = lifecycle()
    const scope = manager.scope()
    let released = 0
    scope.defer(() => void released++)
    await scope[Symbol.asyncDispose]()
    expect(released).toBe(1)
  })
})

test('a scope that has ended holds nothing more, and says so', async () => {
  const { manager, core } = lifecycle()
  const scope = manager.scope({ name: 'over' })
  await scope.cleanup()
  const emitter = new EventEmitter()
  const closed = expect.objectContaining({ code: 'ERR_PLIMSOLL_CLOSED', message: expect.stringContaining('the scope "over"') })
  expect(() => scope.on(emitter, 'event', () => {})).toThrow(closed)
  expect(() => scope.once(emitter, 'event', () => {})).toThrow(closed)
  expect(() => scope.trackProcess({ pid: 7 }, 'x')).toThrow(closed)
  expect(() => scope.trackTempFile('/x', 'x')).toThrow(closed)
  expect(() => scope.trackStream(new PassThrough())).toThrow(closed)
  expect(() => scope.defer(() => {})).toThrow(closed)
  expect(() => scope.use({ close() {} })).toThrow(closed)
  expect(() => scope.setTimeout(() => {}, 1)).toThrow(closed)
  expect(() => scope.setInterval(() => {}, 1)).toThrow(closed)
  expect(() => scope.spawn('x')).toThrow(closed)
  expect(() => scope.scope()).toThrow(closed)
  expect(await rejection(scope.exec('x'))).toEqual(closed)
  expect(await rejection(scope.createTempFile('x', 'x'))).toEqual(closed)
  expect(await rejection(scope.createTempDirectory('x', 'x'))).toEqual(closed)
  expect([emitter.eventNames(), core.asked]).toEqual([[], []])
})

describe('signal', () => {
  test('is aborted when the scope ends, before anything is released', async () => {
    const { manager } = lifecycle()
    let whenReleased
    let signal
    await manager.withScope((scope) => {
      ({ signal } = scope)
      scope.defer(() => { whenReleased = signal.aborted })
      expect(scope.signal).toBe(signal)
      expect(signal.aborted).toBe(false)
    })
    expect([whenReleased, signal.reason.name]).toEqual([true, 'AbortError'])
  })

  test('alone is aborted as well, and so is one first asked for afterwards', async () => {
    const { manager } = lifecycle()
    const scope = manager.scope()
    const { signal } = scope
    await scope.cleanup()
    const late = manager.scope()
    await late.cleanup()
    expect([signal.aborted, late.signal.aborted]).toEqual([true, true])
  })

  test('of nested scopes is aborted at once, whatever is released before them', async () => {
    const { manager } = lifecycle()
    const outer = manager.scope()
    const inner = outer.scope().scope()
    const { signal } = inner
    const slow = deferred()
    outer.defer(() => slow.promise)
    const ended = outer.cleanup()
    expect([signal.aborted, inner.ended]).toEqual([true, true])
    slow.resolve()
    await ended
  })
})

describe('a nested scope', () => {
  test('ends with the one around it, in its turn', async () => {
    const { manager } = lifecycle()
    const order = []
    await manager.withScope((outer) => {
      outer.defer(() => order.push('outer, first'))
      const inner = outer.scope({ name: 'inner' })
      inner.defer(() => order.push('inner'))
      outer.defer(() => order.push('outer, last'))
      expect(manager.scopes.open).toBe(2)
    })
    expect(order).toEqual(['outer, last', 'inner', 'outer, first'])
    expect(manager.scopes).toMatchObject({ open: 0, opened: 2, ended: 2 })
  })

  test('that ended by itself is not ended again', async () => {
    const { manager } = lifecycle()
    const order = []
    await manager.withScope(async (outer) => {
      const inner = outer.scope()
      inner.defer(() => order.push('inner'))
      await inner.cleanup()
      order.push('function')
    })
    expect(order).toEqual(['inner', 'function'])
  })

  test('has a group within the group of the one around it', async () => {
    const { manager, core } = lifecycle()
    const outer = manager.scope()
    const inner = outer.scope()
    const group = nativeGroup(inner)
    expect(core.asked).toEqual(['open 1 in 0', 'open 2 in 1', 'open 3 in 2'])
    expect([group, nativeGroup(inner), nativeGroup(outer)]).toEqual([3, 3, 2])
    await outer.cleanup()
    expect(core.asked.slice(3)).toEqual(['end 3', 'end 2'])
    expect([...core.groups.keys()]).toEqual([1])
  })

  test('tells its failures to the one that ends it', async () => {
    const { manager } = lifecycle()
    const failure = new Error('inner')
    const outer = manager.scope()
    outer.scope({ name: 'inner' }).defer(() => { throw failure })
    const error = await rejection(outer.cleanup())
    expect(error.errors).toEqual([expect.objectContaining({ code: 'ERR_PLIMSOLL_CLEANUP', errors: [failure] })])
  })

  test('may hang as often as it likes without taking the time of the one around it', async () => {
    const { manager } = lifecycle({ releaseTimeoutMs: 20 })
    const outer = manager.scope()
    const inner = outer.scope()
    for (let release = 0; release < 3; release++) inner.defer(() => NEVER)
    const error = await rejection(outer.cleanup())
    expect(error.errors).toHaveLength(1)
    expect(error.errors[0].errors).toHaveLength(3)
  })
})

describe('processes', () => {
  const child = () => Object.assign(new EventEmitter(), { pid: 4711 })

  test('are ended with the scope', async () => {
    const { manager, core } = lifecycle()
    await manager.withScope((scope) => {
      scope.trackProcess(child(), 'node', ['worker.js'])
      expect(core.processes()).toEqual([expect.objectContaining({ pid: 4711, command: 'node worker.js' })])
      expect(manager.getStatistics().processes).toBe(1)
    })
    expect(core.asked).toContain('end process 4711')
  })

  test('that exit are forgotten', async () => {
    const { manager, core } = lifecycle()
    await manager.withScope((scope) => {
      const process = child()
      scope.trackProcess(process, 'node')
      process.emit('exit', 0, null)
      expect(core.processes()).toEqual([])
    })
    expect(core.asked).not.toContain('end process 4711')
  })

  test('that have exited already are none', async () => {
    const { manager, core } = lifecycle()
    await manager.withScope((scope) => {
      scope.trackProcess({ pid: 9, exitCode: 0 }, 'x')
      scope.trackProcess({ pid: 9, signalCode: 'SIGKILL' }, 'x')
      scope.trackProcess({ pid: FakeCore.GONE_PID }, 'x')
      expect(core.processes()).toEqual([])
    })
  })

  test('that are spawned and executed belong to the group of the scope', async () => {
    const { manager, core } = lifecycle()
    await manager.withScope(async (scope) => {
      expect(await scope.exec('true')).toEqual({ stdout: 'true', stderr: '' })
      scope.spawn('sleep')
      expect(core.processes()).toEqual([expect.objectContaining({ command: 'sleep', group: nativeGroup(scope) })])
    })
    expect(core.processes()).toEqual([])
  })

  test('that are spawned are forgotten when they have ended', async () => {
    const { manager, core } = lifecycle()
    await manager.withScope((scope) => void scope.spawn('sleep').emit('close', 0, null))
    expect(core.asked).not.toContain('end sleep')
  })

  test('that still run are ended in their turn', async () => {
    const { manager, core } = lifecycle()
    core.work = NEVER
    const scope = manager.scope()
    const order = []
    scope.defer(() => order.push(`first, ${core.processes().length} run`))
    const running = rejection(scope.exec('build'))
    scope.defer(() => order.push(`middle, ${core.processes().length} run`))
    scope.spawn('sleep')
    await scope.cleanup()
    expect(await running).toMatchObject({ message: 'aborted' })
    expect(order).toEqual(['middle, 1 run', 'first, 0 run'])
  })

  test('still obey the signal they were given', async () => {
    const { manager, core } = lifecycle()
    core.work = NEVER
    const controller = new AbortController()
    await manager.withScope(async (scope) => {
      const running = rejection(scope.exec('build', [], { signal: controller.signal }))
      controller.abort('enough')
      expect(await running).toMatchObject({ reason: 'enough' })
      })
  })
})

describe('temporary files', () => {
  test('are in the given directory, and gone with the scope', async () => {
    const { manager, core } = lifecycle()
    await manager.withScope(async (scope) => {
      expect(await scope.createTempFile('a', 'one', { directory: '/elsewhere' })).toMatch(/^\/elsewhere\/a-/)
      expect(await scope.createTempDirectory('b', 'two')).toMatch(/^\/fake\/b-/)
      scope.trackTempFile('/made/by/others', 'three')
      scope.trackTempFile('/made/by/others.d', 'four', 'directory')
      expect(core.temps().map(({ kind, purpose }) => `${kind} ${purpose}`)).toEqual(['file one', 'directory two', 'file three', 'directory four'])
      expect(manager.getStatistics().tempFiles).toBe(4)
    })
    expect(core.temps()).toEqual([])
  })

  test('that are being created when the scope ends are removed, and their maker is told', async () => {
    const { manager, core } = lifecycle()
    const gate = deferred()
    core.gate = gate.promise
    const scope = manager.scope()
    const creating = rejection(scope.createTempFile('late', 'test'))
    const ended = scope.cleanup()
    expect(await stateOf(ended)).toBe('pending')
    gate.resolve()
    await ended
    expect(await creating).toMatchObject({ code: 'ERR_PLIMSOLL_CLOSED' })
    expect(core.temps()).toEqual([])
  })

  test('that cannot be created are no concern of the end', async () => {
    const { manager, core } = lifecycle()
    core.createTemp = () => Promise.reject(new PlimsollError('full', { code: 'ERR_PLIMSOLL_OPEN' }))
    await manager.withScope(async (scope) => {
      expect(await rejection(scope.createTempFile('x', 'test'))).toMatchObject({ code: 'ERR_PLIMSOLL_OPEN' })
    })
  })

  test('that were cleaned up for their age are not deleted again', async () => {
    const { manager, core } = lifecycle()
    await manager.withScope(async (scope) => {
      await scope.createTempFile('old', 'test')
      core.time += 5000
      await scope.createTempFile('new', 'test')
      expect(await manager.cleanupOldTempFiles(5000)).toBe(1)
    })
    expect(core.asked.filter((asked) => asked.startsWith('delete'))).toEqual([expect.stringContaining('new')])
  })
})

describe('timers', () => {
  beforeEach(() => jest.useFakeTimers())
  afterEach(() => jest.useRealTimers())

  test('are cleared with the scope', async () => {
    const { manager } = lifecycle()
    const ran = []
    const scope = manager.scope()
    scope.setTimeout((...args) => ran.push(['timeout', ...args]), 10, 'a', 'b')
    scope.setInterval((...args) => ran.push(['interval', ...args]), 10, 'c')
    scope.setTimeout(() => ran.push(['never']), 100)
    jest.advanceTimersByTime(20)
    await scope.cleanup()
    expect(jest.getTimerCount()).toBe(0)
    jest.advanceTimersByTime(1000)
    expect(ran).toEqual([['timeout', 'a', 'b'], ['interval', 'c'], ['interval', 'c']])
  })

  test('do nothing while the scope ends', async () => {
    const { manager } = lifecycle()
    const ran = []
    const scope = manager.scope()
    scope.setTimeout(() => ran.push('timeout'), 1)
    scope.setInterval(() => ran.push('interval'), 1)
    scope.defer(() => { jest.advanceTimersByTime(50) })
    await scope.cleanup()
    expect(ran).toEqual([])
  })

  test('are Node\'s own', () => {
    const { manager } = lifecycle()
    const scope = manager.scope()
    const timer = scope.setTimeout(() => {}, 5)
    expect(typeof timer.unref).toBe('function')
    return scope.cleanup()
  })
})

describe('use()', () => {
  test('disposes as the object says, with itself as this', async () => {
    const { manager } = lifecycle()
    const disposed = []
    const thing = (keys) => {
      const made = { disposed: [] }
      for (const key of keys) made[key] = function () { this.disposed.push(key) }
      disposed.push(made.disposed)
      return made
    }
    await manager.withScope((scope) => {
      const all = thing([Symbol.asyncDispose, Symbol.dispose, 'close'])
      expect(scope.use(all)).toBe(all)
      scope.use(thing([Symbol.dispose, 'close']))
      scope.use(thing(['close']))
      expect([scope.use(null), scope.use(undefined)]).toEqual([null, undefined])
    })
    expect(disposed).toEqual([[Symbol.asyncDispose], [Symbol.dispose], ['close']])
  })
})

test('a scope that is registered with a worker call ends at its deadline', async () => {
  const { manager, core } = lifecycle()
  const scope = manager.scope()
  const released = deferred()
  const error = await rejection(withWorkerCallObservability('task', async (_signal, context) => {
    context.registerScope(scope)
    scope.spawn('server')
    scope.defer(() => released.resolve('released'))
    return NEVER
  }, { manager: budget(), timeoutMs: 500 }))
  expect(error.code).toBe('ERR_PLIMSOLL_TIMEOUT')
  expect([scope.ended, await released.promise]).toEqual([true, 'released'])
  await scope.cleanup()
  expect(core.processes()).toEqual([])
})

test('a scope that holds nothing of the core never asks it', async () => {
  const { manager, core } = lifecycle()
  await manager.withScope((scope) => {
    scope.on(new EventEmitter(), 'event', () => {})
    scope.defer(() => {})
    scope.setTimeout(() => {}, 1000)
  })
  manager.checkForLeaks()
  await manager.cleanup()
  expect(core.asked).toEqual([])
})

test('entered 10,000 times with a function that throws and releases that throw, hang or are none, nothing is left', async () => {
  const { manager } = lifecycle({ releaseTimeoutMs: 1 })
  const emitter = new EventEmitter()
  const target = new EventTarget()
  const own = new Error('its own')
  const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
  const before = timers()
  const enter = (number) => manager.withScope((scope) => {
    scope.on(emitter, 'event', () => {}).once(target, 'event', () => {})
    scope.setTimeout(() => {}, 60_000)
    scope.setInterval(() => {}, 60_000)
    const { signal } = scope
    scope.on(signal, 'abort', () => {})
    scope.trackStream(new PassThrough())
    if (number % 3 === 0) scope.defer(() => { throw new Error('of the release') })
    if (number % 100 === 1) scope.defer(() => NEVER)
    scope.scope().defer(() => {})
    throw own
  })
  setMaxListeners(0, emitter, target)
  for (let round = 0; round < 100; round++) {
    const errors = await Promise.all(Array.from({ length: 100 }, (_, index) => rejection(enter(100 * round + index))))
    expect(new Set(errors)).toEqual(new Set([own]))
  }
  expect(emitter.eventNames()).toEqual([])
  // Those of the test runner come and go.
  await eventually('no timer more than before', () => timers() <= before)
  expect(manager.getStatistics()).toEqual({ listeners: 0, processes: 0, tempFiles: 0 })
  expect(manager.leakReport().counts).toMatchObject({ streams: 0, timers: 0, scopes: 0 })
  expect(manager.scopes).toMatchObject({ open: 0, opened: 20_000, ended: 20_000, failures: 3434, releaseTimeouts: 100 })
})
