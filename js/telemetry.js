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
const { isPlain, isRecordedByFields, serialize, withFields } = require('./serialize.js')

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
/** The ring holds this many times the entries that wake the writer, so that bursts do not wait. */
const RING_FACTOR = 8

/** @type {import('./config.js').Schema} */
const TELEMETRY_OPTIONS = {
  logPath: { type: 'string', default: 'state/analytics/autopilot_policy_history.jsonl' },
  rotationThreshold: { type: 'number', integer: true, unit: 'bytes', min: 1, max: Number.MAX_SAFE_INTEGER, default: 10_000_000 },
  bufferSize: { type: 'number', integer: true, unit: 'entries', min: 1, max: 1_000_000, default: 1000 },
  flushInterval: { type: 'number', unit: 'milliseconds', min: 1, max: 2 ** 31 - 1, default: 5000 },
  maxErrorLength: { type: 'number', integer: true, unit: 'characters', min: 1, max: 1_000_000, default: 500 },
  enableCompression: { type: 'boolean', default: true },
  compression: { type: 'choice', choices: ['gzip', 'zstd'], default: 'gzip' },
  retentionDays: { type: 'number', unit: 'days', min: 0, max: 36_500, default: 30 },
  maxArchives: { type: 'number', integer: true, min: 0, max: 2 ** 32 - 1, default: undefined },
  maxTotalBytes: { type: 'number', integer: true, unit: 'bytes', min: 0, max: Number.MAX_SAFE_INTEGER, default: undefined },
  minLevel: { type: 'choice', choices: ['debug', 'info', 'warn', 'error'], default: 'info' },
  ringBytes: { type: 'number', integer: true, unit: 'bytes', min: 65_536, max: 2 ** 30, default: 4_194_304 },
  overflow: { type: 'choice', choices: ['wait', 'drop-lowest'], default: 'wait' },
  durability: { type: 'choice', choices: ['process', 'disk'], default: 'process' },
  redact: {
    type: 'custom',
    default: { paths: [], secrets: true },
    allowed: 'false, an array of key paths such as "headers.authorization", or { paths?: string[], secrets?: boolean } (at most 64 paths of 3000 bytes in all)',
    read: readRedact,
  },
  onError: { type: 'function', default: undefined },
}

/** What fits beside the rest into the ring's profile, so that whoever drains it blackens the same. */
const MAX_REDACT_PATHS = 64
const MAX_REDACT_BYTES = 3000

/**
 * @param {unknown} value
 * @returns {{ paths: string[], secrets: boolean }}
 */
function readRedact(value) {
  if (value === false) return { paths: [], secrets: false }
  if (value === true) return { paths: [], secrets: true }
  const { paths = [], secrets = true } = Array.isArray(value) ? { paths: value } : /** @type {any} */ (Object(value))
  if (typeof value !== 'object' || !Array.isArray(paths) || typeof secrets !== 'boolean') throw new TypeError('redact')
  const bytes = paths.reduce((sum, path) => sum + (typeof path === 'string' ? Buffer.byteLength(JSON.stringify(path)) : Infinity), 0)
  if (paths.length > MAX_REDACT_PATHS || bytes > MAX_REDACT_BYTES) throw new RangeError('too many or too long paths')
  const problem = paths.length === 0 ? null : native.telemetryCheckRedaction(paths)
  if (problem !== null) throw new TypeError(problem)
  return { paths: [...paths], secrets }
}

const LEVEL_NAMES = ['debug', 'info', 'warn', 'error']

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

/** A TelemetryManager whose entries all carry the same fields. */
class TelemetryChild {
  #parent
  #bindings

  /**
   * @param {TelemetryManager | TelemetryChild} parent
   * @param {object} bindings
   */
  constructor(parent, bindings) {
    if (typeof bindings !== 'object' || bindings === null || Array.isArray(bindings)) {
      throw new PlimsollError('child() takes an object with the fields every entry is to carry',
        { code: 'ERR_PLIMSOLL_ARGUMENT' })
    }
    this.#parent = parent
    this.#bindings = { ...bindings }
  }

  /** @returns {string} */
  get logPath() {
    return this.#parent.logPath
  }

  /** @returns {Promise<void>} */
  initialize() {
    return this.#parent.initialize()
  }

  /**
   * @param {string} level
   * @param {any} data
   * @returns {Promise<void>}
   */
  log(level, data) {
    if (typeof data !== 'object' || data === null) return this.#parent.log(level, data)
    const fields = isRecordedByFields(data) ? data : { data }
    return this.#parent.log(level, withFields(this.#bindings, fields))
  }

  /** @returns {Promise<void>} */
  flush() {
    return this.#parent.flush()
  }

  /** Flushes; the log stays open for its parent. @returns {Promise<void>} */
  close() {
    return this.#parent.flush()
  }

  /** @returns {import('../index.js').TelemetryStats} */
  stats() {
    return this.#parent.stats()
  }

  /** @param {object} bindings */
  child(bindings) {
    return new TelemetryChild(this, bindings)
  }

  [Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose')] () {
    return this.close()
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

/**
 * @param {any} numbers
 * @param {number[]} refused
 * @param {number} waiting
 * @param {any} settings
 */
function shapeStats(numbers, refused, waiting, settings) {
  const {
    accepted = 0, acceptedBytes = 0, written = 0, writtenBytes = 0, deduplicated = 0, truncated = 0,
    redacted = 0, dropped = [0, 0, 0, 0], recovered = 0, damaged = 0, damagedBytes = 0, rotations = 0,
    compressions = 0, failures = 0, panics = 0, flushLatencyMs = [0, 0, 0, 0], lastErrorCode
  } = numbers ?? {}
  return {
    entries: {
      accepted,
      written,
      deduplicated,
      truncated,
      redacted,
      waiting,
      dropped: /** @type {Record<import('../index.js').LogLevel, number>} */ (
        Object.fromEntries(LEVEL_NAMES.map((name, level) => [name, dropped[level] + refused[level]]))),
      recovered,
      damaged
    },
    bytes: { accepted: acceptedBytes, written: writtenBytes, damaged: damagedBytes },
    rotations,
    compressions,
    failures,
    panics,
    lastError: lastErrorCode === undefined
      ? null
      : { code: lastErrorCode, message: numbers.lastErrorMessage, timestamp: numbers.lastErrorMs },
    flushLatencyMs: { p50: flushLatencyMs[0], p90: flushLatencyMs[1], p99: flushLatencyMs[2], max: flushLatencyMs[3] },
    ring: {
      entries: numbers?.waiting ?? 0,
      bytes: numbers?.waitingBytes ?? 0,
      capacityEntries: settings.bufferSize * RING_FACTOR,
      capacityBytes: settings.ringBytes
    }
  }
}

module.exports = { TelemetryManager, TELEMETRY_OPTIONS }
