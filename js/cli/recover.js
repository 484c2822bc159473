'use strict'

const { native } = require('../native.js')
const { EXIT, worst } = require('./exit.js')
const { runTask } = require('./task.js')
const { counted, printable } = require('./terminal.js')

/**
 * Drains the rings of dead processes.
 *
 * @param {import('./terminal.js').Terminal} terminal
 * @param {string} directory
 * @param {{ json: boolean }} options
 * @returns {Promise<number>} the exit code
 */
async function recover(terminal, directory, { json }) {
  const report = await runTask(terminal, () => native().commandLineRecover(directory))
  if (!report) return EXIT.done
  if (json) await terminal.out(`${JSON.stringify(report)}\n`)
  else await print(terminal, report)
  return report.logs.map(codeOf).reduce(worst, EXIT.done)
}

/** @param {any} log */
function codeOf({ failures, damaged, damagedBytes }) {
  if (failures.length > 0) return EXIT.failed
  return damaged > 0 || damagedBytes > 0 ? EXIT.partial : EXIT.done
}

/** @param {import('./terminal.js').Terminal} terminal @param {any} report */
async function print(terminal, { directory, logs }) {
  if (logs.length === 0) {
    await terminal.out(`${printable(directory)}: no rings, nothing to recover\n`)
    return
  }
  for (const { log, rings, living, entries, damaged, damagedBytes, failures } of logs) {
    const parts = [`${counted(entries, 'entry', 'entries')} from ${counted(rings, 'ring')}`]
    if (living > 0) parts.push(`${counted(living, 'ring')} of living processes left alone`)
    if (damaged > 0) parts.push(`${counted(damaged, 'entry', 'entries')} lost`)
    if (damagedBytes > 0) parts.push(`${counted(damagedBytes, 'byte')} damaged`)
    await terminal.out(`${terminal.paint('bold', printable(log))}: ${parts.join(', ')}\n`)
    for (const failure of failures) terminal.fail(failure)
  }
}

module.exports = { recover }
