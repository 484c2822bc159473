'use strict'
/** Tells what this build can do on this machine. */

const { native } = require('./native.js')
const { libcFamily } = require('./platform.js')

/**
 * Loads the native addon and reports what it can do here; `index.d.ts` has the fields.
 *
 * @throws {import('./errors.js').PlimsollError} `ERR_PLIMSOLL_NATIVE`
 */
function capabilities() {
  const binding = native()
  return {
    version: binding.version(),
    platform: process.platform,
    arch: process.arch,
    libc: libcFamily(),
    node: process.versions.node,
    ring: /** @type {'mmap'} */ (binding.ringKind()),
    processes: processes(/** @type {any} */ (binding.processReach())),
  }
}

/** @param {'subreaper' | 'group' | 'none'} reach */
function processes(reach) {
  return {
    commands: reach !== 'none',
    descendants: /** @type {'all' | 'group' | 'none'} */ (reach === 'subreaper' ? 'all' : reach),
    afterOwnerDeath: reach !== 'none',
    provenIdentity: reach === 'subreaper',
  }
}

module.exports = { capabilities }
