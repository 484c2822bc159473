'use strict'

const fs = require('node:fs')
const { ErrorAnalysisWorker } = require('../analysis.js')
const { PlimsollError } = require('../errors.js')
const { format } = require('./analysis-formats.js')
const { EXIT } = require('./exit.js')

/** Problems with their places that the machine formats list. */
const PROBLEMS = 200

/**
 * Summarises a text.
 *
 * @param {import('./terminal.js').Terminal} terminal
 * @param {string} file or `-`
 * @param {{ format: string, exitCode?: number }} options
 * @returns {Promise<number>} the exit code
 */
async function analyze(terminal, file, options) {
  const worker = new ErrorAnalysisWorker({ maxProblems: options.format === 'text' ? 0 : PROBLEMS })
  const input = file === '-' ? process.stdin : fs.createReadStream(file)
  const stop = terminal.onStop(() => input.destroy())
  try {
    const summary = await worker.analyzeStream(input, { taskId: 'analyze', exitCode: options.exitCode })
    await terminal.out(format(options.format, summary, { terminal, source: file === '-' ? 'stdin' : file }))
    return EXIT.done
  } catch (cause) {
    if (terminal.ended) return EXIT.done
    const { code, message } = /** @type {NodeJS.ErrnoException} */ (cause)
    if (cause instanceof PlimsollError) throw cause
    throw new PlimsollError(`${file} cannot be read: ${message ?? code}`, { code: 'ERR_PLIMSOLL_OPEN', cause })
  } finally {
    stop()
  }
}

module.exports = { analyze, PROBLEMS }
