'use strict'
/** A process with a small memory budget and calls that together would take far more. */

const { launch } = require('../support/children')

const TASK = { budgetMb: 256, calls: 150, callers: 32 }
const linux = process.platform === 'linux'
if (!linux) console.warn('The highest resident memory of a process is read from proc(5): these tests run on Linux alone.')

async function run(task) {
  const child = launch('allocating.cjs', { ...TASK, ...task })
  const { code, stdout, stderr } = await child.exit
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout)
}

describe('32 callers with 5, 20 and 60 MB a call', () => {
  const onLinux = linux ? test : test.skip

  onLinux('are over a budget of 256 MB when nobody holds them back', async () => {
    const { done, peakMb } = await run({ guarded: false })
    expect(done).toBe(TASK.calls)
    expect(peakMb).toBeGreaterThan(TASK.budgetMb)
  })

  onLinux('stay within it with what they will need foreseen, several at once, and all are served', async () => {
    const { peakMb, maxConcurrentCalls, ...rest } = await run({ guarded: true })
    expect(rest).toEqual({ done: TASK.calls, active: 0, reservedBytes: 0 })
    expect(peakMb).toBeLessThanOrEqual(TASK.budgetMb)
    expect(maxConcurrentCalls).toBeGreaterThan(1)
  })
})
