'use strict'
/**
 * `spawn`: a process with streams and events, as `node:child_process` has them.
 *
 * Streams are made when they are first asked for, or when the process has written to them. `index.d.ts`
 * documents what is public.
 */

const { AsyncResource } = require('node:async_hooks')
const { EventEmitter } = require('node:events')
const { setImmediate: afterOthers } = require('node:timers')
const { commandLine, nativeCommand, readCommand, refuse, signalName, signalNumber, LONGEST_MS } = require('./lifecycle-command.js')
const { core, forget, hold, letGo, refused, register } = require('./lifecycle-events.js')
const { ExecResult, NEVER_STARTED } = require('./lifecycle-exec.js')
const { linesOf } = require('./lifecycle-lines.js')
const { InputStream, OutputStream } = require('./lifecycle-streams.js')

/** @typedef {import('./lifecycle-command.js').Command} Command */
/** @typedef {import('./lifecycle-command.js').Redirection} Redirection */
/** @typedef {import('./lifecycle-events.js').Ending} Ending */
/** @typedef {import('./lifecycle-events.js').Event} Event */

const OUTPUT = 1
const ERROR = 2
const COMES_FROM_SPAWN = Symbol('spawn')

class ManagedProcess extends EventEmitter {
  /** @type {number | null} */
  #pid = null
  #command
  #token = 0
  #killed = false
  #held = false
  #resource = new AsyncResource('PlimsollProcess')
  /** @type {Ending | null} */
  #ending = null
  /** @type {import('./lifecycle-exec.js').Circumstances} */
  #circumstances = { aborted: false, reason: undefined, inputFailure: null }
  /** @type {(() => void) | null} */
  #abort = null
  /** @type {InputStream | null} */
  #stdin = null
  /** @type {Map<number, OutputStream>} */
  #outputs = new Map()
  /** @type {Set<number>} outputs that the user has asked for */
  #wanted = new Set()
  /** @type {Promise<ExecResult> | null} */
  #result = null
  /** @type {((ending: Ending) => void)[]} */
  #whenEnded = []
  #closing = 0

  /**
   * @param {symbol} origin
   * @param {Command} command
   * @param {number} group
   */
  constructor(origin, command, group) {
    if (origin !== COMES_FROM_SPAWN) throw refuse('a ManagedProcess comes from spawn()')
    super()
    this.#command = command
    this.#start(group)
  }

  /** @param {number} group */
  #start(group) {
    const { signal } = this.#command.options
    if (signal?.aborted) {
      this.#setAborted(signal)
      queueMicrotask(() => this.#resource.runInAsyncScope(() => this.#ended(NEVER_STARTED)))
      return
    }
    const native = core()
    this.#token = register({ hear: (event) => this.#resource.runInAsyncScope(this.#hear, this, event) })
    const stdin = this.#command.options.stdin ?? 'pipe'
    const input = stdin === 'pipe' ? 'written' : stdin === 'inherit' ? 'inherited' : 'nothing'
    try {
      const refusal = native.processStart(this.#token, nativeCommand('spawn', this.#command, { input }, 'streamed', group))
      if (refusal) throw refused(refusal)
    } catch (error) {
      forget(this.#token)
      throw error
    }
    if (signal !== undefined) {
      this.#abort = () => {
        this.#setAborted(signal)
        native.processEnd(this.#token, null)
      }
      signal.addEventListener('abort', this.#abort, { once: true })
    }
    this.ref()
  }

  /** @param {AbortSignal} signal */
  #setAborted(signal) {
    this.#circumstances.aborted = true
    this.#circumstances.reason = signal.reason
  }

  get command() {
    return commandLine(this.#command)
  }

  get pid() {
    return this.#pid
  }

  get exitCode() {
    return this.#ending?.outcome === 'exited' ? this.#ending.code : null
  }

  get signalCode() {
    return this.#ending?.outcome === 'signalled' ? signalName(this.#ending.code) : null
  }

  get killed() {
    return this.#killed
  }

  get stdin() {
    if ((this.#command.options.stdin ?? 'pipe') !== 'pipe') return null
    if (this.#stdin === null) {
      this.#stdin = new InputStream(this.#token)
      if (this.#ending !== null) this.#stdin.destroy()
    }
    return this.#stdin
  }

  get stdout() {
    return this.#asked(OUTPUT, this.#command.options.stdout)
  }

  get stderr() {
    return this.#asked(ERROR, this.#command.options.stderr)
  }

  /**
   * @param {1 | 2} stream
   * @param {Redirection | undefined} redirection
   */
  #asked(stream, redirection) {
    if (redirection !== undefined && redirection !== 'pipe') return null
    this.#wanted.add(stream)
    return this.#output(stream)
  }

  /** @param {1 | 2} stream */
  #output(stream) {
    let output = this.#outputs.get(stream)
    if (output === undefined) {
      output = new OutputStream(this.#token, stream)
      this.#outputs.set(stream, output)
      if (this.#ending !== null) output.finish()
    }
    return output
  }

  get result() {
    this.#result ??= new Promise((resolve, reject) => {
      this.#whenEnd((ending) => {
        const result = new ExecResult(this.#command, ending, this.#circumstances)
        if (result.failed && this.#command.options.reject) reject(result.error)
        else resolve(result)
      })
    })
    // Whoever does not look at it has the events.
    this.#result.catch(() => {})
    return this.#result
  }

  /** @param {(ending: Ending) => void} tell */
  #whenEnd(tell) {
    if (this.#ending !== null) tell(this.#ending)
    else this.#whenEnded.push(tell)
  }

  /** @param {Event} event */
  #hear(event) {
    switch (event.kind) {
      case 'started':
        this.#pid = event.pid ?? null
        this.emit('spawn')
        break
      case 'bytes':
        this.#output(/** @type {1 | 2} */ (event.stream)).receive(/** @type {Buffer} */ (event.bytes))
        break
      case 'streamEnded':
        this.#output(/** @type {1 | 2} */ (event.stream)).finish()
        break
      case 'inputPassed':
        this.#stdin?.passed(event.count ?? 0)
        break
      case 'inputClosed':
        this.#stdin?.stop()
        break
      case 'ended':
        this.#ended(/** @type {Ending} */ (event.ending))
        break
    }
  }

  /** @param {Ending} ending */
  #ended(ending) {
    this.#ending = ending
    forget(this.#token)
    this.unref()
    if (this.#abort !== null) this.#command.options.signal?.removeEventListener('abort', this.#abort)
    this.#stdin?.stop()
    this.#stdin?.destroy()
    for (const output of this.#outputs.values()) output.finish()
    for (const tell of this.#whenEnded.splice(0)) tell(ending)
    try {
      this.#tellEnd(ending)
    } finally {
      this.#closeSoon()
    }
  }

  /** @param {Ending} ending */
  #tellEnd({ outcome }) {
    // One that was ended before its turn came is no failure: whoever ended it knows.
    if (outcome === 'exited' || outcome === 'signalled' || (outcome === 'cancelled' && !this.#circumstances.aborted)) {
      this.emit('exit', this.exitCode, this.signalCode)
      return
    }
    const { error } = new ExecResult(this.#command, /** @type {Ending} */ (this.#ending), this.#circumstances)
    // Whoever awaits the result hears of it there.
    if (this.listenerCount('error') > 0 || this.#result === null) this.emit('error', error)
  }

  /** 'close' comes when the outputs have been read to their ends; those that nobody asked for are dropped. */
  #closeSoon() {
    const close = () => {
      if (--this.#closing === 0) this.emit('close', this.exitCode, this.signalCode)
    }
    this.#closing = 1
    for (const [stream, output] of this.#outputs) {
      if (output.closed) continue
      this.#closing++
      output.once('close', close)
      if (!this.#wanted.has(stream)) output.resume()
    }
    afterOthers(() => this.#resource.runInAsyncScope(close))
  }

  /**
   * @param {string | number} [signal]
   * @param {{ tree?: boolean }} [options]
   * @returns {boolean}
   */
  kill(signal = 'SIGTERM', { tree = false } = {}) {
    const number = signal === 0 ? 0 : readSignal(signal)
    if (this.#ending !== null || this.#token === 0) return false
    if (number === 0) return true
    this.#killed = true
    // What waits in line for its turn has nobody who could be sent a signal.
    if (this.#pid === null) core().processEnd(this.#token, null)
    else core().processSignal(this.#token, number, tree)
    return true
  }

  /**
   * @param {{ graceMs?: number }} [options]
   * @returns {Promise<void>}
   */
  end(options) {
    const graceMs = options?.graceMs
    if (graceMs !== undefined && !(typeof graceMs === 'number' && graceMs >= 0 && graceMs <= LONGEST_MS)) {
      return Promise.reject(refuse(`end: graceMs must be milliseconds from 0 to ${LONGEST_MS}, not ${String(graceMs)}`))
    }
    return new Promise((resolve) => {
      this.#whenEnd(() => resolve())
      if (this.#ending !== null || this.#token === 0) return
      this.#killed = true
      core().processEnd(this.#token, graceMs ?? null)
    })
  }

  /** @param {'stdout' | 'stderr'} [from] */
  lines(from = 'stdout') {
    if (from !== 'stdout' && from !== 'stderr') throw refuse('lines: the lines are those of "stdout" or "stderr"')
    const stream = this[from]
    if (stream === null) throw refuse(`lines: ${from} of this process is not piped`)
    return linesOf(stream)
  }

  ref() {
    if (!this.#held && this.#ending === null) {
      this.#held = true
      hold()
    }
    return this
  }

  unref() {
    if (this.#held) {
      this.#held = false
      letGo()
    }
    return this
  }

  /** @returns {Promise<void>} */
  [Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose')]() {
    return this.end()
  }
}

/** @param {unknown} signal */
function readSignal(signal) {
  try {
    return signalNumber(signal)
  } catch (cause) {
    throw Object.assign(refuse(`kill: ${String(signal)} is no signal of this system`), { cause })
  }
}

/**
 * Starts a process.
 *
 * @param {object} _owner the manager whose process it is; its group is how the core knows
 * @param {unknown} command
 * @param {unknown} args
 * @param {unknown} options
 * @param {number} group a native group, 0 for none
 * @returns {ManagedProcess}
 */
function spawn(_owner, command, args, options, group) {
  const read = readCommand('spawn', command, args, options)
  const { stdio } = read.options
  if (stdio !== undefined) {
    const [stdin, stdout, stderr] = stdio
    read.options = { ...read.options, stdin: read.options.stdin ?? stdin, stdout: read.options.stdout ?? stdout, stderr: read.options.stderr ?? stderr }
  }
  return new ManagedProcess(COMES_FROM_SPAWN, read, group)
}

module.exports = { ManagedProcess, spawn }
