'use strict'
/**
 * How a scope tells the number of its native half.
 *
 * Whoever registers a scope with a worker call asks for the number, so that the core can end what is in the scope
 * while JavaScript is blocked. The scopes' module says how to read it: asking does not load that module.
 */

/** @type {(scope: object) => number} */
let read = () => 0

/** @param {(scope: object) => number} reader answers 0 for what is no scope */
function readNativeGroupBy(reader) {
  read = reader
}

/**
 * @param {object} scope
 * @returns {number} 0 for what has no native half
 */
function nativeGroup(scope) {
  return read(scope)
}

module.exports = { nativeGroup, readNativeGroupBy }
