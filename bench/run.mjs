// Runs the benchmarks, all or those named, one after another: nothing else of ours runs meanwhile.
//
//   node bench/run.mjs                     all of them
//   node bench/run.mjs cost analysis-loop  these
//   node bench/run.mjs --json > all.json   one JSON object, by benchmark

import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const directory = path.dirname(fileURLToPath(import.meta.url))

/** By name; what they ask is said in their own first lines. */
const BENCHMARKS = {
  cost: 'telemetry/cost.mjs',
  'loop-delay': 'telemetry/loop-delay.mjs',
  archive: 'telemetry/archive.mjs',
  memory: 'telemetry/memory.mjs',
  'stalled-disk': 'telemetry/stalled-disk.mjs',
  'kill-loss': 'telemetry/kill-loss.mjs',
  'analysis-throughput': 'analysis/throughput.mjs',
  'analysis-loop': 'analysis/loop.mjs',
  'budget-slots': 'budget/slots.mjs',
  'budget-memory': 'budget/memory.mjs',
  'analysis-hostile': 'analysis/hostile.mjs',
  'lifecycle-spawn': 'lifecycle/spawn.mjs',
  'lifecycle-pool': 'lifecycle/pool.mjs',
}

const { values, positionals } = parseArgs({ options: { json: { type: 'boolean', default: false } }, allowPositionals: true })
const unknown = positionals.find((name) => !Object.hasOwn(BENCHMARKS, name))
if (unknown !== undefined) {
  console.error(`There is no benchmark "${unknown}"; there are ${Object.keys(BENCHMARKS).join(', ')}.`)
  process.exit(2)
}
if (process.platform !== 'linux') {
  console.error('The benchmarks read threads and memory from /proc: they run on Linux alone.')
  process.exit(2)
}
const named = positionals.length > 0 ? positionals : Object.keys(BENCHMARKS)
// Analysis is compared with the machine alone.
if (named.some((name) => !BENCHMARKS[name].startsWith('analysis/'))) installPeers()
const results = {}
for (const name of named) {
  const output = run(process.execPath, [path.join(directory, BENCHMARKS[name]), ...(values.json ? ['--json'] : [])], values.json)
  if (values.json) results[name] = JSON.parse(output)
}
if (values.json) console.log(JSON.stringify(results, null, 2))

/** Installs the peers unless the installed tree is newer than the lock; npm writes its inner lock last. */
function installPeers() {
  const modifiedAt = (file) => statSync(path.join(directory, file), { throwIfNoEntry: false })?.mtimeMs ?? 0
  if (modifiedAt('node_modules/.package-lock.json') >= modifiedAt('package-lock.json')) return
  console.error('Installing the peers: npm ci in bench')
  run('npm', ['ci'], true)
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {boolean} capture
 * @returns {string | null} what it printed, when that is captured
 */
function run(command, args, capture) {
  const { status, error, stdout } = spawnSync(command, args, {
    cwd: directory,
    encoding: 'utf8',
    stdio: ['ignore', capture ? 'pipe' : 'inherit', 'inherit'],
  })
  if (status === 0) return stdout
  console.error(`${command} ${args.join(' ')} ${error ? error.message : `ended with ${status}`}`)
  process.exit(1)
}
