'use strict'

const path = require('node:path')
const { PlimsollError } = require('../errors.js')
const { native } = require('../native.js')
const { EXIT } = require('./exit.js')
const { counted, printable } = require('./terminal.js')

/**
 * @typedef {object} SweepReport
 * @property {string} directory where the ledgers are
 * @property {number} ledgers of dead owners, finished and removed
 * @property {number} living ledgers of living owners, left alone
 * @property {number} processesKilled
 * @property {number} filesRemoved
 * @property {number} directoriesRemoved
 * @property {number} damagedRecords half-written ones, whose things were never used
 * @property {{ path: string, reason: string }[]} kept what could not be done
 * @property {number} otherNamespaces ledgers of owners that cannot be judged from here, left alone
 */
/** @typedef {{ json?: string, code?: string, message?: string }} Swept the report, or why there is none */
/** @typedef {(directory: string | null, done: (swept: Swept) => void) => void} NativeSweep */

/**
 * Finishes what dead owners of processes and temporary files left.
 *
 * @param {import('./terminal.js').Terminal} terminal
 * @param {{ json: boolean, directory?: string }} options
 * @returns {Promise<number>} the exit code
 */
async function sweep(terminal, { json, directory }) {
  const report = await finish(terminal, directory === undefined ? null : path.resolve(directory))
  if (report === undefined) return EXIT.done
  if (json) await terminal.out(`${JSON.stringify(report)}\n`)
  else await print(terminal, report)
  return report.kept.length > 0 ? EXIT.partial : EXIT.done
}

/**
 * @param {import('./terminal.js').Terminal} terminal
 * @param {string | null} directory
 * @returns {Promise<SweepReport | undefined>} `undefined` when the user has had enough; what is begun is finished
 */
function finish(terminal, directory) {
  const { lifecycleSweep } = /** @type {{ lifecycleSweep: NativeSweep }} */ (/** @type {unknown} */ (native()))
  return new Promise((resolve, reject) => {
    const forget = terminal.onStop(() => resolve(undefined))
    lifecycleSweep(directory, ({ json, code, message = 'the sweep failed' }) => {
      forget()
      if (json !== undefined) return resolve(JSON.parse(json))
      reject(new PlimsollError(message, { code: /** @type {import('../errors.js').ErrorCode} */ (code) }))
    })
  })
}

/** @param {import('./terminal.js').Terminal} terminal @param {SweepReport} report */
async function print(terminal, report) {
  const { ledgers, living, processesKilled, filesRemoved, directoriesRemoved, damagedRecords, kept, otherNamespaces } = report
  const done = says([
    [ledgers, 'ledger finished', 'ledgers finished'],
    [processesKilled, 'process ended', 'processes ended'],
    [filesRemoved, 'file removed', 'files removed'],
    [directoriesRemoved, 'directory removed', 'directories removed'],
    [damagedRecords, 'half-written record dropped', 'half-written records dropped'],
    [kept.length, 'thing could not be done', 'things could not be done'],
  ])
  const left = says([
    [living, 'living owner left alone', 'living owners left alone'],
    [otherNamespaces, 'owner in another container left alone', 'owners in other containers left alone'],
  ])
  const parts = [...(done.length > 0 ? done : ['nothing to sweep']), ...left]
  await terminal.out(`${terminal.paint('bold', printable(report.directory))}: ${parts.join(', ')}\n`)
  for (const { path: file, reason } of kept) terminal.fail({ message: `${file} is left: ${reason}` })
}

/** @param {[count: number, one: string, many: string][]} counts */
function says(counts) {
  return counts.filter(([count]) => count > 0).map(([count, one, many]) => counted(count, one, many))
}

module.exports = { sweep }
