// The logging process, to be killed. Logs the tool runs iteration after iteration and tells its
// parent, with a blocking write to the pipe at file descriptor 3, of each entry as soon as it is
// acknowledged: what the parent has read was acknowledged, whatever happens to this process next.
//
//   node child.mjs '{"strategy", "logPath", "runsPath", "run", "from", "iterations"}'

import { readFileSync, writeSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { STRATEGIES } from './strategies.mjs'
import { workItem, workItems } from './work.mjs'

const PARENT = 3
const DELAY_RESOLUTION_MS = 1
/** Stands for the work an orchestrator does between two iterations. */
const PAUSE_MS = 25

const { strategy, logPath, runsPath, run, from, iterations } = JSON.parse(process.argv[2])
const runs = JSON.parse(readFileSync(runsPath, 'utf8'))
const logger = await STRATEGIES[strategy].open(logPath)
const delay = monitorEventLoopDelay({ resolution: DELAY_RESOLUTION_MS })
delay.enable()

let iteration = 0
for (let record = from; record < workItems(iterations); record++) {
  const entry = workItem(runs, record)
  if (entry.iteration !== iteration) {
    iteration = entry.iteration
    tell({ reading: reading() })
    await pause(PAUSE_MS)
  }
  await logger.log({ run, ...entry })
  tell({ acknowledged: record })
}
await logger.close()
tell({ reading: reading() })
tell({ done: true })

function reading() {
  // Node's figures include the sampling timer.
  const beyond = (nanoseconds) => Math.max(0, nanoseconds / 1e6 - DELAY_RESOLUTION_MS)
  return {
    loopDelayMs: delay.count === 0 ? 0 : beyond(delay.max),
    loopDelayP99Ms: delay.count === 0 ? 0 : beyond(delay.percentile(99)),
    peakRss: process.resourceUsage().maxRSS * 1024,
    recovered: logger.recovered(),
  }
}

/** @param {object} message */
function tell(message) {
  const bytes = Buffer.from(`${JSON.stringify(message)}\n`)
  for (let sent = 0; sent < bytes.length;) {
    try {
      sent += writeSync(PARENT, bytes, sent)
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error
    }
  }
}
