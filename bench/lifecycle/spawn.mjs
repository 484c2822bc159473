// Question: how long does starting a command hold up the event loop, in a small process and in a large one?
//
// `true` is run again and again, one after another, its outputs read to their ends, from a parent whose resident
// memory, every page touched, was brought to a size. `child_process` and execa start it by libuv, which forks:
// the kernel copies the page tables of the parent meanwhile. Here a thread asks for a keeper by `posix_spawn`, and
// the keeper forks.
//
// Measured of each command, from the call until its promise or its `close` event:
//   loop     time in which the event loop could do nothing else: `performance.eventLoopUtilization().active`. This
//            is wall time outside epoll_wait(2), so it has in it both what is computed and what is waited for while
//            the loop is blocked, as libuv does until its child has executed. Median and 90th percentile.
//   thread   processor time of the JavaScript thread alone (/proc/self/task/<pid>/schedstat), the mean
//   wall     until the end of the command is known; a keeper makes this longer
//   CPU      processor time of everybody: all threads of the parent, its children, keepers among them; the mean
// Subjects take turns of a few commands. A parent is a process of its own and is measured in all its sizes in turn.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { median, printResult, readOptions } from '../telemetry/options.mjs'
import { grownTo, interleaved, readMemory } from './parts.mjs'

const require = createRequire(import.meta.url)
const SIZES_MB = [60, 1536]
const PEER = 'child_process.spawn'
const TARGET_MS = 0.15
const OURS = ['manager.exec', 'manager.spawn']
const COMMAND = 'true'

const [mode, plan] = process.argv.slice(2)
if (mode === 'parent') await parent(JSON.parse(plan))
else main()

function main() {
  const options = readOptions('Time the event loop is held up by starting a command, by the size of its process.', {
    commands: { default: 200, is: 'commands of each subject, in each parent' },
    times: { default: 10, is: 'commands a turn' },
    rounds: { default: 3, is: 'parents of each size' },
  })
  const runs = Object.fromEntries(SIZES_MB.map((megabytes) => [megabytes, []]))
  for (let round = 0; round < options.rounds; round++) {
    for (const megabytes of SIZES_MB) runs[megabytes].push(run({ ...options, megabytes }))
  }
  const rows = SIZES_MB.flatMap((megabytes) => rowsOf(megabytes, runs[megabytes]))
  printResult(options.json, {
    title: `Running \`${COMMAND}\``,
    rows: rows.map(({ parentMb, subject, busyMs, busyP90Ms, threadMs, wallMs, processorMs, timesCheaper, target }) => ({
      subject,
      'parent MB': parentMb,
      'loop ms': busyMs.toFixed(3),
      'loop ms, p90': busyP90Ms.toFixed(3),
      'thread CPU ms': threadMs.toFixed(3),
      'wall ms': wallMs.toFixed(2),
      'CPU ms, all': processorMs.toFixed(2),
      [`${PEER} / this, loop`]: timesCheaper.toFixed(1),
      target: target === undefined ? '' : `${TARGET_MS} ms ${target ? 'reached' : 'missed'}`,
    })),
    notes: [notesOf(runs)],
    figures: { options, rows, runs },
  })
}

/** The medians over the parents of one size. */
function rowsOf(parentMb, samples) {
  const subjects = Object.keys(samples[0].figures)
  const over = (subject, key) => median(samples.map(({ figures }) => figures[subject][key]))
  const keys = ['busyMs', 'busyP90Ms', 'threadMs', 'wallMs', 'wallP90Ms', 'processorMs']
  return subjects.map((subject) => {
    const figures = Object.fromEntries(keys.map((key) => [key, over(subject, key)]))
    return {
      parentMb,
      subject,
      ...figures,
      // Of the same parent each time: what the machine did meanwhile, it did to both.
      timesCheaper: median(samples.map(({ figures: each }) => each[PEER].busyMs / each[subject].busyMs)),
      target: OURS.includes(subject) ? figures.busyMs <= TARGET_MS : undefined,
    }
  })
}

function notesOf(runs) {
  return SIZES_MB.map((megabytes) => {
    const [{ rssMb, hugeMb }] = runs[megabytes]
    return `The parent of ${megabytes} MB has ${rssMb.toFixed(0)} MB resident, ${hugeMb.toFixed(0)} MB of it in huge pages.`
  }).join(' ')
}

function run(task) {
  const output = execFileSync(process.execPath, [fileURLToPath(import.meta.url), 'parent', JSON.stringify(task)], {
    encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'],
  })
  return JSON.parse(output)
}

async function parent({ megabytes, commands, times }) {
  const { execa } = await import('execa')
  const { ResourceLifecycleManager } = require('../../index.js')
  const manager = new ResourceLifecycleManager()
  const subjects = {
    // What measuring costs by itself.
    'nothing (floor)': () => new Promise((resolve) => setImmediate(resolve)),
    [PEER]: () => closed(spawn(COMMAND)),
    execa: () => execa(COMMAND),
    'manager.exec': () => manager.exec(COMMAND),
    'manager.spawn': () => closed(manager.spawn(COMMAND)),
  }
  const ballast = grownTo(megabytes)
  const figures = await interleaved(subjects, { turns: Math.ceil(commands / times), times, warmUp: 2 })
  const result = { figures, rssMb: readMemory('status', 'VmRSS'), hugeMb: readMemory('smaps_rollup', 'AnonHugePages') }
  if (ballast.some((piece) => piece[0] !== 1)) throw new Error('the memory is not what it was')
  await manager.cleanup()
  console.log(JSON.stringify(result))
}

/** Reads what a process prints, until it has ended. */
async function closed(child) {
  child.stdout.resume()
  child.stderr.resume()
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${COMMAND} ended with ${code}`)
}
