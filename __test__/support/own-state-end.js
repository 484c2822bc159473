'use strict'
/** Removes what `own-state.js` has made; Jest's `globalTeardown`. */

const fs = require('node:fs')

/** @returns {Promise<void>} */
module.exports = async function removeState() {
  const directory = process.env.PLIMSOLL_STATE_DIR
  // Keepers of test processes that have just ended may still be striking out what they held.
  if (directory !== undefined) fs.rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
}
