// Scores error analysis against the corpus and compares every figure with its threshold.
//
//   npm run score                           all of it
//   npm run score -- --only eslint          cases whose names match
//   npm run score -- --misses               with what was missed
//   npm run score -- --json                 for machines
//
// Exit code 1 when a figure is below its threshold (never with --only).

import { createRequire } from 'node:module'
import { parseArgs } from 'node:util'

const require = createRequire(import.meta.url)
const { ErrorAnalysisWorker } = require('../index.js')
const { THRESHOLDS, readCases, scoreAll } = require('../__test__/support/score.js')

const options = { only: { type: 'string' }, misses: { type: 'boolean' }, json: { type: 'boolean' } }
const { only, misses, json } = parseArgs({ options }).values
const cases = readCases(only === undefined ? undefined : new RegExp(only))
const analyze = (text) => new ErrorAnalysisWorker().analyzeError(text, { taskId: 'score', phase: 'verify' })
const { rows, figures } = await scoreAll(cases, analyze)

if (misses) {
  for (const { name, truth, summary, marks } of rows) {
    const missed = Object.entries(marks).filter(([, mark]) => mark < 1).map(([figure]) => figure)
    if (missed.length > 0) console.log(`${name}: ${truth.type} -> ${summary.type}; missed ${missed.join(', ')}\n  ${summary.summary}`)
  }
}
const below = Object.keys(THRESHOLDS).filter((figure) => figures[figure].value < THRESHOLDS[figure])
if (json) console.log(JSON.stringify({ cases: cases.length, figures, below }, null, 2))
else {
  console.log(`${cases.length} texts`)
  for (const [figure, { value, cases: count }] of Object.entries(figures)) {
    console.log(`${figure.padEnd(8)} ${(value * 100).toFixed(1).padStart(5)} %  of ${count}, at least ${THRESHOLDS[figure] * 100} %`)
  }
}
if (only === undefined && below.length > 0) process.exitCode = 1
