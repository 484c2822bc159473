// Runs named stages one after another, with their seconds, and sums up the tests they ran. Every
// stage runs, also after a failure, so that one run tells everything there is to tell.

import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const require = createRequire(import.meta.url)

/** The clone's directory. */
export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))

/**
 * @typedef {object} Outcome
 * @property {number} passed
 * @property {number} failed
 * @property {string[]} [skipped] names of tests that did not run
 */
/**
 * @typedef {object} Stage
 * @property {string} name
 * @property {() => Promise<Outcome>} run
 */

/**
 * Runs the stages in order, prints a table, and last the line `N passed, N failed`.
 *
 * @param {Stage[]} stages
 * @returns {Promise<number>} the exit code: 0 when nothing failed and something passed
 */
export async function runStages(stages) {
  const rows = []
  for (const { name, run } of stages) {
    console.log(`\n=== ${name}`)
    const started = performance.now()
    let outcome
    try {
      outcome = await run()
    } catch (error) {
      console.error(error.message)
      outcome = { passed: 0, failed: 1 }
    }
    rows.push({ name, seconds: (performance.now() - started) / 1000, ...outcome })
  }
  return summarise(rows)
}

function summarise(rows) {
  const widest = Math.max(...rows.map(({ name }) => name.length))
  console.log('')
  for (const { name, seconds, passed, failed } of rows) {
    const verdict = failed === 0 ? 'ok    ' : 'FAILED'
    console.log(`${verdict} ${name.padEnd(widest)} ${seconds.toFixed(1).padStart(7)} s  ${passed} passed, ${failed} failed`)
  }
  const skipped = rows.flatMap(({ name, skipped: names = [] }) => names.map((test) => `${name}: ${test}`))
  for (const test of skipped) console.log(`skipped  ${test}`)
  const [passed, failed] = ['passed', 'failed'].map((key) => rows.reduce((sum, row) => sum + row[key], 0))
  console.log(`${passed} passed, ${failed} failed`)
  return failed === 0 && passed > 0 ? 0 : 1
}

/**
 * Runs a command in the clone with its output shown.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ capture?: boolean, quiet?: boolean, env?: NodeJS.ProcessEnv }} [options] `capture`: return
 *   stdout too; `quiet`: and do not show it
 * @returns {Promise<{ code: number, stdout: string }>}
 */
export function execute(command, args, { capture = false, quiet = false, env = process.env } = {}) {
  return new Promise((resolve, reject) => {
    const shell = process.platform === 'win32' && command === 'npm'
    const stdio = ['ignore', capture ? 'pipe' : 'inherit', 'inherit']
    const child = spawn(command, args, { cwd: root, stdio, env, shell })
    let stdout = ''
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      stdout += text
      if (!quiet) process.stdout.write(text)
    })
    child.once('error', reject)
    child.once('close', (code) => resolve({ code: code ?? 1, stdout }))
  })
}

/**
 * A stage that is one command: passed when it ends with 0.
 *
 * @param {string} name
 * @param {string} command
 * @param {string[]} args
 * @returns {Stage}
 */
export function check(name, command, args) {
  return {
    name,
    async run() {
      const { code } = await execute(command, args)
      return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }
    },
  }
}

/**
 * A stage that runs a dependency's command line tool under this very Node.
 *
 * @param {string} name
 * @param {string} tool as `toolFile` takes it
 * @param {string[]} args
 * @returns {Stage}
 */
export function checkWithTool(name, tool, args) {
  return check(name, process.execPath, [toolFile(tool), ...args])
}

const TOOL_PACKAGES = { tsc: 'typescript', attw: '@arethetypeswrong/cli' }

/**
 * The file of a dependency's command line tool.
 *
 * @param {string} tool the command's name
 */
export function toolFile(tool) {
  const manifest = path.join(root, 'node_modules', TOOL_PACKAGES[tool] ?? tool, 'package.json')
  const { bin } = require(manifest)
  return path.join(path.dirname(manifest), typeof bin === 'string' ? bin : bin[tool])
}

/**
 * A stage of `cargo test`; the counts are those of its own result lines.
 *
 * @param {string} name
 * @param {string[]} args
 * @returns {Stage}
 */
export function cargoTests(name, args) {
  return {
    name,
    async run() {
      const { code, stdout } = await execute('cargo', ['test', ...args], { capture: true })
      const results = [...stdout.matchAll(/^test result: \w+\. (\d+) passed; (\d+) failed;/gm)]
      const [passed, failed] = [1, 2].map((group) => results.reduce((sum, found) => sum + Number(found[group]), 0))
      const skipped = [...stdout.matchAll(/^test (.+) \.\.\. (ignored.*)$/gm)].map(([, test, why]) => `${test} (${why})`)
      // No result line at all: it did not compile, or a test aborted the process.
      return { passed, failed: code === 0 ? failed : Math.max(failed, 1), skipped }
    },
  }
}

/**
 * A stage of the Jest suite under any Node.
 *
 * @param {string} name
 * @param {string[]} args
 * @param {string} [node]
 * @returns {Stage}
 */
export function jestTests(name, args, node = process.execPath) {
  return reportedTests(name, (report) => ({
    command: node,
    args: [toolFile('jest'), '--json', `--outputFile=${report}`, ...args],
    env: { ...process.env, PATH: `${path.dirname(node)}${path.delimiter}${process.env.PATH}` },
  }))
}

/**
 * A stage of the vitest smoke file in one of its pools.
 *
 * @param {'threads' | 'forks'} pool
 * @returns {Stage}
 */
export function vitestTests(pool) {
  return reportedTests(`vitest, ${pool} pool`, (report) => ({
    command: process.execPath,
    args: [toolFile('vitest'), 'run', `--pool=${pool}`, '--reporter=default', '--reporter=json', `--outputFile=${report}`],
  }))
}

/**
 * Jest and vitest write the same report.
 *
 * @param {string} name
 * @param {(report: string) => { command: string, args: string[], env?: NodeJS.ProcessEnv }} commandFor
 * @returns {Stage}
 */
function reportedTests(name, commandFor) {
  return {
    name,
    async run() {
      const directory = mkdtempSync(path.join(tmpdir(), 'plimsoll-report-'))
      try {
        const report = path.join(directory, 'report.json')
        const { command, args, env } = commandFor(report)
        const { code } = await execute(command, args, { env })
        return countReported(report, code)
      } finally {
        rmSync(directory, { recursive: true, force: true })
      }
    },
  }
}

/** @returns {Outcome} a file that did not even load counts as one failure */
function countReported(file, code) {
  const report = JSON.parse(readFileSync(file, 'utf8'))
  const tests = report.testResults.flatMap((suite) => suite.assertionResults)
  const brokenFiles = report.testResults.filter((suite) => suite.status === 'failed' && suite.assertionResults.length === 0)
  const failed = report.numFailedTests + brokenFiles.length
  const skipped = tests.filter(({ status }) => status !== 'passed' && status !== 'failed').map(({ fullName }) => fullName)
  return { passed: report.numPassedTests, failed: code === 0 ? failed : Math.max(failed, 1), skipped }
}
