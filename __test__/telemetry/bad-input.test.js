'use strict'
/** Wrong arguments and wrong moments: a rejection with a code, and never a process that dies of it. */

const path = require('node:path')
const plimsoll = require('../..')
const { launch } = require('../support/children')
const { temporaryDirectory } = require('../support/directories')
const { rejection } = require('../support/events')
const { readAll, readData } = require('../support/log-files')
const { make, start } = require('../support/managers')

describe('arguments', () => {
  test.each([['trace'], ['INFO'], [''], [undefined], [null], [1], [{}], ['__proto__'], ['toString'], [Symbol('info')]])(
    'the level %p is refused', async (level) => {
      const manager = await start()
      const error = await rejection(manager.log(level, { a: 1 }))
      expect(error).toBeInstanceOf(plimsoll.PlimsollError)
      expect(error.code).toBe('ERR_PLIMSOLL_ARGUMENT')
      expect(error.message).toContain('debug')
      await manager.close()
      expect(readAll(manager.logPath)).toEqual([])
    })

  test.each([[null], [undefined], [() => 1], [Symbol('s')]])('data that is %p is refused', async (data) => {
    const manager = await start()
    const error = await rejection(manager.log('info', data))
    expect(error).toBeInstanceOf(Error)
    expect(error.code).toBe('ERR_PLIMSOLL_ARGUMENT')
    await manager.close()
    expect(readAll(manager.logPath)).toEqual([])
  })

  test('log never throws, it rejects', async () => {
    const manager = await start()
    const unused = make()
    await unused.close()
    for (const call of [() => manager.log(), () => manager.log('no', null), () => manager.log('info'), () => unused.log('info', {})]) {
      let promise
      expect(() => { promise = call() }).not.toThrow()
      await rejection(promise)
    }
  })

  test('an empty object, an array and an empty array are entries', async () => {
    const manager = await start()
    await manager.log('info', {})
    await manager.log('info', [1, { two: 2 }])
    await manager.log('info', [])
    await manager.close()
    expect(readData(manager.logPath)).toEqual([{}, [1, { two: 2 }], []])
  })
})

describe('size', () => {
  test('a text of 100 MB is written whole, between its neighbours', async () => {
    const manager = await start({ rotationThreshold: 1_000_000_000 })
    const huge = 'plimsoll! '.repeat(10_000_000)
    await manager.log('info', { n: 1 })
    await manager.log('info', { huge })
    await manager.log('info', { n: 2 })
    await manager.close()
    const [first, second, third] = readData(manager.logPath)
    expect([first, third]).toEqual([{ n: 1 }, { n: 2 }])
    expect(second.huge === huge).toBe(true)
  }, 300_000)

  test('an error text of 100 MB is shortened like any other', async () => {
    const manager = await start()
    await manager.log('error', { error: 'e'.repeat(100_000_000), task: 'T-1' })
    await manager.close()
    const [{ error, errorHash, task }] = readData(manager.logPath)
    expect(error.length).toBeLessThanOrEqual(500)
    expect(errorHash).toMatch(/^[0-9a-f]{16}$/)
    expect(task).toBe('T-1')
  }, 300_000)

  test.each([8190, 8191, 8192, 32_000, 32_700, 32_760, 32_768, 40_000, 65_536, 131_071, 131_072, 300_000])(
    'texts of about %i characters pass, whatever way their size takes', async (length) => {
      const manager = await start({ ringBytes: 65_536 })
      const entries = ['a', 'ü', '漢', '\u{1f600}'].flatMap((letter) =>
        [0, 1, 2].map((more) => ({ text: letter.repeat(Math.floor(length / letter.length)) + 'z'.repeat(more) })))
      for (const data of entries) await manager.log('info', data)
      await manager.close()
      const found = readData(manager.logPath)
      expect(found).toHaveLength(entries.length)
      expect(entries.filter(({ text }) => !found.some((data) => data.text === text))).toEqual([])
    })

  test('many more long entries at once than may wait are refused with a code, and the rest arrive', async () => {
    const manager = await start({ ringBytes: 65_536 })
    const calls = Array.from({ length: 60 }, (_, n) => manager.log('info', { n, text: 'x'.repeat(100_000) }))
    const results = await Promise.allSettled(calls)
    await manager.close()
    const refused = results.filter(({ status }) => status === 'rejected')
    for (const { reason } of refused) expect(reason.code).toBe('ERR_PLIMSOLL_OVERFLOW')
    const kept = results.flatMap(({ status }, n) => status === 'fulfilled' ? [n] : [])
    expect(kept.length).toBeGreaterThan(0)
    expect(readData(manager.logPath).map(({ n }) => n).sort((a, b) => a - b)).toEqual(kept)
    const { dropped } = manager.stats().entries
    expect(dropped.info).toBe(refused.length)
  })
})

describe('moments', () => {
  test('log, flush and close before initialize: the log opens itself', async () => {
    const manager = make()
    const logged = manager.log('info', { n: 1 })
    const flushed = manager.flush()
    await Promise.all([logged, flushed, manager.close()])
    expect(readData(manager.logPath)).toEqual([{ n: 1 }])
  })

  test('log and initialize after close are refused, close and flush are not', async () => {
    const manager = await start()
    const closing = manager.close()
    expect((await rejection(manager.log('info', { late: 1 }))).code).toBe('ERR_PLIMSOLL_CLOSED')
    await closing
    expect((await rejection(manager.log('info', { late: 2 }))).code).toBe('ERR_PLIMSOLL_CLOSED')
    expect((await rejection(manager.initialize())).code).toBe('ERR_PLIMSOLL_CLOSED')
    await manager.close()
    await manager.flush()
    expect(readAll(manager.logPath)).toEqual([])
  })

  test('closing while initialize is under way', async () => {
    const manager = make()
    const opening = manager.initialize()
    manager.log('info', { n: 1 })
    await manager.close()
    await opening
    expect(readData(manager.logPath)).toEqual([{ n: 1 }])
  })

  test('a hundred flushes at once, with logging in between', async () => {
    const manager = await start()
    const flushes = []
    for (let n = 0; n < 100; n++) {
      manager.log('info', { n })
      const expected = n + 1
      flushes.push(manager.flush().then(() => expect(readAll(manager.logPath).length).toBeGreaterThanOrEqual(expected)))
    }
    await Promise.all(flushes)
  })

  test('an unusable path rejects initialize with a code and a cause, and again the next time', async () => {
    const directory = temporaryDirectory()
    const manager = make({ logPath: directory })
    const first = await rejection(manager.initialize())
    expect(first).toBeInstanceOf(plimsoll.PlimsollError)
    expect(first.code).toBe('ERR_PLIMSOLL_OPEN')
    expect((await rejection(manager.log('info', { a: 1 }))).code).toBe('ERR_PLIMSOLL_OPEN')
    await manager.close()
    const under = make({ logPath: '/proc/no/such/log.jsonl' })
    const second = await rejection(under.initialize())
    expect(second.code).toBe('ERR_PLIMSOLL_OPEN')
    expect(second.cause).toBeInstanceOf(Error)
    expect(second.cause.code).toMatch(/^E[A-Z]+$/)
  })

  test('initialize that failed may be tried again once the path is usable', async () => {
    const fs = require('node:fs')
    const directory = temporaryDirectory()
    fs.writeFileSync(path.join(directory, 'state'), 'a file where a directory should be')
    const manager = make({ logPath: path.join(directory, 'state', 'log.jsonl') })
    await rejection(manager.initialize())
    fs.rmSync(path.join(directory, 'state'))
    await manager.initialize()
    await manager.log('info', { second: 'try' })
    await manager.close()
    expect(readData(manager.logPath)).toEqual([{ second: 'try' }])
  })
})

test('nobody who does not wait for log or flush is taken down by their rejections', async () => {
  const home = temporaryDirectory()
  const child = launch('fire-and-forget.cjs', { directory: home })
  const { code, stdout, stderr } = await child.exit
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'still here\n' })
  expect(stderr).not.toMatch(/unhandled|Unhandled/)
})
