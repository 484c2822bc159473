'use strict'
/**
 * The class that TelemetryManager replaces, as the suites of its users test it. One behaviour a test,
 * nothing of what Plimsoll adds.
 */

const { execFileSync } = require('node:child_process')
const crypto = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')
const { pathToFileURL } = require('node:url')
const zlib = require('node:zlib')
const plimsoll = require('../..')
const { temporaryDirectory } = require('../support/directories')
const { eventually, rejection, stateOf } = require('../support/events')
const { archivesOf, filesOf, hiddenFilesOf, linesOf, readAll, readData } = require('../support/log-files')
const { NEVER_MS, make, start } = require('../support/managers')

const { TelemetryManager } = plimsoll

/** @param {string} text */
const hashOf = (text) => crypto.createHash('sha256').update(text).digest('hex').slice(0, 16)

/** What ruff prints, at the size the orchestrator logs it. */
function ruffOutput() {
  const findings = []
  for (let line = 1; line <= 40; line++) findings.push(`src/agents/module_${line}.py:${line}:1: F401 [*] \`os\` imported but unused`)
  for (let line = 1; line <= 8; line++) findings.push(`src/agents/other_${line}.py:${line}:5: F841 Local variable \`x\` is assigned to but never used`)
  return `${findings.join('\n')}\nFound 48 errors.\n[*] 40 fixable with the \`--fix\` option.\n`
}

function tscOutput() {
  const lines = ['TS2304', 'TS2339', 'TS2322', 'TS7006', 'TS2345'].map((code, index) =>
    `src/orchestrator/worker_${index}.ts(${index + 10},5): error ${code}: Cannot find a long enough description of the problem at hand, so here is some more.`)
  return `${lines.join('\n')}\n`
}

describe('loading', () => {
  test('require gives the class, and import gives the same class', () => {
    expect(typeof TelemetryManager).toBe('function')
    const entry = path.resolve(__dirname, '../../index.mjs')
    const program = `
      import { createRequire } from 'node:module'
      import * as imported from ${JSON.stringify(pathToFileURL(entry).href)}
      const required = createRequire(import.meta.url)(${JSON.stringify(path.resolve(__dirname, '../..'))})
      console.log(Object.keys(required).every((name) => imported[name] === required[name]), 'TelemetryManager' in imported)`
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8' })
    expect(said).toBe('true true\n')
  })

  test('the package is found by its own name, under import and require', () => {
    const program = `
      import { createRequire } from 'node:module'
      import { TelemetryManager } from 'plimsoll'
      console.log(TelemetryManager === createRequire(${JSON.stringify(__filename)})('plimsoll').TelemetryManager)`
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8', cwd: path.resolve(__dirname, '../..') })
    expect(said).toBe('true\n')
  })
})

describe('defaults', () => {
  test('the log is state/analytics/autopilot_policy_history.jsonl under the working directory', () => {
    const home = temporaryDirectory()
    const program = `
      const { TelemetryManager } = require(${JSON.stringify(path.resolve(__dirname, '../..'))})
      const telemetry = new TelemetryManager()
      telemetry.initialize()
        .then(() => telemetry.log('debug', { below: 'info' }))
        .then(() => telemetry.log('info', { at: 'info' }))
        .then(() => telemetry.close())`
    execFileSync(process.execPath, ['-e', program], { cwd: home })
    const log = path.join(home, 'state/analytics/autopilot_policy_history.jsonl')
    expect(readData(log)).toEqual([{ at: 'info' }])
  })

  test('799 entries stay in memory, the 800th has them written', async () => {
    const manager = await start({ flushInterval: undefined })
    for (let n = 1; n < 800; n++) await manager.log('info', { n })
    expect(fs.readFileSync(manager.logPath, 'utf8')).toBe('')
    await manager.log('info', { n: 800 })
    await eventually('800 lines', () => readAll(manager.logPath).length === 800)
  })

  test('error texts are cut at 500 characters, archives are gzip files', async () => {
    const manager = await start({ rotationThreshold: 2000 })
    await manager.log('error', { error: 'e'.repeat(501) })
    await manager.log('error', { error: 'k'.repeat(500) })
    await manager.flush()
    const [cut, kept] = readData(manager.logPath)
    expect(cut.error.length).toBeLessThanOrEqual(500)
    expect(cut.errorHash).toBe(hashOf('e'.repeat(501)))
    expect(kept).toEqual({ error: 'k'.repeat(500) })
    await manager.log('info', { text: 't'.repeat(1000) })
    await manager.close()
    expect(archivesOf(manager.logPath)).toEqual([expect.stringMatching(/\.jsonl\.gz$/)])
  })

  test('every option may be undefined', async () => {
    const manager = await start({
      rotationThreshold: undefined, bufferSize: undefined, flushInterval: undefined, maxErrorLength: undefined,
      enableCompression: undefined, retentionDays: undefined, minLevel: undefined
    })
    await manager.log('info', { a: 1 })
    await manager.close()
    expect(readData(manager.logPath)).toEqual([{ a: 1 }])
  })
})

describe('initialize and log', () => {
  test('initialize creates missing directories', async () => {
    const logPath = path.join(temporaryDirectory(), 'a', 'b', 'c', 'log.jsonl')
    await start({ logPath })
    expect(fs.statSync(path.dirname(logPath)).isDirectory()).toBe(true)
  })

  test('a line is {"timestamp", "level", "data"} in that order', async () => {
    const manager = await start()
    const before = Date.now()
    await manager.log('warn', { task: 'T-1', nested: { list: [1, 'two', null, true] } })
    const after = Date.now()
    await manager.flush()
    const text = fs.readFileSync(manager.logPath, 'utf8')
    const [, time] = text.match(/^\{"timestamp":(\d+),"level":"warn","data":\{"task":"T-1","nested":\{"list":\[1,"two",null,true\]\}\}\}\n$/) ?? []
    expect(Number(time)).toBeGreaterThanOrEqual(before)
    expect(Number(time)).toBeLessThanOrEqual(after)
  })

  test('an entry that carries an error has the hash of the full text at the top', async () => {
    const manager = await start()
    const long = 'x'.repeat(2000)
    await manager.log('error', { error: 'short' })
    await manager.log('error', { error: long })
    await manager.flush()
    const [short, cut] = readAll(manager.logPath)
    expect(Object.keys(short)).toEqual(['timestamp', 'level', 'data', 'hash'])
    expect(short.hash).toBe(hashOf('short'))
    expect(cut.hash).toBe(hashOf(long))
    expect(cut.hash).toMatch(/^[0-9a-f]{16}$/)
  })

  test('entries come in the order they were logged', async () => {
    const manager = await start({ bufferSize: 10 })
    await Promise.all(Array.from({ length: 500 }, (_, n) => manager.log('info', { n })))
    await manager.flush()
    expect(readData(manager.logPath).map(({ n }) => n)).toEqual(Array.from({ length: 500 }, (_, n) => n))
  })

  test('an existing log is appended to', async () => {
    const logPath = path.join(temporaryDirectory(), 'log.jsonl')
    fs.writeFileSync(logPath, '{"timestamp":1,"level":"info","data":{"old":true}}\n')
    const manager = await start({ logPath })
    await manager.log('info', { old: false })
    await manager.close()
    expect(readData(logPath)).toEqual([{ old: true }, { old: false }])
  })

  test.each(['debug', 'info', 'warn', 'error'])('minLevel %s drops what is below it', async (minLevel) => {
    const levels = ['debug', 'info', 'warn', 'error']
    const manager = await start({ minLevel })
    for (const level of levels) await expect(manager.log(level, { level })).resolves.toBeUndefined()
    await manager.close()
    expect(readAll(manager.logPath).map(({ level }) => level)).toEqual(levels.slice(levels.indexOf(minLevel)))
  })
})

describe('buffering', () => {
  test('nothing reaches the file before 80 % of the buffer, then everything does', async () => {
    const manager = await start({ bufferSize: 100 })
    for (let n = 1; n < 80; n++) await manager.log('info', { n })
    expect(fs.readFileSync(manager.logPath, 'utf8')).toBe('')
    await manager.log('info', { n: 80 })
    await eventually('80 lines', () => readAll(manager.logPath).length === 80)
  })

  test('the flush interval writes what a half-empty buffer holds', async () => {
    const manager = await start({ flushInterval: 50 })
    await manager.log('info', { a: 1 })
    await eventually('the line', () => readAll(manager.logPath).length === 1)
    await manager.log('info', { a: 2 })
    await eventually('the next line', () => readAll(manager.logPath).length === 2)
  })

  test('the flush interval is not undercut', async () => {
    const manager = await start({ flushInterval: 400 })
    const logged = performance.now()
    await manager.log('info', { a: 1 })
    await eventually('the line', () => readAll(manager.logPath).length === 1)
    expect(performance.now() - logged).toBeGreaterThan(390)
  })

  test('flush resolves when every earlier entry is in the file', async () => {
    const manager = await start()
    for (let n = 0; n < 5; n++) manager.log('info', { n })
    await manager.flush()
    expect(readData(manager.logPath)).toHaveLength(5)
  })

  test('close writes what is left', async () => {
    const manager = await start()
    await manager.log('info', { last: true })
    await manager.close()
    expect(readData(manager.logPath)).toEqual([{ last: true }])
  })

  test('close may be called again, and flush after it', async () => {
    const manager = await start()
    await manager.log('info', { a: 1 })
    await Promise.all([manager.close(), manager.close()])
    await manager.close()
    await manager.flush()
    expect(readData(manager.logPath)).toEqual([{ a: 1 }])
  })

  test('an idle flush and an unused manager cost nothing and fail nothing', async () => {
    const idle = await start()
    await idle.flush()
    await idle.flush()
    expect(fs.readFileSync(idle.logPath, 'utf8')).toBe('')
    const unused = make()
    await unused.flush()
    await unused.close()
    expect(fs.readdirSync(path.dirname(unused.logPath))).toEqual([])
  })

  test('1000 awaited entries and a flush take far less than a second', async () => {
    const manager = await start({ bufferSize: 1000 })
    const rounds = []
    for (let round = 0; round < 3; round++) {
      const began = performance.now()
      for (let n = 0; n < 1000; n++) await manager.log('info', { round, n, message: 'a plain entry of the usual size' })
      await manager.flush()
      rounds.push(performance.now() - began)
    }
    expect(Math.min(...rounds)).toBeLessThan(500)
    expect(readAll(manager.logPath)).toHaveLength(3000)
  })
})

describe('sanitising', () => {
  /** Logs one entry and reads what became of it. */
  async function roundTrip(data, config) {
    const manager = await start(config)
    await manager.log('error', data)
    await manager.close()
    const entries = readAll(manager.logPath)
    expect(entries).toHaveLength(1)
    return entries[0].data
  }

  test('null and undefined are left out at any depth of plain objects', async () => {
    expect(await roundTrip({ a: null, b: undefined, c: { d: null, e: { f: undefined, g: 0 } }, h: '', i: false }))
      .toEqual({ c: { e: { g: 0 } }, h: '', i: false })
  })

  test('arrays and primitives pass through unchanged', async () => {
    const data = { list: [1, null, { keep: null }, [null]], zero: 0, no: false, text: 'null' }
    expect(await roundTrip(data)).toEqual(data)
  })

  test('a long error text keeps its head and tail and gets a hash beside it', async () => {
    const error = Array.from({ length: 300 }, (_, n) => `step ${n} of the build went wrong`).join(' / ')
    const data = await roundTrip({ task: 'T-1', error, after: 1 })
    expect(data).toEqual({ task: 'T-1', error: expect.any(String), errorHash: hashOf(error), after: 1 })
    expect(data.error.length).toBeLessThanOrEqual(500)
    expect(data.error.length).toBeGreaterThan(400)
    const [, head, left, tail] = data.error.match(/^([^]*)\.\.\.\[(\d+) chars\]\.\.\.([^]*)$/)
    expect(head.length).toBeGreaterThan(0)
    expect(tail.length).toBeGreaterThan(0)
    expect(error.startsWith(head)).toBe(true)
    expect(error.endsWith(tail)).toBe(true)
    expect(Number(left)).toBe(error.length - head.length - tail.length)
  })

  test('an error text of exactly maxErrorLength is kept, one more character is not', async () => {
    expect(await roundTrip({ error: 'a'.repeat(120) }, { maxErrorLength: 120 })).toEqual({ error: 'a'.repeat(120) })
    const cut = await roundTrip({ error: 'a'.repeat(121) }, { maxErrorLength: 120 })
    expect(cut.error.length).toBeLessThanOrEqual(120)
    expect(cut.errorHash).toBe(hashOf('a'.repeat(121)))
  })

  test.each([1, 7, 20, 21, 30, 64])('the result is never longer than maxErrorLength %i', async (maxErrorLength) => {
    for (const error of ['z'.repeat(5000), ruffOutput(), tscOutput(), '\u{1f600}'.repeat(900)]) {
      const data = await roundTrip({ error }, { maxErrorLength })
      expect(data.error.length).toBeLessThanOrEqual(maxErrorLength)
      expect(data.error).not.toMatch(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]|\ufffd/)
    }
  })

  test('linter output is summed up', async () => {
    const error = ruffOutput()
    expect(await roundTrip({ error })).toEqual({
      error: '48 linting errors: 40x F401, 8x F841 (40 auto-fixable with --fix)',
      errorHash: hashOf(error)
    })
  })

  test('the linter\'s own total is preferred to what is left in the text', async () => {
    const error = ruffOutput().replace('Found 48 errors.', 'Found 1048 errors.')
    expect((await roundTrip({ error })).error).toBe('1048 linting errors: 40x F401, 8x F841 (40 auto-fixable with --fix)')
  })

  test('TypeScript output is summed up', async () => {
    const error = tscOutput()
    const data = await roundTrip({ error })
    expect(data.error).toBe('5 type errors: TS2304, TS2339, TS2322, ...')
    expect(data.errorHash).toBe(hashOf(error))
  })

  test('telemetry.meta.error is treated the same way', async () => {
    const error = ruffOutput()
    expect(await roundTrip({ telemetry: { meta: { error, attempt: 2 }, phase: 'verify' } })).toEqual({
      telemetry: {
        meta: { error: '48 linting errors: 40x F401, 8x F841 (40 auto-fixable with --fix)', errorHash: hashOf(error), attempt: 2 },
        phase: 'verify'
      }
    })
  })

  test('what the caller passed in is not changed', async () => {
    const data = { a: null, error: 'e'.repeat(600), inner: { b: undefined } }
    await roundTrip(data)
    expect(data).toEqual({ a: null, error: 'e'.repeat(600), inner: { b: undefined } })
    expect(Object.keys(data.inner)).toEqual(['b'])
  })
})

describe('deduplication', () => {
  test('five identical errors give one line at flush', async () => {
    const manager = await start()
    for (let n = 0; n < 5; n++) await manager.log('error', { error: 'same' })
    await manager.flush()
    expect(readData(manager.logPath)).toEqual([{ error: 'same' }])
  })

  test('different errors are all kept', async () => {
    const manager = await start()
    for (let n = 0; n < 5; n++) await manager.log('error', { error: `error ${n}` })
    await manager.flush()
    expect(readData(manager.logPath).map(({ error }) => error)).toEqual(['error 0', 'error 1', 'error 2', 'error 3', 'error 4'])
  })

  test('entries without an error are never taken for repeats', async () => {
    const manager = await start()
    for (let n = 0; n < 5; n++) await manager.log('info', { status: 'same' })
    await manager.flush()
    expect(readAll(manager.logPath)).toHaveLength(5)
  })
})

describe('rotation', () => {
  const THRESHOLD = 4000

  /** Logs about 40 KB in lines of about 130 bytes. */
  async function logMuch(manager, entries = 300) {
    for (let n = 0; n < entries; n++) await manager.log('info', { n, filler: 'f'.repeat(80) })
    await manager.flush()
  }

  test('the archive is named after the base and the ISO time, and lies beside the log', async () => {
    const before = Date.now()
    const manager = await start({ rotationThreshold: THRESHOLD, enableCompression: false })
    await logMuch(manager)
    await manager.close()
    const archives = archivesOf(manager.logPath)
    expect(archives.length).toBeGreaterThan(3)
    for (const name of archives) {
      const [, time] = name.match(/^log\.(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z)\.jsonl$/) ?? []
      const [date, clock] = time.split('T')
      const [hours, minutes, seconds, millis] = clock.replace('Z', '').split('-')
      const ms = Date.parse(`${date}T${hours}:${minutes}:${seconds}.${millis}Z`)
      expect(ms).toBeGreaterThanOrEqual(before)
      expect(ms).toBeLessThanOrEqual(Date.now() + archives.length)
    }
  })

  test('at rest the log exists and is smaller than the threshold, also after one large batch', async () => {
    const manager = await start({ rotationThreshold: THRESHOLD, enableCompression: false, bufferSize: 1000 })
    await logMuch(manager)
    expect(fs.statSync(manager.logPath).size).toBeLessThan(THRESHOLD)
    for (const file of filesOf(manager.logPath).slice(0, -1)) {
      // The line that reached it is the last one.
      expect(fs.statSync(file).size).toBeGreaterThanOrEqual(THRESHOLD)
      expect(fs.statSync(file).size).toBeLessThan(THRESHOLD + 200)
    }
  })

  test('a single entry larger than the threshold is rotated out at once', async () => {
    const manager = await start({ rotationThreshold: THRESHOLD, enableCompression: false })
    await manager.log('info', { filler: 'f'.repeat(THRESHOLD * 2) })
    await manager.flush()
    expect(fs.statSync(manager.logPath).size).toBe(0)
    expect(archivesOf(manager.logPath)).toHaveLength(1)
    expect(readAll(manager.logPath)).toHaveLength(1)
  })

  test('a log that an earlier run left too large is rotated by initialize', async () => {
    const logPath = path.join(temporaryDirectory(), 'log.jsonl')
    fs.writeFileSync(logPath, `{"timestamp":1,"level":"info","data":{"filler":"${'f'.repeat(THRESHOLD)}"}}\n`)
    await start({ logPath, rotationThreshold: THRESHOLD, enableCompression: false })
    expect(fs.statSync(logPath).size).toBe(0)
    expect(archivesOf(logPath)).toHaveLength(1)
  })

  test('no line is lost or out of order over rotations', async () => {
    const manager = await start({ rotationThreshold: THRESHOLD, bufferSize: 50 })
    await logMuch(manager, 1000)
    await manager.close()
    expect(archivesOf(manager.logPath).length).toBeGreaterThan(10)
    expect(readData(manager.logPath).map(({ n }) => n)).toEqual(Array.from({ length: 1000 }, (_, n) => n))
  })

  test('archives are compressed: a complete .gz, and the plain file is gone', async () => {
    const manager = await start({ rotationThreshold: THRESHOLD })
    await logMuch(manager)
    await manager.close()
    const archives = archivesOf(manager.logPath)
    expect(archives.length).toBeGreaterThan(3)
    for (const name of archives) {
      expect(name).toMatch(/\.jsonl\.gz$/)
      const packed = fs.readFileSync(path.join(path.dirname(manager.logPath), name))
      const lines = zlib.gunzipSync(packed).toString('utf8').trimEnd().split('\n')
      expect(lines.map((line) => JSON.parse(line).data.filler.length)).toEqual(lines.map(() => 80))
    }
    expect(hiddenFilesOf(manager.logPath, 'tmp')).toEqual([])
  })

  test('with enableCompression: false archives stay plain', async () => {
    const manager = await start({ rotationThreshold: THRESHOLD, enableCompression: false })
    await logMuch(manager)
    await manager.close()
    const archives = archivesOf(manager.logPath)
    expect(archives.length).toBeGreaterThan(3)
    expect(archives.filter((name) => !name.endsWith('.jsonl'))).toEqual([])
  })

  test('archives older than retentionDays are deleted, younger ones and strangers stay', async () => {
    const directory = temporaryDirectory()
    /** An archive of `base` that was made, and last written to, so many days ago. */
    const leave = (base, days) => {
      const time = new Date(Date.now() - days * 86_400_000)
      const name = `${base}.${time.toISOString().replace(/[:.]/g, '-')}.jsonl.gz`
      fs.writeFileSync(path.join(directory, name), zlib.gzipSync('{"timestamp":1,"level":"info","data":{}}\n'))
      fs.utimesSync(path.join(directory, name), time, time)
      return name
    }
    const old = [leave('log', 8), leave('log', 30)]
    const kept = [leave('log', 6), leave('other', 30), leave('log.more', 30)]
    for (const name of ['log.notes.jsonl.gz', 'log.jsonl.bak', 'log.2020.jsonl']) {
      fs.writeFileSync(path.join(directory, name), 'mine')
      fs.utimesSync(path.join(directory, name), 0, 0)
      kept.push(name)
    }
    const manager = await start({ logPath: path.join(directory, 'log.jsonl'), retentionDays: 7 })
    await eventually('the old archives to go', () => old.every((name) => !fs.existsSync(path.join(directory, name))))
    await manager.close()
    expect(kept.filter((name) => !fs.existsSync(path.join(directory, name)))).toEqual([])
  })

  test('files of ours that are neither log nor archive are dot-files', async () => {
    const manager = await start({ rotationThreshold: THRESHOLD })
    await logMuch(manager)
    const ours = new Set([...archivesOf(manager.logPath), path.basename(manager.logPath)])
    const others = fs.readdirSync(path.dirname(manager.logPath)).filter((name) => !ours.has(name) && !name.endsWith('.gz'))
    expect(others.filter((name) => !name.startsWith('.'))).toEqual([])
    expect(others.length).toBeGreaterThan(0)
    await manager.close()
    expect(hiddenFilesOf(manager.logPath, 'ring')).toEqual([])
  })
})

describe('configuration', () => {
  test.each([
    ['logPath', 7], ['logPath', ''], ['logPath', 'a\0b'],
    ['rotationThreshold', '10MB'], ['rotationThreshold', 0], ['rotationThreshold', -1], ['rotationThreshold', NaN],
    ['bufferSize', 0], ['bufferSize', 1.5], ['bufferSize', Infinity],
    ['flushInterval', -5], ['flushInterval', '5s'], ['flushInterval', 2 ** 31],
    ['maxErrorLength', -1], ['maxErrorLength', null],
    ['enableCompression', 'yes'], ['enableCompression', 1],
    ['retentionDays', -1], ['retentionDays', '30'],
    ['minLevel', 'trace'], ['minLevel', 1], ['minLevel', 'INFO']
  ])('%s: %p is refused with a PlimsollConfigError that names it', (key, value) => {
    let thrown
    try {
      new TelemetryManager({ [key]: value })
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(TypeError)
    expect(thrown).toBeInstanceOf(plimsoll.PlimsollConfigError)
    expect(thrown.code).toBe('ERR_PLIMSOLL_CONFIG')
    expect(thrown.message).toContain(key)
    expect(thrown.message).toMatch(/allowed/)
  })

  test.each([[null], ['path.jsonl'], [7], [[]]])('a configuration that is %p is refused', (config) => {
    expect(() => new TelemetryManager(config)).toThrow(plimsoll.PlimsollConfigError)
  })

  test('an unknown key gives a process warning that names the nearest known one', () => {
    // In a process of its own: Jest's `process` hears no warnings.
    const program = `
      const { TelemetryManager } = require(${JSON.stringify(path.resolve(__dirname, '../..'))})
      process.on('warning', ({ message }) => console.log(message))
      new TelemetryManager({ rotationTreshold: 5 })
      new TelemetryManager({ rotationTreshold: 5 })`
    const said = execFileSync(process.execPath, ['--no-warnings', '-e', program], { encoding: 'utf8' })
    expect(said).toMatch(/^[^\n]*rotationTreshold[^\n]*"rotationThreshold"[^\n]*\n$/)
  })

  test('construction touches no file', () => {
    const logPath = path.join(temporaryDirectory(), 'a', 'log.jsonl')
    make({ logPath })
    expect(fs.existsSync(path.dirname(logPath))).toBe(false)
  })
})

describe('misuse', () => {
  test('log after close is rejected with a code', async () => {
    const manager = await start()
    await manager.close()
    const error = await rejection(manager.log('info', { late: true }))
    expect(error).toBeInstanceOf(Error)
    expect(error.code).toBe('ERR_PLIMSOLL_CLOSED')
    expect(linesOf(manager.logPath)).toEqual([])
  })

  test('initialize may be called twice, also at once', async () => {
    const manager = make()
    await Promise.all([manager.initialize(), manager.initialize()])
    await manager.initialize()
    await manager.log('info', { a: 1 })
    await manager.close()
    expect(readData(manager.logPath)).toEqual([{ a: 1 }])
  })

  test('close during a flush waits for it', async () => {
    const manager = await start()
    for (let n = 0; n < 200; n++) manager.log('info', { n })
    const flushed = manager.flush()
    await manager.close()
    expect(await stateOf(flushed)).toBe('fulfilled')
    expect(readAll(manager.logPath)).toHaveLength(200)
  })

  test('log before initialize is kept', async () => {
    const manager = make({ flushInterval: NEVER_MS })
    await manager.log('info', { early: true })
    await manager.flush()
    expect(readData(manager.logPath)).toEqual([{ early: true }])
  })
})
