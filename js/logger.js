'use strict'
/**
 * Structured log lines with levels, through a sink that can be replaced.
 *
 * A sink is anything with `log(level, data)`, so a TelemetryManager is one. Without a sink, warnings and
 * errors go to standard error as one JSON object a line. A sink that throws or rejects never disturbs the
 * work it tells of: the failure is counted and warned of once.
 *
 * Limit: of the same message no more than one a second goes to standard error; the next one says how many
 * were left out. At most 256 messages are told apart.
 */

const { messageOf } = require('./errors.js')

const LEVELS = Object.freeze({ debug: 0, info: 1, warn: 2, error: 3 })
const QUIET_MS = 1000
const MOST_MESSAGES = 256

/** @typedef {keyof typeof LEVELS} Level */
/** @typedef {{ log(level: Level, data: object): unknown }} LogSink */

/** Writes warnings and errors to standard error. */
class StandardErrorSink {
  /** @type {Map<string, { until: number, suppressed: number }>} */
  #messages = new Map()

  /**
   * @param {Level} level
   * @param {{ message: string }} data
   */
  log(level, data) {
    const now = Date.now()
    const known = this.#messages.get(data.message)
    if (known !== undefined && now < known.until) {
      known.suppressed++
      return
    }
    if (known === undefined && this.#messages.size >= MOST_MESSAGES) this.#messages.clear()
    this.#messages.set(data.message, { until: now + QUIET_MS, suppressed: 0 })
    const suppressed = known?.suppressed ? { suppressed: known.suppressed } : {}
    process.stderr.write(`${JSON.stringify({ timestamp: now, level, ...data, ...suppressed })}\n`)
  }
}

const standardError = new StandardErrorSink()

class Logger {
  /** @type {LogSink} */
  #sink
  #least
  #failures = 0

  /** @param {LogSink} [sink] */
  constructor(sink) {
    this.#sink = sink ?? standardError
    this.#least = sink === undefined ? LEVELS.warn : LEVELS.debug
  }

  /** How often the sink threw or rejected. */
  get failures() {
    return this.#failures
  }

  /**
   * Whether anyone hears of this level, so that nobody builds what is not written.
   *
   * @param {Level} level
   */
  hears(level) {
    return LEVELS[level] >= this.#least
  }

  /**
   * @param {Level} level
   * @param {string} message
   * @param {object} [fields]
   */
  log(level, message, fields) {
    if (LEVELS[level] < this.#least) return
    try {
      const logged = /** @type {any} */ (this.#sink.log(level, { message, ...fields }))
      if (typeof logged?.then === 'function') logged.then(undefined, (/** @type {unknown} */ error) => this.#failed(error))
    } catch (error) {
      this.#failed(error)
    }
  }

  /** @param {unknown} error */
  #failed(error) {
    if (this.#failures++ > 0) return
    process.emitWarning(`the logger failed: ${messageOf(error)}`, {
      type: 'PlimsollWarning', code: 'PLIMSOLL_LOGGER',
    })
  }
}

/** The option of managers that names their sink. @type {import('./config.js').Option} */
const LOGGER_OPTION = {
  type: 'custom',
  default: undefined,
  allowed: 'an object with log(level, data), such as a TelemetryManager',
  read: (value) => {
    if (typeof (/** @type {any} */ (value)?.log) !== 'function') throw new TypeError('no log()')
    return value
  },
}

module.exports = { LOGGER_OPTION, Logger, messageOf }
