// Processor time of one thread, as Linux counts it. `process.cpuUsage` adds up every thread, and what
// is asked here is what the one thread pays that runs JavaScript.

import { readFileSync } from 'node:fs'

const gate = new Int32Array(new SharedArrayBuffer(4))
const mainThread = `/proc/self/task/${process.pid}/schedstat`

/**
 * Processor time of the main thread so far. A running thread's account is brought up to date when it
 * leaves the processor, so it does, for a moment.
 *
 * @returns {number} nanoseconds (the first field of `schedstat`, see proc(5))
 */
export function mainThreadTime() {
  Atomics.wait(gate, 0, 0, 0.05)
  return Number(readFileSync(mainThread, 'latin1').split(' ')[0])
}

/**
 * What a reading itself costs, to be taken off a difference of two.
 *
 * @returns {number} nanoseconds
 */
export function readingCost() {
  const costs = Array.from({ length: 51 }, () => {
    const before = mainThreadTime()
    return mainThreadTime() - before
  })
  return costs.sort((a, b) => a - b)[25]
}
