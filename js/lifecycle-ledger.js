'use strict'
/** Says once when there is no ledger: what a killed process held would not be finished then. */

const { native } = require('./native.js')

let looked = false

/** Looks whether there is one, when the first thing is held. */
function lookForLedger() {
  if (looked) return
  looked = true
  const { ledger } = JSON.parse(native().lifecycleCounts())
  if (ledger.unavailable === null) return
  process.emitWarning(
    `Plimsoll keeps no ledger, so nothing finishes what this process leaves behind if it is killed together with its keepers: ${ledger.unavailable}`,
    { type: 'PlimsollWarning', code: 'PLIMSOLL_NO_LEDGER' },
  )
}

module.exports = { lookForLedger }
