'use strict'
/** ResourceBudgetManagers for tests: without guards that depend on the machine, closed after each test. */

const { ResourceBudgetManager } = require('../..')

/** @type {Set<any>} */
const open = new Set()

afterEach(() => {
  for (const manager of open) manager.close()
  open.clear()
})

/**
 * A manager that says nothing on standard error.
 * @param {object} [config]
 */
function budget(config) {
  const manager = new ResourceBudgetManager({ enableMemoryGuards: false, logger: { log() {} }, ...config })
  open.add(manager)
  return manager
}

/** A promise settled from outside. */
function deferred() {
  /** @type {any} */
  let settle
  const promise = new Promise((resolve, reject) => {
    settle = { resolve, reject }
  })
  return { promise, ...settle }
}

/** A sink that keeps what it hears. */
function listening() {
  /** @type {any[]} */
  const lines = []
  const said = (/** @type {string} */ message) => lines.filter((line) => line.message === message)
  return { lines, said, log: (/** @type {string} */ level, /** @type {object} */ data) => void lines.push({ level, ...data }) }
}

/**
 * What must be the same before and after something that changes nothing.
 * @param {any} manager
 */
function standing(manager) {
  const { global, lanes, queue, counts } = manager.status()
  return { global, lanes, queue, counts, metrics: manager.getMetrics(1000), statistics: manager.getStatistics() }
}

module.exports = { budget, deferred, listening, standing }
