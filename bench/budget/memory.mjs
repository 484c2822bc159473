// Question: does admission by predicted memory keep a process within a small budget, and what does that cost
// in throughput against the best fixed limit, which nobody knows before all have been tried?
//
// Calls of three kinds take a buffer, touch every page of it, hold it for a while and drop it; V8 gives it back
// when it collects. One process for each fixed limit without a memory guard, and as many with `predictMemory`
// and no limit that matters. A process whose peak of resident memory, as the kernel keeps it (VmHWM), was over
// the hard bound is one a container would have killed. All work through the same list of calls for the same time.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { createRequire } from 'node:module'
import { execFileSync } from 'node:child_process'
import { median, printResult, readOptions } from '../telemetry/options.mjs'

const require = createRequire(import.meta.url)
const MEGABYTE = 2 ** 20
const KINDS = {
  small: { megabytes: 5, holdMs: 200, share: 6 },
  medium: { megabytes: 20, holdMs: 400, share: 3 },
  large: { megabytes: 60, holdMs: 800, share: 1 },
}
const CALLERS = 32
const PREDICTED = 'predicted'
const TARGET = 0.9

const [mode, ...figures] = process.argv.slice(2)
if (mode === 'child') await child(JSON.parse(figures[0]))
else main()

function main() {
  const options = readOptions('Throughput within a memory budget: predicted admission against every fixed limit.', {
    seconds: { default: 10, is: 'length of one process\'s run' },
    rounds: { default: 3, is: 'times every process is started' },
    limits: { default: 16, is: 'highest fixed limit' },
    budget: { default: 256, is: 'megabytes above what the process has at its start: the hard bound' },
    guard: { default: 90, is: 'per cent of that which predicted admission is told to keep to' },
  })
  const results = [true, false].map((frees) => measure(options, frees))
  printResult(options.json, {
    title: `Throughput within ${options.budget} MB above the start`,
    rows: results.flatMap(({ frees, rows, best }) => rows.map(({ subject, perSecond, peakMb, survived }) => ({
      admission: subject === PREDICTED ? `predicted, told ${options.guard} %` : `at most ${subject}`,
      'memory goes back': frees ? 'at the end' : 'when collected',
      'calls a second': perSecond.toFixed(1),
      'peak MB above the start': peakMb.toFixed(0),
      lives: survived ? 'yes' : 'no',
      'of the best': survived ? `${((100 * perSecond) / best.perSecond).toFixed(0)} %` : '',
    }))),
    notes: results.map(({ frees, best, predicted, share, reached }) =>
      `Memory that goes back ${frees ? 'at the end of a call' : 'when V8 collects it'}: the best fixed limit that lives is ${best.subject}; predicted admission ` +
      `${predicted.survived ? 'lives' : 'does not live'} and has ${(100 * share).toFixed(0)} % of its throughput: target of ${100 * TARGET} % ${reached ? 'reached' : 'missed'}.`),
    figures: { ...options, results },
  })
}

/** Every subject, with memory that goes back at the end of a call or when V8 collects it. */
function measure(options, frees) {
  const subjects = [...Array.from({ length: options.limits }, (_, index) => index + 1), PREDICTED]
  const runs = new Map(subjects.map((subject) => [subject, []]))
  for (let round = 0; round < options.rounds; round++) {
    for (const subject of subjects) runs.get(subject).push(run({ ...options, frees, subject, seed: round + 1 }))
  }
  const rows = subjects.map((subject) => {
    const samples = runs.get(subject)
    return {
      subject,
      perSecond: median(samples.map(({ perSecond }) => perSecond)),
      peakMb: Math.max(...samples.map(({ peakMb }) => peakMb)),
      survived: samples.every(({ peakMb }) => peakMb <= options.budget),
      runs: samples,
    }
  })
  const survivors = rows.filter(({ subject, survived }) => subject !== PREDICTED && survived)
  const best = survivors.reduce((one, other) => (other.perSecond > one.perSecond ? other : one), { subject: 0, perSecond: 0 })
  const predicted = rows.at(-1)
  const share = predicted.perSecond / best.perSecond
  return { frees, rows, best, predicted, share, reached: predicted.survived && share >= TARGET }
}

function run(task) {
  const output = execFileSync(process.execPath, [fileURLToPath(import.meta.url), 'child', JSON.stringify(task)], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
  return JSON.parse(output)
}

async function child({ subject, seconds, budget, guard, seed, frees }) {
  const { ResourceBudgetManager } = require('../../index.js')
  const start = readMemory('VmRSS')
  const predicts = subject === PREDICTED
  const manager = new ResourceBudgetManager({
    maxRssMb: predicts ? start + (budget * guard) / 100 : 65_536,
    predictMemory: predicts,
    heapWarningMb: 65_536,
    laneConcurrencyLimits: { work: predicts ? CALLERS : subject },
    globalConcurrencyLimit: CALLERS,
    logger: { log() {} },
  })
  const calls = endlessCalls(seed)
  let done = 0
  const caller = async () => {
    for (;;) {
      const kind = calls.next().value
      const context = await manager.acquireSlot('bench', 'work', { kind, wait: { maxMs: 600_000 } })
      await work(KINDS[kind], frees)
      manager.releaseSlot(context, true)
      done++
    }
  }
  for (let started = 0; started < CALLERS; started++) caller()
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
  console.log(JSON.stringify({ perSecond: done / seconds, peakMb: readMemory('VmHWM') - start }))
  process.exit()
}

/** @param {boolean} frees whether the memory goes back at the end of the call, or when V8 collects the buffer */
async function work({ megabytes, holdMs }, frees) {
  const bytes = megabytes * MEGABYTE
  const memory = frees ? new ArrayBuffer(bytes, { maxByteLength: bytes }) : new ArrayBuffer(bytes)
  const content = new Uint8Array(memory).fill(1)
  await new Promise((resolve) => setTimeout(resolve, holdMs))
  if (content[bytes - 1] !== 1) throw new Error('the memory is not what it was')
  // Shrunk in place, which gives the pages back at once.
  if (frees) memory.resize(0)
}

/** Kinds in blocks that hold each by its share, shuffled: the same list for the same seed. */
function* endlessCalls(seed) {
  const block = Object.entries(KINDS).flatMap(([kind, { share }]) => Array.from({ length: share }, () => kind))
  let state = seed
  for (;;) {
    for (let index = block.length - 1; index > 0; index--) {
      // Numerical Recipes' linear congruential generator.
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
      const other = Math.floor((state / 2 ** 32) * (index + 1))
      ;[block[index], block[other]] = [block[other], block[index]]
    }
    yield* block
  }
}

/** Megabytes of this process, from proc(5). */
function readMemory(field) {
  const status = readFileSync('/proc/self/status', 'latin1')
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)[1]) / 1024
}
