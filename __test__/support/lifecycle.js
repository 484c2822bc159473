'use strict'
/** ResourceLifecycleManagers over a core that keeps its processes and files in memory, and a clock that is set. */

const { EventEmitter } = require('node:events')
const { ResourceLifecycleManager } = require('../../js/lifecycle.js')
const { listening } = require('./budgets')

/** What the core would hold, and what was asked of it, in order. */
class FakeCore {
  /** @type {string[]} */
  asked = []
  /** @type {Map<number, number>} the group around each that is open */
  groups = new Map()
  /** @type {Map<string, { path: string, purpose: string, createdMs: number, group: number, kind: string }>} */
  files = new Map()
  /** @type {Map<number, { id: number, pid: number, command: string, group: number, startedMs: number, tracked: boolean }>} */
  running = new Map()
  /** @type {{ path: string, message: string }[]} what the end of a group tells */
  failures = []
  /** @type {Promise<unknown>} creations and deletions wait for it */
  gate = Promise.resolve()
  /** @type {Promise<unknown>} commands that are executed wait for it */
  work = Promise.resolve()
  /** @type {any} what the latest command was executed with */
  options
  /** @type {Map<number, () => void>} */
  #ended = new Map()
  time = 1000
  #last = 0

  now = () => this.time
  date = () => 1_700_000_000_000 + this.time

  openGroup = (/** @type {number} */ within) => {
    const group = ++this.#last
    this.groups.set(group, within)
    this.asked.push(`open ${group} in ${within}`)
    return group
  }

  closeGroup = (/** @type {number} */ group) => void this.groups.delete(group)

  #isWithin(/** @type {number} */ group, /** @type {number} */ outer) {
    for (let at = group; at !== 0; at = this.groups.get(at) ?? 0) if (at === outer) return true
    return false
  }

  endGroup = async (/** @type {number} */ group) => {
    this.asked.push(`end ${group}`)
    await this.gate
    const processes = [...this.running.values()].filter((one) => this.#isWithin(one.group, group))
    const files = [...this.files.values()].filter((one) => this.#isWithin(one.group, group))
    for (const { id } of processes) {
      this.running.delete(id)
      this.#ended.get(id)?.()
    }
    for (const { path } of files) this.files.delete(path)
    return { processes: processes.length, files: files.length, failures: this.failures }
  }

  createTemp = async (/** @type {any} */ { kind, prefix, directory, purpose, group }) => {
    await this.gate
    const path = `${directory ?? '/fake'}/${prefix}-${++this.#last}`
    this.files.set(path, { path, purpose, kind, group, createdMs: this.date() })
    this.asked.push(`create ${path}`)
    return path
  }

  trackTemp = (/** @type {string} */ path, /** @type {string} */ purpose, /** @type {string} */ kind, /** @type {number} */ group) =>
    void this.files.set(path, { path, purpose, kind, group, createdMs: this.date() })

  deleteTemp = async (/** @type {string} */ path) => {
    await this.gate
    this.asked.push(`delete ${path}`)
    this.files.delete(path)
  }

  cleanupTemps = async (/** @type {number} */ maxAgeMs) => {
    const old = [...this.files.values()].filter(({ createdMs }) => this.date() - createdMs >= maxAgeMs)
    for (const { path } of old) this.files.delete(path)
    return old.length
  }

  temps = () => [...this.files.values()]

  trackProcess = (/** @type {number} */ pid, /** @type {string} */ command, /** @type {number} */ group) => {
    if (pid === FakeCore.GONE_PID) return 0
    const id = ++this.#last
    this.running.set(id, { id, pid, command, group, startedMs: this.date(), tracked: true })
    return id
  }

  untrackProcess = (/** @type {number} */ id) => void this.running.delete(id)

  endTracked = async (/** @type {number} */ id) => {
    this.asked.push(`end process ${this.running.get(id)?.pid}`)
    await this.gate
    this.running.delete(id)
  }

  processes = () => [...this.running.values()]

  /** Pools that were closed. @type {object[]} */
  closed = []

  commands = () => ({
    exec: (/** @type {object} */ _owner, /** @type {string} */ command, /** @type {string[]} */ args = [], /** @type {any} */ options, /** @type {number} */ group) => {
      this.options = options
      const id = this.trackProcess(100_000 + this.#last, [command, ...args].join(' '), group)
      return new Promise((resolve, reject) => {
        options?.signal?.addEventListener('abort', () => {
          this.asked.push(`abort ${command}`)
          this.running.delete(id)
          reject(Object.assign(new Error('aborted'), { reason: options.signal.reason }))
        })
        this.#ended.set(id, () => reject(new Error('ended with its group')))
        this.work.then(() => {
          this.running.delete(id)
          resolve({ stdout: command, stderr: '' })
        })
      })
    },
    spawn: (/** @type {object} */ _owner, /** @type {string} */ command, /** @type {string[]} */ _args, /** @type {object} */ _options, /** @type {number} */ group) => {
      const id = this.trackProcess(100_000 + this.#last, command, group)
      return Object.assign(new EventEmitter(), {
        exitCode: null,
        signalCode: null,
        end: async () => {
          this.asked.push(`end ${command}`)
          this.running.delete(id)
        },
      })
    },
    createProcessPool: (/** @type {object} */ owner, /** @type {object} */ options, /** @type {number} */ group) => ({ owner, options, group }),
    execCodex: async (/** @type {object} */ _owner, /** @type {string[]} */ args, /** @type {object} */ options, /** @type {object} */ settings) => ({ args, options, settings }),
    closePools: async (/** @type {object} */ owner) => void this.closed.push(owner),
  })

  static GONE_PID = 4_000_000
}

/**
 * A manager that says nothing on standard error.
 *
 * @param {object} [config]
 */
function lifecycle(config) {
  const core = new FakeCore()
  const logger = listening()
  const manager = new ResourceLifecycleManager({ logger, ...config }, /** @type {any} */ (core))
  return { core, logger, manager }
}

module.exports = { FakeCore, lifecycle }
