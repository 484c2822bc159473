'use strict'
/**
 * The streams of a process that was spawned, over what the core tells and takes.
 *
 * An output is sent no further than the credit of the core (256 KiB) ahead of what was read: the command waits
 * then. What is written is passed on one part at a time, what waits meanwhile is the stream's own buffer.
 */

const { Readable, Writable } = require('node:stream')
const { core } = require('./lifecycle-events.js')

/** Bytes that wait in a stream before it asks its user to wait. */
const HIGH_WATER = 65_536
/** Bytes that cross at once, by a copy. */
const PIECE = 262_144
const NO_BYTES = Buffer.alloc(0)

/** Standard output or standard error of a process. */
class OutputStream extends Readable {
  #token
  #stream
  /** @type {Buffer[]} what the core sent and the stream has no room for, within its credit */
  #pending = []
  #wanted = false
  #ended = false

  /**
   * @param {number} token
   * @param {1 | 2} stream
   */
  constructor(token, stream) {
    super({ highWaterMark: HIGH_WATER })
    this.#token = token
    this.#stream = stream
  }

  /** @override */
  _read() {
    this.#wanted = true
    this.#deliver()
  }

  /** @param {Buffer} bytes */
  receive(bytes) {
    if (this.destroyed) return
    this.#pending.push(bytes)
    this.#deliver()
  }

  /** Nothing more comes. */
  finish() {
    this.#ended = true
    this.#deliver()
  }

  #deliver() {
    while (this.#wanted && this.#pending.length > 0) {
      const bytes = /** @type {Buffer} */ (this.#pending.shift())
      core().processTaken(this.#token, this.#stream, bytes.length)
      this.#wanted = this.push(bytes)
    }
    if (this.#ended && this.#pending.length === 0 && !this.destroyed) this.push(null)
  }

  /**
   * @override
   * @param {Error | null} error
   * @param {(error?: Error | null) => void} callback
   */
  _destroy(error, callback) {
    this.#pending.length = 0
    if (!this.#ended) core().processIgnore(this.#token, this.#stream)
    callback(error)
  }
}

/** Standard input of a process. */
class InputStream extends Writable {
  #token
  /** What is being written: it crosses in pieces. @type {Buffer} */
  #bytes = NO_BYTES
  #crossed = 0
  #waiting = 0
  #closed = false
  /** @type {((error?: Error | null) => void) | null} */
  #callback = null

  /** @param {number} token */
  constructor(token) {
    super({ highWaterMark: HIGH_WATER, decodeStrings: true })
    this.#token = token
  }

  /**
   * @override
   * @param {Buffer} chunk
   * @param {BufferEncoding} _encoding
   * @param {(error?: Error | null) => void} callback
   */
  _write(chunk, _encoding, callback) {
    this.#send(chunk, callback)
  }

  /**
   * @override
   * @param {{ chunk: Buffer, encoding: BufferEncoding }[]} chunks
   * @param {(error?: Error | null) => void} callback
   */
  _writev(chunks, callback) {
    this.#send(Buffer.concat(chunks.map(({ chunk }) => chunk)), callback)
  }

  /**
   * @param {Buffer} bytes
   * @param {(error?: Error | null) => void} callback
   */
  #send(bytes, callback) {
    if (bytes.length === 0) return callback()
    if (this.#closed) return callback(brokenPipe())
    this.#bytes = bytes
    this.#crossed = 0
    this.#callback = callback
    this.#sendPiece()
  }

  #sendPiece() {
    const piece = this.#bytes.subarray(this.#crossed, this.#crossed + PIECE)
    this.#crossed += piece.length
    this.#waiting += piece.length
    if (!core().processWrite(this.#token, piece)) this.stop()
  }

  /**
   * @override
   * @param {(error?: Error | null) => void} callback
   */
  _final(callback) {
    if (!this.#closed) core().processCloseInput(this.#token)
    callback()
  }

  /**
   * @override
   * @param {Error | null} error
   * @param {(error?: Error | null) => void} callback
   */
  _destroy(error, callback) {
    if (!this.#closed) core().processCloseInput(this.#token)
    this.#closed = true
    callback(error)
  }

  /** @param {number} count bytes the process has taken */
  passed(count) {
    this.#waiting -= count
    if (this.#waiting > 0 || this.#callback === null) return
    if (this.#crossed < this.#bytes.length) return this.#sendPiece()
    this.#bytes = NO_BYTES
    const callback = this.#callback
    this.#callback = null
    callback()
  }

  /** The process reads no more. */
  stop() {
    this.#closed = true
    const callback = this.#callback
    this.#callback = null
    callback?.(brokenPipe())
  }
}

/** As Node words it. */
function brokenPipe() {
  return Object.assign(new Error('write EPIPE'), { code: 'EPIPE', errno: -32, syscall: 'write' })
}

module.exports = { InputStream, OutputStream }
