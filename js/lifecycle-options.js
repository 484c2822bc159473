'use strict'
/** The options and arguments of ResourceLifecycleManager: defaults, and what is allowed. `index.d.ts` documents them. */

const path = require('node:path')
const { readConfig } = require('./config.js')
const { PlimsollError, quote } = require('./errors.js')
const { LOGGER_OPTION } = require('./logger.js')

/** Longest time a 32-bit timer can wait. */
const LONGEST_MS = 2 ** 31 - 1
/** In UTF-16 units. The rest of a file's name, and what a file system allows, leaves room for this. */
const LONGEST_PREFIX = 100
const LONGEST_TEXT = 4096

/** @typedef {import('./config.js').Schema} Schema */

/** @param {number} fallback @returns {import('./config.js').Option} */
const limit = (fallback) => ({ type: 'number', integer: true, min: 0, max: 1_000_000, default: fallback })

/** @type {Schema} */
const LIFECYCLE_OPTIONS = {
  maxListeners: limit(50),
  maxProcesses: limit(20),
  maxTempFiles: limit(100),
  releaseTimeoutMs: { type: 'number', unit: 'milliseconds', min: 1, max: LONGEST_MS, default: 5000 },
  suspectAgeMs: { type: 'number', unit: 'milliseconds', min: 0, max: LONGEST_MS, default: 300_000 },
  growthSamples: { type: 'number', integer: true, min: 3, max: 60, default: 10 },
  codex: {
    type: 'custom',
    default: undefined,
    allowed: 'an object of options of createProcessPool()',
    read: (value) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('not an object')
      return value
    },
  },
  logger: LOGGER_OPTION,
  onError: { type: 'function', default: undefined },
}

/**
 * @param {unknown} config
 * @throws {PlimsollConfigError} `ERR_PLIMSOLL_CONFIG`
 */
function readLifecycleConfig(config) {
  return readConfig('ResourceLifecycleManager', LIFECYCLE_OPTIONS, config)
}

/**
 * @param {string} problem
 * @param {unknown} [cause]
 */
function refuse(problem, cause) {
  return new PlimsollError(problem, { code: 'ERR_PLIMSOLL_ARGUMENT', cause })
}

/** @param {unknown} value */
function shown(value) {
  if (typeof value === 'string') return quote(value)
  if (typeof value === 'number') return String(value)
  return value === null ? 'null' : typeof value
}

/**
 * @param {string} method
 * @param {unknown} fn
 */
function checkFunction(method, fn) {
  if (typeof fn !== 'function') throw refuse(`${method}() takes a function, not ${shown(fn)}`)
}

/**
 * Text for people. A longer one is cut.
 *
 * @param {string} what
 * @param {unknown} text
 */
function checkText(what, text) {
  if (typeof text !== 'string') throw refuse(`${what} must be a string, not ${shown(text)}`)
  return text.length > LONGEST_TEXT ? text.slice(0, LONGEST_TEXT) : text
}

/** @param {unknown} prefix */
function checkPrefix(prefix) {
  if (typeof prefix !== 'string' || prefix === '' || Buffer.byteLength(prefix) > LONGEST_PREFIX || /[/\\\0]/.test(prefix)) {
    throw refuse(`prefix must be a string of 1 to ${LONGEST_PREFIX} bytes without separators of paths, not ${shown(prefix)}`)
  }
  return prefix
}

/**
 * @param {unknown} file
 * @returns {string} absolute
 */
function checkPath(file) {
  if (typeof file !== 'string' || file === '' || file.length > LONGEST_TEXT || file.includes('\0')) {
    throw refuse(`path must be a string of 1 to ${LONGEST_TEXT} characters without NUL, not ${shown(file)}`)
  }
  return path.resolve(file)
}

/**
 * @param {any} options
 * @returns {string | null} the directory, absolute
 */
function readTempOptions(options) {
  const directory = property(options, 'directory')
  return directory === undefined ? null : checkPath(directory)
}

/**
 * @param {any} options
 * @returns {string | null} the scope's name
 */
function readScopeOptions(options) {
  const name = property(options, 'name')
  return name === undefined ? null : checkText('name', name)
}

/**
 * @param {any} options
 * @param {string} key
 */
function property(options, key) {
  if (options === undefined) return undefined
  if (typeof options !== 'object' || options === null) throw refuse(`options must be an object, not ${shown(options)}`)
  try {
    return options[key]
  } catch (cause) {
    throw refuse(`options cannot be read: ${key} throws`, cause)
  }
}

/**
 * The kind of a tracked path.
 *
 * @param {unknown} kind
 * @returns {'file' | 'directory'}
 */
function checkKind(kind) {
  if (kind !== 'file' && kind !== 'directory') throw refuse(`kind must be 'file' or 'directory', not ${shown(kind)}`)
  return kind
}

/**
 * @param {unknown} maxAge
 * @returns {number}
 */
function checkAge(maxAge) {
  if (typeof maxAge !== 'number' || !(maxAge >= 0 && maxAge <= Number.MAX_SAFE_INTEGER)) {
    throw refuse(`maxAge must be a number of milliseconds of 0 or more, not ${shown(maxAge)}`)
  }
  return Math.floor(maxAge)
}

/**
 * A child process as `trackProcess` takes it.
 *
 * @param {any} child
 * @param {unknown} command
 * @param {any} args
 * @returns {{ pid: number, text: string, exited: boolean }}
 */
function readChild(child, command, args = []) {
  let pid, exited
  try {
    pid = child?.pid
    exited = typeof child?.exitCode === 'number' || typeof child?.signalCode === 'string'
  } catch (cause) {
    throw refuse('trackProcess(): the child cannot be read', cause)
  }
  if (!Number.isSafeInteger(pid) || pid <= 1 || pid > 0x7fffffff) {
    throw refuse('trackProcess() takes a child process that has started: it has no pid')
  }
  if (!Array.isArray(args) || args.some((arg) => typeof arg !== 'string')) throw refuse('args must be an array of strings')
  return { pid, exited, text: checkText('command', [checkText('command', command), ...args.slice(0, 64)].join(' ')) }
}

/**
 * @param {string} method
 * @param {unknown} callback
 * @param {unknown} delayMs
 */
function checkTimer(method, callback, delayMs) {
  checkFunction(method, callback)
  if (typeof delayMs !== 'number' || !(delayMs >= 0 && delayMs <= LONGEST_MS)) {
    throw refuse(`${method}() takes a delay from 0 to ${LONGEST_MS} milliseconds, not ${shown(delayMs)}`)
  }
}

/**
 * Options with a signal that can be aborted from here, and is when the caller's is. What cannot be read is passed on
 * to whoever refuses it.
 *
 * @param {any} options
 * @param {number} graceMs what is given between the first signal and SIGKILL where the options do not say
 */
function abortable(options, graceMs) {
  const controller = new AbortController()
  const refused = { controller, given: options, unlink: () => {} }
  if (options !== undefined && (typeof options !== 'object' || options === null)) return refused
  try {
    const given = { ...options }
    if (given.forceKillAfterDelay === undefined) given.graceMs ??= graceMs
    const { signal } = given
    if (signal === undefined) return { controller, given: { ...given, signal: controller.signal }, unlink: () => {} }
    const abort = () => controller.abort(signal.reason)
    signal.addEventListener('abort', abort, { once: true })
    if (signal.aborted) abort()
    return { controller, given: { ...given, signal: controller.signal }, unlink: () => signal.removeEventListener('abort', abort) }
  } catch {
    return refused
  }
}

module.exports = {
  abortable, checkAge, checkFunction, checkKind, checkPath, checkPrefix, checkText, checkTimer, readChild, readLifecycleConfig,
  readScopeOptions, readTempOptions, refuse, shown,
}
