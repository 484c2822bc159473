'use strict'
/**
 * Gives a run of Jest a state directory of its own, so that no test writes a ledger into that of the user or
 * sweeps what is there.
 *
 * Before any test, and in the process that starts the others, because the addon reads the environment itself: it
 * does not see what a test sets in `process.env`, which Jest makes a copy.
 */

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

/** Jest's `globalSetup`. @returns {Promise<void>} */
async function makeState() {
  process.env.PLIMSOLL_STATE_DIR = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), 'plimsoll-test-state-'))
}

module.exports = makeState
