// Question: what does a slot cost, against limiters that measure and guard nothing?
//
// A pair is: acquire, await, release. Peers run an empty async function through their limit, which is their
// pair. Everything is taken in turns of a few thousand pairs, interleaved, so that a busy machine is busy for
// all; the median turn counts. The floor is `await` of a resolved promise.

import { createRequire } from 'node:module'
import { printResult, median, readOptions } from '../telemetry/options.mjs'

const require = createRequire(import.meta.url)
const { Sema } = require('async-sema')
const { bulkhead } = require('cockatiel')
const { default: pLimit } = await import('p-limit')
const { default: PQueue } = await import('p-queue')
const { ResourceBudgetManager, initTracing, withWorkerCallObservability } = require('../../index.js')

const CALLERS = [1, 32]
const LIMIT = 64
const TARGETS = { 'slot, spans off': 1, 'slot, all on': 3 }

const options = readOptions('Cost of a slot, acquired, awaited and released.', {
  turns: { default: 41, is: 'measured turns of each subject' },
  pairs: { default: 4000, is: 'pairs a turn' },
})

const nothing = async () => {}
const roomy = { maxRssMb: 65_536, heapWarningMb: 65_536, laneConcurrencyLimits: { bench: LIMIT }, globalConcurrencyLimit: LIMIT }

const plain = new ResourceBudgetManager({ ...roomy, enableSpanEmission: false })
const tracing = await initTracing({ serviceName: 'bench', exporter: { file: '/dev/null' } })
const full = new ResourceBudgetManager({ ...roomy, spanSampleRate: 1 })
const sema = new Sema(LIMIT)
const limit = pLimit(LIMIT)
const queue = new PQueue({ concurrency: LIMIT })
const policy = bulkhead(LIMIT, 1000)
const quiet = { lane: 'bench', manager: full, emitMetricsLog: false }

/** Each runs so many pairs, one after another. */
const FLOOR = {
  'await (floor)': async (pairs) => { for (; pairs > 0; pairs--) await Promise.resolve() },
}
const SUBJECTS = {
  ...FLOOR,
  'async-sema': async (pairs) => { for (; pairs > 0; pairs--) { await sema.acquire(); sema.release() } },
  'cockatiel bulkhead': async (pairs) => { for (; pairs > 0; pairs--) await policy.execute(nothing) },
  'p-limit': async (pairs) => { for (; pairs > 0; pairs--) await limit(nothing) },
  'p-queue': async (pairs) => { for (; pairs > 0; pairs--) await queue.add(nothing) },
  'slot, spans off': async (pairs) => { for (; pairs > 0; pairs--) plain.releaseSlot(await plain.acquireSlot('task-1', 'bench'), true) },
  'slot, all on': async (pairs) => { for (; pairs > 0; pairs--) full.releaseSlot(await full.acquireSlot('task-1', 'bench', 60_000), true) },
}
/** Apart, since AsyncLocalStorage, once used, makes every promise of the process dearer (Node 20 and 22). */
const WRAPPERS = {
  ...FLOOR,
  'slot, all on': SUBJECTS['slot, all on'],
  'withWorkerCallObservability': async (pairs) => { for (; pairs > 0; pairs--) await withWorkerCallObservability('task-1', nothing, quiet) },
}

/** Microseconds a pair. */
async function turn(subject, callers, pairs) {
  const before = process.hrtime.bigint()
  await Promise.all(Array.from({ length: callers }, () => subject(pairs / callers)))
  return Number(process.hrtime.bigint() - before) / 1000 / pairs
}

async function measure(subjects, callers, phase) {
  const samples = Object.fromEntries(Object.keys(subjects).map((name) => [name, []]))
  for (let round = -3; round < options.turns; round++) {
    for (const [name, subject] of Object.entries(subjects)) {
      const microseconds = await turn(subject, callers, options.pairs)
      if (round >= 0) samples[name].push(microseconds)
      // What exports and collects does so between turns.
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  const floor = median(samples['await (floor)'])
  return Object.entries(samples).map(([name, values]) => {
    const microseconds = median(values)
    return { phase, callers, name, microseconds, timesFloor: microseconds / floor, target: phase === 'slots' ? TARGETS[name] : undefined }
  })
}

const rows = []
for (const callers of CALLERS) rows.push(...await measure(SUBJECTS, callers, 'slots'))
for (const callers of CALLERS) rows.push(...await measure(WRAPPERS, callers, 'wrappers'))
for (const callers of CALLERS) {
  const of = (name) => rows.find((row) => row.phase === 'wrappers' && row.callers === callers && row.name === name)
  const wrapper = of('withWorkerCallObservability')
  wrapper.adds = wrapper.microseconds - of('slot, all on').microseconds
}
await tracing.shutdown()

printResult(options.json, {
  title: 'A slot: acquired, awaited, released',
  rows: rows.map(({ phase, callers, name, microseconds, timesFloor, target, adds }) => ({
    subject: name,
    phase,
    callers,
    'µs a pair': microseconds.toFixed(3),
    'x floor': timesFloor.toFixed(1),
    target: target !== undefined
      ? `${target} µs ${microseconds <= target ? 'reached' : 'missed'}`
      : adds !== undefined ? `adds ${adds.toFixed(2)} µs: 4 ${adds <= 4 ? 'reached' : 'missed'}` : '',
  })),
  figures: { rows },
})
