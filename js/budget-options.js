'use strict'
/** The options of ResourceBudgetManager: their defaults, and what is allowed. `index.d.ts` documents them. */

const path = require('node:path')
const { readConfig } = require('./config.js')
const { PlimsollConfigError, quote } = require('./errors.js')
const { LOGGER_OPTION } = require('./logger.js')

/** Longest name of a lane, a kind or a task, in UTF-16 units. */
const LONGEST_NAME = 256
const LONGEST_TASK = 4096
/** Longest timeout in milliseconds: what a 32-bit timer can wait, so that nobody is surprised elsewhere. */
const LONGEST_MS = 2 ** 31 - 1
const MOST_CALLS = 1_000_000
const MOST_MB = 2 ** 30

/** Frozen, because it is shared: what `new ResourceBudgetManager()` uses. */
const DEFAULT_RESOURCE_BUDGET_CONFIG = Object.freeze({
  maxRssMb: 512,
  heapWarningMb: 400,
  laneConcurrencyLimits: Object.freeze({ tool_call: 8, file_read: 16, file_write: 4, critic: 3, forecast_model: 1 }),
  globalConcurrencyLimit: 32,
  defaultTimeoutMs: 300_000,
  timeoutEscalationFactor: 1.5,
  enableMemoryGuards: true,
  enableSpanEmission: true,
  spanSampleRate: 1.0,
})

/** @typedef {import('./config.js').Schema} Schema */

/** @param {number} fallback @returns {import('./config.js').Option} */
const milliseconds = (fallback, min = 0) => ({ type: 'number', unit: 'milliseconds', min, max: LONGEST_MS, default: fallback })
/** @param {number | undefined} fallback @returns {import('./config.js').Option} */
const count = (fallback, min = 1, max = MOST_CALLS) => ({ type: 'number', integer: true, min, max, default: fallback })
/** @param {number} fallback @returns {import('./config.js').Option} */
const fraction = (fallback) => ({ type: 'number', min: 0, max: 1, default: fallback })

/**
 * An option that is an object of options, or `true` for all of its defaults.
 *
 * @param {string} name
 * @param {Schema} schema
 * @param {unknown} fallback
 * @returns {import('./config.js').Option}
 */
function group(name, schema, fallback) {
  const read = (/** @type {unknown} */ value) => {
    if (value === false || value === null) return undefined
    return readConfig(`ResourceBudgetManager ${name}`, schema, value === true ? undefined : value)
  }
  return {
    type: 'custom',
    default: fallback === true ? read(true) : fallback,
    allowed: `true, false or an object of ${Object.keys(schema).join(', ')}`,
    read,
  }
}

/**
 * An option that maps names to values. Own properties alone count, so `__proto__` is a name like any other.
 *
 * @param {string} allowed
 * @param {(value: unknown) => unknown} readValue gives the value, or throws a `RangeError`
 * @param {unknown} fallback
 * @returns {import('./config.js').Option}
 */
function named(allowed, readValue, fallback) {
  return {
    type: 'custom',
    default: fallback,
    allowed,
    read: (value) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('not an object')
      const entries = readableEntries(value)
      if (entries.length > 1024) throw new RangeError('more than 1024 names')
      return entries.map(([name, given]) => {
        if (name === '' || name.length > LONGEST_NAME) throw new RangeError(`the name ${quote(name)} is empty or too long`)
        return { name, value: readValue(given) }
      })
    },
  }
}

/** @param {object} value */
function readableEntries(value) {
  try {
    return Object.entries(value)
  } catch (cause) {
    throw new TypeError('cannot be read', { cause })
  }
}

/** @param {unknown} value */
function readLimit(value) {
  if (!Number.isSafeInteger(value) || Number(value) < 0 || Number(value) > MOST_CALLS) throw new RangeError('not a limit')
  return value
}

/** @type {Schema} */
const QUOTA_OPTIONS = {
  slots: count(undefined),
  callsPerMinute: count(undefined),
  totalMs: { type: 'number', unit: 'milliseconds', min: 1, max: Number.MAX_SAFE_INTEGER, default: undefined },
}

/** @type {Schema} */
const QUEUE_OPTIONS = {
  max: count(1000, 0),
  shed: { type: 'choice', choices: ['reject-new', 'drop-lowest'], default: 'reject-new' },
  ageingMs: milliseconds(10_000, 1),
}

/** @type {Schema} */
const PREDICTION_OPTIONS = {
  margin: { type: 'number', min: 1, max: 10, default: 1.25 },
  defaultMb: { type: 'number', unit: 'MB', min: 0, max: MOST_MB, default: 64 },
  percentile: { type: 'number', unit: 'per cent', min: 1, max: 100, default: 95 },
  minimumSamples: count(5, 1, 32),
}

/** @type {Schema} */
const ADAPTIVE_OPTIONS = {
  mode: { type: 'choice', choices: ['latency', 'resources', 'both'], default: 'both' },
  lanes: {
    type: 'custom',
    default: undefined,
    allowed: 'an array of names of lanes',
    read: (value) => {
      if (!Array.isArray(value) || value.some((name) => typeof name !== 'string')) throw new TypeError('not names')
      return [...value]
    },
  },
  min: count(1),
  windowMs: milliseconds(1000, 1),
  rampMs: milliseconds(0),
}

/** @type {Schema} */
const BREAKER_OPTIONS = {
  failureRate: fraction(0.5),
  minimumCalls: count(20),
  windowMs: milliseconds(30_000, 1),
  openMs: milliseconds(5000, 1),
  openMaxMs: milliseconds(60_000, 1),
  halfOpenCalls: count(3),
  slowCallMs: { type: 'number', unit: 'milliseconds', min: 1, max: LONGEST_MS, default: undefined },
  slowRate: fraction(0.8),
}

/** @type {Schema} */
const ADAPTIVE_TIMEOUT_OPTIONS = {
  percentile: { type: 'number', unit: 'per cent', min: 50, max: 100, default: 99 },
  margin: { type: 'number', min: 1, max: 100, default: 2 },
  floorMs: milliseconds(1000, 1),
  ceilingMs: milliseconds(600_000, 1),
  minimumSamples: count(20),
}

const LANE_LIMITS = `an object of limits, each an integer from 0 to ${MOST_CALLS}`

/** @type {Schema} */
const BUDGET_OPTIONS = {
  maxRssMb: { type: 'number', unit: 'MB', min: 0, max: MOST_MB, default: DEFAULT_RESOURCE_BUDGET_CONFIG.maxRssMb },
  heapWarningMb: { type: 'number', unit: 'MB', min: 0, max: MOST_MB, default: DEFAULT_RESOURCE_BUDGET_CONFIG.heapWarningMb },
  laneConcurrencyLimits: named(
    LANE_LIMITS,
    readLimit,
    Object.entries(DEFAULT_RESOURCE_BUDGET_CONFIG.laneConcurrencyLimits).map(([name, value]) => ({ name, value })),
  ),
  globalConcurrencyLimit: count(DEFAULT_RESOURCE_BUDGET_CONFIG.globalConcurrencyLimit, 0),
  defaultTimeoutMs: milliseconds(DEFAULT_RESOURCE_BUDGET_CONFIG.defaultTimeoutMs),
  timeoutEscalationFactor: { type: 'number', min: 1, max: 1000, default: DEFAULT_RESOURCE_BUDGET_CONFIG.timeoutEscalationFactor },
  enableMemoryGuards: { type: 'boolean', default: DEFAULT_RESOURCE_BUDGET_CONFIG.enableMemoryGuards },
  enableSpanEmission: { type: 'boolean', default: DEFAULT_RESOURCE_BUDGET_CONFIG.enableSpanEmission },
  spanSampleRate: fraction(DEFAULT_RESOURCE_BUDGET_CONFIG.spanSampleRate),
  queue: group('queue', QUEUE_OPTIONS, true),
  borrow: named(`an object of ceilings, each an integer from 0 to ${MOST_CALLS}`, readLimit, []),
  taskQuota: group('taskQuota', QUOTA_OPTIONS, undefined),
  taskQuotas: named(
    `an object of quotas by task, each an object of ${Object.keys(QUOTA_OPTIONS).join(', ')}`,
    (value) => readConfig('ResourceBudgetManager taskQuotas', QUOTA_OPTIONS, value),
    [],
  ),
  includeChildMemory: { type: 'boolean', default: false },
  maxContainerMemory: { type: 'number', min: 0.01, max: 1, default: undefined },
  predictMemory: group('predictMemory', PREDICTION_OPTIONS, undefined),
  adaptive: group('adaptive', ADAPTIVE_OPTIONS, undefined),
  breaker: group('breaker', BREAKER_OPTIONS, undefined),
  adaptiveTimeout: group('adaptiveTimeout', ADAPTIVE_TIMEOUT_OPTIONS, true),
  shared: { type: 'string', default: undefined },
  logger: LOGGER_OPTION,
  onTimeout: { type: 'function', default: undefined },
}

/**
 * @param {unknown} config
 * @throws {PlimsollConfigError} `ERR_PLIMSOLL_CONFIG`
 */
function readBudgetConfig(config) {
  const settings = readConfig('ResourceBudgetManager', BUDGET_OPTIONS, config)
  if (settings.shared !== undefined) settings.shared = path.resolve(settings.shared)
  for (const { name, value } of settings.borrow) {
    const lane = settings.laneConcurrencyLimits.find((/** @type {any} */ limit) => limit.name === name)
    if (lane === undefined || value < lane.value) {
      throw new PlimsollConfigError('ResourceBudgetManager', {
        key: `borrow.${name}`, value, allowed: 'a ceiling at or above the limit of a lane in laneConcurrencyLimits',
      })
    }
  }
  if (settings.breaker !== undefined && settings.breaker.openMaxMs < settings.breaker.openMs) {
    throw new PlimsollConfigError('ResourceBudgetManager', {
      key: 'breaker.openMaxMs', value: settings.breaker.openMaxMs, allowed: 'at least breaker.openMs',
    })
  }
  return settings
}

/** @type {Schema} */
const LIMITS_OPTIONS = {
  laneConcurrencyLimits: named(LANE_LIMITS, readLimit, undefined),
  globalConcurrencyLimit: count(undefined, 0),
}

/** @param {unknown} limits */
function readLimits(limits) {
  return readConfig('ResourceBudgetManager setLimits', LIMITS_OPTIONS, limits)
}

module.exports = { DEFAULT_RESOURCE_BUDGET_CONFIG, BUDGET_OPTIONS, LONGEST_NAME, LONGEST_TASK, LONGEST_MS, readBudgetConfig, readLimits }
