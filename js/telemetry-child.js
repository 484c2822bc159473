'use strict'
/** Views of a TelemetryManager that add the same fields to each entry. */

const { PlimsollError } = require('./errors.js')
const { isRecordedByFields, withFields } = require('./serialize.js')

/** A TelemetryManager whose entries all carry the same fields. */
class TelemetryChild {
  #parent
  #bindings

  /**
   * @param {import('./telemetry.js').TelemetryManager | TelemetryChild} parent
   * @param {object} bindings
   */
  constructor(parent, bindings) {
    if (typeof bindings !== 'object' || bindings === null || Array.isArray(bindings)) {
      throw new PlimsollError('child() takes an object with the fields every entry is to carry',
        { code: 'ERR_PLIMSOLL_ARGUMENT' })
    }
    this.#parent = parent
    this.#bindings = { ...bindings }
  }

  /** @returns {string} */
  get logPath() {
    return this.#parent.logPath
  }

  /** @returns {Promise<void>} */
  initialize() {
    return this.#parent.initialize()
  }

  /**
   * @param {string} level
   * @param {any} data
   * @returns {Promise<void>}
   */
  log(level, data) {
    if (typeof data !== 'object' || data === null) return this.#parent.log(level, data)
    const fields = isRecordedByFields(data) ? data : { data }
    return this.#parent.log(level, withFields(this.#bindings, fields))
  }

  /** @returns {Promise<void>} */
  flush() {
    return this.#parent.flush()
  }

  /** Flushes; the log stays open for its parent. @returns {Promise<void>} */
  close() {
    return this.#parent.flush()
  }

  /** @returns {import('../index.js').TelemetryStats} */
  stats() {
    return this.#parent.stats()
  }

  /** @param {object} bindings */
  child(bindings) {
    return new TelemetryChild(this, bindings)
  }

  [Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose')] () {
    return this.close()
  }
}

module.exports = { TelemetryChild }
