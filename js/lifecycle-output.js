'use strict'
/**
 * The text of an output of which the head and the tail were kept.
 *
 * Where bytes between them were dropped, encodings of text have a line `[... 1234 bytes omitted ...]`; no
 * character is cut in two, what is left of one counts as omitted. Bytes, and encodings of bytes, have head and
 * tail side by side. Bytes that are no text in the encoding become U+FFFD.
 */

const TEXTS = new Set(['utf8', 'utf-8', 'utf16le', 'utf-16le', 'ucs2', 'ucs-2', 'latin1', 'binary', 'ascii'])
const UTF8 = new Set(['utf8', 'utf-8'])
const UTF16 = new Set(['utf16le', 'utf-16le', 'ucs2', 'ucs-2'])

/**
 * @param {Buffer} head
 * @param {Buffer} tail
 * @param {number} total bytes there were in all
 * @param {string} encoding in small letters
 * @param {boolean} strip whether one final newline goes
 * @returns {string | Buffer}
 */
function outputOf(head, tail, total, encoding, strip) {
  if (total === 0) return encoding === 'buffer' ? Buffer.alloc(0) : ''
  const dropped = total - head.length - tail.length
  if (encoding === 'buffer') return strip ? withoutFinalNewline(joined(head, tail)) : joined(head, tail)
  const cut = dropped > 0 && TEXTS.has(encoding)
  const text = cut ? marked(head, tail, total, encoding) : joined(head, tail).toString(/** @type {BufferEncoding} */ (encoding))
  if (!strip || !text.endsWith('\n')) return text
  return text.slice(0, text.endsWith('\r\n') ? -2 : -1)
}

/**
 * @param {Buffer} head
 * @param {Buffer} tail
 */
function joined(head, tail) {
  return tail.length === 0 ? head : head.length === 0 ? tail : Buffer.concat([head, tail])
}

/** @param {Buffer} bytes */
function withoutFinalNewline(bytes) {
  const { length } = bytes
  if (bytes[length - 1] !== 0x0a) return bytes
  return bytes.subarray(0, bytes[length - 2] === 0x0d ? length - 2 : length - 1)
}

/**
 * @param {Buffer} head
 * @param {Buffer} tail
 * @param {number} total
 * @param {string} encoding
 */
function marked(head, tail, total, encoding) {
  const end = wholeEnd(head, encoding)
  const start = wholeStart(tail, total - tail.length, encoding)
  const before = head.toString(/** @type {BufferEncoding} */ (encoding), 0, end)
  const after = tail.toString(/** @type {BufferEncoding} */ (encoding), start)
  const omitted = total - end - (tail.length - start)
  return `${before}${before === '' || before.endsWith('\n') ? '' : '\n'}[... ${omitted} bytes omitted ...]\n${after}`
}

/**
 * Where the last whole character of the head ends.
 *
 * @param {Buffer} head
 * @param {string} encoding
 */
function wholeEnd(head, encoding) {
  const { length } = head
  if (UTF16.has(encoding)) {
    const even = length - (length % 2)
    // The first half of a surrogate pair, whose second half was dropped (ECMA-262, 6.1.4).
    return even >= 2 && (head[even - 1] & 0xfc) === 0xd8 ? even - 2 : even
  }
  if (!UTF8.has(encoding)) return length
  // A character is at most four bytes: one that leads, and up to three that continue it (RFC 3629, 3).
  for (let back = 1; back <= Math.min(4, length); back++) {
    const byte = head[length - back]
    if ((byte & 0xc0) === 0x80) continue
    const needed = byte > 0xf4 || byte < 0xc2 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2
    return needed > back ? length - back : length
  }
  return length
}

/**
 * Where the first whole character of the tail starts.
 *
 * @param {Buffer} tail
 * @param {number} offset where the tail starts in the whole output
 * @param {string} encoding
 */
function wholeStart(tail, offset, encoding) {
  if (UTF16.has(encoding)) {
    const even = offset % 2
    return tail.length >= even + 2 && (tail[even + 1] & 0xfc) === 0xdc ? even + 2 : even
  }
  if (!UTF8.has(encoding)) return 0
  let start = 0
  while (start < Math.min(3, tail.length) && (tail[start] & 0xc0) === 0x80) start++
  return start
}

module.exports = { outputOf }
