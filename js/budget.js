'use strict'
/**
 * ResourceBudgetManager: the JavaScript half.
 *
 * A slot is one native call to acquire and one to release; lanes, deadlines, guards and records live in the
 * core. What remains here is what needs V8: promises, contexts, the abort signal, and forgotten contexts,
 * which only the collector can find.
 */

const { setImmediate: afterOthers } = require('node:timers')
const { isMainThread } = require('node:worker_threads')
const v8 = require('node:v8')
const { WorkerCallContext } = require('./budget-context.js')
const { ForgottenContexts } = require('./budget-forgotten.js')
const { readBudgetConfig, readLimits } = require('./budget-options.js')
const { checkCall, readRequest, refuse, shown } = require('./budget-request.js')
const { MEGABYTE, nativeLanes, nativeSettings } = require('./budget-settings.js')
const { Waiting } = require('./budget-waiting.js')
const { PlimsollError, WorkerCallTimeoutError } = require('./errors.js')
const { Logger, messageOf } = require('./logger.js')
const { native: loadNative } = require('./native.js')
const { SpanHandle, errorTypeOf } = require('./span.js')
const { currentParent, isTracing } = require('./tracing.js')

/** Flags of an acquisition, as `budgetAcquire` takes them. */
const SAMPLED = 1
const OBSERVED = 2
/** Flags of a release, as `budgetRelease` takes them. */
const SUCCESS = 1
const AFTER_DEADLINE = 2
const COLLECTED = 4
/** Bits of what a release answers. */
const OVER_TIME = 2
const EVENTS = 4
/** Kinds of events, as `budgetTakeEvents` gives them in threes: kind, serial, call or refusal. */
const WARNED = 0
const ENDED = 1
const GRANTED = 2
const EVENT_FIELDS = 3

/** A heap over its warning is told of once in this time. */
const HEAP_QUIET_MS = 10_000
const MOST_METRICS = 1000
const COMPONENT = { component: 'ResourceBudgetManager' }

/** Makes the instance of the process, whose lanes worker threads share. */
const PROCESS = Symbol('process')

/** @typedef {import('./budget-request.js').Request} Request */
/** @typedef {import('./tracing.js').Parent} Parent */
/** @typedef {{ context: WorkerCallContext, end: (error: Error) => void }} Running a call that a wrapper runs */

/**
 * @type {{
 *   request: (manager: ResourceBudgetManager, taskId: string, lane: string, options: object) => Request,
 *   acquire: (manager: ResourceBudgetManager, request: Request) => WorkerCallContext | null,
 *   wait: (manager: ResourceBudgetManager, request: Request) => Promise<WorkerCallContext | null>,
 *   run: (manager: ResourceBudgetManager, context: WorkerCallContext, end: (error: Error) => void) => void,
 *   release: (manager: ResourceBudgetManager, context: WorkerCallContext, error: unknown, failed: boolean) => Error | null,
 *   abort: (context: WorkerCallContext, reason: unknown) => void,
 *   abandoned: (manager: ResourceBudgetManager, begun: boolean) => void,
 *   logMetrics: (manager: ResourceBudgetManager, context: WorkerCallContext) => void,
 * }}
 */
const internals = /** @type {any} */ ({})

/**
 * Managers that owe somebody an answer. The core alone holds on to who waits and what has a deadline: functions
 * that are suspended until then, and with them the manager, would be collected and never go on.
 *
 * @type {Set<ResourceBudgetManager>}
 */
const owing = new Set()

/** @type {FinalizationRegistry<number>} */
const collectedManagers = new FinalizationRegistry((number) => loadNative().budgetDetach(number))

/** @type {(manager: ResourceBudgetManager | undefined) => void} */
let hear
/** @type {(manager: ResourceBudgetManager | undefined, held: import('./budget-forgotten.js').Held) => void} */
let collected

/** See `index.d.ts` for what it promises. */
class ResourceBudgetManager {
  #native
  #settings
  #number
  #prefix
  #ids
  #registry
  #logger
  #serial = 0
  /** @type {Map<string, number>} */
  #lanes = new Map()
  #forgotten
  #waiting
  /** @type {Map<number, Running>} by call */
  #running = new Map()
  /** @type {Map<number, (event: object) => void>} by call */
  #listeners = new Map()
  #heapWarningBytes
  #heapQuietUntil = 0
  #foreignReleases = 0
  #doubleReleases = 0
  #closed = false

  /**
   * @param {object} [config]
   * @param {symbol} [extent] `PROCESS` for the instance of the process
   */
  constructor(config, extent) {
    /** @type {any} the raw functions have no generated types */
    const native = loadNative()
    const settings = readBudgetConfig(config)
    const self = new WeakRef(this)
    const join = extent === PROCESS ? (isMainThread ? 'found' : 'join') : 'own'
    const opened = native.budgetOpen(nativeSettings(settings), join, () => hear(self.deref()))
    if (opened.message !== undefined) {
      throw new PlimsollError(opened.message, { code: /** @type {any} */ (opened.code) })
    }
    const { number, prefix, seed } = opened
    this.#native = native
    this.#settings = settings
    this.#number = number
    this.#prefix = prefix
    this.#logger = new Logger(settings.logger)
    this.#heapWarningBytes = settings.enableMemoryGuards ? settings.heapWarningMb * MEGABYTE : Infinity
    this.#ids = (/** @type {number} */ serial) => {
      const ids = native.spanIds(seed, serial)
      return { traceId: ids.slice(0, 32), spanId: ids.slice(32) }
    }
    this.#registry = {
      process: (/** @type {number} */ call, /** @type {number} */ pid, /** @type {boolean} */ register) => native.budgetProcess(number, call, pid, register),
      scope: (/** @type {number} */ call, /** @type {number} */ group) => native.budgetScope(number, call, group, true),
    }
    this.#forgotten = new ForgottenContexts((held) => collected(self.deref(), held))
    this.#waiting = this.#queue()
    collectedManagers.register(this, number)
  }

  /**
   * @param {string} taskId
   * @param {string} lane
   * @param {number | object} [timeout] milliseconds, or options
   * @param {unknown} [metadata]
   * @returns {Promise<WorkerCallContext | null>}
   */
  acquireSlot(taskId, lane, timeout, metadata) {
    try {
      if (typeof timeout !== 'object' || timeout === null) {
        return Promise.resolve(this.#acquire(taskId, lane, timeout ?? this.#settings.defaultTimeoutMs, metadata, 0, 0))
      }
      const request = readRequest(taskId, lane, timeout, this.#settings)
      return request.wait === undefined ? Promise.resolve(this.#acquireRequested(request)) : this.#wait(request, request.wait)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * @param {string} taskId
   * @param {string} lane
   * @param {any} timeoutMs `NaN`: the core chooses
   * @param {unknown} metadata
   * @param {number} flags
   * @param {number} kind
   * @returns {WorkerCallContext | null}
   */
  #acquire(taskId, lane, timeoutMs, metadata, flags, kind) {
    if (flags === 0) checkCall(taskId, lane, timeoutMs)
    const used = this.#heapUsed()
    const serial = ++this.#serial
    const parent = currentParent(this)
    const span = this.#span(serial, parent)
    const call = this.#native.budgetAcquire(
      this.#number, this.#lanes.get(lane) ?? this.#lane(lane), serial, timeoutMs, used,
      span === null ? flags : flags | SAMPLED, readAt, taskId, kind,
      parent === undefined ? 0 : parent.root, parent === undefined ? 0 : parent.serial,
    )
    if (call <= 0) return this.#refused(taskId, lane)
    return this.#admitted(call, serial, taskId, lane, timeoutMs, span, parent, metadata)
  }

  /** @param {Request} request */
  #acquireRequested(request) {
    if (request.signal?.aborted) throw request.signal.reason
    const { taskId, lane, timeoutMs, metadata, flags, onTimeout } = request
    const context = this.#acquire(taskId, lane, timeoutMs, metadata, flags, this.#kind(request))
    if (context !== null && onTimeout !== undefined) this.#listeners.set(WorkerCallContext.callOf(context), onTimeout)
    return context
  }

  /**
   * @param {number} call
   * @param {number} serial
   * @param {string} taskId
   * @param {string} lane
   * @param {number} timeoutMs
   * @param {SpanHandle | null} span
   * @param {Parent | undefined} parent
   * @param {unknown} metadata
   */
  #admitted(call, serial, taskId, lane, timeoutMs, span, parent, metadata) {
    if (span !== null && parent !== undefined && parent.traceId !== '') {
      this.#native.budgetSetParent(this.#number, call, parent.traceId, parent.spanId)
    }
    const timeout = Number.isNaN(timeoutMs) ? this.#native.budgetTimeout(this.#number, call) : timeoutMs
    const context = new WorkerCallContext(this, this.#registry, call, this.#prefix + serial, taskId, lane, readAt, timeout, span, metadata)
    this.#forgotten.add(context)
    if (this.#logger.hears('info')) {
      this.#logger.log('info', 'slot acquired', { ...COMPONENT, callId: context.id, taskId, lane, timeoutMs: timeout })
    }
    return context
  }

  /** @returns {number} bytes */
  #heapUsed() {
    const used = readHeap()
    if (used > this.#heapWarningBytes) this.#warnOfHeap(used)
    return used
  }

  /** @param {number} used */
  #warnOfHeap(used) {
    this.#native.budgetCountHeapWarning(this.#number)
    const now = Date.now()
    if (now < this.#heapQuietUntil) return
    this.#heapQuietUntil = now + HEAP_QUIET_MS
    this.#logger.log('warn', 'heap over its warning', {
      ...COMPONENT, heapUsedMb: megabytes(used), heapWarningMb: this.#settings.heapWarningMb,
    })
  }

  /** Apart from the constructor: what is made there shares its variables with the listener, which must not hold the manager. */
  #queue() {
    return new Waiting((hold) => {
      this.#native.budgetHold(this.#number, hold)
      this.#keep()
    })
  }

  /** A manager that owes somebody an answer is kept, even when nobody holds it but those who wait. */
  #keep() {
    if (this.#waiting.size > 0 || this.#running.size > 0) owing.add(this)
    else owing.delete(this)
  }

  /** @param {string} lane */
  #lane(lane) {
    const index = this.#native.budgetLane(this.#number, lane)
    if (index >= 0) this.#lanes.set(lane, index)
    return index
  }

  /** @param {Request} request */
  #kind({ kind }) {
    return kind === undefined ? 0 : this.#native.budgetKind(this.#number, kind)
  }

  /**
   * @param {number} serial
   * @param {Parent | undefined} parent
   * @returns {SpanHandle | null}
   */
  #span(serial, parent) {
    const { enableSpanEmission, spanSampleRate } = this.#settings
    if (!enableSpanEmission || spanSampleRate === 0) return null
    if (parent !== undefined) {
      return parent.sampled ? new SpanHandle(serial, parent.root, parent.traceId, this.#ids) : null
    }
    if (spanSampleRate < 1 && !this.#native.spanSampled(this.#ids(serial).traceId, spanSampleRate)) return null
    return new SpanHandle(serial, serial, '', this.#ids)
  }

  /**
   * @param {string} taskId
   * @param {string} lane
   */
  #refused(taskId, lane) {
    if (this.#logger.hears('warn')) {
      const { reason, detail } = this.lastRejection ?? { reason: 'unknown', detail: '' }
      this.#logger.log('warn', `slot refused: ${reason}`, { ...COMPONENT, taskId, lane, reason, detail })
    }
    return null
  }

  /**
   * @param {Request} request
   * @param {{ maxMs: number, priority: number }} wait
   * @returns {Promise<WorkerCallContext | null>}
   */
  #wait(request, wait) {
    if (request.signal?.aborted) throw request.signal.reason
    const { taskId, lane, timeoutMs, flags } = request
    const serial = ++this.#serial
    const parent = currentParent(this)
    const span = this.#span(serial, parent)
    const answer = this.#native.budgetWait(
      this.#number, this.#lanes.get(lane) ?? this.#lane(lane), serial, timeoutMs, this.#heapUsed(),
      span === null ? flags : flags | SAMPLED, readAt, taskId, this.#kind(request),
      parent === undefined ? 0 : parent.root, parent === undefined ? 0 : parent.serial, wait.maxMs, wait.priority,
    )
    if (answer < 0) return Promise.resolve(this.#refused(taskId, lane))
    if (answer > 0) return Promise.resolve(this.#grant(answer, serial, { request, span, parent }))
    return this.#waiting.add(serial, { request, span, parent }, () => this.#native.budgetCancelWait(this.#number, serial))
  }

  /**
   * @param {number} call
   * @param {number} serial
   * @param {{ request: Request, span: SpanHandle | null, parent: Parent | undefined }} waiter
   */
  #grant(call, serial, { request, span, parent }) {
    const { taskId, lane, timeoutMs, metadata, onTimeout } = request
    if (onTimeout !== undefined) this.#listeners.set(call, onTimeout)
    readHeap()
    return this.#admitted(call, serial, taskId, lane, timeoutMs, span, parent, metadata)
  }

  /**
   * @param {any} context
   * @param {boolean} success
   * @param {unknown} [error]
   * @returns {void}
   */
  releaseSlot(context, success, error) {
    this.#release(context, success ? SUCCESS : 0, error)
  }

  /**
   * @param {any} context
   * @param {number} flags
   * @param {unknown} error
   * @returns {number} what the core answered
   */
  #release(context, flags, error) {
    if (!WorkerCallContext.belongsTo(context, this)) {
      this.#foreignReleases++
      this.#logger.log('warn', 'released a context that is not of this manager', COMPONENT)
      return 0
    }
    const call = WorkerCallContext.callOf(context)
    if (call === 0) {
      if (WorkerCallContext.claim(context)) return 0
      this.#doubleReleases++
      this.#logger.log('warn', 'released a context again', { ...COMPONENT, callId: context.id, taskId: context.taskId })
      return 0
    }
    const { span } = context
    let type
    if (error !== undefined) {
      type = errorTypeOf(error)
      if (span !== null && flags !== AFTER_DEADLINE) SpanHandle.fail(span, error, messageOf(error))
    }
    const additions = span !== null && isTracing() ? SpanHandle.end(span, context.metadata) : undefined
    const answer = this.#native.budgetRelease(this.#number, call, flags, readHeap(), type, additions)
    if (answer === undefined) {
      this.#released(context, call)
      return 0
    }
    if ((answer & OVER_TIME) === 0) this.#released(context, call)
    if ((answer & (OVER_TIME | EVENTS)) !== 0) this.#hear()
    return answer
  }

  /**
   * @param {WorkerCallContext} context
   * @param {number} call
   */
  #released(context, call) {
    WorkerCallContext.markReleased(context)
    this.#forgotten.remove(call, context)
    if (this.#listeners.size > 0) this.#listeners.delete(call)
  }

  /** @param {import('./budget-forgotten.js').Held} held */
  #collected({ call, ...held }) {
    this.#native.budgetRelease(this.#number, call, COLLECTED, 0, undefined, undefined)
    this.#listeners.delete(call)
    this.#logger.log('warn', 'a context was collected before it was released', { ...COMPONENT, ...held })
    this.#hear()
  }

  /** Takes what the core has to tell, until there is no more: what is done about one event may bring the next. */
  #hear() {
    for (;;) {
      const events = this.#native.budgetTakeEvents(this.#number)
      if (events.length === 0) return
      for (let index = 0; index < events.length; index += EVENT_FIELDS) {
        const [kind, serial, value] = events.slice(index, index + EVENT_FIELDS)
        if (kind === WARNED) this.#warn(value)
        else if (kind === ENDED) this.#end(value)
        else this.#answer(serial, kind === GRANTED ? value : 0)
      }
    }
  }

  /**
   * @param {number} serial
   * @param {number} call 0: refused
   */
  #answer(serial, call) {
    const waiter = this.#waiting.take(serial)
    if (waiter === undefined) {
      // Given up while the grant was on its way.
      if (call !== 0) this.#native.budgetRelease(this.#number, call, SUCCESS, 0, undefined, undefined)
      return
    }
    const { taskId, lane } = waiter.request
    waiter.resolve(call === 0 ? this.#refused(taskId, lane) : this.#grant(call, serial, waiter))
  }

  /** @param {number} call */
  #warn(call) {
    const note = this.#note(call)
    if (note === null) return
    const event = { ...note, escalated: false }
    this.#logger.log('warn', 'worker call over its timeout', { ...COMPONENT, ...event })
    for (const listener of [this.#listeners.get(call), this.#settings.onTimeout]) this.#tell(listener, event)
  }

  /**
   * The end of a call whose time is over: the signal, the scopes, the promise, and only then the slot.
   *
   * @param {number} call
   */
  #end(call) {
    const note = this.#note(call)
    if (note === null) return
    const running = this.#running.get(call)
    const context = running?.context ?? this.#forgotten.find(call)
    const error = new WorkerCallTimeoutError(note)
    const event = { ...note, escalated: true }
    const listener = this.#listeners.get(call)
    this.#logger.log('error', 'worker call ended at its deadline', { ...COMPONENT, ...event })
    if (context !== undefined) {
      for (const failure of WorkerCallContext.end(context, error)) {
        this.#logger.log('error', 'a scope could not be ended', { ...COMPONENT, callId: note.callId, error: messageOf(failure) })
      }
    }
    running?.end(error)
    this.#tell(listener, event)
    this.#tell(this.#settings.onTimeout, event)
    // Whoever waits for the call hears of its end before its successor begins.
    afterOthers(() => this.#free(call, context, error))
  }

  /**
   * Gives back the slot of a call whose end was told.
   *
   * @param {number} call
   * @param {WorkerCallContext | undefined} context
   * @param {Error} error
   */
  #free(call, context, error) {
    if (context !== undefined) this.#release(context, AFTER_DEADLINE, error)
    else if (this.#native.budgetRelease(this.#number, call, AFTER_DEADLINE, 0, undefined, undefined) & EVENTS) this.#hear()
    this.#listeners.delete(call)
    if (this.#running.delete(call) && this.#running.size === 0) this.#keep()
  }

  /** @param {number} call */
  #note(call) {
    const note = this.#native.budgetCallNote(this.#number, call)
    return note === null ? null : JSON.parse(note)
  }

  /** @param {number} call */
  #timeout(call) {
    const note = this.#note(call)
    return note === null ? null : new WorkerCallTimeoutError(note)
  }

  /** @param {WorkerCallContext} context */
  #logMetrics(context) {
    if (!this.#logger.hears('info')) return
    // It ended a moment ago; only other threads can have put theirs behind it.
    let metrics
    for (const latest of [1, 32, MOST_METRICS]) {
      metrics = this.getMetrics(latest).findLast((/** @type {{ callId: string }} */ { callId }) => callId === context.id)
      if (metrics !== undefined) break
    }
    this.#logger.log('info', 'worker call completed', { ...COMPONENT, ...metrics })
  }

  /**
   * @param {((event: object) => unknown) | undefined} listener
   * @param {object} event
   */
  #tell(listener, event) {
    if (listener === undefined) return
    try {
      const told = /** @type {any} */ (listener(event))
      if (typeof told?.then === 'function') told.then(undefined, (/** @type {unknown} */ error) => this.#listenerFailed(error))
    } catch (error) {
      this.#listenerFailed(error)
    }
  }

  /** @param {unknown} error */
  #listenerFailed(error) {
    this.#logger.log('error', 'onTimeout failed', { ...COMPONENT, error: messageOf(error) })
  }

  /**
   * @param {{ laneConcurrencyLimits?: object, globalConcurrencyLimit?: number }} limits
   * @returns {void}
   */
  setLimits(limits) {
    const { laneConcurrencyLimits: lanes, globalConcurrencyLimit: global } = readLimits(limits)
    this.#mustBeOpen('setLimits')
    const problem = this.#native.budgetSetLimits(this.#number, lanes && nativeLanes(lanes, this.#settings.borrow), global)
    if (problem === null) return
    throw new PlimsollError(`the limits could not be changed: ${problem}`, { code: 'ERR_PLIMSOLL_LIMIT' })
  }

  getMemorySnapshot() {
    const { rss, heapTotal, heapUsed, external, arrayBuffers } = process.memoryUsage()
    return {
      rssMb: megabytes(rss),
      heapTotalMb: megabytes(heapTotal),
      heapUsedMb: megabytes(heapUsed),
      externalMb: megabytes(external),
      arrayBuffersMb: megabytes(arrayBuffers),
      timestamp: new Date().toISOString(),
    }
  }

  getConcurrencyStatus() {
    const { global, lanes } = this.status()
    const brief = lanes.map(({ name, active, limit }) => [name, { active, limit }])
    return { global: { active: global.active, limit: global.limit }, lanes: Object.fromEntries(brief) }
  }

  /** @returns {import('../index.js').BudgetStatus} */
  status() {
    const status = JSON.parse(this.#native.budgetStatus(this.#number))
    return { ...status, misuse: { ...status.misuse, foreignReleases: this.#foreignReleases, doubleReleases: this.#doubleReleases, loggerFailures: this.#logger.failures } }
  }

  /** @param {number} [limit] */
  getMetrics(limit = 100) {
    if (typeof limit !== 'number' || !(limit >= 0)) throw refuse(`limit must be a number of 0 or more, not ${shown(limit)}`)
    return JSON.parse(this.#native.budgetMetrics(this.#number, Math.min(Math.floor(limit), MOST_METRICS)))
  }

  clearMetrics() {
    this.#native.budgetClearMetrics(this.#number)
  }

  getStatistics() {
    return JSON.parse(this.#native.budgetStatistics(this.#number))
  }

  /** Why the last call that was not let in was refused; `null` before the first. */
  get lastRejection() {
    const rejection = this.#native.budgetLastRejection(this.#number)
    return rejection === null ? null : JSON.parse(rejection)
  }

  /** @returns {string} */
  toPrometheus() {
    return this.#native.budgetPrometheus(this.#number)
  }

  close() {
    if (this.#closed) return
    this.#closed = true
    this.#native.budgetClose(this.#number)
    this.#hear()
  }

  [Symbol.dispose ?? Symbol.for('nodejs.dispose')] () {
    this.close()
  }

  /** @param {string} what */
  #mustBeOpen(what) {
    if (this.#closed) throw new PlimsollError(`${what}() after close(): make a new ResourceBudgetManager`, { code: 'ERR_PLIMSOLL_CLOSED' })
  }

  static {
    hear = (manager) => manager !== undefined && manager.#hear()
    collected = (manager, held) => manager !== undefined && manager.#collected(held)
    /** What the wrappers of worker calls need beyond the public methods. */
    internals.request = (manager, taskId, lane, options) => {
      const request = readRequest(taskId, lane, options, manager.#settings)
      request.flags |= OBSERVED
      return request
    }
    internals.acquire = (manager, request) => manager.#acquireRequested(request)
    internals.wait = (manager, request) => manager.#wait(request, /** @type {any} */ (request.wait))
    internals.run = (manager, context, end) => {
      manager.#running.set(WorkerCallContext.callOf(context), { context, end })
      if (manager.#running.size === 1) manager.#keep()
    }
    internals.release = (manager, context, error, failed) => {
      const call = WorkerCallContext.callOf(context)
      const note = manager.#release(context, failed ? 0 : SUCCESS, error) & OVER_TIME ? manager.#timeout(call) : null
      if (note === null && manager.#running.delete(call) && manager.#running.size === 0) manager.#keep()
      return note
    }
    internals.abort = WorkerCallContext.abort
    internals.abandoned = (manager, begun) => manager.#native.budgetCountAbandoned(manager.#number, begun)
    internals.logMetrics = (manager, context) => manager.#logMetrics(context)
  }
}

/** When the heap was last read, in milliseconds since the epoch, and what was in use then. */
let readAt = 0
let heapUsed = 0

/**
 * The heap in use, read anew in every millisecond: a reading costs as much as a slot.
 *
 * @returns {number} bytes
 */
function readHeap() {
  const now = Date.now()
  if (now !== readAt) {
    readAt = now
    heapUsed = v8.getHeapStatistics().used_heap_size
  }
  return heapUsed
}

/** @param {number} bytes */
function megabytes(bytes) {
  return Math.round((bytes / MEGABYTE) * 100) / 100
}

/** @type {ResourceBudgetManager | undefined} */
let processManager

/** @param {object} [config] */
function getResourceBudgetManager(config) {
  processManager ??= new ResourceBudgetManager(config, PROCESS)
  return processManager
}

function resetResourceBudgetManager() {
  processManager?.close()
  processManager = undefined
}

module.exports = { ResourceBudgetManager, getResourceBudgetManager, resetResourceBudgetManager, internals }
