'use strict'
/** Full texts, kept until they expire. */

const fs = require('node:fs')
const path = require('node:path')
const { PassThrough } = require('node:stream')
const zlib = require('node:zlib')
const { ErrorAnalysisWorker } = require('../..')
const { plimsoll } = require('../support/command-line')
const { temporaryDirectory } = require('../support/directories')
const { eventually, rejection } = require('../support/events')

const CONTEXT = { taskId: 'T', phase: 'p' }

test('the text is read back whole, by lines and by bytes', async () => {
  const dir = path.join(temporaryDirectory(), 'raw')
  const worker = new ErrorAnalysisWorker({ rawStore: { dir } })
  const text = Array.from({ length: 5000 }, (_, n) => `größe ${n + 1}`).join('\n')
  const { rawRef, rawExpiresAt } = await worker.analyzeError(text, CONTEXT)
  expect(rawExpiresAt).toBeGreaterThan(Date.now() + 6 * 86_400_000)
  expect(await worker.readRaw(rawRef)).toBe(text)
  expect(await worker.readRaw(rawRef, { lines: [2, 3] })).toBe('größe 2\ngröße 3\n')
  expect(await worker.readRaw(rawRef, { bytes: [0, 4] })).toEqual(Buffer.from('größe 1').subarray(0, 4))
  const [file] = fs.readdirSync(dir)
  expect(zlib.gunzipSync(fs.readFileSync(path.join(dir, file))).toString()).toBe(text)
  expect(fs.statSync(dir).mode & 0o777).toBe(0o700)
  expect(fs.statSync(path.join(dir, file)).mode & 0o777).toBe(0o600)
})

test('bytes and streams are kept as they came', async () => {
  const worker = new ErrorAnalysisWorker({ rawStore: { dir: temporaryDirectory() } })
  const bytes = Buffer.from([0x65, 0xff, 0x0a, 0xc3])
  const kept = await worker.analyzeError(bytes, CONTEXT)
  expect(await worker.readRaw(kept.rawRef, { bytes: [0, 10] })).toEqual(bytes)
  const streamed = await worker.analyzeStream([bytes.subarray(0, 2), bytes.subarray(2)], CONTEXT)
  expect(streamed.rawRef).toBe(kept.rawRef)
})

test('what expired is absent, and gone with the next', async () => {
  const dir = temporaryDirectory()
  const worker = new ErrorAnalysisWorker({ rawStore: { dir, maxAge: 1 } })
  const { rawRef } = await worker.analyzeError('soon gone', CONTEXT)
  await eventually('the text to expire', async () => (await rejection(worker.readRaw(rawRef))).code === 'ERR_PLIMSOLL_ABSENT')
  await worker.analyzeError('the next', CONTEXT)
  expect(fs.readdirSync(dir)).toHaveLength(1)
})

test('the bytes kept are bounded, and what cannot be kept is told, not thrown', async () => {
  const dir = temporaryDirectory()
  const told = []
  const worker = new ErrorAnalysisWorker({ rawStore: { dir, maxBytes: 1000 }, onError: (error) => told.push(error) })
  const noise = () => Array.from({ length: 30 }, () => Math.random().toString(36)).join('\n')
  for (let n = 0; n < 10; n++) await worker.analyzeError(noise(), CONTEXT)
  const total = fs.readdirSync(dir).reduce((sum, name) => sum + fs.statSync(path.join(dir, name)).size, 0)
  expect(total).toBeLessThanOrEqual(1000)
  const large = await worker.analyzeError(Array.from({ length: 20 }, noise).join('\n'), CONTEXT)
  expect(large.rawRef).toBeUndefined()
  expect(told).toHaveLength(1)
  expect(told[0].code).toBe('ERR_PLIMSOLL_WRITE')
  expect(worker.getStatistics({ detailed: true })).toMatchObject({ rawStored: 10, rawFailures: 1 })
})

test('wrong questions are refused', async () => {
  const without = new ErrorAnalysisWorker()
  expect((await rejection(without.readRaw('0123456789abcdef'))).code).toBe('ERR_PLIMSOLL_ARGUMENT')
  const worker = new ErrorAnalysisWorker({ rawStore: { dir: temporaryDirectory() } })
  for (const range of [{ lines: [1, -1] }, { lines: [1.5, 2] }, { lines: ['1', '2'] }, { lines: [1, 2], bytes: [1, 2] }]) {
    expect((await rejection(worker.readRaw('0123456789abcdef', /** @type {any} */ (range)))).code).toBe('ERR_PLIMSOLL_ARGUMENT')
  }
  expect((await rejection(worker.readRaw('../../etc/passwd'))).code).toBe('ERR_PLIMSOLL_ABSENT')
})

test('a damaged text is called so', async () => {
  const dir = temporaryDirectory()
  const worker = new ErrorAnalysisWorker({ rawStore: { dir } })
  const { rawRef } = await worker.analyzeError('a text that was kept before the power failed', CONTEXT)
  const file = path.join(dir, fs.readdirSync(dir)[0])
  for (const length of [fs.statSync(file).size - 1, 0]) {
    fs.truncateSync(file, length)
    const error = await rejection(worker.readRaw(rawRef))
    expect(error).toMatchObject({ code: 'ERR_PLIMSOLL_OPEN', cause: { code: 'UnexpectedEof' } })
    expect(error.message).toContain(`the text kept in ${file} is damaged`)
    const { code, stdout, stderr } = await plimsoll(['raw', rawRef, '--store', dir])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('is damaged')
  }
})

test('a stream touches the disk on the core’s thread alone, and leaves nothing when it breaks', async () => {
  const dir = path.join(temporaryDirectory(), 'raw')
  const worker = new ErrorAnalysisWorker({ rawStore: { dir } })
  const parts = new PassThrough()
  const analysis = rejection(worker.analyzeStream(parts, CONTEXT))
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
  expect(fs.existsSync(dir)).toBe(false)
  parts.write(Buffer.alloc(100_000, 'half a text\n'))
  await eventually('the first part to be stored', () => fs.readdirSync(dir).some((name) => name.endsWith('.tmp')))
  parts.destroy(new Error('the pipe broke'))
  expect((await analysis).message).toBe('the pipe broke')
  await eventually('what was stored to be removed', () => fs.readdirSync(dir).length === 0)
})

test('a stream without parts is an empty text', async () => {
  const worker = new ErrorAnalysisWorker({ rawStore: { dir: temporaryDirectory() } })
  const { summary, rawRef, rawSize } = await worker.analyzeStream([], CONTEXT)
  expect({ summary, rawSize }).toEqual({ summary: 'unknown: no text', rawSize: 0 })
  expect(await worker.readRaw(rawRef)).toBe('')
})
