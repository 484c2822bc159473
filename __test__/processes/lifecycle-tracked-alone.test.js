'use strict'
/** A child that somebody else started, tracked by an owner that ran no command of its own, does not outlive the owner. */

const { launch } = require('../support/children')
const { eventually } = require('../support/events')
const { runs } = require('../support/process-state')
const { temporaryDirectory } = require('../support/directories')

const WITHIN_MS = 1000

test('it is ended when its owner is killed, by a keeper without a command', async () => {
  const env = { ...process.env, PLIMSOLL_STATE_DIR: temporaryDirectory() }
  const owner = launch('tracking.cjs', {}, { env })
  const pid = Number((await owner.says(/tracked (\d+)\n/))[1])
  expect(runs(pid)).toBe(true)
  await owner.kill()
  await eventually('the tracked child to be gone', () => !runs(pid), WITHIN_MS)
})
