// Question: how fast and how small are archives, against Node's own zlib at level 6?
//
// A 10 MB log, as Plimsoll writes it, is left behind as an uncompressed archive, as after a crash; the
// next start compresses it. Processor time is that of the compressing thread, including reading,
// writing, syncing and renaming the file; zlib only compresses what is in memory already.

import { readdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { gunzipSync, gzipSync } from 'node:zlib'
import { TelemetryManager } from '../../index.mjs'
import { median, printResult, readOptions } from './options.mjs'
import { makeLog } from './records.mjs'
import { mainThreadTime } from './thread-time.mjs'

const BYTES = 10_000_000
const LEVEL = 6
/** Linux shows 15 characters of a thread's name. */
const COMPRESSOR = 'plimsoll-compress'.slice(0, 15)
const POLL_MS = 1
const PATIENCE_MS = 60_000

const options = readOptions('Speed and ratio of Plimsoll\'s archives against zlib at level 6.', {
  rounds: { default: 9, is: 'times each compresses the log, in turns' },
})
const log = makeLog(BYTES)
const contestants = { 'node zlib, level 6': compressWithZlib, plimsoll: compressWithPlimsoll }
const samples = Object.fromEntries(Object.keys(contestants).map((name) => [name, []]))
for (let round = -1; round < options.rounds; round++) {
  for (const [name, compress] of Object.entries(contestants)) {
    const sample = await compress()
    if (round >= 0) samples[name].push(sample)
  }
}
report()

async function compressWithZlib() {
  const input = Buffer.from(log)
  const threadBefore = mainThreadTime()
  const before = performance.now()
  const compressed = gzipSync(input, { level: LEVEL })
  const wallMs = performance.now() - before
  return { threadMs: (mainThreadTime() - threadBefore) / 1e6, wallMs, bytes: compressed.length }
}

async function compressWithPlimsoll() {
  const directory = mkdtempSync(path.join(tmpdir(), 'plimsoll-bench-'))
  const archive = path.join(directory, `log.${new Date().toISOString().replace(/[:.]/g, '-')}.jsonl`)
  try {
    writeFileSync(archive, log)
    const telemetry = new TelemetryManager({ logPath: path.join(directory, 'log.jsonl') })
    const threadBefore = compressorTime()
    const before = performance.now()
    await telemetry.initialize()
    await untilCompressed(directory, archive)
    const wallMs = performance.now() - before
    const threadMs = compressorTime() - threadBefore
    await telemetry.close()
    const compressed = readFileSync(`${archive}.gz`)
    if (gunzipSync(compressed).toString() !== log) throw new Error('the archive does not hold what the log held')
    return { threadMs, wallMs, bytes: statSync(`${archive}.gz`).size }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/**
 * @param {string} directory
 * @param {string} archive
 */
async function untilCompressed(directory, archive) {
  const deadline = performance.now() + PATIENCE_MS
  const left = path.basename(archive)
  while (readdirSync(directory).includes(left)) {
    if (performance.now() > deadline) throw new Error(`the archive was not compressed within ${PATIENCE_MS} ms`)
    await pause(POLL_MS)
  }
}

/** @returns {number} milliseconds of processor time of the compressing thread; 0 before there is one */
function compressorTime() {
  const tasks = '/proc/self/task'
  for (const task of readdirSync(tasks)) {
    const name = readFileSync(path.join(tasks, task, 'comm'), 'utf8').trim()
    if (name === COMPRESSOR) return Number(readFileSync(path.join(tasks, task, 'schedstat'), 'utf8').split(' ')[0]) / 1e6
  }
  return 0
}

function report() {
  const figures = Object.entries(samples).map(([name, taken]) => {
    const threadMs = median(taken.map((sample) => sample.threadMs))
    const wallMs = median(taken.map((sample) => sample.wallMs))
    const { bytes } = taken[0]
    return { name, threadMs, wallMs, bytes, ratio: log.length / bytes }
  })
  const [zlib] = figures
  printResult(options.json, {
    title: `Compressing a log of ${log.length / 1e6} MB`,
    rows: figures.map(({ name, threadMs, wallMs, bytes, ratio }) => ({
      by: name,
      'MB/s of thread time': (log.length / 1e3 / threadMs).toFixed(0),
      '× zlib': (zlib.threadMs / threadMs).toFixed(2),
      'wall ms': wallMs.toFixed(0),
      bytes,
      ratio: ratio.toFixed(2),
      'size × zlib': (bytes / zlib.bytes).toFixed(3),
    })),
    notes: [`Medians of ${options.rounds} turns. Plimsoll's thread runs at the lowest priority, so its wall time depends on what else the machine does.`],
    figures: { rounds: options.rounds, bytes: log.length, contestants: figures },
  })
}
