'use strict'
/**
 * What one manager holds: its listeners, the scopes that are open, its groups in the core, and what went wrong.
 *
 * Kept apart from the manager, so that scopes and finalizers can hold it and the manager can still be collected.
 */

const { ScopeCleanupError, messageOf } = require('./errors.js')
const { Handles } = require('./lifecycle-handles.js')
const { Growth } = require('./lifecycle-leaks.js')
const { Listeners } = require('./lifecycle-listeners.js')
const { Origins } = require('./lifecycle-origin.js')
const { Logger } = require('./logger.js')

const COMPONENT = { component: 'ResourceLifecycleManager' }
/** What was collected while it held something: the latest so many are remembered for the report. */
const MOST_COLLECTED = 100
/** Failures of the latest cleanup that can be read afterwards. */
const MOST_FAILURES = 100
/** Of what each of them says, in the log. */
const LONGEST_MESSAGE = 300
/** The core is given this share of the time of a release; the rest is for its answer. */
const GRACE_SHARE = 0.8
/** Of that, the share in which a worker of a pool may answer what it was asked. */
const DRAIN_SHARE = 0.4
/** Operations take a sample no more often than this. */
const SAMPLE_EVERY_MS = 1000
/** Above so many natively held things, operations reuse the last count: a list of them takes a while to read. */
const MANY = 1000

/** @typedef {import('./lifecycle-resources.js').Resources} Resources */
/** @typedef {import('./lifecycle-resources.js').Kind} Kind */
/** @typedef {{ kind: string, what: string, ageMs: number, origin: string[] | null, scope: string | null }} Collected */

class Holdings {
  /** @type {Map<string, () => void>} how the scope of a temporary file forgets it, by path */
  temps = new Map()
  /** Scopes that hold something, the oldest first. @type {Set<Resources>} */
  open = new Set()
  /** What scopes hold, by kind. @type {Record<Kind, number>} */
  held = { listener: 0, process: 0, 'temp file': 0, stream: 0, timer: 0, release: 0, scope: 0 }
  counts = { opened: 0, ended: 0, collected: 0, failures: 0, releaseTimeouts: 0, streamErrors: 0 }
  /** @type {Collected[]} */
  collected = []
  /** @type {readonly unknown[]} */
  lastFailures = []
  /** @type {Set<number>} */
  #groups = new Set()
  #group = 0
  /** @type {import('./lifecycle-core.js').Commands | undefined} */
  #commands
  #lastSample = -Infinity
  #native = { processes: 0, tempFiles: 0 }

  /**
   * @param {any} settings
   * @param {import('./lifecycle-core.js').Core} core
   */
  constructor(settings, core) {
    this.settings = settings
    this.core = core
    this.logger = new Logger(settings.logger)
    this.listeners = new Listeners()
    this.origins = new Origins(core.now)
    this.growth = new Growth(settings.growthSamples)
    this.handles = new Handles((handle) => this.#remember(handle))
    this.graceMs = Math.ceil(settings.releaseTimeoutMs * GRACE_SHARE)
  }

  /** What runs commands, loaded when the first is run. */
  commands() {
    this.#commands ??= this.core.commands()
    return this.#commands
  }

  /**
   * Closes the pools of a group, if there can be any. What is asked of them has less time to be answered than
   * whoever ends the group after that gives them.
   *
   * @param {number} group
   */
  async closePools(group) {
    await this.#commands?.closePools(this, { graceMs: this.graceMs * DRAIN_SHARE }, group)
  }

  /** The group of what belongs to no scope, opened when it is first asked for. */
  get group() {
    if (this.#group === 0) this.#group = this.openGroup(0)
    return this.#group
  }

  /**
   * @param {number} within
   * @returns {number}
   */
  openGroup(within) {
    const group = this.core.openGroup(within)
    this.#groups.add(group)
    return group
  }

  /**
   * Ends everything in a group, and closes it once that is done.
   *
   * @param {number} group
   */
  async endGroup(group) {
    try {
      return await this.core.endGroup(group, this.graceMs)
    } finally {
      this.#groups.delete(group)
      this.core.closeGroup(group)
    }
  }

  /** The group of what belongs to no scope, to be ended; what comes after it gets another. */
  takeGroup() {
    const group = this.#group
    this.#group = 0
    return group
  }

  /** Processes of this manager. */
  processes() {
    return this.#groups.size === 0 ? [] : this.core.processes().filter(({ group }) => this.#groups.has(group))
  }

  /** Temporary files of this manager. */
  tempFiles() {
    return this.#groups.size === 0 ? [] : this.core.temps().filter(({ group }) => this.#groups.has(group))
  }

  /** Counted anew. */
  statistics() {
    this.#native = { processes: this.processes().length, tempFiles: this.tempFiles().length }
    return { listeners: this.listeners.count(), ...this.#native }
  }

  /** What happens to registrations also keeps watch over growth, once a second. */
  touched() {
    const now = this.core.now()
    if (now - this.#lastSample < SAMPLE_EVERY_MS) return
    const many = this.#native.processes + this.#native.tempFiles > MANY
    this.sample(many ? { listeners: this.listeners.count(), ...this.#native } : this.statistics())
  }

  /** @param {{ listeners: number, processes: number, tempFiles: number }} statistics */
  sample(statistics) {
    this.#lastSample = this.core.now()
    this.growth.add(this.#lastSample, { ...statistics, streams: this.held.stream, timers: this.held.timer, scopes: this.open.size })
  }

  /**
   * Tells what went wrong where it cannot be thrown: another error is, or nobody is there to catch it.
   *
   * @param {unknown} error what an ending was rejected with
   */
  tell(error) {
    const failures = error instanceof ScopeCleanupError ? error.errors : [error]
    this.logger.log('warn', messageOf(error), { ...COMPONENT, failures: failures.slice(0, MOST_FAILURES).map((failure) => messageOf(failure).slice(0, LONGEST_MESSAGE)) })
    try {
      const heard = this.settings.onError?.(error)
      if (typeof heard?.then === 'function') heard.then(undefined, (/** @type {unknown} */ failure) => this.#onErrorFailed(failure))
    } catch (failure) {
      this.#onErrorFailed(failure)
    }
  }

  /** @param {unknown} failure */
  #onErrorFailed(failure) {
    this.logger.log('error', 'onError failed', { ...COMPONENT, failure: messageOf(failure) })
  }

  /**
   * @param {string} what has ended
   * @param {readonly unknown[]} failures
   * @returns {ScopeCleanupError}
   */
  failed(what, failures) {
    this.counts.failures += failures.length
    this.lastFailures = failures.slice(0, MOST_FAILURES)
    return new ScopeCleanupError(what, failures)
  }

  /** @param {Resources} resources whose scope was collected */
  scopeCollected(resources) {
    this.counts.collected++
    const { title, name, since, origin } = resources
    const held = resources.summary()
    this.#remember({ kind: 'scope', what: held, ageMs: this.core.now() - since, origin, scope: name })
    this.logger.log('warn', 'a scope was collected before it ended', { ...COMPONENT, scope: title, held, origin: origin?.[0] ?? null })
    resources.end().catch((error) => this.tell(error))
  }

  /** @param {Collected} collected */
  #remember(collected) {
    if (collected.kind !== 'scope') {
      const { what, origin } = collected
      this.logger.log('warn', 'a handle was collected before it was closed', { ...COMPONENT, what, origin: origin?.[0] ?? null })
    }
    this.collected.push(collected)
    if (this.collected.length > MOST_COLLECTED) this.collected.shift()
  }
}

module.exports = { Holdings }
