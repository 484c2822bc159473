'use strict'
/** The native half of the lifecycle, or why there is none on this system. */

const { PlimsollError } = require('./errors.js')
const { native } = require('./native.js')

/**
 * The addon, where it can hold processes and temporary files.
 *
 * @returns {ReturnType<typeof native>}
 * @throws {PlimsollError} `ERR_PLIMSOLL_NATIVE`, `ERR_PLIMSOLL_PLATFORM`
 */
function lifecycleNative() {
  const binding = native()
  if (typeof binding.processStart === 'function') return binding
  throw new PlimsollError(
    `commands, pools and temporary files are not there on ${process.platform}: scopes hold listeners, streams, timers and functions only`,
    { code: 'ERR_PLIMSOLL_PLATFORM' },
  )
}

module.exports = { lifecycleNative }
