'use strict'
/** A disk that is full, read-only, gone, or locked: entries stay in the ring until it takes them. */

const fs = require('node:fs')
const path = require('node:path')
const { temporaryDirectory } = require('../support/directories')
const { eventually, rejection } = require('../support/events')
const { archivesOf, hiddenFilesOf, readAll, readData } = require('../support/log-files')
const { make, start } = require('../support/managers')
const { holdLock, remount, smallFileSystem, testWithFlock, testWithMounts } = require('../support/stalls')

const upTo = (count) => Array.from({ length: count }, (_, n) => n)
const KIB = 1024

describe('a full disk', () => {
  testWithMounts('entries wait in the ring, onError and stats say so, and all are written once there is room', async () => {
    const directory = smallFileSystem(1000 * KIB)
    const errors = []
    const manager = await start({
      logPath: path.join(directory, 'log.jsonl'), ringBytes: 256 * KIB, flushInterval: 20, onError: (error) => errors.push(error)
    })
    const ballast = path.join(directory, 'ballast')
    const free = fs.statfsSync(directory)
    fs.writeFileSync(ballast, Buffer.alloc(free.bavail * free.bsize - 16 * KIB))
    for (let n = 0; n < 300; n++) await manager.log('info', { n, filler: 'f'.repeat(200) })
    await eventually('trouble to be told', () => errors.length > 0)
    expect(errors[0].code).toBe('ERR_PLIMSOLL_WRITE')
    expect(errors[0].cause.code).toBe('ENOSPC')
    expect(manager.stats().lastError).toMatchObject({ code: 'ERR_PLIMSOLL_WRITE', message: expect.stringContaining('ring') })
    expect(manager.stats().ring.entries).toBeGreaterThan(0)
    expect((await rejection(manager.flush())).code).toBe('ERR_PLIMSOLL_WRITE')
    // Whatever is in the file by now is whole.
    expect(readData(manager.logPath).map(({ n }) => n)).toEqual(upTo(readAll(manager.logPath).length))
    fs.rmSync(ballast)
    await eventually('everything to be written', () => manager.stats().ring.entries === 0)
    await manager.flush()
    expect(readData(manager.logPath).map(({ n }) => n)).toEqual(upTo(300))
    await manager.close()
  })

  testWithMounts('rotation and compression wait for room as well, and lose nothing', async () => {
    const directory = smallFileSystem(2000 * KIB)
    const manager = await start({
      logPath: path.join(directory, 'log.jsonl'), ringBytes: 256 * KIB, rotationThreshold: 50_000, bufferSize: 100, onError() {}
    })
    const ballast = path.join(directory, 'ballast')
    let logged = 0
    for (let round = 0; round < 6; round++) {
      const { bavail, bsize } = fs.statfsSync(directory)
      fs.writeFileSync(ballast, Buffer.alloc(Math.max(0, bavail * bsize - 24 * KIB)))
      for (let n = 0; n < 150; n++) await manager.log('info', { n: logged++, filler: `${logged} `.repeat(40) })
      await manager.flush().catch(() => {})
      fs.rmSync(ballast)
      await manager.flush()
    }
    await manager.close()
    expect(readData(manager.logPath).map(({ n }) => n)).toEqual(upTo(logged))
    expect(archivesOf(manager.logPath).length).toBeGreaterThan(1)
    expect(hiddenFilesOf(manager.logPath, 'tmp')).toEqual([])
  })

  testWithMounts('a disk without room for the ring refuses initialize, with ENOSPC as cause', async () => {
    const directory = smallFileSystem(128 * KIB)
    const manager = make({ logPath: path.join(directory, 'log.jsonl') })
    const error = await rejection(manager.initialize())
    expect(error.code).toBe('ERR_PLIMSOLL_OPEN')
    expect(error.cause.code).toBe('ENOSPC')
    expect(hiddenFilesOf(manager.logPath).filter((name) => name.includes('.ring'))).toEqual([])
  })
})

testWithMounts('a file system that turns read-only, and back', async () => {
  const directory = smallFileSystem(4000 * KIB)
  const errors = []
  const logPath = path.join(directory, 'log.jsonl')
  const manager = await start({ logPath, ringBytes: 256 * KIB, flushInterval: 20, onError: (error) => errors.push(error) })
  await manager.log('info', { n: 0 })
  await manager.close()
  remount(directory, 'ro')
  const refused = make({ logPath, ringBytes: 256 * KIB, onError() {} })
  const error = await rejection(refused.initialize())
  expect(error.code).toBe('ERR_PLIMSOLL_OPEN')
  expect(error.cause.code).toBe('EROFS')
  remount(directory, 'rw')
  await refused.initialize()
  await refused.log('info', { n: 1 })
  await refused.close()
  expect(readData(logPath).map(({ n }) => n)).toEqual([0, 1])
})

describe('what somebody deletes', () => {
  test('the directory: it is made again, and nothing that was not yet written is lost', async () => {
    const directory = path.join(temporaryDirectory(), 'state')
    const manager = await start({ logPath: path.join(directory, 'log.jsonl') })
    await manager.log('info', { n: 0 })
    fs.rmSync(directory, { recursive: true })
    await manager.log('info', { n: 1 })
    await manager.flush()
    expect(readData(manager.logPath).map(({ n }) => n)).toEqual([0, 1])
    await manager.log('info', { n: 2 })
    await manager.close()
    expect(readData(manager.logPath).map(({ n }) => n)).toEqual([0, 1, 2])
    expect(fs.statSync(directory).mode & 0o777).toBe(0o700)
  })

  test('the directory, which somebody else makes again', async () => {
    const directory = path.join(temporaryDirectory(), 'state')
    const manager = await start({ logPath: path.join(directory, 'log.jsonl') })
    await manager.log('info', { n: 0 })
    fs.rmSync(directory, { recursive: true })
    fs.mkdirSync(directory)
    await manager.flush()
    await manager.log('info', { n: 1 })
    await manager.close()
    expect(readData(manager.logPath).map(({ n }) => n)).toEqual([0, 1])
  })

  test('the log: the next entries make a new one', async () => {
    const manager = await start()
    await manager.log('info', { n: 0 })
    await manager.flush()
    fs.rmSync(manager.logPath)
    await manager.log('info', { n: 1 })
    await manager.flush()
    expect(readData(manager.logPath).map(({ n }) => n)).toEqual([1])
  })

  test('an error that was in the deleted log is written whole in the new one', async () => {
    const manager = await start()
    await manager.log('error', { error: 'seen before' })
    await manager.flush()
    fs.rmSync(manager.logPath)
    await manager.log('error', { error: 'seen before' })
    await manager.flush()
    expect(readData(manager.logPath)).toEqual([{ error: 'seen before' }])
  })

  test('the lock file, while two handles log', async () => {
    const one = await start({ bufferSize: 10, rotationThreshold: 2000 })
    const other = await start({ logPath: one.logPath, bufferSize: 10, rotationThreshold: 2000 })
    for (let n = 0; n < 200; n++) {
      await Promise.all([one.log('info', { from: 1, n }), other.log('info', { from: 2, n })])
      if (n % 20 === 0) for (const name of hiddenFilesOf(one.logPath, 'lock')) fs.rmSync(path.join(path.dirname(one.logPath), name))
      if (n % 10 === 0) await Promise.all([one.flush(), other.flush()])
    }
    await Promise.all([one.close(), other.close()])
    expect(archivesOf(one.logPath).length).toBeGreaterThan(2)
    const found = readData(one.logPath)
    for (const from of [1, 2]) expect(found.filter((data) => data.from === from).map(({ n }) => n)).toEqual(upTo(200))
  })

  test('the ring: what it holds is written all the same, and a kill after that is survived', async () => {
    const manager = await start()
    await manager.log('info', { n: 0 })
    for (const name of hiddenFilesOf(manager.logPath, 'ring')) fs.rmSync(path.join(path.dirname(manager.logPath), name))
    await manager.flush()
    expect(readData(manager.logPath).map(({ n }) => n)).toEqual([0])
    expect(hiddenFilesOf(manager.logPath, 'ring')).toHaveLength(1)
  })

  test('a log that somebody truncates goes on at its new end', async () => {
    const manager = await start()
    await manager.log('info', { n: 0, filler: 'f'.repeat(500) })
    await manager.flush()
    fs.truncateSync(manager.logPath, 0)
    await manager.log('info', { n: 1 })
    await manager.flush()
    expect(readData(manager.logPath).map(({ n }) => n)).toEqual([1])
  })

  test('a log that somebody else left without a final newline keeps its line and ours apart', async () => {
    const logPath = path.join(temporaryDirectory(), 'log.jsonl')
    fs.writeFileSync(logPath, '{"half":')
    const manager = await start({ logPath })
    await manager.log('info', { n: 0 })
    await manager.close()
    const [half, whole] = fs.readFileSync(logPath, 'utf8').split('\n')
    expect(half).toBe('{"half":')
    expect(JSON.parse(whole).data).toEqual({ n: 0 })
  })
})

describe('somebody who holds the lock', () => {
  testWithFlock('flush waits, is told of as trouble, and goes on when the lock is free', async () => {
    const errors = []
    const manager = await start({ onError: (error) => errors.push(error) })
    await manager.log('info', { n: 0 })
    const giveBack = await holdLock(manager.logPath)
    const flushed = manager.flush()
    await eventually('trouble to be told', () => errors.length > 0)
    expect(errors[0].code).toBe('ERR_PLIMSOLL_WRITE')
    expect(errors[0].message).toMatch(/lock/)
    await giveBack()
    await flushed
    expect(readData(manager.logPath)).toEqual([{ n: 0 }])
  })

  testWithFlock('other logs of the process are written meanwhile, and new ones opened', async () => {
    const stuck = await start({ onError() {} })
    const other = await start()
    const giveBack = await holdLock(stuck.logPath)
    stuck.log('info', { n: 0 })
    const stuckFlush = stuck.flush()
    await other.log('info', { n: 1 })
    await other.flush()
    expect(readData(other.logPath)).toEqual([{ n: 1 }])
    // Opening the stuck log again must not hold up the rest either.
    const opening = make({ logPath: stuck.logPath, onError() {} })
    const opened = opening.initialize()
    await other.log('info', { n: 2 })
    const began = performance.now()
    await other.flush()
    const took = performance.now() - began
    await giveBack()
    await Promise.all([opened, stuckFlush])
    expect(took).toBeLessThan(5000)
    expect(readData(other.logPath)).toEqual([{ n: 1 }, { n: 2 }])
  })

  test('a file that is not ours under the lock\'s name is left alone, and refused', async () => {
    const directory = temporaryDirectory()
    const lock = path.join(directory, '.log.jsonl.lock')
    fs.writeFileSync(lock, 'somebody\'s notes')
    const manager = make({ logPath: path.join(directory, 'log.jsonl'), onError() {} })
    const error = await rejection(manager.initialize())
    expect(error.code).toMatch(/^ERR_PLIMSOLL_/)
    expect(error.message).toContain(lock)
    expect(fs.readFileSync(lock, 'utf8')).toBe('somebody\'s notes')
  })
})

describe('rings that are not what they should be', () => {
  const RING = '.log.jsonl.0123456789abcdef.ring'

  test.each([
    ['empty', Buffer.alloc(0)],
    ['of noise', Buffer.from(upTo(200_000).map((n) => (n * 7919) % 251))],
    ['of zeros', Buffer.alloc(200_000)],
    ['too short', Buffer.from('PLIMRING')]
  ])('a file %s under a ring\'s name does not keep a log from working', async (_what, contents) => {
    const directory = temporaryDirectory()
    fs.writeFileSync(path.join(directory, RING), contents)
    const errors = []
    const manager = await start({ logPath: path.join(directory, 'log.jsonl'), onError: (error) => errors.push(error) })
    await manager.log('info', { n: 0 })
    await manager.close()
    expect(readData(manager.logPath)).toEqual([{ n: 0 }])
    for (const error of errors) expect(error.code).toMatch(/^ERR_PLIMSOLL_/)
  })

  test('a ring of a version to come is refused, told of, and never touched', async () => {
    const directory = temporaryDirectory()
    const contents = Buffer.alloc(200_000)
    contents.write('PLIMRING')
    contents.writeUInt32LE(9999, 8)
    fs.writeFileSync(path.join(directory, RING), contents)
    const errors = []
    const manager = await start({ logPath: path.join(directory, 'log.jsonl'), onError: (error) => errors.push(error) })
    await eventually('the refusal to be told', () => errors.length > 0)
    expect(errors[0].code).toBe('ERR_PLIMSOLL_UNSUPPORTED_RING')
    await manager.close()
    expect(fs.readFileSync(path.join(directory, RING)).equals(contents)).toBe(true)
  })
})
