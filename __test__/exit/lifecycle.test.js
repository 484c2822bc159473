'use strict'
/** What of the lifecycle keeps the event loop alive, and what does not; nothing begins before it is asked for. */

const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { launch } = require('../support/children')
const { temporaryDirectory } = require('../support/directories')
const { eventually } = require('../support/events')
const { Mark } = require('../support/marked')

const isLinux = process.platform === 'linux'
const linuxTest = isLinux ? test : test.skip
const suffix = isLinux ? '' : ' (skipped: /proc tells what is left)'

const begin = (what, script) => {
  const mark = new Mark()
  const temporary = temporaryDirectory()
  const env = { ...process.env, ...mark.env, PLIMSOLL_STATE_DIR: temporaryDirectory(), TMPDIR: temporary }
  return { child: launch('holding.cjs', { what, script }, { env }), mark, temporary }
}

linuxTest.each([
  ['an unfinished exec', 'printed released'],
  ['a process that runs', 'exited 0'],
  ['a process that runs, unref() and ref()', 'exited 0'],
  ['a request of a pool', 'answered late'],
])(`%s holds the event loop until it is done${suffix}`, async (what, done) => {
  const directory = temporaryDirectory()
  const [running, release] = ['running', 'release'].map((name) => path.join(directory, name))
  const { child, mark } = begin(what, `: > ${running}; while [ ! -e ${release} ]; do sleep 0.01; done; ${what === 'an unfinished exec' ? 'echo released' : ':'}`)
  await eventually('the command to run', () => fs.existsSync(running))
  // A loop that is not held ends in this time.
  await new Promise((resolve) => setTimeout(resolve, 200))
  expect({ ended: child.ended, stdout: child.stdout }).toEqual({ ended: null, stdout: 'begun\n' })
  fs.writeFileSync(release, '')
  expect(await child.exit).toMatchObject({ code: 0, stderr: '', stdout: `begun\n${done}\nnothing left to do\n` })
  await eventually('everything to be gone', () => mark.found().length === 0)
})

linuxTest.each([
  ['a process after unref()', ''],
  ['a process with pipes after unref()', ''],
  ['an idle pool', 'answered 1\n'],
  ['a pool that was never asked', ''],
  ['a temporary file', 'made true\n'],
  ['a scope that was left open', ''],
  ['a scope with an interval that was left open', ''],
])(`%s does not hold the event loop, and nothing is left${suffix}`, async (what, said) => {
  const { child, mark, temporary } = begin(what)
  expect(await child.exit).toMatchObject({ code: 0, stderr: '', stdout: `begun\n${said}nothing left to do\n` })
  await eventually('every process to be gone', () => mark.found().length === 0)
  if (what !== 'a temporary file') expect(fs.readdirSync(temporary)).toEqual([])
})

linuxTest(`a cleanup holds the event loop until all is ended${suffix}`, async () => {
  const { child, mark } = begin('a cleanup')
  expect(await child.exit).toMatchObject({ code: 0, stderr: '', stdout: 'begun\ncleaned up\nnothing left to do\n' })
  expect(mark.found()).toEqual([])
})

linuxTest(`a manager, the one of the process, scopes and listeners start no thread and open no file${suffix}`, () => {
  const state = path.join(temporaryDirectory(), 'state')
  const script = `
    const { readdirSync } = require('node:fs')
    const count = () => ({ threads: readdirSync('/proc/self/task').length, files: readdirSync('/proc/self/fd').length, pending: process.getActiveResourcesInfo() })
    count()
    const before = count()
    const { ResourceLifecycleManager, getResourceLifecycleManager, ResourceScope, ManagedProcess, ProcessPool, withScope } = require('plimsoll')
    const emitter = new (require('node:events'))()
    const managers = [new ResourceLifecycleManager(), getResourceLifecycleManager()]
    globalThis.kept = managers.map((manager) => manager.scope().on(emitter, 'x', () => {}))
    for (const manager of managers) manager.checkForLeaks()
    for (const manager of managers) manager.leakReport()
    console.log(JSON.stringify([before, count()]))`
  const env = { ...process.env, PLIMSOLL_STATE_DIR: state }
  const [before, after] = JSON.parse(execFileSync(process.execPath, ['-e', script], { cwd: path.resolve(__dirname, '../..'), encoding: 'utf8', env }))
  expect(after).toEqual(before)
  expect(fs.existsSync(state)).toBe(false)
})
