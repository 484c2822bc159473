'use strict'

const fs = require('node:fs')
const path = require('node:path')
const { TelemetryManager } = require('../..')
const { launch } = require('../support/children')
const { plimsoll } = require('../support/command-line')
const { temporaryDirectory } = require('../support/directories')
const { hiddenFilesOf, readData } = require('../support/log-files')

const RECORDS = Array.from({ length: 30 }, (_, n) => ({ n }))

async function killed(logPath) {
  const { signal } = await launch('killed.cjs', { config: { logPath }, records: 30, flushAt: 20 }).exit
  expect(signal).toBe('SIGKILL')
}

test('what killed processes left is moved into their logs, once', async () => {
  const directory = temporaryDirectory()
  const [one, other] = ['one.jsonl', 'other.jsonl'].map((name) => path.join(directory, name))
  await Promise.all([killed(one), killed(other)])
  const first = await plimsoll(['recover', '--json', directory])
  expect(first.code).toBe(0)
  const nothing = { rings: 1, living: 0, entries: 10, damaged: 0, damagedBytes: 0, failures: [] }
  expect(JSON.parse(first.stdout)).toEqual({
    directory,
    logs: [{ log: 'one.jsonl', ...nothing }, { log: 'other.jsonl', ...nothing }],
  })
  const second = await plimsoll(['recover', directory])
  expect(second).toMatchObject({ code: 0, stdout: `${directory}: no rings, nothing to recover\n`, stderr: '' })
  for (const log of [one, other]) {
    expect(readData(log)).toEqual(RECORDS)
    expect(hiddenFilesOf(log, '.ring')).toEqual([])
  }
})

test('the ring of a living process is left alone', async () => {
  const logPath = path.join(temporaryDirectory(), 'live.jsonl')
  const manager = new TelemetryManager({ logPath, flushInterval: 3_600_000 })
  await manager.initialize()
  await manager.log('info', { n: 1 })
  const { code, stdout } = await plimsoll(['recover', path.dirname(logPath)])
  expect({ code, stdout }).toEqual({ code: 0, stdout: 'live.jsonl: 0 entries from 0 rings, 1 ring of living processes left alone\n' })
  await manager.close()
  expect(readData(logPath)).toEqual([{ n: 1 }])
})

test('a damaged ring gives what is whole, and the exit code tells', async () => {
  const logPath = path.join(temporaryDirectory(), 'damaged.jsonl')
  await killed(logPath)
  const ring = path.join(path.dirname(logPath), hiddenFilesOf(logPath, '.ring')[0])
  const bytes = fs.readFileSync(ring)
  bytes[bytes.indexOf('{"n":25}') + 2] ^= 1
  fs.writeFileSync(ring, bytes)
  const { code, stdout } = await plimsoll(['recover', path.dirname(logPath)])
  expect(code).toBe(3)
  expect(stdout).toMatch(/^damaged\.jsonl: 9 entries from 1 ring, 1 entry lost, \d+ bytes damaged\n$/)
  expect(readData(logPath).map((data) => data.n).filter((n) => n !== undefined)).toEqual(
    RECORDS.map(({ n }) => n).filter((n) => n !== 25),
  )
})

test('a file that is no ring is refused and left as it is', async () => {
  const directory = temporaryDirectory()
  const stranger = path.join(directory, '.a.jsonl.0123456789abcdef.ring')
  fs.writeFileSync(stranger, 'not a ring')
  const { code, stderr } = await plimsoll(['recover', directory])
  expect(code).toBe(1)
  expect(stderr).toMatch(/is not a ring.*ERR_PLIMSOLL_UNSUPPORTED_RING/)
  expect(fs.readFileSync(stranger, 'utf8')).toBe('not a ring')
})

test('a directory that is not there is an error', async () => {
  const { code, stderr } = await plimsoll(['recover', path.join(temporaryDirectory(), 'none')])
  expect(code).toBe(1)
  expect(stderr).toMatch(/ERR_PLIMSOLL_OPEN/)
})
