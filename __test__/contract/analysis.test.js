'use strict'
/**
 * The class that ErrorAnalysisWorker replaces, as the suites of its users test it. One behaviour a test,
 * nothing of what Plimsoll adds.
 */

const { ErrorAnalysisWorker } = require('../..')

const CONTEXT = { taskId: 'TASK-1', agent: 'agent-1', phase: 'preflight' }
const analyze = (/** @type {Error | string} */ error, worker = new ErrorAnalysisWorker()) => worker.analyzeError(error, CONTEXT)

/** What ruff prints, cut after the first findings: its own total says how many there were. */
function ruffOutput({ fixable = 40 } = {}) {
  const mark = fixable > 0 ? '[*] ' : ''
  const lines = []
  for (let n = 1; n <= 40; n++) lines.push(`src/agents/module_${n}.py:${n}:1: F401 ${mark}\`os\` imported but unused`)
  for (let n = 1; n <= 8; n++) lines.push(`src/agents/other_${n}.py:${n}:5: F841 Local variable \`x\` is assigned to but never used`)
  lines.push('Found 53 errors.')
  if (fixable > 0) lines.push(`[*] ${fixable} fixable with the \`--fix\` option.`)
  return lines.join('\n')
}

describe('linters', () => {
  test('the count is the tool’s own, the codes those in the text', async () => {
    const summary = await analyze(new Error(ruffOutput()))
    expect(summary.type).toBe('linter')
    expect(summary.summary.replace(/ \([a-z-]+\)/g, '')).toBe('53 linting errors: 40x F401, 8x F841')
    expect(summary.suggestion).toBe('Run: ruff --fix (40/53 auto-fixable)')
    expect(summary.actionable).toBe(true)
    expect(summary.details).toMatchObject({ errorCount: 53, errorsByType: { F401: 40, F841: 8 }, fixableCount: 40 })
    expect(summary.details.affectedFiles).toHaveLength(48)
  })

  test('without fixable ones fixes are manual and nothing is actionable', async () => {
    const summary = await analyze(ruffOutput({ fixable: 0 }))
    expect(summary.suggestion).toMatch(/^Manual fixes needed/)
    expect(summary.actionable).toBe(false)
  })

  test('a text of a kilobyte shrinks to a tenth, a long one to a twentieth', async () => {
    const kilobyte = ruffOutput().split('\n').slice(0, 16).concat('Found 53 errors.', '[*] 40 fixable with the `--fix` option.').join('\n')
    const short = await analyze(kilobyte)
    expect(kilobyte.length).toBeGreaterThan(1000)
    expect(short.compressedSize).toBeLessThan(kilobyte.length / 10)
    const long = await analyze(ruffOutput())
    expect(long).toMatchObject({ rawSize: ruffOutput().length, compressedSize: long.summary.length })
    expect(long.compressedSize).toBeLessThan(long.rawSize / 20)
  })
})

test('type checkers: the diagnostics in the text are counted, codes and files named', async () => {
  const text = [
    "src/a.ts(1,2): error TS2304: Cannot find name 'foo'.",
    "src/a.ts(3,2): error TS2339: Property 'x' does not exist on type 'Y'.",
    "src/b.ts(1,7): error TS2322: Type 'string' is not assignable to type 'number'.",
    'src/c.ts(9,9): error TS2554: Expected 1 arguments, but got 2.',
    'Found 12 errors in 5 files.',
  ].join('\n')
  const summary = await analyze(text)
  expect(summary).toMatchObject({
    type: 'typecheck',
    summary: '4 type errors: TS2304, TS2339, +2 more',
    suggestion: 'Fix type errors in: src/a.ts, src/b.ts, +1 more',
    details: { errorCount: 4 },
  })
})

describe('tests', () => {
  test('one failed', async () => {
    const summary = await analyze('FAIL src/cart.test.js\n  ● cart › adds up\n\n    expect(received).toBe(expected)\n\nTests:       1 failed, 4 passed, 5 total\n')
    expect(summary.type).toBe('test_failure')
    expect(summary.summary).toBe('1 test failed')
    expect(summary.suggestion).toMatch(/^Fix test: .*cart › adds up/)
  })

  test('several failed', async () => {
    const summary = await analyze('FAIL src/cart.test.js\n  ● cart › a\n\n    x\n\n  ● cart › b\n\n    x\n\n  ● cart › c\n\n    x\n\nTests:       3 failed, 4 passed, 7 total\n')
    expect(summary.summary).toMatch(/^3 tests failed/)
  })
})

describe('builds', () => {
  test('a build that failed is one, whatever types it complains of', async () => {
    const summary = await analyze("Failed to compile.\n\n./src/app.ts:3:5\nType error: Type 'string' is not assignable to type 'number'.\nsrc/b.ts(1,2): error TS2304: Cannot find name 'x'.\nBuild failed with 2 errors")
    expect(summary).toMatchObject({ type: 'build_failure', summary: 'Build failed' })
    expect(summary.suggestion).toMatch(/^First error: /)
  })
})

test('what is not understood is said so, with its first line', async () => {
  const summary = await analyze(new Error('The frobnicator lost its widget'))
  expect(summary).toMatchObject({ type: 'unknown', summary: 'unknown: The frobnicator lost its widget', actionable: false })
})

test.each(['connect ECONNREFUSED 127.0.0.1:5432', 'getaddrinfo ENOTFOUND api.example.test', 'read ECONNRESET', 'connect ETIMEDOUT 10.0.0.1:443'])(
  '%s is a network error',
  async (message) => {
    expect((await analyze(new Error(message))).type).toBe('network_error')
    expect((await analyze(message)).type).toBe('network_error')
  },
)

test('the same again is counted, distinct ones are distinct', async () => {
  const worker = new ErrorAnalysisWorker()
  const first = await analyze('disk on fire', worker)
  const second = await analyze('disk on fire', worker)
  const third = await analyze('disk on fire', worker)
  const other = await analyze('disk under water', worker)
  expect(second.summary).toBe(`${first.summary} (seen 2x)`)
  expect(third.summary).toBe(`${first.summary} (seen 3x)`)
  expect(other.summary).not.toContain('seen')
  expect(first.hash).toMatch(/^[0-9a-f]{16}$/)
  expect([second.hash, third.hash]).toEqual([first.hash, first.hash])
  expect(other.hash).not.toBe(first.hash)
  expect(worker.getStatistics()).toEqual([{ hash: first.hash, count: 3 }, { hash: other.hash, count: 1 }])
  worker.clearStatistics()
  expect(worker.getStatistics()).toEqual([])
  expect((await analyze('disk on fire', worker)).summary).toBe(first.summary)
})

test('a summary never has more than 500 characters', async () => {
  const worker = new ErrorAnalysisWorker()
  for (let n = 0; n < 3; n++) expect((await analyze('x'.repeat(100_000), worker)).summary.length).toBeLessThanOrEqual(500)
  const types = Array.from({ length: 400 }, (_, n) => `src/${'d'.repeat(300)}/f${n}.ts(1,1): error TS${n}: ${'m'.repeat(600)}`).join('\n')
  expect((await analyze(types, worker)).summary.length).toBeLessThanOrEqual(500)
})

test('an error may be a class of its own, empty, or nothing at all', async () => {
  for (const error of [new TypeError('x is not a function'), new Error(''), '']) {
    const summary = await analyze(error)
    expect(typeof summary.summary).toBe('string')
    expect(summary.summary.length).toBeGreaterThan(0)
  }
})
