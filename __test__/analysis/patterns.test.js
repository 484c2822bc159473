'use strict'
/** Patterns of the user's own. */

const { ErrorAnalysisWorker } = require('../..')

const CONTEXT = { taskId: 'T', phase: 'p' }

function refused(worker, pattern) {
  try {
    worker.addPattern(pattern)
  } catch (error) {
    return error
  }
  throw new Error('it was not refused')
}

test('a pattern decides before any dialect, in the order added', async () => {
  const worker = new ErrorAnalysisWorker()
  worker.addPattern({
    name: 'lease', match: /LEASE (?<id>\w+) lost after (\d+)s/i, type: 'timeout', code: 'LEASE',
    summary: 'lease $<id> lost, $2 s', suggestion: 'renew $<id> ($&)', fixCommand: 'leasectl renew $<id>',
  })
  worker.addPattern({ name: 'later', match: 'lease', type: 'auth' })
  const summary = await worker.analyzeError("src/a.ts(1,1): error TS2304: x\nlease q7 lost after 30s\nlease q8 lost after 31s\n", CONTEXT)
  expect(summary).toMatchObject({
    type: 'timeout', summary: 'lease q7 lost, 30 s', suggestion: 'renew q7 (lease q7 lost after 30s)', actionable: true,
    details: { pattern: 'lease', errorCount: 2, errorsByType: { LEASE: 2 } },
    fixTask: { id: 'T-fix-timeout', command: 'leasectl renew q7', files: [] },
  })
  expect(worker.patterns()).toEqual(['lease', 'later'])
  expect(worker.removePattern('lease')).toBe(true)
  expect(worker.removePattern('lease')).toBe(false)
  expect((await worker.analyzeError('a lease of life', CONTEXT)).type).toBe('auth')
})

test('a text is found as it is', async () => {
  const worker = new ErrorAnalysisWorker()
  worker.addPattern({ name: 'literal', match: 'a+b?', type: 'vcs' })
  expect((await worker.analyzeError('aab', CONTEXT)).type).toBe('unknown')
  expect((await worker.analyzeError('so a+b? it is', CONTEXT)).type).toBe('vcs')
})

test('what is refused changes nothing and is told where', () => {
  const worker = new ErrorAnalysisWorker()
  const good = { name: 'p', match: /x/, type: 'timeout' }
  for (const wrong of [
    undefined, 7, {}, { ...good, name: '' }, { ...good, type: 'none' }, { ...good, match: '' }, { ...good, match: 7 },
    { ...good, summary: 7 }, { ...good, match: /(?<=a)b/ }, { ...good, match: /(a)\1/ }, { ...good, match: /(?:a{1000}){1000}/ },
  ]) {
    expect(refused(worker, wrong).code).toBe('ERR_PLIMSOLL_ARGUMENT')
  }
  expect(refused(worker, { ...good, match: /ab(?!c)/ })).toMatchObject({ part: '(?!', start: 2 })
  expect(worker.patterns()).toEqual([])
  worker.addPattern(good)
  expect(refused(worker, good).message).toMatch(/already/)
})

test('no pattern can hang it', async () => {
  const worker = new ErrorAnalysisWorker()
  worker.addPattern({ name: 'slow', match: /^(a+)+$/, type: 'timeout' })
  worker.addPattern({ name: 'slower', match: /(x+x+)+y/, type: 'timeout' })
  const { type } = await worker.analyzeError(`${'a'.repeat(16_000)}!\n${'x'.repeat(16_000)}\n`, CONTEXT)
  expect(type).toBe('unknown')
})
