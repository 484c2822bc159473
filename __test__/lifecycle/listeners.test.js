'use strict'
/** Listeners: counted while they are subscribed, whoever unsubscribes them, and kept alive by nobody. */

const { EventEmitter, getEventListeners, setMaxListeners } = require('node:events')
const { MessageChannel } = require('node:worker_threads')
const { Listeners } = require('../../js/lifecycle-listeners.js')
const { rejection } = require('../support/events')
const { lifecycle } = require('../support/lifecycle')

const DETAILS = { since: 0, origin: null, scope: null }
const count = (manager) => manager.getStatistics().listeners

describe('trackListener and removeListener', () => {
  test('count and forget what the caller subscribed', () => {
    const { manager } = lifecycle()
    const emitter = new EventEmitter()
    const handler = () => {}
    emitter.on('event', handler)
    manager.trackListener(emitter, 'event', handler)
    expect(count(manager)).toBe(1)
    manager.removeListener(emitter, 'event', handler)
    expect([count(manager), emitter.listenerCount('event')]).toEqual([0, 0])
  })

  test('unsubscribe what was never tracked', () => {
    const { manager } = lifecycle()
    const emitter = new EventEmitter().on('event', count)
    manager.removeListener(emitter, 'event', count)
    expect(emitter.listenerCount('event')).toBe(0)
  })

  test('count a handler as often as it is subscribed', () => {
    const { manager } = lifecycle()
    const emitter = new EventEmitter()
    const handler = () => {}
    for (let time = 0; time < 3; time++) {
      emitter.on('event', handler)
      manager.trackListener(emitter, 'event', handler)
    }
    expect(count(manager)).toBe(3)
    manager.removeListener(emitter, 'event', handler)
    expect(count(manager)).toBe(2)
    emitter.off('event', handler)
    expect(count(manager)).toBe(1)
  })

  test('count a handler of an EventTarget once, as it does', () => {
    const { manager } = lifecycle()
    const target = new EventTarget()
    const handler = { handleEvent() {} }
    for (let time = 0; time < 3; time++) {
      target.addEventListener('event', handler, { capture: true })
      manager.trackListener(target, 'event', handler)
    }
    expect(count(manager)).toBe(1)
    manager.removeListener(target, 'event', handler)
    expect([count(manager), getEventListeners(target, 'event')]).toEqual([0, []])
  })

  test('notice what is unsubscribed behind their back', () => {
    const { manager } = lifecycle()
    const emitter = new EventEmitter()
    const { signal } = new AbortController()
    setMaxListeners(0, emitter, signal)
    const handlers = Array.from({ length: 20 }, () => () => {})
    for (const handler of handlers) {
      emitter.on('event', handler)
      manager.trackListener(emitter, 'event', handler)
      signal.addEventListener('abort', handler)
      manager.trackListener(signal, 'abort', handler)
    }
    expect(count(manager)).toBe(40)
    for (const handler of handlers.slice(5)) emitter.removeListener('event', handler)
    for (const handler of handlers.slice(10)) signal.removeEventListener('abort', handler)
    expect(count(manager)).toBe(15)
    emitter.removeAllListeners()
    expect(count(manager)).toBe(10)
  })

  test('notice that a handler subscribed once has run', () => {
    const { manager } = lifecycle()
    const emitter = new EventEmitter()
    const controller = new AbortController()
    const handler = () => {}
    emitter.once('event', handler)
    manager.trackListener(emitter, 'event', handler)
    controller.signal.addEventListener('abort', handler, { once: true })
    manager.trackListener(controller.signal, 'abort', handler)
    expect(count(manager)).toBe(2)
    emitter.emit('event')
    controller.abort()
    expect(count(manager)).toBe(0)
  })

  test('believe the caller where the emitter says otherwise, or nothing', () => {
    const { manager } = lifecycle()
    const emitters = [new EventEmitter(), { on() {}, off() {} }, { addEventListener() {}, removeEventListener() {} }]
    for (const emitter of emitters) manager.trackListener(emitter, 'event', count)
    expect([count(manager), count(manager)]).toEqual([3, 3])
    for (const emitter of emitters) manager.removeListener(emitter, 'event', count)
    expect(count(manager)).toBe(0)
  })

  test('know symbols, and events named like properties of objects', () => {
    const { manager } = lifecycle()
    const emitter = new EventEmitter()
    for (const event of [Symbol('s'), '__proto__', 'constructor', '']) {
      emitter.on(event, count)
      manager.trackListener(emitter, event, count)
    }
    expect(count(manager)).toBe(4)
    emitter.off('__proto__', count)
    expect(count(manager)).toBe(3)
  })

  test('survive an emitter whose methods throw', async () => {
    const { manager } = lifecycle()
    const emitter = new EventEmitter()
    emitter.on('event', count)
    manager.trackListener(emitter, 'event', count)
    emitter.listeners = () => { throw new Error('no') }
    emitter.off = () => { throw new Error('not off') }
    expect(count(manager)).toBe(1)
    const error = await rejection(manager.cleanup())
    expect(error.errors).toEqual([expect.objectContaining({ message: 'not off' })])
    expect(count(manager)).toBe(0)
  })
})

describe('a scope', () => {
  test('unsubscribes from emitters, targets and ports', async () => {
    const { manager } = lifecycle()
    const emitter = new EventEmitter()
    const target = new EventTarget()
    const { port1, port2 } = new MessageChannel()
    const heard = []
    await manager.withScope((scope) => {
      scope.on(emitter, 'event', (...args) => heard.push(args)).on(target, 'event', ({ type }) => heard.push(type))
      scope.on(port1, 'message', () => {}).once(port1, 'close', () => {})
      scope.once(emitter, 'once', function () { heard.push(this === emitter) })
      emitter.emit('event', 1, 2)
      emitter.emit('once')
      emitter.emit('once')
      target.dispatchEvent(new Event('event'))
      expect(count(manager)).toBe(4)
    })
    emitter.emit('event')
    target.dispatchEvent(new Event('event'))
    expect(heard).toEqual([[1, 2], true, 'event'])
    expect([emitter.eventNames(), getEventListeners(target, 'event'), getEventListeners(port1, 'message')]).toEqual([[], [], []])
    port1.close()
    port2.close()
  })

  test('is no concern of who unsubscribes earlier', async () => {
    const { manager } = lifecycle()
    const emitter = new EventEmitter()
    await manager.withScope((scope) => {
      scope.once(emitter, 'event', count)
      emitter.off('event', count)
      expect([emitter.listenerCount('event'), count(manager)]).toEqual([0, 0])
      emitter.on('event', count)
      manager.removeListener(emitter, 'event', count)
      emitter.on('event', count)
    })
    // What was subscribed afterwards, by others, stays.
    expect(emitter.listenerCount('event')).toBe(1)
  })

  test('that lives long holds no more than is subscribed', async () => {
    const { manager } = lifecycle()
    const emitter = new EventEmitter()
    const scope = manager.scope()
    for (let time = 0; time < 10_000; time++) {
      scope.once(emitter, 'event', () => {})
      emitter.emit('event')
    }
    expect(manager.leakReport().counts.listeners).toBe(0)
    const [entry] = manager.leakReport().suspects
    expect(entry).toBeUndefined()
    await scope.cleanup()
  })

  test('that is ended by the subscription leaves nothing subscribed', async () => {
    const { manager } = lifecycle()
    const emitter = new EventEmitter()
    const scope = manager.scope()
    emitter.on('newListener', () => scope.cleanup())
    scope.on(emitter, 'event', count)
    await scope.cleanup()
    expect([emitter.listenerCount('event'), count(manager)]).toEqual([0, 0])
  })
})

describe('the registry', () => {
  test('forgets the oldest of too many, and says so', () => {
    const listeners = new Listeners(3)
    const emitter = new EventEmitter()
    const handlers = Array.from({ length: 5 }, () => () => {})
    const added = handlers.map((handler) => {
      emitter.on('event', handler)
      return listeners.add(emitter, 'event', handler, DETAILS)
    })
    expect([listeners.count(), listeners.forgotten]).toEqual([3, 2])
    expect([...listeners].map((listener) => handlers.indexOf(listener.handler.deref()))).toEqual([2, 3, 4])
    // Its scope still unsubscribes it.
    listeners.release(added[0])
    expect([emitter.listenerCount('event'), listeners.count()]).toEqual([4, 3])
  })

  test('compares all of them in a few readings, however many there are', () => {
    const listeners = new Listeners()
    const emitters = Array.from({ length: 10_000 }, () => new EventEmitter().on('event', count))
    for (const emitter of emitters) listeners.add(emitter, 'event', count, DETAILS)
    for (const emitter of emitters) emitter.removeAllListeners()
    let readings = 0
    while (listeners.count() > 0) readings++
    expect(readings).toBeGreaterThan(1)
    expect(readings).toBeLessThan(20)
  })

  test('costs the same for the last of many as for the first', () => {
    const listeners = new Listeners()
    const emitter = new EventEmitter()
    emitter.setMaxListeners(0)
    let copies = 0
    emitter.listeners = () => { copies++; return [] }
    const handlers = Array.from({ length: 5000 }, () => () => {})
    for (const handler of handlers) listeners.add(emitter.on('event', handler), 'event', handler, DETAILS)
    for (const handler of handlers) listeners.forget(emitter, 'event', handler)
    expect([listeners.size, copies < 100]).toEqual([0, true])
  })
})
