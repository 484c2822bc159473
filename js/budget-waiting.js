'use strict'
/**
 * The callers that wait for a slot.
 *
 * The queue itself, its order and its bound are the core's; here are the promises. The event loop is held
 * open while somebody waits: whoever frees the slot may be another thread or process.
 */

/** @typedef {import('./budget-context.js').WorkerCallContext} WorkerCallContext */
/**
 * @typedef {object} Waiter
 * @property {import('./budget-request.js').Request} request
 * @property {import('./span.js').SpanHandle | null} span
 * @property {import('./tracing.js').Parent | undefined} parent
 * @property {(context: WorkerCallContext | null) => void} resolve
 * @property {(reason: unknown) => void} reject
 * @property {() => void} stopListening
 */

class Waiting {
  /** @type {Map<number, Waiter>} by serial */
  #waiters = new Map()
  #hold

  /** How many wait. */
  get size() {
    return this.#waiters.size
  }

  /** @param {(hold: boolean) => void} hold told when the first begins to wait, and when nobody does any more */
  constructor(hold) {
    this.#hold = hold
  }

  /**
   * @param {number} serial
   * @param {Pick<Waiter, 'request' | 'span' | 'parent'>} waiter
   * @param {() => void} giveUp takes it out of the core's queue
   * @returns {Promise<WorkerCallContext | null>}
   */
  add(serial, waiter, giveUp) {
    return new Promise((resolve, reject) => {
      const { signal } = waiter.request
      const abort = () => {
        if (this.take(serial) === undefined) return
        giveUp()
        reject(signal?.reason)
      }
      signal?.addEventListener('abort', abort, { once: true })
      const stopListening = () => signal?.removeEventListener('abort', abort)
      this.#waiters.set(serial, { ...waiter, resolve, reject, stopListening })
      if (this.#waiters.size === 1) this.#hold(true)
    })
  }

  /** @param {number} serial */
  take(serial) {
    const waiter = this.#waiters.get(serial)
    if (waiter === undefined) return undefined
    this.#waiters.delete(serial)
    waiter.stopListening()
    if (this.#waiters.size === 0) this.#hold(false)
    return waiter
  }
}

module.exports = { Waiting }
