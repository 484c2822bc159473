// Question: how far does memory grow when the disk stalls and ten times as much is logged as the other
// benchmarks sustain?
//
// The stall is real: flock(1) holds the lock every writer takes before it appends. Each program runs
// under the same load first with the disk well, then with the lock held; growth is the difference of
// the two peaks, so what V8 needs for the load itself is not counted as the stall's.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { median, printResult, readOptions } from './options.mjs'
import { makeEntries } from './records.mjs'
import { isSubject, offer, startSubject } from './subject.mjs'

const BYTES = 1000
const POOL = 1024
const RING_BYTES = 4_194_304
const TICK_MS = 5
const CALLERS = 20

const PROGRAMS = {
  'JSON.stringify (floor)': { config: null, awaited: false },
  'overflow: drop-lowest': { config: { overflow: 'drop-lowest' }, awaited: false },
  [`overflow: wait, ${CALLERS} callers await`]: { config: { overflow: 'wait' }, awaited: true },
  'overflow: wait, nobody awaits': { config: { overflow: 'wait' }, awaited: false },
}

if (isSubject) await offer(open)
else await main()

async function main() {
  const options = readOptions('Memory growth with the disk stalled under overload. Linux, with flock(1).', {
    rounds: { default: 3, is: 'times every program is started afresh' },
    seconds: { default: 5, is: 'length of the load before the stall, and of the stall' },
    rate: { default: 50_000, is: 'log calls a second' },
  })
  const samples = Object.fromEntries(Object.keys(PROGRAMS).map((name) => [name, []]))
  for (let round = 0; round < options.rounds; round++) {
    for (const [name, program] of Object.entries(PROGRAMS)) samples[name].push(await measure(program, options))
  }
  report(options, samples)
}

async function measure(program, { seconds, rate }) {
  const directory = mkdtempSync(path.join(tmpdir(), 'plimsoll-bench-'))
  try {
    const subject = startSubject(fileURLToPath(import.meta.url), { directory, ...program })
    const load = { perSecond: rate, seconds }
    const well = await subject.call('load', load)
    const release = program.config === null ? async () => {} : await stall(path.join(directory, '.log.jsonl.lock'))
    const stalled = await subject.call('load', load)
    await release()
    const end = await subject.call('end')
    await subject.stop()
    return { grownBytes: stalled.peak - well.peak, offered: stalled.offered, ringBytes: stalled.ringBytes, ...end }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/**
 * Holds the log's lock until the returned function is called.
 *
 * @param {string} lockFile
 */
async function stall(lockFile) {
  if (!existsSync(lockFile)) throw new Error(`there is no ${lockFile} to hold`)
  const holder = spawn('flock', [lockFile, 'sh', '-c', 'echo held; read _'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const failed = once(holder, 'error').then(([error]) => { throw error })
  const [first] = await Promise.race([once(holder.stdout, 'data'), failed])
  if (!String(first).includes('held')) throw new Error('flock(1) did not take the lock')
  return async () => {
    const exited = once(holder, 'exit')
    holder.stdin.end('\n')
    await exited
  }
}

function report({ json, rounds, seconds, rate }, samples) {
  const megabytes = (bytes) => (bytes / 1e6).toFixed(1)
  const figures = Object.entries(samples).map(([name, taken]) => {
    const of = (measure) => median(taken.map((sample) => sample[measure]))
    const lost = taken.reduce((sum, sample) => sum + sample.lost, 0)
    return { name, offered: of('offered'), dropped: of('dropped'), lost, ringBytes: of('ringBytes'), grownBytes: of('grownBytes') }
  })
  printResult(json, {
    title: `Memory with the disk stalled for ${seconds} s at ${rate} logs a second of ${BYTES} B`,
    rows: figures.map(({ name, offered, dropped, lost, ringBytes, grownBytes }) => ({
      program: name,
      'offered while stalled': offered,
      'dropped or refused in all': dropped,
      'acknowledged, then lost': lost,
      'in the ring MB': megabytes(ringBytes),
      'resident growth MB': megabytes(grownBytes),
      '× ring': (grownBytes / RING_BYTES).toFixed(2),
    })),
    notes: [
      `The ring holds ${megabytes(RING_BYTES)} MB. Medians of ${rounds} runs.`,
      'With overflow: wait, callers that do not await are queued beside the ring, up to 65,536 entries and 16 Mi characters, then refused with ERR_PLIMSOLL_OVERFLOW.',
    ],
    figures: { rounds, seconds, rate, bytes: BYTES, ringBytes: RING_BYTES, programs: figures },
  })
}

async function open({ directory, config, awaited }) {
  const entries = makeEntries(BYTES, POOL)
  let sequence = 100_000
  let telemetry
  if (config !== null) {
    const { TelemetryManager } = await import('../../index.mjs')
    const logPath = path.join(directory, 'log.jsonl')
    telemetry = new TelemetryManager({ ...config, logPath, ringBytes: RING_BYTES, onError() {} })
    await telemetry.initialize()
  }
  let acknowledged = 0
  let length = 0
  const log = () => {
    const entry = entries[sequence % POOL]
    entry.sequence = sequence++
    if (telemetry !== undefined) return telemetry.log('info', entry)
    length += JSON.stringify(entry).length
    return Promise.resolve()
  }
  /** Each caller has one entry under way, and logs no faster than its share of the rate. */
  let free = CALLERS
  const logOnce = () => {
    if (awaited && free === 0) return false
    free--
    const settled = () => { free++ }
    log().then(() => { acknowledged++ }, () => {}).then(settled)
    return true
  }
  return {
    async load({ perSecond, seconds }) {
      globalThis.gc()
      const started = performance.now()
      const first = sequence
      let peak = 0
      for (let elapsed = 0; elapsed < seconds * 1000; elapsed = performance.now() - started) {
        const due = first + Math.floor((elapsed / 1000) * perSecond)
        // A backlog of the machine's is not made up for: a tick offers what is due in two.
        const most = sequence + Math.ceil((2 * perSecond * TICK_MS) / 1000)
        while (sequence < Math.min(due, most)) {
          if (!logOnce()) await pause(0)
          if (awaited) await undefined
          if (performance.now() - started >= seconds * 1000) break
        }
        peak = Math.max(peak, resident())
        await pause(TICK_MS)
      }
      return { offered: sequence - first, peak, length, ringBytes: telemetry?.stats().ring.bytes ?? 0 }
    },
    /** Everything acknowledged must come to the file once the disk is well. */
    async end() {
      if (telemetry === undefined) return { dropped: 0, lost: 0 }
      await telemetry.flush()
      await telemetry.close()
      const { entries: counts } = telemetry.stats()
      const dropped = Object.values(counts.dropped).reduce((sum, count) => sum + count, 0)
      // Under drop-lowest the promise of a dropped entry resolves too; under wait it is refused.
      const promised = config.overflow === 'drop-lowest' ? acknowledged - dropped : acknowledged
      return { dropped, lost: promised - countLines(directory) }
    },
  }
}

/** Entries in a log and its archives, but for those Plimsoll adds of its own. */
function countLines(directory) {
  return readdirSync(directory)
    .filter((name) => /^log\..*jsonl(\.gz)?$/.test(name))
    .map((name) => {
      const bytes = readFileSync(path.join(directory, name))
      return (name.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('latin1')
    })
    .reduce((sum, text) => sum + (text.match(/"sequence":/g)?.length ?? 0), 0)
}

function resident() {
  return Number(readFileSync('/proc/self/statm', 'latin1').split(' ')[1]) * 4096
}
