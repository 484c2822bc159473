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
    const { text, size, status } = inputOf(error, context)
    const request = this.#request(status, context)
    let json
    if (typeof text === 'string') {
      // Storing touches the disk: never on this thread.
      if (warm && size <= INLINE && this.#config.rawStore === undefined) json = core((core) => core.analysisInline(this.#analyzer, text, request))
      else {
        ;({ json } = await submitted(this.#analyzer, text, request))
        warm = true
      }
    } else {
      const bytes = Buffer.from(text.buffer, text.byteOffset, text.byteLength)
      ;({ json } = await answered((core, token) => core.analysisSubmitBytes(this.#analyzer, token, bytes, request)))
    }
    return this.#summary(json, size, context)
  }

  /**
   * @param {AsyncIterable<string | Uint8Array>} readable
   * @param {any} [context]
   */
  async analyzeStream(readable, context) {
    if (typeof (/** @type {any} */ (readable)?.[Symbol.asyncIterator] ?? /** @type {any} */ (readable)?.[Symbol.iterator]) !== 'function' || typeof readable === 'string') {
      throw new PlimsollError('analyzeStream wants a readable stream, or anything else that is iterated over in parts', { code: 'ERR_PLIMSOLL_ARGUMENT' })
    }
    const stream = core((core) => core.analysisStreamOpen(this.#analyzer))
    try {
      let size = 0
      /** @type {Buffer[]} */
      let gathered = []
      let bytes = 0
      const feed = () => {
        const part = gathered.length === 1 ? gathered[0] : Buffer.concat(gathered, bytes)
        gathered = []
        bytes = 0
        return answered((core, token) => core.analysisStreamFeed(stream, token, part))
      }
      for await (const chunk of readable) {
        const part = typeof chunk === 'string' ? Buffer.from(chunk, 'utf8') : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
        size += part.length
        bytes += part.length
        gathered.push(part)
        // One part is on its way at a time: a slow reading holds the stream back, not the memory.
        if (bytes >= GATHERED) await feed()
      }
      if (bytes > 0) await feed()
      // What the caller knows may come only with the end of the stream, as exit codes do.
      const request = this.#request(statusOf(undefined, context), context)
      const { json } = await answered((core, token) => core.analysisStreamEnd(stream, token, request))
      return this.#summary(json, size, context)
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
