// Question: what does an analysis cost the JavaScript thread, and how long does the event loop stall?
//
// The floor is the same time spent idle. Processor time of the main thread is taken from the call until
// its promise has resolved, without a monitor running; stalls in turns of their own, with one.

import { createRequire } from 'node:module'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { median, printResult, readOptions } from '../telemetry/options.mjs'
import { mainThreadTime, readingCost } from '../telemetry/thread-time.mjs'
import { grown } from './texts.mjs'

const { ErrorAnalysisWorker } = createRequire(import.meta.url)('../../index.js')

const SIZES = [1_000_000, 20_000_000]
/** How often the delay is sampled; Node's figures include this interval, ours do not. */
const RESOLUTION_MS = 1
const TARGET_MS_PER_MB = 1

const options = readOptions('Cost of analyzeError to the thread that calls it.', {
  rounds: { default: 21, is: 'measured turns of each text' },
})
const worker = new ErrorAnalysisWorker()
const context = { taskId: 'bench', phase: 'bench', exitCode: 2 }
const overhead = readingCost()
const texts = SIZES.flatMap((size) => {
  const ascii = grown('tsc', size)
  return [
    { name: 'ASCII', ...ascii },
    { name: 'CJK', ...foreign(ascii.text, size) },
    { name: 'ASCII, Buffer', ...ascii, text: Buffer.from(ascii.text) },
  ]
})
const rows = []
for (const text of texts) rows.push(await measure(text, options.rounds))
report(rows, options)

/** The same diagnostics of sources whose names and messages are Chinese: `tsc --locale zh-cn`. */
function foreign(text, size) {
  const words = (line) => line.replace(/(?<=: error TS\d+: ).*$/, '找不到名称“货物清单”。你是否指的是“装载清单”?')
  const lines = text.split('\n').map(words).join('\n')
  const bytes = Buffer.byteLength(lines)
  const whole = Buffer.from(lines.repeat(Math.ceil(size / bytes)))
  return { text: whole.toString('utf8'), bytes: whole.length }
}

async function measure({ name, text, bytes }, rounds) {
  const samples = { threadMs: [], callMs: [], wallMs: [], idleThreadMs: [], stallMs: [], idleStallMs: [] }
  for (let round = -2; round < rounds; round++) {
    const sample = { ...(await turn(text)), ...(await stalls(text)) }
    if (round >= 0) for (const [key, value] of Object.entries(sample)) samples[key].push(value)
  }
  const medians = Object.fromEntries(Object.entries(samples).map(([key, values]) => [key, median(values)]))
  return { name, bytes, ...medians, longestStallMs: Math.max(...samples.stallMs), longestIdleStallMs: Math.max(...samples.idleStallMs), msPerMb: medians.threadMs / (bytes / 1e6) }
}

async function turn(text) {
  const threadBefore = mainThreadTime()
  const before = performance.now()
  const answer = worker.analyzeError(text, context)
  const callMs = performance.now() - before
  await answer
  const wallMs = performance.now() - before
  const threadMs = (mainThreadTime() - threadBefore - overhead) / 1e6
  const idleBefore = mainThreadTime()
  await pause(wallMs)
  return { threadMs, callMs, wallMs, idleThreadMs: (mainThreadTime() - idleBefore - overhead) / 1e6 }
}

async function stalls(text) {
  const began = performance.now()
  const stallMs = await watched(() => worker.analyzeError(text, context))
  const length = performance.now() - began
  return { stallMs, idleStallMs: await watched(() => pause(length)) }
}

/** The longest delay while something is awaited, and a few turns of the loop before and after it. */
async function watched(work) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delay.enable()
  await pause(3 * RESOLUTION_MS)
  delay.reset()
  await work()
  await pause(3 * RESOLUTION_MS)
  delay.disable()
  return Math.max(0, delay.max / 1e6 - RESOLUTION_MS)
}

function report(measured, { json, rounds }) {
  printResult(json, {
    title: 'What analyzeError costs the JavaScript thread',
    rows: measured.map(({ name, bytes, threadMs, idleThreadMs, msPerMb, callMs, wallMs, stallMs, longestStallMs, idleStallMs, longestIdleStallMs }) => ({
      text: name,
      MB: (bytes / 1e6).toFixed(1),
      'thread ms': threadMs.toFixed(2),
      'idle floor ms': idleThreadMs.toFixed(2),
      'ms per MB': msPerMb.toFixed(3),
      [`below ${TARGET_MS_PER_MB}`]: msPerMb < TARGET_MS_PER_MB ? 'reached' : 'missed',
      'call ms': callMs.toFixed(2),
      'answer after ms': wallMs.toFixed(1),
      'stall ms': stallMs.toFixed(2),
      'longest ms': longestStallMs.toFixed(1),
      'idle stall ms': idleStallMs.toFixed(2),
      'longest idle ms': longestIdleStallMs.toFixed(1),
    })),
    notes: [
      `Medians of ${rounds} turns, each followed by as long a turn of idling. Thread: processor time of the main thread, idling not taken off; call: until analyzeError returned its promise.`,
      `Stall: the longest delay of one turn beyond the ${RESOLUTION_MS} ms timer it is sampled with; longest: of all turns.`,
    ],
    figures: { rounds, texts: measured },
  })
}
