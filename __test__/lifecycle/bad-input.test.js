'use strict'
/** Hostile and mistaken input: a clear error, and nothing has changed. */

const { EventEmitter } = require('node:events')
const { PlimsollConfigError, PlimsollError, ResourceLifecycleManager, ResourceScope, withScope } = require('../..')
const { rejection } = require('../support/events')
const { lifecycle } = require('../support/lifecycle')

const NO_FUNCTIONS = [undefined, null, 7, 'text', {}, Symbol('s'), Promise.resolve()]
const NO_TEXTS = [undefined, null, 7, {}, [], Symbol('s'), 1n]
const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}
const throwing = () => new Proxy({}, { get() { throw new Error('no get') } })
const titled = (values) => values.map((value) => [title(value), () => value])
function title(value) {
  try {
    return typeof value === 'string' || (typeof value === 'object' && value !== null) ? JSON.stringify(value) : String(value)
  } catch {
    return 'a hostile object'
  }
}

/** What must be the same before and after something that was refused. */
const standing = ({ manager, core }) => {
  const counts = { ...manager.leakReport().counts, scopes: null } // one that refused something may be in use from then on
  return { statistics: manager.getStatistics(), asked: core.asked.filter((asked) => !asked.startsWith('open')), counts }
}

/** Runs something that must be refused, and shows that everything is as it was. */
async function refused(parts, act, code = 'ERR_PLIMSOLL_ARGUMENT') {
  const before = standing(parts)
  let error
  try {
    await act()
  } catch (thrown) {
    error = thrown
  }
  expect(error).toBeInstanceOf(PlimsollError)
  expect(error).toMatchObject({ code, message: expect.stringMatching(/\S/) })
  expect(standing(parts)).toEqual(before)
}

describe('a configuration', () => {
  test.each([
    ...['maxListeners', 'maxProcesses', 'maxTempFiles', 'releaseTimeoutMs', 'suspectAgeMs', 'growthSamples']
      .flatMap((key) => [NaN, Infinity, '5', null, true, {}, 1n, -1].map((value) => [key, value])),
    ['maxListeners', 1.5], ['releaseTimeoutMs', 0], ['releaseTimeoutMs', 2 ** 31], ['growthSamples', 2], ['growthSamples', 61],
    ['logger', {}], ['logger', 7], ['onError', 'text'], ['codex', 7], ['codex', []],
  ])('with a wrong %s is refused: %p', (key, value) => {
    expect(() => new ResourceLifecycleManager({ [key]: value })).toThrow(PlimsollConfigError)
    expect(() => new ResourceLifecycleManager({ [key]: value })).toThrow(expect.objectContaining({ code: 'ERR_PLIMSOLL_CONFIG', key }))
  })

  test.each([[null], [7], ['text'], [[]]])('that is none is refused: %p', (config) => {
    expect(() => new ResourceLifecycleManager(config)).toThrow(PlimsollConfigError)
  })
})

describe('a function that is none', () => {
  test.each(titled(NO_FUNCTIONS))('is refused: %s', async (_title, give) => {
  const value = give()
    const parts = lifecycle()
    const scope = parts.manager.scope()
    await refused(parts, () => parts.manager.withScope(value))
    await refused(parts, () => withScope(value))
    await refused(parts, () => scope.defer(value))
    await refused(parts, () => scope.setTimeout(value, 1))
    await refused(parts, () => scope.setInterval(value, 1))
    const emitter = new EventEmitter()
    await refused(parts, () => scope.on(emitter, 'event', value))
    await refused(parts, () => parts.manager.trackListener(emitter, 'event', value))
    await refused(parts, () => parts.manager.removeListener(emitter, 'event', value))
    await refused(parts, () => scope.once(new EventTarget(), 'event', value))
    expect(emitter.eventNames()).toEqual([])
  })
})

test.each(titled([undefined, null, 7, 'text', {}, { on() {} }, { addEventListener() {} }, throwing(), revoked()]))('an emitter that is none is refused: %s', async (_title, give) => {
  const value = give()
  const parts = lifecycle()
  const scope = parts.manager.scope()
  await refused(parts, () => scope.on(value, 'event', () => {}))
  await refused(parts, () => scope.once(value, 'event', () => {}))
  await refused(parts, () => parts.manager.trackListener(value, 'event', () => {}))
  await refused(parts, () => parts.manager.removeListener(value, 'event', () => {}))
})

test.each(titled([undefined, null, 7, {}, 1n]))('an event that has no name is refused: %s', async (_title, give) => {
  const value = give()
  const parts = lifecycle()
  await refused(parts, () => parts.manager.scope().on(new EventEmitter(), value, () => {}))
  await refused(parts, () => parts.manager.trackListener(new EventEmitter(), value, () => {}))
})

test.each(titled([NaN, Infinity, -1, '5', null, 2 ** 31, {}, 1n, Symbol('s')]))('a delay that is none is refused: %s', async (_title, give) => {
  const value = give()
  const parts = lifecycle()
  await refused(parts, () => parts.manager.scope().setTimeout(() => {}, value))
  await refused(parts, () => parts.manager.scope().setInterval(() => {}, value))
})

test.each(titled([undefined, null, 7, {}, [], { pid: undefined }, { pid: 0 }, { pid: 1 }, { pid: -7 }, { pid: 1.5 }, { pid: '7' }, { pid: 2 ** 31 }, throwing(), revoked()]))('a child that never started is refused: %s', async (_title, give) => {
  const value = give()
  const parts = lifecycle()
  await refused(parts, () => parts.manager.scope().trackProcess(value, 'command'))
})

test.each(titled(NO_TEXTS))('text that is none is refused: %s', async (_title, give) => {
  const value = give()
  const parts = lifecycle()
  const scope = parts.manager.scope()
  await refused(parts, () => scope.trackProcess({ pid: 7 }, value))
  await refused(parts, () => scope.trackProcess({ pid: 7 }, 'command', [value]))
  await refused(parts, () => scope.trackTempFile('/x', value))
  await refused(parts, () => scope.createTempFile('x', value))
  await refused(parts, () => parts.manager.createTempDirectory('x', value))
  await refused(parts, () => parts.manager.trackHandle(new EventEmitter(), value))
  if (value !== undefined) await refused(parts, () => parts.manager.scope({ name: value }))
})

test.each(titled([...NO_TEXTS, '', '../x', 'a/b', 'a\\b', 'nul\0', 'x'.repeat(129)]))('a prefix that is none is refused: %s', async (_title, give) => {
  const value = give()
  const parts = lifecycle()
  const scope = parts.manager.scope()
  for (const target of [parts.manager, scope]) {
    await refused(parts, () => target.createTempFile(value, 'test'))
    await refused(parts, () => target.createTempDirectory(value, 'test'))
  }
})

test.each(titled([...NO_TEXTS, '', 'nul\0', 'x'.repeat(5000)]))('a path that is none is refused: %s', async (_title, give) => {
  const value = give()
  const parts = lifecycle()
  await refused(parts, () => parts.manager.scope().trackTempFile(value, 'test'))
  await refused(parts, () => parts.manager.deleteTempFile(value))
  if (value !== undefined) await refused(parts, () => parts.manager.createTempFile('x', 'test', { directory: value }))
})

test('options that are none are refused', async () => {
  const parts = lifecycle()
  for (const value of [null, 7, 'text', throwing(), revoked()]) {
    await refused(parts, () => parts.manager.createTempFile('x', 'test', value))
    await refused(parts, () => parts.manager.scope(value))
    await refused(parts, () => parts.manager.withScope(() => {}, value))
    await refused(parts, () => parts.manager.scope().scope(value))
  }
  await refused(parts, () => parts.manager.scope().trackTempFile('/x', 'test', 'link'))
})

test.each(titled([NaN, -1, '5', null, {}, 1n, 2 ** 53]))('an age that is none is refused: %s', async (_title, give) => {
  const value = give()
  const parts = lifecycle()
  await refused(parts, () => parts.manager.cleanupOldTempFiles(value))
})

test.each(titled([7, 'text', {}, { [Symbol.dispose]: 7 }, throwing(), revoked()]))('what cannot be disposed of is refused: %s', async (_title, give) => {
  const value = give()
  const parts = lifecycle()
  await refused(parts, () => parts.manager.scope().use(value))
})

test.each(titled([undefined, null, 7, 'text', {}, throwing(), revoked()]))('a stream or handle that is none is refused: %s', async (_title, give) => {
  const value = give()
  const parts = lifecycle()
  await refused(parts, () => parts.manager.scope().trackStream(value))
  await refused(parts, () => parts.manager.trackHandle(value, 'test'))
})

test.each(titled([7, null, 'text', revoked(), { signal: 7 }, { signal: null }]))('options of a command that are none reach who refuses them: %s', async (_title, give) => {
  const options = give()
  const { manager, core } = lifecycle()
  await manager.withScope((scope) => scope.exec('true', [], options).catch(() => {}))
  expect(Object.is(core.options, options)).toBe(true)
})

test('nobody makes a scope alone', () => {
  expect(() => new ResourceScope()).toThrow(expect.objectContaining({ code: 'ERR_PLIMSOLL_ARGUMENT' }))
})

test('an emitter that refuses a handler leaves nothing behind', async () => {
  const parts = lifecycle()
  const emitter = Object.assign(new EventEmitter(), { on() { throw new Error('not on') } })
  const scope = parts.manager.scope()
  expect(() => scope.on(emitter, 'event', () => {})).toThrow('not on')
  expect(parts.manager.getStatistics().listeners).toBe(0)
  await scope.cleanup()
})

test('a core that fails leaves nothing behind', async () => {
  const parts = lifecycle()
  const full = new PlimsollError('full', { code: 'ERR_PLIMSOLL_OVERFLOW' })
  parts.core.openGroup = parts.core.trackTemp = () => { throw full }
  const scope = parts.manager.scope()
  expect(() => scope.trackProcess({ pid: 7 }, 'x')).toThrow(full)
  expect(() => scope.trackTempFile('/x', 'x')).toThrow(full)
  expect(await rejection(scope.createTempFile('x', 'x'))).toBe(full)
  expect(await rejection(parts.manager.createTempFile('x', 'x'))).toBe(full)
  expect(await rejection(scope.exec('x'))).toBe(full)
  expect(() => scope.spawn('x')).toThrow(full)
  expect(parts.manager.leakReport().counts).toMatchObject({ processes: 0, tempFiles: 0 })
  await scope.cleanup()
})

test('a release that is a thenable of the worst kind is one that fails', async () => {
  const { manager } = lifecycle({ releaseTimeoutMs: 5 })
  const error = await rejection(manager.withScope((scope) => {
    scope.defer(() => ({ get then() { throw new Error('no then') } }))
    scope.defer(() => ({ then() { throw new Error('then throws') } }))
    scope.defer(() => ({ then(_resolve, reject) { reject(Object.create(null)) } }))
    scope.defer(() => ({ then() {} }))
  }))
  expect(error.errors).toHaveLength(4)
})

test('a scope holds 100,000 things at most', async () => {
  const { manager } = lifecycle()
  const scope = manager.scope()
  for (let number = 0; number < 100_000; number++) scope.defer(() => {})
  expect(() => scope.defer(() => {})).toThrow(expect.objectContaining({ code: 'ERR_PLIMSOLL_OVERFLOW' }))
  const emitter = new EventEmitter()
  expect(() => scope.on(emitter, 'event', () => {})).toThrow(expect.objectContaining({ code: 'ERR_PLIMSOLL_OVERFLOW' }))
  expect(emitter.eventNames()).toEqual([])
  await scope.cleanup()
  expect(manager.scopes.open).toBe(0)
})

test('scopes nested a thousand deep end', async () => {
  const { manager } = lifecycle()
  const outer = manager.scope()
  let inner = outer
  let released = 0
  for (let depth = 0; depth < 1000; depth++) {
    inner = inner.scope()
    inner.defer(() => void released++)
  }
  await outer.cleanup()
  expect([released, manager.scopes.open]).toEqual([1000, 0])
})
