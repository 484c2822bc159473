// What is logged: every iteration checks a few tasks with each tool. The tasks of an iteration share
// the working copy, and so the tools' output; iterations beyond the real rounds repeat those in turn.

import { TOOLS } from './tools.mjs'

const TASKS = ['AP-101', 'AP-102', 'AP-103', 'AP-104']

/** Entries of one iteration. */
export const ENTRIES_PER_ITERATION = TASKS.length * TOOLS.length

/**
 * @param {number} iterations
 * @returns {number} entries of all iterations
 */
export function workItems(iterations) {
  return iterations * ENTRIES_PER_ITERATION
}

/**
 * @param {import('./tools.mjs').ToolRun[]} runs
 * @param {number} record its number, from 0
 */
export function workItem(runs, record) {
  const iteration = Math.floor(record / ENTRIES_PER_ITERATION) + 1
  const within = record % ENTRIES_PER_ITERATION
  const rounds = runs.length / TOOLS.length
  const round = (iteration - 1) % rounds
  const { tool, exitCode, durationMs, output } = runs[round * TOOLS.length + (within % TOOLS.length)]
  return { record, iteration, task: TASKS[Math.floor(within / TOOLS.length)], tool, exitCode, durationMs, error: output }
}
