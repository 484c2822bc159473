'use strict'
/**
 * What the commands print on. Colours only on a terminal and without NO_COLOR (https://no-color.org);
 * progress only on a terminal. A reader that goes away ends the command quietly.
 */

const { EXIT } = require('./exit.js')

const STYLES = { bold: [1, 22], dim: [2, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], blue: [34, 39] }

/** @typedef {keyof typeof STYLES} Style */

class Terminal {
  /** @type {NodeJS.WriteStream} */
  #out
  /** @type {NodeJS.WriteStream} */
  #err
  /** @type {Set<() => void>} */
  #stopping = new Set()
  #closed = false

  /** The exit code of the signal that ended the command. @type {number | undefined} */
  interrupted
  /** Whether printing failed, other than by a reader that went away. */
  failed = false

  /**
   * @param {NodeJS.WriteStream} out
   * @param {NodeJS.WriteStream} err
   * @param {NodeJS.ProcessEnv} env
   */
  constructor(out, err, env) {
    this.#out = out
    this.#err = err
    const coloured = !env.NO_COLOR && env.TERM !== 'dumb'
    this.outColour = coloured && Boolean(out.isTTY)
    this.errColour = coloured && Boolean(err.isTTY)
    for (const stream of [out, err]) stream.on('error', (error) => this.#lost(error))
    for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
      // Once: a second one ends the process as it would any other.
      process.once(signal, () => this.#interrupt(EXIT[signal]))
    }
  }

  /** Whether nobody reads any more, or the user has had enough. */
  get ended() {
    return this.#closed || this.interrupted !== undefined
  }

  /** Whether progress can be shown. */
  get showsProgress() {
    return Boolean(this.#err.isTTY)
  }

  /** Where progress is shown. */
  get progressStream() {
    return this.#err
  }

  /**
   * Has `stop` called when the reader goes away or a signal comes; at once when that has been.
   *
   * @param {() => void} stop
   * @returns {() => void} call it when there is nothing to stop any more
   */
  onStop(stop) {
    this.#stopping.add(stop)
    if (this.ended) stop()
    return () => this.#stopping.delete(stop)
  }

  /**
   * Prints, and waits until the reader has room for more.
   *
   * @param {string | Uint8Array} text
   */
  async out(text) {
    if (this.#closed || this.#out.write(text)) return
    await new Promise((resolve) => {
      const done = () => {
        this.#out.off('drain', done)
        this.#out.off('close', done)
        this.#out.off('error', done)
        resolve(undefined)
      }
      for (const event of ['drain', 'close', 'error']) this.#out.on(event, done)
    })
  }

  /** @param {string} text */
  error(text) {
    this.#err.write(text)
  }

  /** @param {unknown} error */
  fail(error) {
    const { message, code } = /** @type {{ message?: string, code?: string }} */ (error ?? {})
    const hint = code ? ` (${code})` : ''
    this.error(`${this.errColour ? paint('red', 'plimsoll:') : 'plimsoll:'} ${printable(String(message ?? error))}${hint}\n`)
  }

  /**
   * @param {Style} style
   * @param {string} text
   */
  paint(style, text) {
    return this.outColour ? paint(style, text) : text
  }

  /** @param {Error & { code?: string }} error */
  #lost(error) {
    const told = this.#closed
    this.#closed = true
    if (error.code !== 'EPIPE' && !told) {
      this.failed = true
      // When it is standard error that failed, nobody is left to hear it.
      if (!this.#err.errored) this.error(`plimsoll: the output cannot be written: ${error.message}\n`)
    }
    for (const stop of this.#stopping) stop()
  }

  /** @param {number} code */
  #interrupt(code) {
    this.interrupted = code
    for (const stop of this.#stopping) stop()
  }
}

/** @param {Style} style @param {string} text */
function paint(style, text) {
  const [on, off] = STYLES[style]
  return `\u001b[${on}m${text}\u001b[${off}m`
}

// eslint-disable-next-line no-control-regex
const UNPRINTABLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g

/**
 * Text that cannot steer a terminal: control characters and changes of direction are written as escapes.
 *
 * @param {string} text
 */
function printable(text) {
  return text.replace(UNPRINTABLE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

const SIZES = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']

/**
 * Bytes in three digits, decimal units.
 *
 * @param {number} bytes
 */
function size(bytes) {
  let value = bytes
  let unit = 0
  while (value >= 999.5 && unit < SIZES.length - 1) {
    value /= 1000
    unit += 1
  }
  return `${unit === 0 || value >= 99.5 ? Math.round(value) : value.toPrecision(value >= 9.95 ? 3 : 2)} ${SIZES[unit]}`
}

/**
 * A count with its noun: `1 line`, `1,204 lines`.
 *
 * @param {number} count
 * @param {string} noun
 * @param {string} [plural]
 */
function counted(count, noun, plural = `${noun}s`) {
  return `${count.toLocaleString('en-US')} ${count === 1 ? noun : plural}`
}

module.exports = { Terminal, printable, size, counted }
