'use strict'
/**
 * Calls into the core of ResourceLifecycleManager, and its answers, by token.
 *
 * Loaded, and listened to, when the first process, temporary file or group is asked for: scopes that hold only
 * what JavaScript owns never touch it. What is awaited holds the event loop open; a listener alone does not.
 */

const { tmpdir } = require('node:os')
const { PlimsollError } = require('./errors.js')
const { lookForLedger } = require('./lifecycle-ledger.js')
const { lifecycleNative } = require('./lifecycle-native.js')

/** @typedef {{ token: number, kind: string, json?: string | null, code?: string | null, message?: string | null, cause?: string | null }} Event */
/** @typedef {{ resolve: (json: any) => void, reject: (error: Error) => void }} Waiter */
/** @typedef {{ code: string, message: string }} Refusal */
/** @typedef {{ path: string, purpose: string, createdMs: number, group: number, kind: string }} TempEntry */
/** @typedef {{ id: number, pid: number, command: string, group: number, startedMs: number, tracked: boolean }} ProcessEntry */
/** @typedef {typeof import('./lifecycle-commands.js')} Commands */
/** @typedef {{ processes: number, files: number, failures: { path: string, message: string }[] }} GroupEnd */

/** Who waits for an answer, by token. @type {Map<number, Waiter>} */
const waiting = new Map()
let lastToken = 0
let listening = false

/**
 * Calls the core. What it throws, panics that were caught among it, is a fault of ours.
 *
 * @template T
 * @param {(core: any) => T} call
 * @returns {T}
 */
function ask(call) {
  try {
    return call(lifecycleNative())
  } catch (cause) {
    if (cause instanceof PlimsollError) throw cause
    throw new PlimsollError("A fault of Plimsoll's own was caught; please report it with its cause", { code: 'ERR_PLIMSOLL_INTERNAL', cause })
  }
}

/** @param {Event} event */
function hear({ token, kind, json, code, message, cause }) {
  const waiter = waiting.get(token)
  if (waiter === undefined) return
  settled(token)
  if (kind === 'done') return waiter.resolve(json ? JSON.parse(json) : undefined)
  waiter.reject(problem({ code: code ?? 'ERR_PLIMSOLL_INTERNAL', message: message ?? 'the core gave no reason' }, cause))
}

/** @param {number} token */
function settled(token) {
  waiting.delete(token)
  if (waiting.size === 0) ask((core) => core.lifecycleHold(false))
}

/**
 * @param {Refusal} refusal
 * @param {string | null} [reason]
 */
function problem({ code, message }, reason) {
  const cause = reason ? Object.assign(new Error(reason), { code: reason }) : undefined
  return new PlimsollError(message, { code: /** @type {import('./errors.js').ErrorCode} */ (code), cause })
}

/**
 * @param {(core: any, token: number) => void} request
 * @returns {Promise<any>} what the core answered
 */
function answered(request) {
  return new Promise((resolve, reject) => {
    if (!listening) {
      ask((core) => core.lifecycleListen(hear))
      listening = true
    }
    do lastToken = (lastToken + 1) % 0xffff_ffff
    while (waiting.has(lastToken))
    const token = lastToken
    waiting.set(token, { resolve, reject })
    if (waiting.size === 1) ask((core) => core.lifecycleHold(true))
    try {
      ask((core) => request(core, token))
    } catch (error) {
      settled(token)
      reject(error)
    }
  })
}

/** What the facade asks of the core, and of the clock. */
const core = {
  /** Milliseconds that only grow. */
  now: () => performance.now(),
  /** The counters of the core. @returns {any} */
  status: () => JSON.parse(ask((core) => core.lifecycleCounts())),
  /** Milliseconds since the epoch. */
  date: () => Date.now(),
  /**
   * What runs commands.
   *
   * @returns {Commands}
   */
  commands: () => require('./lifecycle-commands.js'),

  /**
   * @param {number} within
   * @returns {number}
   * @throws {PlimsollError} `ERR_PLIMSOLL_OVERFLOW`
   */
  openGroup(within) {
    const group = ask((core) => core.groupOpen(within))
    // 0 is the process itself: what ended it would end everything.
    if (group > 0) return group
    throw new PlimsollError('too many scopes with processes or temporary files are open: end some first', { code: 'ERR_PLIMSOLL_OVERFLOW' })
  },
  /** @param {number} group */
  closeGroup: (group) => ask((core) => core.groupClose(group)),
  /**
   * @param {number} group
   * @param {number | null} graceMs
   * @returns {Promise<GroupEnd>}
   */
  endGroup: (group, graceMs) => answered((core, token) => core.groupEnd(token, group, graceMs)),

  /**
   * @param {{ kind: 'file' | 'directory', prefix: string, directory: string | null, purpose: string, group: number }} request
   * @returns {Promise<string>} its path
   */
  createTemp: (request) => {
    const directory = request.directory ?? tmpdir()
    return answered((core, token) => core.tempCreate(token, { ...request, directory })).then(({ path }) => {
      lookForLedger()
      return path
    })
  },
  /**
   * @param {string} path
   * @param {string} purpose
   * @param {'file' | 'directory'} kind
   * @param {number} group
   */
  trackTemp(path, purpose, kind, group) {
    const refusal = ask((core) => core.tempTrack(path, purpose, kind, group))
    if (refusal) throw problem(refusal)
  },
  /**
   * @param {string} path
   * @returns {Promise<void>}
   */
  deleteTemp: (path) => answered((core, token) => core.tempDelete(token, path)),
  /**
   * @param {number} maxAgeMs
   * @returns {Promise<number>} how many were deleted
   */
  cleanupTemps: (maxAgeMs) => answered((core, token) => core.tempCleanup(token, maxAgeMs)).then(({ deleted }) => deleted),
  /** @returns {TempEntry[]} */
  temps: () => JSON.parse(ask((core) => core.tempList())),

  /**
   * @param {number} pid
   * @param {string} command
   * @param {number} group
   * @returns {number} what it is called from now on; 0 when there is no such process
   */
  trackProcess(pid, command, group) {
    const answer = ask((core) => core.processTrack(pid, command, group))
    if (answer.id !== undefined && answer.id !== null) return answer.id
    if (answer.code === 'ERR_PLIMSOLL_ABSENT') return 0
    throw problem(answer)
  },
  /** @param {number} id */
  untrackProcess: (id) => ask((core) => core.processUntrack(id)),
  /**
   * @param {number} id
   * @param {number | null} graceMs
   * @returns {Promise<void>}
   */
  endTracked: (id, graceMs) => answered((core, token) => core.trackedEnd(token, id, graceMs)),
  /** @returns {ProcessEntry[]} */
  processes: () => JSON.parse(ask((core) => core.processList())),
}

/** @typedef {typeof core} Core */

module.exports = { core }
