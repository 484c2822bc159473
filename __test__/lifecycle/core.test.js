'use strict'
/** The calls into the core: answers by token, faults as errors, the event loop held while something is awaited. */

const { tmpdir } = require('node:os')
const { rejection, stateOf } = require('../support/events')

const NATIVE = '../../js/native.js'

/** The adapter over a core that records what it is asked, and answers when it is told to. */
function adapter(given = {}) {
  const answers = { lifecycleCounts: '{"ledger":{"unavailable":null}}', ...given }
  const asked = []
  let listener
  const native = new Proxy({}, {
    get: (_target, name) => (...args) => {
      asked.push([name, ...args])
      if (name === 'lifecycleListen') listener = args[0]
      const answer = answers[name]
      return typeof answer === 'function' ? answer(...args) : answer
    },
  })
  let core
  jest.isolateModules(() => {
    jest.doMock(NATIVE, () => ({ native: () => native }))
    ;({ core } = require('../../js/lifecycle-core.js'))
    jest.dontMock(NATIVE)
  })
  const named = (name) => asked.filter(([called]) => called === name)
  return { core, asked, named, tell: (event) => listener(event) }
}

test('what is awaited holds the event loop, and one listener hears of all of it', async () => {
  const { core, named, tell } = adapter()
  const first = core.createTemp({ kind: 'file', prefix: 'a', directory: tmpdir(), purpose: 'test', group: 3 })
  const second = core.deleteTemp('/x')
  expect(named('lifecycleListen')).toHaveLength(1)
  expect(named('lifecycleHold')).toEqual([['lifecycleHold', true]])
  const [[, token, request]] = named('tempCreate')
  expect(request).toEqual({ kind: 'file', prefix: 'a', directory: tmpdir(), purpose: 'test', group: 3 })
  const [[, other]] = named('tempDelete')
  tell({ token: other, kind: 'done' })
  expect(await second).toBeUndefined()
  expect(await stateOf(first)).toBe('pending')
  tell({ token, kind: 'done', json: '{"path":"/tmp/a-1"}' })
  expect(await first).toBe('/tmp/a-1')
  expect(named('lifecycleHold').map(([, hold]) => hold)).toEqual([true, false])
})

test('a failure has its code, its message and its cause', async () => {
  const { core, named, tell } = adapter()
  const deleting = rejection(core.deleteTemp('/x'))
  const [[, token]] = named('tempDelete')
  tell({ token, kind: 'failed', code: 'ERR_PLIMSOLL_WRITE', message: '/x cannot be deleted', cause: 'EACCES' })
  expect(await deleting).toMatchObject({
    name: 'PlimsollError', code: 'ERR_PLIMSOLL_WRITE', message: '/x cannot be deleted', cause: expect.objectContaining({ code: 'EACCES' }),
  })
})

test('answers that nobody waits for change nothing', () => {
  const { core, named, tell } = adapter()
  const cleaning = core.cleanupTemps(0)
  const [[, token]] = named('tempCleanup')
  tell({ token: token + 1, kind: 'done' })
  tell({ token, kind: 'done', json: '{"deleted":2}' })
  tell({ token, kind: 'failed', code: 'ERR_PLIMSOLL_WRITE', message: 'again' })
  expect(named('lifecycleHold').map(([, hold]) => hold)).toEqual([true, false])
  return expect(cleaning).resolves.toBe(2)
})

test('a call that throws is a fault of ours, and holds nothing', async () => {
  const fault = new Error('a panic that was caught')
  const { core, named } = adapter({ groupEnd: () => { throw fault } })
  expect(await rejection(core.endGroup(3, null))).toMatchObject({ code: 'ERR_PLIMSOLL_INTERNAL', cause: fault })
  expect(named('lifecycleHold').map(([, hold]) => hold)).toEqual([true, false])
})

test('no group is ever the whole process', () => {
  const { core } = adapter({ groupOpen: () => 0 })
  expect(() => core.openGroup(0)).toThrow(expect.objectContaining({ code: 'ERR_PLIMSOLL_OVERFLOW' }))
})

test('a process that is gone is none; one that is refused is an error', () => {
  const answers = [{ id: 5 }, { code: 'ERR_PLIMSOLL_ABSENT', message: 'gone' }, { code: 'ERR_PLIMSOLL_OVERFLOW', message: 'full' }]
  const { core } = adapter({ processTrack: () => answers.shift() })
  expect([core.trackProcess(7, 'x', 1), core.trackProcess(7, 'x', 1)]).toEqual([5, 0])
  expect(() => core.trackProcess(7, 'x', 1)).toThrow(expect.objectContaining({ code: 'ERR_PLIMSOLL_OVERFLOW', message: 'full' }))
})

test('a path that is refused is an error', () => {
  const answers = [null, { code: 'ERR_PLIMSOLL_OVERFLOW', message: 'full' }]
  const { core, named } = adapter({ tempTrack: () => answers.shift() })
  core.trackTemp('/x', 'test', 'directory', 2)
  expect(named('tempTrack')).toEqual([['tempTrack', '/x', 'test', 'directory', 2]])
  expect(() => core.trackTemp('/x', 'test', 'file', 2)).toThrow(expect.objectContaining({ code: 'ERR_PLIMSOLL_OVERFLOW' }))
})

test('lists come as JSON', () => {
  const { core } = adapter({ tempList: () => '[{"path":"/x","group":1}]', processList: () => '[{"pid":7}]' })
  expect([core.temps(), core.processes()]).toEqual([[{ path: '/x', group: 1 }], [{ pid: 7 }]])
})
