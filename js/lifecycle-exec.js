'use strict'
/**
 * `exec`: a command that is run to its end, and what it printed.
 *
 * The core starts and watches it and keeps its outputs; here are the promise, the result and the error. No
 * stream is made. `index.d.ts` documents the options.
 */

const os = require('node:os')
const { getSystemErrorName } = require('node:util')
const { commandLine, nativeCommand, readCommand, shownCommand, signalName } = require('./lifecycle-command.js')
const { core, forget, hold, letGo, refused, register } = require('./lifecycle-events.js')
const { InputPump } = require('./lifecycle-input.js')
const { isUnusable, keeperError } = require('./lifecycle-keeper.js')
const { outputOf } = require('./lifecycle-output.js')
const { ProcessError } = require('./errors.js')

/** @typedef {import('./lifecycle-command.js').Command} Command */
/** @typedef {import('./lifecycle-events.js').Ending} Ending */
/** @typedef {import('./lifecycle-events.js').Event} Event */
/**
 * @typedef {object} Circumstances what the core does not know of an end
 * @property {boolean} aborted by the signal
 * @property {unknown} reason the signal's
 * @property {{ error: unknown } | null} inputFailure what the input threw
 */

const NO_BYTES = Buffer.alloc(0)
/** @type {Ending} */
const NEVER_STARTED = Object.freeze({
  outcome: 'cancelled', code: 0, step: null, endedBy: 'request', pid: 0, durationMs: 0, cpuUs: 0, maxRssKib: 0,
  leftoversEnded: 0, refused: 0, stdoutHead: NO_BYTES, stdoutTail: NO_BYTES, stdoutTotal: 0,
  stderrHead: NO_BYTES, stderrTail: NO_BYTES, stderrTotal: 0,
})

/** How a command ended. `index.d.ts` documents what is public. */
class ExecResult {
  #command
  #ending
  #circumstances

  /**
   * @param {Command} command
   * @param {Ending} ending
   * @param {Circumstances} circumstances
   */
  constructor(command, ending, circumstances) {
    const { encoding = 'utf8', stripFinalNewline = true } = command.options
    this.#command = command
    this.#ending = ending
    this.#circumstances = circumstances
    /** @type {string | Buffer} */
    this.stdout = outputOf(ending.stdoutHead, ending.stdoutTail, ending.stdoutTotal, encoding, stripFinalNewline)
    /** @type {string | Buffer} */
    this.stderr = outputOf(ending.stderrHead, ending.stderrTail, ending.stderrTotal, encoding, stripFinalNewline)
  }

  get command() {
    return commandLine(this.#command)
  }

  get exitCode() {
    return this.#ending.outcome === 'exited' ? this.#ending.code : null
  }

  get signal() {
    return this.#ending.outcome === 'signalled' ? signalName(this.#ending.code) : null
  }

  get pid() {
    return hasRun(this.#ending) ? this.#ending.pid || null : null
  }

  get durationMs() {
    return this.#ending.durationMs
  }

  get stdoutBytes() {
    return this.#ending.stdoutTotal
  }

  get stderrBytes() {
    return this.#ending.stderrTotal
  }

  get truncated() {
    const { stdoutHead, stdoutTail, stdoutTotal, stderrHead, stderrTail, stderrTotal } = this.#ending
    return stdoutHead.length + stdoutTail.length < stdoutTotal || stderrHead.length + stderrTail.length < stderrTotal
  }

  get timedOut() {
    return this.#ending.endedBy === 'timeout'
  }

  get aborted() {
    return this.#circumstances.aborted
  }

  get cpuMs() {
    return this.#ending.cpuUs / 1000
  }

  get maxRssMb() {
    return this.#ending.maxRssKib / 1024
  }

  get leftoversEnded() {
    return this.#ending.leftoversEnded
  }

  get failed() {
    const { outcome, code, endedBy } = this.#ending
    return outcome !== 'exited' || code !== 0 || isGiven(endedBy) || this.aborted || this.#circumstances.inputFailure !== null
  }

  get error() {
    return this.failed ? errorOf(this, this.#command, this.#ending, this.#circumstances) : null
  }
}

/**
 * @param {ExecResult} result
 * @param {Command} command
 * @param {Ending} ending
 * @param {Circumstances} circumstances
 */
function errorOf(result, command, ending, circumstances) {
  const isUnkept = ending.outcome === 'lost' && !ending.pid && ending.code > 0 && isUnusable(errnoName(ending.code))
  const system = isUnkept ? keeperError(errnoName(ending.code), ending.code) : systemErrorOf(command, ending)
  const { stdout, stderr } = result
  const printed = typeof stderr === 'string' ? stderr : outputOf(stderr, NO_BYTES, stderr.length, 'utf8', true)
  const reason = system?.message ?? reasonOf(command, ending, circumstances, printed === '')
  const detail = reason === '' ? printed : printed === '' ? reason : `${printed}\n${reason}`
  return new ProcessError(`Command failed: ${shownCommand(command)}\n${detail}`, {
    command: commandLine(command),
    exitCode: result.exitCode,
    signal: result.signal,
    stdout,
    stderr,
    timedOut: result.timedOut,
    aborted: result.aborted,
    errno: system?.code ?? null,
    syscall: system?.syscall ?? null,
    pid: result.pid,
    durationMs: result.durationMs,
    code: isUnkept ? 'ERR_PLIMSOLL_NATIVE' : undefined,
    cause: circumstances.inputFailure?.error ?? (result.aborted ? circumstances.reason : system),
  })
}

/**
 * Why it was ended from here, or by what; empty for a command that failed by itself, which tells that better.
 *
 * @param {Command} command
 * @param {Ending} ending
 * @param {Circumstances} circumstances
 * @param {boolean} isSilent whether the command itself said nothing
 */
function reasonOf({ options }, ending, { aborted, inputFailure }, isSilent) {
  if (inputFailure !== null) return 'its input could not be read to the end'
  if (ending.endedBy === 'timeout') return `it was ended when its timeout of ${options.timeout} ms had passed`
  if (aborted) return hasRun(ending) ? 'it was ended because its signal was aborted' : 'it was aborted before it was started'
  if (ending.endedBy === 'deadline') return 'it was ended with its scope, by the deadline of a call'
  if (ending.endedBy === 'request' && hasRun(ending)) return 'it was ended by request: by end(), or with its scope or manager'
  if (ending.outcome === 'cancelled') return 'it was cancelled before it was started'
  if (ending.outcome === 'lost') return 'its keeper is gone, and what was known of the command was ended'
  return isSilent && ending.outcome === 'signalled' ? `it was ended by ${signalName(ending.code)}` : ''
}

/**
 * Whether the command itself ran. A process that was made for one that did not run has a number too.
 *
 * @param {Ending} ending
 */
function hasRun({ outcome }) {
  return outcome === 'exited' || outcome === 'signalled' || outcome === 'lost'
}

/**
 * What the core leaves out is `null` or `undefined`.
 *
 * @param {unknown} value
 */
function isGiven(value) {
  return value !== null && value !== undefined
}

/** What else is worth knowing of an error of the system, by its name. @type {Readonly<Record<string, string>>} */
const HINTS = Object.freeze({
  E2BIG: 'the arguments and the environment are larger than the system takes; pass what is large as input, or in a file',
  EACCES: 'it is no file that may be executed',
  ENOEXEC: 'it is neither a binary of this machine nor a script with a #! line',
  EAGAIN: 'the user may not have more processes',
  ENOMEM: 'there is not enough memory for another process',
  EMFILE: 'the process may not open more files',
})

/**
 * The error of the system that kept a command from running, as `node:child_process` words it.
 *
 * @param {Command} command
 * @param {Ending} ending
 */
function systemErrorOf(command, ending) {
  const { outcome, code, step } = ending
  if (code === 0 || (outcome !== 'notRun' && outcome !== 'notRecorded' && outcome !== 'lost')) return undefined
  const name = errnoName(code)
  const { shell, cwd } = command.options
  const program = shell === false ? command.program : shell === true ? '/bin/sh' : shell
  const syscall = step === 'directory' ? `chdir ${cwd}` : `spawn ${program.length > 1024 ? `${program.slice(0, 1024)}...` : program}`
  const hint = hintOf(name, outcome, step)
  return Object.assign(new Error(`${syscall} ${name}${hint === '' ? '' : `: ${hint}`}`), {
    code: name, errno: -code, syscall, path: step === 'directory' ? cwd : program, spawnargs: [...command.arguments],
  })
}

/**
 * @param {string} name of the error
 * @param {Ending['outcome']} outcome
 * @param {Ending['step']} step
 */
function hintOf(name, outcome, step) {
  if (outcome === 'lost') return 'its keeper is gone or could not be started, and what was known of the command was ended'
  if (outcome === 'notRecorded') return 'the crash ledger could not be written, and nothing runs that is not in it'
  if (step === 'directory') {
    return `the working directory ${name === 'ENOENT' ? 'does not exist' : name === 'ENOTDIR' ? 'is no directory' : 'cannot be entered'}`
  }
  if (step === 'execute') return HINTS[name] ?? ''
  return `${HINTS[name] ?? 'the system refused'} (at the step "${step}")`
}

/**
 * @param {number} code
 * @returns {string} e.g. `ENOENT`
 */
function errnoName(code) {
  const name = getSystemErrorName(-code)
  if (name.startsWith('E')) return name
  // libuv has no word for some, ENOEXEC among them.
  return Object.entries(os.constants.errno).find(([, number]) => number === code)?.[0] ?? `errno ${code}`
}

/** A command on its way; heard by token. */
class Execution {
  #command
  #group
  #token = 0
  /** @type {InputPump | null} */
  #input = null
  /** @type {Circumstances} */
  circumstances = { aborted: false, reason: undefined, inputFailure: null }
  /** @type {(() => void) | null} */
  #abort = null
  /** @type {(ending: Ending) => void} */
  #resolve = () => {}

  /**
   * @param {Command} command
   * @param {number} group
   */
  constructor(command, group) {
    this.#command = command
    this.#group = group
  }

  /** @returns {Promise<Ending>} */
  run() {
    return new Promise((resolve) => {
      this.#resolve = resolve
      this.#start()
    })
  }

  #start() {
    const { signal, input } = this.#command.options
    if (signal?.aborted) {
      this.circumstances.aborted = true
      this.circumstances.reason = signal.reason
      this.#resolve(NEVER_STARTED)
      return
    }
    const native = core()
    const token = register(this)
    const { pump, given } = inputOf(native, token, this.#command, input, (error) => this.#inputFailed(error))
    try {
      const refusal = native.processStart(token, nativeCommand('exec', this.#command, given, 'kept', this.#group))
      if (refusal) throw refused(refusal)
    } catch (error) {
      forget(token)
      throw error
    }
    this.#token = token
    hold()
    if (signal !== undefined) {
      this.#abort = () => {
        this.circumstances.aborted = true
        this.circumstances.reason = signal.reason
        native.processEnd(token, null)
      }
      signal.addEventListener('abort', this.#abort, { once: true })
    }
    this.#input = pump
    pump?.start()
  }

  /** @param {Event} event */
  hear(event) {
    switch (event.kind) {
      case 'inputPassed':
        this.#input?.passed(event.count ?? 0)
        break
      case 'inputClosed':
        this.#input?.stop()
        break
      case 'ended':
        this.#ended(/** @type {Ending} */ (event.ending))
        break
    }
  }

  /** @param {Ending} ending */
  #ended(ending) {
    forget(this.#token)
    letGo()
    this.#input?.stop()
    if (this.#abort !== null) this.#command.options.signal?.removeEventListener('abort', this.#abort)
    this.#resolve(ending)
  }

  /** @param {unknown} error */
  #inputFailed(error) {
    this.circumstances.inputFailure = { error }
    core().processEnd(this.#token, null)
  }
}

/**
 * How the input of a command reaches the core.
 *
 * @param {any} native
 * @param {number} token
 * @param {Command} command
 * @param {unknown} input
 * @param {(error: unknown) => void} failed
 * @returns {{ pump: InputPump | null, given: { input: 'nothing' | 'bytes' | 'written' | 'inherited', inputBytes?: Uint8Array } }}
 */
function inputOf(native, token, { options }, input, failed) {
  if (input === undefined) {
    return { pump: null, given: { input: options.stdin === 'inherit' ? 'inherited' : 'nothing' } }
  }
  if (typeof input === 'string') return { pump: null, given: { input: 'bytes', inputBytes: Buffer.from(input) } }
  if (ArrayBuffer.isView(input)) {
    return { pump: null, given: { input: 'bytes', inputBytes: Buffer.from(input.buffer, input.byteOffset, input.byteLength) } }
  }
  const source = /** @type {AsyncIterable<unknown>} */ (input)
  return { pump: new InputPump(native, token, source, failed), given: { input: 'written' } }
}

/**
 * Runs a command to its end.
 *
 * @param {object} _owner the manager whose command it is; its group is how the core knows
 * @param {unknown} command
 * @param {unknown} args
 * @param {unknown} options
 * @param {number} group a native group, 0 for none
 * @returns {Promise<ExecResult>}
 */
async function exec(_owner, command, args, options, group) {
  const read = readCommand('exec', command, args, options)
  const execution = new Execution(read, group)
  // Made after the wait, in this function, an error has the callers in its stack.
  const ending = await execution.run()
  const result = new ExecResult(read, ending, execution.circumstances)
  if (result.failed && read.options.reject) throw result.error
  return result
}

module.exports = { ExecResult, NEVER_STARTED, exec }
