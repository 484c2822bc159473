'use strict'

const { native } = require('../native.js')
const { EXIT, worst } = require('./exit.js')
const { Progress } = require('./progress.js')
const { runTask } = require('./task.js')
const { counted, printable, size } = require('./terminal.js')

/**
 * @typedef {object} Options
 * @property {boolean} inPlace
 * @property {boolean} force
 * @property {number} maxErrorLength
 * @property {string[]} redact
 * @property {boolean} redactSecrets
 * @property {boolean} dedup
 * @property {boolean} json
 */

/**
 * Compacts files one after another; one that fails does not keep the others from it.
 *
 * @param {import('./terminal.js').Terminal} terminal
 * @param {string[]} files
 * @param {Options} options
 * @returns {Promise<number>} the exit code
 */
async function compact(terminal, files, { redact, json, ...settings }) {
  const invalid = native().telemetryCheckRedaction(redact)
  if (invalid !== null) {
    terminal.error(`error: --redact: ${invalid}\n`)
    return EXIT.usage
  }
  const print = json ? printJson : printText
  /** @type {number} */
  let code = EXIT.done
  for (const file of files) {
    if (terminal.ended) break
    const outcome = await compactOne(terminal, file, { ...settings, redactPaths: redact })
    if (outcome === undefined) break
    // Standard output is taken by the lines themselves.
    const write = file === '-' ? (/** @type {string} */ text) => terminal.error(text) : terminal.out.bind(terminal)
    await print(terminal, write, file, outcome)
    code = worst(code, 'error' in outcome ? EXIT.failed : outcome.report.damaged ? EXIT.partial : EXIT.done)
  }
  return code
}

/**
 * @param {import('./terminal.js').Terminal} terminal
 * @param {string} file
 * @param {import('../binding').BindingCompactSettings} settings
 * @returns {Promise<{ report: any } | { error: any } | undefined>} `undefined`: interrupted
 */
async function compactOne(terminal, file, settings) {
  const progress = new Progress(terminal, file)
  try {
    const report = await runTask(terminal, () => native().commandLineCompact(file, settings), {
      onOutput: (lines) => terminal.out(lines),
      onProgress: (done, total) => progress.update(done, total),
    })
    return report && { report }
  } catch (error) {
    return { error }
  } finally {
    progress.end()
  }
}

/** @typedef {(text: string) => unknown} Write */

/** @param {any} _terminal @param {Write} write @param {string} file @param {any} outcome */
async function printJson(_terminal, write, file, { report, error }) {
  const outcome = error
    ? { file, ok: false, error: { code: error.code, message: error.message, cause: error.cause?.code } }
    : { file, ok: true, ...report }
  await write(`${JSON.stringify(outcome)}\n`)
}

/** @param {import('./terminal.js').Terminal} terminal @param {Write} write @param {string} file @param {any} outcome */
async function printText(terminal, write, file, { report, error }) {
  if (error) {
    terminal.fail(error)
    return
  }
  const sizes = `${size(report.bytesIn)} -> ${size(report.bytesOut)} (${change(report)})`
  const parts = [
    [report.truncated, 'error text shortened', 'error texts shortened'],
    [report.redacted, 'value blackened', 'values blackened'],
    [report.deduplicated, 'repeat counted', 'repeats counted'],
    [report.malformed, 'line that is no JSON kept', 'lines that are no JSON kept'],
    [report.tooLong, 'line too long kept', 'lines too long kept'],
  ]
  const done = parts.filter(([count]) => count > 0).map(([count, one, many]) => counted(count, one, many))
  const name = terminal.paint('bold', printable(report.output ?? file))
  await write(`${name}: ${[sizes, counted(report.lines, 'line'), ...done].join(', ')}\n`)
  if (report.damaged) {
    terminal.error(`plimsoll: ${printable(file)} is damaged (${printable(report.damaged)}); what can be read was kept\n`)
  }
}

/** @param {{ bytesIn: number, bytesOut: number }} report */
function change({ bytesIn, bytesOut }) {
  const times = bytesOut === 0 ? 1 : bytesIn / bytesOut
  if (times >= 2) return `${times.toFixed(times < 9.95 ? 1 : 0)} times smaller`
  const percent = Math.round((1 / times - 1) * 100)
  return percent === 0 ? 'the same' : `${percent > 0 ? '+' : ''}${percent} %`
}

module.exports = { compact }
