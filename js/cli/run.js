'use strict'
/** `plimsoll run`: a command whose output becomes a summary; its exit code and signal stay. */

const { spawn } = require('node:child_process')
const os = require('node:os')
const { PassThrough } = require('node:stream')
const { ErrorAnalysisWorker } = require('../analysis.js')
const { PlimsollError } = require('../errors.js')
const { PROBLEMS } = require('./analyze.js')
const { format } = require('./analysis-formats.js')
const { endChild } = require('./end-child.js')
const { rawDirectory } = require('./raw-directory.js')

/** Bytes of an unfinished line that wait for its end, so that two streams do not tear each other's lines. */
const LONGEST_LINE = 65_536
/** What shells answer for a command that is not there, and for one that cannot be run (POSIX 2.8.2). */
const NOT_FOUND = 127
const NOT_EXECUTABLE = 126

/**
 * @param {import('./terminal.js').Terminal} terminal
 * @param {string[]} command
 * @param {{ format: string, tee: boolean, store: string | boolean }} options
 * @returns {Promise<number>} the exit code
 */
async function run(terminal, command, options) {
  const dir = typeof options.store === 'string' ? options.store : rawDirectory(process.env)
  const worker = new ErrorAnalysisWorker({
    maxProblems: options.format === 'text' ? 0 : PROBLEMS,
    ...(options.store === false ? {} : { rawStore: { dir } }),
    onError: (/** @type {Error} */ error) => terminal.fail(error),
  })
  const child = spawn(command[0], command.slice(1), { stdio: ['inherit', 'pipe', 'pipe'] })
  const merged = new PassThrough()
  /** @type {{ exitCode?: number, signal?: string }} */
  const ending = {}
  const ended = new Promise((resolve) => {
    child.once('error', (error) => resolve(error))
    child.once('close', (code, signal) => {
      if (code !== null) ending.exitCode = code
      if (signal !== null) ending.signal = signal
      resolve(undefined)
    })
  })
  // A signal to us is one to the command; its end is then ours.
  const stop = terminal.onStop(() => child.kill(terminal.interrupted === 143 ? 'SIGTERM' : 'SIGINT'))
  const streams = /** @type {const} */ ([[child.stdout, process.stdout], [child.stderr, process.stderr]])
  const flowing = streams.map(([from, to]) => pass(from, merged, options.tee ? to : undefined))
  Promise.all(flowing).then(() => merged.end(), (error) => merged.destroy(error))
  // The context is read again when the stream has ended: by then the command has too.
  const context = {
    taskId: 'run',
    get exitCode() { return ending.exitCode },
    get signal() { return ending.signal },
  }
  const failure = ended.then((error) => error)
  let summary
  try {
    summary = await worker.analyzeStream(until(merged, failure), context)
  } catch (error) {
    // Its output has no reader and its end no witness any more: it does not run on behind the user's back.
    merged.destroy()
    await endChild(child)
    throw error
  } finally {
    stop()
  }
  const problem = /** @type {NodeJS.ErrnoException | undefined} */ (await failure)
  if (problem !== undefined) {
    terminal.fail(new PlimsollError(`${command[0]} cannot be run: ${problem.message}`, { code: 'ERR_PLIMSOLL_OPEN', cause: problem }))
    return problem.code === 'ENOENT' ? NOT_FOUND : NOT_EXECUTABLE
  }
  const source = command.join(' ')
  const succeeded = ending.exitCode === 0 && summary.details.errorCount === undefined
  if (options.format === 'text' && succeeded) await terminal.out(quiet(summary, terminal))
  else await terminal.out(format(options.format, summary, { terminal, source }))
  return ending.signal === undefined ? (ending.exitCode ?? 1) : endAs(/** @type {NodeJS.Signals} */ (ending.signal))
}

/** Signals that would leave a core dump of ours, which nobody wants. */
const DUMPING = new Set(['SIGQUIT', 'SIGILL', 'SIGTRAP', 'SIGABRT', 'SIGBUS', 'SIGFPE', 'SIGSEGV', 'SIGSYS', 'SIGXCPU', 'SIGXFSZ'])

/**
 * Ends as the command did, so that whoever waits for us sees the same signal.
 *
 * @param {NodeJS.Signals} signal
 * @returns {number} the exit code, where the signal does not end us
 */
function endAs(signal) {
  if (!DUMPING.has(signal)) {
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  }
  return 128 + (os.constants.signals[signal] ?? 0)
}

/** @param {any} summary @param {import('./terminal.js').Terminal} terminal */
function quiet({ rawSize, rawRef }, terminal) {
  const ref = rawRef === undefined ? '' : `, plimsoll raw ${rawRef}`
  return `${terminal.paint('green', 'exit code 0')} (${rawSize} bytes of output${ref})\n`
}

/**
 * Passes whole lines on, and bytes to `tee` at once.
 *
 * @param {import('node:stream').Readable} from
 * @param {PassThrough} to
 * @param {NodeJS.WriteStream | undefined} tee
 */
async function pass(from, to, tee) {
  let rest = Buffer.alloc(0)
  for await (const chunk of from) {
    if (tee !== undefined && !tee.write(chunk) && !tee.destroyed) await drained(tee)
    const joined = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    const end = joined.lastIndexOf(10) + 1
    const whole = end === 0 && joined.length > LONGEST_LINE ? joined.length : end
    rest = joined.subarray(whole)
    // With nobody left to pass it to, it is read all the same: a full pipe would hold the command up.
    if (whole > 0 && !to.write(joined.subarray(0, whole)) && !to.destroyed) await drained(to)
  }
  if (rest.length > 0) to.write(rest)
}

/** @param {import('node:stream').Writable} stream */
function drained(stream) {
  return new Promise((resolve) => {
    const done = () => {
      for (const event of ['drain', 'close', 'error']) stream.off(event, done)
      resolve(undefined)
    }
    for (const event of ['drain', 'close', 'error']) stream.on(event, done)
  })
}

/**
 * The stream's parts; it ends when the command has, too.
 *
 * @param {import('node:stream').Readable} stream
 * @param {Promise<unknown>} ended
 */
async function* until(stream, ended) {
  yield* stream
  await ended
}

module.exports = { run }
