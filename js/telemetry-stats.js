'use strict'
/** The statistics of a TelemetryManager, as `index.d.ts` describes them, from the numbers of the core. */

const { RING_FACTOR } = require('./telemetry-options.js')

const LEVEL_NAMES = ['debug', 'info', 'warn', 'error']

/**
 * @param {any} numbers
 * @param {number[]} refused
 * @param {number} waiting
 * @param {any} settings
 */
function shapeStats(numbers, refused, waiting, settings) {
  const {
    accepted = 0, acceptedBytes = 0, written = 0, writtenBytes = 0, deduplicated = 0, truncated = 0,
    redacted = 0, dropped = [0, 0, 0, 0], recovered = 0, damaged = 0, damagedBytes = 0, rotations = 0,
    compressions = 0, failures = 0, panics = 0, flushLatencyMs = [0, 0, 0, 0], lastErrorCode
  } = numbers ?? {}
  return {
    entries: {
      accepted,
      written,
      deduplicated,
      truncated,
      redacted,
      waiting,
      dropped: /** @type {Record<import('../index.js').LogLevel, number>} */ (
        Object.fromEntries(LEVEL_NAMES.map((name, level) => [name, dropped[level] + refused[level]]))),
      recovered,
      damaged
    },
    bytes: { accepted: acceptedBytes, written: writtenBytes, damaged: damagedBytes },
    rotations,
    compressions,
    failures,
    panics,
    lastError: lastErrorCode === undefined
      ? null
      : { code: lastErrorCode, message: numbers.lastErrorMessage, timestamp: numbers.lastErrorMs },
    flushLatencyMs: { p50: flushLatencyMs[0], p90: flushLatencyMs[1], p99: flushLatencyMs[2], max: flushLatencyMs[3] },
    ring: {
      entries: numbers?.waiting ?? 0,
      bytes: numbers?.waitingBytes ?? 0,
      capacityEntries: settings.bufferSize * RING_FACTOR,
      capacityBytes: settings.ringBytes
    }
  }
}

module.exports = { shapeStats }
