'use strict'
/** The counts `npm test` ends with: whatever a runner does, a failure is never summed up as success. */

const { spawnSync } = require('node:child_process')
const { mkdtempSync, rmSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const path = require('node:path')

const STAGES = path.resolve(__dirname, '../../scripts/stages.mjs')
const unixTest = process.platform === 'win32' ? test.skip : test
const suffix = process.platform === 'win32' ? ' (skipped: needs a POSIX shell)' : ''

let directory
beforeEach(() => {
  directory = mkdtempSync(path.join(tmpdir(), 'plimsoll-stages-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** Runs stages given as source text; the last line is what a caller reads. */
const runStages = (stages, env = process.env) => {
  const script = `
    import { cargoTests, check, jestTests, runStages } from ${JSON.stringify(STAGES)}
    process.exitCode = await runStages([${stages}])`
  const result = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8', env })
  return { code: result.status, last: result.stdout.trimEnd().split('\n').at(-1), stdout: result.stdout }
}

/** A `cargo` that prints `output` and ends with `code`. */
const withCargo = (output, code) => {
  writeFileSync(path.join(directory, 'output'), output)
  writeFileSync(path.join(directory, 'cargo'), `#!/bin/sh\ncat "${directory}/output"\nexit ${code}\n`, { mode: 0o755 })
  return { ...process.env, PATH: `${directory}${path.delimiter}${process.env.PATH}` }
}

const outcome = (passed, failed) => `{ name: 'x', run: async () => ({ passed: ${passed}, failed: ${failed} }) }`

test.each([
  ['passes sum up', [outcome(3, 0), outcome(4, 0)], '7 passed, 0 failed', 0],
  ['one failure fails the run', [outcome(3, 1), outcome(4, 0)], '7 passed, 1 failed', 1],
  ['a stage that throws is a failure, and the next one still runs', [`{ name: 'x', run: async () => { throw new Error('boom') } }`, outcome(4, 0)], '4 passed, 1 failed', 1],
  ['no test at all is no success', [outcome(0, 0)], '0 passed, 0 failed', 1],
  ['a command that ends with 0 passes', [`check('x', process.execPath, ['-e', ''])`], '1 passed, 0 failed', 0],
  ['a command that ends otherwise fails', [`check('x', process.execPath, ['-e', 'process.exit(2)'])`], '0 passed, 1 failed', 1],
  ['a command that a signal ends fails', [`check('x', process.execPath, ['-e', 'process.kill(process.pid, "SIGKILL")'])`], '0 passed, 1 failed', 1],
  ['a command that is not there fails', [`check('x', 'no-such-command-here', [])`], '0 passed, 1 failed', 1],
])('%s', (_name, stages, last, code) => {
  expect(runStages(stages.join(', '))).toMatchObject({ last, code })
})

unixTest(`cargo's result lines are summed up, and ignored tests are named${suffix}`, () => {
  const output = `running 3 tests
test a::works ... ok
test a::slow ... ignored, takes an hour
test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
test result: ok. 5 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
`
  const { last, stdout, code } = runStages("cargoTests('Rust', [])", withCargo(output, 0))
  expect(last).toBe('7 passed, 0 failed')
  expect(stdout).toContain('skipped  Rust: a::slow (ignored, takes an hour)')
  expect(code).toBe(0)
})

unixTest.each([
  ['a failing test', 'test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out\n', '2 passed, 3 failed'],
  ['a compile error', 'error: could not compile\n', '0 passed, 1 failed'],
  ['an abort after tests that passed', 'test result: ok. 2 passed; 0 failed; 0 ignored\n', '2 passed, 1 failed'],
])(`%s fails the Rust stage${suffix}`, (_name, output, last) => {
  expect(runStages("cargoTests('Rust', [])", withCargo(output, 101))).toMatchObject({ last, code: 1 })
})

const jestIn = (files) => {
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(directory, name), text)
  writeFileSync(path.join(directory, 'jest.config.js'), 'module.exports = { haste: { enableSymlinks: false } }')
  return runStages(`jestTests('Jest', ['--rootDir', ${JSON.stringify(directory)}, '--config', ${JSON.stringify(path.join(directory, 'jest.config.js'))}])`)
}

test('Jest counts tests, names skipped ones, and a file that does not load is a failure', () => {
  const { last, stdout, code } = jestIn({
    'a.test.js': "test('works', () => {}); test('fails', () => { throw new Error('no') }); test.skip('not here', () => {})",
    'b.test.js': 'this is no JavaScript',
  })
  expect(last).toBe('1 passed, 2 failed')
  expect(stdout).toContain('skipped  Jest: not here')
  expect(code).toBe(1)
})

test('Jest without a test file is no success', () => {
  expect(jestIn({})).toMatchObject({ last: '0 passed, 1 failed', code: 1 })
})
