// Question: how many megabytes of a tool's output does an analysis read in a second?
//
// The floor is what any analysis in JavaScript begins with: `text.split('\n')` of the same text. Both are
// timed in turns in one process, from the call to the answer, crossing to the core's thread and back
// included. Before anything is timed, each text is analysed once and the answer compared with what the
// text is known to hold.

import { createRequire } from 'node:module'
import { median, printResult, readOptions } from '../telemetry/options.mjs'
import { NAMES, grown } from './texts.mjs'

const { ErrorAnalysisWorker } = createRequire(import.meta.url)('../../index.js')

const SIZES = [50_000, 1_000_000, 20_000_000]
/** What a sample reads at least; short texts are read several times for one. */
const SAMPLE_BYTES = 4_000_000
const TARGET_MBS = 300

const options = readOptions('Throughput of analyzeError on the outputs of real tools, against splitting them into lines.', {
  rounds: { default: 15, is: 'turns each of them has' },
})
const rows = []
for (const bytes of SIZES) for (const name of NAMES) rows.push(await measure(name, bytes, options.rounds))
report(rows, options)

async function measure(name, size, rounds) {
  const { text, bytes, errors, type } = grown(name, size)
  const raw = Buffer.from(text)
  const worker = new ErrorAnalysisWorker()
  const context = { taskId: 'bench', phase: 'bench', exitCode: 1 }
  const summary = await worker.analyzeError(text, context)
  const understood = summary.type === type && summary.details.errorCount === errors
  const times = Math.max(1, Math.round(SAMPLE_BYTES / bytes))
  const ways = {
    split: () => text.split('\n').length,
    text: () => worker.analyzeError(text, context),
    bytes: () => worker.analyzeError(raw, context),
  }
  const samples = { split: [], text: [], bytes: [] }
  for (let round = -2; round < rounds; round++) {
    for (const [way, work] of Object.entries(ways)) {
      const before = performance.now()
      for (let time = 0; time < times; time++) await work()
      const mbs = (bytes * times) / 1000 / (performance.now() - before)
      if (round >= 0) samples[way].push(mbs)
    }
  }
  const ratios = samples.text.map((mbs, round) => mbs / samples.split[round])
  return { name, bytes, understood, splitMbs: median(samples.split), textMbs: median(samples.text), bytesMbs: median(samples.bytes), ratio: median(ratios) }
}

function report(measured, { json, rounds }) {
  printResult(json, {
    title: 'Throughput of analyzeError',
    rows: measured.map(({ name, bytes, understood, splitMbs, textMbs, bytesMbs, ratio }) => ({
      output: name,
      MB: (bytes / 1e6).toFixed(2),
      'split MB/s (floor)': Math.round(splitMbs),
      'text MB/s': Math.round(textMbs),
      '× floor': ratio.toFixed(2),
      'Buffer MB/s': Math.round(bytesMbs),
      [`${TARGET_MBS} MB/s`]: bytes < SIZES[1] ? '' : textMbs >= TARGET_MBS ? 'reached' : 'missed',
      answer: understood ? 'right' : 'WRONG',
    })),
    notes: [`MB are millions of bytes as UTF-8. Medians of ${rounds} interleaved turns; × floor is the median of the turns' own ratios. Answer: whether type and count are what the text holds.`],
    figures: { rounds, texts: measured },
  })
}
