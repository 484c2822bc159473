'use strict'
/**
 * ErrorAnalysisWorker: what a failing tool printed, in at most 500 characters and a fix.
 *
 * The facade gathers the text and how the command ended, and hands both to the core: short texts are
 * read at once, longer ones on the core's thread. `index.d.ts` documents what is public.
 */

const { answered, core } = require('./analysis-core.js')
const { ANALYSIS_OPTIONS, readPattern } = require('./analysis-options.js')
const { inputOf, statusOf } = require('./analysis-input.js')
const { readConfig } = require('./config.js')
const { PlimsollError } = require('./errors.js')
const { native } = require('./native.js')

/** Characters up to which a text is read on the calling thread: under a tenth of a millisecond. */
const INLINE = 4096
/** Bytes gathered from a stream before they cross. */
const GATHERED = 65_536
/** Bytes that cross at once, by a copy: between them the event loop turns. */
const PIECE = 524_288
/** Troubles are told once in this time. */
const TROUBLE_EVERY_MS = 1000

/** Whether the core has its tables of words, which take milliseconds to make: the first text is none for this thread. */
let warm = false

/**
 * Has a long text read, handed over in the form that costs this thread least. To find out that it is ASCII
 * takes a sixth of the time that is saved by copying single bytes; of most others the beginning tells.
 *
 * @param {number} analyzer
 * @param {string} text
 * @param {import('./binding').BindingAnalysisRequest} request
 */
function submitted(analyzer, text, request) {
  const ascii = isAscii(text.slice(0, INLINE)) && isAscii(text)
  return answered((core, token) => {
    if (ascii) core.analysisSubmitAscii(analyzer, token, text, request)
    else core.analysisSubmit(analyzer, token, text, request)
  })
}

/** @param {string} text */
function isAscii(text) {
  return Buffer.byteLength(text) === text.length
}

/**
 * A part as bytes that may cross at once; characters stay whole.
 *
 * @param {string | Uint8Array} part
 * @returns {Generator<Buffer>}
 */
function* pieces(part) {
  if (typeof part !== 'string') {
    const bytes = Buffer.from(part.buffer, part.byteOffset, part.byteLength)
    for (let at = 0; at < bytes.length; at += PIECE) yield bytes.subarray(at, at + PIECE)
    return
  }
  for (let at = 0; at < part.length;) {
    const most = Math.min(at + PIECE, part.length)
    // The first half of a surrogate pair waits for the second (ECMA-262, 6.1.4).
    const end = most < part.length && /[\ud800-\udbff]/.test(part[most - 1]) ? most - 1 : most
    yield Buffer.from(part.slice(at, end), 'utf8')
    at = end
  }
}

/** Analyzers whose owner was collected. */
const collected = new FinalizationRegistry((/** @type {number} */ handle) => native().analysisDrop(handle))

class ErrorAnalysisWorker {
  /** @type {any} */
  #config
  /** @type {number | undefined} */
  #handle
  #toldAt = -Infinity

  /** @param {object} [config] */
  constructor(config) {
    this.#config = readConfig('ErrorAnalysisWorker', ANALYSIS_OPTIONS, config)
  }

  get #analyzer() {
    if (this.#handle === undefined) {
      this.#handle = core((core) => core.analysisOpen(this.#config.maxFailures, this.#config.rawStore))
      collected.register(this, this.#handle)
    }
    return this.#handle
  }

  /**
   * @param {unknown} error
   * @param {any} [context]
   */
  async analyzeError(error, context) {
    const { text, status } = inputOf(error, context)
    const { json, size } = await this.#analyze(text, this.#request(status, context))
    warm = true
    return this.#summary(json, size, context)
  }

  /**
   * @param {string | (string | Uint8Array)[]} text
   * @param {import('./binding').BindingAnalysisRequest} request
   * @returns {Promise<{ json?: string, size: number }>}
   */
  async #analyze(text, request) {
    const analyzer = this.#analyzer
    const inline = (/** @type {string} */ text) => core((core) => core.analysisInline(analyzer, text, request))
    // Storing touches the disk: never on this thread.
    const isShort = (/** @type {number} */ size) => warm && size <= INLINE && this.#config.rawStore === undefined
    if (typeof text === 'string') {
      const size = text.length
      return isShort(size) ? { json: inline(text), size } : { ...(await submitted(analyzer, text, request)), size }
    }
    if (text.reduce((sum, part) => sum + part.length, 0) > PIECE) return this.#read(text, () => request)
    const bytes = Buffer.concat(text.flatMap((part) => [...pieces(part)]))
    const size = bytes.length
    if (isShort(size)) return { json: inline(bytes.toString('utf8')), size }
    return { ...(await answered((core, token) => core.analysisSubmitBytes(analyzer, token, bytes, request))), size }
  }

  /**
   * @param {AsyncIterable<string | Uint8Array>} readable
   * @param {any} [context]
   */
  async analyzeStream(readable, context) {
    if (typeof (/** @type {any} */ (readable)?.[Symbol.asyncIterator] ?? /** @type {any} */ (readable)?.[Symbol.iterator]) !== 'function' || typeof readable === 'string') {
      throw new PlimsollError('analyzeStream wants a readable stream, or anything else that is iterated over in parts', { code: 'ERR_PLIMSOLL_ARGUMENT' })
    }
    // What the caller knows may come only with the end of the stream, as exit codes do.
    const { json, size } = await this.#read(readable, () => this.#request(statusOf(undefined, context), context))
    return this.#summary(json, size, context)
  }

  /**
   * Reads a text that comes in parts.
   *
   * @param {AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>} parts
   * @param {() => import('./binding').BindingAnalysisRequest} request asked for when all were read
   */
  async #read(parts, request) {
    const stream = core((core) => core.analysisStreamOpen(this.#analyzer))
    try {
      let size = 0
      /** @type {Buffer[]} */
      let gathered = []
      let waiting = 0
      const feed = () => {
        const piece = gathered.length === 1 ? gathered[0] : Buffer.concat(gathered, waiting)
        gathered = []
        waiting = 0
        return answered((core, token) => core.analysisStreamFeed(stream, token, piece))
      }
      for await (const part of parts) {
        for (const piece of pieces(part)) {
          size += piece.length
          waiting += piece.length
          gathered.push(piece)
          // One piece is on its way at a time: a slow reading holds the stream back, not the memory.
          if (waiting >= GATHERED) await feed()
        }
      }
      if (waiting > 0) await feed()
      const asked = request()
      const { json } = await answered((core, token) => core.analysisStreamEnd(stream, token, asked))
      return { json, size }
    } catch (error) {
      core((core) => core.analysisStreamDrop(stream))
      throw error
    }
  }

  /**
   * @param {import('./analysis-input.js').Status} status
   * @param {any} context
   * @returns {import('./binding').BindingAnalysisRequest}
   */
  #request(status, context) {
    const given = context?.timestamp
    const timeMs = given instanceof Date ? given.getTime() : typeof given === 'string' ? Date.parse(given) : given
    const problems = this.#config.maxProblems
    return Number.isFinite(timeMs) ? { ...status, problems, timeMs } : { ...status, problems }
  }

  /**
   * @param {string | undefined | null} json
   * @param {number} rawSize
   * @param {any} context
   */
  #summary(json, rawSize, context) {
    const { fix, rawProblem, ...answer } = JSON.parse(/** @type {string} */ (json))
    if (rawProblem !== undefined) this.#tell(rawProblem)
    const taskId = typeof context?.taskId === 'string' ? context.taskId : 'task'
    const summary = { ...answer, rawSize, compressedSize: answer.summary.length }
    if (fix !== undefined) summary.fixTask = { id: `${taskId}-fix-${answer.type}`, ...fix }
    return summary
  }

  /** @param {string} problem */
  #tell(problem) {
    const now = performance.now()
    const { onError } = this.#config
    if (onError === undefined || now - this.#toldAt < TROUBLE_EVERY_MS) return
    this.#toldAt = now
    try {
      onError(new PlimsollError(`The full text is not kept: ${problem}`, { code: 'ERR_PLIMSOLL_WRITE' }))
    } catch {
      // A listener that throws must not cost the caller the summary.
    }
  }

  /** @param {{ detailed?: boolean }} [options] */
  getStatistics(options) {
    const statistics = JSON.parse(core((core) => core.analysisStatistics(this.#analyzer)))
    if (options?.detailed === true) return statistics
    return statistics.failures.map((/** @type {any} */ { hash, count }) => ({ hash, count }))
  }

  clearStatistics() {
    core((core) => core.analysisClear(this.#analyzer))
  }

  /** @param {unknown} pattern */
  addPattern(pattern) {
    const read = readPattern(pattern)
    const refused = read.pattern === undefined ? { message: read.problem } : core((core) => core.analysisAddPattern(this.#analyzer, read.pattern))
    if (refused === null || refused === undefined) return
    const error = new PlimsollError(`ErrorAnalysisWorker: the pattern was refused: ${refused.message}`, { code: 'ERR_PLIMSOLL_ARGUMENT' })
    const { part, start } = /** @type {import('./binding').BindingPatternProblem} */ (refused)
    throw typeof part === 'string' ? Object.assign(error, { part, start }) : error
  }

  /** @param {string} name */
  removePattern(name) {
    const named = String(name)
    return core((core) => core.analysisRemovePattern(this.#analyzer, named))
  }

  patterns() {
    return core((core) => core.analysisPatterns(this.#analyzer))
  }

  /**
   * @param {string} ref
   * @param {{ lines?: [number, number], bytes?: [number, number] }} [range]
   * @returns {Promise<any>}
   */
  async readRaw(ref, range) {
    const store = this.#config.rawStore
    if (store === undefined) {
      throw new PlimsollError('This ErrorAnalysisWorker has no rawStore: give it one to keep full texts', { code: 'ERR_PLIMSOLL_ARGUMENT' })
    }
    return readRaw(store, ref, range)
  }
}

/**
 * @param {import('./binding').BindingRawStore} store
 * @param {string} ref
 * @param {{ lines?: [number, number], bytes?: [number, number] }} [range]
 * @returns {Promise<string | Buffer>} lines as text, bytes as bytes
 */
async function readRaw(store, ref, { lines, bytes } = {}) {
  const [from, to] = lines ?? bytes ?? [1, Number.MAX_SAFE_INTEGER]
  const whole = (/** @type {unknown} */ value) => Number.isSafeInteger(value) && Number(value) >= 0
  if (typeof ref !== 'string' || (lines !== undefined && bytes !== undefined) || !whole(from) || !whole(to)) {
    throw new PlimsollError('readRaw wants a rawRef and { lines: [first, last] } or { bytes: [start, end] }', { code: 'ERR_PLIMSOLL_ARGUMENT' })
  }
  const { data } = await answered((core, token) => core.analysisReadRaw(token, store, ref, bytes === undefined, from, to))
  const buffer = /** @type {Buffer} */ (data)
  return bytes === undefined ? buffer.toString('utf8') : buffer
}

module.exports = { ErrorAnalysisWorker, readRaw }
