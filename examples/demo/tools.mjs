// Runs tsc and eslint, as an autopilot's quality gate does, on a working copy of the broken program,
// with an agent's edits between the rounds. What the tools print is the demo's input.

import { spawn, spawnSync } from 'node:child_process'
import { cpSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const program = path.join(path.dirname(path.dirname(fileURLToPath(import.meta.url))), 'broken-program')

/** What the agent changes before each round but the first: it mends a few things, then breaks many by a careless rename. */
const EDITS = [
  [
    ['src/money.ts', '{ EUR: 1, GBP: 0.86 }', '{ EUR: 1, GBP: 0.86, USD: 1.08 }'],
    ['src/money.ts', 'value: Money, locale)', 'value: Money, locale: string)'],
    ['src/money.ts', 'value.curency', 'value.currency'],
    ['src/cart.ts', 'if (index = -1)', 'if (index === -1)'],
  ],
  [['src/types.ts', 'readonly product: Product', 'readonly item: Product']],
]

/** How often the tools really run; later iterations repeat what they printed. */
export const ROUNDS = EDITS.length + 1

/** The tools, in the order their runs are logged. */
export const TOOLS = ['tsc', 'eslint']

const MANIFESTS = { tsc: 'typescript/package.json', eslint: 'eslint/package.json' }
const ARGUMENTS = { tsc: ['--pretty', 'false'], eslint: ['.'] }

/**
 * @typedef {object} ToolRun
 * @property {number} round from 1
 * @property {string} tool
 * @property {number} exitCode
 * @property {number} durationMs
 * @property {string} output all it printed
 */

/** Installs the program's own pinned tools unless they are there. npm writes its inner lock last. */
export function installTools() {
  const installed = modifiedAt(path.join(program, 'node_modules', '.package-lock.json'))
  if (installed >= modifiedAt(path.join(program, 'package-lock.json'))) return
  console.error('Installing the broken program\'s tools: npm ci in examples/broken-program')
  const { status, error } = spawnSync('npm', ['ci'], {
    cwd: program,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  })
  if (status !== 0) throw new Error(`npm ci in ${program} ${error ? error.message : `ended with ${status}`}`)
}

/**
 * Runs both tools in every round.
 *
 * @param {string} directory where the working copy is made; must not exist
 * @param {number} rounds at most `ROUNDS`
 * @param {(done: number, total: number, what: string) => void} progress
 * @returns {Promise<ToolRun[]>} by round, within it in the order of `TOOLS`
 */
export async function runTools(directory, rounds, progress) {
  copyProgram(directory)
  const runs = []
  for (let round = 1; round <= rounds; round++) {
    if (round > 1) edit(directory, EDITS[round - 2])
    progress(runs.length, rounds * TOOLS.length, `round ${round}`)
    runs.push(...await Promise.all(TOOLS.map((tool) => runTool(directory, round, tool))))
  }
  progress(runs.length, rounds * TOOLS.length, 'done')
  return runs
}

/** @param {string} directory */
function copyProgram(directory) {
  const modules = path.join(program, 'node_modules')
  cpSync(program, directory, { recursive: true, filter: (source) => source !== modules })
  symlinkSync(modules, path.join(directory, 'node_modules'), 'junction')
}

/**
 * @param {string} directory
 * @param {string[][]} edits file, what is there once, what replaces it
 */
function edit(directory, edits) {
  for (const [file, before, after] of edits) {
    const target = path.join(directory, file)
    const parts = readFileSync(target, 'utf8').split(before)
    if (parts.length !== 2) throw new Error(`${file} of the broken program should have "${before}" once`)
    writeFileSync(target, parts.join(after))
  }
}

/**
 * @param {string} directory
 * @param {number} round
 * @param {string} tool
 * @returns {Promise<ToolRun>}
 */
function runTool(directory, round, tool) {
  const manifest = createRequire(path.join(directory, 'package.json')).resolve(MANIFESTS[tool])
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8'))
  const started = performance.now()
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path.join(path.dirname(manifest), bin[tool]), ...ARGUMENTS[tool]], {
      cwd: directory,
      env: { ...process.env, FORCE_COLOR: '0' },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => { output += text })
    }
    child.once('error', reject)
    child.once('close', (exitCode) => {
      // eslint ends with 2 when it could not run; both end with 0 when there is nothing to report.
      if (output === '' || exitCode === 0 || (tool === 'eslint' && exitCode !== 1)) {
        reject(new Error(`${tool} on the broken program ended with ${exitCode}:\n${output}`))
      } else {
        resolve({ round, tool, exitCode, durationMs: Math.round(performance.now() - started), output })
      }
    })
  })
}

/** @param {string} file */
function modifiedAt(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
