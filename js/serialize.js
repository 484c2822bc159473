'use strict'
/**
 * The JSON text of anything a caller may hand to a logger.
 *
 * Most entries are plain data, and `JSON.stringify` is the fastest way there is: `isPlain` looks whether
 * it will do. Everything else is first copied into plain data, by rules that never throw and never lose
 * the rest of the entry:
 *
 * | Value | Becomes |
 * |---|---|
 * | `Error` | an error record: name, message, code, stack, cause, errors, own fields |
 * | `BigInt` | its decimal digits, as a string |
 * | `Map` | an object when all keys are strings, else an array of pairs |
 * | `Set` | an array |
 * | `Buffer`, `Uint8Array`, `ArrayBuffer`, `DataView` | `{ type, length, base64 }`, the first 4096 bytes |
 * | other typed arrays | an array of the first 1024 numbers |
 * | `RegExp` | its source text |
 * | a cycle | `"[Circular]"` |
 * | a getter, `toJSON` or proxy that throws | `"[Throws: <message>]"` |
 * | an array that is too long and mostly holes | an object of what is in it |
 * | deeper than 1000 levels, or beyond 250,000 values | `"[Truncated]"` |
 */

const { types } = require('node:util')

/** Begins an error record; the core looks for it only in entries that say they hold one. */
const ERROR_MARK = '\u0000plimsoll:error'
const MAX_DEPTH = 1000
const MAX_VALUES = 250_000
const MAX_BYTES = 4096
const MAX_NUMBERS = 1024
/** Deeper or larger data is looked at by the slow way, which knows cycles. */
const PLAIN_DEPTH = 64
const PLAIN_VALUES = 1_000_000

const objectPrototype = Object.prototype
const { getPrototypeOf } = Object
const { isArray } = Array

let budget = 0

/**
 * Whether `JSON.stringify` gives all there is in an object: only plain objects, arrays, and primitives
 * other than BigInt.
 * @param {object} value
 * @returns {boolean}
 */
function isPlain(value) {
  budget = PLAIN_VALUES
  return isPlainWithin(value, PLAIN_DEPTH)
}

/**
 * @param {object} value
 * @param {number} depth
 * @returns {boolean}
 */
function isPlainWithin(value, depth) {
  if (depth === 0) return false
  // The constructor is a cached load, asking for the prototype a call into the engine: 10 against 50 ns
  // for data of many shapes. What has an own field of that name is asked properly.
  if (value.constructor !== Object && !isOfObject(value)) {
    if (!isArray(value) || (budget -= value.length) < 0) return false
    for (let index = 0; index < value.length; index++) {
      if (!isPlainItem(value[index], depth)) return false
    }
    return true
  }
  for (const key in value) {
    const item = /** @type {Record<string, unknown>} */ (value)[key]
    const type = typeof item
    if (type === 'string' || type === 'number' || type === 'boolean') continue
    if (!isPlainItem(item, depth)) return false
  }
  return true
}

/** @param {object} value */
function isOfObject(value) {
  const prototype = getPrototypeOf(value)
  return prototype === objectPrototype || prototype === null
}

/**
 * @param {unknown} item
 * @param {number} depth
 * @returns {boolean}
 */
function isPlainItem(item, depth) {
  switch (typeof item) {
    case 'object':
      return item === null || (--budget > 0 && isPlainWithin(item, depth - 1))
    case 'bigint':
    case 'function': // might be a toJSON
      return false
    default:
      return true
  }
}

/**
 * Whether an object is recorded by its own fields, rather than by what kind of thing it is.
 * @param {any} value
 */
function isRecordedByFields(value) {
  try {
    return !(isArray(value) || types.isNativeError(value) || value instanceof Error || typeof value.toJSON === 'function' ||
      types.isMap(value) || types.isSet(value) || types.isRegExp(value) || types.isAnyArrayBuffer(value) ||
      ArrayBuffer.isView(value) || types.isBoxedPrimitive(value))
  } catch {
    return false
  }
}

/**
 * The fields of two objects as one, the second's before the first's. Getters are carried over, not
 * called: one that throws is the affair of whoever reads it.
 * @param {object} under
 * @param {object} over
 * @returns {object}
 */
function withFields(under, over) {
  try {
    return { ...under, ...over }
  } catch {
    return Object.create(null, { ...Object.getOwnPropertyDescriptors(under), ...Object.getOwnPropertyDescriptors(over) })
  }
}

/**
 * The JSON text of anything, and whether it holds error records. Never throws.
 * @param {unknown} value
 * @returns {{ text: string, errors: boolean }}
 */
function serialize(value) {
  const copier = new Copier()
  try {
    const text = JSON.stringify(copier.copy(value, '', 0))
    if (text !== undefined) return { text, errors: copier.errors }
  } catch (error) {
    // A text longer than V8 can hold; nothing of ours throws here.
    return { text: JSON.stringify({ plimsoll: 'unserialisable', reason: describe(error) }), errors: false }
  }
  return { text: 'null', errors: false }
}

/**
 * What an exception says, whatever it is.
 * @param {unknown} thrown
 * @returns {string}
 */
function describe(thrown) {
  try {
    return String(types.isNativeError(thrown) ? thrown.message : thrown).slice(0, 200)
  } catch {
    return 'an exception that cannot be shown'
  }
}

class Copier {
  errors = false
  #values = MAX_VALUES
  /** @type {Set<object>} */
  #above = new Set()

  /**
   * A copy of plain data only; `undefined` for what JSON leaves out.
   * @param {any} value
   * @param {string} key
   * @param {number} depth
   * @returns {unknown}
   */
  copy(value, key, depth) {
    switch (typeof value) {
      case 'string':
      case 'number':
      case 'boolean':
        return value
      case 'bigint':
        return value.toString()
      case 'object':
        break
      default:
        return undefined
    }
    if (value === null) return null
    if (this.#above.has(value)) return '[Circular]'
    if (depth >= MAX_DEPTH || this.#values-- <= 0) return '[Truncated]'
    this.#above.add(value)
    try {
      return this.#copyObject(value, key, depth + 1)
    } catch (error) {
      return `[Throws: ${describe(error)}]`
    } finally {
      this.#above.delete(value)
    }
  }

  /**
   * @param {any} value
   * @param {string} key
   * @param {number} depth
   * @returns {unknown}
   */
  #copyObject(value, key, depth) {
    if (types.isNativeError(value) || value instanceof Error) return this.#copyError(value, depth)
    if (typeof value.toJSON === 'function' && !types.isTypedArray(value)) {
      return this.copy(value.toJSON(key), key, depth)
    }
    if (isArray(value)) return this.#copyArray(value, depth)
    if (types.isMap(value)) return this.#copyMap(value, depth)
    if (types.isSet(value)) return this.#copyArray([...value], depth)
    if (types.isRegExp(value)) return String(value)
    if (types.isAnyArrayBuffer(value) || ArrayBuffer.isView(value)) return copyBinary(value)
    if (types.isBoxedPrimitive(value)) return this.copy(value.valueOf(), key, depth)
    return this.#copyFields(value, Object.keys(value), {}, depth)
  }

  /**
   * @param {readonly unknown[]} values
   * @param {number} depth
   */
  #copyArray(values, depth) {
    if (values.length > this.#values) {
      const present = Object.keys(values)
      // Mostly holes: as an object it says what is where, and not a billion times null.
      if (present.length < values.length / 2) return this.#copyFields(values, present, {}, depth)
    }
    const copy = []
    for (let index = 0; index < values.length; index++) {
      if (this.#values <= 0) {
        copy.push('[Truncated]')
        break
      }
      const item = this.copy(values[index], String(index), depth)
      copy.push(item === undefined ? null : item)
      this.#values--
    }
    return copy
  }

  /**
   * @param {Map<unknown, unknown>} map
   * @param {number} depth
   */
  #copyMap(map, depth) {
    const pairs = [...map]
    if (!pairs.every(([key]) => typeof key === 'string')) return this.#copyArray(pairs, depth)
    const copy = Object.create(null)
    for (const [key, value] of pairs) copy[/** @type {string} */ (key)] = this.copy(value, String(key), depth)
    return copy
  }

  /**
   * @param {any} value
   * @param {string[]} keys
   * @param {Record<string, unknown>} copy
   * @param {number} depth
   */
  #copyFields(value, keys, copy, depth) {
    for (const key of keys) {
      if (this.#values-- <= 0) {
        define(copy, 'plimsoll', '[Truncated]')
        break
      }
      let item
      try {
        item = this.copy(value[key], key, depth)
      } catch (error) {
        item = `[Throws: ${describe(error)}]`
      }
      if (item !== undefined) define(copy, key, item)
    }
    return copy
  }

  /**
   * @param {any} error
   * @param {number} depth
   */
  #copyError(error, depth) {
    this.errors = true
    const copy = { [ERROR_MARK]: 1 }
    const keys = ['name', 'message', 'code', 'stack', 'cause', 'errors'].filter((key) => has(error, key))
    return this.#copyFields(error, [...new Set([...keys, ...Object.keys(error)])], copy, depth)
  }
}

/**
 * @param {any} object
 * @param {string} key
 */
function has(object, key) {
  try {
    return object[key] !== undefined
  } catch {
    return true // its getter throws, which is worth recording
  }
}

/**
 * Sets an own property, also one named `__proto__`.
 * @param {object} object
 * @param {string} key
 * @param {unknown} value
 */
function define(object, key, value) {
  if (key === '__proto__') {
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
  } else {
    /** @type {Record<string, unknown>} */ (object)[key] = value
  }
}

/**
 * @param {ArrayBufferLike | ArrayBufferView} value
 */
function copyBinary(value) {
  const view = ArrayBuffer.isView(value)
  const type = Object.prototype.toString.call(value).slice(8, -1)
  if (view && !types.isUint8Array(value) && !types.isDataView(value)) {
    const numbers = /** @type {any} */ (value)
    return Array.from(numbers.subarray(0, MAX_NUMBERS), (number) => typeof number === 'bigint' ? String(number) : number)
  }
  const bytes = view ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : Buffer.from(value)
  return { type, length: bytes.length, base64: bytes.subarray(0, MAX_BYTES).toString('base64') }
}

module.exports = { isPlain, isRecordedByFields, serialize, withFields }
