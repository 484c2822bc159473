'use strict'
/** The options of ErrorAnalysisWorker and of its patterns. `index.d.ts` documents them. */

const path = require('node:path')
const { readConfig } = require('./config.js')

/** Failures remembered unless told otherwise. */
const FAILURES = 1000
const WEEK_MS = 7 * 86_400_000

/** @type {import('./config.js').Schema} */
const RAW_STORE_OPTIONS = {
  dir: { type: 'string', default: '' },
  maxBytes: { type: 'number', integer: true, unit: 'bytes', min: 1, max: Number.MAX_SAFE_INTEGER, default: 104_857_600 },
  maxAge: { type: 'number', unit: 'milliseconds', min: 1, max: 3_153_600_000_000, default: WEEK_MS },
}

/** @type {import('./config.js').Schema} */
const ANALYSIS_OPTIONS = {
  maxFailures: { type: 'number', integer: true, min: 1, max: 1_000_000, default: FAILURES },
  maxProblems: { type: 'number', integer: true, min: 0, max: 200, default: 0 },
  rawStore: {
    type: 'custom',
    default: undefined,
    allowed: '{ dir: string, maxBytes?: number, maxAge?: milliseconds }',
    read: readRawStore,
  },
  onError: { type: 'function', default: undefined },
}

/** @param {unknown} value */
function readRawStore(value) {
  const store = readConfig('ErrorAnalysisWorker rawStore', RAW_STORE_OPTIONS, value)
  if (store.dir === '') throw new TypeError('a directory is needed')
  return { dir: path.resolve(store.dir), maxBytes: store.maxBytes, maxAgeMs: store.maxAge }
}

/** Every type of failure, as `summary.type` has it. */
const TYPES = Object.freeze([
  'linter', 'typecheck', 'test_failure', 'build_failure', 'runtime_error', 'network_error', 'dependency', 'formatting',
  'resource_exhaustion', 'timeout', 'permission', 'rate_limit', 'auth', 'vcs', 'cancelled', 'unknown',
])

/** Flags of a RegExp that matter for lines looked at one by one, or not at all. */
const FLAGS = /^[dgimsuvy]*$/

/**
 * @param {any} given
 * @returns {{ pattern: import('./binding').BindingPattern, problem?: undefined } | { pattern?: undefined, problem: string }}
 */
function readPattern(given) {
  const problem = (/** @type {string} */ text) => ({ problem: text })
  if (given === null || typeof given !== 'object') return problem('a pattern is an object { name, match, type, … }')
  const { name, match, type } = given
  if (typeof name !== 'string' || name === '' || name.length > 100) return problem('"name" must be a string of 1 to 100 characters')
  if (!TYPES.includes(type)) return problem(`"type" must be one of ${TYPES.join(', ')}`)
  const expression = match instanceof RegExp || Object.prototype.toString.call(match) === '[object RegExp]'
  if (!expression && (typeof match !== 'string' || match === '')) return problem('"match" must be a RegExp or a text')
  if (expression && !FLAGS.test(match.flags)) return problem(`"match" has flags that are not known: ${match.flags}`)
  const texts = { code: '', summary: '', suggestion: '', fixCommand: '' }
  for (const key of /** @type {(keyof typeof texts)[]} */ (Object.keys(texts))) {
    const value = given[key]
    if (value === undefined) continue
    if (typeof value !== 'string' || value.length > 1000) return problem(`"${key}" must be a string of at most 1000 characters`)
    texts[key] = key === 'code' ? value : template(value)
  }
  return {
    pattern: {
      name,
      type,
      expression: expression ? match.source : match,
      literal: !expression,
      ignoreCase: expression && match.flags.includes('i'),
      ...texts,
    },
  }
}

/**
 * `$1`, `$<name>`, `$&` and `$$` of String.prototype.replace, as the native expressions write them.
 *
 * @param {string} text
 */
function template(text) {
  return text.replace(/\$(?:(\$)|(&)|(\d{1,2})|<(\w+)>|\{(\w+)\})?/g, (_, dollar, whole, digits, name, braced) => {
    if (dollar) return '$$'
    if (whole) return '${0}'
    const group = digits ?? name ?? braced
    return group === undefined ? '$$' : `\${${group}}`
  })
}

module.exports = { ANALYSIS_OPTIONS, TYPES, readPattern }
