// Question: what does one acknowledged, awaited log call cost the main thread?
//
// Every logger has a process of its own and logs a batch in turn, many times. The main thread's
// processor time is taken from the batch's start until the logger has written everything and come to
// rest, so work put off to a later turn of the event loop counts; work on other threads does not.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { FLOOR, LOGGERS } from './loggers.mjs'
import { median, printResult, readOptions } from './options.mjs'
import { makeEntries } from './records.mjs'
import { isSubject, offer, startSubject } from './subject.mjs'
import { mainThreadTime, readingCost } from './thread-time.mjs'

const SIZES = [120, 800]
const POOL = 1024
const WARM_UP_ROUNDS = 2
/** Batches of a turn. One more before them, not measured, brings code and data back into the caches. */
const BATCHES = 3
/** Callbacks of the last writes come within this. */
const REST_MS = 5
const ROTATION_BYTES = 10_000_000

if (isSubject) await offer(open)
else await main()

async function main() {
  const options = readOptions('Main-thread cost of an acknowledged, awaited log call, against JSON.stringify and other loggers.', {
    sets: { default: 3, is: 'times all processes are started afresh' },
    rounds: { default: 8, is: `turns of each logger in a set, ${BATCHES} measured batches each` },
    batch: { default: 3000, is: 'entries of a batch' },
  })
  const root = mkdtempSync(path.join(tmpdir(), 'plimsoll-bench-'))
  const samples = new Map()
  try {
    for (let set = 0; set < options.sets; set++) {
      for (const bytes of SIZES) await measureSet(path.join(root, `${set}-${bytes}`), bytes, options, samples)
    }
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
  report(options, samples)
}

/**
 * Runs one set of processes, in turns whose order changes with every round.
 */
async function measureSet(directory, bytes, { rounds, batch }, samples) {
  const names = Object.keys(LOGGERS)
  const subjects = names.map((name) => startSubject(fileURLToPath(import.meta.url), { name, directory, bytes }))
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const index = (turn + Math.max(round, 0)) % names.length
      const taken = await subjects[index].call('turn', batch)
      const key = `${bytes}/${names[index]}`
      if (round >= 0) samples.set(key, [...(samples.get(key) ?? []), ...taken])
    }
  }
  await Promise.all(subjects.map((subject) => subject.stop()))
}

function report({ json, sets, rounds, batch }, samples) {
  const figures = SIZES.map((bytes) => {
    const of = (name, measure) => median(samples.get(`${bytes}/${name}`).map((sample) => sample[measure] / batch))
    const loggers = Object.keys(LOGGERS).map((name) => ({
      name,
      holds: LOGGERS[name].holds,
      threadNs: of(name, 'threadNs'),
      wallNs: of(name, 'wallNs'),
      threadRatio: of(name, 'threadNs') / of(FLOOR, 'threadNs'),
      wallRatio: of(name, 'wallNs') / of(FLOOR, 'wallNs'),
    }))
    return { bytes, loggers }
  })
  const rows = figures[0].loggers.map(({ name, holds }, index) => {
    const row = { logger: name, 'acknowledged is in': holds }
    for (const { bytes, loggers } of figures) {
      const { threadNs, threadRatio, wallRatio } = loggers[index]
      row[`${bytes} B: ns`] = Math.round(threadNs)
      row[`${bytes} B: × floor`] = threadRatio.toFixed(2)
      row[`${bytes} B: wall × floor`] = wallRatio.toFixed(2)
    }
    return row
  })
  printResult(json, {
    title: 'Main-thread cost per acknowledged, awaited log call',
    rows,
    notes: [`ns: processor time of the main thread until all is written; wall: time until the last promise resolved. Medians of ${sets * rounds * BATCHES} batches of ${batch}, in interleaved turns.`],
    figures: { sets, rounds, batch, sizes: figures },
  })
}

async function open({ name, directory, bytes }) {
  const { mkdirSync } = await import('node:fs')
  const own = path.join(directory, String(process.pid))
  mkdirSync(own, { recursive: true })
  const logger = await LOGGERS[name].open(own, { rotationBytes: ROTATION_BYTES })
  const entries = makeEntries(bytes, POOL)
  const overhead = readingCost()
  let sequence = 100_000
  const measureBatch = async (batch) => {
    const threadBefore = mainThreadTime()
    const before = performance.now()
    await logBatch(logger, entries, sequence, batch)
    const wallNs = (performance.now() - before) * 1e6
    sequence += batch
    await logger.settle()
    await pause(REST_MS)
    return { threadNs: mainThreadTime() - threadBefore - overhead, wallNs }
  }
  return {
    async turn(batch) {
      globalThis.gc()
      await measureBatch(batch)
      const samples = []
      while (samples.length < BATCHES) samples.push(await measureBatch(batch))
      return samples
    },
  }
}

async function logBatch(logger, entries, first, count) {
  for (let index = 0; index < count; index++) {
    const entry = entries[index % POOL]
    entry.sequence = first + index
    await logger.log('info', entry)
  }
}
