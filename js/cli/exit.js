'use strict'
/** What the exit codes mean. 128 and the number of a signal stand for an end by that signal. */
const EXIT = Object.freeze({ done: 0, failed: 1, usage: 2, partial: 3, SIGINT: 130, SIGTERM: 143 })

/**
 * The code for two things of which one may have failed, or been done in part.
 *
 * @param {number} one
 * @param {number} other
 */
function worst(one, other) {
  return [EXIT.failed, EXIT.partial].find((code) => code === one || code === other) ?? EXIT.done
}

module.exports = { EXIT, worst }
