'use strict'
/**
 * The lines of a stream of UTF-8, one at a time, without their newlines (`\n` or `\r\n`).
 *
 * Limit: a line of more than {@link LONGEST_LINE} characters ends the iteration with `ERR_PLIMSOLL_OVERFLOW`.
 */

const { StringDecoder } = require('node:string_decoder')
const { PlimsollError } = require('./errors.js')

const LONGEST_LINE = 16 * 1024 * 1024

/**
 * @param {AsyncIterable<Buffer | string>} stream
 * @param {number} [longest]
 * @returns {AsyncGenerator<string, void, undefined>}
 */
async function* linesOf(stream, longest = LONGEST_LINE) {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  for await (const part of stream) {
    const lines = (typeof part === 'string' ? part : decoder.write(part)).split('\n')
    lines[0] = rest + lines[0]
    rest = /** @type {string} */ (lines.pop())
    for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line
    if (rest.length > longest) {
      throw new PlimsollError(`a line is longer than ${longest} characters; read the stream itself instead`, { code: 'ERR_PLIMSOLL_OVERFLOW' })
    }
  }
  rest += decoder.end()
  if (rest !== '') yield rest
}

module.exports = { LONGEST_LINE, linesOf }
