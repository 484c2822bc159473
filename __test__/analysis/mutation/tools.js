'use strict'
/**
 * The tools mutants are shown to: real ones, each run as its users run it.
 *
 * A mutant lives in a copy of its project in a temporary directory; the sources here are never changed.
 */

const { execFile, execFileSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { mutated } = require('./operators')

const root = path.resolve(__dirname, '..', '..', '..')
/** Where mypy is installed when this machine's Python has none. */
const ENVIRONMENT = path.join(root, 'target', 'mutation-truth', 'python')
/** What the dialect's truth was last checked with. */
const MYPY = 'mypy==2.4.1'
const MAX_OUTPUT = 64 << 20

/**
 * @typedef {object} Tool
 * @property {string} name
 * @property {'typescript' | 'python' | 'rust'} language
 * @property {string} command
 * @property {(directory: string) => string[]} args
 * @property {NodeJS.ProcessEnv} [env]
 */

/** @returns {Tool} */
function tsc() {
  const compiler = require.resolve('typescript/bin/tsc')
  return { name: 'tsc', language: 'typescript', command: process.execPath, args: () => [compiler, '-p', '.', '--pretty', 'false'] }
}

/** @returns {Tool} */
function cargo() {
  return { name: 'cargo', language: 'rust', command: 'cargo', args: (directory) => ['check', '--offline', '--target-dir', path.join(directory, 'target')] }
}

/** @returns {Tool} */
function unittest(python) {
  return { name: 'unittest', language: 'python', command: python, args: () => ['-m', 'unittest'], env: { PYTHONDONTWRITEBYTECODE: '1' } }
}

/** @returns {Tool} */
function mypy(python) {
  return { name: 'mypy', language: 'python', command: python, args: (directory) => ['-m', 'mypy', '--cache-dir', path.join(directory, '.mypy_cache'), 'harbour'] }
}

/**
 * The tools of these languages that this machine has, and why others are missing.
 *
 * @param {string[]} languages
 * @returns {{ tools: Tool[], missing: string[] }}
 */
function findTools(languages) {
  const tools = []
  const missing = []
  if (languages.includes('typescript')) tools.push(tsc())
  if (languages.includes('rust')) {
    if (works('cargo', ['--version'])) tools.push(cargo())
    else missing.push('cargo: install Rust (https://rustup.rs)')
  }
  if (languages.includes('python')) {
    const python = ['python3', 'python'].find((command) => works(command, ['-c', 'import unittest']))
    if (python === undefined) return { tools, missing: [...missing, 'unittest, mypy: no python3 runs here'] }
    tools.push(unittest(python))
    const checked = pythonWithMypy(python)
    if (checked === undefined) missing.push(`mypy: neither installed nor to be had by pip (pip install ${MYPY})`)
    else tools.push(mypy(checked))
  }
  return { tools, missing }
}

/** A Python that has mypy, which is installed for it if need be. */
function pythonWithMypy(python) {
  const hasMypy = (command) => works(command, ['-m', 'mypy', '--version'])
  if (hasMypy(python)) return python
  const own = path.join(ENVIRONMENT, process.platform === 'win32' ? 'Scripts/python.exe' : 'bin/python')
  if (hasMypy(own)) return own
  const installed = works(python, ['-m', 'venv', ENVIRONMENT]) && works(own, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', MYPY])
  return installed && hasMypy(own) ? own : undefined
}

function works(command, args) {
  try {
    execFileSync(command, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/**
 * Runs a tool on a project.
 *
 * @param {Tool} tool
 * @param {string} directory
 * @returns {Promise<{ text: string, exitCode: number | null, signal: string | null }>} both streams in one text, as
 *   terminals show them: none of these tools mixes the two within an error
 */
function run({ command, args, env }, directory) {
  return new Promise((resolve, reject) => {
    const options = { cwd: directory, env: { ...process.env, ...env, NO_COLOR: '1', CARGO_TERM_COLOR: 'never' }, maxBuffer: MAX_OUTPUT }
    execFile(command, args(directory), options, (error, stdout, stderr) => {
      const { code = 0, signal = null } = error ?? {}
      if (typeof code === 'string') reject(error)
      else resolve({ text: stderr + stdout, exitCode: signal === null ? code : null, signal })
    })
  })
}

/**
 * Copies a project.
 *
 * @param {'typescript' | 'python' | 'rust'} language
 * @param {string} directory does not exist yet
 */
function copyProject(language, directory) {
  fs.cpSync(path.join(__dirname, language), directory, { recursive: true })
}

/**
 * Runs a tool on one mutant, and mends the project again.
 *
 * @param {Tool} tool
 * @param {string} directory a copy of the project
 * @param {import('./operators').Mutant} mutant
 */
async function runMutant(tool, directory, mutant) {
  const file = path.join(directory, mutant.file)
  const own = fs.readFileSync(file, 'utf8')
  write(file, mutated(own, mutant))
  try {
    return await run(tool, directory)
  } finally {
    write(file, own)
  }
}

let writes = 0

/** With a time of its own, in whole seconds: tools keep what they know of a file whose time and size are the same. */
function write(file, text) {
  writes += 1
  fs.writeFileSync(file, text)
  const time = Math.floor(Date.now() / 1000) + 2 * writes
  fs.utimesSync(file, time, time)
}

module.exports = { copyProject, findTools, run, runMutant, tsc }
