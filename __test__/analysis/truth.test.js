'use strict'
/** The exit status outweighs every word, and the same failure has the same hash. */

const { ErrorAnalysisWorker } = require('../..')

const analyze = (text, context = {}) => new ErrorAnalysisWorker().analyzeError(text, { taskId: 'T', phase: 'p', ...context })

/** Words that would tell a reader that all is well. */
const SUCCESS = /success|succeeded|passed|no problems|no errors|no issues|all good|all done|completed|0 errors/i

test.each([
  'All checks passed!\n',
  'Success: no issues found in 12 source files\n',
  'Tests:       12 passed, 12 total\n',
  'Build completed successfully\n',
  '✔ All done, no problems\n',
  'Finished `dev` profile in 2.1s\n',
  'test result: ok. 5 passed; 0 failed\n',
  'everything is fine\n0 errors\n',
  '',
])('a command that failed is never told in words of success: %j', async (text) => {
  for (const context of [{ exitCode: 1 }, { exitCode: 137 }, { signal: 'SIGKILL' }, { timedOut: true }]) {
    const { summary, suggestion, actionable } = await analyze(text, context)
    expect(summary).not.toMatch(SUCCESS)
    expect(suggestion).not.toMatch(SUCCESS)
    expect(actionable).toBe(false)
  }
})

test('a command that ended well is no failure, whatever it logged', async () => {
  const { type, actionable } = await analyze('Error: connect ECONNREFUSED 127.0.0.1:1 (will try again)\nTypeError: x is not a function\n    at f (a.js:1:1)\nrecovered\n', { exitCode: 0 })
  expect({ type, actionable }).toEqual({ type: 'unknown', actionable: false })
})

test('the tool’s own total outweighs a count of a text that was cut', async () => {
  const { details } = await analyze("a.py:1:1: F401 [*] `os` imported but unused\n[… 40 KB left out …]\nFound 793 errors.\n[*] 292 fixable with the `--fix` option.\n")
  expect(details).toMatchObject({ errorCount: 793, fixableCount: 292, errorsByType: { F401: 1 } })
})

test('what is not understood shows the line most likely to be the cause', async () => {
  const { summary } = await analyze('loading\nconnecting to frob\nfrobctl: cannot open /etc/frob.conf: no such widget\nbye\n', { exitCode: 4 })
  expect(summary).toBe('unknown: frobctl: cannot open /etc/frob.conf: no such widget (exit code 4)')
})

describe('hashes', () => {
  const tsc = (root, line, name = 'foo') => `${root}/src/cart/a.ts(${line},2): error TS2304: Cannot find name '${name}'.\n`
  const trace = (root, time, id) => [
    `${time} request ${id} failed`,
    'Traceback (most recent call last):',
    `  File "${root}/src/app/main.py", line 12, in <module>`,
    '    run()',
    "KeyError: 'sku'",
    '',
  ].join('\n')

  test('are the same in three checkouts, at other lines, times and ids', async () => {
    const texts = [
      [tsc('/home/ann/shop', 3), tsc('/builds/7712/shop-2', 90), tsc('/tmp/checkout-a8f1', 4)],
      [
        trace('/home/ann/shop', '2026-01-02T03:04:05Z', 'req_8f3a91bc22'),
        trace('/srv/ci/9981', '2026-05-06T11:22:33Z', 'req_0011aabbcc'),
        trace('/private/var/x', '2027-05-06T11:22:33Z', 'req_99ffeeddcc'),
      ],
      ['worker 0x7f3a12 of pid 4711 hung after 31 ms', 'worker 0x7f9b00 of pid 12 hung after 7 ms', 'worker 0x10aa55 of pid 99999 hung after 1203 ms'],
    ]
    for (const same of texts) {
      const hashes = await Promise.all(same.map(async (text) => (await analyze(text)).hash))
      expect(new Set(hashes).size).toBe(1)
    }
  })

  test('differ for different failures', async () => {
    const texts = [
      tsc('/a', 3), tsc('/a', 3, 'bar'), tsc('/a', 3).replace('cart', 'user'), tsc('/a', 3).replace('TS2304', 'TS2305'),
      'connect ECONNREFUSED 127.0.0.1:5432', 'connect ECONNREFUSED 127.0.0.1:6379', 'Error 1', 'Error 2', 'error: disk on fire', 'error: disk under water',
      trace('/a', '', 'x'), trace('/a', '', 'x').replace('KeyError', 'ValueError'), trace('/a', '', 'x').replace('sku', 'price'),
    ]
    const hashes = await Promise.all(texts.map(async (text) => (await analyze(text)).hash))
    expect(new Set(hashes).size).toBe(texts.length)
  })
})
