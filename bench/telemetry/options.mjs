// What every benchmark takes from the command line, and how it prints what it found.

import { cpus } from 'node:os'
import { parseArgs } from 'node:util'

/**
 * Reads `--json`, `--help` and the benchmark's own whole numbers.
 *
 * @param {string} purpose one paragraph for `--help`
 * @param {Record<string, { default: number, is: string }>} numbers by option name
 * @returns {Record<string, number> & { json: boolean }}
 */
export function readOptions(purpose, numbers) {
  const options = { json: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } }
  for (const [name, option] of Object.entries(numbers)) options[name] = { type: 'string', default: String(option.default) }
  const { values } = parseArgs({ options })
  if (values.help) {
    const lines = Object.entries(numbers).map(([name, option]) => `  --${name} N`.padEnd(16) + `${option.is} (default ${option.default})`)
    console.log([purpose, '', ...lines, '  --json        print the result as JSON and nothing else'].join('\n'))
    process.exit(0)
  }
  const read = { json: values.json }
  for (const name of Object.keys(numbers)) {
    read[name] = Number(values[name])
    if (!Number.isInteger(read[name]) || read[name] < 1) throw new Error(`--${name} is "${values[name]}"; give a whole number above 0`)
  }
  return read
}

/**
 * Prints a result: as JSON, or as a title, a table and notes.
 *
 * @param {boolean} json
 * @param {{ title: string, rows: Record<string, string | number>[], notes?: string[], figures: object }} result
 *   `rows` is what is shown, `figures` what is given as JSON
 */
export function printResult(json, { title, rows, notes = [], figures }) {
  const machine = `${process.platform} ${process.arch}, Node ${process.versions.node}, ${cpus().length} CPUs`
  if (json) {
    console.log(JSON.stringify({ title, machine, ...figures }, null, 2))
    return
  }
  console.log(`\n${title}\n${machine}\n`)
  const columns = Object.keys(rows[0])
  const cells = [columns, ...rows.map((row) => columns.map((column) => String(row[column])))]
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => row[index].length)))
  cells.forEach((row, index) => {
    const texts = row.map((text, column) => column === 0 ? text.padEnd(widths[0]) : text.padStart(widths[column]))
    console.log(`| ${texts.join(' | ')} |`)
    if (index === 0) console.log(`|${widths.map((width, column) => '-'.repeat(width + 1) + (column === 0 ? '-' : ':')).join('|')}|`)
  })
  for (const note of notes) console.log(`\n${note}`)
}

/**
 * @param {number[]} values
 * @returns {number} the median; `NaN` of none
 */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
