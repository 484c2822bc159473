'use strict'

const os = require('node:os')
const path = require('node:path')

/**
 * Where the command line keeps full texts: `PLIMSOLL_RAW_STORE`, else under the user's state directory
 * (XDG Base Directory Specification 0.8).
 *
 * @param {NodeJS.ProcessEnv} env
 */
function rawDirectory(env) {
  if (env.PLIMSOLL_RAW_STORE) return path.resolve(env.PLIMSOLL_RAW_STORE)
  const state = env.XDG_STATE_HOME && path.isAbsolute(env.XDG_STATE_HOME) ? env.XDG_STATE_HOME : path.join(os.homedir(), '.local', 'state')
  return path.join(state, 'plimsoll', 'raw')
}

module.exports = { rawDirectory }
