// Injects single mutations into small green projects, runs the real tool, and looks whether the first
// error of the analysis is where the mutation is:
//
//   npm run mutation-truth -- --mutants 200 --seed 1 --language python
//
// What is counted, and why mutants whose line the tool itself never names are counted apart, is said in
// __test__/analysis/mutation/verdict.js. Exits with 1 when either figure is below 90 %.

import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism, tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'

const require = createRequire(import.meta.url)
const { mutantsOf } = require('../__test__/analysis/mutation/operators.js')
const { copyProject, findTools, run, runMutant } = require('../__test__/analysis/mutation/tools.js')
const { judge } = require('../__test__/analysis/mutation/verdict.js')
const { ErrorAnalysisWorker } = require('../index.js')

const LANGUAGES = ['typescript', 'python', 'rust']
const REQUIRED = 0.9
/** Lines of a tool's text that are shown of a miss. */
const SHOWN_LINES = 12

const HELP = `Checks the first error of an analysis against mutations whose place is known.

  --mutants N    mutants whose line the tool names, over all tools (default 200); those that it tells
                 elsewhere or not at all come on top
  --language L   ${LANGUAGES.join(', ')}; may be given several times (default all)
  --seed N       decides which mutants (default 1)
  --json         print the result as JSON and nothing else
  --help`

const options = readOptions()
if (options.help) console.log(HELP)
else process.exitCode = await main(options)

function readOptions() {
  const { values } = parseArgs({
    options: {
      mutants: { type: 'string', default: '200' },
      language: { type: 'string', multiple: true, default: LANGUAGES },
      seed: { type: 'string', default: '1' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const [mutants, seed] = [Number(values.mutants), Number(values.seed)]
  const unknown = values.language.find((language) => !LANGUAGES.includes(language))
  if (!Number.isSafeInteger(mutants) || mutants < 1 || !Number.isSafeInteger(seed) || unknown !== undefined) {
    console.error(`--mutants takes a number from 1, --seed an integer, --language one of ${LANGUAGES.join(', ')}`)
    process.exit(2)
  }
  return { ...values, mutants, seed }
}

async function main({ mutants, language, seed, json }) {
  const { tools, missing } = findTools(language)
  for (const reason of missing) console.error(`left out, and not counted: ${reason}`)
  if (tools.length === 0) return 1
  const home = mkdtempSync(path.join(tmpdir(), 'plimsoll-mutation-'))
  const results = []
  try {
    for (const [index, tool] of tools.entries()) {
      // The remainder goes to the first ones.
      const wanted = Math.floor(mutants / tools.length) + (index < mutants % tools.length ? 1 : 0)
      results.push(await measure(tool, wanted, seed, path.join(home, String(index))))
    }
  } finally {
    rmSync(home, { recursive: true, force: true })
  }
  const total = summed(results)
  if (json) console.log(JSON.stringify({ seed, missing, total, tools: results }, null, 2))
  else report(results, total)
  return total.named > 0 && total.top >= REQUIRED * total.named && total.agrees >= REQUIRED * total.noticed ? 0 : 1
}

/** Shows one tool mutants in the order of the seed until it has named the lines of as many as are wanted. */
async function measure(tool, wanted, seed, home) {
  const worker = new ErrorAnalysisWorker({ maxProblems: 1 })
  const directories = Array.from({ length: availableParallelism() }, (_, index) => path.join(home, String(index)))
  for (const directory of directories) copyProject(tool.language, directory)
  // The first run of each also fills the tool's own caches.
  const green = await Promise.all(directories.map((directory) => run(tool, directory)))
  const red = green.find(({ exitCode }) => exitCode !== 0)
  if (red !== undefined) throw new Error(`${tool.name} finds fault with the project before any mutation:\n${red.text}`)
  const mutants = mutantsOf(tool.language, directories[0], seed)
  const tally = { tool: tool.name, language: tool.language, candidates: mutants.length, unnoticed: 0, noticed: 0, named: 0, top: 0, toolTop: 0, agrees: 0, topOfAll: 0, misses: [] }
  for (let next = 0; next < mutants.length && tally.named < wanted; next += directories.length) {
    const batch = mutants.slice(next, next + directories.length)
    const runs = await Promise.all(batch.map((mutant, index) => runMutant(tool, directories[index], mutant)))
    for (const [index, mutant] of batch.entries()) {
      if (tally.named < wanted) await count(tally, tool, mutant, directories[index], runs[index], worker)
    }
    progress(`${tool.name}: ${tally.named} of ${wanted}, ${tally.unnoticed} not noticed, ${tally.misses.length} missed`)
  }
  progress('')
  return tally
}

async function count(tally, tool, mutant, directory, { text, exitCode, signal }, worker) {
  if (exitCode === 0) {
    tally.unnoticed += 1
    return
  }
  const summary = await worker.analyzeError(text, { taskId: 'mutation', phase: 'truth', exitCode, signal })
  const verdict = judge(tool.name, mutant, directory, text, summary)
  tally.noticed += 1
  tally.named += Number(verdict.named)
  tally.top += Number(verdict.named && verdict.top)
  tally.toolTop += Number(verdict.named && verdict.toolTop)
  tally.agrees += Number(verdict.agrees)
  tally.topOfAll += Number(verdict.top)
  if (!verdict.agrees || (verdict.named && !verdict.top)) {
    const { named, ours, tools } = verdict
    const shown = text.replaceAll(directory + path.sep, '').trim().split('\n').slice(0, SHOWN_LINES)
    tally.misses.push({ tool: tool.name, mutant, named, ours: ours ?? null, tools: tools ?? null, summary: summary.summary, text: shown })
  }
}

function summed(results) {
  const keys = ['candidates', 'unnoticed', 'noticed', 'named', 'top', 'toolTop', 'agrees', 'topOfAll']
  return Object.fromEntries(keys.map((key) => [key, results.reduce((sum, result) => sum + result[key], 0)]))
}

function report(results, total) {
  for (const miss of results.flatMap(({ misses }) => misses)) tellMiss(miss)
  const share = (part, whole) => whole === 0 ? '–' : `${part} of ${whole} (${((100 * part) / whole).toFixed(1)} %)`
  for (const result of [...results, { tool: 'all', ...total }]) {
    console.log(`\n${result.tool}: ${result.noticed} mutants noticed, ${result.unnoticed} not (left out)`)
    console.log(`  mutated line first, where the tool names it:   ${share(result.top, result.named)}; the tool itself: ${share(result.toolTop, result.named)}`)
    console.log(`  the tool's first error is ours:                ${share(result.agrees, result.noticed)}`)
    console.log(`  mutated line first, of all that were noticed:  ${share(result.topOfAll, result.noticed)}`)
  }
}

function tellMiss({ tool, mutant, named, ours, tools, summary, text }) {
  const place = (at) => at === null ? 'nowhere' : `${at.file}:${at.line}`
  console.log(`\n${tool} ${mutant.file}:${mutant.line} (${mutant.operator})${named ? '' : ', told elsewhere'}`)
  console.log(`  - ${mutant.before}\n  + ${mutant.after ?? '(deleted)'}`)
  console.log(`  ours ${place(ours)}, the tool's first ${place(tools)}; ${summary}`)
  for (const line of text) console.log(`  | ${line}`)
}

/** One line that is drawn again, where somebody looks. */
function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`)
}
