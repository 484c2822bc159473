'use strict'
/**
 * What a command reads, from anything that is iterated over: one part is on its way at a time, so that a slow
 * reader holds the source back and not the memory.
 */

const { PlimsollError } = require('./errors.js')

/** Bytes that cross at once, by a copy. */
const PIECE = 262_144

class InputPump {
  #native
  #token
  #source
  #failed
  /** @type {AsyncIterator<unknown> | Iterator<unknown> | null} */
  #iterator = null
  #waiting = 0
  /** @type {(() => void) | null} */
  #resume = null
  #stopped = false
  #finished = false

  /**
   * @param {any} native
   * @param {number} token
   * @param {AsyncIterable<unknown> | Iterable<unknown>} source
   * @param {(error: unknown) => void} failed told once of what the source threw
   */
  constructor(native, token, source, failed) {
    this.#native = native
    this.#token = token
    this.#source = source
    this.#failed = failed
  }

  start() {
    this.#pump().catch((error) => {
      if (!this.#stopped) this.#failed(error)
    })
  }

  async #pump() {
    const source = /** @type {any} */ (this.#source)
    const iterator = source[Symbol.asyncIterator]?.() ?? source[Symbol.iterator]()
    this.#iterator = iterator
    for (;;) {
      const { done, value } = await iterator.next()
      if (this.#stopped) return
      if (done) break
      if (!(await this.#pass(bytesOf(value)))) return
    }
    this.#finished = true
    this.#native.processCloseInput(this.#token)
  }

  /**
   * @param {Uint8Array} bytes
   * @returns {Promise<boolean>} `false`: the command reads no more
   */
  async #pass(bytes) {
    for (let at = 0; at < bytes.length; at += PIECE) {
      const piece = bytes.subarray(at, at + PIECE)
      this.#waiting += piece.length
      if (!this.#native.processWrite(this.#token, piece)) return false
      await this.#whenPassed()
      if (this.#stopped) return false
    }
    return true
  }

  #whenPassed() {
    return this.#waiting <= 0 ? undefined : new Promise((/** @type {(value?: undefined) => void} */ resolve) => { this.#resume = resolve })
  }

  /** @param {number} count bytes the command has taken */
  passed(count) {
    this.#waiting -= count
    if (this.#waiting <= 0) this.#goOn()
  }

  #goOn() {
    const resume = this.#resume
    this.#resume = null
    resume?.()
  }

  /** The command reads no more. */
  stop() {
    if (this.#stopped) return
    this.#stopped = true
    this.#goOn()
    if (this.#finished) return
    this.#finished = true
    const source = /** @type {any} */ (this.#source)
    // A stream that waits for data would not hear of `return()` before some came.
    if (typeof source.destroy === 'function' && source !== process.stdin) source.destroy()
    else Promise.resolve(this.#iterator?.return?.()).catch(() => {})
  }
}

/**
 * @param {unknown} part
 * @returns {Uint8Array}
 */
function bytesOf(part) {
  if (typeof part === 'string') return Buffer.from(part)
  if (ArrayBuffer.isView(part)) return Buffer.from(part.buffer, part.byteOffset, part.byteLength)
  throw new PlimsollError(`exec: the input must come in strings and bytes, not ${part === null ? 'null' : typeof part}`, { code: 'ERR_PLIMSOLL_ARGUMENT' })
}

module.exports = { InputPump }
