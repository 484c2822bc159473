'use strict'
/** Children of ours and of `node:child_process` side by side: neither takes the exit status of the other. */

const { launch } = require('../support/children')
const { temporaryDirectory } = require('../support/directories')

const isUnix = process.platform !== 'win32'
const unixTest = isUnix ? test : test.skip
const suffix = isUnix ? '' : ' (skipped: no commands on Windows)'

const COUNT = 1000

unixTest(`a thousand of exec, of spawn and of Node at once: each status reaches its own${suffix}`, async () => {
  const env = { ...process.env, PLIMSOLL_STATE_DIR: temporaryDirectory() }
  const child = launch('both-kinds.cjs', { count: COUNT, atOnce: 50 }, { env, deadline: 110_000 })
  const { code, stdout, stderr } = await child.exit
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const { results, statistics } = JSON.parse(stdout)
  expect(results).toEqual(['exec', 'spawn', 'node'].map((kind) => ({ kind, done: COUNT, wrong: [] })))
  expect(statistics).toEqual({ listeners: 0, processes: 0, tempFiles: 0 })
}, 120_000)
