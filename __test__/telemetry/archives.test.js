'use strict'
/** Archives beyond the contract: how many, how large, how compressed, and what a crash left of them. */

const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const zlib = require('node:zlib')
const { temporaryDirectory } = require('../support/directories')
const { eventually } = require('../support/events')
const { archivesOf, hiddenFilesOf, readData } = require('../support/log-files')
const { start } = require('../support/managers')
const { testUnless } = require('../support/stalls')

const THRESHOLD = 4000
const upTo = (count) => Array.from({ length: count }, (_, n) => n)

async function logMuch(manager, entries = 400) {
  for (let n = 0; n < entries; n++) await manager.log('info', { n, filler: 'f'.repeat(80) })
  await manager.flush()
}

/** Why `command` cannot be run here, or `null`. */
function whyNo(command) {
  try {
    execFileSync(command, ['--version'], { stdio: 'ignore' })
    return null
  } catch (error) {
    return `the command ${command} is not here: ${error.message}`
  }
}

/** The name an archive of `log.jsonl` has that was rotated so long ago. */
function archiveName(msAgo, suffix = '.gz') {
  return `log.${new Date(Date.now() - msAgo).toISOString().replace(/[:.]/g, '-')}.jsonl${suffix}`
}

describe('compression', () => {
  testUnless(whyNo('zcat'), 'zcat reads every gzip archive, gunzip -t accepts it', async () => {
    const manager = await start({ rotationThreshold: THRESHOLD })
    await logMuch(manager)
    await manager.close()
    const directory = path.dirname(manager.logPath)
    const archives = archivesOf(manager.logPath)
    expect(archives.length).toBeGreaterThan(5)
    execFileSync('gunzip', ['-t', ...archives], { cwd: directory })
    const text = execFileSync('zcat', archives, { cwd: directory, encoding: 'utf8' }) + fs.readFileSync(manager.logPath, 'utf8')
    expect(text.trimEnd().split('\n').map((line) => JSON.parse(line).data.n)).toEqual(upTo(400))
  })

  testUnless(whyNo('zstdcat'), "compression: 'zstd' makes archives that zstdcat reads", async () => {
    const manager = await start({ rotationThreshold: THRESHOLD, compression: 'zstd' })
    await logMuch(manager)
    await manager.close()
    const archives = archivesOf(manager.logPath)
    expect(archives.length).toBeGreaterThan(5)
    expect(archives.filter((name) => !name.endsWith('.jsonl.zst'))).toEqual([])
    execFileSync('zstd', ['-q', '-t', ...archives], { cwd: path.dirname(manager.logPath) })
    expect(readData(manager.logPath).map(({ n }) => n)).toEqual(upTo(400))
  })

  test('an archive of many megabytes, in several members, is read by Node as one', async () => {
    const manager = await start({ rotationThreshold: 6_000_000, ringBytes: 16_777_216, bufferSize: 100_000 })
    for (let n = 0; n < 5000; n++) await manager.log('info', { n, filler: `${n} `.repeat(250) })
    await manager.close()
    const [archive] = archivesOf(manager.logPath)
    const packed = fs.readFileSync(path.join(path.dirname(manager.logPath), archive))
    expect(zlib.gunzipSync(packed).length).toBeGreaterThanOrEqual(6_000_000)
    expect(packed.length).toBeLessThan(2_000_000)
    expect(readData(manager.logPath).map(({ n }) => n)).toEqual(upTo(5000))
  })
})

describe('retention', () => {
  test('maxArchives keeps the newest', async () => {
    const manager = await start({ rotationThreshold: THRESHOLD, maxArchives: 3 })
    await logMuch(manager)
    await manager.close()
    expect(manager.stats().rotations).toBeGreaterThan(5)
    expect(archivesOf(manager.logPath)).toHaveLength(3)
    const numbers = readData(manager.logPath).map(({ n }) => n)
    expect(numbers).toEqual(upTo(400).slice(-numbers.length)) // without a gap up to the newest
  })

  test('maxArchives: 0 keeps none', async () => {
    const manager = await start({ rotationThreshold: THRESHOLD, maxArchives: 0 })
    await logMuch(manager)
    await manager.close()
    expect(manager.stats().rotations).toBeGreaterThan(5)
    expect(archivesOf(manager.logPath)).toEqual([])
  })

  test('maxTotalBytes keeps the newest that fit', async () => {
    const manager = await start({ rotationThreshold: THRESHOLD, enableCompression: false, maxTotalBytes: 3 * THRESHOLD + 600 })
    await logMuch(manager)
    await manager.close()
    const archives = archivesOf(manager.logPath)
    const sizes = archives.map((name) => fs.statSync(path.join(path.dirname(manager.logPath), name)).size)
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(3 * THRESHOLD + 600)
    expect(archives).toHaveLength(3)
    const numbers = readData(manager.logPath).map(({ n }) => n)
    expect(numbers).toEqual(upTo(400).slice(-numbers.length))
  })

  test('all three rules hold right after start, for what earlier runs left', async () => {
    const directory = temporaryDirectory()
    const hour = 3_600_000
    const left = upTo(6).map((age) => archiveName((age + 1) * hour))
    for (const name of left) fs.writeFileSync(path.join(directory, name), zlib.gzipSync('{"timestamp":1,"level":"info","data":{}}\n'))
    const manager = await start({ logPath: path.join(directory, 'log.jsonl'), retentionDays: 4.5 / 24, maxArchives: 3 })
    await eventually('three archives', () => archivesOf(manager.logPath).length <= 3)
    await manager.close()
    expect(archivesOf(manager.logPath)).toEqual(left.slice(0, 3).sort())
  })

  test('retentionDays: 0 keeps no archive', async () => {
    const manager = await start({ rotationThreshold: THRESHOLD, retentionDays: 0 })
    await logMuch(manager)
    await manager.close()
    expect(manager.stats().rotations).toBeGreaterThan(5)
    const again = await start({ logPath: manager.logPath, retentionDays: 0 })
    await eventually('no archive', () => archivesOf(again.logPath).length === 0)
  })
})

describe('what a crash left', () => {
  const LINE = '{"timestamp":1,"level":"info","data":{"left":true}}\n'

  test('a plain archive is compressed by the next start', async () => {
    const directory = temporaryDirectory()
    fs.writeFileSync(path.join(directory, archiveName(1000, '')), LINE.repeat(100))
    const manager = await start({ logPath: path.join(directory, 'log.jsonl') })
    await manager.close()
    expect(archivesOf(manager.logPath)).toEqual([expect.stringMatching(/\.jsonl\.gz$/)])
    expect(readData(manager.logPath)).toHaveLength(100)
  })

  test('a half-written temporary file goes, and its archive is compressed', async () => {
    const directory = temporaryDirectory()
    const plain = archiveName(1000, '')
    fs.writeFileSync(path.join(directory, plain), LINE.repeat(100))
    fs.writeFileSync(path.join(directory, `.${plain}.gz.tmp`), zlib.gzipSync(LINE.repeat(100)).subarray(0, 30))
    const manager = await start({ logPath: path.join(directory, 'log.jsonl') })
    await manager.close()
    expect(hiddenFilesOf(manager.logPath, 'tmp')).toEqual([])
    expect(archivesOf(manager.logPath)).toEqual([`${plain}.gz`])
    expect(readData(manager.logPath)).toHaveLength(100)
  })

  test('a complete .gz beside its plain file: the plain one goes, nothing doubles', async () => {
    const directory = temporaryDirectory()
    const plain = archiveName(1000, '')
    fs.writeFileSync(path.join(directory, plain), LINE.repeat(100))
    fs.writeFileSync(path.join(directory, `${plain}.gz`), zlib.gzipSync(LINE.repeat(100)))
    const manager = await start({ logPath: path.join(directory, 'log.jsonl') })
    await manager.close()
    expect(archivesOf(manager.logPath)).toEqual([`${plain}.gz`])
    expect(readData(manager.logPath)).toHaveLength(100)
  })

  test('without compression plain archives are left as they are', async () => {
    const directory = temporaryDirectory()
    const plain = archiveName(1000, '')
    fs.writeFileSync(path.join(directory, plain), LINE)
    const manager = await start({ logPath: path.join(directory, 'log.jsonl'), enableCompression: false })
    await manager.close()
    expect(archivesOf(manager.logPath)).toEqual([plain])
  })
})
