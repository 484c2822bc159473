'use strict'
/** child() and await using. */

const path = require('node:path')
const { readAll, readData } = require('../support/log-files')
const { temporaryDirectory } = require('../support/directories')
const { rejection } = require('../support/events')
const { make, start } = require('../support/managers')
const { TelemetryManager } = require('../..')

describe('child', () => {
  test('every entry carries the bindings; a field of the entry itself wins', async () => {
    const manager = await start()
    const child = manager.child({ task: 'T-1', phase: 'plan' })
    await child.log('info', { step: 1 })
    await child.log('info', { step: 2, phase: 'verify' })
    await manager.log('info', { step: 3 })
    await child.flush()
    expect(readData(manager.logPath)).toEqual([
      { task: 'T-1', phase: 'plan', step: 1 }, { task: 'T-1', phase: 'verify', step: 2 }, { step: 3 }
    ])
    expect(child.logPath).toBe(manager.logPath)
  })

  test('children of children carry the bindings of all', async () => {
    const manager = await start()
    await manager.child({ a: 1, b: 1 }).child({ b: 2, c: 2 }).log('info', { c: 3, d: 3 })
    await manager.close()
    expect(readData(manager.logPath)).toEqual([{ a: 1, b: 2, c: 3, d: 3 }])
  })

  test('bindings are copied: changing the object later changes no entry', async () => {
    const manager = await start()
    const bindings = { task: 'T-1' }
    const child = manager.child(bindings)
    bindings.task = 'T-2'
    await child.log('info', {})
    await manager.close()
    expect(readData(manager.logPath)).toEqual([{ task: 'T-1' }])
  })

  test('errors, arrays and levels are treated as by the manager', async () => {
    const manager = await start({ minLevel: 'warn' })
    const child = manager.child({ task: 'T-1' })
    await child.log('info', { below: true })
    await child.log('error', { error: new TypeError('through the child') })
    await child.log('error', new RangeError('as data'))
    await child.log('warn', [1, 2])
    expect((await rejection(child.log('no', {}))).code).toBe('ERR_PLIMSOLL_ARGUMENT')
    expect((await rejection(child.log('warn', null))).code).toBe('ERR_PLIMSOLL_ARGUMENT')
    await manager.close()
    const [first, second, third, ...more] = readAll(manager.logPath).map(({ data }) => data)
    expect(first).toMatchObject({ task: 'T-1', error: { name: 'TypeError', message: 'through the child' } })
    expect(second.task).toBe('T-1')
    expect(JSON.stringify(second)).toContain('as data')
    expect(third).toMatchObject({ task: 'T-1' })
    expect(JSON.stringify(third)).toContain('[1,2]')
    expect(more).toEqual([])
  })

  test('an Error among the bindings, and a getter that throws, lose nothing else', async () => {
    const manager = await start()
    await manager.child({ reason: new Error('bound'), task: 'T-1' }).log('info', { step: 1 })
    const hostile = { step: 2, get broken() { throw new Error('a getter') } }
    await manager.child({ task: 'T-1' }).log('info', hostile)
    await manager.close()
    const [first, second] = readData(manager.logPath)
    expect(first).toMatchObject({ task: 'T-1', step: 1, reason: { message: 'bound' } })
    expect(second).toMatchObject({ task: 'T-1', step: 2 })
  })

  test.each([
    ['a Map', new Map([['step', 'in the map']])],
    ['a Set', new Set(['in the set'])],
    ['an object with toJSON', { toJSON: () => ({ step: 'by toJSON' }) }],
    ['bytes', Buffer.from('in the buffer')]
  ])('data that is %s is recorded as by the manager, beside the bindings', async (_what, data) => {
    const manager = await start()
    await manager.log('info', data)
    await manager.child({ task: 'T-1' }).log('info', data)
    await manager.close()
    const [alone, bound] = readData(manager.logPath)
    expect(bound.task).toBe('T-1')
    const rest = Array.isArray(alone) ? [...alone] : Object.values(alone)
    for (const value of rest) expect(JSON.stringify(bound)).toContain(JSON.stringify(value))
  })

  test('closing a child writes what there is and leaves the log open', async () => {
    const manager = await start()
    const child = manager.child({ task: 'T-1' })
    await child.log('info', { n: 1 })
    await child.close()
    expect(readData(manager.logPath)).toHaveLength(1)
    await manager.log('info', { n: 2 })
    await manager.close()
    expect(readData(manager.logPath)).toHaveLength(2)
    expect((await rejection(child.log('info', { n: 3 }))).code).toBe('ERR_PLIMSOLL_CLOSED')
  })

  test.each([[null], [undefined], ['text'], [7], [[1]]])('bindings that are %p are refused', async (bindings) => {
    const manager = await start()
    let thrown
    try {
      manager.child(bindings)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(Error)
    expect(thrown.code).toBe('ERR_PLIMSOLL_ARGUMENT')
  })

  test('a child of a manager that was never initialised opens it', async () => {
    const manager = make()
    await manager.child({ task: 'T-1' }).log('info', {})
    await manager.close()
    expect(readData(manager.logPath)).toEqual([{ task: 'T-1' }])
  })
})

describe('disposal', () => {
  const asyncDispose = Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose')

  test('Symbol.asyncDispose closes', async () => {
    const manager = await start()
    await manager.log('info', { a: 1 })
    await manager[asyncDispose]()
    expect(readData(manager.logPath)).toEqual([{ a: 1 }])
    expect((await rejection(manager.log('info', {}))).code).toBe('ERR_PLIMSOLL_CLOSED')
  })

  test('the method is what `await using` calls, in the way it calls it', async () => {
    const logPath = path.join(temporaryDirectory(), 'log.jsonl')
    const manager = new TelemetryManager({ logPath })
    const dispose = manager[asyncDispose]
    await manager.initialize()
    await manager.log('info', { a: 1 })
    expect(await dispose.call(manager)).toBe(undefined)
    expect(readData(logPath)).toEqual([{ a: 1 }])
  })
})
