'use strict'
/** TelemetryManagers that are closed after the test that made them, each in a directory of its own. */

const path = require('node:path')
const { TelemetryManager } = require('../..')
const { temporaryDirectory } = require('./directories')

/** So long that only `flush()`, `close()` or a full buffer writes. */
const NEVER_MS = 2_000_000_000

/** @type {Set<any>} */
const open = new Set()

afterEach(async () => {
  const closing = [...open].map((manager) => manager.close().catch(() => {}))
  open.clear()
  await Promise.all(closing)
})

/**
 * A manager that is not initialised yet.
 * @param {object} [config] `logPath` defaults to `log.jsonl` in a new directory
 */
function make(config) {
  const manager = new TelemetryManager({
    logPath: path.join(temporaryDirectory(), 'log.jsonl'),
    flushInterval: NEVER_MS,
    ...config
  })
  open.add(manager)
  return manager
}

/**
 * An initialised manager.
 * @param {object} [config]
 */
async function start(config) {
  const manager = make(config)
  await manager.initialize()
  return manager
}

module.exports = { NEVER_MS, make, start }
