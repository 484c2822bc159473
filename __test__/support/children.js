'use strict'
/**
 * Child processes that run a fixture: every one has a deadline, and none outlives its test file.
 */

const { spawn } = require('node:child_process')
const path = require('node:path')
const { DEADLINE_MS } = require('./events')

const FIXTURES = path.join(__dirname, '..', 'fixtures')

/** @type {Set<Child>} */
const living = new Set()

/** A fixture that runs, or has run. */
class Child {
  stdout = ''
  stderr = ''
  /** @type {{ code: number | null, signal: NodeJS.Signals | null } | null} */
  ended = null
  /** @type {Set<() => void>} */
  #changed = new Set()

  /**
   * @param {string} command
   * @param {string[]} args
   * @param {import('node:child_process').SpawnOptions & { deadline?: number }} [options]
   */
  constructor(command, args, { deadline = DEADLINE_MS, ...options } = {}) {
    this.process = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options })
    living.add(this)
    this.process.stdin?.on('error', () => {}) // it may have ended before it read anything
    this.process.stdout?.setEncoding('utf8').on('data', (text) => {
      this.stdout += text
      this.#tell()
    })
    this.process.stderr?.setEncoding('utf8').on('data', (text) => { this.stderr += text })
    const watchdog = setTimeout(() => this.process.kill('SIGKILL'), deadline)
    /** Resolves when it has ended and everything it said has been read. */
    this.exit = new Promise((resolve, reject) => {
      this.process.once('error', reject)
      this.process.once('close', (code, signal) => {
        clearTimeout(watchdog)
        living.delete(this)
        this.ended = { code, signal }
        this.#tell()
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr })
      })
    })
  }

  #tell() {
    for (const listener of [...this.#changed]) listener()
  }

  /**
   * Resolves with the first match in what it has said so far.
   * @param {RegExp} pattern
   * @returns {Promise<RegExpMatchArray>}
   */
  says(pattern) {
    return new Promise((resolve, reject) => {
      const look = () => {
        const match = this.stdout.match(pattern)
        if (match === null && this.ended === null) return
        this.#changed.delete(look)
        if (match !== null) return resolve(match)
        reject(new Error(`ended (${JSON.stringify(this.ended)}) without saying ${pattern}: ${this.stdout}\n${this.stderr}`))
      }
      this.#changed.add(look)
      look()
    })
  }

  /** @param {NodeJS.Signals} [signal] */
  kill(signal = 'SIGKILL') {
    this.process.kill(signal)
    return this.exit
  }
}

/**
 * Runs a fixture of `__test__/fixtures` under this Node.
 * @param {string} fixture its file name
 * @param {object} [task] passed as one JSON argument
 * @param {object} [options] those of `spawn`, `deadline` in milliseconds, and `nodeArgs`
 */
function launch(fixture, task = {}, { nodeArgs = [], ...options } = {}) {
  const args = [...nodeArgs, path.join(FIXTURES, fixture), JSON.stringify(task)]
  return new Child(process.execPath, args, options)
}

/** Kills what still runs. */
function killAll() {
  return Promise.all([...living].map((child) => child.kill()))
}

if (typeof afterAll === 'function') afterAll(killAll)

module.exports = { Child, launch, killAll }
