'use strict'
/** Deduplication beyond the contract: nothing that differs is lost, and what is identical is counted. */

const crypto = require('node:crypto')
const { archivesOf, readAll, readData } = require('../support/log-files')
const { start } = require('../support/managers')

const hashOf = (text) => crypto.createHash('sha256').update(text).digest('hex').slice(0, 16)

test('the count of identical entries is written at close, with the first and last time', async () => {
  const manager = await start()
  const before = Date.now()
  for (let n = 0; n < 5; n++) await manager.log('error', { error: 'same', task: 'T-1' })
  const after = Date.now()
  await manager.flush()
  expect(readAll(manager.logPath)).toHaveLength(1)
  await manager.close()
  const [, counted, ...more] = readAll(manager.logPath)
  expect(more).toEqual([])
  expect(counted).toMatchObject({ level: 'error', repeats: 4, data: { errorHash: hashOf('same'), task: 'T-1' }, hash: hashOf('same') })
  expect(counted.data).not.toHaveProperty('error')
  expect(counted.firstTimestamp).toBeGreaterThanOrEqual(before)
  expect(counted.lastTimestamp).toBeGreaterThanOrEqual(counted.firstTimestamp)
  expect(counted.lastTimestamp).toBeLessThanOrEqual(after)
})

test('the same text with other fields is written without the text, with its hash', async () => {
  const manager = await start()
  const error = 'the same long text '.repeat(50)
  for (let attempt = 1; attempt <= 3; attempt++) await manager.log('error', { error, attempt })
  await manager.log('warn', { error, attempt: 3 })
  await manager.flush()
  const [first, ...others] = readAll(manager.logPath)
  expect(first.data).toMatchObject({ errorHash: hashOf(error), attempt: 1 })
  expect(first.data.error).toEqual(expect.any(String))
  expect(others.map(({ level, data }) => ({ level, data }))).toEqual([
    { level: 'error', data: { errorHash: hashOf(error), attempt: 2 } },
    { level: 'error', data: { errorHash: hashOf(error), attempt: 3 } },
    { level: 'warn', data: { errorHash: hashOf(error), attempt: 3 } }
  ])
})

test('errors whose texts differ only in what is cut out are kept apart', async () => {
  const manager = await start()
  const texts = [1, 2, 3].map((n) => `${'a'.repeat(2000)}${n}${'b'.repeat(2000)}`)
  for (const error of texts) await manager.log('error', { error })
  await manager.close()
  expect(readData(manager.logPath).map(({ errorHash }) => errorHash)).toEqual(texts.map(hashOf))
})

test('every archive can be read alone: the text is there again after a rotation', async () => {
  const manager = await start({ rotationThreshold: 3000, enableCompression: false })
  for (let n = 0; n < 100; n++) {
    await manager.log('error', { error: 'the disk is on fire' })
    await manager.log('info', { n, filler: 'f'.repeat(100) })
    await manager.flush()
  }
  await manager.close()
  expect(archivesOf(manager.logPath).length).toBeGreaterThan(2)
  const lines = readAll(manager.logPath).filter(({ hash }) => hash !== undefined)
  const written = lines.filter(({ repeats }) => repeats === undefined)
  const counted = lines.filter(({ repeats }) => repeats !== undefined)
  expect(written.length + counted.reduce((sum, { repeats }) => sum + repeats, 0)).toBe(100)
  expect(written.filter(({ data }) => data.error === 'the disk is on fire').length).toBeGreaterThan(2)
})

test('more different repeated entries than can be counted lose none', async () => {
  const manager = await start()
  const kinds = 200
  const rounds = 6
  for (let round = 0; round < rounds; round++) {
    for (let kind = 0; kind < kinds; kind++) await manager.log('error', { error: `error of kind ${kind}`, kind })
  }
  await manager.close()
  const counts = new Array(kinds).fill(0)
  for (const { data, repeats } of readAll(manager.logPath)) counts[data.kind] += repeats ?? 1
  expect(counts).toEqual(new Array(kinds).fill(rounds))
})

test('far more different errors than are remembered are all kept', async () => {
  const manager = await start({ bufferSize: 10_000, ringBytes: 16_777_216 })
  const different = 10_000
  for (let n = 0; n < different; n++) await manager.log('error', { error: `error ${n}` })
  await manager.log('error', { error: 'error 0' })
  await manager.close()
  const texts = readData(manager.logPath).map(({ error }) => error)
  expect(new Set(texts.filter(Boolean)).size).toBe(different)
  expect(readAll(manager.logPath).reduce((sum, { repeats }) => sum + (repeats ?? 1), 0)).toBe(different + 1)
})

test('an Error object logged again and again is one entry', async () => {
  const manager = await start()
  const error = Object.assign(new Error('the very same'), { code: 'E_SAME' })
  for (let n = 0; n < 5; n++) await manager.log('error', { error, task: 'T-1' })
  await manager.close()
  const lines = readAll(manager.logPath)
  expect(lines[0].data.error.message).toBe('the very same')
  expect(lines.reduce((sum, { repeats }) => sum + (repeats ?? 1), 0)).toBe(5)
  expect(lines).toHaveLength(2)
})
