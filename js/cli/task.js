'use strict'
/** Runs a native task to its end. */

const { PlimsollError } = require('../errors.js')
const { native } = require('../native.js')

/** Between two looks at a task that had nothing new. */
const PAUSE_MS = 10
/** How long a stopped task is waited for; one that reads a silent pipe cannot hear. */
const STOP_BOUND_MS = 2000

/**
 * @typedef {object} Watch
 * @property {(chunk: Uint8Array) => Promise<void>} [onOutput] gets whole lines
 * @property {(done: number, total: number) => void} [onProgress] bytes; a total of 0 is unknown
 */

/**
 * @param {import('./terminal.js').Terminal} terminal
 * @param {() => number} start starts the task and gives its number
 * @param {Watch} [watch]
 * @returns {Promise<any>} the task's report; `undefined` when it was stopped before it had one
 * @throws {PlimsollError} what the task failed with; `ERR_PLIMSOLL_ARGUMENT` when it could not be started
 */
async function runTask(terminal, start, { onOutput, onProgress } = {}) {
  const { commandLinePoll, commandLineStop, commandLineRelease } = native()
  const task = begin(start)
  let giveUpAt = Infinity
  const forget = terminal.onStop(() => {
    commandLineStop(task)
    giveUpAt = performance.now() + STOP_BOUND_MS
  })
  try {
    for (;;) {
      const state = commandLinePoll(task)
      if (!state) return undefined
      if (state.output && onOutput && !terminal.ended) await onOutput(state.output)
      onProgress?.(state.doneBytes, state.totalBytes)
      if (state.report !== undefined) return JSON.parse(state.report)
      if (state.ended) {
        if (terminal.ended) return undefined
        throw failure(state)
      }
      if (performance.now() > giveUpAt) return undefined
      if (!state.output) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  } finally {
    forget()
    commandLineRelease(task)
  }
}

/** @param {() => number} start */
function begin(start) {
  try {
    return start()
  } catch (cause) {
    if (cause instanceof PlimsollError) throw cause
    const { message } = /** @type {Error} */ (cause)
    throw new PlimsollError(message, { code: 'ERR_PLIMSOLL_ARGUMENT', cause })
  }
}

/** @param {import('../binding').BindingTaskState} state */
function failure({ code, message, cause }) {
  return new PlimsollError(message ?? 'the task failed', {
    code: /** @type {import('../errors.js').ErrorCode} */ (code),
    cause: cause === undefined ? undefined : Object.assign(new Error(cause), { code: cause }),
  })
}

module.exports = { runTask }
