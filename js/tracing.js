'use strict'
/**
 * Where spans come from and where they go.
 *
 * The parent of a call is the call it runs in, or else the active span of `@opentelemetry/api` when the
 * application uses that. Nobody pays for what is not there: before the first observed call nothing is
 * looked up, and the OpenTelemetry API is loaded only once the application has registered it.
 */

const { AsyncLocalStorage } = require('node:async_hooks')
const path = require('node:path')
const { setImmediate: afterOthers } = require('node:timers')
const { isMainThread } = require('node:worker_threads')
const { readConfig } = require('./config.js')
const { PlimsollConfigError, PlimsollError } = require('./errors.js')
const { native: loadNative } = require('./native.js')
const { SpanHandle } = require('./span.js')

/** What `@opentelemetry/api` 1.x registers itself under (its `internal/global-utils`). */
const OPENTELEMETRY = Symbol.for('opentelemetry.js.api.1')
const TRACE_ID = /^(?!0{32})[0-9a-f]{32}$/
const SPAN_ID = /^(?!0{16})[0-9a-f]{16}$/

/**
 * What a new call inherits.
 *
 * @typedef {object} Parent
 * @property {boolean} sampled
 * @property {number} root serial of the first call of the trace, 0 when the trace began elsewhere
 * @property {number} serial of the parent in the same manager, else 0
 * @property {string} traceId of a trace that began elsewhere, else empty
 * @property {string} spanId of a parent elsewhere, else empty
 */
/** @typedef {{ manager: object, span: SpanHandle | null }} Scope */

/** @type {AsyncLocalStorage<Scope> | null} */
let calls = null
/** @type {any} */
let api

/**
 * Runs a function inside a call: what it starts becomes a child.
 *
 * @template T
 * @param {Scope} scope
 * @param {() => T} run
 * @returns {T}
 */
function runInCall(scope, run) {
  calls ??= new AsyncLocalStorage()
  return calls.run(scope, run)
}

/**
 * @param {object} manager who asks
 * @returns {Parent | undefined}
 */
function currentParent(manager) {
  const scope = calls === null ? undefined : calls.getStore()
  if (scope === undefined) return OPENTELEMETRY in globalThis ? openTelemetryParent() : undefined
  const { span } = scope
  if (span === null) return { sampled: false, root: 0, serial: 0, traceId: '', spanId: '' }
  const { root, traceId, serial } = SpanHandle.originOf(span)
  if (scope.manager !== manager) return { sampled: true, root: 0, serial: 0, traceId: span.traceId, spanId: span.spanId }
  return { sampled: true, root, serial, traceId: root === 0 ? traceId : '', spanId: '' }
}

/** @returns {Parent | undefined} */
function openTelemetryParent() {
  if (api === undefined) {
    try {
      api = require('@opentelemetry/api')
    } catch {
      api = null
    }
  }
  try {
    const context = api?.trace?.getActiveSpan?.()?.spanContext()
    if (context === undefined || !TRACE_ID.test(context.traceId) || !SPAN_ID.test(context.spanId)) return undefined
    return { sampled: (context.traceFlags & 1) === 1, root: 0, serial: 0, traceId: context.traceId, spanId: context.spanId }
  } catch {
    return undefined
  }
}

const FLUSH_MS = 30_000
const LONGEST_MS = 2 ** 31 - 1

/** @type {import('./config.js').Schema} */
const COLLECTOR_OPTIONS = {
  endpoint: { type: 'string', default: undefined },
  headers: {
    type: 'custom',
    default: [],
    allowed: 'an object of header names and texts',
    read: (value) => {
      const entries = Object.entries(/** @type {object} */ (value))
      if (entries.some(([, text]) => typeof text !== 'string')) throw new TypeError('not texts')
      return entries.flat()
    },
  },
  timeoutMs: { type: 'number', unit: 'milliseconds', min: 1, max: 300_000, default: 10_000 },
  gzip: { type: 'boolean', default: false },
}

/** @type {import('./config.js').Schema} */
const FILE_OPTIONS = {
  path: { type: 'string', default: 'state/telemetry/traces.jsonl' },
  maxBytes: { type: 'number', integer: true, unit: 'bytes', min: 65_536, max: Number.MAX_SAFE_INTEGER, default: undefined },
}

/** @type {import('./config.js').Schema} */
const TRACING_OPTIONS = {
  serviceName: { type: 'string', default: 'unknown_service:node' },
  version: { type: 'string', default: undefined },
  environment: { type: 'string', default: undefined },
  exporter: {
    type: 'custom',
    default: undefined,
    allowed: "'otlp', 'file', 'none' or { otlp?: { endpoint?, headers?, timeoutMs?, gzip? } | true, file?: string | { path?, maxBytes? } | true }",
    read: readExporter,
  },
}

/** @param {unknown} value */
function readExporter(value) {
  if (value === 'none') return {}
  const { otlp, file } = value === 'otlp' ? { otlp: true } : value === 'file' ? { file: true } : /** @type {any} */ (value)
  if (typeof value !== 'string' && (typeof value !== 'object' || value === null)) throw new TypeError('no exporter')
  if (typeof value === 'string' && otlp === undefined && file === undefined) throw new RangeError('no such exporter')
  const given = (/** @type {unknown} */ option) => option !== undefined && option !== false
  const options = (/** @type {any} */ option) => (option === true ? {} : option)
  return {
    otlp: given(otlp) ? readConfig('initTracing exporter.otlp', COLLECTOR_OPTIONS, options(otlp)) : undefined,
    file: given(file) ? readConfig('initTracing exporter.file', FILE_OPTIONS, typeof file === 'string' ? { path: file } : options(file)) : undefined,
  }
}

let active = false

/** Whether spans go anywhere. An exporter of another thread counts: it is the process's. */
function isTracing() {
  return active || (!isMainThread && loadNative().tracingIsActive())
}

/** @param {object} [options] */
function initTracing(options) {
  const { serviceName, version, environment, exporter = readExporter('file') } = readConfig('initTracing', TRACING_OPTIONS, options)
  const { otlp, file } = exporter
  const native = loadNative()
  const problem = native.tracingStart({
    serviceName,
    version: version ?? '',
    environment: environment ?? '',
    otlp: otlp && { ...otlp },
    file: file && { path: path.resolve(file.path), maxBytes: file.maxBytes },
  })
  if (problem !== null) throw startError(problem)
  active = true
  return new Tracing(native)
}

/** @param {{ code: string, message: string }} problem */
function startError({ code, message }) {
  if (code === 'ERR_PLIMSOLL_CONFIG') {
    return new PlimsollConfigError('initTracing', { key: 'exporter', value: undefined, allowed: message })
  }
  return new PlimsollError(`spans cannot be exported: ${message}`, { code: /** @type {any} */ (code) })
}

/** The exporter of the process. */
class Tracing {
  #native

  /** @param {import('./native.js').Native} native */
  constructor(native) {
    this.#native = native
  }

  /**
   * @param {number} [timeoutMs]
   * @returns {Promise<boolean>}
   */
  flush(timeoutMs = FLUSH_MS) {
    return this.#flush(timeoutMs, false)
  }

  /**
   * @param {number} [timeoutMs]
   * @returns {Promise<boolean>}
   */
  shutdown(timeoutMs = FLUSH_MS) {
    return this.#flush(timeoutMs, true)
  }

  /**
   * @param {number} timeoutMs
   * @param {boolean} end
   * @returns {Promise<boolean>}
   */
  #flush(timeoutMs, end) {
    if (typeof timeoutMs !== 'number' || !(timeoutMs >= 0 && timeoutMs <= LONGEST_MS)) {
      return Promise.reject(new PlimsollError(`timeoutMs must be a number of milliseconds from 0 to ${LONGEST_MS}`, { code: 'ERR_PLIMSOLL_ARGUMENT' }))
    }
    if (end) active = false
    // The slot of a call that was just ended is freed, and its span formed, one turn of the loop later.
    return new Promise((resolve) => afterOthers(() => this.#native.tracingFlush(timeoutMs, end, resolve)))
  }

  /** @returns {import('../index.js').TracingStats | null} */
  stats() {
    const stats = this.#native.tracingStats()
    return stats === null ? null : JSON.parse(stats)
  }

  [Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose')] () {
    return this.shutdown()
  }
}

module.exports = { Tracing, currentParent, initTracing, isTracing, runInCall }
