'use strict'
/**
 * What a scope holds, and its release: in reverse order of acquisition, each in bounded time, all of it whatever
 * fails on the way.
 *
 * Nothing here refers to the scope its holder has: the collector can find one that was dropped, and what it held
 * is released then. At most 100,000 things are held by one scope at once; one more is refused.
 */

const { setMaxListeners } = require('node:events')
const { clearTimeout: clearTimer, setTimeout: startTimer } = require('node:timers')
const { PlimsollError, messageOf, quote } = require('./errors.js')

const MOST_ENTRIES = 100_000
/** Held before those that are over by themselves are let go. */
const FEW = 64

/** @typedef {import('./lifecycle-holdings.js').Holdings} Holdings */
/** @typedef {'listener' | 'process' | 'temp file' | 'stream' | 'timer' | 'release' | 'scope'} Kind */
/**
 * @typedef {object} Entry
 * @property {Kind} kind
 * @property {string} what
 * @property {() => unknown} release
 * @property {() => boolean} isOver whether there is nothing left to release
 * @property {number} since
 * @property {string[] | null} origin
 * @property {Resources} [nested]
 * @property {() => number | string | null | undefined} [identity] the pid or path by which the core knows it
 */

/** @type {FinalizationRegistry<Resources>} */
const collectedScopes = new FinalizationRegistry((resources) => resources.scopeCollected())

class Resources {
  /** The latest last. @type {Set<Entry>} */
  #entries = new Set()
  /** @type {Resources | null} */
  #parent
  /** In the parent. @type {Entry | null} */
  #place = null
  #isOpen = true
  /** Whether it holds something, or did. */
  #inUse = false
  #group = 0
  /** @type {AbortController | null} */
  #controller = null
  /** @type {Promise<void> | null} */
  #ending = null
  #sweepAt = FEW
  since = 0
  /** @type {string[] | null} */
  origin = null

  /**
   * @param {Holdings} holdings
   * @param {Resources | null} parent
   * @param {string | null} name
   */
  constructor(holdings, parent, name) {
    this.holdings = holdings
    this.#parent = parent
    this.name = name
  }

  /** @returns {boolean} */
  get ended() {
    return !this.#isOpen || (this.#parent !== null && this.#parent.ended)
  }

  /** Whether another scope ends it. */
  get isNested() {
    return this.#parent !== null
  }

  /** How a message names it. */
  get title() {
    return this.name === null ? 'a scope' : `the scope ${quote(this.name)}`
  }

  /** The latest last. */
  get entries() {
    return this.#entries
  }

  /** @param {string} method */
  mustBeOpen(method) {
    if (!this.ended) return
    throw new PlimsollError(`${method}() on ${this.title}, which has ended: use it before its function returns`, { code: 'ERR_PLIMSOLL_CLOSED' })
  }

  /**
   * Called before anything is held.
   *
   * @param {object} scope whose end is due when it is collected
   */
  use(scope) {
    if (this.#inUse) return
    const { holdings } = this
    this.since = holdings.core.now()
    this.origin = holdings.origins.sample()
    if (this.#parent !== null) this.#place = this.#parent.addNested(this)
    this.#inUse = true
    holdings.counts.opened++
    holdings.open.add(this)
    collectedScopes.register(scope, this, this)
  }

  /** @param {Resources} nested */
  addNested(nested) {
    return this.add('scope', nested.title, () => nested.end(), () => false, nested)
  }

  /**
   * @param {Kind} kind
   * @param {string} what
   * @param {() => unknown} release
   * @param {() => boolean} isOver
   * @param {Resources} [nested]
   * @returns {Entry}
   */
  add(kind, what, release, isOver, nested) {
    this.makeRoom()
    const { holdings } = this
    /** @type {Entry} */
    const entry = { kind, what, release, isOver, since: holdings.core.now(), origin: nested?.origin ?? holdings.origins.sample(), nested }
    this.#entries.add(entry)
    holdings.held[kind]++
    holdings.touched()
    return entry
  }

  /** @throws {PlimsollError} `ERR_PLIMSOLL_OVERFLOW` */
  makeRoom() {
    if (this.#entries.size < this.#sweepAt) return
    this.holdings.listeners.count()
    for (const entry of [...this.#entries]) if (entry.isOver()) this.remove(entry)
    this.#sweepAt = Math.min(MOST_ENTRIES, Math.max(FEW, 2 * this.#entries.size))
    if (this.#entries.size < MOST_ENTRIES) return
    throw new PlimsollError(`${this.title} holds ${MOST_ENTRIES} things already: end it, or open one for each piece of work`, {
      code: 'ERR_PLIMSOLL_OVERFLOW',
    })
  }

  /**
   * @param {Entry} entry
   * @returns {boolean} whether it was held
   */
  remove(entry) {
    if (!this.#entries.delete(entry)) return false
    this.holdings.held[entry.kind]--
    return true
  }

  /** The group in the core, opened when it is first asked for. @returns {number} */
  get group() {
    if (this.#group === 0) this.#group = this.holdings.openGroup(this.#parent === null ? this.holdings.group : this.#parent.group)
    return this.#group
  }

  /** Aborted when the scope ends, or has. */
  get signal() {
    if (this.#controller === null) {
      this.#controller = new AbortController()
      // It is there to be given to as many commands and requests as there are.
      setMaxListeners(0, this.#controller.signal)
      if (this.ended) this.#controller.abort()
    }
    return this.#controller.signal
  }

  /** What it holds, in words. */
  summary() {
    /** @type {Map<Kind, number>} */
    const counts = new Map()
    for (const { kind } of this.#entries) counts.set(kind, (counts.get(kind) ?? 0) + 1)
    return [...counts].map(([kind, count]) => `${count} ${kind}${count === 1 ? '' : kind === 'process' ? 'es' : 's'}`).join(', ') || 'nothing'
  }

  scopeCollected() {
    if (this.#ending === null) this.holdings.scopeCollected(this)
  }

  /**
   * Ends it, once; a further call gives the same promise.
   *
   * @returns {Promise<void>} rejects with a `ScopeCleanupError` when everything was tried
   */
  end() {
    if (this.#ending !== null) return this.#ending
    if (!this.#inUse) {
      this.#isOpen = false
      this.#ending = Promise.resolve()
      return this.#ending
    }
    // In place before anything is called: that may end it as well.
    let start = () => {}
    this.#ending = new Promise((/** @type {(value: void) => void} */ resolve) => { start = resolve }).then(() => this.#end())
    this.#abort()
    start()
    return this.#ending
  }

  async #end() {
    collectedScopes.unregister(this)
    /** @type {unknown[]} */
    const failures = []
    for (const entry of [...this.#entries].reverse()) {
      // A release may have removed others.
      if (!this.remove(entry)) continue
      await this.#release(entry, failures)
    }
    if (this.#group !== 0) await this.#endGroup(failures)
    const { holdings } = this
    holdings.open.delete(this)
    holdings.counts.ended++
    if (this.#place !== null) this.#parent?.remove(this.#place)
    if (failures.length > 0) throw holdings.failed(this.title, failures)
  }

  /** Closes and aborts it and all that is nested in it, so that what runs there stops while the rest is released. */
  #abort() {
    /** @type {Resources[]} */
    const all = [this]
    for (const resources of all) {
      resources.#isOpen = false
      for (const { nested } of resources.#entries) if (nested !== undefined) all.push(nested)
    }
    for (const resources of all) resources.#controller?.abort()
  }

  /**
   * @param {Entry} entry
   * @param {unknown[]} failures
   */
  async #release(entry, failures) {
    try {
      const released = /** @type {any} */ (entry.release())
      if (typeof released?.then !== 'function') return
      // What is nested has bounds of its own, one for each of its releases.
      await (entry.nested === undefined ? this.#bounded(released, `the release of ${entry.what}`) : released)
    } catch (error) {
      failures.push(error)
    }
  }

  /** @param {unknown[]} failures */
  async #endGroup(failures) {
    try {
      const ended = await this.#bounded(this.holdings.endGroup(this.#group), 'the end of processes and temporary files')
      failures.push(...(ended?.failures ?? []).map(notRemoved))
    } catch (error) {
      failures.push(error)
    }
  }

  /**
   * @param {PromiseLike<any>} released
   * @param {string} what
   * @returns {Promise<any>}
   */
  #bounded(released, what) {
    return bounded(this.holdings, released, what, this.title)
  }
}

/**
 * @param {Holdings} holdings
 * @param {PromiseLike<any>} released
 * @param {string} what
 * @param {string} title of its scope
 * @returns {Promise<any>}
 */
function bounded(holdings, released, what, title) {
  const { releaseTimeoutMs } = holdings.settings
  return new Promise((resolve, reject) => {
    const timer = startTimer(() => {
      holdings.counts.releaseTimeouts++
      reject(new PlimsollError(
        `${what} in ${title} took longer than ${releaseTimeoutMs} ms and is not waited for: raise releaseTimeoutMs, or find what it waits for`,
        { code: 'ERR_PLIMSOLL_TIMEOUT' },
      ))
    }, releaseTimeoutMs)
    Promise.resolve(released).then(resolve, reject).finally(() => clearTimer(timer))
  })
}

/**
 * Resolves when a promise has settled, or after some time.
 *
 * @param {Promise<unknown>} promise
 * @param {number} milliseconds
 * @returns {Promise<void>}
 */
function within(promise, milliseconds) {
  return new Promise((resolve) => {
    const timer = startTimer(resolve, milliseconds)
    const settled = () => {
      clearTimer(timer)
      resolve()
    }
    promise.then(settled, settled)
  })
}

/** @param {{ path: string, message: string }} failure */
function notRemoved({ path, message }) {
  const what = path === '' ? '' : `${path} could not be removed: `
  return new PlimsollError(`${what}${messageOf(message)}`, { code: 'ERR_PLIMSOLL_WRITE' })
}

module.exports = { Resources, bounded, notRemoved, within }
