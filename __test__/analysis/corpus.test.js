'use strict'
/** Real outputs with their truth: every figure stays above its threshold (`npm run score` shows them). */

const { ErrorAnalysisWorker } = require('../..')
const { THRESHOLDS, readCases, scoreAll } = require('../support/score')

test('the corpus is scored above every threshold', async () => {
  const cases = readCases()
  expect(cases.length).toBeGreaterThan(330)
  const { figures, rows } = await scoreAll(cases, (text) => new ErrorAnalysisWorker().analyzeError(text, { taskId: 'score', phase: 'verify' }))
  for (const [figure, least] of Object.entries(THRESHOLDS)) {
    const missed = rows.filter(({ marks }) => marks[figure] < 1).map(({ name }) => name)
    expect({ figure, missed, enough: figures[figure].value >= least }).toEqual({ figure, missed: expect.anything(), enough: true })
  }
}, 120_000)

test('a variant is the same failure: colours, CRLF and prefixes change neither count nor hash', async () => {
  const cases = new Map(readCases().map((one) => [one.name, one]))
  const analyze = (text) => new ErrorAnalysisWorker().analyzeError(text, { taskId: 'score', phase: 'verify' })
  for (const name of ['ruff-full', 'ts-tsc5-plain', 'pytest-mixed', 'eslint-stylish']) {
    const plain = cases.get(name)
    const expected = await analyze(plain.text)
    const lines = plain.text.split('\n')
    const variants = {
      crlf: lines.join('\r\n'),
      times: lines.map((line, n) => `2026-03-02T09:14:${String(n % 60).padStart(2, '0')}.1234567Z ${line}`).join('\n'),
      colours: lines.map((line) => (line === '' ? line : `\u001b[31m${line}\u001b[0m`)).join('\n'),
    }
    for (const [variant, text] of Object.entries(variants)) {
      const { type, hash, details } = await analyze(text)
      expect({ name, variant, type, hash, count: details.errorCount })
        .toEqual({ name, variant, type: expected.type, hash: expected.hash, count: expected.details.errorCount })
    }
  }
})
