// Question: how much of what a logger acknowledged is gone after SIGKILL?
//
// A process logs numbered entries at a steady rate, with rotation, and notes the number of each in a
// shared file as soon as its promise has resolved; it is killed at a random moment and started again on
// the same files, many times. At the end the files are read: each acknowledged entry should be there
// once. Entries whose acknowledgement the kill cut off may be there or not.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { constants, gunzipSync } from 'node:zlib'
import { logSteadily } from './load.mjs'
import { LOGGERS } from './loggers.mjs'
import { printResult, readOptions } from './options.mjs'
import { makeEntries } from './records.mjs'

const NAMES = ['plimsoll', 'pino (async)', 'pino (sync)', 'pino-roll', 'pino-roll (worker)', 'winston-daily-rotate-file', 'rotating-file-stream', 'appendFile']
const BYTES = 400
const POOL = 1024
const ROTATION_BYTES = 1_000_000
const SHORTEST_LIFE_MS = 200
const LONGEST_LIFE_MS = 900
const QUIET_MS = 2000

if (process.send !== undefined) await live(JSON.parse(process.argv[2]))
else await main()

async function main() {
  const options = readOptions('Acknowledged entries lost, doubled and torn by SIGKILL.', {
    kills: { default: 20, is: 'times each logger is killed' },
    rate: { default: 10_000, is: 'log calls a second' },
  })
  const figures = []
  for (const name of NAMES) {
    const directory = mkdtempSync(path.join(tmpdir(), 'plimsoll-bench-'))
    try {
      figures.push({ name, ...await killAgainAndAgain(name, directory, options) })
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  }
  const share = (count, { acknowledged }) => `${(100 * count / acknowledged).toFixed(3)} %`
  printResult(options.json, {
    title: `What ${options.kills} SIGKILLs cost at ${options.rate} logs a second of ${BYTES} B, rotation at ${ROTATION_BYTES / 1e6} MB`,
    rows: figures.map((figure) => ({
      logger: figure.name,
      acknowledged: figure.acknowledged,
      lost: figure.lost,
      'lost share': share(figure.lost, figure),
      doubled: figure.doubled,
      'torn lines': figure.torn,
      'bad archives': figure.badArchives,
    })),
    notes: ['lost, doubled: of the entries whose promise had resolved. pino cannot rotate by itself and pino-roll cannot compress; what can compress does.'],
    figures: { kills: options.kills, rate: options.rate, bytes: BYTES, loggers: figures },
  })
}

async function killAgainAndAgain(name, directory, { kills, rate }) {
  const logs = path.join(directory, 'logs')
  mkdirSync(logs)
  const acknowledged = new Map()
  for (let life = 1; life <= kills; life++) {
    const noteFile = path.join(directory, String(life))
    const child = fork(fileURLToPath(import.meta.url), [JSON.stringify({ name, logs, noteFile, life, rate })])
    const exited = once(child, 'exit')
    await Promise.race([once(child, 'message'), exited])
    await pause(SHORTEST_LIFE_MS + Math.random() * (LONGEST_LIFE_MS - SHORTEST_LIFE_MS))
    child.kill('SIGKILL')
    const [code, signal] = await exited
    if (signal !== 'SIGKILL') throw new Error(`the process that logs with ${name} ended by itself with ${code}`)
    acknowledged.set(life, readNote(noteFile))
  }
  // A last start does what recovery the logger has, and ends properly.
  const last = fork(fileURLToPath(import.meta.url), [JSON.stringify({ name, logs, life: 0 })])
  const [code, signal] = await once(last, 'exit')
  if (code !== 0) throw new Error(`${name} did not end properly after the kills: ${signal ?? code}`)
  return compare(logs, acknowledged)
}

/** The process that is killed; with life 0 the one that comes last. */
async function live({ name, logs, noteFile, life, rate }) {
  const logger = await LOGGERS[name].open(logs, { rotationBytes: ROTATION_BYTES, gzip: true })
  if (life === 0) {
    await logger.log('info', { life, sequence: 0 })
    await logger.settle()
    await logger.close?.()
    await untilQuiet(logs)
    process.exit(0)
  }
  const note = openSync(noteFile, 'w')
  const number = new Float64Array(1)
  const noted = {
    async log(level, entry) {
      await logger.log(level, entry)
      number[0] = entry.sequence
      writeSync(note, number, 0, 8, 0)
    },
  }
  const entries = makeEntries(BYTES, POOL).map((entry) => ({ life, ...entry }))
  process.send('ready')
  await logSteadily(noted, entries, { perSecond: rate, seconds: 3600, first: 1 })
}

/** Loggers that compress in the background give no sign of having done so: nothing changes for a while. */
async function untilQuiet(directory) {
  const look = () => readdirSync(directory).map((name) => [name, statSync(path.join(directory, name), { throwIfNoEntry: false })?.size]).join()
  for (let before = ''; before !== look(); await pause(QUIET_MS)) before = look()
}

/** @returns {number} the last acknowledged number; they count from 1 */
function readNote(file) {
  const bytes = readFileSync(file)
  return bytes.length < 8 ? 0 : bytes.readDoubleLE()
}

/**
 * @param {string} logs
 * @param {Map<number, number>} acknowledged last acknowledged number of each life
 */
function compare(logs, acknowledged) {
  const found = new Map()
  const result = { acknowledged: 0, lost: 0, doubled: 0, torn: 0, badArchives: 0 }
  for (const name of readdirSync(logs).filter((file) => !file.startsWith('.'))) {
    const { text, whole } = readLog(path.join(logs, name))
    if (!whole) result.badArchives++
    for (const line of text.split('\n')) {
      if (line === '') continue
      const key = keyOf(line)
      if (key === undefined) result.torn++
      else found.set(key, (found.get(key) ?? 0) + 1)
    }
  }
  for (const [life, last] of acknowledged) {
    for (let sequence = 1; sequence <= last; sequence++) {
      const times = found.get(`${life}/${sequence}`) ?? 0
      if (times === 0) result.lost++
      if (times > 1) result.doubled++
    }
    result.acknowledged += last
  }
  return result
}

/** What can be read of a file; an archive cut short gives what came before the cut. */
function readLog(file) {
  const bytes = readFileSync(file)
  if (!file.endsWith('.gz')) return { text: bytes.toString('utf8'), whole: true }
  try {
    return { text: gunzipSync(bytes).toString('utf8'), whole: true }
  } catch {
    const text = gunzipSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH }).toString('utf8')
    return { text, whole: false }
  }
}

/** Every logger nests the entry differently, and none changes the order of its keys. */
function keyOf(line) {
  try {
    JSON.parse(line)
  } catch {
    return undefined
  }
  const [, life] = /"life":(\d+)/.exec(line) ?? []
  const [, sequence] = /"sequence":(\d+)/.exec(line) ?? []
  return `${life}/${sequence}`
}
