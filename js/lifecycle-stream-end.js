'use strict'
/**
 * Streams at the end of their scope: destroyed, and waited for until they are closed.
 *
 * What fails on the way is counted and goes no further: nobody is left to whom it matters.
 */

const { nameOf } = require('./lifecycle-emitters.js')
const { refuse, shown } = require('./lifecycle-options.js')

/**
 * @param {any} stream
 * @returns {string} what it is called
 */
function checkStream(stream) {
  try {
    if (typeof (stream?.destroy ?? stream?.cancel ?? stream?.abort) === 'function') return nameOf(stream)
  } catch (cause) {
    throw refuse('trackStream(): the stream cannot be read', cause)
  }
  throw refuse(`trackStream() takes a stream of Node or of the web, not ${shown(stream)}`)
}

/** @param {any} stream */
function streamIsOver(stream) {
  return stream.closed === true || (stream.closed === undefined && stream.destroyed === true)
}

/**
 * @param {any} stream
 * @param {() => void} failed told of everything that goes wrong
 * @returns {Promise<void> | undefined} resolves when it is closed
 */
function endStream(stream, failed) {
  if (streamIsOver(stream)) return undefined
  if (typeof stream.destroy !== 'function') return endWebStream(stream, failed)
  const closed = whenClosed(stream, failed)
  try {
    stream.destroy()
  } catch {
    failed()
  }
  return closed
}

/**
 * @param {any} stream
 * @param {() => void} failed
 * @returns {Promise<void>}
 */
async function endWebStream(stream, failed) {
  try {
    await (typeof stream.cancel === 'function' ? stream.cancel() : stream.abort())
  } catch {
    failed()
  }
}

/**
 * @param {any} stream
 * @param {() => void} failed
 * @returns {Promise<void> | undefined} `undefined` for a stream that does not tell
 */
function whenClosed(stream, failed) {
  if (typeof stream.once !== 'function') return undefined
  // Stays: a stream may fail after it was closed.
  stream.on('error', failed)
  const state = stream._readableState ?? stream._writableState
  if (stream.closed === undefined || state?.emitClose === false) return undefined
  return new Promise((resolve) => stream.once('close', resolve))
}

module.exports = { checkStream, endStream, streamIsOver }
