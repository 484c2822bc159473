'use strict'
/**
 * Finds contexts that were forgotten: collected before anybody released them.
 *
 * Telling the collector of a context costs more than the call, and nearly all calls of a busy loop end at
 * once. So contexts are held here until the turn of the event loop is over, or 1024 of them run, and only
 * those that still run then are told.
 */

const { setImmediate: afterOthers } = require('node:timers')
const { WorkerCallContext } = require('./budget-context.js')

const MOST_FRESH = 1024
/** Held before those that have ended are let go. */
const FEW = 64

/** @typedef {{ call: number, callId: string, taskId: string, lane: string }} Held what is known of a context that is gone */
/** @typedef {(held: Held) => void} Tell */

/** @type {FinalizationRegistry<{ contexts: WeakRef<ForgottenContexts>, held: Held }>} */
const registry = new FinalizationRegistry(({ contexts, held }) => contexts.deref()?.forgotten(held))

class ForgottenContexts {
  /** @type {WorkerCallContext[]} */
  #fresh = []
  /** @type {Map<number, WeakRef<WorkerCallContext>>} */
  #settled = new Map()
  #scheduled = false
  #sweepAt = FEW
  #tell
  #self = new WeakRef(this)

  /** @param {Tell} tell */
  constructor(tell) {
    this.#tell = tell
  }

  /** @param {WorkerCallContext} context */
  add(context) {
    this.#fresh.push(context)
    if (!this.#scheduled) this.#schedule()
    else if (this.#fresh.length >= this.#sweepAt) this.#sweep()
  }

  #schedule() {
    this.#scheduled = true
    const self = this.#self
    afterOthers(() => self.deref()?.turnOver()).unref()
  }

  /** The turn of the event loop is over. */
  turnOver() {
    this.#scheduled = false
    this.#settle()
  }

  /** Lets go what has ended. */
  #sweep() {
    this.#fresh = this.#fresh.filter((context) => WorkerCallContext.callOf(context) !== 0)
    if (this.#fresh.length >= MOST_FRESH) this.#settle()
    this.#sweepAt = Math.max(FEW, 2 * this.#fresh.length)
  }

  #settle() {
    for (const context of this.#fresh) {
      const call = WorkerCallContext.callOf(context)
      if (call === 0) continue
      this.#settled.set(call, new WeakRef(context))
      const held = { call, callId: context.id, taskId: context.taskId, lane: context.lane }
      registry.register(context, { contexts: this.#self, held }, context)
    }
    this.#fresh.length = 0
  }

  /**
   * The context of a call, while anybody holds it.
   *
   * @param {number} call
   */
  find(call) {
    this.#settle()
    return this.#settled.get(call)?.deref()
  }

  /**
   * @param {number} call
   * @param {WorkerCallContext} context
   */
  remove(call, context) {
    if (this.#settled.delete(call)) registry.unregister(context)
  }

  /** @param {Held} held */
  forgotten(held) {
    if (this.#settled.delete(held.call)) this.#tell(held)
  }
}

module.exports = { ForgottenContexts }
