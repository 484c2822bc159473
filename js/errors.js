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
  ERR_PLIMSOLL_UNSUPPORTED_SEGMENT: 'the file for shared lanes is of another version, or not ours; it was left alone',
  ERR_PLIMSOLL_SEGMENT_FULL: 'the file for shared lanes has no room for another process or lane',
  ERR_PLIMSOLL_EXPORT: 'a collector cannot be reached or is busy; the spans are sent again',
  ERR_PLIMSOLL_EXPORT_REJECTED: 'a collector refused spans for good; they were dropped',
  ERR_PLIMSOLL_INTERNAL: 'a fault of Plimsoll itself was caught; the work goes on',
  ERR_PLIMSOLL_UNSUPPORTED_RING: 'a ring file is of another version, or not ours; it was left alone',
  ERR_PLIMSOLL_NATIVE: 'the native addon could not be loaded',
})

/** @typedef {keyof typeof ERROR_CODES} ErrorCode */

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

module.exports = { ERROR_CODES, PlimsollError, PlimsollConfigError, ResourceLimitError, WorkerCallTimeoutError, quote }
