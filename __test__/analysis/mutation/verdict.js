'use strict'
/**
 * Where a tool places its errors, read by rules of our own that know nothing of the analysis; and what
 * the analysis is worth against them.
 *
 * A tool cannot always name the line that was mutated: of a return type that no longer fits, a compiler
 * names the `return`; of a wrong constant, a test names its assertion. Nobody who only reads the text
 * can do better. So mutants are told apart:
 *
 * - `named`: one of the tool's errors is at the mutated line. It is the first error that is asked for.
 * - `elsewhere`: none is. All that can be asked is the tool's own first error.
 */

const path = require('node:path')

/** @typedef {{ file: string, line: number }} Place */

/** Where errors are in what each tool prints, in its order. @type {Record<string, (text: string) => Place[]>} */
const PLACES = {
  tsc: (text) => [...text.matchAll(/^(\S[^\n(]*)\((\d+),\d+\): error TS/gm)].map(placed),
  mypy: (text) => [...text.matchAll(/^(\S[^\n:]*):(\d+): error: /gm)].map(placed),
  cargo: (text) => [...text.matchAll(/^error(?:\[E\d+\])?: .*\n(?:[^\n]+\n)*? +--> ([^\n:]+):(\d+):\d+$/gm)].map(placed),
  unittest: (text) => text.split(/^={70}$/m).slice(1).flatMap(raised),
}

const placed = ([, file, line]) => ({ file, line: Number(line) })

/** The innermost frame of the project in one failure's traceback: where it was raised, as far as is its own. */
function raised(failure) {
  const frames = [...failure.matchAll(/^ {2}File "([^"]+)", line (\d+)/gm)].map(placed)
  const own = frames.filter(({ file }) => !/^<|[\\/](?:unittest|importlib|lib[\\/]python[\d.]+|Lib)[\\/]/.test(file))
  return own.slice(-1)
}

/**
 * @typedef {object} Verdict
 * @property {boolean} named the tool places an error at the mutated line
 * @property {boolean} top the analysis has the mutated line first
 * @property {boolean} toolTop the tool has it first
 * @property {boolean} agrees the analysis has first what the tool has first
 * @property {Place | undefined} ours
 * @property {Place | undefined} tools
 */

/**
 * @param {string} tool
 * @param {import('./operators').Mutant} mutant
 * @param {string} directory where the tool ran
 * @param {string} text what it printed
 * @param {any} summary of ErrorAnalysisWorker with `maxProblems: 1`
 * @returns {Verdict}
 */
function judge(tool, mutant, directory, text, summary) {
  const relative = ({ file, line }) => ({ file: path.relative(directory, path.resolve(directory, file)).replaceAll(path.sep, '/'), line })
  const places = PLACES[tool](text).map(relative)
  const [problem] = summary.details.problems ?? []
  const ours = problem?.file === undefined ? undefined : relative({ file: problem.file, line: problem.line })
  const isMutant = same(mutant)
  return {
    named: places.some(isMutant),
    top: isMutant(ours),
    toolTop: isMutant(places[0]),
    agrees: places.length > 0 && same(places[0])(ours),
    ours,
    tools: places[0],
  }
}

/** @param {Place} place */
function same(place) {
  return (/** @type {Place | undefined} */ other) => other !== undefined && other.file === place.file && other.line === place.line
}

module.exports = { judge }
