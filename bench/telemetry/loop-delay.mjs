// Question: how long is the event loop held up with 5,000 logs a second of 1 KB, rotation at 10 MB and
// gzip?
//
// Every logger has a process of its own, which logs for a while in turn; the same program with logging
// replaced by JSON.stringify is the floor. pino-roll cannot compress, so it does less.

import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { logSteadily } from './load.mjs'
import { FLOOR, LOGGERS } from './loggers.mjs'
import { median, printResult, readOptions } from './options.mjs'
import { makeEntries } from './records.mjs'
import { isSubject, offer, startSubject } from './subject.mjs'

const NAMES = [FLOOR, 'plimsoll', 'pino-roll', 'pino-roll (worker)', 'winston-daily-rotate-file', 'rotating-file-stream']
const BYTES = 1000
const POOL = 1024
const ROTATION_BYTES = 10_000_000
/** How often the delay is sampled. Node's figures include this interval; ours do not. */
const RESOLUTION_MS = 1

if (isSubject) await offer(open)
else await main()

async function main() {
  const options = readOptions('Event-loop delay under a steady load of 1 KB entries with rotation and gzip.', {
    rounds: { default: 9, is: 'times each logger has its turn' },
    seconds: { default: 3, is: 'length of a turn' },
    rate: { default: 5000, is: 'log calls a second' },
  })
  const root = mkdtempSync(path.join(tmpdir(), 'plimsoll-bench-'))
  try {
    const samples = await measure(root, options)
    report(options, samples, root)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
}

async function measure(root, { rounds, seconds, rate }) {
  const directories = NAMES.map((_, index) => path.join(root, String(index)))
  for (const directory of directories) mkdirSync(directory)
  const subjects = NAMES.map((name, index) => startSubject(fileURLToPath(import.meta.url), { name, directory: directories[index] }))
  const samples = new Map(NAMES.map((name) => [name, []]))
  for (let round = -1; round < rounds; round++) {
    for (let turn = 0; turn < NAMES.length; turn++) {
      const index = (turn + round + 1) % NAMES.length
      const sample = await subjects[index].call('turn', { perSecond: rate, seconds: round < 0 ? 1 : seconds })
      if (round >= 0) samples.get(NAMES[index]).push(sample)
    }
  }
  await Promise.all(subjects.map((subject) => subject.stop()))
  return samples
}

function report({ json, rounds, seconds, rate }, samples, root) {
  const of = (name, measure) => median(samples.get(name).map((sample) => sample[measure]))
  const loggers = NAMES.map((name, index) => ({
    name,
    meanMs: of(name, 'mean'),
    p50Ms: of(name, 'p50'),
    p99Ms: of(name, 'p99'),
    maxMs: of(name, 'max'),
    p99Ratio: of(name, 'p99') / of(FLOOR, 'p99'),
    nodeP99Ratio: (of(name, 'p99') + RESOLUTION_MS) / (of(FLOOR, 'p99') + RESOLUTION_MS),
    perSecond: of(name, 'logged') / seconds,
    files: readdirSync(path.join(root, String(index))).filter((file) => !file.startsWith('.')).length,
  }))
  printResult(json, {
    title: `Event-loop delay at ${rate} logs a second of ${BYTES} B, rotation at ${ROTATION_BYTES / 1e6} MB, gzip`,
    rows: loggers.map(({ name, p50Ms, p99Ms, maxMs, p99Ratio, nodeP99Ratio, perSecond, files }) => ({
      logger: name,
      'p50 ms': p50Ms.toFixed(2),
      'p99 ms': p99Ms.toFixed(2),
      'worst ms': maxMs.toFixed(1),
      'p99 × floor': p99Ratio.toFixed(2),
      'as Node reports it': nodeP99Ratio.toFixed(2),
      'logs/s': Math.round(perSecond),
      files,
    })),
    notes: [
      `Delay beyond the ${RESOLUTION_MS} ms timer it is sampled with; Node's own figures include that timer. Medians of ${rounds} interleaved turns of ${seconds} s.`,
      'pino-roll has no compression; the others compress what they rotate.',
    ],
    figures: { rounds, seconds, rate, bytes: BYTES, loggers },
  })
}

async function open({ name, directory }) {
  const logger = await LOGGERS[name].open(directory, { rotationBytes: ROTATION_BYTES, gzip: true })
  const entries = makeEntries(BYTES, POOL)
  let first = 100_000
  return {
    async turn({ perSecond, seconds }) {
      const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
      delay.enable()
      const logged = await logSteadily(logger, entries, { perSecond, seconds, first })
      delay.disable()
      first += logged
      await logger.settle()
      const beyond = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS)
      return {
        logged,
        mean: beyond(delay.mean),
        p50: beyond(delay.percentile(50)),
        p99: beyond(delay.percentile(99)),
        max: beyond(delay.max),
      }
    },
  }
}
