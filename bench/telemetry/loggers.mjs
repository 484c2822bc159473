// The loggers that are compared, set up as their documentation advises for a file that rotates. Each
// has the same face: `log` gives a promise that is resolved when the logger says the entry is its own.

import { openSync, writeSync } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import path from 'node:path'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'

/**
 * @typedef {object} Logger
 * @property {(level: string, entry: object) => Promise<unknown>} log
 * @property {() => Promise<unknown>} settle resolves when what was logged has been written
 * @property {() => Promise<unknown>} [close] ends it properly
 */
/**
 * @typedef {object} Description
 * @property {string} holds where an entry is once it is acknowledged
 * @property {(directory: string, options: { rotationBytes: number, gzip?: boolean }) => Promise<Logger>} open
 */

/** @type {Record<string, Description>} */
export const LOGGERS = {
  'JSON.stringify (floor)': { holds: 'nowhere', open: openFloor },
  plimsoll: { holds: 'mapped ring', open: openPlimsoll },
  'pino (async)': { holds: 'process memory', open: (directory) => openPino(directory, { sync: false, minLength: 4096 }) },
  'pino (sync)': { holds: 'file', open: (directory) => openPino(directory, { sync: true }) },
  'pino-roll': { holds: 'process memory', open: openPinoRoll },
  'pino-roll (worker)': { holds: 'process memory', open: openPinoRollWorker },
  'winston-daily-rotate-file': { holds: 'process memory', open: openWinston },
  'rotating-file-stream': { holds: 'process memory', open: openRotatingFileStream },
  appendFile: { holds: 'file', open: openAppendFile },
  'fs.writeSync': { holds: 'file', open: openWriteSync },
}

/** The logger everything is compared with. */
export const FLOOR = 'JSON.stringify (floor)'

const FLUSH_PATIENCE_MS = 300

const done = () => Promise.resolve()

async function openFloor() {
  let length = 0
  return {
    log(_level, entry) {
      length += JSON.stringify(entry).length
      return Promise.resolve()
    },
    // Keeps the sum in use: what nobody reads may be optimised away.
    settle: async () => length,
  }
}

async function openPlimsoll(directory, { rotationBytes, gzip = false }) {
  const { TelemetryManager } = await import('../../index.mjs')
  const telemetry = new TelemetryManager({
    logPath: path.join(directory, 'log.jsonl'),
    rotationThreshold: rotationBytes,
    enableCompression: gzip,
  })
  await telemetry.initialize()
  return {
    log: (level, entry) => telemetry.log(level, entry),
    settle: () => telemetry.flush(),
    close: () => telemetry.close(),
  }
}

async function openPino(directory, options) {
  const { default: pino } = await import('pino')
  const destination = pino.destination({ dest: path.join(directory, 'log.jsonl'), ...options })
  if (!options.sync) await once(destination, 'ready')
  return pinoLogger(pino({ base: null }, destination), options.sync ? done : () => flushed(destination))
}

async function openPinoRoll(directory, { rotationBytes }) {
  const [{ default: pino }, { default: roll }] = await Promise.all([import('pino'), import('pino-roll')])
  const stream = await roll({ file: path.join(directory, 'log'), extension: '.jsonl', size: pinoSize(rotationBytes) })
  return pinoLogger(pino({ base: null }, stream), () => flushed(stream))
}

async function openPinoRollWorker(directory, { rotationBytes }) {
  const { default: pino } = await import('pino')
  const options = { file: path.join(directory, 'log'), extension: '.jsonl', size: pinoSize(rotationBytes) }
  const transport = pino.transport({ target: 'pino-roll', options })
  await once(transport, 'ready')
  // The transport now and then never calls back; what it holds is in the worker's hands by then.
  return pinoLogger(pino({ base: null }, transport), () => Promise.race([flushed(transport), pause(FLUSH_PATIENCE_MS)]))
}

function pinoLogger(logger, settle) {
  return {
    log(level, entry) {
      logger[level](entry)
      return Promise.resolve()
    },
    settle,
  }
}

function flushed(stream) {
  return new Promise((resolve, reject) => {
    stream.flush((error) => error ? reject(error) : resolve())
  })
}

/** pino-roll takes whole kilobytes. */
function pinoSize(bytes) {
  return `${Math.max(1, Math.round(bytes / 1024))}k`
}

async function openWinston(directory, { rotationBytes, gzip = false }) {
  const { default: winston } = await import('winston')
  const { default: DailyRotateFile } = await import('winston-daily-rotate-file')
  const transport = new DailyRotateFile({
    dirname: directory,
    filename: 'log-%DATE%',
    extension: '.jsonl',
    maxSize: rotationBytes,
    zippedArchive: gzip,
    auditFile: path.join(directory, '.audit.json'),
  })
  const { combine, json, timestamp } = winston.format
  const logger = winston.createLogger({ format: combine(timestamp(), json()), transports: [transport] })
  return {
    log(level, entry) {
      if (logger.log(level, 'event', entry).writableNeedDrain) return once(logger, 'drain')
      return Promise.resolve()
    },
    async settle() {
      while (logger.writableLength > 0 || transport.writableLength > 0) await new Promise(setImmediate)
    },
  }
}

async function openRotatingFileStream(directory, { rotationBytes, gzip = false }) {
  const { createStream } = await import('rotating-file-stream')
  const stream = createStream('log.jsonl', { path: directory, size: `${rotationBytes}B`, ...(gzip && { compress: 'gzip' }) })
  return {
    log: (level, entry) => stream.write(line(level, entry)) ? Promise.resolve() : once(stream, 'drain'),
    async settle() {
      if (stream.writableLength > 0) await new Promise((resolve) => stream.write('', resolve))
    },
  }
}

async function openAppendFile(directory) {
  const file = path.join(directory, 'log.jsonl')
  return { log: (level, entry) => appendFile(file, line(level, entry)), settle: done }
}

async function openWriteSync(directory) {
  const file = openSync(path.join(directory, 'log.jsonl'), 'a')
  return {
    log(level, entry) {
      writeSync(file, line(level, entry))
      return Promise.resolve()
    },
    settle: done,
  }
}

/**
 * @param {string} level
 * @param {object} data
 */
function line(level, data) {
  return `${JSON.stringify({ timestamp: Date.now(), level, data })}\n`
}
