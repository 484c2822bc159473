'use strict'
/**
 * A summary on a terminal and for machines: JSON; workflow commands of GitHub Actions
 * (https://docs.github.com/actions/reference/workflow-commands-for-github-actions); SARIF 2.1.0 (OASIS).
 */

const { version, homepage } = require('../../package.json')
const { printable } = require('./terminal.js')

/** @typedef {import('../../index.js').ErrorSummary} ErrorSummary */
/** @typedef {{ terminal: import('./terminal.js').Terminal, source: string }} Place */

/** What the formats name. */
const FORMATS = ['text', 'json', 'github', 'sarif']

/**
 * @param {string} name
 * @param {any} summary
 * @param {Place} place
 * @returns {string} ends with a line feed
 */
function format(name, summary, place) {
  switch (name) {
    case 'json':
      return `${JSON.stringify(summary)}\n`
    case 'github':
      return github(summary)
    case 'sarif':
      return `${JSON.stringify(sarif(summary, place.source), null, 2)}\n`
    default:
      return text(summary, place.terminal)
  }
}

/** @param {any} summary @param {import('./terminal.js').Terminal} terminal */
function text(summary, terminal) {
  const { type, summary: words, suggestion, actionable, details, fixTask, rawRef, rawExpiresAt, retryAfterMs } = summary
  const lines = [terminal.paint(type === 'unknown' ? 'yellow' : 'red', printable(words))]
  const add = (/** @type {string} */ name, /** @type {string} */ value) => lines.push(`  ${terminal.paint('dim', `${name}:`)} ${printable(value)}`)
  if (details.firstError !== undefined && !words.includes(details.firstError) && !suggestion.includes(details.firstError)) add('first', details.firstError)
  add(actionable ? 'do' : 'hint', suggestion)
  if (fixTask !== undefined && !suggestion.includes(fixTask.command)) add('fix', fixTask.command)
  if (retryAfterMs !== undefined) add('again in', `${retryAfterMs / 1000} s`)
  if (rawRef !== undefined) add('raw', `plimsoll raw ${rawRef}  (until ${new Date(rawExpiresAt).toISOString()})`)
  return `${lines.join('\n')}\n`
}

/** @param {string} value */
const message = (value) => value.replace(/%/g, '%25').replace(/\r/g, '%0D').replace(/\n/g, '%0A')
/** @param {string} value */
const property = (value) => message(value).replace(/:/g, '%3A').replace(/,/g, '%2C')

/** @param {any} summary */
function github({ summary, suggestion, details, actionable }) {
  const lines = (details.problems ?? []).map((/** @type {any} */ problem) => {
    const { severity, code, file, line, column } = problem
    const properties = [['file', file], ['line', line], ['col', column], ['title', code]]
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => `${key}=${property(String(value))}`)
    return `::${severity} ${properties.join(',')}::${message(problem.message)}`
  })
  const level = actionable || details.errorCount !== 0 ? 'error' : 'warning'
  lines.push(`::${level} title=plimsoll::${message(`${summary}\n${suggestion}`)}`)
  return `${lines.join('\n')}\n`
}

/** @param {any} summary @param {string} source */
function sarif({ summary, suggestion, details, tool, type, hash }, source) {
  const problems = details.problems ?? []
  const located = problems.length > 0 ? problems : [{ severity: 'error', code: type, message: `${summary}. ${suggestion}` }]
  const rules = [...new Set(located.map((/** @type {any} */ { code }) => code ?? type))]
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: { driver: { name: 'plimsoll', version, informationUri: homepage, rules: rules.map((id) => ({ id: String(id) })) } },
        results: located.map((/** @type {any} */ { severity, code, message: words, file, line, column }) => ({
          ruleId: code ?? type,
          level: severity,
          message: { text: words || summary },
          ...(file === undefined ? {} : { locations: [location(file, line, column)] }),
        })),
        properties: { source, summary, suggestion, type, hash, ...(tool === undefined ? {} : { analysedTool: tool }) },
      },
    ],
  }
}

/** @param {string} file @param {number | undefined} line @param {number | undefined} column */
function location(file, line, column) {
  const region = line === undefined ? {} : { region: { startLine: line, ...(column === undefined ? {} : { startColumn: column }) } }
  // A reference to a file is a URI (SARIF 3.10): blanks and the like are written as escapes.
  const uri = file.replace(/\\/g, '/').split('/').map(encodeURIComponent).join('/').replace(/^([A-Za-z])%3A/, 'file:///$1:')
  return { physicalLocation: { artifactLocation: { uri }, ...region } }
}

module.exports = { FORMATS, format }
