'use strict'
/**
 * The first mutants of `npm run mutation-truth`, by the TypeScript compiler in this process: its errors
 * are those of `tsc`, without reading the standard library anew for each.
 */

const fs = require('node:fs')
const path = require('node:path')
const ts = require('typescript')
const { ErrorAnalysisWorker } = require('../..')
const { temporaryDirectory } = require('../support/directories')
const { mutantsOf, mutated } = require('./mutation/operators')
const { judge } = require('./mutation/verdict')
const { copyProject } = require('./mutation/tools')

/** Mutants whose line the compiler names. */
const NAMED = 10
const SEED = 1

/** What `tsc -p . --pretty false` prints of a project. */
function compilerFor(directory) {
  const config = ts.getParsedCommandLineOfConfigFile(path.join(directory, 'tsconfig.json'), undefined, {
    ...ts.sys,
    onUnRecoverableConfigFileDiagnostic(diagnostic) {
      throw new Error(ts.flattenDiagnosticMessageText(diagnostic.messageText, '\n'))
    },
  })
  const library = new Map()
  const host = ts.createCompilerHost(config.options)
  const read = host.getSourceFile
  host.getSourceFile = (file, ...how) => {
    if (file.startsWith(directory)) return read(file, ...how)
    if (!library.has(file)) library.set(file, read(file, ...how))
    return library.get(file)
  }
  const format = { getCurrentDirectory: () => directory, getCanonicalFileName: (file) => file, getNewLine: () => '\n' }
  return () => {
    const program = ts.createProgram(config.fileNames, config.options, host)
    return ts.formatDiagnostics(ts.sortAndDeduplicateDiagnostics(ts.getPreEmitDiagnostics(program)), format)
  }
}

test('the first error of an analysis is where the mutation is', async () => {
  const directory = path.join(temporaryDirectory(), 'project')
  copyProject('typescript', directory)
  const compile = compilerFor(directory)
  expect(compile()).toBe('')
  const worker = new ErrorAnalysisWorker({ maxProblems: 1 })
  const verdicts = []
  for (const mutant of mutantsOf('typescript', directory, SEED)) {
    const file = path.join(directory, mutant.file)
    const own = fs.readFileSync(file, 'utf8')
    fs.writeFileSync(file, mutated(own, mutant))
    const text = compile()
    fs.writeFileSync(file, own)
    if (text === '') continue
    const summary = await worker.analyzeError(text, { taskId: 'mutation', phase: 'test', exitCode: 2 })
    expect(summary).toMatchObject({ type: 'typecheck', tool: 'tsc' })
    verdicts.push(judge('tsc', mutant, directory, text, summary))
    if (verdicts.filter(({ named }) => named).length === NAMED) break
  }
  const named = verdicts.filter((verdict) => verdict.named)
  expect(named).toHaveLength(NAMED)
  expect(named.filter(({ top }) => top).length).toBeGreaterThanOrEqual(0.9 * NAMED)
  expect(verdicts.filter(({ agrees }) => agrees).length).toBeGreaterThanOrEqual(0.9 * verdicts.length)
})

test.each([
  ['cargo', 'error[E0425]: cannot find value `x`\n --> src/a.rs:3:5\n', 'src/a.rs', 3],
  ['mypy', 'harbour/a.py:7: error: Name "x" is not defined  [name-defined]\n', 'harbour/a.py', 7],
  ['tsc', 'src/a.ts(3,4): error TS2304: x\n', 'src/a.ts', 3],
  ['unittest', `${'='.repeat(70)}\nERROR: test_x (tests.X)\n  File "tests/x.py", line 2, in x\n  File "harbour/a.py", line 9, in y\nNameError: z\n`, 'harbour/a.py', 9],
])('places are read from what %s prints', (tool, text, file, line) => {
  const summary = { details: { problems: [{ file, line }] } }
  const verdict = judge(tool, { file, line, operator: '', before: '', after: null }, '/project', text, summary)
  expect(verdict).toMatchObject({ named: true, top: true, toolTop: true, agrees: true })
})
