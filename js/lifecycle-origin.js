'use strict'
/**
 * Where something was registered: the first frames of the stack outside this package.
 *
 * A stack costs some ten microseconds, so in every second the first 200 are taken and then one in 64; the others
 * have no origin. At most 4 frames of 300 characters are kept, as text: structured frames would hold on to the
 * functions in them.
 */

const path = require('node:path')

const FREE_A_SECOND = 200
const THEN_ONE_IN = 64
const MOST_FRAMES = 4
const LONGEST_FRAME = 300
/** Our own frames come first, and are left out. */
const DEPTH = 16
const SECOND_MS = 1000
const OWN = `${__dirname}${path.sep}`

class Origins {
  #now
  #second = -Infinity
  #taken = 0

  /** @param {() => number} now milliseconds */
  constructor(now) {
    this.#now = now
  }

  /** @returns {string[] | null} frames, the innermost first */
  sample() {
    const now = this.#now()
    if (now - this.#second >= SECOND_MS) {
      this.#second = now
      this.#taken = 0
    }
    const number = this.#taken++
    return number < FREE_A_SECOND || number % THEN_ONE_IN === 0 ? framesHere() : null
  }
}

/** @returns {string[] | null} */
function framesHere() {
  const { stackTraceLimit } = Error
  const holder = { stack: '' }
  try {
    Error.stackTraceLimit = DEPTH
    Error.captureStackTrace(holder, framesHere)
    return String(holder.stack).split('\n')
      .map((line) => line.trim())
      .filter((line) => line.startsWith('at ') && !line.includes(OWN) && !line.includes('(node:') && !line.startsWith('at node:'))
      .slice(0, MOST_FRAMES)
      .map((line) => line.slice('at '.length, LONGEST_FRAME))
  } catch {
    // `Error.prepareStackTrace` is the program's, and may throw; `Error` may be frozen.
    return null
  } finally {
    restoreLimit(stackTraceLimit)
  }
}

/** @param {number} limit */
function restoreLimit(limit) {
  if (Error.stackTraceLimit !== limit) Error.stackTraceLimit = limit
}

module.exports = { Origins }
