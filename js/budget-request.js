'use strict'
/** Reads and checks what a caller asks of a lane. */

const { LONGEST_MS, LONGEST_NAME, LONGEST_TASK } = require('./budget-options.js')
const { PlimsollError, quote } = require('./errors.js')

/** Flag of an acquisition: the core chooses the timeout. */
const ADAPTIVE = 4
/** @type {Readonly<Record<string, number>>} */
const PRIORITIES = Object.freeze({ high: 0, normal: 1, low: 2 })

/**
 * @typedef {object} Request an acquisition with options, checked
 * @property {string} taskId
 * @property {string} lane
 * @property {number} timeoutMs `NaN` when the core is to choose it
 * @property {unknown} metadata
 * @property {number} flags
 * @property {string | undefined} kind
 * @property {((event: object) => void) | undefined} onTimeout
 * @property {AbortSignal | undefined} signal
 * @property {{ maxMs: number, priority: number } | undefined} wait
 */

/** @param {string} problem */
function refuse(problem) {
  return new PlimsollError(problem, { code: 'ERR_PLIMSOLL_ARGUMENT' })
}

/**
 * @param {unknown} taskId
 * @param {unknown} lane
 * @param {unknown} timeoutMs a negative one is no error: it is refused as a call
 * @throws {PlimsollError} `ERR_PLIMSOLL_ARGUMENT`
 */
function checkCall(taskId, lane, timeoutMs) {
  if (typeof taskId !== 'string' || taskId.length > LONGEST_TASK) {
    throw refuse(`taskId must be a string of at most ${LONGEST_TASK} characters, not ${shown(taskId)}`)
  }
  if (typeof lane !== 'string' || lane === '' || lane.length > LONGEST_NAME) {
    throw refuse(`lane must be a string of 1 to ${LONGEST_NAME} characters, not ${shown(lane)}`)
  }
  if (typeof timeoutMs !== 'number' || !(timeoutMs <= LONGEST_MS) || timeoutMs === -Infinity) {
    throw refuse(`timeoutMs must be a number of milliseconds of at most ${LONGEST_MS}, not ${shown(timeoutMs)}`)
  }
}

/** @param {unknown} value */
function shown(value) {
  return typeof value === 'string' ? quote(value) : typeof value === 'number' ? String(value) : value === null ? 'null' : typeof value
}

/**
 * @param {string} taskId
 * @param {string} lane
 * @param {any} options
 * @param {{ defaultTimeoutMs: number }} settings
 * @returns {Request}
 */
function readRequest(taskId, lane, options, settings) {
  const { timeoutMs, timeout, metadata, kind, onTimeout, signal, wait } = readable('options', () => pick(options))
  if (timeout !== undefined && timeout !== 'adaptive' && typeof timeout !== 'number') {
    throw refuse(`timeout must be 'adaptive' or milliseconds, not ${shown(timeout)}`)
  }
  const adaptive = timeout === 'adaptive'
  if (adaptive && timeoutMs !== undefined) throw refuse('timeoutMs and timeout: \'adaptive\' exclude each other')
  const milliseconds = timeoutMs ?? (adaptive ? undefined : timeout) ?? settings.defaultTimeoutMs
  checkCall(taskId, lane, milliseconds)
  if (kind !== undefined && (typeof kind !== 'string' || kind === '' || kind.length > LONGEST_NAME)) {
    throw refuse(`kind must be a string of 1 to ${LONGEST_NAME} characters, not ${shown(kind)}`)
  }
  if (onTimeout !== undefined && typeof onTimeout !== 'function') throw refuse(`onTimeout must be a function, not ${shown(onTimeout)}`)
  if (signal !== undefined && !isSignal(signal)) throw refuse(`signal must be an AbortSignal, not ${shown(signal)}`)
  return {
    taskId,
    lane,
    timeoutMs: adaptive ? NaN : milliseconds,
    metadata,
    flags: adaptive ? ADAPTIVE : 0,
    kind,
    onTimeout,
    signal,
    wait: wait === undefined ? undefined : readWait(wait),
  }
}

/** @param {any} value */
function isSignal(value) {
  return typeof value === 'object' && value !== null && readable('signal', () =>
    typeof value.aborted === 'boolean' && typeof value.addEventListener === 'function' && typeof value.removeEventListener === 'function')
}

/** @param {any} options */
function pick({ timeoutMs, timeout, metadata, kind, onTimeout, signal, wait }) {
  return { timeoutMs, timeout, metadata, kind, onTimeout, signal, wait }
}

/**
 * What `read` gives; a getter that throws is a bad argument.
 *
 * @template T
 * @param {string} what
 * @param {() => T} read
 * @returns {T}
 */
function readable(what, read) {
  try {
    return read()
  } catch (cause) {
    throw new PlimsollError(`${what} cannot be read: a property of it throws`, { code: 'ERR_PLIMSOLL_ARGUMENT', cause })
  }
}

/** @param {any} value */
function readWait(value) {
  const wait = Object(value)
  const { maxMs, priority = 'normal' } = readable('wait', () => ({ maxMs: wait.maxMs, priority: wait.priority }))
  if (typeof value !== 'object' || value === null || typeof maxMs !== 'number' || !(maxMs >= 0 && maxMs <= LONGEST_MS)) {
    throw refuse(`wait must be { maxMs, priority? } with maxMs from 0 to ${LONGEST_MS} milliseconds, not ${shown(maxMs ?? value)}`)
  }
  if (typeof priority !== 'string' || !Object.hasOwn(PRIORITIES, priority)) {
    throw refuse(`wait.priority must be 'high', 'normal' or 'low', not ${shown(priority)}`)
  }
  return { maxMs, priority: PRIORITIES[priority] }
}

module.exports = { checkCall, readRequest, readable, refuse, shown }
