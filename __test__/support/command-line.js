'use strict'
/** Runs the command line as a user does. */

const path = require('node:path')
const { Child } = require('./children')

const PLIMSOLL = path.join(__dirname, '..', '..', 'bin', 'plimsoll.js')

/**
 * Starts `plimsoll` with these arguments.
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 */
function start(args, options) {
  return new Child(process.execPath, [PLIMSOLL, ...args], options)
}

/**
 * Runs `plimsoll` to its end.
 * @param {string[]} args
 * @param {{ input?: string | Buffer, env?: NodeJS.ProcessEnv }} [options] what it reads on standard input
 * @returns {Promise<{ code: number | null, signal: string | null, stdout: string, stderr: string }>}
 */
function plimsoll(args, { input = '', ...options } = {}) {
  const child = start(args, options)
  child.process.stdin?.end(input)
  return child.exit
}

module.exports = { PLIMSOLL, plimsoll, start }
