'use strict'
/** Whether processes of others run. */

const { execFileSync } = require('node:child_process')
const fs = require('node:fs')

/**
 * Whether a process runs; one that has died and was not waited for by its parent does not.
 * @param {number} pid
 */
function runs(pid) {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  return !['', 'Z', 'X'].includes(stateOf(pid))
}

/** @param {number} pid */
function stateOf(pid) {
  try {
    if (process.platform !== 'linux') return execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).trim().slice(0, 1)
    return fs.readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^.*\) /s, '').slice(0, 1)
  } catch {
    return ''
  }
}

module.exports = { runs }
