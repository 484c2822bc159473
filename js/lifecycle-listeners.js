'use strict'
/**
 * The listeners that are subscribed, without keeping emitters or handlers alive.
 *
 * - What is subscribed is asked of the emitter itself when the registry is read: a handler that was removed
 *   behind our back, or was subscribed once and has run, is forgotten then. One reading looks at some 2000
 *   listeners and the next one goes on from there, so up to that many the count is exact.
 * - A handler that was not subscribed when it was registered, or whose emitter does not tell, counts until it
 *   is removed here or collected.
 * - At most 100,000 listeners are known; the oldest is forgotten for one more, and counted.
 */

const { ignoresRepeats, nameOf, subscriptions, unsubscribe } = require('./lifecycle-emitters.js')

const MOST_LISTENERS = 100_000
/** Longest list of one event that is looked through when a listener is added to it. */
const LONG_LIST = 64
/** Listeners of one reading that are compared with what the emitter says. */
const MOST_COMPARED = 2000

/** @typedef {import('./lifecycle-emitters.js').EventName} EventName */
/** @typedef {import('./lifecycle-emitters.js').Handler} Handler */
/**
 * @typedef {object} Listener
 * @property {State} state of its emitter
 * @property {EventName} event
 * @property {WeakRef<object>} handler
 * @property {boolean} told whether the emitter tells of it
 * @property {number} since
 * @property {string[] | null} origin
 * @property {string | null} scope
 * @property {boolean} gone
 */
/** @typedef {{ listeners: Set<Listener>, byHandler: WeakMap<object, Listener[]> }} Subscribed to one event */
/**
 * @typedef {object} State what is known of an emitter
 * @property {WeakRef<object>} emitter
 * @property {string} name
 * @property {Map<EventName, Subscribed>} events
 */

/** @type {FinalizationRegistry<{ listeners: WeakRef<Listeners>, state: State }>} */
const collectedEmitters = new FinalizationRegistry(({ listeners, state }) => listeners.deref()?.emitterCollected(state))

class Listeners {
  /** @type {WeakMap<object, State>} */
  #states = new WeakMap()
  /** The emitters, the one whose turn to be compared it is first. @type {Set<State>} */
  #turns = new Set()
  /** The oldest first. @type {Set<Listener>} */
  #all = new Set()
  #self = new WeakRef(this)
  #most
  /** Registrations forgotten because there were too many. */
  forgotten = 0
  /** Listeners that were collected with their emitter before anybody removed them. */
  collected = 0

  /** @param {number} [most] */
  constructor(most = MOST_LISTENERS) {
    this.#most = most
  }

  /** How many are known, as of the last reading. */
  get size() {
    return this.#all.size
  }

  /**
   * @param {any} emitter
   * @param {EventName} event
   * @param {any} handler
   * @param {{ since: number, origin: string[] | null, scope: string | null }} details
   * @returns {Listener}
   */
  add(emitter, event, handler, details) {
    const state = this.#stateOf(emitter)
    let subscribed = state.events.get(event)
    if (subscribed === undefined) state.events.set(event, (subscribed = { listeners: new Set(), byHandler: new WeakMap() }))
    const same = subscribed.byHandler.get(handler)
    if (same !== undefined && ignoresRepeats(emitter)) return same[0]
    const told = subscribed.listeners.size >= LONG_LIST || (subscriptions(emitter, event)?.has(handler) ?? false)
    const listener = { state, event, handler: new WeakRef(handler), told, gone: false, ...details }
    if (same === undefined) subscribed.byHandler.set(handler, [listener])
    else same.push(listener)
    subscribed.listeners.add(listener)
    this.#all.add(listener)
    if (this.#all.size > this.#most) this.#forgetOldest()
    return listener
  }

  /** @param {object} emitter */
  #stateOf(emitter) {
    let state = this.#states.get(emitter)
    if (state === undefined) {
      state = { emitter: new WeakRef(emitter), name: nameOf(emitter), events: new Map() }
      this.#states.set(emitter, state)
      collectedEmitters.register(emitter, { listeners: this.#self, state }, state)
    }
    this.#turns.add(state)
    return state
  }

  #forgetOldest() {
    const [oldest] = this.#all
    this.#drop(oldest)
    oldest.gone = false // its scope still unsubscribes it
    this.forgotten++
  }

  /** @param {Listener} listener */
  #drop(listener) {
    if (listener.gone) return
    listener.gone = true
    this.#all.delete(listener)
    const { state, event } = listener
    const subscribed = state.events.get(event)
    subscribed?.listeners.delete(listener)
    if (subscribed?.listeners.size === 0) state.events.delete(event)
    const handler = listener.handler.deref()
    const same = handler && subscribed?.byHandler.get(handler)
    if (same?.includes(listener) && handler !== undefined) {
      same.splice(same.indexOf(listener), 1)
      if (same.length === 0) subscribed?.byHandler.delete(handler)
    }
    if (state.events.size > 0) return
    this.#turns.delete(state)
    const emitter = state.emitter.deref()
    if (emitter !== undefined) this.#states.delete(emitter)
    collectedEmitters.unregister(state)
  }

  /**
   * Forgets one registration of a handler; unsubscribing is its caller's.
   *
   * @param {object} emitter
   * @param {EventName} event
   * @param {object} handler
   */
  forget(emitter, event, handler) {
    const listener = this.#states.get(emitter)?.events.get(event)?.byHandler.get(handler)?.at(-1)
    if (listener !== undefined) this.#drop(listener)
  }

  /**
   * Unsubscribes a listener, unless that was done, and forgets it.
   *
   * @param {Listener} listener
   */
  release(listener) {
    if (listener.gone) return
    const emitter = listener.state.emitter.deref()
    const handler = listener.handler.deref()
    this.#drop(listener)
    if (emitter !== undefined && handler !== undefined) unsubscribe(emitter, listener.event, /** @type {any} */ (handler))
  }

  /**
   * Unsubscribes all of them, the latest first.
   *
   * @returns {unknown[]} what that threw
   */
  releaseAll() {
    const failures = []
    for (const listener of [...this.#all].reverse()) {
      try {
        this.release(listener)
      } catch (error) {
        failures.push(error)
      }
    }
    return failures
  }

  /** @returns {number} how many there are, after what is not subscribed any more was forgotten */
  count() {
    let compared = 0
    for (let turns = this.#turns.size; turns > 0 && compared < MOST_COMPARED; turns--) {
      const [state] = this.#turns
      compared += this.#compare(state)
    }
    return this.#all.size
  }

  /**
   * @param {State} state
   * @returns {number} how many were looked at
   */
  #compare(state) {
    this.#turns.delete(state)
    const emitter = state.emitter.deref()
    if (emitter === undefined) {
      this.emitterCollected(state)
      return 1
    }
    this.#turns.add(state)
    let compared = 1
    for (const [event, { listeners }] of [...state.events]) {
      compared += this.#compareEvent(emitter, event, listeners)
    }
    return compared
  }

  /**
   * @param {object} emitter
   * @param {EventName} event
   * @param {Set<Listener>} listeners
   */
  #compareEvent(emitter, event, listeners) {
    const subscribed = subscriptions(emitter, event)
    // The latest first: of a handler that is subscribed fewer times than registered, the oldest registrations go.
    for (const listener of [...listeners].reverse()) {
      const handler = listener.handler.deref()
      if (handler === undefined) this.#drop(listener)
      else if (subscribed !== null && listener.told) {
        const times = subscribed.get(handler) ?? 0
        if (times === 0) this.#drop(listener)
        else subscribed.set(handler, times - 1)
      }
    }
    return listeners.size + (subscribed?.size ?? 0)
  }

  /** @param {State} state */
  emitterCollected(state) {
    for (const { listeners } of [...state.events.values()]) {
      for (const listener of [...listeners]) {
        this.collected++
        this.#drop(listener)
      }
    }
  }

  /** The oldest first. @returns {IterableIterator<Listener>} */
  [Symbol.iterator]() {
    return this.#all.values()
  }
}

module.exports = { Listeners }
