'use strict'
/** stats() and onError: what the background work says of itself. */

const fs = require('node:fs')
const path = require('node:path')
const { launch } = require('../support/children')
const { temporaryDirectory } = require('../support/directories')
const { eventually } = require('../support/events')
const { archivesOf, filesOf, readAll } = require('../support/log-files')
const { make, start } = require('../support/managers')
const { holdLock, testWithFlock } = require('../support/stalls')

const NOTHING = {
  entries: {
    accepted: 0, written: 0, deduplicated: 0, truncated: 0, redacted: 0, waiting: 0,
    dropped: { debug: 0, info: 0, warn: 0, error: 0 }, recovered: 0, damaged: 0
  },
  rotations: 0,
  compressions: 0,
  lastError: null,
  flushLatencyMs: { p50: 0, p90: 0, p99: 0, max: 0 }
}

describe('stats', () => {
  test('has every field from the start, before initialize and after', async () => {
    const manager = make({ bufferSize: 10, ringBytes: 65_536 })
    expect(manager.stats()).toMatchObject(NOTHING)
    await manager.initialize()
    expect(manager.stats()).toMatchObject(NOTHING)
    const { ring, bytes } = manager.stats()
    expect(bytes).toMatchObject({ accepted: 0, written: 0 })
    expect(ring).toMatchObject({ entries: 0, bytes: 0, capacityBytes: 65_536 })
    expect(ring.capacityEntries).toBeGreaterThanOrEqual(10)
  })

  test('counts entries and bytes in and out', async () => {
    const manager = await start()
    const data = { task: 'T-1', n: 1 }
    for (let n = 0; n < 10; n++) await manager.log('info', data)
    await manager.log('debug', data) // below minLevel: not accepted
    expect(manager.stats().entries).toMatchObject({ accepted: 10, written: 0 })
    expect(manager.stats().bytes).toMatchObject({ accepted: 10 * JSON.stringify(data).length, written: 0 })
    expect(manager.stats().ring.entries).toBe(10)
    expect(manager.stats().ring.bytes).toBeGreaterThan(10 * JSON.stringify(data).length)
    await manager.flush()
    expect(manager.stats().entries).toMatchObject({ accepted: 10, written: 10 })
    expect(manager.stats().bytes.written).toBe(fs.statSync(manager.logPath).size)
    expect(manager.stats().ring).toMatchObject({ entries: 0, bytes: 0 })
  })

  test('counts what was deduplicated, truncated and redacted', async () => {
    const manager = await start({ redact: ['password'] })
    for (let n = 0; n < 5; n++) await manager.log('error', { error: 'same' })
    await manager.log('error', { error: 'long '.repeat(500) })
    await manager.log('info', { password: 'hunter2' })
    await manager.flush()
    expect(manager.stats().entries).toMatchObject({ accepted: 7, written: 3, deduplicated: 4, truncated: 1, redacted: 1 })
  })

  test('counts rotations and compressions', async () => {
    const manager = await start({ rotationThreshold: 3000 })
    for (let n = 0; n < 200; n++) await manager.log('info', { n, filler: 'f'.repeat(80) })
    await manager.close()
    const archives = archivesOf(manager.logPath).length
    expect(archives).toBeGreaterThan(3)
    expect(manager.stats()).toMatchObject({ rotations: archives, compressions: archives })
  })

  test('flush latencies are measured, and in order', async () => {
    const manager = await start()
    for (let n = 0; n < 20; n++) {
      await manager.log('info', { n })
      await manager.flush()
    }
    const { p50, p90, p99, max } = manager.stats().flushLatencyMs
    expect(p50).toBeGreaterThan(0)
    expect([p50, p90, p99, max]).toEqual([p50, p90, p99, max].sort((a, b) => a - b))
    expect(max).toBeLessThan(30_000)
  })

  test('counts what was recovered', async () => {
    const home = temporaryDirectory()
    const config = { logPath: path.join(home, 'logs', 'log.jsonl') }
    await launch('ending.cjs', { config, acksPath: path.join(home, 'acks'), end: 'SIGKILL', records: 42 }).exit
    const manager = await start(config)
    expect(manager.stats().entries).toMatchObject({ recovered: 42, damaged: 0 })
    expect(readAll(config.logPath)).toHaveLength(42)
  })

  test('is a new object each time, and stays readable after close', async () => {
    const manager = await start()
    const before = manager.stats()
    await manager.log('info', { a: 1 })
    await manager.close()
    expect(before.entries.accepted).toBe(0)
    expect(manager.stats().entries).toMatchObject({ accepted: 1, written: 1 })
  })

  test('agrees with the files after thousands of entries of every kind', async () => {
    const manager = await start({ rotationThreshold: 20_000, enableCompression: false, bufferSize: 50 })
    for (let n = 0; n < 3000; n++) await manager.log('error', n % 3 === 0 ? { error: `kind ${n % 30}` } : { n, text: 't'.repeat(n % 200) })
    await manager.close()
    const { entries, bytes } = manager.stats()
    const lines = readAll(manager.logPath)
    expect(entries.accepted).toBe(3000)
    expect(entries.written).toBe(lines.length)
    expect(bytes.written).toBe(filesOf(manager.logPath).reduce((sum, file) => sum + fs.statSync(file).size, 0))
    const left = lines.filter(({ repeats }) => repeats !== undefined)
    expect(entries.deduplicated).toBe(left.reduce((sum, { repeats }) => sum + repeats, 0))
    expect(entries.accepted).toBe(entries.written - left.length + entries.deduplicated)
  })
})

describe('onError', () => {
  testWithFlock('is called at most once a second for each kind of trouble', async () => {
    const calls = []
    const manager = await start({ flushInterval: 1, onError: (error) => calls.push({ error, at: performance.now() }) })
    const giveBack = await holdLock(manager.logPath)
    manager.log('info', { n: 0 })
    await eventually('two calls', () => calls.length >= 2)
    const attempts = manager.stats().failures
    await giveBack()
    await manager.flush()
    expect(calls[1].at - calls[0].at).toBeGreaterThan(950)
    expect(attempts).toBeGreaterThan(calls.length) // what it was not called for was counted
    for (const { error } of calls) {
      expect(error).toBeInstanceOf(Error)
      expect(error.code).toBe('ERR_PLIMSOLL_WRITE')
      expect(error.message).toMatch(/again/) // what happens next
    }
  })

  testWithFlock('that throws is reported, and changes nothing', async () => {
    const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {})
    try {
      const manager = await start({ onError() { throw new Error('from onError') } })
      const giveBack = await holdLock(manager.logPath)
      await manager.log('info', { n: 0 })
      const flushed = manager.flush()
      await eventually('the warning', () => warn.mock.calls.some(([text]) => String(text).includes('from onError')))
      await giveBack()
      await flushed
      expect(readAll(manager.logPath)).toHaveLength(1)
    } finally {
      warn.mockRestore()
    }
  })

  test('is not called while all is well', async () => {
    const errors = []
    const manager = await start({ rotationThreshold: 3000, bufferSize: 10, onError: (error) => errors.push(error) })
    for (let n = 0; n < 500; n++) await manager.log('info', { n, filler: 'f'.repeat(80) })
    await manager.close()
    expect(errors).toEqual([])
  })
})
