'use strict'
/** What many scopes leave behind in the process: nothing. */

const { launch } = require('../support/children')
const { temporaryDirectory } = require('../support/directories')

const isLinux = process.platform === 'linux'
const linuxTest = isLinux ? test : test.skip
const suffix = isLinux ? '' : ' (skipped: counting needs /proc)'

/** The ledger, and what the thread that serves commands waits with. */
const OWN_FILES = 4
/** Between medians of resident memory; one page leaked by each scope of the last third would be three times as much. */
const NOISE_MB = 4

const median = (values) => [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)]

linuxTest.each([
  ['300 scopes with commands, each tenth of which fails in its work or its release, or hangs', { scopes: 300, every: 10, commands: true }],
  ['9,000 scopes without commands, some of which fail or hang', { scopes: 9000, every: 180, commands: false }],
])(`%s${suffix}`, async (title, task) => {
  const env = { ...process.env, PLIMSOLL_STATE_DIR: temporaryDirectory() }
  const child = launch('residue.cjs', { ...task, directory: temporaryDirectory() }, { env, deadline: 110_000, nodeArgs: ['--expose-gc'] })
  const { code, stdout, stderr } = await child.exit
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const { before, after, rss, outcomes, statistics, managers } = JSON.parse(stdout)

  const of = task.scopes / task.every
  expect(outcomes).toEqual({ returned: task.scopes - 3 * of, threw: of, failed: of, hung: of })
  const [patient, hasty] = managers
  const nothing = { listeners: 0, processes: 0, tempFiles: 0 }
  const opened = task.scopes - of
  expect(statistics).toEqual(nothing) // before its cleanup
  expect(patient).toMatchObject({ statistics: nothing, scopes: { open: 0, opened, ended: opened, collected: 0, failures: of, releaseTimeouts: 0 } })
  expect(hasty).toMatchObject({ statistics: nothing, scopes: { open: 0, opened: of, ended: of, collected: 0 } })
  expect(hasty.scopes.releaseTimeouts).toBeGreaterThanOrEqual(of)
  expect(after).toEqual({ ...before, files: after.files, threads: after.threads })
  expect(after.files).toBeLessThanOrEqual(before.files + OWN_FILES)
  expect(after.threads.length).toBeLessThanOrEqual(1)

  const [second, last] = [median(rss.slice(100, 200)), median(rss.slice(200))]
  console.log(`${title}: ${second.toFixed(1)} MB resident in the second third, ${last.toFixed(1)} MB in the last`)
  expect(last - second).toBeLessThan(NOISE_MB)
}, 120_000)
