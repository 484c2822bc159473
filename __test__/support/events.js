'use strict'
/** Waiting for things to become true, with a deadline that only a broken subject meets. */

const DEADLINE_MS = 45_000
const LOOK_EVERY_MS = 5

/**
 * Resolves with the first truthy result of `look`; errors thrown by it count as "not yet".
 * @template T
 * @param {string} what is waited for, for the message
 * @param {() => T | Promise<T>} look
 * @param {number} [deadline] in milliseconds
 * @returns {Promise<T>}
 */
async function eventually(what, look, deadline = DEADLINE_MS) {
  const end = performance.now() + deadline
  for (;;) {
    let seen
    let problem
    try {
      seen = await look()
    } catch (error) {
      problem = error
    }
    if (seen) return seen
    if (performance.now() > end) throw new Error(`waited ${deadline} ms in vain for ${what}`, { cause: problem })
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
  }
}

/**
 * What a promise came to, or `'pending'` when it has not settled once every turn of the event loop that
 * was already due has run.
 * @param {Promise<unknown>} promise
 * @returns {Promise<'pending' | 'fulfilled' | 'rejected'>}
 */
async function stateOf(promise) {
  let state = /** @type {'pending' | 'fulfilled' | 'rejected'} */ ('pending')
  promise.then(() => { state = 'fulfilled' }, () => { state = 'rejected' })
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
  return state
}

/**
 * The error a promise is rejected with.
 * @param {Promise<unknown>} promise
 * @returns {Promise<any>}
 */
async function rejection(promise) {
  const value = await promise.then((resolved) => ({ resolved }), (error) => ({ error }))
  if ('resolved' in value) throw new Error(`expected a rejection, it resolved with ${String(value.resolved)}`)
  return value.error
}

module.exports = { DEADLINE_MS, eventually, stateOf, rejection }
