// Question: what does a request to a Node worker cost when the worker is kept, against one started for each?
//
// The same worker (worker.mjs) gets the same request, a small object as a line of JSON, and its answer is read.
// Measured of each request: wall time until its answer is there, and the time in which the event loop could do
// nothing else (see spawn.mjs). A worker that was started for one request is also waited for until it has ended:
// until then it is there, and costs. The subjects take turns; each turn of the pool has a pool of its own, whose
// worker has answered once before it is measured.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { printResult, readOptions } from '../telemetry/options.mjs'
import { Meter } from './parts.mjs'

const require = createRequire(import.meta.url)
const { ResourceLifecycleManager } = require('../../index.js')

const WORKER = path.join(path.dirname(fileURLToPath(import.meta.url)), 'worker.mjs')
const REQUEST = { task: 'T-1', numbers: Array.from({ length: 16 }, (_, index) => index) }
const SUM = 120
const PEER = 'child_process.spawn, one a request'
const POOL = 'pool.request, warm worker'
/** The most a request may cost of what starting a worker for it does. */
const TARGET = 1 / 5

const options = readOptions('A request to a kept Node worker against starting one for it.', {
  turns: { default: 8, is: 'turns of each subject' },
  requests: { default: 10, is: 'requests a turn that start a worker each' },
  warm: { default: 200, is: 'requests a turn to a kept worker' },
})

const manager = new ResourceLifecycleManager()
const SUBJECTS = {
  [PEER]: (meter) => meter.turn(spawned, options.requests),
  'manager.exec, one a request': (meter) => meter.turn(executed, options.requests),
  [POOL]: pooled,
}

async function spawned() {
  const child = spawn(process.execPath, [WORKER])
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part) => { text += part })
  child.stderr.pipe(process.stderr)
  child.stdin.end(`${JSON.stringify(REQUEST)}\n`)
  await once(child, 'close')
  check(JSON.parse(text))
}

async function executed() {
  const { stdout } = await manager.exec(process.execPath, [WORKER], { input: `${JSON.stringify(REQUEST)}\n` })
  check(JSON.parse(stdout))
}

async function pooled(meter) {
  const pool = manager.createProcessPool({ command: process.execPath, args: [WORKER], min: 1, max: 1, protocol: 'jsonl' })
  check(await pool.request(REQUEST))
  await meter.turn(async () => check(await pool.request(REQUEST)), options.warm)
  await pool.close()
}

/** @param {any} answer */
function check({ sum }) {
  if (sum !== SUM) throw new Error(`the answer is ${sum}, and not ${SUM}`)
}

const meters = Object.fromEntries(Object.keys(SUBJECTS).map((name) => [name, new Meter()]))
for (let turn = -1; turn < options.turns; turn++) {
  for (const [name, subject] of Object.entries(SUBJECTS)) await subject(turn < 0 ? new Meter() : meters[name])
}
await manager.cleanup()

const figures = Object.fromEntries(Object.entries(meters).map(([name, meter]) => [name, meter.figures()]))
const share = figures[POOL].wallMs / figures[PEER].wallMs
printResult(options.json, {
  title: 'A request to a Node worker',
  rows: Object.entries(figures).map(([subject, { commands, wallMs, wallP90Ms, busyMs, busyP90Ms }]) => ({
    subject,
    requests: commands,
    'wall ms': wallMs.toFixed(3),
    'wall ms, p90': wallP90Ms.toFixed(3),
    'loop ms': busyMs.toFixed(3),
    'loop ms, p90': busyP90Ms.toFixed(3),
    'of the first': `${((100 * wallMs) / figures[PEER].wallMs).toFixed(1)} %`,
  })),
  notes: [`A warm request takes ${(100 * share).toFixed(1)} % of the time of one that starts its worker: target of ${100 * TARGET} % ${share <= TARGET ? 'reached' : 'missed'}.`],
  figures: { options, figures, share, reached: share <= TARGET },
})
