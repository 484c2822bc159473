'use strict'

const { StringDecoder } = require('node:string_decoder')
const { native } = require('../native.js')
const { EXIT } = require('./exit.js')
const { runTask } = require('./task.js')
const { printable } = require('./terminal.js')

const DEFAULT_LINES = 10
const LEVEL_STYLES = /** @type {const} */ ({ debug: 'dim', info: 'green', warn: 'yellow', error: 'red' })

/**
 * @typedef {object} Options
 * @property {number} [lines]
 * @property {string} [level]
 * @property {number} [since]
 * @property {string} [grep]
 * @property {boolean} ignoreCase
 * @property {boolean} follow
 * @property {boolean} json
 */

/**
 * Shows a log.
 *
 * @param {import('./terminal.js').Terminal} terminal
 * @param {string} log
 * @param {Options} options
 * @returns {Promise<number>} the exit code
 */
async function tail(terminal, log, { lines, level, since, grep, ignoreCase, follow, json }) {
  const last = lines ?? (since === undefined ? DEFAULT_LINES : Infinity)
  const settings = {
    level,
    sinceMs: since,
    pattern: grep,
    ignoreCase,
    last: Number.isFinite(last) ? last : undefined,
    follow,
  }
  const decoder = new StringDecoder('utf8')
  const onOutput = json
    ? (/** @type {Uint8Array} */ chunk) => terminal.out(chunk)
    : (/** @type {Uint8Array} */ chunk) => terminal.out(renderLines(terminal, decoder.write(Buffer.from(chunk))))
  const report = await runTask(terminal, () => native().commandLineTail(log, settings), { onOutput })
  if (!report) return EXIT.done
  for (const { file, reason } of report.damaged) {
    terminal.error(`plimsoll: ${printable(file)} could not be read to its end: ${printable(reason)}\n`)
  }
  return report.damagedCount > 0 ? EXIT.partial : EXIT.done
}

/**
 * @param {import('./terminal.js').Terminal} terminal
 * @param {string} text whole lines
 */
function renderLines(terminal, text) {
  return text.replace(/[^\n]+/g, (line) => render(terminal, line))
}

const START = /^\{"timestamp":(-?\d{1,16}),"level":"(debug|info|warn|error)","data":/
const END = /(?:,"hash":"([0-9a-f]{16})"(?:,"repeats":(\d+),"firstTimestamp":(-?\d+),"lastTimestamp":(-?\d+))?)?\}\r?$/

/**
 * One line for people: time, level, data, hash, and what was counted. A line that is not ours stays as it
 * is, but for characters that could steer the terminal.
 *
 * @param {import('./terminal.js').Terminal} terminal
 * @param {string} line
 */
function render(terminal, line) {
  const start = START.exec(line)
  const end = END.exec(line)
  if (!start || !end) return printable(line)
  const [head, time, name] = start
  const level = /** @type {keyof typeof LEVEL_STYLES} */ (name)
  const parts = [
    terminal.paint('dim', iso(time)),
    terminal.paint(LEVEL_STYLES[level], level.toUpperCase().padEnd(5)),
    printable(line.slice(head.length, end.index)),
  ]
  const [, hash, repeats, first, last] = end
  if (hash) parts.push(terminal.paint('dim', `#${hash}`))
  if (repeats) parts.push(terminal.paint('yellow', `(${repeats} more, ${iso(first)} to ${iso(last)})`))
  return parts.join(' ')
}

/** @param {string} ms */
function iso(ms) {
  const date = new Date(Number(ms))
  return Number.isNaN(date.getTime()) ? ms : date.toISOString()
}

module.exports = { tail }
