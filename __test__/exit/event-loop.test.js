'use strict'
/** What keeps the event loop alive, and what does not. */

const fs = require('node:fs')
const path = require('node:path')
const { Child, launch } = require('../support/children')
const { temporaryDirectory } = require('../support/directories')
const { eventually } = require('../support/events')
const { readData } = require('../support/log-files')
const { NEVER_MS } = require('../support/managers')
const { holdLock, testWithFlock } = require('../support/stalls')

const upTo = (count) => Array.from({ length: count }, (_, n) => n)

function settingsFor(config) {
  return { logPath: path.join(temporaryDirectory(), 'log.jsonl'), flushInterval: NEVER_MS, ...config }
}

test('a process that forgets close() exits by itself, and what it logged is in the file', async () => {
  const config = settingsFor({ flushInterval: 60_000 })
  const child = launch('forgetting.cjs', { config, records: 100 })
  await child.says(/all said/)
  const said = performance.now()
  expect(await child.exit).toMatchObject({ code: 0, stderr: '' })
  // Far below the flush interval: nothing was waited for.
  expect(performance.now() - said).toBeLessThan(15_000)
  expect(readData(config.logPath).map(({ n }) => n)).toEqual(upTo(100))
})

test('an open log alone does not keep the process alive', async () => {
  const child = launch('forgetting.cjs', { config: settingsFor(), records: 0 })
  expect(await child.exit).toMatchObject({ code: 0, stderr: '' })
})

test('a log that was opened before initialize had resolved does not either', async () => {
  const config = settingsFor()
  const program = `
    const { TelemetryManager } = require(${JSON.stringify(path.resolve(__dirname, '../..'))})
    new TelemetryManager(${JSON.stringify(config)}).log('info', { n: 0 })`
  expect(await new Child(process.execPath, ['-e', program]).exit).toMatchObject({ code: 0, stderr: '' })
  expect(readData(config.logPath)).toEqual([{ n: 0 }])
})

test('a top-level await of flush() resolves', async () => {
  const config = settingsFor()
  const child = launch('flushing.mjs', { config, records: 50 })
  await child.says(/open/)
  child.process.stdin.end('go')
  const { code, stdout, stderr } = await child.exit
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' }) // 13 would be an await that never settled
  expect(stdout).toBe('open\nflushing\nflushed\nnothing left to do\n')
  expect(readData(config.logPath)).toHaveLength(50)
})

testWithFlock('a flush that has to wait keeps the event loop alive until it is done', async () => {
  const config = settingsFor()
  const child = launch('flushing.mjs', { config, records: 50 })
  await child.says(/open/)
  const giveBack = await holdLock(config.logPath)
  child.process.stdin.end('go')
  await child.says(/flushing/)
  // Nothing can be written; a loop that is not held open ends in this time.
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(child.stdout).toBe('open\nflushing\n')
  expect(child.ended).toBe(null)
  await giveBack()
  const { code, stdout } = await child.exit
  expect(code).toBe(0)
  expect(stdout).toBe('open\nflushing\nflushed\nnothing left to do\n')
  expect(readData(config.logPath)).toHaveLength(50)
})

testWithFlock('entries that wait for room keep it alive until they are stored', async () => {
  const config = settingsFor({ bufferSize: 10 })
  const child = launch('forgetting.cjs', { config, records: 1000, waitForInput: true })
  await child.says(/open/)
  const giveBack = await holdLock(config.logPath)
  child.process.stdin.end('go')
  await child.says(/all said/)
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(child.ended).toBe(null)
  await giveBack()
  const { code, stdout } = await child.exit
  expect(code).toBe(0)
  expect(stdout).toContain('resolved 1000')
  expect(readData(config.logPath).map(({ n }) => n)).toEqual(upTo(1000))
})

testWithFlock('a disk that is stuck does not hold up the end of the process for ever', async () => {
  const config = settingsFor()
  const child = launch('forgetting.cjs', { config, records: 100, waitForInput: true })
  await child.says(/open/)
  const giveBack = await holdLock(config.logPath)
  child.process.stdin.end('go')
  expect(await child.exit).toMatchObject({ code: 0 })
  expect(readData(config.logPath)).toEqual([])
  await giveBack()
  const { stdout } = await launch('recover.cjs', config).exit
  expect(JSON.parse(stdout).entries.recovered).toBe(100)
  expect(readData(config.logPath).map(({ n }) => n)).toEqual(upTo(100))
})

test('while the event loop is blocked, entries are written, rotated and compressed', async () => {
  const home = temporaryDirectory()
  const config = settingsFor({ logPath: path.join(home, 'logs', 'log.jsonl'), flushInterval: 30, rotationThreshold: 5000 })
  const releasePath = path.join(home, 'release')
  const child = launch('blocking.cjs', { config, releasePath })
  await child.says(/blocked/)
  const directory = path.dirname(config.logPath)
  await eventually('the interval to write single entries', () => fs.statSync(config.logPath).size > 0)
  await eventually('three compressed archives', () =>
    fs.readdirSync(directory).filter((name) => name.endsWith('.jsonl.gz') && !name.startsWith('.')).length >= 3)
  // At least this long, so that nothing seen came from a loop that had a breath in between.
  await eventually('three seconds of blocking', () => fs.existsSync(`${releasePath}.may`))
  expect(child.stdout).toBe('blocked\n')
  fs.writeFileSync(releasePath, '')
  const { code, stdout } = await child.exit
  expect(code).toBe(0)
  const [, logged, ticks] = stdout.match(/released after (\d+) entries and (\d+) ticks/)
  expect(ticks).toBe('0')
  expect(readData(config.logPath).map(({ n }) => n)).toEqual(upTo(Number(logged)))
})
