'use strict'
/**
 * TelemetryManager: the JavaScript half.
 *
 * `log` turns the entry into JSON and copies it into the handle's ring with one native call; that is the
 * acknowledgement. Everything else happens on native threads. What remains here is what needs V8:
 * promises, errors, defaults, and the order of entries that had to wait.
 */

const { AsyncResource } = require('node:async_hooks')
const path = require('node:path')
const { setImmediate: afterOthers, setTimeout: later, clearTimeout: cancel } = require('node:timers')
const { readConfig } = require('./config.js')
const { PlimsollError } = require('./errors.js')
const { native: loadNative } = require('./native.js')
const { isPlain, serialize } = require('./serialize.js')
const { TelemetryChild } = require('./telemetry-child.js')
const { RING_FACTOR, TELEMETRY_OPTIONS } = require('./telemetry-options.js')
const { shapeStats } = require('./telemetry-stats.js')

const DAY_MS = 86_400_000
/** Entries that may wait for room in the ring, and their UTF-16 units. More are refused. */
const MAX_WAITING = 65_536
const MAX_WAITING_UNITS = 16 << 20
/** Entries too long for the ring that may wait for each other. */
const MAX_WAITING_LARGE = 16
/** A long text crosses in pieces of this many UTF-16 units, each well under a millisecond. */
const PIECE = 131_072
/** How long closing waits for entries that found no room. */
const CLOSE_PATIENCE_MS = 5000

/**
 * A level's number, -1 for what is no level. Comparing interned strings beats any look-up.
 * @param {unknown} level
 */
function levelNumber(level) {
  return level === 'info' ? 1 : level === 'error' ? 3 : level === 'warn' ? 2 : level === 'debug' ? 0 : -1
}

/** Added to a level when the text may hold error records. */
const ERROR_RECORDS = 4

/** What the native store answers when the entry is not in the ring. */
const FULL = 1
const DROPPED = 2
const TOO_LARGE = 3
const CLOSED = 4

/** @type {any} the addon, loaded with the first manager that is initialised */
let native = null
/** @type {(target: number, json: string, length: number) => number | undefined} */
let store

function useNative() {
  if (native !== null) return
  native = loadNative()
  store = native.telemetryStore
}

/** Managers with something under way: they may not be collected before it is done. */
const busy = new Set()

/** @type {FinalizationRegistry<number>} */
const collected = new FinalizationRegistry((handle) => native.telemetryRelease(handle))

/**
 * Marks a rejection as seen, so that a caller who does not wait for a log entry is not taken down by it.
 * @template T
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
function quiet(promise) {
  promise.catch(() => {})
  return promise
}

/**
 * @param {unknown} error
 * @returns {Promise<never>}
 */
function rejected(error) {
  return quiet(Promise.reject(error))
}

/**
 * @param {{ code?: string, message?: string, cause?: string }} event
 */
function errorOf(event) {
  const code = /** @type {import('./errors.js').ErrorCode} */ (event.code ?? 'ERR_PLIMSOLL_WRITE')
  const cause = event.cause === undefined ? undefined : Object.assign(new Error(event.cause), { code: event.cause })
  return new PlimsollError(event.message ?? code, { code, cause })
}

/** A first-in-first-out queue whose removal does not move the rest. */
class Queue {
  /** @type {any[]} */
  #items = []
  #first = 0

  get length() {
    return this.#items.length - this.#first
  }

  /** @param {any} item */
  push(item) {
    this.#items.push(item)
  }

  peek() {
    return this.#items[this.#first]
  }

  shift() {
    const item = this.#items[this.#first]
    this.#items[this.#first++] = undefined
    if (this.#first > 1024 && this.#first * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#first)
      this.#first = 0
    }
    return item
  }
}

/**
 * @typedef {object} Waiter an entry that found no room yet
 * @property {number} level with `ERROR_RECORDS`
 * @property {string} text
 * @property {() => void} resolve
 * @property {(error: unknown) => void} reject
 * @typedef {{ resolve: () => void, reject: (error: unknown) => void }} Settle
 */

/** See `index.d.ts` for what it promises. */
class TelemetryManager {
  #settings
  #minimum
  #handle = -1
  /** The handle as the native store takes it while entries may go straight in, else -1. */
  #target = -1
  /** @type {'new' | 'opening' | 'open' | 'closing' | 'closed'} */
  #state = 'new'
  /** @type {Promise<void> | null} */
  #opening = null
  /** @type {Promise<void> | null} */
  #closing = null
  /** @type {Promise<void> | null} */
  #flushing = null
  /** @type {Promise<void> | null} */
  #nextFlush = null
  /** @type {Map<string, Settle>} what native answers are waited for, by kind and token */
  #pending = new Map()
  #tokens = 0
  #holds = 0
  #waiting = new Queue()
  #waitingUnits = 0
  /** @type {(() => void)[]} */
  #whenNoneWaits = []
  #large = Promise.resolve()
  #largeWaiting = 0
  #refused = [0, 0, 0, 0]
  /** @type {any} the last statistics of a handle that is gone */
  #lastStats = null
  #onError

  /** @param {object} [config] */
  constructor(config) {
    useNative()
    const settings = readConfig('TelemetryManager', TELEMETRY_OPTIONS, config)
    settings.logPath = path.resolve(settings.logPath)
    this.#settings = settings
    this.#minimum = levelNumber(settings.minLevel)
    const tell = settings.onError ?? warnOnce()
    this.#onError = AsyncResource.bind(tell)
  }

  /** Where the log is. */
  get logPath() {
    return this.#settings.logPath
  }

  initialize() {
    if (this.#state === 'closing' || this.#state === 'closed') return rejected(closedError('initialize'))
    this.#opening ??= quiet(this.#open())
    return this.#opening
  }

  async #open() {
    this.#state = 'opening'
    const settings = this.#settings
    const weak = new WeakRef(this)
    try {
      this.#handle = native.telemetryOpen({
        path: settings.logPath,
        rotationThreshold: settings.rotationThreshold,
        wakeEntries: Math.max(1, Math.floor(settings.bufferSize * 0.8)),
        flushIntervalMs: settings.flushInterval,
        maxErrorLength: settings.maxErrorLength,
        compression: settings.enableCompression ? settings.compression : 'none',
        retentionMs: settings.retentionDays * DAY_MS,
        maxArchives: settings.maxArchives,
        maxTotalBytes: settings.maxTotalBytes,
        ringBytes: Math.ceil(settings.ringBytes / 4096) * 4096,
        ringEntries: settings.bufferSize * RING_FACTOR,
        dropLowest: settings.overflow === 'drop-lowest',
        sync: settings.durability === 'disk',
        redactPaths: settings.redact.paths,
        redactSecrets: settings.redact.secrets
      }, (/** @type {any} */ event) => {
        const manager = weak.deref()
        if (manager !== undefined) manager.#hear(event)
      })
      collected.register(this, this.#handle, this)
      await this.#answer('opened', 0)
    } catch (error) {
      this.#forgetHandle()
      this.#opening = null
      if (this.#state === 'opening') this.#state = 'new'
      this.#refuseWaiting(error)
      throw error
    }
    if (this.#state === 'opening') this.#state = 'open'
    this.#storeWaiting()
    this.#aim()
  }

  /** Lets entries go straight into the ring when nothing stands before them. */
  #aim() {
    this.#target = this.#state === 'open' && this.#waiting.length === 0 ? this.#handle * 8 : -1
  }

  /**
   * @param {string} level
   * @param {unknown} data
   * @returns {Promise<void>}
   */
  log(level, data) {
    let flags = levelNumber(level)
    if (flags < this.#minimum) return flags < 0 ? rejected(levelError(level)) : Promise.resolve()
    let text
    if (typeof data === 'object' && data !== null) {
      try {
        if (isPlain(data)) text = JSON.stringify(data)
      } catch {
        // A getter threw: the slow way records that and keeps the rest.
      }
    } else if (data === null || data === undefined || typeof data === 'function' || typeof data === 'symbol') {
      return rejected(dataError(data))
    }
    if (text === undefined) {
      const serialized = serialize(data)
      text = serialized.text
      if (serialized.errors) flags |= ERROR_RECORDS
    }
    if (this.#target >= 0) {
      const stored = store(this.#target + flags, text, text.length)
      if (stored === undefined || stored === DROPPED) return Promise.resolve()
      if (stored !== FULL) return this.#otherwise(stored, flags, text)
    }
    return this.#wait(flags, text)
  }

  /**
   * @param {number} stored
   * @param {number} flags
   * @param {string} text
   * @returns {Promise<void>}
   */
  #otherwise(stored, flags, text) {
    if (stored === TOO_LARGE) return this.#storeLarge(flags, text)
    if (stored === CLOSED) return rejected(closedError('log'))
    return rejected(new PlimsollError('the entry could not be stored; please report this fault of Plimsoll\'s',
      { code: 'ERR_PLIMSOLL_INTERNAL' }))
  }

  /**
   * Has an entry wait for room, or for the handle to be open.
   * @param {number} flags
   * @param {string} text
   * @returns {Promise<void>}
   */
  #wait(flags, text) {
    if (this.#state === 'closing' || this.#state === 'closed') return rejected(closedError('log'))
    const many = this.#waiting.length >= MAX_WAITING
    if (many || (this.#waitingUnits + text.length > MAX_WAITING_UNITS && this.#waiting.length > 0)) {
      return this.#refuse(flags)
    }
    const promise = new Promise((resolve, reject) => {
      // Tens of thousands may wait: only one that is refused gets the handler that keeps it quiet.
      const refuse = (/** @type {unknown} */ error) => {
        quiet(promise)
        reject(error)
      }
      this.#waiting.push({ level: flags, text, resolve, reject: refuse })
    })
    this.#waitingUnits += text.length
    this.#target = -1
    if (this.#waiting.length === 1) {
      this.#hold()
      if (this.#state === 'new') this.initialize()
      else if (this.#state === 'open') this.#askForRoom()
    }
    return promise
  }

  /**
   * @param {number} flags
   * @returns {Promise<never>}
   */
  #refuse(flags) {
    this.#refused[flags & ~ERROR_RECORDS]++
    return rejected(new PlimsollError(
      'the ring is full and as many entries wait for room as may: await log(), log less, or choose overflow: \'drop-lowest\'',
      { code: 'ERR_PLIMSOLL_OVERFLOW' }))
  }

  #askForRoom() {
    if (native.telemetryWantRoom(this.#handle)) afterOthers(() => this.#storeWaiting())
  }

  /** Stores what waits, oldest first, until the ring is full again. */
  #storeWaiting() {
    while (this.#waiting.length > 0) {
      const { level, text, resolve, reject } = this.#waiting.peek()
      const stored = store(this.#handle * 8 + level, text, text.length)
      if (stored === FULL) return this.#askForRoom()
      this.#doneWaiting(text)
      if (stored === undefined || stored === DROPPED) resolve()
      else this.#otherwise(stored, level, text).then(resolve, reject)
    }
  }

  /** @param {string} text */
  #doneWaiting(text) {
    this.#waiting.shift()
    this.#waitingUnits -= text.length
    if (this.#waiting.length === 0) {
      this.#release()
      this.#aim()
      for (const resolve of this.#whenNoneWaits.splice(0)) resolve()
    }
  }

  /** @param {unknown} error */
  #refuseWaiting(error) {
    while (this.#waiting.length > 0) {
      const { level, text, reject } = this.#waiting.peek()
      this.#doneWaiting(text)
      this.#refused[level & ~ERROR_RECORDS]++
      reject(error)
    }
  }

  /**
   * Sends an entry that is longer than the ring's frames straight to the writer, one at a time.
   * @param {number} flags
   * @param {string} text
   * @returns {Promise<void>}
   */
  #storeLarge(flags, text) {
    if (this.#largeWaiting >= MAX_WAITING_LARGE) return this.#refuse(flags)
    this.#largeWaiting++
    this.#hold()
    const written = this.#large.then(() => this.#sendLarge(flags, text)).finally(() => {
      this.#largeWaiting--
      this.#release()
    })
    this.#large = written.catch(() => {})
    return quiet(written)
  }

  /**
   * @param {number} flags
   * @param {string} text
   */
  async #sendLarge(flags, text) {
    const token = ++this.#tokens
    const level = flags & ~ERROR_RECORDS
    if (!native.telemetryBeginLarge(this.#handle, token, level, flags !== level, text.length)) {
      throw closedError('log')
    }
    const answer = this.#answer('large', token)
    for (let from = 0; from < text.length;) {
      let to = Math.min(from + PIECE, text.length)
      // A surrogate pair crosses whole.
      if (to < text.length && (text.charCodeAt(to) & 0xfc00) === 0xdc00) to++
      native.telemetryExtendLarge(this.#handle, text.slice(from, to))
      from = to
      await new Promise((resolve) => afterOthers(resolve))
    }
    native.telemetryEndLarge(this.#handle)
    return answer
  }

  /** @returns {Promise<void>} */
  flush() {
    if (this.#closing !== null) return this.#closing
    if (this.#state === 'new') return Promise.resolve()
    if (this.#flushing === null) {
      this.#flushing = quiet(this.#flush().finally(() => {
        this.#flushing = null
      }))
      return this.#flushing
    }
    const after = this.#flushing.catch(() => {})
    this.#nextFlush ??= quiet(after.then(() => {
      this.#nextFlush = null
      return this.flush()
    }))
    return this.#nextFlush
  }

  async #flush() {
    await this.#opening
    await this.#settled()
    if (this.#handle < 0) return
    const token = ++this.#tokens
    const answer = this.#answer('flushed', token)
    native.telemetryFlush(this.#handle, token)
    await answer
  }

  /** Resolves when no entry waits for room and no large one is under way. */
  async #settled() {
    if (this.#waiting.length > 0) {
      await new Promise((resolve) => this.#whenNoneWaits.push(() => resolve(undefined)))
    }
    await this.#large
  }

  /** @returns {Promise<void>} */
  close() {
    this.#closing ??= quiet(this.#close())
    return this.#closing
  }

  async #close() {
    const opened = this.#opening
    if (opened === null) {
      this.#state = 'closed'
      return
    }
    this.#hold()
    try {
      const ready = opened.then(() => true, () => false)
      if (this.#state === 'open') this.#state = 'closing'
      this.#target = -1
      if (!await ready) return
      this.#state = 'closing'
      let timer
      const patience = new Promise((resolve) => { timer = later(resolve, CLOSE_PATIENCE_MS) })
      await Promise.race([this.#settled(), patience])
      cancel(timer)
      this.#refuseWaiting(closedError('log'))
      const answer = this.#answer('closed', 0)
      native.telemetryClose(this.#handle)
      await answer
    } finally {
      this.#lastStats = this.#handle < 0 ? null : native.telemetryStats(this.#handle)
      this.#state = 'closed'
      this.#release()
      this.#forgetHandle()
    }
  }

  #forgetHandle() {
    this.#target = -1
    if (this.#handle < 0) return
    collected.unregister(this)
    native.telemetryRelease(this.#handle)
    this.#handle = -1
  }

  /**
   * What the handle has done; see `index.d.ts`.
   * @returns {import('../index.js').TelemetryStats}
   */
  stats() {
    const numbers = this.#handle >= 0 ? native.telemetryStats(this.#handle) : this.#lastStats
    return shapeStats(numbers, this.#refused, this.#waiting.length + this.#largeWaiting, this.#settings)
  }

  /** @param {object} bindings */
  child(bindings) {
    return new TelemetryChild(this, bindings)
  }

  [Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose')] () {
    return this.close()
  }

  /**
   * The next event of a kind with a token; the event loop lives until then.
   * @param {string} kind
   * @param {number} token
   * @returns {Promise<void>}
   */
  #answer(kind, token) {
    this.#hold()
    return new Promise((resolve, reject) => {
      this.#pending.set(`${kind}:${token}`, { resolve: () => resolve(undefined), reject })
    })
  }

  #hold() {
    if (this.#holds++ === 0) busy.add(this)
    if (this.#handle >= 0) native.telemetryHold(this.#handle, true)
  }

  #release() {
    if (--this.#holds > 0) return
    busy.delete(this)
    if (this.#handle >= 0) native.telemetryHold(this.#handle, false)
  }

  /** @param {any} event */
  #hear(event) {
    if (event.kind === 'room') return this.#storeWaiting()
    if (event.kind === 'trouble') return this.#tell(errorOf(event))
    const key = `${event.kind}:${event.token}`
    const settle = this.#pending.get(key)
    if (settle === undefined) return
    this.#pending.delete(key)
    this.#release()
    if (event.code === undefined) settle.resolve()
    else settle.reject(errorOf(event))
  }

  /** @param {Error} error */
  #tell(error) {
    try {
      this.#onError(error)
    } catch (thrown) {
      process.emitWarning(`TelemetryManager: onError threw ${thrown}`, 'PlimsollWarning')
    }
  }
}

/** @param {unknown} level */
function levelError(level) {
  let shown
  try {
    shown = JSON.stringify(level) ?? String(level)
  } catch {
    shown = typeof level
  }
  return new PlimsollError(`no such level: ${shown}; use 'debug', 'info', 'warn' or 'error'`, { code: 'ERR_PLIMSOLL_ARGUMENT' })
}

/** @param {unknown} data */
function dataError(data) {
  return new PlimsollError(`log(level, data) takes an object as data, not ${data === null ? 'null' : typeof data}`,
    { code: 'ERR_PLIMSOLL_ARGUMENT' })
}

/** @param {string} what */
function closedError(what) {
  return new PlimsollError(`${what}() after close(): make a new TelemetryManager`, { code: 'ERR_PLIMSOLL_CLOSED' })
}

/** Tells of each kind of trouble once, where the caller has not asked to hear of it. */
function warnOnce() {
  const told = new Set()
  return (/** @type {any} */ error) => {
    const kind = `${error.code} ${error.cause?.code ?? ''}`
    if (told.has(kind)) return
    told.add(kind)
    process.emitWarning(`TelemetryManager: ${error.message}`, { type: 'PlimsollWarning', code: error.code })
  }
}

module.exports = { TelemetryManager }
