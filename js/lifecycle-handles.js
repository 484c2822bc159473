'use strict'
/**
 * Streams and file handles that are watched weakly: one that is collected while it is open was lost by its owner.
 *
 * Nothing is closed here: the number of a file may be another's by the time the collector tells.
 * At most 10,000 are watched at once; more are counted, not watched.
 */

const { refuse } = require('./lifecycle-options.js')

const MOST_HANDLES = 10_000

/** @typedef {{ what: string, since: number, origin: string[] | null }} Details */
/** @typedef {Details & { now: () => number }} State */
/** @typedef {(lost: import('./lifecycle-holdings.js').Collected) => void} Tell */

/** @type {FinalizationRegistry<{ handles: WeakRef<Handles>, state: State }>} */
const collectedHandles = new FinalizationRegistry(({ handles, state }) => handles.deref()?.lost(state))

class Handles {
  /** @type {Set<State>} */
  #open = new Set()
  #self = new WeakRef(this)
  #tell
  /** Handles that were not watched because there were too many. */
  refused = 0

  /** @param {Tell} tell */
  constructor(tell) {
    this.#tell = tell
  }

  /** How many are watched. */
  get size() {
    return this.#open.size
  }

  /**
   * @param {any} handle
   * @param {State} state
   */
  add(handle, state) {
    let isOver
    try {
      if (typeof handle?.once !== 'function' || !(typeof handle.destroy === 'function' || typeof handle.fd === 'number')) {
        throw refuse('trackHandle() takes a stream, a socket or a FileHandle: something that emits "close"')
      }
      isOver = handle.closed === true || handle.destroyed === true || handle.fd === -1
    } catch (cause) {
      throw cause instanceof Error && 'code' in cause ? cause : refuse('the handle cannot be read', cause)
    }
    if (isOver) return
    if (this.#open.size >= MOST_HANDLES) {
      this.refused++
      return
    }
    this.#open.add(state)
    collectedHandles.register(handle, { handles: this.#self, state }, state)
    handle.once('close', this.#closed(state))
  }

  /**
   * Made apart from the handle, which it must not hold.
   *
   * @param {State} state
   */
  #closed(state) {
    return () => {
      if (this.#open.delete(state)) collectedHandles.unregister(state)
    }
  }

  /** @param {State} state */
  lost(state) {
    if (!this.#open.delete(state)) return
    this.#tell({ kind: 'handle', what: state.what, ageMs: state.now() - state.since, origin: state.origin, scope: null })
  }
}

module.exports = { Handles }
