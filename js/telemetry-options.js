'use strict'
/** The options of TelemetryManager: their defaults, and what is allowed. `index.d.ts` documents them. */

const { native } = require('./native.js')

/** The ring holds this many times the entries that wake the writer, so that bursts do not wait. */
const RING_FACTOR = 8

/** @type {import('./config.js').Schema} */
const TELEMETRY_OPTIONS = {
  logPath: { type: 'string', default: 'state/analytics/autopilot_policy_history.jsonl' },
  rotationThreshold: { type: 'number', integer: true, unit: 'bytes', min: 1, max: Number.MAX_SAFE_INTEGER, default: 10_000_000 },
  bufferSize: { type: 'number', integer: true, unit: 'entries', min: 1, max: 1_000_000, default: 1000 },
  flushInterval: { type: 'number', unit: 'milliseconds', min: 1, max: 2 ** 31 - 1, default: 5000 },
  maxErrorLength: { type: 'number', integer: true, unit: 'characters', min: 1, max: 1_000_000, default: 500 },
  enableCompression: { type: 'boolean', default: true },
  compression: { type: 'choice', choices: ['gzip', 'zstd'], default: 'gzip' },
  retentionDays: { type: 'number', unit: 'days', min: 0, max: 36_500, default: 30 },
  maxArchives: { type: 'number', integer: true, min: 0, max: 2 ** 32 - 1, default: undefined },
  maxTotalBytes: { type: 'number', integer: true, unit: 'bytes', min: 0, max: Number.MAX_SAFE_INTEGER, default: undefined },
  minLevel: { type: 'choice', choices: ['debug', 'info', 'warn', 'error'], default: 'info' },
  ringBytes: { type: 'number', integer: true, unit: 'bytes', min: 65_536, max: 2 ** 30, default: 4_194_304 },
  overflow: { type: 'choice', choices: ['wait', 'drop-lowest'], default: 'wait' },
  durability: { type: 'choice', choices: ['process', 'disk'], default: 'process' },
  redact: {
    type: 'custom',
    default: { paths: [], secrets: true },
    allowed: 'false, an array of key paths such as "headers.authorization", or { paths?: string[], secrets?: boolean } (at most 64 paths of 3000 bytes in all)',
    read: readRedact,
  },
  onError: { type: 'function', default: undefined },
}

/** What fits beside the rest into the ring's profile, so that whoever drains it blackens the same. */
const MAX_REDACT_PATHS = 64
const MAX_REDACT_BYTES = 3000

/**
 * @param {unknown} value
 * @returns {{ paths: string[], secrets: boolean }}
 */
function readRedact(value) {
  if (value === false) return { paths: [], secrets: false }
  if (value === true) return { paths: [], secrets: true }
  const { paths = [], secrets = true } = Array.isArray(value) ? { paths: value } : /** @type {any} */ (Object(value))
  if (typeof value !== 'object' || !Array.isArray(paths) || typeof secrets !== 'boolean') throw new TypeError('redact')
  const bytes = paths.reduce((sum, path) => sum + (typeof path === 'string' ? Buffer.byteLength(JSON.stringify(path)) : Infinity), 0)
  if (paths.length > MAX_REDACT_PATHS || bytes > MAX_REDACT_BYTES) throw new RangeError('too many or too long paths')
  const problem = paths.length === 0 ? null : native().telemetryCheckRedaction(paths)
  if (problem !== null) throw new TypeError(problem)
  return { paths: [...paths], secrets }
}

module.exports = { RING_FACTOR, TELEMETRY_OPTIONS }
