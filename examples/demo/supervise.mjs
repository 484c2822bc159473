// Runs the logging process to the end of its work, killing it on the way and starting it again, and
// keeps count of what it acknowledged.

import { spawn } from 'node:child_process'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const childFile = path.join(path.dirname(fileURLToPath(import.meta.url)), 'child.mjs')

/** Of these readings the highest of all runs counts. */
const HIGHEST = ['loopDelayMs', 'loopDelayP99Ms', 'peakRss']

/**
 * @typedef {object} Kill
 * @property {number} at the number of acknowledgements after which it comes
 * @property {number} delayMs how long after that one
 */
/**
 * @typedef {object} Supervised
 * @property {string[]} acknowledged `<run>/<record>` of each acknowledged entry
 * @property {number} kills that were carried out
 * @property {number} loopDelayMs the worst of all runs
 * @property {number} loopDelayP99Ms the 99th percentile of the run where it was highest
 * @property {number} peakRss bytes, the highest of all runs
 * @property {number} recovered entries that runs took over from killed ones
 */

/**
 * Moments for `SIGKILL` in each third of the work, drawn once so that every way of logging meets the same.
 *
 * @param {number} items
 * @returns {Kill[]}
 */
export function drawKills(items) {
  return [0, 1, 2].map((third) => ({
    at: Math.floor(((third + 0.2 + 0.6 * Math.random()) * items) / 3),
    delayMs: Math.floor(Math.random() * 30),
  }))
}

/**
 * @param {{ strategy: string, logPath: string, runsPath: string, iterations: number, items: number }} job
 * @param {Kill[]} kills
 * @param {(acknowledged: number, runs: number) => void} progress
 * @returns {Promise<Supervised>}
 */
export async function supervise(job, kills, progress) {
  const pending = [...kills]
  const result = { acknowledged: [], kills: 0, loopDelayMs: 0, loopDelayP99Ms: 0, peakRss: 0, recovered: 0 }
  let next = 0
  for (let run = 1; ; run++) {
    const argument = JSON.stringify({ ...job, run, from: next })
    const child = spawn(process.execPath, [childFile, argument], { stdio: ['ignore', 'inherit', 'inherit', 'pipe'] })
    const ended = new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code, signal) => resolve({ code, signal }))
    })
    let done = false
    let reading = { recovered: 0 }
    for await (const text of createInterface({ input: child.stdio[3] })) {
      const message = parse(text)
      if (message.acknowledged !== undefined) {
        next = message.acknowledged + 1
        result.acknowledged.push(`${run}/${message.acknowledged}`)
        progress(next, run)
        if (pending.length > 0 && next >= pending[0].at) {
          setTimeout(() => child.kill('SIGKILL'), pending.shift().delayMs)
        }
      } else if (message.reading) {
        reading = message.reading
        for (const measure of HIGHEST) result[measure] = Math.max(result[measure], reading[measure])
      } else if (message.done) {
        done = true
      }
    }
    const { code, signal } = await ended
    result.recovered += reading.recovered
    if (signal === 'SIGKILL') result.kills++
    else if (code !== 0) throw new Error(`the logging process (${job.strategy}) ended with ${signal ?? code}`)
    if (done) return result
  }
}

/** A message the kill cut short says nothing. */
function parse(text) {
  try {
    return JSON.parse(text)
  } catch {
    return {}
  }
}
