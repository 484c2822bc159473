'use strict'

const UNITS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }
const DATE = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})?)?$/
const LONGEST_MS = 8.64e15

/**
 * Reads a point in time: an age (`90s`, `15m`, `2h`, `7d`, `1w`, also `1.5h`), an ISO 8601 date with or
 * without a time (UTC for a date alone, local for a time without a zone, as `Date` reads them), or
 * milliseconds since 1970.
 *
 * @param {string} text
 * @param {number} now milliseconds since 1970
 * @returns {number | undefined} milliseconds since 1970, whole; `undefined` for anything else
 */
function parseSince(text, now) {
  const age = /^(\d+(?:\.\d+)?)([smhdw])$/.exec(text)
  if (age) {
    const unit = UNITS[/** @type {keyof typeof UNITS} */ (age[2])]
    return inRange(Math.round(now - Number(age[1]) * unit))
  }
  if (/^-?\d+$/.test(text)) return inRange(Number(text))
  if (!DATE.test(text)) return undefined
  return inRange(Date.parse(text))
}

/** @param {number} ms */
function inRange(ms) {
  return Math.abs(ms) <= LONGEST_MS ? ms : undefined
}

module.exports = { parseSince }
