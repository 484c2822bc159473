'use strict'
/**
 * ProcessPool: workers that are kept alive and asked again and again.
 *
 * The core starts, checks, recycles and ends the workers, queues requests and speaks their protocol; here are
 * the promises, and what a request and its answer are as text. `index.d.ts` documents what is public.
 */

const { AsyncResource } = require('node:async_hooks')
const { readConfig } = require('./config.js')
const { PlimsollError, RemoteError, quote } = require('./errors.js')
const { DEFAULT_GRACE_MS, EXEC_OPTIONS, LONGEST_MS, environmentOf, nameOf, readArguments, refuse } = require('./lifecycle-command.js')
const { core, forget, hold, letGo, refused, register } = require('./lifecycle-events.js')

const MEGABYTE = 1_048_576
const MOST_WORKERS = 256
const MOST_QUEUED = 1_000_000
const MOST_IN_FLIGHT = 1024
const LONGEST_MESSAGE = 32 * MEGABYTE
const MOST_QUEUED_BYTES = 2 ** 32
const MOST_REQUESTS = 1_000_000_000
const MOST_MB = 2 ** 30
const COMES_FROM_MANAGER = Symbol('manager')

/** @typedef {import('./config.js').Schema} Schema */
/** @typedef {object} Owner the manager whose pools they are */
/** @typedef {import('./lifecycle-events.js').Event} Event */
/** @typedef {'line' | 'jsonl' | 'content-length'} Protocol */

/** @param {number | undefined} fallback @param {number} [min] @returns {import('./config.js').Option} */
const milliseconds = (fallback, min = 0) => ({ type: 'number', unit: 'milliseconds', min, max: LONGEST_MS, default: fallback })
/** @param {number | undefined} fallback @param {number} min @param {number} max @returns {import('./config.js').Option} */
const count = (fallback, min, max) => ({ type: 'number', integer: true, min, max, default: fallback })

/**
 * An option that is an object of options.
 *
 * @param {string} name
 * @param {Schema} schema
 * @returns {import('./config.js').Option}
 */
const group = (name, schema) => ({
  type: 'custom',
  default: undefined,
  allowed: `an object of ${Object.keys(schema).join(', ')}`,
  read: (value) => {
    const read = readConfig(`createProcessPool ${name}`, schema, value)
    if (read.payload === undefined) throw new TypeError('no payload')
    return read
  },
})

/** @type {import('./config.js').Option} */
const PAYLOAD = { type: 'custom', default: undefined, allowed: 'what request() takes', read: (value) => value }

/** @type {Schema} */
const PROBE_OPTIONS = { payload: PAYLOAD, timeoutMs: milliseconds(30_000, 1), notification: PAYLOAD }
/** @type {Schema} */
const CHECK_OPTIONS = { payload: PAYLOAD, intervalMs: milliseconds(30_000, 1), timeoutMs: milliseconds(5000, 1) }

/** @type {Schema} */
const POOL_OPTIONS = {
  command: { type: 'string', default: undefined },
  args: {
    type: 'custom',
    default: undefined,
    allowed: 'an array of strings without NUL',
    read: (value) => {
      try {
        return readArguments('createProcessPool', value)
      } catch (cause) {
        throw new TypeError('no arguments', { cause })
      }
    },
  },
  env: EXEC_OPTIONS.env,
  extendEnv: EXEC_OPTIONS.extendEnv,
  cwd: EXEC_OPTIONS.cwd,
  killSignal: EXEC_OPTIONS.killSignal,
  min: count(0, 0, MOST_WORKERS),
  max: count(4, 1, MOST_WORKERS),
  idleTimeoutMs: milliseconds(300_000),
  maxRequests: count(undefined, 1, MOST_REQUESTS),
  maxRssMb: { type: 'number', unit: 'MB', min: 1, max: MOST_MB, default: undefined },
  maxAgeMs: milliseconds(undefined, 1),
  protocol: { type: 'choice', choices: ['jsonl', 'line', 'content-length'], default: 'jsonl' },
  startupProbe: group('startupProbe', PROBE_OPTIONS),
  healthCheck: group('healthCheck', CHECK_OPTIONS),
  maxQueue: count(1000, 1, MOST_QUEUED),
  maxQueueBytes: count(64 * MEGABYTE, 1, MOST_QUEUED_BYTES),
  maxInFlight: count(1, 1, MOST_IN_FLIGHT),
  maxMessageBytes: count(16 * MEGABYTE, 1, LONGEST_MESSAGE),
  graceMs: milliseconds(DEFAULT_GRACE_MS),
  onNotification: { type: 'function', default: undefined },
}

/** @type {Schema} */
const REQUEST_OPTIONS = { timeoutMs: milliseconds(undefined, 1), signal: EXEC_OPTIONS.signal }
/** @type {Schema} */
const CLOSE_OPTIONS = { graceMs: milliseconds(undefined) }

/**
 * A request as the text that its protocol sends.
 *
 * @param {Protocol} protocol
 * @param {unknown} payload
 * @returns {string}
 * @throws {PlimsollError} `ERR_PLIMSOLL_ARGUMENT`
 */
function textOf(protocol, payload) {
  if (protocol === 'line') {
    if (typeof payload !== 'string') throw refuse(`request: with the protocol "line" the payload must be a string, not ${nameOf(payload)}`)
    if (/[\r\n]/.test(payload)) throw refuse('request: with the protocol "line" the payload must not have a newline in it')
    return payload
  }
  if (protocol === 'jsonl') return jsonOf(payload)
  const { method, params } = /** @type {any} */ (typeof payload === 'object' && payload !== null ? payload : {})
  return messageOf('request', method, params)
}

/**
 * The part of a JSON-RPC message that is not of the protocol: the core adds `jsonrpc` and `id`.
 *
 * @param {string} caller
 * @param {unknown} method
 * @param {unknown} params
 */
function messageOf(caller, method, params) {
  if (typeof method !== 'string' || method === '') {
    throw refuse(`${caller}: with the protocol "content-length" a message needs a method, a string that is not empty, not ${nameOf(method)}`)
  }
  // JSON-RPC 2.0, 4.2: by position or by name.
  if (params !== undefined && (typeof params !== 'object' || params === null)) {
    throw refuse(`${caller}: params must be an object or an array, not ${nameOf(params)}`)
  }
  return jsonOf(params === undefined ? { method } : { method, params })
}

/**
 * @param {Protocol} protocol
 * @param {any} notification
 */
function notificationOf(protocol, notification) {
  if (protocol !== 'content-length') throw refuse('createProcessPool: only the protocol "content-length" has notifications')
  return messageOf('createProcessPool startupProbe.notification', notification?.method, notification?.params)
}

/** @param {unknown} value */
function jsonOf(value) {
  let text
  try {
    text = JSON.stringify(value)
  } catch (cause) {
    throw Object.assign(refuse('request: the payload cannot be written as JSON'), { cause })
  }
  if (text === undefined) throw refuse(`request: the payload cannot be written as JSON: it is ${nameOf(value)}`)
  return text
}

/**
 * What a worker answered.
 *
 * @param {Protocol} protocol
 * @param {string} text
 * @returns {unknown}
 * @throws {PlimsollError} `ERR_PLIMSOLL_PROTOCOL`, `ERR_PLIMSOLL_REMOTE`
 */
function answerOf(protocol, text) {
  if (protocol === 'line') return text
  const value = parsed(text)
  if (protocol === 'jsonl') return value
  const { error, result } = typeof value === 'object' && value !== null ? value : {}
  if (error === undefined || error === null) {
    if (result === undefined) throw badAnswer(text)
    return result
  }
  // JSON-RPC 2.0, 5.1.
  if (!Number.isInteger(error.code) || typeof error.message !== 'string') throw badAnswer(text)
  throw new RemoteError(error.message, { remoteCode: error.code, data: error.data })
}

/**
 * @param {string} text
 * @returns {any}
 */
function parsed(text) {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw badAnswer(text, cause)
  }
}

/**
 * @param {string} text
 * @param {unknown} [cause]
 */
function badAnswer(text, cause) {
  const message = `a worker answered in another form than its protocol has: ${quote(text)}; see that it writes nothing else to its standard output`
  return new PlimsollError(message, { code: 'ERR_PLIMSOLL_PROTOCOL', cause })
}

class ProcessPool {
  #owner
  #options
  #token
  /** @type {Protocol} */
  #protocol
  /** @type {Promise<void> | null} */
  #closing = null
  /** What was said last, once nobody is left to say more. @type {object | null} */
  #lastStats = null
  /** @type {() => void} */
  #closed = () => {}

  /**
   * @param {symbol} origin
   * @param {Owner} owner
   * @param {any} options as `POOL_OPTIONS` reads them
   * @param {number} group
   */
  constructor(origin, owner, options, group) {
    if (origin !== COMES_FROM_MANAGER) throw refuse('a ProcessPool comes from createProcessPool()')
    this.#owner = owner
    this.#options = options
    this.#protocol = options.protocol
    const native = core()
    const notify = options.onNotification && AsyncResource.bind(options.onNotification)
    this.#token = register({ hear: (event) => this.#hear(event, notify) })
    try {
      const refusal = native.poolOpen(this.#token, nativeSettings(options, group))
      if (refusal) throw refused(refusal)
    } catch (error) {
      forget(this.#token)
      throw error
    }
  }

  get command() {
    return [this.#options.command, ...this.#options.args].join(' ')
  }

  get closed() {
    return this.#closing !== null
  }

  /**
   * @param {Event} event
   * @param {((message: unknown) => void) | undefined} notify
   */
  #hear(event, notify) {
    if (event.kind === 'notification') {
      for (let texts = this.#notifications(); texts.length > 0; texts = this.#notifications()) {
        if (notify !== undefined) for (const text of texts) heard(notify, text)
      }
    } else if (event.kind === 'poolClosed') {
      this.#lastStats = this.stats()
      core().poolForget(this.#token)
      forget(this.#token)
      poolsOf(this.#owner).delete(this)
      // Its scope may have ended natively.
      this.#closing ??= Promise.resolve()
      this.#closed()
    }
  }

  /** @returns {string[]} those that nobody has heard yet, or some of them */
  #notifications() {
    return core().poolTakeNotifications(this.#token)
  }

  /**
   * @param {unknown} payload
   * @param {object} [options]
   * @returns {Promise<any>}
   */
  request(payload, options) {
    try {
      const text = textOf(this.#protocol, payload)
      const { timeoutMs, signal } = options === undefined ? NO_OPTIONS : readConfig('request', REQUEST_OPTIONS, options)
      if (this.#closing !== null) throw closedError()
      if (signal?.aborted) throw signal.reason
      return this.#ask(text, timeoutMs ?? null, signal)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * @param {string} text
   * @param {number | null} timeoutMs
   * @param {AbortSignal | undefined} signal
   */
  #ask(text, timeoutMs, signal) {
    return new Promise((resolve, reject) => {
      const native = core()
      const token = register({ hear: (event) => {
        done()
        if (event.kind === 'answer') {
          try {
            resolve(answerOf(this.#protocol, event.text ?? ''))
          } catch (error) {
            reject(error)
          }
        } else {
          reject(refused({ code: event.code ?? 'ERR_PLIMSOLL_INTERNAL', message: event.message ?? 'the request failed' }))
        }
      } })
      const abort = () => {
        done()
        native.poolCancel(this.#token, token)
        reject(signal?.reason)
      }
      const done = () => {
        forget(token)
        signal?.removeEventListener('abort', abort)
        letGo()
      }
      hold()
      signal?.addEventListener('abort', abort, { once: true })
      try {
        const refusal = native.poolRequest(this.#token, token, text, timeoutMs)
        if (refusal) throw refused(refusal)
      } catch (error) {
        done()
        reject(error)
      }
    })
  }

  stats() {
    return this.#lastStats ?? JSON.parse(core().poolStats(this.#token))
  }

  /**
   * @param {object} [options]
   * @returns {Promise<void>}
   */
  close(options) {
    if (this.#closing !== null) return this.#closing
    try {
      const { graceMs } = readConfig('close', CLOSE_OPTIONS, options)
      this.#closing = new Promise((resolve) => {
        hold()
        this.#closed = () => {
          letGo()
          resolve()
        }
        core().poolClose(this.#token, graceMs ?? this.#options.graceMs)
      })
      return this.#closing
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** @returns {Promise<void>} */
  [Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose')]() {
    return this.close()
  }
}

/**
 * @param {(message: unknown) => void} notify
 * @param {string} text
 */
function heard(notify, text) {
  try {
    notify(parsed(text))
  } catch (error) {
    // An uncaught exception, as in any listener; those that come after it are told all the same.
    queueMicrotask(() => { throw error })
  }
}

/** @type {{ timeoutMs?: number, signal?: AbortSignal }} */
const NO_OPTIONS = Object.freeze({})

function closedError() {
  return new PlimsollError('the pool was closed; make another one', { code: 'ERR_PLIMSOLL_CLOSED' })
}

/**
 * @param {any} options
 * @param {number} group
 */
function nativeSettings(options, group) {
  const { protocol, startupProbe, healthCheck } = options
  return {
    program: options.command,
    arguments: options.args,
    environment: environmentOf('createProcessPool', options),
    directory: options.cwd,
    endSignal: options.killSignal,
    min: options.min,
    max: options.max,
    idleTimeoutMs: options.idleTimeoutMs,
    maxRequests: options.maxRequests,
    maxRssBytes: options.maxRssMb === undefined ? undefined : Math.floor(options.maxRssMb * MEGABYTE),
    maxAgeMs: options.maxAgeMs,
    protocol,
    startupProbe: startupProbe === undefined ? undefined : {
      text: textOf(protocol, startupProbe.payload),
      timeoutMs: startupProbe.timeoutMs,
      notification: startupProbe.notification === undefined ? undefined : notificationOf(protocol, startupProbe.notification),
    },
    healthCheck: healthCheck === undefined ? undefined : {
      text: textOf(protocol, healthCheck.payload), intervalMs: healthCheck.intervalMs, timeoutMs: healthCheck.timeoutMs,
    },
    maxQueue: options.maxQueue,
    maxQueueBytes: options.maxQueueBytes,
    maxInFlight: options.maxInFlight,
    maxMessageBytes: options.maxMessageBytes,
    graceMs: options.graceMs,
    group,
  }
}

/**
 * Makes a pool.
 *
 * @param {Owner} owner
 * @param {unknown} options
 * @param {number} [group] a native group, 0 for none
 * @returns {ProcessPool}
 */
function createProcessPool(owner, options, group = 0) {
  const read = readConfig('createProcessPool', POOL_OPTIONS, options)
  if (read.command === undefined) throw refuse('createProcessPool: the option "command" is missing: the program of the workers')
  if (read.min > read.max) throw refuse(`createProcessPool: min (${read.min}) is above max (${read.max})`)
  if (read.maxInFlight > 1 && read.protocol !== 'content-length') {
    throw refuse('createProcessPool: maxInFlight above 1 needs the protocol "content-length", whose answers name their requests')
  }
  read.args ??= []
  const pool = new ProcessPool(COMES_FROM_MANAGER, owner, read, group)
  poolsOf(owner).set(pool, group)
  return pool
}

/**
 * Closes every pool of a manager, or those that were made in a group.
 *
 * @param {Owner} owner
 * @param {{ graceMs?: number }} [options]
 * @param {number} [group]
 */
async function closePools(owner, options, group) {
  const pools = [...poolsOf(owner)].filter(([, made]) => group === undefined || made === group)
  await Promise.all(pools.map(([pool]) => pool.close(options)))
}

/** The pools of each manager that are not closed yet, with their groups. @type {WeakMap<Owner, Map<ProcessPool, number>>} */
const openPools = new WeakMap()

/** @param {Owner} owner */
function poolsOf(owner) {
  let pools = openPools.get(owner)
  if (pools === undefined) {
    pools = new Map()
    openPools.set(owner, pools)
  }
  return pools
}

/** What `execCodex` runs unless the manager's option `codex` says otherwise. */
const CODEX_DEFAULTS = Object.freeze({ command: 'codex', protocol: 'jsonl' })

/** The pool of each manager that `execCodex` was called of. @type {WeakMap<Owner, ProcessPool>} */
const codexPools = new WeakMap()

/**
 * Asks a worker of the manager's pool of Codex processes, which is made when it is first asked.
 *
 * @param {Owner} owner
 * @param {unknown} args
 * @param {object | undefined} options those of `request`
 * @param {object | undefined} settings those of the pool: the manager's option `codex`
 * @param {number} [group] that a pool is made in
 * @returns {Promise<any>}
 */
async function execCodex(owner, args, options, settings, group) {
  const payload = { args: readArguments('execCodex', args) }
  let pool = codexPools.get(owner)
  if (pool === undefined || pool.closed) {
    pool = createProcessPool(owner, { ...CODEX_DEFAULTS, ...settings }, group)
    codexPools.set(owner, pool)
  }
  return pool.request(payload, options)
}

module.exports = { POOL_OPTIONS, ProcessPool, closePools, createProcessPool, execCodex }
