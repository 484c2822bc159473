'use strict'
/** However a process ends: what it had acknowledged is there, exactly once. */

const fs = require('node:fs')
const path = require('node:path')
const { launch } = require('../support/children')
const { temporaryDirectory } = require('../support/directories')
const { archivesOf, hiddenFilesOf, readData } = require('../support/log-files')
const { NEVER_MS } = require('../support/managers')

const RECORDS = 500

/** Runs a process to its end, and returns what it was promised. */
async function runToItsEnd(end, { config = {}, nodeArgs = [] } = {}) {
  const home = temporaryDirectory()
  const settings = { logPath: path.join(home, 'logs', 'log.jsonl'), flushInterval: NEVER_MS, ...config }
  const acksPath = path.join(home, 'acks')
  const { code, signal, stdout, stderr } = await launch(
    'ending.cjs', { config: settings, acksPath, end, records: RECORDS }, { nodeArgs }
  ).exit
  const acknowledged = fs.readFileSync(acksPath, 'utf8').trimEnd().split('\n').map(Number)
  expect(acknowledged).toHaveLength(RECORDS)
  return { code, signal, stdout, stderr, settings, acknowledged }
}

async function recover(settings) {
  const { code, stdout, stderr } = await launch('recover.cjs', settings).exit
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout)
}

const upTo = (count) => Array.from({ length: count }, (_, n) => n)

describe('ends at which code still runs leave everything in the file, also what an exit handler logged', () => {
  test.each([
    ['process.exit', 7],
    ['process.exit in a SIGTERM handler', 7],
    ['an uncaught exception', 1],
    ['an exception in a log callback', 1],
    ['an unhandled rejection', 1],
    ['no more work', 0]
  ])('%s', async (end, expectedCode) => {
    const { code, stdout, settings } = await runToItsEnd(end)
    expect(code).toBe(expectedCode)
    expect(stdout).toContain('exit handlers ran')
    expect(readData(settings.logPath).map(({ n }) => n)).toEqual(upTo(RECORDS + 1))
    expect(hiddenFilesOf(settings.logPath, 'ring')).toEqual([])
    const stats = await recover(settings)
    expect(stats.entries).toMatchObject({ recovered: 0, damaged: 0 })
    expect(readData(settings.logPath)).toHaveLength(RECORDS + 1)
  })

  test('with rotation and compression on, the next start finishes the archives', async () => {
    const { settings } = await runToItsEnd('process.exit', { config: { rotationThreshold: 3000 } })
    await recover(settings)
    expect(readData(settings.logPath).map(({ n }) => n)).toEqual(upTo(RECORDS + 1))
    const archives = archivesOf(settings.logPath)
    expect(archives.length).toBeGreaterThan(3)
    expect(archives.filter((name) => !name.endsWith('.gz'))).toEqual([])
    expect(hiddenFilesOf(settings.logPath, 'tmp')).toEqual([])
  })
})

describe('ends at which nothing runs leave everything to the next start', () => {
  test.each([
    ['SIGKILL', 'SIGKILL'], ['SIGTERM', 'SIGTERM'], ['SIGINT', 'SIGINT'], ['SIGHUP', 'SIGHUP'],
    ['process.abort', 'SIGABRT']
  ])('%s', async (end, expectedSignal) => {
    const { signal, stdout, settings } = await runToItsEnd(end)
    expect(signal).toBe(expectedSignal)
    expect(stdout).toBe('')
    expect(readData(settings.logPath)).toEqual([]) // all of it lay in the ring
    const stats = await recover(settings)
    expect(stats.entries).toMatchObject({ recovered: RECORDS, damaged: 0 })
    expect(readData(settings.logPath).map(({ n }) => n)).toEqual(upTo(RECORDS))
    expect(hiddenFilesOf(settings.logPath, 'ring')).toEqual([])
  })

  test('a heap that is full', async () => {
    const { code, signal, settings } = await runToItsEnd('a full heap', { nodeArgs: ['--max-old-space-size=24'] })
    expect({ code, signal }).not.toEqual({ code: 0, signal: null })
    await recover(settings)
    expect(readData(settings.logPath).map(({ n }) => n)).toEqual(upTo(RECORDS))
  })

  test('recovered entries are older than those of the run that recovers them', async () => {
    const { settings } = await runToItsEnd('SIGKILL')
    const acksPath = path.join(path.dirname(settings.logPath), '..', 'acks')
    await launch('ending.cjs', { config: settings, acksPath, end: 'no more work', records: 3 }).exit
    expect(readData(settings.logPath).map(({ n }) => n)).toEqual([...upTo(RECORDS), 0, 1, 2, 3])
  })
})
