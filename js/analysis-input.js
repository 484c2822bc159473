'use strict'
/**
 * What an analysis is given: the text to read and how the command ended, out of whatever was thrown.
 *
 * Never throws and runs as little of the value's own code as it can: a getter that throws reads as
 * absent.
 */

const { inspect } = require('node:util')

/** @typedef {string | Uint8Array} Part */
/**
 * @typedef {object} Input
 * @property {string | Part[]} text a text, or the parts of one of which some are bytes
 * @property {Status} status
 */
/**
 * @typedef {object} Status how the command ended; what is not known is absent
 * @property {number} [exitCode]
 * @property {string} [signal]
 * @property {boolean} timedOut
 * @property {boolean} cancelled
 */

/** A message with more lines or characters than this is what a tool printed. */
const LONGEST_MESSAGE = 2000

/** Enough for any chain of causes; what is deeper is not the root of anything. */
const INSPECT = { depth: 8, maxArrayLength: 20, maxStringLength: 100_000, colors: false, customInspect: false }

/**
 * @param {unknown} value
 * @param {unknown} key
 * @returns {any}
 */
function read(value, key) {
  try {
    return /** @type {any} */ (value)[/** @type {string} */ (key)]
  } catch {
    return undefined
  }
}

/** @param {unknown} value @returns {value is Part} */
function isText(value) {
  return (typeof value === 'string' && value !== '') || (value instanceof Uint8Array && value.length > 0)
}

/**
 * @param {unknown} error
 * @param {unknown} context what the caller knows of the ending; it outweighs what the error carries
 * @returns {Input}
 */
function inputOf(error, context) {
  const status = statusOf(error, context)
  if (typeof error === 'string') return { text: error, status }
  const parts = error instanceof Uint8Array ? [error] : outputOf(error)
  if (parts === undefined) return { text: wordsOf(error), status }
  if (parts.every((part) => typeof part === 'string')) return { text: parts.join('\n'), status }
  // Bytes are decoded where they are read: of megabytes the event loop would feel it.
  return { text: parts.flatMap((part, index) => (index === 0 ? [part] : ['\n', part])), status }
}

/**
 * What a child process printed, when the error carries that: standard output before standard error, or
 * both as they came where they were gathered together (execa's `all`).
 *
 * @param {unknown} error
 * @returns {Part[] | undefined} parts to be put on lines of their own
 */
function outputOf(error) {
  if (error === null || typeof error !== 'object') return undefined
  const all = read(error, 'all')
  if (isText(all)) return [all]
  const parts = ['stdout', 'stderr'].map((key) => read(error, key)).filter(isText)
  return parts.length === 0 ? undefined : parts
}

/**
 * A thrown value as text: a plain error's message; what has more to tell as Node prints it, with its
 * stack, its code, its causes and the errors it aggregates.
 *
 * @param {unknown} error
 * @returns {string}
 */
function wordsOf(error) {
  if (error === null || (typeof error !== 'object' && typeof error !== 'function')) return String(error)
  const message = read(error, 'message')
  const words = typeof message === 'string' ? message : ''
  const stack = read(error, 'stack')
  if (words !== '' && (words.length > LONGEST_MESSAGE || words.includes('\n') || !tellsMore(error))) return words
  try {
    return inspect(error, INSPECT)
  } catch {
    return typeof stack === 'string' ? stack : words
  }
}

/** @param {unknown} error whether anything but the message and the stack says what happened */
function tellsMore(error) {
  const name = read(error, 'name')
  const constructed = read(read(error, 'constructor'), 'name')
  return (
    (typeof name === 'string' && name !== 'Error') ||
    (typeof constructed === 'string' && constructed !== 'Error') ||
    read(error, 'code') !== undefined ||
    read(error, 'cause') !== undefined ||
    Array.isArray(read(error, 'errors'))
  )
}

/** What errors of child processes have, whoever made them. */
const COMMAND_KEYS = ['stdout', 'stderr', 'cmd', 'command', 'spawnargs', 'killed']

/** The largest exit status a system reports: 32 bits on Windows. */
const isExitCode = (/** @type {unknown} */ value) => Number.isInteger(value) && Math.abs(Number(value)) <= 0xffff_ffff

/**
 * @param {unknown} error
 * @param {unknown} context
 * @returns {Status}
 */
function statusOf(error, context) {
  const carrier = error !== null && typeof error === 'object' && !(error instanceof Uint8Array) ? error : {}
  const given = context !== null && typeof context === 'object' ? context : {}
  const first = (/** @type {string[]} */ keys, /** @type {(value: unknown) => boolean} */ fits) =>
    [given, carrier].flatMap((from) => keys.map((key) => read(from, key))).find(fits)
  // `status` may be that of an HTTP answer and `code` a DOMException's: they are exit codes of commands alone.
  const command = COMMAND_KEYS.some((key) => read(carrier, key) !== undefined)
  const exitCode = first(['exitCode'], isExitCode) ?? (command ? ['code', 'status'].map((key) => read(carrier, key)).find(isExitCode) : undefined)
  const signal = first(['signal', 'signalCode'], (value) => typeof value === 'string' && /^SIG[A-Z0-9]+$/.test(value))
  const flag = (/** @type {string[]} */ ...keys) => first(keys, (value) => typeof value === 'boolean') === true
  return {
    ...(exitCode === undefined ? {} : { exitCode: exitCode | 0 }),
    ...(signal === undefined ? {} : { signal }),
    timedOut: flag('timedOut') || read(carrier, 'code') === 'ETIMEDOUT' && outputOf(carrier) !== undefined,
    cancelled: flag('cancelled', 'isCanceled') || read(carrier, 'code') === 'ABORT_ERR',
  }
}

module.exports = { inputOf, statusOf }
