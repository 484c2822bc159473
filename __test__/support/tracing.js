'use strict'
/** The exporter of the process, ended after the test that started it, and managers whose limits are out of the way. */

const { ResourceBudgetManager, initTracing } = require('../..')

/** @type {any} */
let tracing

/** @param {object} [options] */
function trace(options) {
  tracing = initTracing(options)
  return tracing
}

afterEach(async () => {
  await tracing?.shutdown(0)
  tracing = undefined
})

/**
 * A manager with room for whatever the test runner itself takes, which says nothing.
 * @param {object} [config]
 */
function roomy(config) {
  return new ResourceBudgetManager({ maxRssMb: 65_536, heapWarningMb: 65_536, globalConcurrencyLimit: 10_000, logger: { log() {} }, ...config })
}

module.exports = { roomy, trace }
