'use strict'

const fs = require('node:fs')
const path = require('node:path')
const zlib = require('node:zlib')
const { TelemetryManager } = require('../..')
const { plimsoll, start } = require('../support/command-line')
const { launch } = require('../support/children')
const { temporaryDirectory } = require('../support/directories')
const { archivesOf } = require('../support/log-files')

function line(n, level = 'info') {
  return JSON.stringify({ timestamp: Date.UTC(2026, 0, 31) + n, level, data: { n } })
}

function text(from, to) {
  return Array.from({ length: to - from }, (_, n) => `${line(from + n)}\n`).join('')
}

/** Two archives and a log with the numbers 0 to 29. */
function makeLog() {
  const directory = temporaryDirectory()
  const log = path.join(directory, 'policy.jsonl')
  fs.writeFileSync(path.join(directory, 'policy.2026-01-31T00-00-01-000Z.jsonl.gz'), zlib.gzipSync(text(0, 10)))
  fs.writeFileSync(path.join(directory, 'policy.2026-01-31T00-00-02-000Z.jsonl'), text(10, 20))
  fs.writeFileSync(log, text(20, 30))
  return log
}

function numbers(stdout) {
  return stdout.trimEnd().split('\n').filter(Boolean).map((each) => JSON.parse(each).data.n)
}

const range = (from, to) => Array.from({ length: to - from }, (_, n) => from + n)

test('the last ten lines by default, as many as asked, or all', async () => {
  const log = makeLog()
  const shown = async (...args) => numbers((await plimsoll(['tail', '--json', ...args, log])).stdout)
  expect(await shown()).toEqual(range(20, 30))
  expect(await shown('-n', '13')).toEqual(range(17, 30))
  expect(await shown('-n', '0')).toEqual([])
  expect(await shown('-n', 'all')).toEqual(range(0, 30))
  expect(await shown('--since', '2026-01-31T00:00:00.005Z')).toEqual(range(5, 30))
  expect(await shown('--since', String(Date.UTC(2026, 0, 31) + 28))).toEqual([28, 29])
  expect(await shown('-n', '2', '--grep', '"n":\\d*4\\}')).toEqual([14, 24])
  expect(await shown('--level', 'warn')).toEqual([])
})

test('people get time, level and data; what could steer a terminal is written out', async () => {
  const log = path.join(temporaryDirectory(), 'a.jsonl')
  const counted = { timestamp: 1000, level: 'error', data: { errorHash: 'a'.repeat(16) }, hash: 'a'.repeat(16), repeats: 7, firstTimestamp: 500, lastTimestamp: 1000 }
  const evil = { timestamp: 2000, level: 'warn', data: { text: '\u009b31m\u202e' } }
  fs.writeFileSync(log, `${JSON.stringify(counted)}\n${JSON.stringify(evil)}\n\u001b]0;title\u0007\n`)
  const { stdout } = await plimsoll(['tail', log], { env: { ...process.env, FORCE_COLOR: '1' } })
  expect(stdout.split('\n')).toEqual([
    `1970-01-01T00:00:01.000Z ERROR {"errorHash":"${'a'.repeat(16)}"} #${'a'.repeat(16)} ` +
      '(7 more, 1970-01-01T00:00:00.500Z to 1970-01-01T00:00:01.000Z)',
    '1970-01-01T00:00:02.000Z WARN  {"text":"\\u009b31m\\u202e"}',
    '\\u001b]0;title\\u0007',
    '',
  ])
})

test('what is still in the ring of a living manager is shown', async () => {
  const logPath = path.join(temporaryDirectory(), 'live.jsonl')
  const manager = new TelemetryManager({ logPath, flushInterval: 3_600_000 })
  await manager.initialize()
  await manager.log('info', { n: 1 })
  await manager.flush()
  await manager.log('info', { n: 2 })
  expect(fs.readFileSync(logPath, 'utf8')).not.toContain('"n":2')
  const { stdout } = await plimsoll(['tail', '--json', logPath])
  expect(numbers(stdout)).toEqual([1, 2])
  expect((await plimsoll(['stats', '--json', logPath])).stdout).toContain('"living":true')
  await manager.close()
})

test('following shows every line once, through rotation and compression', async () => {
  const logPath = path.join(temporaryDirectory(), 'follow.jsonl')
  const manager = new TelemetryManager({ logPath, rotationThreshold: 4000, flushInterval: 20 })
  await manager.initialize()
  await manager.log('info', { n: 0 })
  const child = start(['tail', '-f', '-n', 'all', '--json', logPath])
  await child.says(/"n":0\}/)
  for (let n = 1; n < 1000; n += 1) {
    await manager.log('info', { n })
    if (n % 250 === 0) await child.says(new RegExp(`"n":${n}\\}`))
  }
  await child.says(/"n":999\}/)
  await manager.close()
  expect(archivesOf(logPath).length).toBeGreaterThan(5)
  const { code, stdout, stderr } = await child.kill('SIGINT')
  expect({ code, stderr }).toEqual({ code: 130, stderr: '' })
  expect(numbers(stdout)).toEqual(range(0, 1000))
})

test('a reader that goes away ends the command quietly', async () => {
  const log = path.join(temporaryDirectory(), 'a.jsonl')
  fs.writeFileSync(log, text(0, 200_000))
  for (const args of [['-n', 'all'], ['-n', 'all', '--json'], ['-f', '-n', 'all']]) {
    const child = start(['tail', ...args, log])
    await child.says(/199|"n":1/)
    child.process.stdout.destroy()
    const { code, stderr } = await child.exit
    expect({ args, code, stderr }).toEqual({ args, code: 0, stderr: '' })
  }
})

test('an output that cannot be written is a failure', async () => {
  if (!fs.existsSync('/dev/full')) {
    console.warn('not run: this system has no /dev/full')
    return
  }
  const full = fs.openSync('/dev/full', 'w')
  const child = start(['tail', makeLog()], { stdio: ['ignore', full, 'pipe'] })
  fs.closeSync(full)
  const { code, stderr } = await child.exit
  expect(code).toBe(1)
  expect(stderr).toMatch(/^plimsoll: the output cannot be written: .*ENOSPC.*\n$/)
})

test('a damaged archive is named, and everything else is shown', async () => {
  const log = makeLog()
  const damaged = path.join(path.dirname(log), 'policy.2026-01-31T00-00-01-000Z.jsonl.gz')
  fs.truncateSync(damaged, fs.statSync(damaged).size - 3)
  const { code, stdout, stderr } = await plimsoll(['tail', '-n', 'all', '--json', log])
  expect(code).toBe(3)
  expect(stderr).toContain(path.basename(damaged))
  expect(numbers(stdout)).toEqual(range(0, 30))
})

test('entries that a dead process left in its ring are shown, and stay there', async () => {
  const logPath = path.join(temporaryDirectory(), 'dead.jsonl')
  const { signal } = await launch('killed.cjs', { config: { logPath }, records: 30, flushAt: 20 }).exit
  expect(signal).toBe('SIGKILL')
  const before = fs.readdirSync(path.dirname(logPath))
  const { stdout } = await plimsoll(['tail', '-n', 'all', '--json', logPath])
  expect(numbers(stdout)).toEqual(range(0, 30))
  expect(fs.readdirSync(path.dirname(logPath))).toEqual(before)
})
