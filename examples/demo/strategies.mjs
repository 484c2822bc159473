// The three ways of logging the demo compares. Each offers what a logger is: `log`, whose promise is
// the acknowledgement, and `close`.

import { appendFile, mkdir } from 'node:fs/promises'
import path from 'node:path'

/**
 * @typedef {object} Logger
 * @property {(entry: object) => Promise<void>} log
 * @property {() => Promise<void>} close
 * @property {() => number} recovered entries taken over from a dead predecessor
 */

const BUFFERED_ENTRIES = 1000
const FLUSH_INTERVAL_MS = 5000

/** What Plimsoll is given: small files and short intervals, so that a short demo sees every mechanism. */
export const PLIMSOLL_CONFIG = { rotationThreshold: 32_768, flushInterval: 200 }

/** By name; the columns of the demo's table. */
export const STRATEGIES = {
  appendFile: { title: 'appendFile', open: openAppendFile },
  buffered: { title: 'buffered appendFile', open: openBuffered },
  plimsoll: { title: 'Plimsoll', open: openPlimsoll },
}

/**
 * One awaited `appendFile` an entry.
 *
 * @param {string} logPath
 * @returns {Promise<Logger>}
 */
async function openAppendFile(logPath) {
  await mkdir(path.dirname(logPath), { recursive: true })
  return { log: (entry) => appendFile(logPath, line(entry)), close: async () => {}, recovered: () => 0 }
}

/**
 * What most loggers do, and the class Plimsoll replaces did: entries are acknowledged when they are in
 * an array, which is written when it is nearly full, every five seconds, and at the end.
 *
 * @param {string} logPath
 * @returns {Promise<Logger>}
 */
async function openBuffered(logPath) {
  await mkdir(path.dirname(logPath), { recursive: true })
  let buffer = []
  const flush = async () => {
    const lines = buffer.join('')
    buffer = []
    await appendFile(logPath, lines)
  }
  const timer = setInterval(flush, FLUSH_INTERVAL_MS)
  return {
    async log(entry) {
      buffer.push(line(entry))
      if (buffer.length >= BUFFERED_ENTRIES * 0.8) await flush()
    },
    async close() {
      clearInterval(timer)
      await flush()
    },
    recovered: () => 0,
  }
}

/**
 * @param {string} logPath
 * @returns {Promise<Logger>}
 */
async function openPlimsoll(logPath) {
  const { TelemetryManager } = await import('../../index.mjs')
  const telemetry = new TelemetryManager({ ...PLIMSOLL_CONFIG, logPath })
  await telemetry.initialize()
  return {
    log: (entry) => telemetry.log('error', entry),
    close: () => telemetry.close(),
    recovered: () => telemetry.stats().entries.recovered,
  }
}

/** @param {object} data */
function line(data) {
  return `${JSON.stringify({ timestamp: Date.now(), level: 'error', data })}\n`
}
