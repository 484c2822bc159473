'use strict'
/**
 * More entries than the ring takes. The disk is stalled for real: another process holds the log's lock,
 * as one that was stopped in the middle of a write might.
 */

const { eventually, rejection, stateOf } = require('../support/events')
const { readAll, readData } = require('../support/log-files')
const { start } = require('../support/managers')
const { holdLock, testWithFlock } = require('../support/stalls')

const upTo = (count) => Array.from({ length: count }, (_, n) => n)

/** Logs until a promise does not resolve at once; returns how many did. */
async function fillRing(manager, record) {
  for (let stored = 0; ; stored++) {
    const waiting = manager.log('info', record(stored))
    if (await stateOf(waiting) === 'pending') return { stored, waiting }
  }
}

describe("overflow: 'wait', the default", () => {
  testWithFlock('log waits when the entries reach the bound, and goes on when there is room', async () => {
    const manager = await start({ bufferSize: 10, onError() {} })
    const giveBack = await holdLock(manager.logPath)
    const { stored, waiting } = await fillRing(manager, (n) => ({ n }))
    const { ring, entries } = manager.stats()
    expect(stored).toBe(ring.capacityEntries)
    expect(ring.entries).toBe(stored)
    expect(entries.waiting).toBe(1)
    const more = upTo(500).map((n) => manager.log('info', { n: stored + 1 + n }))
    expect(await stateOf(Promise.race(more))).toBe('pending')
    expect(manager.stats().entries.waiting).toBe(501)
    await giveBack()
    await Promise.all([waiting, ...more])
    await manager.flush()
    expect(readData(manager.logPath).map(({ n }) => n)).toEqual(upTo(stored + 501))
    expect(manager.stats().entries).toMatchObject({ accepted: stored + 501, waiting: 0, dropped: { debug: 0, info: 0, warn: 0, error: 0 } })
  })

  testWithFlock('log waits when the bytes reach the bound', async () => {
    const manager = await start({ bufferSize: 100_000, ringBytes: 65_536, onError() {} })
    const giveBack = await holdLock(manager.logPath)
    const { stored, waiting } = await fillRing(manager, (n) => ({ n, filler: 'f'.repeat(1000) }))
    expect(stored).toBeGreaterThan(50)
    expect(stored).toBeLessThan(65)
    expect(manager.stats().ring.bytes).toBeLessThanOrEqual(65_536)
    await giveBack()
    await waiting
    await manager.flush()
    expect(readData(manager.logPath).map(({ n }) => n)).toEqual(upTo(stored + 1))
  })

  testWithFlock('what waits is bounded too: beyond that log is refused, with a code and a count', async () => {
    const manager = await start({ bufferSize: 10, onError() {} })
    const giveBack = await holdLock(manager.logPath)
    const calls = upTo(70_000).map((n) => manager.log('warn', { n }))
    const error = await rejection(calls.at(-1))
    expect(error.code).toBe('ERR_PLIMSOLL_OVERFLOW')
    expect(error.message).toMatch(/drop-lowest/)
    const { dropped } = manager.stats().entries
    expect(dropped.warn).toBeGreaterThan(0)
    await giveBack()
    const results = await Promise.allSettled(calls)
    const kept = results.flatMap(({ status }, n) => status === 'fulfilled' ? [n] : [])
    expect(kept).toHaveLength(70_000 - dropped.warn)
    await manager.flush()
    expect(readData(manager.logPath).map(({ n }) => n)).toEqual(kept)
  })

  testWithFlock('close gives entries that found no room back with a code, and keeps the others in the ring', async () => {
    const manager = await start({ bufferSize: 10, onError() {} })
    const giveBack = await holdLock(manager.logPath)
    const { stored, waiting } = await fillRing(manager, (n) => ({ n }))
    const closing = manager.close()
    expect((await rejection(waiting)).code).toBe('ERR_PLIMSOLL_CLOSED')
    const error = await rejection(closing)
    expect(error.code).toBe('ERR_PLIMSOLL_WRITE')
    expect(error.message).toMatch(/\.ring/)
    await giveBack()
    const next = await start({ logPath: manager.logPath })
    expect(next.stats().entries.recovered).toBe(stored)
    expect(readData(manager.logPath).map(({ n }) => n)).toEqual(upTo(stored))
  })
})

describe("overflow: 'drop-lowest'", () => {
  testWithFlock('lower levels are dropped first, errors last, and the log says how many', async () => {
    const manager = await start({ bufferSize: 100, overflow: 'drop-lowest', minLevel: 'debug', onError() {} })
    const giveBack = await holdLock(manager.logPath)
    const levels = ['debug', 'info', 'warn', 'error']
    for (let n = 0; n < 2000; n++) await manager.log(levels[n % 4], { n })
    const { entries, ring } = manager.stats()
    expect(entries.accepted + levels.reduce((sum, level) => sum + entries.dropped[level], 0)).toBe(2000)
    expect(ring.entries).toBeLessThanOrEqual(ring.capacityEntries)
    expect(entries.dropped.debug).toBeGreaterThan(entries.dropped.info)
    expect(entries.dropped.info).toBeGreaterThan(entries.dropped.warn)
    expect(entries.dropped.warn).toBeGreaterThan(entries.dropped.error)
    await giveBack()
    await manager.flush()
    const lines = readAll(manager.logPath)
    const notes = lines.filter(({ data }) => data.plimsoll === 'dropped')
    const told = Object.fromEntries(levels.map((level) => [level, notes.reduce((sum, { data }) => sum + (data.dropped[level] ?? 0), 0)]))
    expect(told).toEqual(entries.dropped)
    expect(lines.filter(({ data }) => 'n' in data)).toHaveLength(entries.accepted)
    for (const { level } of notes) expect(level).toBe('warn')
  })

  testWithFlock('a ring full of debug entries still takes errors', async () => {
    const manager = await start({ bufferSize: 100, overflow: 'drop-lowest', minLevel: 'debug', onError() {} })
    const giveBack = await holdLock(manager.logPath)
    for (let n = 0; n < 2000; n++) await manager.log('debug', { n })
    for (let n = 0; n < 50; n++) await manager.log('error', { n, text: 'what went wrong' })
    expect(manager.stats().entries.dropped).toMatchObject({ error: 0 })
    await giveBack()
    await manager.flush()
    expect(readAll(manager.logPath).filter(({ level }) => level === 'error')).toHaveLength(50)
  })

  testWithFlock('nobody waits', async () => {
    const manager = await start({ bufferSize: 10, overflow: 'drop-lowest', onError() {} })
    const giveBack = await holdLock(manager.logPath)
    const calls = upTo(5000).map((n) => manager.log('info', { n }))
    expect(await stateOf(Promise.all(calls))).toBe('fulfilled')
    await giveBack()
    await eventually('the ring to be empty again', () => manager.stats().ring.entries === 0)
  })
})
