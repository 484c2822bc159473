'use strict'
/** The fixed behaviour of scopes, listeners and the leak check, as existing suites use it. */

const { EventEmitter } = require('node:events')
const { PassThrough } = require('node:stream')
const { ResourceLifecycleManager, ResourceScope, getResourceLifecycleManager, resetResourceLifecycleManager, withScope } = require('plimsoll')

const NOTHING = { listeners: 0, processes: 0, tempFiles: 0 }

/** @type {ResourceLifecycleManager} */
let manager

beforeEach(() => {
  manager = new ResourceLifecycleManager()
})
afterEach(() => manager.cleanup())
afterAll(() => resetResourceLifecycleManager())

describe('withScope', () => {
  test('gives what the function gave, and a scope to it', async () => {
    expect(await manager.withScope(async (scope) => scope instanceof ResourceScope)).toBe(true)
  })

  test('cleans up when the function returns', async () => {
    const emitter = new EventEmitter()
    const stream = new PassThrough()
    await manager.withScope(async (scope) => {
      scope.on(emitter, 'data', () => {})
      scope.once(emitter, 'end', () => {})
      scope.trackStream(stream)
      expect(manager.getStatistics()).toEqual({ ...NOTHING, listeners: 2 })
    })
    expect([emitter.eventNames(), stream.destroyed]).toEqual([[], true])
    expect(manager.getStatistics()).toEqual(NOTHING)
  })

  test('cleans up when the function throws, and throws its error', async () => {
    const emitter = new EventEmitter()
    const error = new Error('its own')
    await expect(manager.withScope(async (scope) => {
      scope.on(emitter, 'data', () => {})
      throw error
    })).rejects.toBe(error)
    expect(emitter.listenerCount('data')).toBe(0)
  })

  test('is also a function', async () => {
    const emitter = new EventEmitter()
    expect(await withScope(async (scope) => {
      scope.on(emitter, 'data', () => {})
      return getResourceLifecycleManager().getStatistics().listeners
    })).toBe(1)
    expect(emitter.listenerCount('data')).toBe(0)
  })

  test('cleans up what a scope holds when its cleanup() is called', async () => {
    const emitter = new EventEmitter()
    await manager.withScope(async (scope) => {
      scope.on(emitter, 'data', () => {})
      await scope.cleanup()
      expect(emitter.listenerCount('data')).toBe(0)
    })
  })
})

describe('listeners', () => {
  test('are registered by who subscribed them, and unsubscribed by removeListener', () => {
    const emitter = new EventEmitter()
    const handler = jest.fn()
    emitter.on('data', handler)
    manager.trackListener(emitter, 'data', handler)
    expect(manager.getStatistics().listeners).toBe(1)
    manager.removeListener(emitter, 'data', handler)
    emitter.emit('data')
    expect(handler).not.toHaveBeenCalled()
    expect(manager.getStatistics().listeners).toBe(0)
  })

  test('above 50 are a leak', () => {
    const emitter = new EventEmitter().setMaxListeners(0)
    const track = () => {
      const handler = () => {}
      emitter.on('data', handler)
      manager.trackListener(emitter, 'data', handler)
    }
    for (let count = 0; count < 50; count++) track()
    expect(manager.checkForLeaks()).toEqual({ hasLeaks: false, warnings: [] })
    track()
    expect(manager.checkForLeaks()).toEqual({ hasLeaks: true, warnings: [expect.stringContaining('listener')] })
  })
})

describe('cleanup', () => {
  test('leaves nothing, may be called again, and the manager stays usable', async () => {
    const emitter = new EventEmitter()
    for (let time = 0; time < 3; time++) {
      emitter.on('data', manager.cleanup)
      manager.trackListener(emitter, 'data', manager.cleanup)
      expect(manager.getStatistics().listeners).toBe(1)
      await manager.cleanup()
      await manager.cleanup()
      expect(manager.getStatistics()).toEqual(NOTHING)
      expect(emitter.listenerCount('data')).toBe(0)
    }
  })
})

test('the manager of the process is one, until it is reset', async () => {
  const first = getResourceLifecycleManager()
  expect(getResourceLifecycleManager()).toBe(first)
  await resetResourceLifecycleManager()
  expect(getResourceLifecycleManager()).not.toBe(first)
})
