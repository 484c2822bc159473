'use strict'
/**
 * What lies on disk around a log: the log, its archives, and the dot-files.
 *
 * A reader here never forgives: a line that does not parse, or a last line without its newline, throws.
 */

const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const zlib = require('node:zlib')

const ISO_TIME = String.raw`\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z`
const MAX_ARCHIVE_BYTES = 1 << 29

/** @param {string} text */
function escape(text) {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}

/**
 * File names of the archives of a log, oldest first.
 * @param {string} logPath
 * @returns {string[]}
 */
function archivesOf(logPath) {
  const base = escape(path.basename(logPath).replace(/\.jsonl$/, ''))
  const pattern = new RegExp(`^${base}\\.${ISO_TIME}\\.jsonl(\\.gz|\\.zst)?$`)
  return fs.readdirSync(path.dirname(logPath)).filter((name) => pattern.test(name)).sort()
}

/**
 * File names of the dot-files of a log: `kind` is `ring`, `lock` or `tmp`, or none for all.
 * @param {string} logPath
 * @param {string} [kind]
 */
function hiddenFilesOf(logPath, kind = '') {
  return fs.readdirSync(path.dirname(logPath)).filter((name) => name.startsWith('.') && name.endsWith(kind))
}

/**
 * @param {string} file
 * @returns {string} what it holds, unpacked
 */
function readText(file) {
  if (file.endsWith('.gz')) return zlib.gunzipSync(fs.readFileSync(file)).toString('utf8')
  if (file.endsWith('.zst')) return execFileSync('zstdcat', [file], { encoding: 'utf8', maxBuffer: MAX_ARCHIVE_BYTES })
  try {
    return fs.readFileSync(file, 'utf8')
  } catch (error) {
    // A plain archive becomes a compressed one while others read.
    const compressed = ['.gz', '.zst'].map((suffix) => file + suffix).find((name) => fs.existsSync(name))
    if (compressed === undefined) throw error
    return readText(compressed)
  }
}

/**
 * The raw lines of one file.
 * @param {string} file
 * @returns {string[]}
 */
function rawLinesOf(file) {
  const text = readText(file)
  if (text === '') return []
  if (!text.endsWith('\n')) throw new Error(`${file}: its last line is torn: ${JSON.stringify(text.slice(-200))}`)
  return text.slice(0, -1).split('\n')
}

/**
 * The entries of one file.
 * @param {string} file
 * @returns {any[]}
 */
function linesOf(file) {
  return rawLinesOf(file).map((line, index) => {
    let entry
    try {
      entry = JSON.parse(line)
    } catch (cause) {
      throw new Error(`${file}:${index + 1}: torn line ${JSON.stringify(line.slice(0, 300))}`, { cause })
    }
    if (typeof entry.timestamp !== 'number' || typeof entry.level !== 'string') {
      throw new Error(`${file}:${index + 1}: not a log line: ${JSON.stringify(line.slice(0, 300))}`)
    }
    return entry
  })
}

/**
 * Files that hold a log's entries, oldest first. An archive whose plain and compressed form are both
 * there counts once: that is the moment between the two.
 * @param {string} logPath
 * @returns {string[]}
 */
function filesOf(logPath) {
  const names = archivesOf(logPath)
  const all = new Set(names)
  const once = names.filter((name) => !/\.(gz|zst)$/.test(name) || !all.has(name.replace(/\.(gz|zst)$/, '')))
  const files = once.map((name) => path.join(path.dirname(logPath), name))
  if (fs.existsSync(logPath)) files.push(logPath)
  return files
}

/**
 * Every entry of a log, over archives and active file, in order. For a log at rest.
 * @param {string} logPath
 * @returns {any[]}
 */
function readAll(logPath) {
  return filesOf(logPath).flatMap(linesOf)
}

/**
 * Every entry's `data`.
 * @param {string} logPath
 * @returns {any[]}
 */
function readData(logPath) {
  return readAll(logPath).map((entry) => entry.data)
}

module.exports = { archivesOf, hiddenFilesOf, filesOf, linesOf, rawLinesOf, readAll, readData, readText }
