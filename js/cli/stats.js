'use strict'

const { native } = require('../native.js')
const { EXIT } = require('./exit.js')
const { runTask } = require('./task.js')
const { counted, printable, size } = require('./terminal.js')

/**
 * Counts what there is of a log.
 *
 * @param {import('./terminal.js').Terminal} terminal
 * @param {string} log
 * @param {{ json: boolean }} options
 * @returns {Promise<number>} the exit code
 */
async function stats(terminal, log, { json }) {
  const report = await runTask(terminal, () => native().commandLineStats(log))
  if (!report) return EXIT.done
  const files = [...report.archives, ...(report.log ? [report.log] : [])]
  const totals = {
    files: files.length,
    bytes: sum(files, 'bytes'),
    plainBytes: sum(files, 'plainBytes'),
    lines: sum(files, 'lines'),
  }
  if (json) await terminal.out(`${JSON.stringify({ ...totals, ...report })}\n`)
  else await print(terminal, log, totals, report)
  const damaged = [...files, ...report.rings].filter((file) => file.damaged)
  for (const file of damaged) {
    terminal.error(`plimsoll: ${printable(file.name)} is damaged: ${printable(file.damaged)}\n`)
  }
  return damaged.length > 0 ? EXIT.partial : EXIT.done
}

/** @param {any[]} files @param {string} key */
function sum(files, key) {
  return files.reduce((total, file) => total + file[key], 0)
}

/** @param {import('./terminal.js').Terminal} terminal @param {string} name @param {any} totals @param {any} report */
async function print(terminal, name, totals, { log, archives, rings, levels, otherLines, repeats, oldest, newest }) {
  const living = rings.filter((/** @type {any} */ ring) => ring.living)
  const orphaned = rings.filter((/** @type {any} */ ring) => !ring.living)
  const waiting = sum(rings, 'entries')
  const byLevel = Object.entries(levels).map(([level, count]) => `${level} ${count.toLocaleString('en-US')}`)
  const rows = [
    ['log', log ? `${size(log.bytes)}, ${counted(log.lines, 'line')}` : 'none'],
    ['archives', archives.length === 0 ? 'none' : `${archives.length}, ${sizes(archives)}, ${counted(sum(archives, 'lines'), 'line')}`],
    ['together', `${counted(totals.lines, 'line')}, ${size(totals.bytes)} on the disk, ${size(totals.plainBytes)} uncompressed`],
    ['levels', byLevel.join(', ')],
    ['repeats', `${repeats.toLocaleString('en-US')} counted instead of written`],
    ['other lines', otherLines.toLocaleString('en-US')],
    ['oldest', oldest === null ? '-' : new Date(oldest).toISOString()],
    ['newest', newest === null ? '-' : new Date(newest).toISOString()],
    ['rings', `${living.length} of living processes, ${orphaned.length} orphaned, ${counted(waiting, 'entry', 'entries')} not in the log yet`],
  ]
  const title = `${terminal.paint('bold', printable(name))}\n`
  await terminal.out(title + rows.map(([key, value]) => `  ${key.padEnd(11)} ${value}\n`).join(''))
  if (orphaned.length > 0) {
    await terminal.out(terminal.paint('yellow', '  plimsoll recover moves orphaned entries into the log\n'))
  }
}

/** @param {any[]} files */
function sizes(files) {
  const bytes = sum(files, 'bytes')
  const plain = sum(files, 'plainBytes')
  const ratio = bytes > 0 && plain !== bytes ? ` (of ${size(plain)}, ${(plain / bytes).toFixed(1)} times)` : ''
  return `${size(bytes)}${ratio}`
}

module.exports = { stats }
