'use strict'
/** The fixed behaviour of commands and temporary files, as existing suites use it. */

const { spawn } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const { ResourceLifecycleManager } = require('plimsoll')
const { temporaryDirectory } = require('../support/directories')
const { rejection } = require('../support/events')
const { runs } = require('../support/process-state')

const NOTHING = { listeners: 0, processes: 0, tempFiles: 0 }
const isUnix = process.platform !== 'win32'
const unixTest = isUnix ? test : test.skip
const suffix = isUnix ? '' : ' (skipped: no commands on Windows)'

/** @type {ResourceLifecycleManager} */
let manager
beforeEach(() => { manager = new ResourceLifecycleManager() })
afterEach(() => manager.cleanup())

describe('exec', () => {
  unixTest(`gives both outputs without the final newline, and nothing else${suffix}`, async () => {
    expect(await manager.exec('sh', ['-c', 'echo out; echo; echo err >&2'])).toEqual({ stdout: 'out\n', stderr: 'err' })
    expect(await manager.exec('echo', [])).toEqual({ stdout: '', stderr: '' })
    expect(JSON.parse(JSON.stringify(await manager.exec('echo', ['a  b', '$HOME', '; ls'])))).toEqual({ stdout: 'a  b $HOME ; ls', stderr: '' })
  })

  unixTest(`rejects with the command, its arguments and its standard error${suffix}`, async () => {
    const error = await rejection(manager.exec('sh', ['-c', 'echo out; echo one >&2; echo two >&2; exit 3']))
    expect(error).toBeInstanceOf(Error)
    expect(error.message).toBe('Command failed: sh -c echo out; echo one >&2; echo two >&2; exit 3\none\ntwo')
    expect((await rejection(manager.exec('false', []))).message).toBe('Command failed: false\n')
    expect((await rejection(manager.exec('no-such-command-anywhere', ['x']))).message).toMatch(/^Command failed: no-such-command-anywhere x\n.*ENOENT/)
  })

  unixTest(`is counted while it runs, and ended by cleanup(), more than once${suffix}`, async () => {
    for (let time = 0; time < 2; time++) {
      const ended = rejection(manager.exec('sleep', ['600']))
      expect(manager.getStatistics()).toEqual({ ...NOTHING, processes: 1 })
      await manager.cleanup()
      expect(manager.getStatistics()).toEqual(NOTHING)
      expect((await ended).message).toMatch(/^Command failed: sleep 600\n/)
      await manager.cleanup()
    }
    expect((await manager.exec('echo', ['usable'])).stdout).toBe('usable')
  })
})

describe('temporary files', () => {
  test('exist, with the prefix in their paths, and are counted', async () => {
    const file = await manager.createTempFile('report', 'a report')
    expect(path.basename(file)).toMatch(/^report-/)
    expect([path.isAbsolute(file), fs.statSync(file).isFile(), fs.statSync(file).size]).toEqual([true, true, 0])
    expect(await manager.createTempFile('report', 'another')).not.toBe(file)
    expect(manager.getStatistics()).toEqual({ ...NOTHING, tempFiles: 2 })
  })

  test('are deleted, and one that is gone already is no error', async () => {
    const file = await manager.createTempFile('gone', 'to be deleted')
    await manager.deleteTempFile(file)
    await manager.deleteTempFile(file)
    const other = await manager.createTempFile('gone', 'deleted by somebody else')
    fs.rmSync(other)
    await manager.deleteTempFile(other)
    await manager.deleteTempFile(path.join(temporaryDirectory(), 'never-was'))
    expect(fs.existsSync(file)).toBe(false)
    expect(manager.getStatistics()).toEqual(NOTHING)
  })

  test('are deleted by age: none that is younger than an hour by default, all with 0', async () => {
    const files = [await manager.createTempFile('old', 'one'), await manager.createTempFile('old', 'two')]
    expect(await manager.cleanupOldTempFiles()).toBe(0)
    expect(files.map((file) => fs.existsSync(file))).toEqual([true, true])
    expect(await manager.cleanupOldTempFiles(0)).toBe(2)
    expect(files.map((file) => fs.existsSync(file))).toEqual([false, false])
    expect(await manager.cleanupOldTempFiles(0)).toBe(0)
    expect(manager.getStatistics()).toEqual(NOTHING)
  })

  test('are deleted by cleanup()', async () => {
    const file = await manager.createTempFile('cleanup', 'to be deleted')
    await manager.cleanup()
    expect(fs.existsSync(file)).toBe(false)
  })

  test('above 100 are a leak', async () => {
    for (let count = 0; count < 100; count++) await manager.createTempFile('leak', 'one of many')
    expect(manager.checkForLeaks()).toEqual({ hasLeaks: false, warnings: [] })
    await manager.createTempFile('leak', 'one too many')
    expect(manager.checkForLeaks()).toEqual({ hasLeaks: true, warnings: [expect.stringContaining('temp file')] })
  })
})

describe('a scope', () => {
  unixTest(`ends a process that is tracked, however its function ends${suffix}`, async () => {
    for (const fails of [false, true]) {
      const error = new Error('its own')
      const child = spawn('sleep', ['600'], { stdio: 'ignore' })
      const exit = once(child, 'exit')
      const work = manager.withScope(async (scope) => {
        scope.trackProcess(child, 'sleep', ['600'])
        expect(manager.getStatistics()).toEqual({ ...NOTHING, processes: 1 })
        if (fails) throw error
      })
      if (fails) expect(await rejection(work)).toBe(error)
      else await work
      expect(runs(child.pid)).toBe(false)
      expect(await exit).toEqual([null, 'SIGTERM'])
      expect(manager.getStatistics()).toEqual(NOTHING)
    }
  })

  unixTest(`takes a process without arguments, and one that has ended${suffix}`, async () => {
    const child = spawn('true', { stdio: 'ignore' })
    await once(child, 'exit')
    await manager.withScope(async (scope) => scope.trackProcess(child, 'true'))
    expect(manager.getStatistics()).toEqual(NOTHING)
  })

  test('deletes a file that is tracked, and does not mind one that is gone', async () => {
    const directory = temporaryDirectory()
    const [file, gone] = ['file', 'gone'].map((name) => path.join(directory, name))
    fs.writeFileSync(file, 'something')
    fs.writeFileSync(gone, 'something')
    await manager.withScope(async (scope) => {
      scope.trackTempFile(file, 'made elsewhere')
      scope.trackTempFile(gone, 'made elsewhere')
      expect(manager.getStatistics()).toEqual({ ...NOTHING, tempFiles: 2 })
      fs.rmSync(gone)
    })
    expect(fs.readdirSync(directory)).toEqual([])
    expect(manager.getStatistics()).toEqual(NOTHING)
  })
})

unixTest(`processes above 20 are a leak${suffix}`, async () => {
  const start = () => void manager.exec('sleep', ['600']).catch(() => {})
  for (let count = 0; count < 20; count++) start()
  expect(manager.checkForLeaks()).toEqual({ hasLeaks: false, warnings: [] })
  start()
  expect(manager.checkForLeaks()).toEqual({ hasLeaks: true, warnings: [expect.stringContaining('process')] })
  const file = await manager.createTempFile('both', 'a file beside')
  await manager.cleanup()
  expect([manager.checkForLeaks(), fs.existsSync(file)]).toEqual([{ hasLeaks: false, warnings: [] }, false])
})
