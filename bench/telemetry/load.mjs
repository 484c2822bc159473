// A steady stream of log calls, as an orchestrator under load makes them.

import { setTimeout as pause } from 'node:timers/promises'

/**
 * Logs `perSecond` entries a second for a while: at each millisecond's timer those that are due, each
 * awaited. What a late timer held up is made up for.
 *
 * @param {{ log: (level: string, entry: object) => Promise<unknown> }} logger
 * @param {Record<string, any>[]} entries used in turn, with `sequence` set
 * @param {{ perSecond: number, seconds: number, first: number }} load `first`: the first `sequence`
 * @returns {Promise<number>} how many were logged
 */
export async function logSteadily(logger, entries, { perSecond, seconds, first }) {
  const started = performance.now()
  let logged = 0
  for (;;) {
    const elapsed = performance.now() - started
    if (elapsed >= seconds * 1000) return logged
    for (const due = (elapsed / 1000) * perSecond; logged < due; logged++) {
      const entry = entries[logged % entries.length]
      entry.sequence = first + logged
      await logger.log('info', entry)
    }
    await pause(1)
  }
}
