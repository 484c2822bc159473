'use strict'
/** Pools of a manager that is cleaned up: workers that will not leave are ended, pools made meanwhile stay. */

const { ResourceLifecycleManager } = require('plimsoll')
const { rejection } = require('../support/events')
const { runs } = require('../support/process-state')

const isUnix = process.platform !== 'win32'
const unixTest = isUnix ? test : test.skip
const suffix = isUnix ? '' : ' (skipped: no commands on Windows)'

/** Answers once, with its number, and neither reads nor hears TERM then. */
const DEAF = ['-c', 'trap "" TERM; read line; echo "\\"$$\\""; read line; while :; do sleep 600; done']
const PIDS = ['-c', 'while read line; do echo $$; done']

/** @type {ResourceLifecycleManager} */
let manager
beforeEach(() => { manager = new ResourceLifecycleManager({ releaseTimeoutMs: 2000, codex: { command: 'sh', args: PIDS } }) })
afterEach(() => manager.cleanup().catch(() => {}))

unixTest(`a worker that is busy and ignores TERM does not make the cleanup fail, and is gone after it${suffix}`, async () => {
  const pool = manager.createProcessPool({ command: 'sh', args: DEAF })
  const pid = Number(await pool.request('who'))
  expect(runs(pid)).toBe(true)
  const busy = rejection(pool.request('never answered'))
  await manager.cleanup()
  expect(runs(pid)).toBe(false)
  expect(await busy).toMatchObject({ code: expect.stringMatching(/^ERR_PLIMSOLL_(CLOSED|WORKER)$/) })
  expect(pool.closed).toBe(true)
  expect(manager.getStatistics()).toEqual({ listeners: 0, processes: 0, tempFiles: 0 })
})

unixTest(`a worker that is at a request may answer it${suffix}`, async () => {
  const patient = new ResourceLifecycleManager({ releaseTimeoutMs: 60_000 })
  const pool = patient.createProcessPool({ max: 1, command: 'sh', args: ['-c', 'read line; sleep 0.2; echo "\\"in time\\""'] })
  const answer = pool.request('slow')
  const begun = rejection(pool.request('waits'))
  while (pool.stats().inFlight === 0) await new Promise((resolve) => setImmediate(resolve))
  await Promise.all([patient.cleanup(), begun])
  expect(await answer).toBe('in time')
})

unixTest(`a pool that is made while a cleanup is under way is not closed by it${suffix}`, async () => {
  const before = manager.createProcessPool({ command: 'sh', args: PIDS })
  await before.request('who')
  let release
  manager.scope().defer(() => new Promise((resolve) => { release = resolve }))
  const cleanup = manager.cleanup()
  const meanwhile = manager.createProcessPool({ command: 'sh', args: PIDS })
  const pid = await meanwhile.request('who')
  release()
  await cleanup
  expect([before.closed, meanwhile.closed]).toEqual([true, false])
  expect(await meanwhile.request('still')).toBe(pid)
  await manager.cleanup()
  expect([meanwhile.closed, runs(pid)]).toEqual([true, false])
})

unixTest(`the pool of execCodex is among what the manager holds${suffix}`, async () => {
  const pid = await manager.execCodex(['exec'])
  expect(manager.getStatistics().processes).toBe(1)
  await manager.cleanup()
  expect(runs(pid)).toBe(false)
  expect(manager.getStatistics().processes).toBe(0)
})
