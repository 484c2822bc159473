'use strict'
/**
 * Reads a partial configuration against a table of options.
 *
 * Promises: the result has exactly the table's keys and no prototype; a wrong type or value throws
 * `PlimsollConfigError`; an unknown key never throws, it warns once per process with the nearest
 * known key, since existing callers may pass more than we know. Each option is read once, and only
 * from the object's own properties or those its class gave it: what `Object.prototype` carries is
 * not configuration.
 *
 * Limits: at most 100 unknown keys are remembered and warned of in a process, and keys longer than
 * 64 characters get no suggestion.
 */

const { PlimsollConfigError, quote } = require('./errors.js')

/**
 * @typedef {object} NumberOption
 * @property {'number'} type finite; a safe integer when `integer` is set
 * @property {number | undefined} default `undefined`: not set
 * @property {number} min smallest value allowed
 * @property {number} max largest value allowed
 * @property {boolean} [integer]
 * @property {string} [unit] named in the message, e.g. "bytes"
 */
/**
 * @typedef {object} StringOption
 * @property {'string'} type not empty, without NUL
 * @property {string | undefined} default `undefined`: not set
 */
/**
 * @typedef {object} BooleanOption
 * @property {'boolean'} type
 * @property {boolean} default
 */
/**
 * @typedef {object} ChoiceOption
 * @property {'choice'} type one of `choices`
 * @property {string} default
 * @property {readonly string[]} choices
 */
/**
 * @typedef {object} FunctionOption
 * @property {'function'} type
 * @property {undefined} default
 */
/**
 * @typedef {object} CustomOption
 * @property {'custom'} type
 * @property {unknown} default
 * @property {string} allowed what is accepted, for the message
 * @property {(value: unknown) => unknown} read gives the value to use, or throws a `TypeError`
 *   or `RangeError` when it is not allowed; any other error is passed on as it is
 */
/** @typedef {NumberOption | StringOption | BooleanOption | ChoiceOption | FunctionOption | CustomOption} Option */
/** @typedef {Readonly<Record<string, Option>>} Schema */

const LONGEST_SUGGESTED_KEY = 64
const MOST_WARNINGS = 100

/** @type {Set<string>} `component.key` of every unknown option warned of */
const warned = new Set()

/**
 * Validates `given` and fills in defaults.
 *
 * @param {string} component the class the options are for; named in every message
 * @param {Schema} schema one entry an option
 * @param {unknown} given a partial configuration; `undefined` is the empty one, and an option that
 *   is `undefined` takes its default
 * @returns {any} every option of the table with its value
 * @throws {PlimsollConfigError} `ERR_PLIMSOLL_CONFIG` for a configuration that is not an object, a
 *   wrong type, or a value out of range
 */
function readConfig(component, schema, given) {
  if (given !== undefined && (given === null || typeof given !== 'object' || Array.isArray(given))) {
    throw new PlimsollConfigError(component, { key: 'config', value: given, allowed: 'an object of options' })
  }
  const source = /** @type {Record<string, unknown>} */ (given ?? {})
  const config = Object.create(null)
  for (const key of Object.keys(schema)) {
    const option = schema[key]
    const value = readProperty(component, source, key, option)
    config[key] = value === undefined ? option.default : value
  }
  for (const key of Object.keys(source)) {
    if (!Object.hasOwn(schema, key)) warnOfUnknown(component, key, Object.keys(schema))
  }
  return config
}

/**
 * @param {string} component
 * @param {Record<string, unknown>} source
 * @param {string} key
 * @param {Option} option
 * @returns {unknown} the value to use, `undefined` when none was given
 */
function readProperty(component, source, key, option) {
  if (!isConfigured(source, key)) return undefined
  let value
  try {
    value = source[key]
  } catch (cause) {
    throw new PlimsollConfigError(component, { key, value: undefined, allowed: allowedBy(option), cause })
  }
  if (value === undefined) return undefined
  if (option.type === 'custom') {
    try {
      return option.read(value)
    } catch (cause) {
      if (!(cause instanceof TypeError || cause instanceof RangeError)) throw cause
      throw new PlimsollConfigError(component, { key, value, allowed: option.allowed, cause })
    }
  }
  if (!isAllowed(option, value)) throw new PlimsollConfigError(component, { key, value, allowed: allowedBy(option) })
  return value
}

/**
 * Whether the caller's object carries the key: itself or through its class, but not from the
 * `Object.prototype` of any realm, which anyone may have polluted.
 *
 * @param {object} source
 * @param {string} key
 */
function isConfigured(source, key) {
  /** @type {object | null} */
  let holder = source
  while (holder !== null) {
    const parent = Object.getPrototypeOf(holder)
    const isRoot = parent === null && Object.hasOwn(holder, 'hasOwnProperty')
    if (Object.hasOwn(holder, key)) return !isRoot
    holder = parent
  }
  return false
}

/**
 * @param {Exclude<Option, CustomOption>} option
 * @param {unknown} value
 */
function isAllowed(option, value) {
  switch (option.type) {
    case 'number':
      if (typeof value !== 'number' || !Number.isFinite(value)) return false
      if (option.integer && !Number.isSafeInteger(value)) return false
      return value >= option.min && value <= option.max
    case 'string':
      return typeof value === 'string' && value !== '' && !value.includes('\0')
    case 'choice':
      return typeof value === 'string' && option.choices.includes(value)
    default:
      return typeof value === option.type
  }
}

/** @param {Option} option */
function allowedBy(option) {
  switch (option.type) {
    case 'number': {
      const kind = option.integer ? 'an integer' : 'a number'
      const unit = option.unit === undefined ? '' : ` of ${option.unit}`
      return `${kind}${unit} from ${option.min} to ${option.max}`
    }
    case 'string':
      return 'a string that is not empty and has no NUL character'
    case 'boolean':
      return 'true or false'
    case 'choice':
      return option.choices.map((choice) => JSON.stringify(choice)).join(', ')
    case 'function':
      return 'a function'
    case 'custom':
      return option.allowed
  }
}

/**
 * @param {string} component
 * @param {string} key
 * @param {readonly string[]} known
 */
function warnOfUnknown(component, key, known) {
  const identity = `${component}.${key}`
  if (warned.has(identity) || warned.size >= MOST_WARNINGS) return
  warned.add(identity)
  const nearest = nearestKey(key, known)
  const hint = nearest === undefined ? `known options: ${known.join(', ')}` : `did you mean "${nearest}"?`
  process.emitWarning(`${component}: unknown option ${quote(key)} is ignored; ${hint}`, {
    type: 'PlimsollWarning',
    code: 'PLIMSOLL_UNKNOWN_OPTION',
  })
}

/**
 * The known key that takes the fewest edits to reach, if that is at most a third of the key (and
 * always when they differ in case alone).
 *
 * @param {string} key
 * @param {readonly string[]} known
 * @returns {string | undefined}
 */
function nearestKey(key, known) {
  if (key.length > LONGEST_SUGGESTED_KEY) return undefined
  let nearest
  let fewest = Math.max(2, Math.floor(key.length / 3)) + 1
  for (const candidate of known) {
    const distance = editDistance(key.toLowerCase(), candidate.toLowerCase())
    if (distance < fewest) {
      nearest = candidate
      fewest = distance
    }
  }
  return nearest
}

/**
 * Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours
 * cost one each (Damerau 1964, in the restricted form).
 *
 * @param {string} from
 * @param {string} to
 * @returns {number}
 */
function editDistance(from, to) {
  /** @type {number[]} */
  let beforeLast = []
  let last = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      const substitution = from[row - 1] === to[column - 1] ? 0 : 1
      let cost = Math.min(
        last[column] + 1,
        current[column - 1] + 1,
        last[column - 1] + substitution,
      )
      const isSwap = row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      if (isSwap) cost = Math.min(cost, beforeLast[column - 2] + 1)
      current.push(cost)
    }
    beforeLast = last
    last = current
  }
  return last[to.length]
}

module.exports = { readConfig, nearestKey }
