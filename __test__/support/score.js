'use strict'
/** Scores error analysis against texts of which the truth is known. */

const fs = require('node:fs')
const path = require('node:path')
const zlib = require('node:zlib')

const CORPUS = path.join(__dirname, '..', 'analysis', 'corpus')

/** What is asked of each figure, as a share of the cases it applies to. */
const THRESHOLDS = {
  type: 0.97,
  count: 0.93,
  codes: 0.9,
  fixable: 0.9,
  files: 0.9,
  first: 0.88,
  fix: 0.8,
  benign: 1,
  length: 1,
}

const MOST_CHARACTERS = 500
/** What a harmless text must not be called. */
const FAULTS = new Set(['linter', 'typecheck', 'test_failure', 'build_failure'])

/**
 * @param {RegExp} [only]
 * @returns {{ name: string, text: string, truth: any }[]} by name
 */
function readCases(only = /(?:)/) {
  return fs
    .readdirSync(CORPUS)
    .filter((file) => file.endsWith('.json') && only.test(file.slice(0, -5)))
    .sort()
    .map((file) => {
      const name = file.slice(0, -5)
      const plain = path.join(CORPUS, `${name}.txt`)
      const bytes = fs.existsSync(plain) ? fs.readFileSync(plain) : zlib.gunzipSync(fs.readFileSync(`${plain}.gz`))
      return { name, text: bytes.toString('utf8'), truth: JSON.parse(fs.readFileSync(path.join(CORPUS, file), 'utf8')) }
    })
}

// eslint-disable-next-line no-control-regex
const COLOURS = /[\u001b\u009b]\[[0-9;?]*[ -/]*[@-~]/g
const words = (/** @type {unknown} */ text) => String(text ?? '').replace(COLOURS, '').replace(/\s+/g, ' ').trim()
const file = (/** @type {string} */ name) => name.replace(/^file:\/\//, '').replace(/\\/g, '/').replace(/^\.\//, '').trim()
const sameFile = (/** @type {string} */ a, /** @type {string} */ b) => a === b || a.endsWith(`/${b}`) || b.endsWith(`/${a}`)

/** Harmonic mean of precision and recall. @param {string[]} truth @param {string[]} found */
function overlap(truth, found) {
  const wanted = [...new Set(truth.map(file))]
  const rest = [...new Set(found.map(file))]
  const all = wanted.length + rest.length
  let hits = 0
  for (const name of wanted) {
    const at = rest.findIndex((other) => sameFile(name, other))
    if (at < 0) continue
    rest.splice(at, 1)
    hits++
  }
  return all === 0 ? 1 : (2 * hits) / all
}

/** @param {Record<string, number>} a @param {Record<string, number> | undefined} b */
function sameCounts(a, b) {
  const sorted = (/** @type {Record<string, number> | null | undefined} */ counts) => JSON.stringify(Object.entries(counts ?? {}).filter(([, n]) => n > 0).sort(([x], [y]) => (x < y ? -1 : 1)))
  return sorted(a) === sorted(b)
}

/** @param {any} truth @param {any} summary */
function quotesTheFirst(truth, summary) {
  const told = [summary.details.firstError, summary.summary, summary.suggestion].map(words).filter(Boolean)
  return [truth.firstError, ...(truth.firstErrorAlternatives ?? [])].map(words).filter(Boolean).some((wanted) =>
    told.some((text) => {
      const uncut = text.replace(/\s*(…|\.{3})$/, '')
      return text.includes(wanted) || (uncut.length >= 20 && wanted.includes(uncut))
    }))
}

/** @param {string} command @param {string} suggestion */
function namesTheProgram(command, suggestion) {
  const program = command.trim().split(/\s+/)[0].replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`(^|[^\\w.-])${program}($|[^\\w-])`).test(suggestion)
}

/**
 * Which figures apply to a case, and how well they are met: 0 to 1.
 *
 * @param {any} truth
 * @param {any} summary
 * @returns {Partial<Record<keyof typeof THRESHOLDS, number>>}
 */
function scoreCase(truth, summary) {
  const { details } = summary
  /** @type {Record<string, number | boolean>} */
  const marks = { length: summary.summary.length <= MOST_CHARACTERS }
  if (truth.type === 'none') {
    marks.benign = !FAULTS.has(summary.type) && !summary.actionable
    return toNumbers(marks)
  }
  marks.type = [truth.type, ...(truth.typeAlternatives ?? [])].includes(summary.type)
  if (typeof truth.errorCount === 'number') {
    marks.count = [truth.errorCount, ...(truth.errorCountAlternatives ?? [])].includes(details.errorCount)
  }
  if (Object.keys(truth.errorsByType ?? {}).length > 0) {
    marks.codes = [truth.errorsByType, ...(truth.errorsByTypeAlternatives ?? [])].some((counts) => sameCounts(counts, details.errorsByType))
  }
  if (typeof truth.fixableCount === 'number') {
    // A tool that repairs none may say so or say nothing.
    const answers = [truth.fixableCount, ...(truth.fixableCountAlternatives ?? [])]
    marks.fixable = answers.some((count) => (count ?? 0) === (details.fixableCount ?? 0))
  }
  if ((truth.affectedFiles ?? []).length > 0) {
    const answers = [truth.affectedFiles, ...(truth.affectedFilesAlternatives ?? [])].filter((files) => files?.length > 0)
    marks.files = Math.max(...answers.map((files) => overlap(files, details.affectedFiles ?? [])))
  }
  if (truth.firstError) marks.first = quotesTheFirst(truth, summary)
  if (truth.fixCommand) marks.fix = namesTheProgram(truth.fixCommand, summary.suggestion)
  return toNumbers(marks)
}

/** @param {Record<string, number | boolean>} marks */
function toNumbers(marks) {
  return Object.fromEntries(Object.entries(marks).map(([figure, mark]) => [figure, Number(mark)]))
}

/**
 * @param {{ name: string, text: string, truth: any }[]} cases
 * @param {(text: string) => Promise<any>} analyze
 */
async function scoreAll(cases, analyze) {
  const rows = []
  for (const { name, text, truth } of cases) {
    const summary = await analyze(text)
    rows.push({ name, truth, summary, marks: scoreCase(truth, summary) })
  }
  /** @type {Record<string, { value: number, cases: number }>} */
  const figures = {}
  for (const figure of Object.keys(THRESHOLDS)) {
    const marks = rows.flatMap(({ marks: { [figure]: mark } }) => (mark === undefined ? [] : [mark]))
    figures[figure] = { value: marks.reduce((sum, mark) => sum + mark, 0) / Math.max(marks.length, 1), cases: marks.length }
  }
  return { rows, figures }
}

module.exports = { THRESHOLDS, readCases, scoreAll, scoreCase }
