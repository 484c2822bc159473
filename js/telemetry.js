'use strict'
/** TelemetryManager: the facade over the native ring and writer. */

const path = require('node:path')
const { readConfig } = require('./config.js')
const { PlimsollError } = require('./errors.js')
const { native } = require('./native.js')

const LARGEST = Number.MAX_SAFE_INTEGER

/** @type {import('./config.js').Schema} */
const TELEMETRY_OPTIONS = {
  logPath: { type: 'string', default: 'state/analytics/autopilot_policy_history.jsonl' },
  rotationThreshold: { type: 'number', default: 10_000_000, integer: true, min: 1, max: LARGEST, unit: 'bytes' },
  bufferSize: { type: 'number', default: 1000, integer: true, min: 1, max: 1_000_000, unit: 'entries' },
  flushInterval: { type: 'number', default: 5000, min: 1, max: 2_147_483_647, unit: 'milliseconds' },
  maxErrorLength: { type: 'number', default: 500, integer: true, min: 64, max: 1_000_000, unit: 'characters' },
  enableCompression: { type: 'boolean', default: true },
  retentionDays: { type: 'number', default: 30, min: 0, max: 36_500, unit: 'days' },
  minLevel: { type: 'choice', default: 'info', choices: ['debug', 'info', 'warn', 'error'] },
  ringBytes: { type: 'number', default: 4_194_304, integer: true, min: 65_536, max: 1_073_741_824, unit: 'bytes' },
  overflow: { type: 'choice', default: 'wait', choices: ['wait', 'drop-lowest'] },
  durability: { type: 'choice', default: 'process', choices: ['process', 'disk'] },
  maxArchives: { type: 'number', default: undefined, integer: true, min: 0, max: LARGEST, unit: 'archives' },
  maxTotalBytes: { type: 'number', default: undefined, integer: true, min: 0, max: LARGEST, unit: 'bytes' },
  redact: { type: 'custom', default: undefined, allowed: 'an array of key paths', read: (value) => value },
  compression: { type: 'choice', default: 'gzip', choices: ['gzip', 'zstd'] },
  onError: { type: 'function', default: undefined },
}

class TelemetryManager {
  /** @param {import('../index.js').TelemetryConfig} [config] */
  constructor(config) {
    const options = readConfig('TelemetryManager', TELEMETRY_OPTIONS, config)
    native()
    /** @readonly */
    this.logPath = path.resolve(options.logPath)
  }

  /** @returns {Promise<void>} */
  async initialize() {
    throw this.#missing()
  }

  /**
   * @param {import('../index.js').LogLevel} _level
   * @param {object} _data
   * @returns {Promise<void>}
   */
  async log(_level, _data) {
    throw this.#missing()
  }

  /** @returns {Promise<void>} */
  async flush() {
    throw this.#missing()
  }

  /** @returns {Promise<void>} */
  async close() {
    throw this.#missing()
  }

  /** @returns {import('../index.js').TelemetryStats} */
  stats() {
    throw this.#missing()
  }

  /**
   * @param {object} _bindings
   * @returns {import('../index.js').TelemetryChild}
   */
  child(_bindings) {
    throw this.#missing()
  }

  /** @returns {Promise<void>} */
  async [Symbol.asyncDispose]() {
    await this.close()
  }

  #missing() {
    return new PlimsollError('not built yet', { code: 'ERR_PLIMSOLL_NATIVE' })
  }
}

module.exports = { TelemetryManager, TELEMETRY_OPTIONS }
