'use strict'

/** Milliseconds a command has for its own cleaning up. */
const GRACE_MS = 5000

/**
 * Ends a command nobody waits for any more: with SIGTERM, and with SIGKILL when it still runs after a grace.
 * What it printed and nobody read is dropped, also by descendants of its that go on.
 *
 * @param {import('node:child_process').ChildProcess} child
 * @param {number} [grace] in milliseconds
 * @returns {Promise<void>} when it has ended
 */
async function endChild(child, grace = GRACE_MS) {
  const started = child.pid !== undefined
  if (started && child.exitCode === null && child.signalCode === null) {
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), grace)
    await ended
    clearTimeout(timer)
  }
  for (const stream of [child.stdout, child.stderr]) stream?.destroy()
}

module.exports = { endChild }
