'use strict'
/**
 * Reads a command with its options, as users of `node:child_process` and execa write them, into what the core
 * starts.
 *
 * Limits: what no system would execute (64 MiB of arguments and environment) is refused by the core.
 */

const os = require('node:os')
const { fileURLToPath } = require('node:url')
const { isMainThread } = require('node:worker_threads')
const { readConfig } = require('./config.js')
const { PlimsollError, quote } = require('./errors.js')

/** As `node:child_process` waits at most: what a 32-bit timer can. */
const LONGEST_MS = 2 ** 31 - 1
/** So that what is kept fits into one string, in hexadecimal digits too. */
const MOST_KEPT = 128 * 1024 * 1024
const DEFAULT_KEPT = 1024 * 1024
const DEFAULT_GRACE_MS = 5000
/** @type {Record<string, unknown>} */
const NO_VARIABLES = Object.freeze({})
/** Characters of a command that a message shows. */
const LONGEST_SHOWN = 32_768

/** @typedef {import('./config.js').Schema} Schema */
/** @typedef {import('./config.js').Option} Option */
/** @typedef {'ignore' | 'pipe' | 'inherit'} Redirection */

/**
 * @typedef {object} CommandOptions as `EXEC_OPTIONS` and `SPAWN_OPTIONS` read them
 * @property {Redirection | undefined} stdin
 * @property {Redirection | undefined} stdout
 * @property {Redirection | undefined} stderr
 * @property {string | undefined} cwd
 * @property {Record<string, unknown> | undefined} env
 * @property {boolean} extendEnv
 * @property {number} timeout
 * @property {AbortSignal | undefined} signal
 * @property {number} killSignal
 * @property {number | undefined} graceMs
 * @property {number | undefined} forceKillAfterDelay
 * @property {boolean | string} shell
 * @property {'end' | 'keep'} leftovers
 * @property {boolean} reject
 * @property {unknown} [input]
 * @property {string} [encoding]
 * @property {number} [maxBuffer]
 * @property {boolean} [stripFinalNewline]
 * @property {readonly Redirection[]} [stdio]
 */
/**
 * @typedef {object} Command
 * @property {string} program
 * @property {readonly string[]} arguments
 * @property {CommandOptions} options
 */

/** @param {string} problem */
function refuse(problem) {
  return new PlimsollError(problem, { code: 'ERR_PLIMSOLL_ARGUMENT' })
}

/** @param {number | undefined} fallback @param {number} max @returns {Option} */
const milliseconds = (fallback, max = LONGEST_MS) => ({ type: 'number', unit: 'milliseconds', min: 0, max, default: fallback })
/** @returns {Option} */
const redirection = () => ({ type: 'custom', default: undefined, allowed: '"pipe", "ignore", "inherit"', read: readRedirection })

/** @param {unknown} value */
function readRedirection(value) {
  if (value !== 'pipe' && value !== 'ignore' && value !== 'inherit') throw new TypeError('no redirection')
  return value
}

/** @type {Schema} */
const COMMON_OPTIONS = {
  stdin: redirection(),
  stdout: redirection(),
  stderr: redirection(),
  cwd: {
    type: 'custom',
    default: undefined,
    allowed: 'a path without NUL, or a file: URL',
    read: (value) => {
      const directory = isUrl(value) ? pathOf(/** @type {URL} */ (value)) : value
      if (typeof directory !== 'string' || directory === '' || directory.includes('\0')) throw new TypeError('no path')
      return directory
    },
  },
  env: {
    type: 'custom',
    default: undefined,
    allowed: 'an object of strings',
    read: (value) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('no object')
      return value
    },
  },
  extendEnv: { type: 'boolean', default: true },
  timeout: milliseconds(0),
  signal: {
    type: 'custom',
    default: undefined,
    allowed: 'an AbortSignal',
    read: (value) => {
      const signal = /** @type {any} */ (value)
      if (typeof signal?.aborted !== 'boolean' || typeof signal.addEventListener !== 'function') throw new TypeError('no signal')
      return signal
    },
  },
  killSignal: {
    type: 'custom',
    default: os.constants.signals.SIGTERM,
    allowed: 'the name or number of a signal of this system',
    read: signalNumber,
  },
  graceMs: milliseconds(undefined),
  forceKillAfterDelay: milliseconds(undefined),
  shell: {
    type: 'custom',
    default: false,
    allowed: 'true, false or the path of a shell',
    read: (value) => {
      if (typeof value !== 'boolean' && (typeof value !== 'string' || value === '' || value.includes('\0'))) throw new TypeError('no shell')
      return value
    },
  },
  leftovers: { type: 'choice', choices: ['end', 'keep'], default: 'end' },
  reject: { type: 'boolean', default: true },
}

/** @type {Schema} */
const EXEC_OPTIONS = {
  ...COMMON_OPTIONS,
  input: {
    type: 'custom',
    default: undefined,
    allowed: 'a string, bytes, a readable stream, or anything else that is iterated over in strings and bytes',
    read: (value) => {
      const input = /** @type {any} */ (value)
      if (typeof input === 'string' || ArrayBuffer.isView(input)) return input
      if (typeof (input?.[Symbol.asyncIterator] ?? input?.[Symbol.iterator]) !== 'function') throw new TypeError('no input')
      return input
    },
  },
  encoding: {
    type: 'custom',
    default: 'utf8',
    allowed: '"buffer" or an encoding of Buffer',
    read: (value) => {
      if (value !== 'buffer' && !(typeof value === 'string' && Buffer.isEncoding(value))) throw new TypeError('no encoding')
      return value.toLowerCase()
    },
  },
  maxBuffer: { type: 'number', integer: true, unit: 'bytes', min: 0, max: MOST_KEPT, default: DEFAULT_KEPT },
  stripFinalNewline: { type: 'boolean', default: true },
}

/** @type {Schema} */
const SPAWN_OPTIONS = {
  ...COMMON_OPTIONS,
  stdio: {
    type: 'custom',
    default: undefined,
    allowed: '"pipe", "ignore", "inherit", or an array of at most three of them',
    read: (value) => {
      const list = Array.isArray(value) ? value : [value, value, value]
      if (list.length > 3) throw new RangeError('more than three')
      return list.map((each) => (each === undefined || each === null ? 'pipe' : readRedirection(each)))
    },
  },
}

const EXEC_DEFAULTS = Object.freeze(readConfig('exec', EXEC_OPTIONS, undefined))
const SPAWN_DEFAULTS = Object.freeze(readConfig('spawn', SPAWN_OPTIONS, undefined))

/** @param {URL} url */
function pathOf(url) {
  try {
    return fileURLToPath(url)
  } catch (cause) {
    throw new TypeError('no path', { cause })
  }
}

/**
 * Whether it is a `URL`, of another realm too, as test runners have them.
 *
 * @param {unknown} value
 */
function isUrl(value) {
  return typeof value === 'object' && value !== null && Object.prototype.toString.call(value) === '[object URL]'
}

/**
 * @param {unknown} value
 * @returns {number}
 * @throws {TypeError}
 */
function signalNumber(value) {
  const { signals } = os.constants
  if (typeof value === 'number') {
    if (Object.values(signals).includes(/** @type {any} */ (value))) return value
  } else if (typeof value === 'string' && Object.hasOwn(signals, value)) {
    return signals[/** @type {NodeJS.Signals} */ (value)]
  }
  throw new TypeError('no signal')
}

/** @type {Map<number, string> | undefined} */
let signalNames

/**
 * @param {number} number
 * @returns {string} e.g. `SIGTERM`; real-time signals have no name but their number
 */
function signalName(number) {
  if (signalNames === undefined) {
    signalNames = new Map()
    for (const [name, value] of Object.entries(os.constants.signals)) {
      // SIGABRT and not SIGIOT, SIGIO and not SIGPOLL: the first name is the one Node reports.
      if (!signalNames.has(value)) signalNames.set(value, name)
    }
  }
  return signalNames.get(number) ?? `SIG${number}`
}

/**
 * @param {'exec' | 'spawn'} method
 * @param {unknown} command
 * @param {unknown} args the arguments; the options may stand in their place
 * @param {unknown} options
 * @returns {Command}
 * @throws {PlimsollError} `ERR_PLIMSOLL_ARGUMENT`
 * @throws {import('./errors.js').PlimsollConfigError} `ERR_PLIMSOLL_CONFIG`
 */
function readCommand(method, command, args, options) {
  if (options === undefined && typeof args === 'object' && args !== null && !Array.isArray(args)) {
    options = args
    args = undefined
  }
  if (typeof command !== 'string' || command === '') {
    throw refuse(`${method}: the command must be a string that is not empty, not ${typeof command === 'string' ? '""' : nameOf(command)}`)
  }
  if (command.includes('\0')) throw refuse(`${method}: the command ${quote(command)} has a NUL character in it`)
  const list = args === undefined || args === null ? [] : readArguments(method, args)
  const read = options === undefined || options === null
    ? method === 'exec' ? EXEC_DEFAULTS : SPAWN_DEFAULTS
    : readConfig(method, method === 'exec' ? EXEC_OPTIONS : SPAWN_OPTIONS, options)
  if (read.input !== undefined && read.stdin !== undefined && read.stdin !== 'pipe') {
    throw refuse(`${method}: input needs stdin to be "pipe", not "${read.stdin}"`)
  }
  return { program: command, arguments: list, options: read }
}

/**
 * @param {string} method
 * @param {unknown} args
 * @returns {readonly string[]} a copy: what the caller does to the array later changes nothing
 */
function readArguments(method, args) {
  if (!Array.isArray(args)) throw refuse(`${method}: the arguments must be an array of strings, not ${nameOf(args)}`)
  const list = [...args]
  for (let index = 0; index < list.length; index++) {
    const argument = list[index]
    if (typeof argument !== 'string') throw refuse(`${method}: argument ${index} must be a string, not ${nameOf(argument)}`)
    if (argument.includes('\0')) throw refuse(`${method}: argument ${index}, ${quote(argument)}, has a NUL character in it`)
  }
  return list
}

/** @param {unknown} value */
function nameOf(value) {
  return value === null ? 'null' : Array.isArray(value) ? 'an array' : typeof value
}

/**
 * The environment of a command, as `NAME=value`; `undefined` is that of the process as it is, which costs nothing
 * to hand over.
 *
 * @param {string} method
 * @param {CommandOptions} options
 * @returns {string[] | undefined}
 */
function environmentOf(method, { env = NO_VARIABLES, extendEnv }) {
  if (!extendEnv) return entriesOf(method, env)
  // The variables of a worker thread are its own copy, which the core does not see.
  if (env === NO_VARIABLES && isMainThread) return undefined
  const entries = entriesOf(method, env)
  // Every look at one of them crosses into the system: they are listed once and read once, and no copy is made.
  const inherited = process.env
  for (const name of Object.keys(inherited)) {
    if (!Object.hasOwn(env, name)) entries.push(`${name}=${inherited[name]}`)
  }
  return entries
}

/**
 * @param {string} method
 * @param {Record<string, unknown>} variables
 * @returns {string[]}
 */
function entriesOf(method, variables) {
  const entries = []
  for (const name of Object.keys(variables)) {
    const value = variables[name]
    if (value === undefined) continue
    if (name === '' || name.includes('=') || name.includes('\0')) {
      throw refuse(`${method}: env has the name ${quote(name)}: it must not be empty or have "=" or NUL in it`)
    }
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
      throw refuse(`${method}: env.${name} must be a string, not ${nameOf(value)}`)
    }
    const text = `${name}=${value}`
    if (text.includes('\0')) throw refuse(`${method}: env.${name} has a NUL character in it`)
    entries.push(text)
  }
  return entries
}

/**
 * The command in one line, for people.
 *
 * @param {Command} command
 */
function commandLine({ program, arguments: args }) {
  return args.length === 0 ? program : `${program} ${args.join(' ')}`
}

/**
 * The command in one line for a message, cut when it is long.
 *
 * @param {Command} command
 */
function shownCommand(command) {
  const line = commandLine(command)
  return line.length > LONGEST_SHOWN ? `${line.slice(0, LONGEST_SHOWN)}...` : line
}

const OUTPUTS = /** @type {const} */ ({ ignore: 'dropped', inherit: 'inherited' })

/**
 * What the core is to start; what is not set is `undefined`.
 *
 * @param {'exec' | 'spawn'} method
 * @param {Command} command
 * @param {{ input: 'nothing' | 'bytes' | 'written' | 'inherited', inputBytes?: Uint8Array }} input
 * @param {'kept' | 'streamed'} piped what becomes of an output that is piped
 * @param {number} group
 */
function nativeCommand(method, command, { input, inputBytes }, piped, group) {
  const { options } = command
  const { shell, stdout = 'pipe', stderr = 'pipe' } = options
  const isShell = shell !== false
  return {
    program: isShell ? (shell === true ? '/bin/sh' : shell) : command.program,
    arguments: isShell ? ['-c', commandLine(command)] : command.arguments,
    environment: environmentOf(method, options),
    directory: options.cwd,
    keepLeftovers: options.leftovers === 'keep',
    input,
    inputBytes,
    output: stdout === 'pipe' ? piped : OUTPUTS[stdout],
    error: stderr === 'pipe' ? piped : OUTPUTS[stderr],
    mostBytes: options.maxBuffer ?? DEFAULT_KEPT,
    timeoutMs: options.timeout > 0 ? options.timeout : undefined,
    endSignal: options.killSignal,
    graceMs: options.graceMs ?? options.forceKillAfterDelay ?? DEFAULT_GRACE_MS,
    group,
  }
}

module.exports = {
  DEFAULT_GRACE_MS, EXEC_OPTIONS, LONGEST_MS, SPAWN_OPTIONS,
  commandLine, environmentOf, nameOf, nativeCommand, readArguments, readCommand, refuse, shownCommand, signalName, signalNumber,
}
