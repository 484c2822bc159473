// Outputs of tools of any size: real ones, kept under texts/, whose parts are repeated with other file
// names, other lines and totals that fit.

import { readFileSync } from 'node:fs'

/**
 * How each tool's output is cut. `parts` are expressions for what is repeated, one section after the
 * other; what is between them stands once. `moved` gives the files and lines of a repeated part new names.
 *
 * @type {Record<string, { errors: number, type: string, parts: RegExp[], moved: (text: string, n: number) => string }>}
 */
const TOOLS = {
  ruff: {
    errors: 16,
    type: 'linter',
    parts: [/^I001[^]*?(?=^Found \d)/m],
    moved: (text, n) => text.replace(/--> inventory\/(\w+\.py):(\d+)/g, (_, file, line) => `--> inventory/part${n}/${file}:${later(line, n)}`),
  },
  tsc: {
    errors: 14,
    type: 'typecheck',
    parts: [/^src[^]*/m],
    moved: (text, n) => text.replace(/^src\/(\w+\.ts)\((\d+)/gm, (_, file, line) => `src/part${n}/${file}(${later(line, n)}`),
  },
  pytest: {
    errors: 7,
    type: 'test_failure',
    parts: [/^_+ test_debit _+$[^]*?(?=^=+ short test summary)/m, /^FAILED [^]*?(?=^=+ \d+ failed)/m],
    moved: (text, n) => text
      .replace(/^(tests|calc)\/(\w+\.py):(\d+)/gm, (_, directory, file, line) => `${directory}/part${n}/${file}:${later(line, n)}`)
      .replace(/^(FAILED|ERROR) tests\//gm, `$1 tests/part${n}/`),
  },
  eslint: {
    errors: 20,
    type: 'linter',
    parts: [/^\/app[^]*?(?=^✖)/m],
    moved: (text, n) => text
      .replace(/^\/app\/src\//gm, `/app/src/part${n}/`)
      .replace(/^ {1,3}(\d+)(?=:)/gm, (_, line) => `  ${later(line, n)}`),
  },
  cargo: {
    errors: 6,
    type: 'build_failure',
    parts: [/^error\[E0106\][^]*?(?=^Some errors have)/m],
    moved: (text, n) => text.replace(/--> src\/(\w+\.rs):(\d+)/g, (_, file, line) => `--> src/part${n}/${file}:${later(line, n)}`),
  },
}

export const NAMES = Object.keys(TOOLS)

/**
 * An output of at least this many bytes.
 *
 * @param {string} name
 * @param {number} bytes
 * @returns {{ text: string, bytes: number, errors: number, type: string }} `text` as one flat string, as it comes from a
 *   pipe; `errors` and `type` are what an analysis must find
 */
export function grown(name, bytes) {
  const { errors, type, parts, moved } = TOOLS[name]
  const seed = readFileSync(new URL(`texts/${name}.txt`, import.meta.url), 'utf8')
  let rest = seed
  /** What stands before each part, and the part. */
  const sections = parts.map((expression) => {
    const found = expression.exec(rest)
    if (found === null) throw new Error(`texts/${name}.txt has no ${expression}`)
    const section = { before: rest.slice(0, found.index), part: found[0] }
    rest = rest.slice(found.index + found[0].length)
    return section
  })
  const repeated = sections.reduce((sum, { part }) => sum + Buffer.byteLength(part), 0)
  const copies = Math.max(1, Math.ceil((bytes - Buffer.byteLength(seed)) / repeated) + 1)
  const pieces = sections.flatMap(({ before, part }) => [before, ...Array.from({ length: copies }, (_, n) => moved(part, n))])
  const raw = Buffer.from(pieces.join('') + scaled(rest, copies))
  return { text: raw.toString('utf8'), bytes: raw.length, errors: errors * copies, type }
}

/** A total many times as large. */
function scaled(text, times) {
  return text.replace(/\b\d+(?= (?:errors?|fixable|unsafe|problems|warnings|failed|passed|skipped|xfailed|previous)\b)/g, (count) => String(count * times))
}

function later(line, n) {
  return Number(line) + (n * 7) % 1000
}
