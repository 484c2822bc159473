/// <reference lib="esnext.disposable" />

/**
 * Plimsoll: bounded, crash-safe telemetry for long-running Node orchestrators, and what their failing
 * tools print in at most 500 characters.
 *
 * Importing the package starts no thread, opens no file and loads no native code: that is done by
 * the first `new TelemetryManager()` (the addon) and `initialize()` (threads and files).
 *
 * @example
 * import { TelemetryManager } from 'plimsoll'
 *
 * const telemetry = new TelemetryManager({ logPath: 'state/history.jsonl' })
 * await telemetry.initialize()
 * await telemetry.log('info', { task: 'T-1', status: 'started' })
 * await telemetry.close()
 */

/** How important an entry is, in rising order: `debug`, `info`, `warn`, `error`. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Options of {@link TelemetryManager}. Every one may be left out or be `undefined`. */
export interface TelemetryConfig {
  /**
   * The log file, absolute or relative to the working directory. Its directory is created by
   * `initialize()` (mode 0700) when it is missing; a new file has mode 0600.
   *
   * @default 'state/analytics/autopilot_policy_history.jsonl'
   */
  logPath?: string
  /**
   * Size in bytes at which the log becomes an archive and a new file begins.
   *
   * @default 10_000_000
   */
  rotationThreshold?: number
  /**
   * Entries to buffer: at 80 % of them the ring is written out. The ring holds eight times as many,
   * so that a burst does not wait for the disk.
   *
   * @default 1000
   */
  bufferSize?: number
  /**
   * Longest time in milliseconds an entry waits before it is written to the file.
   *
   * @default 5000
   */
  flushInterval?: number
  /**
   * Longest error text kept in an entry, in characters; a longer one is summarised or cut, and its
   * hash is kept beside it as `errorHash`.
   *
   * @default 500
   */
  maxErrorLength?: number
  /**
   * Whether archives are compressed; see `compression`.
   *
   * @default true
   */
  enableCompression?: boolean
  /**
   * Age in days beyond which archives are deleted.
   *
   * @default 30
   */
  retentionDays?: number
  /**
   * Entries below this level are not recorded at all.
   *
   * @default 'info'
   */
  minLevel?: LogLevel
  /**
   * Size in bytes of the memory-mapped ring that holds entries until they are in the file. Together
   * with `bufferSize` it bounds what can wait. From 65,536 to 2^30, rounded up to whole pages. An
   * entry longer than half of it is written straight to the file, and `log` resolves when it is there.
   *
   * @default 4_194_304
   */
  ringBytes?: number
  /**
   * What `log` does when the ring is full: `'wait'` resolves once there is room; up to 65,536 entries
   * of 16 Mi characters in all wait so, more reject with `ERR_PLIMSOLL_OVERFLOW`. `'drop-lowest'` keeps
   * the last tenth of the ring for errors, the tenth before for warnings and errors, and the one before
   * for all but `debug`; what finds no room is given up, `log` resolves, and how many were given up is
   * written to the log as an entry.
   *
   * @default 'wait'
   */
  overflow?: 'wait' | 'drop-lowest'
  /**
   * What an acknowledged entry survives: `'process'` the death of the process by any cause;
   * `'disk'` adds an fdatasync at each flush, so that what `flush()` has confirmed also survives
   * the loss of power.
   *
   * @default 'process'
   */
  durability?: 'process' | 'disk'
  /**
   * Most archives kept; the oldest are deleted first.
   *
   * @default undefined (not limited)
   */
  maxArchives?: number
  /**
   * Most bytes the archives may take together; the oldest are deleted first.
   *
   * @default undefined (not limited)
   */
  maxTotalBytes?: number
  /**
   * What is blanked before an entry reaches the file: the values at `paths`, and, unless `secrets`
   * is `false`, strings that have the shape of a well-known credential. An array is short for
   * `{ paths }`; `false` blanks nothing. At most 64 paths of 3000 bytes in all.
   *
   * @default { paths: [], secrets: true }
   */
  redact?: readonly string[] | RedactConfig | boolean
  /**
   * Format of compressed archives.
   *
   * @default 'gzip'
   */
  compression?: 'gzip' | 'zstd'
  /**
   * Called when the background work meets trouble (disk full, permission lost, directory deleted),
   * at most once a second for each kind. Entries stay in the ring meanwhile and writing is retried.
   *
   * @default undefined (each kind is told once, as a process warning of type `PlimsollWarning`)
   */
  onError?: (error: PlimsollError) => void
}

/** See {@link TelemetryConfig.redact}. */
export interface RedactConfig {
  /** Dotted key paths, e.g. `'headers.authorization'`; at most 64 of 3,000 bytes in all. Default: none. */
  paths?: readonly string[]
  /** Whether strings shaped like well-known credentials are blanked; `true` by default. */
  secrets?: boolean
}

/** What {@link TelemetryManager.stats} returns; every count starts at construction. */
export interface TelemetryStats {
  /** Numbers of entries. */
  entries: {
    /** Acknowledged by `log`. */
    accepted: number
    /** Written to the file as a line. */
    written: number
    /** Identical to an earlier one, and counted instead of written. */
    deduplicated: number
    /** Had a text shortened. */
    truncated: number
    /** Had a value blanked. */
    redacted: number
    /** Calls of `log` that are not resolved yet, for lack of room. */
    waiting: number
    /** Given up because there was no room, by level. */
    dropped: Record<LogLevel, number>
    /** Taken over from rings that dead processes left behind. */
    recovered: number
    /** Unreadable in such a ring, and therefore lost. */
    damaged: number
  }
  /** Numbers of bytes. */
  bytes: {
    /** Of JSON acknowledged by `log`. */
    accepted: number
    /** Appended to the file. */
    written: number
    /** Of rings left behind in which no whole entry was found. */
    damaged: number
  }
  /** How often the log became an archive. */
  rotations: number
  /** How many archives were compressed. */
  compressions: number
  /** How many attempts to write failed; each was, or is being, repeated. */
  failures: number
  /** How many faults of Plimsoll's own were caught. Please report any. */
  panics: number
  /** The latest trouble of the background work; `timestamp` in milliseconds since the epoch. */
  lastError: { code: string; message: string; timestamp: number } | null
  /** How long flushes took, in milliseconds. */
  flushLatencyMs: { p50: number; p90: number; p99: number; max: number }
  /** What the ring holds now, and what it can hold. */
  ring: { entries: number; bytes: number; capacityEntries: number; capacityBytes: number }
}

/** A view of a {@link TelemetryManager} whose entries all carry the same fields. */
export interface TelemetryChild extends AsyncDisposable {
  /** The file of the manager it belongs to. */
  readonly logPath: string
  /** As {@link TelemetryManager.initialize}. */
  initialize(): Promise<void>
  /** As {@link TelemetryManager.log}; where `data` has a bound field itself, its own value is kept. */
  log(level: LogLevel, data: object): Promise<void>
  /** As {@link TelemetryManager.flush}. */
  flush(): Promise<void>
  /** Flushes; the manager it belongs to stays open. */
  close(): Promise<void>
  /** As {@link TelemetryManager.stats}: the counters of the whole manager. */
  stats(): TelemetryStats
  /** A child with further fields. */
  child(bindings: object): TelemetryChild
}

/**
 * A JSONL log that loses nothing it acknowledged: once the promise of `log` has resolved, the entry
 * is in a memory-mapped ring beside the log and survives SIGKILL, `process.exit` and uncaught
 * errors; the next `initialize()` on the same path writes it, exactly once. A native thread
 * sanitises, deduplicates, writes, rotates, compresses and deletes, also while the event loop is
 * blocked. Any number of processes may use one path.
 *
 * A line is `{"timestamp": <ms since the epoch>, "level": "info", "data": {...}}`, with a top-level
 * `"hash"` (16 hex characters, the start of the SHA-256 of the full text) when the entry carries an
 * error. It never keeps the process alive.
 */
export class TelemetryManager implements AsyncDisposable {
  /**
   * Checks the options; touches no file.
   *
   * @param config any of the options; an unknown one gives a process warning with code
   *   `PLIMSOLL_UNKNOWN_OPTION` and is ignored
   * @throws {PlimsollConfigError} `ERR_PLIMSOLL_CONFIG`: a wrong type, or a value out of range
   * @throws {PlimsollError} `ERR_PLIMSOLL_NATIVE`: no native addon fits this platform
   */
  constructor(config?: TelemetryConfig)

  /** The path of the log file, made absolute. */
  get logPath(): string

  /**
   * Creates the directory and the ring, and takes over what killed processes left behind. Calling it
   * again does nothing; `log` calls it where nobody has.
   *
   * A ring that another version wrote is left alone and told to `onError`
   * (`ERR_PLIMSOLL_UNSUPPORTED_RING`); the log works without it.
   *
   * @throws {PlimsollError} rejects with `ERR_PLIMSOLL_OPEN` (directory or file not usable) or
   *   `ERR_PLIMSOLL_CLOSED`
   */
  initialize(): Promise<void>

  /**
   * Records an entry. When the promise resolves the entry is safe, though not yet in the file.
   *
   * @param level an entry below `minLevel` is ignored
   * @param data the fields. Keys with `null` or `undefined` are left out; a long text under `error`
   *   is shortened; `Error` objects, `BigInt`, `Map`, `Set`, `Date` and cycles are recorded as JSON
   * @throws {PlimsollError} rejects with `ERR_PLIMSOLL_ARGUMENT` (no such level, or `data` is `null`,
   *   `undefined`, a function or a symbol), `ERR_PLIMSOLL_CLOSED`, or `ERR_PLIMSOLL_OVERFLOW` (too many
   *   entries wait for room). A caller who does not await is not taken down by a rejection: it is
   *   never reported as unhandled
   * @example
   * await telemetry.log('error', { task: 'T-1', error: commandOutput })
   */
  log(level: LogLevel, data: object): Promise<void>

  /**
   * Resolves when every earlier `log` is in the file.
   *
   * @throws {PlimsollError} rejects with `ERR_PLIMSOLL_WRITE`; the entries stay in the ring
   */
  flush(): Promise<void>

  /**
   * Flushes, waits for rotation and compression, and releases the ring. Later calls return the same
   * result; `log` rejects with `ERR_PLIMSOLL_CLOSED` from then on.
   *
   * @throws {PlimsollError} rejects with `ERR_PLIMSOLL_WRITE`; the next `initialize()` on the path
   *   writes what stayed in the ring
   */
  close(): Promise<void>

  /** Counters since construction, as a new object. */
  stats(): TelemetryStats

  /**
   * A view that adds `bindings` to each entry; a key of the entry itself wins.
   *
   * @throws {PlimsollError} `ERR_PLIMSOLL_ARGUMENT`: `bindings` is not an object
   * @example
   * const log = telemetry.child({ task: 'T-1' })
   */
  child(bindings: object): TelemetryChild

  /** The same as `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * What kind of failure it is; the README says what an orchestrator should do about each.
 *
 * - `linter`, `typecheck`, `formatting`, `test_failure`, `build_failure`: a tool did its task and found faults
 * - `runtime_error`: a program failed while it ran
 * - `dependency`: a package or module is missing, or versions do not agree
 * - `network_error`, `timeout`, `rate_limit`, `auth`, `permission`, `resource_exhaustion`: the surroundings failed
 * - `vcs`: version control refused
 * - `cancelled`: somebody ended it
 * - `unknown`: not understood, or no failure
 */
export type FailureType =
  | 'linter'
  | 'typecheck'
  | 'test_failure'
  | 'build_failure'
  | 'runtime_error'
  | 'network_error'
  | 'dependency'
  | 'formatting'
  | 'resource_exhaustion'
  | 'timeout'
  | 'permission'
  | 'rate_limit'
  | 'auth'
  | 'vcs'
  | 'cancelled'
  | 'unknown'

/** Options of {@link ErrorAnalysisWorker}. */
export interface ErrorAnalysisConfig {
  /**
   * Failures remembered for counting repeats; the least recently seen is forgotten first. 1 to 1,000,000.
   *
   * @default 1000
   */
  maxFailures?: number
  /**
   * Problems listed with their places in `details.problems`, errors before warnings. 0 to 200.
   *
   * @default 0
   */
  maxProblems?: number
  /**
   * Keeps every full text, compressed (gzip), for `readRaw`. Without it nothing is kept. Files are not synced to
   * the device: the end of the process costs no kept text, a power failure may cost or damage the latest.
   *
   * @default undefined
   */
  rawStore?: {
    /** The directory; made with mode 0700 when it is missing. Any number of processes may share one. */
    dir: string
    /**
     * Bytes the compressed texts may take; the soonest to expire go first.
     *
     * @default 104_857_600
     */
    maxBytes?: number
    /**
     * Milliseconds a text is kept.
     *
     * @default 604_800_000 (a week)
     */
    maxAge?: number
  }
  /**
   * Called when a text could not be kept, at most once a second. The analysis is given all the same.
   *
   * @default undefined
   */
  onError?: (error: PlimsollError) => void
}

/** What is known about a failure beside its text. */
export interface ErrorContext {
  /** The task that failed; `fixTask.id` begins with it. */
  taskId: string
  /** Who worked on it. */
  agent?: string
  /** What it was doing. */
  phase: string
  /** When it happened: milliseconds since the Unix epoch, a date, or a text `Date.parse` reads. @default now */
  timestamp?: number | string | Date
  /** What the command ended with. It outweighs the text and what the error carries. */
  exitCode?: number | null
  /** The signal that ended the command, as `'SIGKILL'`. */
  signal?: string | null
  /** Whether it was ended because it took too long. */
  timedOut?: boolean
  /** Whether somebody wanted it ended. */
  cancelled?: boolean
}

/** All problems of one code. */
export interface FailureGroup {
  /** The code: `F401`, `TS2304`, `no-unused-vars`, `KeyError`. */
  code: string
  /** A short name of the rule, where the code is a number. */
  name?: string
  /** How many. */
  count: number
  /** How many of them the tool can repair. */
  fixable: number
  /** In which files, up to 50. */
  files: string[]
  /** The first message. */
  example: string
}

/** One problem with its place. What is not known is absent. */
export interface FailureProblem {
  severity: 'error' | 'warning'
  code?: string
  message: string
  file?: string
  /** From 1. */
  line?: number
  /** From 1. */
  column?: number
}

/** A failure in short. */
export interface ErrorSummary {
  /** The kind of failure. */
  type: FailureType
  /** At most 500 characters; ends in ` (seen 2x)` when the same failure was seen before. */
  summary: string
  /** What to do, at most 500 characters. */
  suggestion: string
  /** Whether somebody can act on it without guessing. */
  actionable: boolean
  /** Characters of the raw text; its bytes when some of it came as bytes. */
  rawSize: number
  /** Characters of `summary`. */
  compressedSize: number
  /** 16 hexadecimal digits: the same for the same failure in other runs and checkouts. */
  hash: string
  /** How often it was seen by this object, this time included. */
  seen: number
  /** The tool that printed it, when known. */
  tool?: string
  /** Who is best asked, to route by: `linter`, `types`, `tests`, `build`, `dependencies`, `debugger`, `retry`, `operations`, `access`, `version-control`, `none`. */
  specialist: string
  /**
   * Milliseconds after which a service wants to be asked again: at most 2,147,483,647, the longest delay of
   * Node's `setTimeout`. A figure of more than a year is not believed.
   */
  retryAfterMs?: number
  /** More of it. What is not known is absent. */
  details: {
    /** Errors: the tool's own total where it states one; for type checkers those in the text. */
    errorCount?: number
    warningCount?: number
    /** How many of each code are in the text. */
    errorsByType?: Record<string, number>
    /** How many the tool says it can repair. */
    fixableCount?: number
    /** Files concerned, as the tool names them, up to 2000. */
    affectedFiles?: string[]
    /** What a human would quote as the cause. */
    firstError?: string
    /** By code, most frequent first, up to 50. */
    groups?: FailureGroup[]
    /** Names of failed tests, up to 100. */
    failedTests?: string[]
    /** The custom pattern that decided. */
    pattern?: string
    /** See `maxProblems`. */
    problems?: FailureProblem[]
    /** There when a bound was reached: something was counted and not named, or a line not read to its end. */
    truncated?: true
  }
  /** What repairs it mechanically, when something does. */
  fixTask?: {
    /** `<taskId>-fix-<type>` */
    id: string
    title: string
    /** To be run where the tool ran. */
    command: string
    files: string[]
    /** How many problems it repairs, where the tool says so. */
    estimatedFixes?: number
  }
  /** Names the full text for `readRaw` and `plimsoll raw`, when there is a `rawStore`. */
  rawRef?: string
  /** Until when it is kept, in milliseconds since the Unix epoch. */
  rawExpiresAt?: number
}

/** What a user knows of texts that no dialect does. */
export interface FailurePattern {
  /** Unique, 1 to 100 characters. */
  name: string
  /**
   * Looked for in every line: a text as it is, or an expression. Expressions are compiled natively and take
   * time linear in the text whatever they are; there is no look-around and no back-reference.
   */
  match: RegExp | string
  type: FailureType
  /** Counted by in `errorsByType`. @default the name */
  code?: string
  /** With `$1`, `$<name>` and `$&` for what was matched. @default the line */
  summary?: string
  /** In the same way. */
  suggestion?: string
  /** In the same way; becomes `fixTask.command`. */
  fixCommand?: string
}

/** A failure that was seen. */
export interface SeenFailure {
  hash: string
  count: number
  type: FailureType
  summary: string
  /** Milliseconds since the Unix epoch. */
  firstSeen: number
  lastSeen: number
}

/** What an {@link ErrorAnalysisWorker} has done. */
export interface AnalysisStatistics {
  /** The failures remembered, most frequent first. */
  failures: SeenFailure[]
  /** Failures forgotten for newer ones. */
  forgotten: number
  analyses: number
  /** Analyses whose type is not `unknown`. */
  understood: number
  /** Bytes read, as UTF-8. */
  bytes: number
  /** Texts kept, and texts that could not be. */
  rawStored: number
  rawFailures: number
  /** Texts refused with `ERR_PLIMSOLL_OVERFLOW`, by all objects of the process: they share a thread. */
  refused: number
  /** Faults of Plimsoll's own that were caught (`ERR_PLIMSOLL_INTERNAL`), in all objects of the process. */
  faults: number
}

/**
 * Turns what failing tools print into a summary of at most 500 characters, a fix and a hash.
 *
 * After the first, texts up to 4096 characters are read at once, the others and all with a `rawStore` on a
 * thread of the core, so that the event loop never waits more than a millisecond for a megabyte. Memory is bounded whatever the text. The exit
 * status outweighs every word: a failed command is never summarised in words of success.
 *
 * @example
 * const analysis = new ErrorAnalysisWorker({ rawStore: { dir: 'state/raw' } })
 * try {
 *   execFileSync('npx', ['eslint', '.'])
 * } catch (error) {
 *   const { summary, fixTask, rawRef } = await analysis.analyzeError(error, { taskId: 'T-1', phase: 'preflight' })
 *   await telemetry.log('error', { summary, rawRef })
 *   if (fixTask) queue.push(fixTask)
 * }
 */
export class ErrorAnalysisWorker {
  /**
   * @throws {PlimsollConfigError} `ERR_PLIMSOLL_CONFIG` for a wrong type or a value out of range
   */
  constructor(config?: ErrorAnalysisConfig)

  /**
   * Analyses one failure. Reads a text or bytes as they are; of an error its `stdout` and `stderr`, else
   * its message, with name, code, stack, causes and aggregated errors where it has them; and how a command
   * ended from `exitCode`, `code`, `status`, `signal`, `timedOut` of the error or the context. Whatever
   * else is thrown is read as Node prints it.
   *
   * Bytes are decoded by the core, not on the event loop. More than half a megabyte of them are copied in
   * pieces, as they are read: leave them as they are until the promise settles.
   *
   * @throws {PlimsollError} rejects with `ERR_PLIMSOLL_OVERFLOW` when 4096 texts or 256 MiB wait already,
   *   `ERR_PLIMSOLL_NATIVE` when the addon cannot be loaded, `ERR_PLIMSOLL_INTERNAL` for a fault of ours
   */
  analyzeError(error: Error | string | Uint8Array | unknown, context?: ErrorContext): Promise<ErrorSummary>

  /**
   * Analyses a stream as it flows, without holding the text. Properties of the context are read when the
   * stream has ended, so that an exit code may be put there meanwhile.
   *
   * @param readable a readable stream or any iterable of texts or bytes
   * @throws {PlimsollError} rejects with `ERR_PLIMSOLL_ARGUMENT` for what cannot be iterated over, else as
   *   `analyzeError`; an error of the stream is passed on
   */
  analyzeStream(readable: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>, context?: ErrorContext): Promise<ErrorSummary>

  /**
   * How often each failure was seen, most frequent first.
   *
   * @throws {PlimsollError} `ERR_PLIMSOLL_NATIVE` when the addon cannot be loaded, `ERR_PLIMSOLL_INTERNAL` for
   *   a fault of ours
   */
  getStatistics(options?: { detailed?: false }): { hash: string; count: number }[]
  /**
   * The same with what else is known.
   *
   * @throws {PlimsollError} `ERR_PLIMSOLL_NATIVE` when the addon cannot be loaded, `ERR_PLIMSOLL_INTERNAL` for
   *   a fault of ours
   */
  getStatistics(options: { detailed: true }): AnalysisStatistics

  /**
   * Forgets the failures seen.
   *
   * @throws {PlimsollError} `ERR_PLIMSOLL_NATIVE` when the addon cannot be loaded, `ERR_PLIMSOLL_INTERNAL` for
   *   a fault of ours
   */
  clearStatistics(): void

  /**
   * Adds a pattern; it goes before every dialect, after the patterns added before. At most 256.
   *
   * @throws {PlimsollError} `ERR_PLIMSOLL_ARGUMENT`; for an expression that is refused with `part`, the
   *   offending part of it, and `start`, where that begins. Nothing is changed then. `ERR_PLIMSOLL_NATIVE` when
   *   the addon cannot be loaded, `ERR_PLIMSOLL_INTERNAL` for a fault of ours
   * @example
   * analysis.addPattern({ name: 'lease', match: /lease (\w+) lost/, type: 'timeout', summary: 'lease $1 lost' })
   */
  addPattern(pattern: FailurePattern): void

  /**
   * Removes a pattern. Returns whether there was one of this name.
   *
   * @throws {PlimsollError} `ERR_PLIMSOLL_NATIVE` when the addon cannot be loaded, `ERR_PLIMSOLL_INTERNAL` for
   *   a fault of ours
   */
  removePattern(name: string): boolean

  /**
   * The patterns' names, in the order they are tried.
   *
   * @throws {PlimsollError} `ERR_PLIMSOLL_NATIVE` when the addon cannot be loaded, `ERR_PLIMSOLL_INTERNAL` for
   *   a fault of ours
   */
  patterns(): string[]

  /**
   * Reads a kept text, at most 16 MiB of it at once.
   *
   * @param ref a summary's `rawRef`
   * @param range lines from 1, both included. @default the whole text
   * @throws {PlimsollError} rejects with `ERR_PLIMSOLL_ABSENT` when it expired or gave way to newer ones,
   *   `ERR_PLIMSOLL_ARGUMENT` without a `rawStore`, for a wrong range, or for one above 16 MiB,
   *   `ERR_PLIMSOLL_OPEN` when it cannot be read or is damaged, `ERR_PLIMSOLL_OVERFLOW` when 4096 texts wait
   *   already, `ERR_PLIMSOLL_NATIVE` when the addon cannot be loaded, `ERR_PLIMSOLL_INTERNAL` for a fault of ours
   */
  readRaw(ref: string, range?: { lines?: [first: number, last: number] }): Promise<string>
  /** @param range bytes, the end excluded */
  readRaw(ref: string, range: { bytes: [start: number, end: number] }): Promise<Uint8Array>
}

/** The stable `code` of every error Plimsoll throws. */
export type PlimsollErrorCode =
  /** An option has the wrong type or is out of range. */
  | 'ERR_PLIMSOLL_CONFIG'
  /** An argument of a call has the wrong type or value. */
  | 'ERR_PLIMSOLL_ARGUMENT'
  /** The object was used after it was closed. */
  | 'ERR_PLIMSOLL_CLOSED'
  /** A file or directory could not be opened or created. */
  | 'ERR_PLIMSOLL_OPEN'
  /** A file could not be written; what was accepted stays in the ring. */
  | 'ERR_PLIMSOLL_WRITE'
  /** As much waits as may: entries for room in the ring, texts for analysis. */
  | 'ERR_PLIMSOLL_OVERFLOW'
  /** What was asked for is not there, or not any more. */
  | 'ERR_PLIMSOLL_ABSENT'
  /** A fault of Plimsoll itself was caught; the work goes on. */
  | 'ERR_PLIMSOLL_INTERNAL'
  /** A ring file is of another version, or not ours; it was left alone. */
  | 'ERR_PLIMSOLL_UNSUPPORTED_RING'
  /** The native addon could not be loaded. */
  | 'ERR_PLIMSOLL_NATIVE'

/** What every error of Plimsoll but {@link PlimsollConfigError} extends. */
export class PlimsollError extends Error {
  /**
   * @param message what happened, and what to do next
   * @param details `code`, and the error that led to this one
   */
  constructor(message: string, details: { code: PlimsollErrorCode; cause?: unknown })
  /** What went wrong, for programs; stable between versions. */
  readonly code: PlimsollErrorCode
  /** The error that led to this one, if there is one. */
  readonly cause?: unknown
}

/** An option that was refused at construction. */
export class PlimsollConfigError extends TypeError {
  /**
   * @param component the class the option was given to
   * @param details the option, what was given, and what would have been accepted
   */
  constructor(component: string, details: { key: string; value: unknown; allowed: string; cause?: unknown })
  /** Always `'ERR_PLIMSOLL_CONFIG'`. */
  readonly code: 'ERR_PLIMSOLL_CONFIG'
  /** The option's name. */
  readonly key: string
  /** What was given. */
  readonly value: unknown
  /** What would have been accepted. */
  readonly allowed: string
  /** The error that led to this one, if there is one. */
  readonly cause?: unknown
}

/** What this build of Plimsoll can do on this machine. */
export interface Capabilities {
  /** The package's version. */
  version: string
  /** As `process.platform`. */
  platform: string
  /** As `process.arch`. */
  arch: string
  /** The C library; `null` where the platform has only one. */
  libc: 'glibc' | 'musl' | null
  /** As `process.versions.node`. */
  node: string
  /** What holds acknowledged entries until they are in the file. */
  ring: 'mmap'
}

/**
 * Loads the native addon and reports what it can do here.
 *
 * @throws {PlimsollError} `ERR_PLIMSOLL_NATIVE`: no native addon fits this platform
 */
export function capabilities(): Capabilities
