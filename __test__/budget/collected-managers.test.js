'use strict'
/** A manager nobody holds on to answers whom it owes an answer, however often the collector runs. */

const { launch } = require('../support/children')

test.each([['a wait', 'refused'], ['a deadline', 'ERR_PLIMSOLL_TIMEOUT']])('%s ends', async (what, answer) => {
  const child = launch('owed.cjs', { what }, { nodeArgs: ['--expose-gc'] })
  expect(await child.exit).toMatchObject({ code: 0, stdout: `answer: ${answer}\n`, stderr: '' })
})
