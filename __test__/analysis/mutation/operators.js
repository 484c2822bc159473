'use strict'
/**
 * Mutation operators: what a slip of the pen does to one line of a program.
 *
 * Each is applied at every place its expression matches. Lines of comments and blank lines are left
 * alone. The order of mutants depends on the seed alone, and takes the operators in turn, so that any
 * number of them from the beginning holds all kinds.
 */

const fs = require('node:fs')
const path = require('node:path')

/**
 * @typedef {object} Operator
 * @property {string} name
 * @property {RegExp} at
 * @property {string | null} becomes as `String.prototype.replace` takes it; null deletes the line
 */
/**
 * @typedef {object} Mutant
 * @property {string} operator
 * @property {string} file from the project's directory, with slashes
 * @property {number} line from 1
 * @property {string} before
 * @property {string | null} after null when the line was deleted
 */

/** Deletes whatever stands there, and the line with it. */
const DELETED = null

/** @type {Record<string, Operator[]>} */
const OPERATORS = {
  typescript: [
    { name: 'misspelt call', at: /(?<!function |new )\b(?!if|for|while|catch|constructor|return)[a-z]\w*(?=\()/g, becomes: '$&d' },
    { name: 'misspelt member', at: /(?<=\w\.)[a-z]\w*/g, becomes: '$&s' },
    { name: 'misspelt type', at: /(?<=: |<)[A-Z]\w*/g, becomes: '$&s' },
    { name: 'renamed declaration', at: /(?<=\b(?:const|function|class|interface) )[A-Za-z]\w*/g, becomes: '$&Renamed' },
    { name: 'missing import', at: /^import .*$/g, becomes: DELETED },
    { name: 'import of a missing file', at: /(?<=^import .* from '\.\/)\w+/g, becomes: '$&s' },
    { name: 'name not imported', at: /(?<=^import \{.* )\w+, /g, becomes: '' },
    { name: 'wrong type of a value', at: /: number\b/g, becomes: ': string' },
    { name: 'wrong type of a text', at: /: string\b/g, becomes: ': boolean' },
    { name: 'text for a number', at: /(?<![\w'.])\d[\d_.]*(?![\w'])/g, becomes: "'1'" },
    { name: 'number for a text', at: /(?<!from )'[^']*'/g, becomes: '42' },
    { name: 'removed argument', at: /(?<=\w\([^(),]+), [^(),]+(?=\))/g, becomes: '' },
    { name: 'removed return', at: /\breturn (?=.)/g, becomes: '' },
    { name: 'removed parenthesis', at: /\)(?= \{$|$)/g, becomes: '' },
    { name: 'removed brace', at: /\{$/g, becomes: '' },
    { name: 'stray operator', at: / [-+] /g, becomes: ' +* ' },
    { name: 'deleted line', at: /^(?!import).+$/g, becomes: DELETED },
  ],
  python: [
    { name: 'misspelt call', at: /(?<!def |class |import )\b(?!if|for|while|in|and|or|not)[a-z]\w*(?=\()/g, becomes: '$&d' },
    { name: 'misspelt member', at: /(?<=\w\.)[a-z]\w*/g, becomes: '$&s' },
    { name: 'misspelt type', at: /(?<=(?:: |-> |\[))[A-Z]\w*/g, becomes: '$&s' },
    { name: 'renamed declaration', at: /(?<=\b(?:def|class) )[A-Za-z]\w*/g, becomes: '$&_renamed' },
    { name: 'missing import', at: /^(?:from|import) .*$/g, becomes: DELETED },
    { name: 'import of a missing module', at: /(?<=^from )[\w.]+/g, becomes: '$&s' },
    { name: 'name not imported', at: /(?<=^from .* import .*)\w+, /g, becomes: '' },
    { name: 'wrong type of a value', at: /: (?:float|datetime)\b/g, becomes: ': bytes' },
    { name: 'wrong type of a result', at: /-> (?:float|str|Item|bool)(?=:)/g, becomes: '-> bytes' },
    { name: 'text for a number', at: /(?<![\w".])\d[\d.]*(?![\w"])/g, becomes: '"1"' },
    { name: 'number for a text', at: /(?<!")"[^"{]*"(?!")/g, becomes: '42' },
    { name: 'nothing for a value', at: /(?<=^ +(?:self\.)?\w+ = ).+$/g, becomes: 'None' },
    { name: 'removed argument', at: /(?<=\w\([^(),]+), [^(),]+(?=\))/g, becomes: '' },
    { name: 'removed self', at: /\bself\./g, becomes: '' },
    { name: 'removed return', at: /\breturn (?=.)/g, becomes: '' },
    { name: 'removed parenthesis', at: /\)(?=$|:$| ->)/g, becomes: '' },
    { name: 'removed colon', at: /:$/g, becomes: '' },
    { name: 'wrong indentation', at: /^ +/g, becomes: '$& ' },
    { name: 'stray operator', at: / [-+] /g, becomes: ' +* ' },
    { name: 'deleted line', at: /^(?!from|import).+$/g, becomes: DELETED },
  ],
  rust: [
    { name: 'misspelt call', at: /(?<!fn )\b(?!if|for|while|match|in|fn|pub)[a-z]\w*(?=\()/g, becomes: '$&d' },
    { name: 'misspelt member', at: /(?<=\w\.)[a-z]\w*(?!\w*\()/g, becomes: '$&s' },
    { name: 'misspelt type', at: /(?<=(?:: &?|-> |<))[A-Z]\w*/g, becomes: '$&s' },
    { name: 'renamed declaration', at: /(?<=\b(?:fn|struct|enum|const) )[A-Za-z]\w*/g, becomes: '$&Renamed' },
    { name: 'missing import', at: /^use .*$/g, becomes: DELETED },
    { name: 'import from a missing module', at: /(?<=^use (?:crate|std)::)\w+/g, becomes: '$&s' },
    { name: 'name not imported', at: /(?<=^use .*)\b\w+, /g, becomes: '' },
    { name: 'wrong type of a value', at: /: (?:f64|u64)\b/g, becomes: ': bool' },
    { name: 'wrong type of a result', at: /-> (?:f64|String|bool)\b/g, becomes: '-> char' },
    { name: 'text for a number', at: /(?<![\w".:{])\d[\d.]*(?![\w"}])/g, becomes: '"1"' },
    { name: 'number for a text', at: /"[^"]*"/g, becomes: '42' },
    { name: 'removed argument', at: /(?<=\w\([^(),]+), [^(),]+(?=\))/g, becomes: '' },
    { name: 'removed reference', at: /&(?:mut )?(?=\w)/g, becomes: '' },
    { name: 'removed mutability', at: /\bmut /g, becomes: '' },
    { name: 'removed question mark', at: /\?(?=;)/g, becomes: '' },
    { name: 'removed semicolon', at: /;$/g, becomes: '' },
    { name: 'removed parenthesis', at: /\)(?=;$|$| \{$| ->)/g, becomes: '' },
    { name: 'removed brace', at: /\{$/g, becomes: '' },
    { name: 'removed return', at: /\breturn (?=.)/g, becomes: '' },
    { name: 'deleted line', at: /^(?!use).+$/g, becomes: DELETED },
  ],
}

const SOURCES = { typescript: ['src', '.ts'], python: ['harbour', '.py'], rust: ['src', '.rs'] }
const COMMENT = /^\s*(?:\/\/|#(?!\[)|"""|$)/

/**
 * Every mutant of a project, in the order of the seed.
 *
 * @param {keyof typeof SOURCES} language
 * @param {string} directory of the project
 * @param {number} seed
 * @returns {Mutant[]}
 */
function mutantsOf(language, directory, seed) {
  const [sources, ending] = SOURCES[language]
  const files = fs.readdirSync(path.join(directory, sources)).filter((file) => file.endsWith(ending)).sort()
  const next = random(seed)
  const kinds = OPERATORS[language].map((operator) => {
    const mutants = files.flatMap((file) => applied(operator, directory, `${sources}/${file}`))
    return shuffled(mutants, next)
  })
  const mixed = []
  for (let turn = 0; kinds.some((kind) => turn < kind.length); turn++) {
    for (const kind of kinds) if (turn < kind.length) mixed.push(kind[turn])
  }
  return mixed
}

/** @returns {Mutant[]} of one operator in one file */
function applied({ name, at, becomes }, directory, file) {
  const lines = fs.readFileSync(path.join(directory, file), 'utf8').split('\n')
  return lines.flatMap((before, index) => {
    if (COMMENT.test(before)) return []
    return [...before.matchAll(at)].map((match) => {
      const after = becomes === DELETED ? null : before.slice(0, match.index) + becomes.replaceAll('$&', match[0]) + before.slice(match.index + match[0].length)
      return { operator: name, file, line: index + 1, before, after }
    })
  })
}

/**
 * A text with its line changed.
 *
 * @param {string} text
 * @param {Mutant} mutant
 */
function mutated(text, { line, after }) {
  const lines = text.split('\n')
  lines.splice(line - 1, 1, ...(after === null ? [] : [after]))
  return lines.join('\n')
}

function shuffled(values, next) {
  for (let last = values.length - 1; last > 0; last--) {
    const other = Math.floor(next() * (last + 1))
    ;[values[last], values[other]] = [values[other], values[last]]
  }
  return values
}

/** Mulberry32 by Tommy Ettinger (public domain): numbers from 0 to below 1. */
function random(seed) {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

module.exports = { mutantsOf, mutated }
