'use strict'
/** How objects say that they are done with: `Symbol.asyncDispose`, else `Symbol.dispose`, else `close()`. */

const { nameOf } = require('./lifecycle-emitters.js')
const { refuse, shown } = require('./lifecycle-options.js')

/** Node before 20.4 has neither symbol: what is compiled for it uses these. */
const DISPOSE = Symbol.dispose ?? Symbol.for('nodejs.dispose')
const ASYNC_DISPOSE = Symbol.asyncDispose ?? Symbol.for('nodejs.asyncDispose')

/**
 * How something is disposed of, found out now: later it may look different.
 *
 * @param {any} disposable
 */
function disposal(disposable) {
  try {
    for (const [key, what] of /** @type {const} */ ([[ASYNC_DISPOSE, 'asyncDispose'], [DISPOSE, 'dispose'], ['close', 'close']])) {
      const method = disposable[key]
      if (typeof method === 'function') return { what: `${what} of ${nameOf(disposable)}`, release: () => method.call(disposable) }
    }
  } catch (cause) {
    throw refuse('use(): the object cannot be read', cause)
  }
  throw refuse(`use() takes an object with Symbol.asyncDispose, Symbol.dispose or close(), not ${shown(disposable)}: use defer() for others`)
}

module.exports = { ASYNC_DISPOSE, disposal }
