'use strict'
/** A scope that ends with a worker call, natively: its processes and files are gone while JavaScript is blocked. */

const fs = require('node:fs')
const { launch } = require('../support/children')
const { eventually } = require('../support/events')
const { runs } = require('../support/process-state')

const [TIMEOUT_MS, FACTOR, BLOCK_MS] = [1000, 1.2, 3000]
/** Says its own number and those of a child that ignores TERM and of a grandchild in a session of its own. */
const SCRIPT = `trap '' TERM
  sh -c 'trap "" TERM; while :; do sleep 60; done' & one=$!
  setsid sh -c 'trap "" TERM; while :; do sleep 60; done' & two=$!
  echo $$ $one $two; while :; do sleep 60; done`

test('processes and files of a nested scope are gone before the loop is free again', async () => {
  const child = launch('blocked-scope.cjs', { timeoutMs: TIMEOUT_MS, factor: FACTOR, blockMs: BLOCK_MS, script: SCRIPT })
  const { pids, file } = JSON.parse((await child.says(/(\{.*\})\n/))[1])
  expect(pids).toHaveLength(3)
  expect(pids.map(runs)).toEqual([true, true, true])
  expect(fs.existsSync(file)).toBe(true)
  await eventually('every process to be dead and the file gone', () => !pids.some(runs) && !fs.existsSync(file))
  const stillBlocked = !child.stdout.includes('unblocked')
  const { code, stdout, stderr } = await child.exit
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stillBlocked).toBe(true)
  const record = JSON.parse(stdout.split('\n').at(-1))
  expect(record).toMatchObject({
    name: 'WorkerCallTimeoutError', code: 'ERR_PLIMSOLL_TIMEOUT', deadlineMs: TIMEOUT_MS * FACTOR,
    metrics: { endedBy: 'deadline', success: false }, left: { listeners: 0, processes: 0, tempFiles: 0 },
  })
  expect(record.killedProcesses).toBeGreaterThanOrEqual(1)
})
