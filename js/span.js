'use strict'
/**
 * Spans as the functions that are observed see them.
 *
 * What a span needs for itself (ids, times, the lane, the fixed events) is kept natively. A handle holds only
 * what its owner adds, and hands it over as one JSON text when the call ends, so that a call nobody adds
 * anything to costs no more than an object.
 *
 * Limits, those of OpenTelemetry: 128 attributes and 128 events a span, 128 attributes an event, texts of 4096
 * characters. What is beyond is left out and counted in the exported span. Of the events 8 are kept for
 * Plimsoll's own, so that how a call ended is told however much its holder adds.
 */

const { performance } = require('node:perf_hooks')
const { serialize } = require('./serialize.js')

const MOST_ATTRIBUTES = 128
const MOST_EVENTS = 120
const LONGEST_TEXT = 4096
const LONGEST_NAME = 256
/** In the place of what throws when it is looked at. */
const UNREADABLE = '[unreadable]'

/** @typedef {string | number | boolean | (string | number | boolean)[]} AttributeValue */

/**
 * Where the ids of a span come from: numbers of calls, which the core turns into ids when somebody asks.
 *
 * @typedef {object} SpanOrigin
 * @property {number} serial the call's own number
 * @property {number} root the number of the first call of the trace; 0 when `traceId` is given
 * @property {string} traceId of a trace that began elsewhere, else empty
 * @property {(serial: number) => { traceId: string, spanId: string }} ids
 */

class SpanHandle {
  #serial
  #root
  #traceId
  #ids
  /** @type {Map<string, AttributeValue> | null} */
  #attributes = null
  /** @type {{ name: string, time: number, attributes: Record<string, AttributeValue> }[] | null} */
  #events = null
  /** @type {{ code: 'ok' | 'error', message?: string } | null} */
  #status = null
  #droppedAttributes = 0
  #droppedEvents = 0
  #ended = false

  /**
   * @param {number} serial
   * @param {number} root
   * @param {string} traceId
   * @param {(serial: number) => { traceId: string, spanId: string }} ids
   */
  constructor(serial, root, traceId, ids) {
    this.#serial = serial
    this.#root = root
    this.#traceId = traceId
    this.#ids = ids
  }

  get traceId() {
    if (this.#traceId === '') this.#traceId = this.#ids(this.#root).traceId
    return this.#traceId
  }

  get spanId() {
    return this.#ids(this.#serial).spanId
  }

  /**
   * @param {string} key
   * @param {unknown} value
   */
  setAttribute(key, value) {
    if (this.#ended) return this
    this.#attributes ??= new Map()
    const name = nameOf(key)
    if (!this.#attributes.has(name) && this.#attributes.size >= MOST_ATTRIBUTES) this.#droppedAttributes++
    else this.#attributes.set(name, readableAttribute(value))
    return this
  }

  /**
   * @param {string} name
   * @param {object} [attributes]
   */
  addEvent(name, attributes) {
    if (this.#ended) return this
    if (this.#events !== null && this.#events.length >= MOST_EVENTS) this.#droppedEvents++
    else this.#addEvent(nameOf(name), attributes)
    return this
  }

  /**
   * @param {string} name
   * @param {object} [attributes]
   */
  #addEvent(name, attributes) {
    this.#events ??= []
    this.#events.push({ name, time: performance.timeOrigin + performance.now(), attributes: attributesOf(attributes) })
  }

  /**
   * @param {'ok' | 'error'} code
   * @param {string} [message]
   */
  setStatus(code, message) {
    if (this.#ended || (code !== 'ok' && code !== 'error')) return this
    this.#status = message === undefined ? { code } : { code, message: textOf(message) }
    return this
  }

  /** @param {unknown} error */
  recordException(error) {
    return this.addEvent('exception', exceptionOf(error))
  }

  toJSON() {
    return { traceId: this.traceId, spanId: this.spanId }
  }

  /** @type {(span: SpanHandle) => { root: number, traceId: string, serial: number }} */
  static originOf
  /** @type {(span: SpanHandle, name: string, attributes: object) => void} an event within what is kept for Plimsoll's own */
  static addOwnEvent
  /** @type {(span: SpanHandle, error: unknown, message: string) => void} what the call was released with */
  static fail
  /** @type {(span: SpanHandle, metadata: unknown) => string | undefined} */
  static end
  static {
    this.originOf = (span) => ({ root: span.#root, traceId: span.#traceId, serial: span.#serial })
    this.addOwnEvent = (span, name, attributes) => {
      if (!span.#ended) span.#addEvent(name, attributes)
    }
    this.fail = (span, error, message) => {
      this.addOwnEvent(span, 'exception', exceptionOf(error))
      span.setStatus('error', message)
    }
    this.end = (span, metadata) => {
      span.#ended = true
      const own = span.#attributes
      const hasMetadata = typeof metadata === 'object' && metadata !== null
      if (own === null && span.#events === null && span.#status === null && !hasMetadata) return undefined
      const attributes = hasMetadata ? attributesOf(metadata) : {}
      for (const [key, value] of own ?? []) define(attributes, key, value)
      return JSON.stringify({
        attributes,
        events: span.#events === null ? [] : onWallClock(span.#events),
        status: span.#status ?? undefined,
        droppedAttributes: span.#droppedAttributes,
        droppedEvents: span.#droppedEvents,
      })
    }
  }
}

/**
 * Times of events as the wall clock has them now: in a process that lives for weeks the monotonic clock and
 * its origin no longer add up to it.
 *
 * @template {{ time: number }} T
 * @param {T[]} events
 * @returns {T[]}
 */
function onWallClock(events) {
  const drift = Date.now() - (performance.timeOrigin + performance.now())
  // `Date.now()` is cut to whole milliseconds.
  return Math.abs(drift) < 2 ? events : events.map((event) => ({ ...event, time: event.time + drift }))
}

/**
 * An own property whatever its name is.
 *
 * @param {object} target
 * @param {string} key
 * @param {unknown} value
 */
function define(target, key, value) {
  if (key === '__proto__') Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
  else /** @type {any} */ (target)[key] = value
}

/** @param {unknown} name */
function nameOf(name) {
  return textOf(name).slice(0, LONGEST_NAME)
}

/** @param {unknown} text */
function textOf(text) {
  let shown
  try {
    shown = String(text)
  } catch {
    shown = typeof text
  }
  return shown.slice(0, LONGEST_TEXT)
}

/**
 * @param {unknown} value
 * @returns {AttributeValue}
 */
function attributeOf(value) {
  switch (typeof value) {
    case 'string':
      return value.length > LONGEST_TEXT ? value.slice(0, LONGEST_TEXT) : value
    case 'boolean':
      return value
    case 'number':
      return Number.isFinite(value) ? value : String(value)
    case 'object':
      if (value === null) return 'null'
      if (isList(value)) return value.map((item) => /** @type {string | number | boolean} */ (attributeOf(item)))
      return serialize(value).text.slice(0, LONGEST_TEXT)
    default:
      return textOf(value)
  }
}

/**
 * @param {unknown} value
 * @returns {AttributeValue}
 */
function readableAttribute(value) {
  try {
    return attributeOf(value)
  } catch {
    return UNREADABLE
  }
}

/**
 * Whether a value is an array as OpenTelemetry has them: short, and of one simple type.
 *
 * @param {object} value
 * @returns {value is (string | number | boolean)[]}
 */
function isList(value) {
  if (!Array.isArray(value) || value.length > MOST_ATTRIBUTES) return false
  const type = typeof value[0]
  if (type !== 'string' && type !== 'number' && type !== 'boolean') return false
  return value.every((item) => typeof item === type && (type !== 'number' || Number.isFinite(item)))
}

/**
 * The attributes an object gives; one whose getter throws says so in its place.
 *
 * @param {unknown} given
 * @returns {Record<string, AttributeValue>}
 */
function attributesOf(given) {
  /** @type {Record<string, AttributeValue>} */
  const attributes = {}
  if (typeof given !== 'object' || given === null) return attributes
  let keys
  try {
    keys = Object.keys(given).slice(0, MOST_ATTRIBUTES)
  } catch {
    return attributes
  }
  for (const key of keys) {
    let value
    try {
      value = /** @type {any} */ (given)[key]
      if (value === undefined) continue
    } catch {
      value = UNREADABLE
    }
    define(attributes, nameOf(key), readableAttribute(value))
  }
  return attributes
}

/**
 * The attributes OpenTelemetry has for an exception (semantic conventions, "Exceptions on spans").
 *
 * @param {unknown} error
 */
function exceptionOf(error) {
  const attributes = { 'exception.type': errorTypeOf(error), 'exception.message': '' }
  try {
    const { message, stack } = /** @type {any} */ (Object(error))
    attributes['exception.message'] = textOf(message ?? error)
    if (typeof stack === 'string') Object.assign(attributes, { 'exception.stacktrace': textOf(stack) })
  } catch {
    attributes['exception.message'] = UNREADABLE
  }
  return attributes
}

/**
 * The class name of what was thrown; for what is no object, its type.
 *
 * @param {unknown} error
 * @returns {string}
 */
function errorTypeOf(error) {
  if (typeof error !== 'object' || error === null) return error === null ? 'null' : typeof error
  try {
    const name = error.constructor?.name
    return typeof name === 'string' && name !== '' ? name.slice(0, LONGEST_NAME) : 'Object'
  } catch {
    return 'Object'
  }
}

module.exports = { SpanHandle, errorTypeOf }
