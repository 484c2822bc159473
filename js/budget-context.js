'use strict'
/**
 * A slot that was acquired, as its holder sees it.
 *
 * The seven properties of the contract are the object's own; everything else is made when it is first asked
 * for, because most calls never do.
 */

const { PlimsollError } = require('./errors.js')
const { nativeGroup } = require('./native-group.js')

/** Registered cleanups a context may have; a call with more has lost count of what it starts. */
const MOST_SCOPES = 256

/**
 * The manager's side of a context.
 *
 * @typedef {object} ContextOwner
 * @property {(context: WorkerCallContext, success: boolean, error?: unknown) => void} releaseSlot
 */
/**
 * What a call has ended with it, in the core: 0, or why not.
 *
 * @typedef {object} Registry
 * @property {(call: number, pid: number, register: boolean) => number} process
 * @property {(call: number, group: number) => number} scope
 */

class WorkerCallContext {
  #owner
  #call
  #registry
  #released = false
  /** Whether its time was over; its holder need not know that when it releases it. */
  #unclaimed = false
  /** @type {AbortController | null} */
  #controller = null
  /** @type {Set<{ cleanup(): unknown }> | null} */
  #scopes = null

  /**
   * @param {ContextOwner} owner
   * @param {Registry} registry
   * @param {number} call its number in the core
   * @param {string} id
   * @param {string} taskId
   * @param {string} lane
   * @param {number} startedAtMs
   * @param {number} timeoutMs
   * @param {import('./span.js').SpanHandle | null} span
   * @param {unknown} metadata
   */
  constructor(owner, registry, call, id, taskId, lane, startedAtMs, timeoutMs, span, metadata) {
    this.#owner = owner
    this.#registry = registry
    this.#call = call
    this.id = id
    this.taskId = taskId
    this.lane = lane
    this.startedAtMs = startedAtMs
    this.timeoutMs = timeoutMs
    this.span = span
    this.metadata = metadata
  }

  /** Whether the slot was given back. */
  get released() {
    return this.#released
  }

  /** Aborted when the call's time is over. */
  get signal() {
    this.#controller ??= new AbortController()
    return this.#controller.signal
  }

  /**
   * @param {number | { pid?: number, once?: Function }} child
   * @returns {void}
   */
  registerProcess(child) {
    const pid = typeof child === 'number' ? child : child?.pid
    if (!Number.isSafeInteger(pid) || Number(pid) <= 1 || Number(pid) > 0x7fffffff) {
      throw new PlimsollError('registerProcess() takes a child process that has started, or its pid', { code: 'ERR_PLIMSOLL_ARGUMENT' })
    }
    this.#mustRun('registerProcess')
    // The number of a child that has ended may be another's by now.
    if (hasExited(child)) throw processError(GONE, Number(pid))
    const outcome = this.#registry.process(this.#call, Number(pid), true)
    if (outcome !== 0) throw processError(outcome, Number(pid))
    if (typeof child === 'object' && typeof child.once === 'function') {
      child.once('exit', () => this.#registry.process(this.#call, Number(pid), false))
    }
  }

  /**
   * @template {{ cleanup(): unknown }} S
   * @param {S} scope
   * @returns {S}
   */
  registerScope(scope) {
    if (typeof scope?.cleanup !== 'function') {
      throw new PlimsollError('registerScope() takes an object with cleanup()', { code: 'ERR_PLIMSOLL_ARGUMENT' })
    }
    this.#mustRun('registerScope')
    this.#scopes ??= new Set()
    if (this.#scopes.size >= MOST_SCOPES) throw scopeError(TOO_MANY)
    const group = nativeGroup(scope)
    const outcome = group === 0 ? 0 : this.#registry.scope(this.#call, group)
    if (outcome !== 0) throw scopeError(outcome)
    this.#scopes.add(scope)
    return scope
  }

  /** @param {string} what */
  #mustRun(what) {
    if (!this.#released) return
    throw new PlimsollError(`${what}() after the call ended: register while it runs`, { code: 'ERR_PLIMSOLL_CLOSED' })
  }

  [Symbol.dispose ?? Symbol.for('nodejs.dispose')] () {
    if (!this.#released) this.#owner.releaseSlot(this, true)
  }

  [Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose')] () {
    if (!this.#released) this.#owner.releaseSlot(this, true)
    return Promise.resolve()
  }

  /** @type {(context: WorkerCallContext) => number} its number, 0 once it is released */
  static callOf
  /** @type {(context: unknown, owner: ContextOwner) => boolean} */
  static belongsTo
  /** @type {(context: WorkerCallContext) => void} */
  static markReleased
  /** @type {(context: WorkerCallContext) => boolean} whether its holder releases it for the first time, after its end */
  static claim
  /** @type {(context: WorkerCallContext, reason: unknown) => void} */
  static abort
  /** @type {(context: WorkerCallContext, reason: Error) => unknown[]} aborts, ends the scopes; what they threw */
  static end
  static {
    this.callOf = (context) => (context.#released ? 0 : context.#call)
    this.belongsTo = (/** @type {any} */ context, owner) => typeof context === 'object' && context !== null && #owner in context && context.#owner === owner
    this.markReleased = (context) => {
      context.#released = true
    }
    this.claim = (context) => {
      const first = context.#unclaimed
      context.#unclaimed = false
      return first
    }
    this.abort = (context, reason) => {
      context.#controller ??= new AbortController()
      context.#controller.abort(reason)
    }
    this.end = (context, reason) => {
      const failures = []
      context.#unclaimed = true
      this.abort(context, reason)
      for (const scope of context.#scopes ?? []) {
        try {
          const ended = /** @type {any} */ (scope.cleanup())
          if (typeof ended?.then === 'function') ended.then(undefined, () => {})
        } catch (error) {
          failures.push(error)
        }
      }
      return failures
    }
  }
}

/** @param {any} child */
function hasExited(child) {
  return typeof child === 'object' && (typeof child.exitCode === 'number' || typeof child.signalCode === 'string')
}

/** What registering answers: as many are registered as may; there is no such process. */
const TOO_MANY = 2
const GONE = 3

/** @param {number} outcome */
function scopeError(outcome) {
  if (outcome !== TOO_MANY) return new PlimsollError('the call has ended', { code: 'ERR_PLIMSOLL_CLOSED' })
  return new PlimsollError(`a call registers at most ${MOST_SCOPES} scopes`, { code: 'ERR_PLIMSOLL_OVERFLOW' })
}

/**
 * @param {number} outcome
 * @param {number} pid
 */
function processError(outcome, pid) {
  switch (outcome) {
    case 1:
      return new PlimsollError('the call has ended', { code: 'ERR_PLIMSOLL_CLOSED' })
    case TOO_MANY:
      return new PlimsollError('a call registers at most 64 processes: register the parent, its descendants are ended with it', { code: 'ERR_PLIMSOLL_OVERFLOW' })
    case GONE:
      return new PlimsollError(`there is no process ${pid}`, { code: 'ERR_PLIMSOLL_ABSENT' })
    default:
      return new PlimsollError(`process ${pid} cannot be watched here: only processes that may be signalled can be registered`, { code: 'ERR_PLIMSOLL_ARGUMENT' })
  }
}

module.exports = { WorkerCallContext }
