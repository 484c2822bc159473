'use strict'
/**
 * What the core tells of processes and pools, by token.
 *
 * Every environment has one listener, made with the first process. It does not hold the event loop; whoever
 * waits for something does, by {@link hold}.
 */

const { PlimsollError } = require('./errors.js')
const { lookForLedger } = require('./lifecycle-ledger.js')
const { lifecycleNative } = require('./lifecycle-native.js')

/** Tokens go from 1 to this: what an unsigned number of 32 bits holds. */
const LAST_TOKEN = 2 ** 32 - 1

/**
 * @typedef {object} Ending how a process ended
 * @property {'exited' | 'signalled' | 'notRun' | 'notRecorded' | 'cancelled' | 'lost'} outcome
 * @property {number} code exit code, signal number or error number, by outcome
 * @property {'order' | 'prepare' | 'fork' | 'directory' | 'execute' | null} [step] what failed of one that never ran
 * @property {'timeout' | 'request' | 'deadline' | null} [endedBy] who ended it, if anybody here did
 * @property {number} pid 0 when there never was a process
 * @property {number} durationMs
 * @property {number} cpuUs
 * @property {number} maxRssKib
 * @property {number} leftoversEnded
 * @property {number} refused processes that could not be signalled
 * @property {Buffer} stdoutHead
 * @property {Buffer} stdoutTail
 * @property {number} stdoutTotal
 * @property {Buffer} stderrHead
 * @property {Buffer} stderrTail
 * @property {number} stderrTotal
 */
/**
 * @typedef {object} Event
 * @property {number} token
 * @property {'started' | 'bytes' | 'streamEnded' | 'inputPassed' | 'inputClosed' | 'ended' | 'answer' | 'requestFailed' | 'notification' | 'poolClosed'} kind
 * @property {number} [pid]
 * @property {1 | 2} [stream] standard output or standard error
 * @property {Buffer} [bytes]
 * @property {number} [count]
 * @property {Ending} [ending]
 * @property {string} [text]
 * @property {string} [code]
 * @property {string} [message]
 */
/** @typedef {{ hear(event: Event): void }} Hearer */
/** @typedef {{ code: string, message: string } | null | undefined} Refusal */

/** Who hears of what, by token. @type {Map<number, Hearer>} */
const hearers = new Map()
// Test runners evaluate this module several times over one addon: what one copy started must not be told to
// another as its own.
let lastToken = Math.floor(Math.random() * LAST_TOKEN)
let listening = false
let holds = 0

/** @param {Event} event */
function hear(event) {
  if (event.kind === 'started') lookForLedger()
  hearers.get(event.token)?.hear(event)
}

/**
 * The core.
 *
 * @returns {any} what is called has types looser than those of the core: a command's kinds are strings there
 */
function core() {
  const binding = /** @type {any} */ (lifecycleNative())
  if (!listening) {
    binding.processListen(hear)
    listening = true
  }
  return binding
}

/**
 * A token, never 0, under which a hearer is told what happens, until {@link forget}.
 *
 * @param {Hearer} hearer
 */
function register(hearer) {
  do lastToken = (lastToken % LAST_TOKEN) + 1
  while (hearers.has(lastToken))
  hearers.set(lastToken, hearer)
  return lastToken
}

/** @param {number} token */
function forget(token) {
  hearers.delete(token)
}

/** Holds the event loop open, until {@link letGo} was called as often. */
function hold() {
  if (holds++ === 0) core().processHold(true)
}

/** Takes one {@link hold} back. */
function letGo() {
  if (--holds === 0) core().processHold(false)
}

/**
 * The error of what the core did not accept.
 *
 * @param {{ code: string, message: string }} refusal
 */
function refused({ code, message }) {
  return new PlimsollError(message, { code: /** @type {import('./errors.js').ErrorCode} */ (code) })
}

module.exports = { core, forget, hold, letGo, refused, register }
