'use strict'
/**
 * ResourceLifecycleManager: the JavaScript half.
 *
 * Processes, temporary files and their ledger live in the core; here are scopes, listeners, streams and timers,
 * which only JavaScript can release, and the report on what looks like a leak. Making a manager, and a scope
 * that holds nothing of the core's, makes no native call.
 */

const { core: realCore } = require('./lifecycle-core.js')
const { ASYNC_DISPOSE } = require('./lifecycle-disposal.js')
const { checkSubscription, unsubscribe } = require('./lifecycle-emitters.js')
const { Holdings } = require('./lifecycle-holdings.js')
const { checkForLeaks, leakReport } = require('./lifecycle-leaks.js')
const {
  checkAge, checkFunction, checkPath, checkPrefix, checkText, readLifecycleConfig, readScopeOptions, readTempOptions,
} = require('./lifecycle-options.js')
const { bounded, notRemoved, within } = require('./lifecycle-resources.js')
const { makeScope } = require('./lifecycle-scope.js')

/** @typedef {import('./lifecycle-scope.js').ResourceScope} ResourceScope */

const HOUR_MS = 3_600_000
/** How a message names one. */
const TITLE = 'a ResourceLifecycleManager'

/** See `index.d.ts` for what it promises. */
class ResourceLifecycleManager {
  #holdings
  /** The latest cleanup: one waits for the other. @type {Promise<void>} */
  #cleanup = Promise.resolve()

  /**
   * @param {object} [config]
   * @param {import('./lifecycle-core.js').Core} [core] another one, in tests
   */
  constructor(config, core = realCore) {
    this.#holdings = new Holdings(readLifecycleConfig(config), core)
  }

  /**
   * @template T
   * @param {(scope: ResourceScope) => T | PromiseLike<T>} fn
   * @param {{ name?: string }} [options]
   * @returns {Promise<T>}
   */
  async withScope(fn, options) {
    checkFunction('withScope', fn)
    const scope = makeScope(this.#holdings, null, readScopeOptions(options))
    let result
    try {
      result = await fn(scope)
    } catch (error) {
      await scope.cleanup().catch((failure) => this.#holdings.tell(failure))
      throw error
    }
    await scope.cleanup()
    return result
  }

  /**
   * @param {{ name?: string }} [options]
   * @returns {ResourceScope}
   */
  scope(options) {
    return makeScope(this.#holdings, null, readScopeOptions(options))
  }

  /**
   * @param {any} emitter
   * @param {string | symbol} event
   * @param {any} handler
   * @returns {void}
   */
  trackListener(emitter, event, handler) {
    checkSubscription(emitter, event, handler)
    const { core, listeners, origins } = this.#holdings
    listeners.add(emitter, event, handler, { since: core.now(), origin: origins.sample(), scope: null })
    this.#holdings.touched()
  }

  /**
   * @param {any} emitter
   * @param {string | symbol} event
   * @param {any} handler
   * @returns {void}
   */
  removeListener(emitter, event, handler) {
    checkSubscription(emitter, event, handler)
    this.#holdings.listeners.forget(emitter, event, handler)
    unsubscribe(emitter, event, handler)
  }

  /**
   * @template H
   * @param {H} handle
   * @param {string} purpose
   * @returns {H}
   */
  trackHandle(handle, purpose) {
    const what = checkText('purpose', purpose)
    const { core, handles, origins } = this.#holdings
    handles.add(handle, { what, since: core.now(), origin: origins.sample(), now: core.now })
    this.#holdings.touched()
    return handle
  }

  /**
   * @param {string} command
   * @param {string[]} [args]
   * @param {object} [options]
   * @returns {Promise<import('./lifecycle-exec.js').ExecResult>}
   */
  async exec(command, args, options) {
    const holdings = this.#holdings
    holdings.touched()
    return holdings.commands().exec(holdings, command, args, options, holdings.group)
  }

  /**
   * @param {string} command
   * @param {string[]} [args]
   * @param {object} [options]
   * @returns {import('./lifecycle-process.js').ManagedProcess}
   */
  spawn(command, args, options) {
    const holdings = this.#holdings
    holdings.touched()
    return holdings.commands().spawn(holdings, command, args, options, holdings.group)
  }

  /**
   * @param {object} options
   * @returns {import('./lifecycle-pool.js').ProcessPool}
   */
  createProcessPool(options) {
    const holdings = this.#holdings
    holdings.touched()
    return holdings.commands().createProcessPool(holdings, options, holdings.group)
  }

  /**
   * @param {string[]} args
   * @param {object} [options]
   * @returns {Promise<any>}
   */
  async execCodex(args, options) {
    const holdings = this.#holdings
    holdings.touched()
    return holdings.commands().execCodex(holdings, args, options, holdings.settings.codex, holdings.group)
  }

  /**
   * @param {string} prefix
   * @param {string} purpose
   * @param {object} [options]
   * @returns {Promise<string>}
   */
  async createTempFile(prefix, purpose, options) {
    return this.#createTemp('file', prefix, purpose, options)
  }

  /**
   * @param {string} prefix
   * @param {string} purpose
   * @param {object} [options]
   * @returns {Promise<string>}
   */
  async createTempDirectory(prefix, purpose, options) {
    return this.#createTemp('directory', prefix, purpose, options)
  }

  /**
   * @param {'file' | 'directory'} kind
   * @param {string} prefix
   * @param {string} purpose
   * @param {object} [options]
   */
  #createTemp(kind, prefix, purpose, options) {
    const holdings = this.#holdings
    const request = { kind, prefix: checkPrefix(prefix), purpose: checkText('purpose', purpose), directory: readTempOptions(options) }
    holdings.touched()
    return holdings.core.createTemp({ ...request, group: holdings.group })
  }

  /**
   * @param {string} path
   * @returns {Promise<void>}
   */
  async deleteTempFile(path) {
    const file = checkPath(path)
    const { core, temps } = this.#holdings
    await core.deleteTemp(file)
    temps.get(file)?.()
    temps.delete(file)
  }

  /**
   * @param {number} [maxAge] milliseconds
   * @returns {Promise<number>}
   */
  async cleanupOldTempFiles(maxAge = HOUR_MS) {
    const { core, temps } = this.#holdings
    const deleted = await core.cleanupTemps(checkAge(maxAge))
    if (temps.size === 0) return deleted
    const left = new Set(core.temps().map(({ path }) => path))
    for (const [path, forget] of temps) {
      if (left.has(path)) continue
      forget()
      temps.delete(path)
    }
    return deleted
  }

  /** @returns {{ listeners: number, processes: number, tempFiles: number }} */
  getStatistics() {
    return this.#holdings.statistics()
  }

  /** @returns {{ hasLeaks: boolean, warnings: string[] }} */
  checkForLeaks() {
    return checkForLeaks(this.#holdings)
  }

  leakReport() {
    return leakReport(this.#holdings)
  }

  status() {
    return this.#holdings.core.status()
  }

  /** What scopes have come to. */
  get scopes() {
    const { counts, open } = this.#holdings
    return { open: open.size, ...counts }
  }

  /** What went wrong in the latest ending that failed, at most 100 errors. */
  get lastCleanupFailures() {
    return this.#holdings.lastFailures
  }

  /** @returns {Promise<void>} */
  cleanup() {
    const before = this.#cleanup
    // What comes from now on is not of this cleanup.
    const group = this.#holdings.takeGroup()
    const scopes = [...this.#holdings.open].filter(({ isNested }) => !isNested).reverse()
    const cleanup = this.#end(before, scopes, group)
    this.#cleanup = cleanup.catch(() => {})
    return cleanup
  }

  /**
   * @param {Promise<void>} before
   * @param {import('./lifecycle-resources.js').Resources[]} scopes
   * @param {number} group
   */
  async #end(before, scopes, group) {
    const holdings = this.#holdings
    /** @type {unknown[]} */
    const failures = []
    // At once: each belongs to another piece of work, and none waits for another's bounds.
    const ended = await Promise.allSettled(scopes.map((resources) => resources.end()))
    for (const result of ended) if (result.status === 'rejected') failures.push(result.reason)
    failures.push(...holdings.listeners.releaseAll())
    const pools = group === 0 ? Promise.resolve() : holdings.closePools(group)
    // Workers have some time of their own to leave; those that do not are ended with the other processes.
    await within(pools, holdings.graceMs / 2)
    try {
      const answer = group === 0 ? undefined : await bounded(holdings, holdings.endGroup(group), 'the end of processes and temporary files', TITLE)
      failures.push(...(answer?.failures ?? []).map(notRemoved))
    } catch (error) {
      failures.push(error)
    }
    try {
      await bounded(holdings, pools, 'the end of process pools', TITLE)
    } catch (error) {
      failures.push(error)
    }
    await before
    holdings.growth.clear()
    if (failures.length > 0) throw holdings.failed(TITLE, failures)
  }

  /** @returns {Promise<void>} */
  [ASYNC_DISPOSE]() {
    return this.cleanup()
  }
}

/** @type {ResourceLifecycleManager | undefined} */
let processManager

/** @param {object} [config] */
function getResourceLifecycleManager(config) {
  processManager ??= new ResourceLifecycleManager(config)
  return processManager
}

/** @returns {Promise<void>} */
async function resetResourceLifecycleManager() {
  const manager = processManager
  processManager = undefined
  await manager?.cleanup()
}

/**
 * @template T
 * @param {(scope: ResourceScope) => T | PromiseLike<T>} fn
 * @param {{ name?: string }} [options]
 * @returns {Promise<T>}
 */
async function withScope(fn, options) {
  return getResourceLifecycleManager().withScope(fn, options)
}

module.exports = { ResourceLifecycleManager, getResourceLifecycleManager, resetResourceLifecycleManager, withScope }
