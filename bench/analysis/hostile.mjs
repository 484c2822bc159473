// Question: how many megabytes a second does an analysis read of texts made to be slow to read?
//
// Each text wakes one dialect with its markers and goes on with lines of 16 KB, the longest that are read to
// their end, or with as many lines as fit, made of those markers and of what readers look for between them.
// The markers are read from the dialects' sources. A cost that grows with a line's length shows in the rate,
// one that grows with the number of lines in the ratio of the rates at two sizes.

import { readFileSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { median, printResult, readOptions } from '../telemetry/options.mjs'

const { ErrorAnalysisWorker } = createRequire(import.meta.url)('../../index.js')

const SIZES = [50_000, 1_000_000]
const LINE = 16_000
const SHOWN = 10
/** What is put behind the markers; with a line feed, lines are repeated instead of drawn out. */
const GLUE = ['', ' ', ': ', ':::::1:1:', '((((1,1', '[[[[]', '\'\'""``', '{"a":', '<error ', ' x\n', ': 1\n', '(1,1): error \n']

const options = readOptions('Throughput of analyzeError on texts made of every dialect\'s markers to be slow to read.', {
  rounds: { default: 5, is: 'times each of the slowest texts is read at each size, after one for all' },
})
const worker = new ErrorAnalysisWorker()
const context = { taskId: 'bench', phase: 'bench', exitCode: 1 }
const shapes = dialects().flatMap(({ name, markers }) => GLUE.map((glue) => ({ name, markers, glue })))
// The first reading is for the code of the reader itself.
for (const shape of shapes.slice(0, GLUE.length)) await rate(shape, SIZES[0])
for (const shape of shapes) shape.once = await rate(shape, SIZES[1])
const slowest = shapes.sort((one, other) => one.once - other.once).slice(0, 3 * SHOWN)
for (const shape of slowest) {
  const rates = SIZES.map(() => [])
  for (let round = 0; round < options.rounds; round++) {
    for (const [index, size] of SIZES.entries()) rates[index].push(await rate(shape, size))
  }
  ;[shape.small, shape.large] = rates.map(median)
}
slowest.sort((one, other) => one.large - other.large)
report(slowest.slice(0, SHOWN))

/** Megabytes a second of one reading. */
async function rate({ markers, glue }, size) {
  const text = hostile(markers, glue, size)
  const before = performance.now()
  await worker.analyzeError(text, context)
  return text.length / 1000 / (performance.now() - before)
}

function hostile(markers, glue, size) {
  const unit = markers.join('') + glue
  const line = glue.endsWith('\n') ? unit : unit.repeat(Math.ceil(LINE / unit.length)).slice(0, LINE) + '\n'
  return markers.join('\n') + '\n' + line.repeat(Math.ceil(size / line.length))
}

/** The dialects by their sources, each file's with all of its markers. */
function dialects() {
  const root = fileURLToPath(new URL('../../src/analysis/dialects/', import.meta.url))
  const files = readdirSync(root, { recursive: true }).filter((file) => file.endsWith('.rs')).sort()
  return files.flatMap((file) => {
    const source = readFileSync(path.join(root, file), 'utf8')
    const lists = [...source.matchAll(/markers: &\[((?:"(?:[^"\\]|\\.)*"|[^"\]])*)\]/g)]
    const markers = lists.flatMap(([, list]) => [...list.matchAll(/"((?:[^"\\]|\\.)+)"/g)].map(([, text]) => unescaped(text)))
    return markers.length > 0 ? [{ name: file.replace(/\.rs$/, ''), markers }] : []
  })
}

function unescaped(text) {
  const named = { n: '\n', t: '\t', r: '\r' }
  return text.replace(/\\u\{(\w+)\}|\\(.)/g, (_, code, other) => code === undefined ? named[other] ?? other : String.fromCodePoint(parseInt(code, 16)))
}

function report(rows) {
  const [worst] = rows
  printResult(options.json, {
    title: `Throughput of analyzeError on hostile texts: the ${SHOWN} slowest of ${shapes.length}`,
    rows: rows.map(({ name, glue, small, large }) => ({
      dialect: name,
      'behind its markers': JSON.stringify(glue),
      '50 KB: MB/s': small.toFixed(1),
      '1 MB: MB/s': large.toFixed(1),
      'small ÷ large': (small / large).toFixed(2),
    })),
    notes: [`Medians of ${options.rounds} readings of what was slowest when each text was read once. A ratio far above 1 would be a cost that grows faster than the number of lines.`],
    figures: { rounds: options.rounds, shapes: shapes.length, slowestMbs: worst.large, texts: rows.map(({ name, glue, small, large }) => ({ name, glue, small, large })) },
  })
}
