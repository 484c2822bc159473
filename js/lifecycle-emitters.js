'use strict'
/**
 * The kinds of emitters there are, under one face: those with `on()` (Node's EventEmitter and its likes), and
 * EventTargets, AbortSignal among them. One that has both, such as a MessagePort, is used through `on()`.
 */

const { getEventListeners } = require('node:events')
const { refuse, shown } = require('./lifecycle-options.js')

/** @typedef {any} Emitter */
/** @typedef {string | symbol} EventName */
/** @typedef {Function | { handleEvent: Function }} Handler */

/**
 * @param {Emitter} emitter
 * @param {unknown} event
 * @param {any} handler
 * @throws {PlimsollError} `ERR_PLIMSOLL_ARGUMENT`
 */
function checkSubscription(emitter, event, handler) {
  const isObject = (typeof emitter === 'object' && emitter !== null) || typeof emitter === 'function'
  if (!isObject || !(hasOn(emitter) || isTarget(emitter))) {
    throw refuse(`emitter must be an EventEmitter or an EventTarget, not ${shown(emitter)}`)
  }
  if (typeof event !== 'string' && typeof event !== 'symbol') throw refuse(`event must be a string or a symbol, not ${shown(event)}`)
  const takesObjects = !hasOn(emitter)
  if (typeof handler !== 'function' && !(takesObjects && typeof readable(() => handler?.handleEvent) === 'function')) {
    throw refuse(`handler must be a function, not ${shown(handler)}`)
  }
}

/**
 * @template T
 * @param {() => T} read
 * @returns {T | undefined} `undefined` when a property throws
 */
function readable(read) {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** @param {Emitter} emitter */
const hasOn = (emitter) =>
  readable(() => typeof emitter.on === 'function' && (typeof emitter.off === 'function' || typeof emitter.removeListener === 'function')) === true

/** @param {Emitter} emitter */
const isTarget = (emitter) =>
  readable(() => typeof emitter.addEventListener === 'function' && typeof emitter.removeEventListener === 'function') === true

/**
 * @param {Emitter} emitter
 * @param {EventName} event
 * @param {Handler} handler
 * @param {boolean} once
 */
function subscribe(emitter, event, handler, once) {
  if (!hasOn(emitter)) emitter.addEventListener(event, handler, { once })
  else if (!once) emitter.on(event, handler)
  else if (typeof emitter.once === 'function') emitter.once(event, handler)
  else throw refuse('emitter has no once(): use on()')
}

/**
 * @param {Emitter} emitter
 * @param {EventName} event
 * @param {Handler} handler
 */
function unsubscribe(emitter, event, handler) {
  if (!hasOn(emitter)) {
    emitter.removeEventListener(event, handler)
    // Whoever subscribed it may have asked for the capturing phase, which is another subscription.
    emitter.removeEventListener(event, handler, { capture: true })
  } else if (typeof emitter.off === 'function') emitter.off(event, handler)
  else emitter.removeListener(event, handler)
}

/**
 * How often each handler is subscribed; `null` for emitters that do not tell.
 *
 * @param {Emitter} emitter
 * @param {EventName} event
 * @returns {Map<unknown, number> | null}
 */
function subscriptions(emitter, event) {
  const handlers = readable(() => getEventListeners(emitter, /** @type {string} */ (event)))
  if (!Array.isArray(handlers)) return null
  const counts = new Map()
  for (const handler of handlers) counts.set(handler, (counts.get(handler) ?? 0) + 1)
  return counts
}

/**
 * Whether subscribing a handler again is one subscription, as EventTargets have it.
 *
 * @param {Emitter} emitter
 */
const ignoresRepeats = (emitter) => !hasOn(emitter)

/** @param {Emitter} emitter */
function nameOf(emitter) {
  const name = readable(() => emitter.constructor?.name)
  return typeof name === 'string' && name !== '' ? name.slice(0, 80) : 'an emitter'
}

module.exports = { checkSubscription, ignoresRepeats, nameOf, subscribe, subscriptions, unsubscribe }
