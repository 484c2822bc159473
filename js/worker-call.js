'use strict'
/**
 * Functions that run inside a slot: observed, limited, ended at their deadline.
 *
 * When a call's time is over its promise rejects, whether or not the function heeds its signal: a function
 * that goes on is counted as abandoned until it settles, since JavaScript cannot be ended from outside.
 */

const { getResourceBudgetManager, internals, ResourceBudgetManager } = require('./budget.js')
const { readable, refuse, shown } = require('./budget-request.js')
const { PlimsollError, ResourceLimitError } = require('./errors.js')
const { SpanHandle, errorTypeOf } = require('./span.js')
const { runInCall } = require('./tracing.js')

/** @typedef {import('./budget-context.js').WorkerCallContext} WorkerCallContext */
/** @typedef {(signal: AbortSignal, context: WorkerCallContext | null) => any} Work */

/** What a function that runs unguarded gets. */
const NEVER_ABORTED = new AbortController().signal

/**
 * @param {string} taskId
 * @param {any} options
 * @param {string} [named] the lane, when it is an argument of its own
 */
function readOptions(taskId, options, named) {
  if (options !== undefined && (typeof options !== 'object' || options === null)) {
    throw refuse(`options must be an object, not ${shown(options)}`)
  }
  const given = options ?? {}
  const { lane = 'tool_call', throws, emitMetricsLog, chosen } = readable('options', () => pick(given))
  if (chosen !== undefined && !(chosen instanceof ResourceBudgetManager)) throw refuse('manager must be a ResourceBudgetManager')
  const manager = chosen ?? getResourceBudgetManager()
  const request = internals.request(manager, taskId, named === undefined ? lane : named, given)
  return { request, throws: throws !== false, emitMetricsLog: emitMetricsLog !== false, manager }
}

/** @param {any} options */
function pick({ lane, throwOnResourceLimitExceeded, emitMetricsLog, manager }) {
  return { lane, throws: throwOnResourceLimitExceeded, emitMetricsLog, chosen: manager }
}

/** @typedef {ReturnType<typeof readOptions>} Options */

/** @param {unknown} fn */
function checkFunction(fn) {
  if (typeof fn !== 'function') throw refuse(`fn must be a function, not ${shown(fn)}`)
}

/**
 * @param {Options} options
 * @returns {WorkerCallContext | null}
 * @throws {ResourceLimitError}
 */
function acquireAtOnce({ manager, request, throws }) {
  const context = internals.acquire(manager, request)
  if (context === null && throws) throw limitError(manager)
  return context
}

/**
 * @param {Options} options
 * @returns {Promise<WorkerCallContext | null>}
 */
async function acquire(options) {
  if (options.request.wait === undefined) return acquireAtOnce(options)
  const context = await internals.wait(options.manager, options.request)
  if (context === null && options.throws) throw limitError(options.manager)
  return context
}

/** @param {ResourceBudgetManager} manager */
function limitError(manager) {
  const rejection = manager.lastRejection
  const why = rejection === null ? 'the call was refused' : `${rejection.reason}: ${rejection.detail}`
  return new ResourceLimitError(`Resource limit exceeded: ${why}`, rejection)
}

/** One slot and the functions that run in it. */
class GuardedCall {
  #manager
  #context
  #emitMetricsLog
  #unlink
  /** @type {Set<(error: Error) => void>} what to reject when the time is over */
  #rejects = new Set()
  /** @type {Error | null} */
  #over = null

  /**
   * @param {Options} options
   * @param {WorkerCallContext} context
   */
  constructor({ manager, request, emitMetricsLog }, context) {
    this.#manager = manager
    this.#context = context
    this.#emitMetricsLog = emitMetricsLog
    this.#unlink = linkSignal(context, request.signal)
    internals.run(manager, context, (error) => this.#end(error))
  }

  get context() {
    return this.#context
  }

  /** @param {Error} error */
  #end(error) {
    this.#over = error
    this.#unlink()
    for (const reject of this.#rejects) {
      internals.abandoned(this.#manager, true)
      reject(error)
    }
  }

  /**
   * @template T
   * @param {() => T} work
   * @returns {T}
   */
  enter(work) {
    return runInCall({ manager: this.#manager, span: this.#context.span }, work)
  }

  /**
   * Runs a function; rejects when it does, or when the call's time is over.
   *
   * @param {() => unknown} work
   * @returns {Promise<any>}
   */
  execute(work) {
    if (this.#over !== null) return Promise.reject(this.#over)
    return new Promise((resolve, reject) => {
      this.#rejects.add(reject)
      const settle = (/** @type {(value: any) => void} */ how, /** @type {unknown} */ value) => {
        if (this.#over !== null) internals.abandoned(this.#manager, false)
        else if (this.#rejects.delete(reject)) how(value)
      }
      let result
      try {
        result = this.enter(work)
      } catch (error) {
        settle(reject, error)
        return
      }
      Promise.resolve(result).then((value) => settle(resolve, value), (error) => settle(reject, error))
    })
  }

  /**
   * Gives the slot back.
   *
   * @param {boolean} success
   * @param {unknown} [error]
   * @returns {Error | null} the timeout, when the time was over before
   */
  release(success, error) {
    if (this.#over !== null || this.#context.released) return this.#over
    const over = internals.release(this.#manager, this.#context, error, !success)
    if (this.#over !== null || over !== null) return this.#over ?? over
    this.#unlink()
    if (this.#emitMetricsLog) internals.logMetrics(this.#manager, this.#context)
    return null
  }
}

/**
 * @param {WorkerCallContext} context
 * @param {AbortSignal | undefined} signal
 */
function linkSignal(context, signal) {
  if (signal === undefined) return () => {}
  const abort = () => internals.abort(context, signal.reason)
  if (signal.aborted) abort() // since the slot was granted
  signal.addEventListener('abort', abort, { once: true })
  return () => signal.removeEventListener('abort', abort)
}

/**
 * What a function is called with. The signal costs more than the rest of a call together, so a function
 * that declares no parameter gets it through the context alone.
 *
 * @param {Function} fn
 * @param {WorkerCallContext} context
 */
function invocation(fn, context) {
  return fn.length === 0 ? () => fn(undefined, context) : () => fn(context.signal, context)
}

/**
 * @param {Options} options
 * @param {WorkerCallContext} context
 * @param {() => unknown} work
 */
async function runGuarded(options, context, work) {
  const call = new GuardedCall(options, context)
  let result
  try {
    result = await call.execute(work)
  } catch (error) {
    throw call.release(false, error) ?? error
  }
  const over = call.release(true)
  if (over !== null) throw over
  return result
}

/**
 * @param {string} taskId
 * @param {Work} fn
 * @param {object} [options]
 */
async function withWorkerCallObservability(taskId, fn, options) {
  checkFunction(fn)
  const read = readOptions(taskId, options)
  const context = await acquire(read)
  if (context === null) return fn(read.request.signal ?? NEVER_ABORTED, null)
  return runGuarded(read, context, invocation(fn, context))
}

/**
 * @param {string} taskId
 * @param {Work} fn
 * @param {object} [options]
 */
function withWorkerCallObservabilitySync(taskId, fn, options) {
  checkFunction(fn)
  const read = readOptions(taskId, options)
  if (read.request.wait !== undefined) throw refuse('wait needs withWorkerCallObservability: a synchronous call cannot wait')
  const context = acquireAtOnce(read)
  if (context === null) return fn(read.request.signal ?? NEVER_ABORTED, null)
  const call = new GuardedCall(read, context)
  let result
  try {
    result = call.enter(invocation(fn, context))
  } catch (error) {
    throw call.release(false, error) ?? error
  }
  const over = call.release(true)
  if (over !== null) throw over
  return result
}

/** One slot for many functions. */
class BatchWorkerCall {
  #read
  /** @type {GuardedCall | null} */
  #call = null
  /** @type {Promise<void> | null} */
  #opening = null
  #unguarded = false
  #released = false
  #items = 0
  #errors = 0

  /** @param {Options} read */
  constructor(read) {
    this.#read = read
  }

  init() {
    this.#opening ??= this.#open().catch((error) => {
      this.#opening = null
      throw error
    })
    return this.#opening
  }

  async #open() {
    if (this.#released) throw this.#state('init', 'after release()')
    const context = await acquire(this.#read)
    if (context === null) {
      this.#unguarded = true
      return
    }
    this.#call = new GuardedCall(this.#read, context)
    context.span?.addEvent('batch_started')
    if (this.#released) this.#call.release(true)
  }

  /** @param {Work} fn */
  async execute(fn) {
    checkFunction(fn)
    if (this.#released) throw this.#state('execute', 'after release()')
    if (this.#unguarded) return fn(this.#read.request.signal ?? NEVER_ABORTED, null)
    const call = this.#call
    if (call === null) throw this.#state('execute', 'before init() has resolved')
    const item = this.#items++
    const { span } = call.context
    try {
      const result = await call.execute(invocation(fn, call.context))
      span?.addEvent('batch_item_processed', { item })
      return result
    } catch (error) {
      this.#errors++
      span?.addEvent('batch_item_failed', { item, errorType: errorTypeOf(error) })
      throw error
    }
  }

  /** @returns {WorkerCallContext | null} */
  getContext() {
    return this.#call?.context ?? null
  }

  /**
   * @param {boolean} success
   * @param {unknown} [error]
   * @returns {void}
   */
  release(success, error) {
    if (this.#released) return
    this.#released = true
    const span = this.#call?.context.span
    if (span) SpanHandle.addOwnEvent(span, 'batch_completed', { itemCount: this.#items, errorCount: this.#errors })
    this.#call?.release(Boolean(success), error)
  }

  /**
   * @param {string} method
   * @param {string} when
   */
  #state(method, when) {
    return new PlimsollError(`${method}() was called ${when}: await init(), execute(), then release()`, { code: 'ERR_PLIMSOLL_STATE' })
  }
}

/**
 * @param {string} taskId
 * @param {string} [lane]
 * @param {object} [options]
 */
function createBatchWorkerCallWrapper(taskId, lane, options) {
  return new BatchWorkerCall(readOptions(taskId, options, lane))
}

/**
 * @param {string} taskId
 * @param {(scope: { taskId: string, getContext(): WorkerCallContext | null, signal: AbortSignal }) => any} fn
 * @param {object} [options]
 */
async function withRequestScope(taskId, fn, options) {
  checkFunction(fn)
  const read = readOptions(taskId, options)
  const context = await acquire(read)
  const scope = {
    taskId,
    getContext: () => context,
    get signal() {
      return context?.signal ?? read.request.signal ?? NEVER_ABORTED
    },
  }
  return context === null ? fn(scope) : runGuarded(read, context, () => fn(scope))
}

module.exports = {
  createBatchWorkerCallWrapper, withRequestScope, withWorkerCallObservability, withWorkerCallObservabilitySync,
}
