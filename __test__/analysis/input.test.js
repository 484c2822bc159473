'use strict'
/** What is read out of what was thrown. */

const { execFile, execFileSync, spawnSync } = require('node:child_process')
const { promisify } = require('node:util')
const { ErrorAnalysisWorker } = require('../..')
const { native } = require('../../js/native')
const { temporaryDirectory } = require('../support/directories')
const { rejection } = require('../support/events')

const worker = () => new ErrorAnalysisWorker()
const CONTEXT = { taskId: 'T', phase: 'p' }
const TSC = "src/a.ts(1,2): error TS2304: Cannot find name 'foo'.\n"

function thrown(action) {
  try {
    action()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

test('the output a child-process error carries is read, whichever call made it', async () => {
  const script = `process.stdout.write(${JSON.stringify(TSC)}); process.stderr.write('noise\\n'); process.exit(2)`
  const args = ['-e', script]
  const errors = {
    execFileSync: thrown(() => execFileSync(process.execPath, args, { stdio: 'pipe' })),
    execFile: await rejection(promisify(execFile)(process.execPath, args)),
    spawnSync: spawnSync(process.execPath, args),
  }
  for (const [call, error] of Object.entries(errors)) {
    const { type, summary } = await worker().analyzeError(error, CONTEXT)
    expect({ call, type, summary }).toEqual({ call, type: 'typecheck', summary: '1 type error: TS2304' })
  }
})

test('a killed command, one that ran out of time and one that was cancelled are told apart', async () => {
  const late = await rejection(promisify(execFile)(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { timeout: 100, killSignal: 'SIGKILL' }))
  expect((await worker().analyzeError(late, CONTEXT)).summary).toContain('SIGKILL')
  const controller = new AbortController()
  const cancelled = rejection(promisify(execFile)(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { signal: controller.signal }))
  controller.abort()
  expect((await worker().analyzeError(await cancelled, CONTEXT)).type).toBe('cancelled')
  expect((await worker().analyzeError('half done', { ...CONTEXT, timedOut: true })).type).toBe('timeout')
})

test('what the context knows outweighs the error', async () => {
  const error = Object.assign(new Error('x'), { exitCode: 0, stdout: 'All done, no problems\n' })
  expect((await worker().analyzeError(error, { ...CONTEXT, exitCode: 3 })).summary).toContain('exit code 3')
})

test('an HTTP status is no exit code', async () => {
  const error = Object.assign(new Error('the frobnicator said no'), { status: 418, code: 20 })
  expect((await worker().analyzeError(error, CONTEXT)).summary).not.toContain('exit code')
})

test('causes and aggregated errors are read', async () => {
  const cause = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: 'ENOSPC', errno: -28, syscall: 'write' })
  const chained = new Error('saving failed', { cause })
  expect((await worker().analyzeError(chained, CONTEXT)).type).toBe('resource_exhaustion')
  const many = new AggregateError([new Error('first broke'), new Error('second broke')], 'nothing worked')
  const summary = await worker().analyzeError(many, CONTEXT)
  expect(`${summary.summary} ${summary.details.firstError}`).toMatch(/nothing worked|first broke/)
})

test('bytes are read as UTF-8, what is none as replacement characters', async () => {
  expect((await worker().analyzeError(Buffer.from(TSC), CONTEXT)).type).toBe('typecheck')
  expect((await worker().analyzeError(new Uint8Array([0xff, 0xfe, 0x41]), CONTEXT)).summary).toContain('A')
})

test('bytes a child process printed are kept as they came, in the order of the streams', async () => {
  const worker = new ErrorAnalysisWorker({ rawStore: { dir: temporaryDirectory() } })
  const [stdout, stderr] = [Buffer.from([0x6f, 0xff, 0x6b]), 'größe']
  const kept = Buffer.concat([stdout, Buffer.from(`\n${stderr}`)])
  const { rawRef, rawSize } = await worker.analyzeError(Object.assign(new Error('x'), { stdout, stderr }), CONTEXT)
  expect(await worker.readRaw(rawRef, { bytes: [0, 100] })).toEqual(kept)
  expect(rawSize).toBe(kept.length)
  const all = await worker.analyzeError({ stdout, stderr, all: Buffer.from('both') }, CONTEXT)
  expect(await worker.readRaw(all.rawRef)).toBe('both')
  const texts = await worker.analyzeError({ stdout: 'ä', stderr }, CONTEXT)
  expect({ text: await worker.readRaw(texts.rawRef), rawSize: texts.rawSize }).toEqual({ text: 'ä\ngröße', rawSize: 7 })
})

test('short bytes are what the same text is', async () => {
  const one = worker()
  await one.analyzeError('warm', CONTEXT)
  for (const text of [TSC, 'ENOENT: größe', '\ufeffx']) {
    const whole = await worker().analyzeError(text, CONTEXT)
    const bytes = await worker().analyzeError({ stdout: Buffer.from(text) }, CONTEXT)
    expect({ ...bytes, rawSize: 0 }).toEqual({ ...whole, rawSize: 0 })
    expect(bytes.rawSize).toBe(Buffer.byteLength(text))
  }
})

test('megabytes cross in pieces, whatever they came as, and are read as one text', async () => {
  const text = 'x🚢'.repeat(300_000) + `\n${TSC}` + "src/b.ts(3,4): error TS2339: größe 🚢.\n".repeat(30_000)
  const whole = await worker().analyzeError(text, CONTEXT)
  const feed = jest.spyOn(native(), 'analysisStreamFeed')
  const submit = jest.spyOn(native(), 'analysisSubmitBytes')
  try {
    for (const error of [Buffer.from(text), { stdout: Buffer.from(text) }, { all: new Uint8Array(Buffer.from(text)) }]) {
      const summary = await worker().analyzeError(error, CONTEXT)
      expect({ ...summary, rawSize: 0 }).toEqual({ ...whole, rawSize: 0 })
      expect(summary.rawSize).toBe(Buffer.byteLength(text))
    }
    const mixed = await worker().analyzeError({ stdout: text, stderr: Buffer.from('bytes') }, CONTEXT)
    expect(mixed.details).toEqual(whole.details)
    await worker().analyzeStream([text, Buffer.from(text)], CONTEXT)
    const sizes = feed.mock.calls.map(([, , bytes]) => bytes.length)
    expect(sizes.length).toBeGreaterThan(6 * 3)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(2 * 1024 * 1024)
    expect(submit).not.toHaveBeenCalled()
  } finally {
    feed.mockRestore()
    submit.mockRestore()
  }
})

test('no character is lost where a text is cut', async () => {
  const worker = new ErrorAnalysisWorker({ rawStore: { dir: temporaryDirectory() } })
  for (const before of ['', 'x']) {
    const text = before + '🚢'.repeat(600_000)
    const { rawRef } = await worker.analyzeStream([text], CONTEXT)
    expect((await worker.readRaw(rawRef)) === text).toBe(true)
  }
})

test('a fault of the core is an error of ours, with what led to it', async () => {
  const broken = worker()
  await broken.analyzeError('warm', CONTEXT)
  // Handles are counted up: that of the worker is among those before a new one.
  const last = native().analysisOpen(1)
  for (let handle = 1; handle <= last; handle++) native().analysisDrop(handle)
  const fault = { name: 'PlimsollError', code: 'ERR_PLIMSOLL_INTERNAL', cause: expect.objectContaining({ message: 'no such analyzer' }) }
  for (const text of ['short', 'long'.repeat(5000), Buffer.from('bytes'), Buffer.alloc(1 << 20)]) {
    expect(await rejection(broken.analyzeError(text, CONTEXT))).toMatchObject(fault)
  }
  expect(await rejection(broken.analyzeStream(['part'], CONTEXT))).toMatchObject(fault)
  for (const call of [() => broken.getStatistics(), () => broken.clearStatistics(), () => broken.removePattern('x'), () => broken.patterns(), () => broken.addPattern({ name: 'x', match: 'x', type: 'auth' })]) {
    expect(thrown(call)).toMatchObject(fault)
  }
})

test('what a context throws is passed on as it is', async () => {
  const context = { ...CONTEXT, get timestamp() { throw new RangeError('no time') } }
  expect((await rejection(worker().analyzeError('x', context))).message).toBe('no time')
  expect((await rejection(worker().analyzeStream(['x'], context))).message).toBe('no time')
})

test('hostile values neither throw nor hang', async () => {
  const trap = () => { throw new Error('trap') }
  const values = [
    undefined, null, 0, NaN, true, 10n, Symbol('s'), () => {}, [], {}, Object.create(null), new Date(NaN), new Proxy({}, { get: trap, has: trap, ownKeys: trap }),
    Object.defineProperty(new Error('m'), 'stack', { get: trap }), Object.assign(new Error('m'), { stdout: 7, stderr: {}, exitCode: 'NaN', signal: 9 }),
    (() => { const loop = new Error('loop'); loop.cause = loop; return loop })(), '\ud800', '\u0000',
  ]
  for (const value of values) {
    const { summary } = await worker().analyzeError(value, CONTEXT)
    expect(summary.length).toBeGreaterThan(0)
    expect(summary.length).toBeLessThanOrEqual(500)
    expect(summary.isWellFormed?.() ?? true).toBe(true)
  }
  expect((await worker().analyzeError('x')).type).toBe('unknown')
})

test('options are checked', () => {
  for (const config of [{ maxFailures: 0 }, { maxProblems: 201 }, { rawStore: {} }, { rawStore: { dir: 7 } }, { rawStore: { dir: 'x', maxBytes: 0 } }, { onError: 1 }, 7]) {
    expect(() => new ErrorAnalysisWorker(/** @type {any} */ (config))).toThrow(expect.objectContaining({ code: 'ERR_PLIMSOLL_CONFIG' }))
  }
})

test('the failures remembered are bounded, and what is forgotten is counted', async () => {
  const small = new ErrorAnalysisWorker({ maxFailures: 3 })
  for (const name of ['a', 'b', 'c', 'd', 'e', 'e']) await small.analyzeError(`the ${name} broke`, CONTEXT)
  const { failures, forgotten, analyses } = small.getStatistics({ detailed: true })
  expect({ forgotten, analyses, counts: failures.map(({ count }) => count) }).toEqual({ forgotten: 2, analyses: 6, counts: [2, 1, 1] })
  expect(failures[0]).toMatchObject({ type: 'unknown', summary: expect.stringContaining('the e broke'), firstSeen: expect.any(Number) })
  expect(small.getStatistics({ detailed: true })).toMatchObject({ refused: 0, faults: 0 })
})

test('times are the context’s', async () => {
  const one = new ErrorAnalysisWorker()
  await one.analyzeError('the a broke', { ...CONTEXT, timestamp: 1000 })
  await one.analyzeError('the a broke', { ...CONTEXT, timestamp: new Date(5000) })
  expect(one.getStatistics({ detailed: true }).failures[0]).toMatchObject({ firstSeen: 1000, lastSeen: 5000 })
})
