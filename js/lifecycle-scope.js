'use strict'
/**
 * ResourceScope, as its holder sees it: what to hold, and how each of it is released.
 *
 * The scope itself is held by nobody here, see `lifecycle-resources.js`.
 */

const { PlimsollError, quote } = require('./errors.js')
const { ASYNC_DISPOSE, disposal } = require('./lifecycle-disposal.js')
const { checkSubscription, nameOf, subscribe, unsubscribe } = require('./lifecycle-emitters.js')
const {
  abortable, checkFunction, checkKind, checkPath, checkPrefix, checkText, checkTimer, readChild, readScopeOptions, readTempOptions, refuse,
} = require('./lifecycle-options.js')
const { Resources } = require('./lifecycle-resources.js')
const { readNativeGroupBy } = require('./native-group.js')
const { checkStream, endStream, streamIsOver } = require('./lifecycle-stream-end.js')

/** @typedef {import('./lifecycle-holdings.js').Holdings} Holdings */
/** @typedef {import('./lifecycle-resources.js').Entry} Entry */

/** Only who has it may make a scope. */
const KEY = Symbol('scope')

class ResourceScope {
  /** @type {Resources} */
  #resources
  /** The one around this: in use as long as this is. @type {ResourceScope | null} */
  #parent

  /**
   * @param {symbol} key
   * @param {Holdings} holdings
   * @param {ResourceScope | null} parent
   * @param {string | null} name
   */
  constructor(key, holdings, parent, name) {
    if (key !== KEY) throw refuse('a ResourceScope comes from withScope() or scope()')
    this.#parent = parent
    this.#resources = new Resources(holdings, parent === null ? null : parent.#resources, name)
  }

  /**
   * Before anything is acquired: nothing must be that could not be held.
   *
   * @param {string} method
   */
  #open(method) {
    const resources = this.#resources
    resources.mustBeOpen(method)
    resources.makeRoom()
    this.#use()
    return resources
  }

  #use() {
    if (this.#parent !== null) this.#parent.#use()
    this.#resources.use(this)
  }

  /** The name it was given. */
  get name() {
    return this.#resources.name
  }

  /** Whether it has ended, or is ending. */
  get ended() {
    return this.#resources.ended
  }

  get signal() {
    if (!this.ended) this.#use()
    return this.#resources.signal
  }

  /**
   * @param {any} emitter
   * @param {string | symbol} event
   * @param {any} handler
   * @returns {this}
   */
  on(emitter, event, handler) {
    return this.#listen('on', emitter, event, handler, false)
  }

  /**
   * @param {any} emitter
   * @param {string | symbol} event
   * @param {any} handler
   * @returns {this}
   */
  once(emitter, event, handler) {
    return this.#listen('once', emitter, event, handler, true)
  }

  /**
   * @param {string} method
   * @param {any} emitter
   * @param {string | symbol} event
   * @param {any} handler
   * @param {boolean} once
   */
  #listen(method, emitter, event, handler, once) {
    checkSubscription(emitter, event, handler)
    const resources = this.#open(method)
    const { listeners } = resources.holdings
    subscribe(emitter, event, handler, once)
    // A handler that ran, or threw, or ended the scope while it was subscribed ('newListener') is no concern any more.
    if (resources.ended) {
      unsubscribe(emitter, event, handler)
      return this
    }
    const entry = resources.add('listener', `${String(event)} of ${nameOf(emitter)}`, () => listeners.release(listener), () => listener.gone)
    const listener = listeners.add(emitter, event, handler, { since: entry.since, origin: entry.origin, scope: resources.name })
    return this
  }

  /**
   * @param {any} child
   * @param {string} command
   * @param {string[]} [args]
   * @returns {void}
   */
  trackProcess(child, command, args) {
    const { pid, text, exited } = readChild(child, command, args)
    const resources = this.#open('trackProcess')
    if (exited) return
    const { core, graceMs } = resources.holdings
    const id = core.trackProcess(pid, text, resources.group)
    if (id === 0) return // it ended before anybody was told
    const entry = resources.add('process', text, () => core.endTracked(id, graceMs), () => false)
    entry.identity = () => pid
    child.once?.('exit', () => {
      if (resources.remove(entry)) core.untrackProcess(id)
    })
  }

  /**
   * @param {string} path
   * @param {string} purpose
   * @param {'file' | 'directory'} [kind]
   * @returns {void}
   */
  trackTempFile(path, purpose, kind = 'file') {
    const file = checkPath(path)
    const why = checkText('purpose', purpose)
    const resources = this.#open('trackTempFile')
    resources.holdings.core.trackTemp(file, why, checkKind(kind), resources.group)
    this.#nameTemp(resources, this.#holdTemp(resources, why, Promise.resolve(file)), file)
  }

  /**
   * @param {string} prefix
   * @param {string} purpose
   * @param {object} [options]
   * @returns {Promise<string>}
   */
  async createTempFile(prefix, purpose, options) {
    return this.#createTemp('createTempFile', 'file', prefix, purpose, options)
  }

  /**
   * @param {string} prefix
   * @param {string} purpose
   * @param {object} [options]
   * @returns {Promise<string>}
   */
  async createTempDirectory(prefix, purpose, options) {
    return this.#createTemp('createTempDirectory', 'directory', prefix, purpose, options)
  }

  /**
   * @param {string} method
   * @param {'file' | 'directory'} kind
   * @param {string} prefix
   * @param {string} purpose
   * @param {object} [options]
   */
  async #createTemp(method, kind, prefix, purpose, options) {
    const request = { kind, prefix: checkPrefix(prefix), purpose: checkText('purpose', purpose), directory: readTempOptions(options) }
    const resources = this.#open(method)
    const created = resources.holdings.core.createTemp({ ...request, group: resources.group })
    const entry = this.#holdTemp(resources, request.purpose, created)
    try {
      const path = await created
      if (resources.ended) throw new PlimsollError(`${resources.title} ended meanwhile: ${quote(path)} was removed`, { code: 'ERR_PLIMSOLL_CLOSED' })
      this.#nameTemp(resources, entry, path)
      return path
    } catch (error) {
      resources.remove(entry)
      throw error
    }
  }

  /**
   * @param {Resources} resources
   * @param {string} purpose
   * @param {Promise<string>} created
   */
  #holdTemp(resources, purpose, created) {
    const { core, temps } = resources.holdings
    const release = async () => {
      const file = await created.catch(() => undefined)
      if (file === undefined) return
      temps.delete(file)
      await core.deleteTemp(file)
    }
    return resources.add('temp file', purpose, release, () => false)
  }

  /**
   * @param {Resources} resources
   * @param {Entry} entry
   * @param {string} path
   */
  #nameTemp(resources, entry, path) {
    entry.identity = () => path
    resources.holdings.temps.set(path, () => resources.remove(entry))
  }

  /**
   * @template S
   * @param {S} stream
   * @returns {S}
   */
  trackStream(stream) {
    const name = checkStream(stream)
    const resources = this.#open('trackStream')
    const release = () => endStream(stream, () => resources.holdings.counts.streamErrors++)
    const entry = resources.add('stream', name, release, () => streamIsOver(stream))
    const { once } = /** @type {any} */ (stream)
    if (typeof once === 'function') once.call(stream, 'close', () => resources.remove(entry))
    return stream
  }

  /**
   * @param {() => unknown} fn
   * @returns {void}
   */
  defer(fn) {
    checkFunction('defer', fn)
    const resources = this.#open('defer')
    resources.add('release', fn.name ? `defer(${fn.name})` : 'defer()', fn, () => false)
  }

  /**
   * @template {any} D
   * @param {D} disposable
   * @returns {D}
   */
  use(disposable) {
    const resources = this.#open('use')
    if (disposable === null || disposable === undefined) return disposable
    const { what, release } = disposal(disposable)
    resources.add('release', what, release, () => false)
    return disposable
  }

  /**
   * @param {(...args: any[]) => void} callback
   * @param {number} [delayMs]
   * @param {any[]} args
   * @returns {NodeJS.Timeout}
   */
  setTimeout(callback, delayMs = 1, ...args) {
    checkTimer('setTimeout', callback, delayMs)
    const resources = this.#open('setTimeout')
    // The global one, which a test may have replaced. One that is refreshed after it fired is not cleared any more,
    // but does nothing after the end.
    const timer = globalThis.setTimeout(() => {
      resources.remove(entry)
      if (!resources.ended) callback(...args)
    }, delayMs)
    const entry = resources.add('timer', `setTimeout of ${delayMs} ms`, () => globalThis.clearTimeout(timer), () => false)
    return timer
  }

  /**
   * @param {(...args: any[]) => void} callback
   * @param {number} [delayMs]
   * @param {any[]} args
   * @returns {NodeJS.Timeout}
   */
  setInterval(callback, delayMs = 1, ...args) {
    checkTimer('setInterval', callback, delayMs)
    const resources = this.#open('setInterval')
    const timer = globalThis.setInterval(() => {
      if (!resources.ended) callback(...args)
    }, delayMs)
    resources.add('timer', `setInterval of ${delayMs} ms`, () => globalThis.clearInterval(timer), () => false)
    return timer
  }

  /**
   * @param {{ name?: string }} [options]
   * @returns {ResourceScope}
   */
  scope(options) {
    const name = readScopeOptions(options)
    this.#resources.mustBeOpen('scope')
    return makeScope(this.#resources.holdings, this, name)
  }

  /**
   * @param {string} command
   * @param {string[]} [args]
   * @param {object} [options]
   * @returns {Promise<import('./lifecycle-exec.js').ExecResult>}
   */
  async exec(command, args, options) {
    const resources = this.#open('exec')
    const { holdings } = resources
    const isOptions = options === undefined && typeof args === 'object' && args !== null && !Array.isArray(args)
    const { controller, given, unlink } = abortable(isOptions ? args : options, holdings.graceMs)
    const running = holdings.commands().exec(holdings, command, isOptions ? [] : args, given, resources.group)
    const release = () => {
      controller.abort()
      return running.then(() => {}, () => {})
    }
    const entry = resources.add('process', String(command), release, () => false)
    try {
      return await running
    } finally {
      unlink()
      resources.remove(entry)
    }
  }

  /**
   * @param {string} command
   * @param {string[]} [args]
   * @param {object} [options]
   * @returns {import('./lifecycle-process.js').ManagedProcess}
   */
  spawn(command, args, options) {
    const resources = this.#open('spawn')
    const { holdings } = resources
    const process = holdings.commands().spawn(holdings, command, args, options, resources.group)
    const isOver = () => process.exitCode !== null || process.signalCode !== null
    const entry = resources.add('process', String(command), () => process.end({ graceMs: holdings.graceMs }), isOver)
    entry.identity = () => process.pid
    process.once('close', () => resources.remove(entry))
    return process
  }

  /** @returns {Promise<void>} */
  cleanup() {
    return this.#resources.end()
  }

  [ASYNC_DISPOSE]() {
    return this.#resources.end()
  }

  static {
    readNativeGroupBy((scope) => (#resources in scope ? scope.#open('registerScope').group : 0))
  }
}

/**
 * @param {Holdings} holdings
 * @param {ResourceScope | null} parent
 * @param {string | null} name
 */
function makeScope(holdings, parent, name) {
  return new ResourceScope(KEY, holdings, parent, name)
}

module.exports = { ResourceScope, makeScope }
