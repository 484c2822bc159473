'use strict'
/**
 * Loads the native addon, once, when it is first needed.
 *
 * Requiring the package loads nothing native: a program that only uses its types or error classes
 * runs on any platform, and what cannot run says so where it is constructed. Loading the addon
 * starts no thread and opens no file beyond the addon itself.
 */

const { PlimsollError } = require('./errors.js')
const { describePlatform } = require('./platform.js')
const { version } = require('../package.json')

/** @typedef {typeof import('./binding')} Native the addon's exports, see `binding.d.ts` */

/** What builds the addon inside an installed package; it needs Rust (https://rustup.rs) and a C compiler. */
const BUILD_COMMAND = 'npm explore plimsoll -- npm run build'

/** @type {Native | undefined} */
let loaded

/**
 * The native addon.
 *
 * @returns {Native}
 * @throws {PlimsollError} `ERR_PLIMSOLL_NATIVE` when no binary fits this platform, it cannot be
 *   loaded, or it belongs to another version of the package; `cause` is the loader's own error
 */
function native() {
  loaded ??= load()
  return loaded
}

/** @returns {Native} */
function load() {
  /** @type {Native} */
  let binding
  try {
    binding = require('./binding.cjs')
  } catch (cause) {
    throw unusable('could not be loaded', cause)
  }
  const found = typeof binding.version === 'function' ? binding.version() : 'none'
  if (found !== version) {
    throw unusable(`is of version ${found}, the package is ${version}`)
  }
  return binding
}

/**
 * @param {string} problem
 * @param {unknown} [cause]
 */
function unusable(problem, cause) {
  const message =
    `The native addon of plimsoll ${problem} (${describePlatform()}). ` +
    'Install again with optional dependencies, or build it from source with Rust 1.89 or later and ' +
    `a C compiler: ${BUILD_COMMAND}`
  return new PlimsollError(message, { code: 'ERR_PLIMSOLL_NATIVE', cause })
}

module.exports = { native, BUILD_COMMAND }
