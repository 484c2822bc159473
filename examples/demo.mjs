// What Plimsoll is for, in one command: real tool output, logged with and without it by a process
// that is killed on the way.

import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import cliProgress from 'cli-progress'
import { formatBytes, formatCount, printTable } from './demo/report.mjs'
import { STRATEGIES } from './demo/strategies.mjs'
import { drawKills, supervise } from './demo/supervise.mjs'
import { installTools, ROUNDS, runTools } from './demo/tools.mjs'
import { verify } from './demo/verify.mjs'
import { ENTRIES_PER_ITERATION, workItems } from './demo/work.mjs'

const MOST_ITERATIONS = 100_000

const HELP = `npm run demo -- [options]

Runs tsc and eslint on examples/broken-program, with an agent's edits in between, and has a process
of its own log what they print, iteration after iteration: once with appendFile, once with a buffer
in front of it, once with Plimsoll. Each time the process is killed (SIGKILL) at the same three
random moments and started again. Ends with what each way cost and lost.

  --iterations N   iterations to log (default 40; the tools really run in the first ${ROUNDS})
  --json           print the result as JSON and nothing else
  --help           this text

Exit code: 0 when Plimsoll lost, doubled and tore nothing, else 1.`

try {
  const options = readOptions()
  if (options.help) console.log(HELP)
  else process.exitCode = await demo(options)
} catch (error) {
  console.error(`The demo could not be run: ${error.message}`)
  process.exitCode = 1
}

function readOptions() {
  const { values } = parseArgs({
    options: { iterations: { type: 'string', default: '40' }, json: { type: 'boolean' }, help: { type: 'boolean' } },
  })
  const iterations = Number(values.iterations)
  if (!Number.isInteger(iterations) || iterations < 1 || iterations > MOST_ITERATIONS) {
    throw new Error(`--iterations is "${values.iterations}"; give a whole number from 1 to ${MOST_ITERATIONS}`)
  }
  return { iterations, json: values.json === true, help: values.help === true }
}

/**
 * @param {{ iterations: number, json: boolean }} options
 * @returns {Promise<number>} the exit code
 */
async function demo({ iterations, json }) {
  const directory = mkdtempSync(path.join(tmpdir(), 'plimsoll-demo-'))
  const rounds = Math.min(ROUNDS, iterations)
  const items = workItems(iterations)
  const say = json ? () => {} : console.log

  installTools()
  say(`${rounds} real rounds of tsc and eslint on examples/broken-program, with edits in between:`)
  const toolBar = progressBar('tools', json)
  const runs = await runTools(path.join(directory, 'program'), rounds, toolBar.update)
  toolBar.stop()
  for (const { round, tool, exitCode, durationMs, output } of runs) {
    say(`  round ${round}  ${tool.padEnd(6)}  exit ${exitCode}  ${formatBytes(Buffer.byteLength(output)).padStart(8)} in ${durationMs} ms`)
  }
  say(`${iterations} iterations of ${ENTRIES_PER_ITERATION} entries (4 tasks, 2 tools) are logged from that: the tasks of an iteration share its`)
  say(`output${iterations > rounds ? `, and iterations ${rounds + 1} to ${iterations} repeat rounds 1 to ${rounds} in turn` : ''}. The process that logs is killed three times.`)

  const runsPath = path.join(directory, 'tool-runs.json')
  writeFileSync(runsPath, JSON.stringify(runs))
  const kills = drawKills(items)
  const results = {}
  for (const [strategy, { title }] of Object.entries(STRATEGIES)) {
    const logPath = path.join(directory, strategy, 'history.jsonl')
    mkdirSync(path.dirname(logPath))
    const bar = progressBar(title, json)
    const supervised = await supervise({ strategy, logPath, runsPath, iterations, items }, kills, (done, run) => {
      bar.update(done, items, `process ${run}`)
    })
    bar.stop()
    const verdict = verify(logPath, supervised.acknowledged)
    // What is smaller because it is missing is not reduced.
    const whole = results.appendFile?.bytes ?? verdict.bytes
    const reduction = verdict.lost === 0 ? 1 - verdict.bytes / whole : null
    results[strategy] = { logPath, ...supervised, ...verdict, reduction }
  }

  const nothingLost = isComplete(results.plimsoll, items)
  if (json) console.log(JSON.stringify(summary(directory, iterations, kills, results, nothingLost), null, 2))
  else print(directory, results, nothingLost)
  return nothingLost ? 0 : 1
}

/**
 * Whether every entry was acknowledged and each acknowledged one is there once, whole.
 */
function isComplete(result, items) {
  return result.acknowledged.length === items && result.lost === 0 && result.doubled === 0 && result.torn === 0
}

/** @param {boolean} silent */
function progressBar(title, silent) {
  if (silent || !process.stderr.isTTY) return { update() {}, stop() {} }
  const bar = new cliProgress.SingleBar({
    format: `${title.padEnd(20)} {bar} {value}/{total}  {what}`,
    hideCursor: true,
    clearOnComplete: true,
    stream: process.stderr,
  }, cliProgress.Presets.shades_classic)
  let started = false
  return {
    update(value, total, what) {
      if (!started) bar.start(total, value, { what })
      else bar.update(value, { what })
      started = true
    },
    stop: () => bar.stop(),
  }
}

function print(directory, results, nothingLost) {
  const all = Object.values(results)
  const { plimsoll, appendFile } = results
  console.log('')
  printTable([
    ['', ...Object.keys(results).map((strategy) => STRATEGIES[strategy].title)],
    ['bytes on disk', ...all.map(({ bytes }) => formatBytes(bytes))],
    ['reduction', ...all.map((result) => result.reduction > 0 ? `${(100 * result.reduction).toFixed(1)} %` : '–')],
    ['worst event-loop delay', ...all.map(({ loopDelayMs }) => `${loopDelayMs.toFixed(1)} ms`)],
    ['99th percentile', ...all.map(({ loopDelayP99Ms }) => `${loopDelayP99Ms.toFixed(1)} ms`)],
    ['peak RSS', ...all.map(({ peakRss }) => formatBytes(peakRss))],
    ['archives', ...all.map(({ archives }) => archives)],
    ['lines', ...all.map(({ lines }) => formatCount(lines))],
    ['entries acknowledged', ...all.map(({ acknowledged }) => formatCount(acknowledged.length))],
    ['killed', ...all.map(({ kills }) => `${kills} times`)],
    ['recovered after a kill', ...all.map(({ recovered }) => formatCount(recovered))],
    ['acknowledged but lost', ...all.map(({ lost }) => formatCount(lost))],
    ['written twice', ...all.map(({ doubled }) => formatCount(doubled))],
    ['torn lines', ...all.map(({ torn }) => formatCount(torn))],
  ])
  console.log(`
A line more than entries acknowledged is one whose acknowledgement the kill cut off. appendFile loses
nothing to a killed process either, as the kernel has each line before the promise resolves; for that it
opens, writes and closes the file once an entry, and keeps every text in full. Plimsoll keeps an error's
summary and hash, and its text once.
`)
  for (const [tool, line] of Object.entries(plimsoll.samples)) console.log(`${tool}: ${line.slice(0, 300)}${line.length > 300 ? '...' : ''}`)
  console.log(`
What the tools printed   ${path.join(directory, 'tool-runs.json')}
appendFile               ${appendFile.logPath}
buffered appendFile      ${results.buffered.logPath}
Plimsoll                 ${plimsoll.logPath} and ${plimsoll.archives} archives beside it (zcat reads them)

${nothingLost ? 'Plimsoll lost nothing.' : `Plimsoll FAILED: ${plimsoll.lost} lost (${plimsoll.lostRecords.join(', ')}), ${plimsoll.doubled} doubled, ${plimsoll.torn} torn.`}`)
}

function summary(directory, iterations, kills, results, nothingLost) {
  const strategies = Object.fromEntries(Object.entries(results).map(([strategy, { acknowledged, samples: _samples, ...rest }]) => {
    return [strategy, { ...rest, acknowledged: acknowledged.length }]
  }))
  return { nothingLost, iterations, kills, directory, strategies }
}
