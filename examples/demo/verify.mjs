// Reads a log with its archives, using nothing of Plimsoll's, and compares it with what was acknowledged.

import { readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { gunzipSync } from 'node:zlib'

/**
 * @typedef {object} Verdict
 * @property {string[]} files the log and its archives
 * @property {number} archives
 * @property {number} bytes of all of them
 * @property {number} lines
 * @property {number} torn lines that are not JSON
 * @property {number} lost acknowledged entries that are not there
 * @property {number} doubled acknowledged entries that are there more than once
 * @property {number} unacknowledged entries that are there though the kill came before their acknowledgement
 * @property {string[]} lostRecords the first few of the lost, as `<run>/<record>`
 * @property {Record<string, string>} samples the first line of each tool
 */

const SHOWN = 5

/**
 * @param {string} logPath
 * @param {string[]} acknowledged `<run>/<record>`
 * @returns {Verdict}
 */
export function verify(logPath, acknowledged) {
  const directory = path.dirname(logPath)
  const base = path.basename(logPath, '.jsonl')
  const files = readdirSync(directory)
    .filter((name) => name.startsWith(base) && /\.jsonl(\.gz)?$/.test(name))
    .map((name) => path.join(directory, name))
  const found = new Map()
  const verdict = { files, archives: files.filter((file) => file !== logPath).length, lines: 0, torn: 0, samples: {} }
  for (const line of files.flatMap(readLines)) {
    verdict.lines++
    const data = parse(line)
    if (data === undefined) {
      verdict.torn++
      continue
    }
    if (data.record === undefined) continue
    const key = `${data.run}/${data.record}`
    found.set(key, (found.get(key) ?? 0) + 1)
    if (data.error !== undefined) verdict.samples[data.tool] ??= line
  }
  const lost = acknowledged.filter((key) => !found.has(key))
  const known = new Set(acknowledged)
  return {
    ...verdict,
    bytes: files.reduce((sum, file) => sum + statSync(file).size, 0),
    lost: lost.length,
    lostRecords: lost.slice(0, SHOWN),
    doubled: acknowledged.filter((key) => found.get(key) > 1).length,
    unacknowledged: [...found.keys()].filter((key) => !known.has(key)).length,
  }
}

/** @param {string} file */
function readLines(file) {
  const bytes = readFileSync(file)
  const text = (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
  return text.split('\n').filter((line) => line !== '')
}

/**
 * @param {string} line
 * @returns {any} its `data`, `undefined` when the line is not whole
 */
function parse(line) {
  try {
    return JSON.parse(line).data
  } catch {
    return undefined
  }
}
