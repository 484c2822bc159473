'use strict'
/**
 * The errors Plimsoll throws, and the one table of their codes.
 *
 * Errors are made here, in JavaScript: one made natively belongs to the outer realm and fails
 * `instanceof Error` in test runners that give each file a realm of its own.
 */

/** Every code an error of Plimsoll can carry, with what it means. */
const ERROR_CODES = Object.freeze({
  ERR_PLIMSOLL_CONFIG: 'an option has the wrong type or is out of range',
  ERR_PLIMSOLL_ARGUMENT: 'an argument of a call has the wrong type or value',
  ERR_PLIMSOLL_CLOSED: 'the object was used after it was closed',
  ERR_PLIMSOLL_OPEN: 'a file or directory could not be opened or created',
  ERR_PLIMSOLL_WRITE: 'a file could not be written; what was accepted stays in the ring',
  ERR_PLIMSOLL_OVERFLOW: 'as much waits as may: entries for room in the ring, texts for analysis',
  ERR_PLIMSOLL_ABSENT: 'what was asked for is not there, or not any more',
  ERR_PLIMSOLL_LIMIT: 'a call was not let in: a lane, the process, a quota or memory is full',
  ERR_PLIMSOLL_TIMEOUT: 'a call was ended because its time was over',
  ERR_PLIMSOLL_STATE: 'a method was called before the one it needs',
  ERR_PLIMSOLL_COMMAND: 'a command failed, could not be run, or was ended',
  ERR_PLIMSOLL_WORKER: 'a worker of a pool died before it answered, or none could be started',
  ERR_PLIMSOLL_CANCELLED: 'a request to a pool was cancelled',
  ERR_PLIMSOLL_PROTOCOL: 'a worker of a pool answered in another form than its protocol has',
  ERR_PLIMSOLL_REMOTE: 'a worker of a pool answered with an error of its own',
  ERR_PLIMSOLL_UNSUPPORTED_SEGMENT: 'the file for shared lanes is of another version, or not ours; it was left alone',
  ERR_PLIMSOLL_SEGMENT_FULL: 'the file for shared lanes has no room for another process or lane',
  ERR_PLIMSOLL_CLEANUP: 'a scope has ended, but not everything in it could be released',
  ERR_PLIMSOLL_EXPORT: 'a collector cannot be reached or is busy; the spans are sent again',
  ERR_PLIMSOLL_EXPORT_REJECTED: 'a collector refused spans for good; they were dropped',
  ERR_PLIMSOLL_INTERNAL: 'a fault of Plimsoll itself was caught; the work goes on',
  ERR_PLIMSOLL_UNSUPPORTED_RING: 'a ring file is of another version, or not ours; it was left alone',
  ERR_PLIMSOLL_PLATFORM: 'this system has no way to do what was asked',
  ERR_PLIMSOLL_NATIVE: 'the native addon could not be loaded',
})

/** @typedef {keyof typeof ERROR_CODES} ErrorCode */

/**
 * @typedef {object} ProcessFailure what is known of a command that failed
 * @property {string} command with its arguments, in one line
 * @property {number | null} exitCode
 * @property {string | null} signal the name of the signal that ended it
 * @property {string | Buffer} stdout
 * @property {string | Buffer} stderr
 * @property {boolean} timedOut
 * @property {boolean} aborted
 * @property {string | null} errno the name of the system's error, e.g. `ENOENT`
 * @property {string | null} syscall what the system was asked for, e.g. `spawn ruff`
 * @property {number | null} pid
 * @property {number} durationMs
 * @property {unknown} cause
 * @property {'ERR_PLIMSOLL_NATIVE'} [code] instead of `ERR_PLIMSOLL_COMMAND`: the keeper cannot be started
 */

/**
 * Sets a property the way the language sets `message`: there, but not in enumerations.
 *
 * @param {object} target
 * @param {string} key
 * @param {unknown} value
 */
function defineHidden(target, key, value) {
  Object.defineProperty(target, key, { value, writable: true, configurable: true })
}

/** What every error of Plimsoll but the `TypeError`s of configuration extends. */
class PlimsollError extends Error {
  /**
   * @param {string} message what happened, and what to do next
   * @param {{ code: ErrorCode, cause?: unknown }} details
   */
  constructor(message, { code, cause }) {
    super(message, cause === undefined ? undefined : { cause })
    /** @type {ErrorCode} */
    this.code = code
  }
}
defineHidden(PlimsollError.prototype, 'name', 'PlimsollError')

/** A call that was not let in. */
class ResourceLimitError extends PlimsollError {
  /**
   * @param {string} message
   * @param {object | null} rejection what `manager.lastRejection` said
   */
  constructor(message, rejection) {
    super(message, { code: 'ERR_PLIMSOLL_LIMIT' })
    /** Why, in detail. */
    this.rejection = rejection
  }
}
defineHidden(ResourceLimitError.prototype, 'name', 'ResourceLimitError')

/** A call that was ended because its time was over. */
class WorkerCallTimeoutError extends PlimsollError {
  /**
   * @param {{ callId: string, taskId: string, lane: string, timeoutMs: number, deadlineMs: number, endedAtMs: number, killedProcesses: number }} call
   */
  constructor(call) {
    super(
      `the call ${call.callId} of task ${quote(call.taskId)} in lane ${quote(call.lane)} was ended after ${call.deadlineMs} ms ` +
        `(timeoutMs ${call.timeoutMs}): raise timeoutMs if it needs longer, or heed the signal to end it sooner`,
      { code: 'ERR_PLIMSOLL_TIMEOUT' },
    )
    this.callId = call.callId
    this.taskId = call.taskId
    this.lane = call.lane
    this.timeoutMs = call.timeoutMs
    /** How long the call could run: `timeoutMs` times the escalation factor. */
    this.deadlineMs = call.deadlineMs
    /** When the core ended it, in milliseconds since the epoch. */
    this.endedAtMs = call.endedAtMs
    /** Processes that were ended with it. */
    this.killedProcesses = call.killedProcesses
  }
}
defineHidden(WorkerCallTimeoutError.prototype, 'name', 'WorkerCallTimeoutError')

const MOST_SHOWN = 3
const LONGEST_SHOWN = 300

/** A scope, or a manager, that has ended without everything in it being released. */
class ScopeCleanupError extends PlimsollError {
  /**
   * @param {string} what e.g. `the scope "name"`
   * @param {readonly unknown[]} errors at least one
   */
  constructor(what, errors) {
    const shown = errors.slice(0, MOST_SHOWN).map((error) => messageOf(error).slice(0, LONGEST_SHOWN)).join('; ')
    const more = errors.length > MOST_SHOWN ? `; and ${errors.length - MOST_SHOWN} more` : ''
    super(`${what} has ended, but ${errors.length} of its releases failed: ${shown}${more}`, { code: 'ERR_PLIMSOLL_CLEANUP', cause: errors[0] })
    /** What went wrong, in the order in which it did. */
    this.errors = errors
  }
}
defineHidden(ScopeCleanupError.prototype, 'name', 'ScopeCleanupError')

/** @param {unknown} error */
function messageOf(error) {
  try {
    return String(error instanceof Error ? error.message : error)
  } catch {
    return 'an error that cannot be shown'
  }
}
/** A command that failed, could not be run, or was ended. */
class ProcessError extends PlimsollError {
  /**
   * @param {string} message starts with `Command failed: `
   * @param {ProcessFailure} failure
   */
  constructor(message, failure) {
    super(message, { code: failure.code ?? 'ERR_PLIMSOLL_COMMAND', cause: failure.cause })
    this.command = failure.command
    this.exitCode = failure.exitCode
    this.signal = failure.signal
    this.stdout = failure.stdout
    this.stderr = failure.stderr
    this.timedOut = failure.timedOut
    this.aborted = failure.aborted
    this.errno = failure.errno
    this.syscall = failure.syscall
    this.pid = failure.pid
    this.durationMs = failure.durationMs
  }
}
defineHidden(ProcessError.prototype, 'name', 'ProcessError')

/** An error that a worker of a pool answered with, as JSON-RPC 2.0 has them. */
class RemoteError extends PlimsollError {
  /**
   * @param {string} message the worker's own
   * @param {{ remoteCode: number, data?: unknown }} answer
   */
  constructor(message, { remoteCode, data }) {
    super(message, { code: 'ERR_PLIMSOLL_REMOTE' })
    this.remoteCode = remoteCode
    this.data = data
  }
}
defineHidden(RemoteError.prototype, 'name', 'RemoteError')

/** An option that was refused at construction. */
class PlimsollConfigError extends TypeError {
  /**
   * @param {string} component the class the option was given to
   * @param {{ key: string, value: unknown, allowed: string, cause?: unknown }} details
   */
  constructor(component, { key, value, allowed, cause }) {
    super(
      `${component}: option "${key}" is ${describe(value)}; allowed: ${allowed}`,
      cause === undefined ? undefined : { cause },
    )
    /** @type {'ERR_PLIMSOLL_CONFIG'} */
    this.code = 'ERR_PLIMSOLL_CONFIG'
    /** The option's name. */
    this.key = key
    /** What was given. */
    this.value = value
    /** What would have been accepted. */
    this.allowed = allowed
  }
}
defineHidden(PlimsollConfigError.prototype, 'name', 'PlimsollConfigError')

const LONGEST_QUOTE = 80

/**
 * A value in a few words, whatever it is; never runs code of the value's own.
 *
 * @param {unknown} value
 * @returns {string} at most about 100 characters
 */
function describe(value) {
  switch (typeof value) {
    case 'string':
      return `the string ${quote(value)}`
    case 'number':
      return `the number ${Object.is(value, -0) ? '-0' : String(value)}`
    case 'bigint':
      return 'a bigint'
    case 'function':
      return 'a function'
    case 'object':
      if (value === null) return 'null'
      return Array.isArray(value) ? 'an array' : 'an object'
    default:
      return String(value)
  }
}

/**
 * A string in quotes for a message, cut when it is long.
 *
 * @param {string} text
 */
function quote(text) {
  return JSON.stringify(text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}...` : text)
}

module.exports = {
  ERROR_CODES, PlimsollError, PlimsollConfigError, ProcessError, RemoteError, ResourceLimitError, ScopeCleanupError, WorkerCallTimeoutError,
  messageOf, quote,
}
