'use strict'
/** `plimsoll sweep` against the ledgers of programs that were killed. */

const fs = require('node:fs')
const path = require('node:path')
const { launch } = require('../support/children')
const { plimsoll } = require('../support/command-line')
const { temporaryDirectory } = require('../support/directories')
const { eventually } = require('../support/events')
const { runs } = require('../support/process-state')

const isLinux = process.platform === 'linux'
const linuxTest = isLinux ? test : test.skip
const suffix = isLinux ? '' : ' (skipped: reads /proc)'
const isUnix = process.platform !== 'win32'
const unixTest = isUnix ? test : test.skip
const unixSuffix = isUnix ? '' : ' (skipped: no processes and no permissions on Windows)'

const NOTHING = { ledgers: 0, living: 0, processesKilled: 0, filesRemoved: 0, directoriesRemoved: 0, damagedRecords: 0, kept: [], otherNamespaces: 0 }

/** Keepers a test has stopped, and the processes they no longer keep: none may be left. @type {Set<number>} */
const stopped = new Set()
const unkept = new Set()
afterEach(() => {
  for (const keeper of stopped) kill(keeper)
  for (const pid of unkept) if (isSleeping(pid)) kill(pid)
  stopped.clear()
  unkept.clear()
})

/** The environment in which `directory` is the state directory. */
const environment = (directory) => ({ ...process.env, PLIMSOLL_STATE_DIR: directory })
/** Where the ledgers of a state directory are. */
const placeOf = (directory) => path.join(directory, 'ledger')
const ledgers = (directory) => {
  const place = placeOf(directory)
  return fs.existsSync(place) ? fs.readdirSync(place).filter((name) => name.endsWith('.ledger')) : []
}
const sweep = async (directory, ...args) => {
  const result = await plimsoll(['sweep', ...args], { env: environment(directory) })
  return { ...result, report: args.includes('--json') ? JSON.parse(result.stdout) : undefined }
}

/** Starts a program that holds things, and waits until it does. */
async function holding(state, task) {
  const owner = launch('leaving.cjs', { files: 0, starts: 0, ...task }, { env: environment(state) })
  const [text] = await owner.says(/^\{.*\}\n/)
  return { owner, ...JSON.parse(text) }
}

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
  }
}

/** Whether a number still is that of what `leaving.cjs` starts. */
function isSleeping(pid) {
  try {
    return fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1') === 'sleep\0' + '60\0'
  } catch {
    return false
  }
}

const parentOf = (pid) => Number(fs.readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /s, '').split(' ')[1])

test('temporary files of a killed program are removed, once', async () => {
  const state = temporaryDirectory()
  const { owner, made } = await holding(state, { files: 3, directory: temporaryDirectory() })
  await owner.kill()
  expect(made.map((file) => fs.existsSync(file))).toEqual([true, true, true])
  expect(ledgers(state)).toHaveLength(1)
  const first = await sweep(state, '--json')
  expect(first).toMatchObject({ code: 0, stderr: '' })
  expect(first.report).toEqual({ ...NOTHING, directory: placeOf(state), ledgers: 1, filesRemoved: 3 })
  expect(made.filter((file) => fs.existsSync(file))).toEqual([])
  expect(ledgers(state)).toEqual([])
  const second = await sweep(state)
  expect(second).toMatchObject({ code: 0, stdout: `${placeOf(state)}: nothing to sweep\n`, stderr: '' })
})

test('what was done is said in words', async () => {
  const state = temporaryDirectory()
  const { owner } = await holding(state, { files: 1, directory: temporaryDirectory() })
  await owner.kill()
  expect(await sweep(state)).toMatchObject({ code: 0, stdout: `${placeOf(state)}: 1 ledger finished, 1 file removed\n`, stderr: '' })
})

unixTest(`what a living program holds is left alone${unixSuffix}`, async () => {
  const state = temporaryDirectory()
  const { owner, made, pids } = await holding(state, { files: 2, starts: 1, directory: temporaryDirectory() })
  const { code, report } = await sweep(state, '--json')
  expect({ code, report }).toEqual({ code: 0, report: { ...NOTHING, directory: placeOf(state), living: 1 } })
  expect(made.map((file) => fs.existsSync(file))).toEqual([true, true])
  expect(pids.map(runs)).toEqual([true])
  expect(await sweep(state)).toMatchObject({ code: 0, stdout: `${placeOf(state)}: nothing to sweep, 1 living owner left alone\n` })
  await owner.kill()
  await eventually('its keeper to end its process', () => !pids.some(runs))
})

linuxTest(`processes whose keeper was killed too are ended, and their files removed${suffix}`, async () => {
  const state = temporaryDirectory()
  const { owner, made, pids } = await holding(state, { files: 1, starts: 2, directory: temporaryDirectory() })
  // Stopped first, so that they do nothing when their owner dies.
  const keepers = pids.map(parentOf)
  for (const keeper of keepers) {
    expect(fs.readFileSync(`/proc/${keeper}/cmdline`, 'latin1')).toContain('plimsoll-keeper')
    stopped.add(keeper)
    process.kill(keeper, 'SIGSTOP')
  }
  for (const pid of pids) unkept.add(pid)
  await owner.kill()
  for (const keeper of keepers) kill(keeper)
  await eventually('the keepers to be gone', () => !keepers.some(runs))
  expect(pids.map(runs)).toEqual([true, true])
  const { code, report } = await sweep(state, '--json')
  expect({ code, report }).toEqual({ code: 0, report: { ...NOTHING, directory: placeOf(state), ledgers: 1, processesKilled: 2, filesRemoved: 1 } })
  await eventually('the processes to be gone', () => !pids.some(runs))
  expect(made.some((file) => fs.existsSync(file))).toBe(false)
})

test('what cannot be removed is named, kept in the ledger, and removed by the next sweep', async () => {
  const state = temporaryDirectory()
  const { owner, made: [file] } = await holding(state, { files: 1, directory: temporaryDirectory() })
  await owner.kill()
  // Not what was made: it may be somebody's.
  fs.rmSync(file)
  fs.mkdirSync(file)
  const { code, report } = await sweep(state, '--json')
  expect(code).toBe(3)
  expect(report).toEqual({ ...NOTHING, directory: placeOf(state), kept: [{ path: file, reason: expect.stringMatching(/./) }] })
  expect(ledgers(state)).toHaveLength(1)
  const told = await sweep(state)
  expect(told).toMatchObject({ code: 3, stdout: `${placeOf(state)}: 1 thing could not be done\n` })
  expect(told.stderr).toMatch(/^plimsoll: .* is left: .+\n$/)
  expect(told.stderr).toContain(file)
  expect(fs.statSync(file).isDirectory()).toBe(true)
  fs.rmdirSync(file)
  fs.writeFileSync(file, '')
  expect((await sweep(state, '--json')).report).toMatchObject({ ledgers: 1, filesRemoved: 1, kept: [] })
  expect(fs.existsSync(file)).toBe(false)
  expect(ledgers(state)).toEqual([])
})

test('the state directory may be named, and one that is not there has nothing to sweep', async () => {
  const elsewhere = temporaryDirectory()
  const state = temporaryDirectory()
  const { owner } = await holding(state, { files: 1, directory: temporaryDirectory() })
  await owner.kill()
  const none = path.join(elsewhere, 'none')
  expect(await sweep(elsewhere, '--directory', none)).toMatchObject({ code: 0, stdout: `${placeOf(none)}: nothing to sweep\n` })
  expect(fs.existsSync(none)).toBe(false)
  expect((await sweep(elsewhere, '--json', '-d', state)).report).toMatchObject({ directory: placeOf(state), ledgers: 1, filesRemoved: 1 })
})

unixTest(`a state directory that cannot be trusted is named, and nothing in it is touched${unixSuffix}`, async () => {
  const state = temporaryDirectory()
  const { owner, made } = await holding(state, { files: 1, directory: temporaryDirectory() })
  await owner.kill()
  fs.chmodSync(placeOf(state), 0o777)
  const { code, stderr } = await sweep(state)
  expect(code).toBe(3)
  expect(stderr).toContain(placeOf(state))
  expect(made.map((file) => fs.existsSync(file))).toEqual([true])
  expect(ledgers(state)).toHaveLength(1)
})

test('a file that is no ledger is left as it is', async () => {
  const state = temporaryDirectory()
  fs.mkdirSync(placeOf(state), { mode: 0o700 })
  const stranger = path.join(placeOf(state), 'notes.txt')
  fs.writeFileSync(stranger, 'not a ledger')
  expect((await sweep(state)).code).toBe(0)
  expect(fs.readFileSync(stranger, 'utf8')).toBe('not a ledger')
})
