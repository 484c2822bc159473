'use strict'

const fs = require('node:fs')
const path = require('node:path')
const { TelemetryManager } = require('../..')
const { launch } = require('../support/children')
const { plimsoll } = require('../support/command-line')
const { temporaryDirectory } = require('../support/directories')
const { archivesOf } = require('../support/log-files')

test('files, lines by level and what was counted agree with what was logged', async () => {
  const logPath = path.join(temporaryDirectory(), 'counted.jsonl')
  const manager = new TelemetryManager({ logPath, minLevel: 'debug', rotationThreshold: 5000 })
  await manager.initialize()
  const started = Date.now()
  for (let n = 0; n < 200; n += 1) {
    for (const level of ['debug', 'info', 'info', 'warn']) await manager.log(level, { n })
  }
  await manager.flush()
  for (let n = 0; n < 5; n += 1) await manager.log('error', { error: 'same' })
  await manager.close()
  fs.appendFileSync(logPath, 'not ours\n')
  const { code, stdout, stderr } = await plimsoll(['stats', '--json', logPath])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const stats = JSON.parse(stdout)
  const written = manager.stats().entries.written
  expect(stats).toMatchObject({ otherLines: 1, rings: [], lines: written + 1 })
  expect(stats.levels).toMatchObject({ debug: 200, info: 400, warn: 200 })
  expect(stats.levels.error + stats.repeats - (stats.repeats > 0 ? 1 : 0)).toBe(5)
  expect(stats.archives.map((archive) => archive.name)).toEqual(archivesOf(logPath))
  expect(stats.archives.every((archive) => archive.compression === 'gzip' && archive.bytes < archive.plainBytes)).toBe(true)
  expect(stats.oldest).toBeGreaterThanOrEqual(started)
  expect(stats.newest).toBeLessThanOrEqual(Date.now())
})

test('orphaned rings are named with what to do', async () => {
  const logPath = path.join(temporaryDirectory(), 'dead.jsonl')
  await launch('killed.cjs', { config: { logPath }, records: 30, flushAt: 20 }).exit
  const { code, stdout } = await plimsoll(['stats', logPath])
  expect(code).toBe(0)
  expect(stdout).toContain('0 of living processes, 1 orphaned, 10 entries not in the log yet')
  expect(stdout).toContain('plimsoll recover')
})

test('a damaged archive is counted as far as it goes, and the exit code tells', async () => {
  const directory = temporaryDirectory()
  const name = 'a.2026-01-31T00-00-01-000Z.jsonl.gz'
  fs.writeFileSync(path.join(directory, name), 'damaged')
  fs.writeFileSync(path.join(directory, 'a.jsonl'), '{"timestamp":1,"level":"info","data":{}}\n')
  const { code, stdout, stderr } = await plimsoll(['stats', '--json', path.join(directory, 'a.jsonl')])
  expect(code).toBe(3)
  expect(stderr).toContain(name)
  expect(JSON.parse(stdout)).toMatchObject({ lines: 1, levels: { info: 1 } })
})
