'use strict'
/**
 * What is said when the keeper, the program beside the addon that looks after each command, cannot be started:
 * nothing is wrong with the command then, and an error of the system must not sound as if it were.
 */

const path = require('node:path')
const { loadedAddon } = require('./platform.js')

/** What the system says of a program that is not there, or may not or cannot be executed. */
const UNUSABLE = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ENOEXEC', 'EISDIR', 'ELOOP'])

/**
 * Whether an error of the system is about the program itself, rather than about what there is too little of.
 *
 * @param {string} name e.g. `ENOENT`
 */
function isUnusable(name) {
  return UNUSABLE.has(name)
}

/**
 * Why no keeper could be started, and what to do.
 *
 * @param {string} name of the error of the system
 * @param {number} number
 */
function keeperError(name, number) {
  const addon = loadedAddon()
  const file = addon === undefined ? undefined : keeperBeside(addon)
  const syscall = `spawn ${file ?? 'plimsoll-keeper'}`
  const isMissing = name === 'ENOENT' || name === 'ENOTDIR'
  const problem = `the keeper, without which no command is run, ${isMissing ? 'is missing' : 'cannot be executed'}`
  const help = name === 'EACCES' || name === 'EPERM'
    ? 'make that file executable, on a file system that allows it'
    : 'install plimsoll again, or copy that file of the package beside the addon if a bundler has left it out'
  return Object.assign(new Error(`${syscall} ${name}: ${problem}; ${help}`), { code: name, errno: -number, syscall, path: file, spawnargs: [] })
}

/**
 * Where the keeper of an addon is, as the core looks for it.
 *
 * @param {string} addon
 */
function keeperBeside(addon) {
  return path.join(path.dirname(addon), path.basename(addon, '.node').replace(/^plimsoll/, 'plimsoll-keeper'))
}

module.exports = { isUnusable, keeperError }
