'use strict'
/**
 * Numbered records whose contents follow from who wrote them and their number, so that a reader knows
 * what every one of them must look like.
 */

/** In an acknowledgement file: the repeated entry is about to be logged, and was acknowledged. */
const ISSUED_REPEAT = 0xfffffffe
const ACKNOWLEDGED_REPEAT = 0xffffffff

/** An entry that is always the same. */
const REPEATED = Object.freeze({ kind: 'repeated', error: 'connect ECONNREFUSED 127.0.0.1:5432' })

const ERRORS = ['first', 'second', 'third'].map((which) => `the ${which} of three long error texts: ${'detail '.repeat(120)}`)

/**
 * Numbers from 0 to 1 that a seed determines (mulberry32, Tommy Ettinger 2017).
 * @param {number} seed
 * @returns {() => number}
 */
function random(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = state
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/**
 * @param {string} life
 * @param {number} n
 */
function textOf(life, n) {
  if (n % 701 === 700) return `${life} is longer than a ring of 64 KiB takes `.repeat(1000)
  if (n % 97 === 96) return `長い行 ${n} `.repeat(1200)
  return `${life}:${n} ${'abcdefghij'.repeat((n * 7919) % 61)}`
}

/**
 * Record `n` of a life.
 * @param {string} life
 * @param {number} n
 */
function recordOf(life, n) {
  const record = { life, n, text: textOf(life, n) }
  return n % 7 === 3 ? { ...record, error: ERRORS[n % 3] } : record
}

/**
 * What is wrong with a record that was read back, or `null`.
 * @param {any} data
 * @returns {string | null}
 */
function faultOf(data) {
  if (data.text !== textOf(data.life, data.n)) return `${data.life}:${data.n} has another text than was logged`
  const carriesError = data.n % 7 === 3
  if (carriesError !== ('errorHash' in data)) return `${data.life}:${data.n} ${carriesError ? 'lost' : 'has somebody else\'s'} error`
  return null
}

module.exports = { ISSUED_REPEAT, ACKNOWLEDGED_REPEAT, REPEATED, random, recordOf, faultOf }
