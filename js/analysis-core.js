'use strict'
/**
 * Calls into the core of ErrorAnalysisWorker, and the answers of its thread, by token.
 *
 * What is awaited holds the event loop open; a listener alone does not. Faults of the core become
 * PlimsollErrors here.
 */

const { PlimsollError } = require('./errors.js')
const { native } = require('./native.js')

/** @typedef {import('./native.js').Native} Native */
/** @typedef {import('./binding').BindingAnalysisEvent} Event */
/** @typedef {{ resolve: (event: Event) => void, reject: (error: Error) => void }} Waiter */

/** Who waits for an answer, by token. @type {Map<number, Waiter>} */
const waiting = new Map()
let lastToken = 0
let listening = false

/** @param {Event} event */
function hear(event) {
  const waiter = waiting.get(event.token)
  if (waiter === undefined) return
  waiting.delete(event.token)
  if (waiting.size === 0) native().analysisHold(false)
  if (event.code === undefined || event.code === null) return waiter.resolve(event)
  const cause = event.cause ? Object.assign(new Error(event.cause), { code: event.cause }) : undefined
  const code = /** @type {import('./errors.js').ErrorCode} */ (event.code)
  waiter.reject(new PlimsollError(event.message ?? code, { code, cause }))
}

/**
 * Calls the core. What it throws, panics that were caught among it, is a fault of ours.
 *
 * @template T
 * @param {(core: Native) => T} call
 * @returns {T}
 */
function core(call) {
  try {
    return call(native())
  } catch (cause) {
    if (cause instanceof PlimsollError) throw cause
    throw new PlimsollError("A fault of Plimsoll's own was caught; please report it with its cause", { code: 'ERR_PLIMSOLL_INTERNAL', cause })
  }
}

/**
 * Has something done on the core's thread; what is awaited holds the event loop open.
 *
 * @param {(core: Native, token: number) => void} ask
 * @returns {Promise<Event>}
 */
function answered(ask) {
  if (!listening) {
    core((core) => core.analysisListen(hear))
    listening = true
  }
  do lastToken = (lastToken + 1) % 0xffff_ffff
  while (waiting.has(lastToken))
  const token = lastToken
  return new Promise((resolve, reject) => {
    waiting.set(token, { resolve, reject })
    if (waiting.size === 1) native().analysisHold(true)
    try {
      core((core) => ask(core, token))
    } catch (error) {
      waiting.delete(token)
      if (waiting.size === 0) native().analysisHold(false)
      reject(error)
    }
  })
}

module.exports = { core, answered }
