/// <reference lib="esnext.disposable" />

/**
 * Plimsoll: for long-running Node orchestrators, bounded, crash-safe telemetry, what failing tools print in at most
 * 500 characters, budgets and deadlines of worker calls, and processes and temporary files that do not outlive their
 * owner.
 *
 * Importing the package starts no thread, opens no file and loads no native code: that is done by what is used first, of
 * TelemetryManager by `new` (the addon) and `initialize()` (threads and files), of ResourceLifecycleManager by the first
 * command or temporary file.
 *
 * @example
 * import { TelemetryManager } from 'plimsoll'
 *
 * const telemetry = new TelemetryManager({ logPath: 'state/history.jsonl' })
 * await telemetry.initialize()
 * await telemetry.log('info', { task: 'T-1', status: 'started' })
 * await telemetry.close()
 */

/** So that these types compile without those of Node or of browsers; where those are there, theirs is used. */
declare global {
  interface AbortSignal {}
  interface URL {}
  namespace NodeJS {
    interface ReadableStream {}
    interface WritableStream {}
    interface Timeout {}
  }
}

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

/** The name of a lane: any text of 1 to 256 characters. `tool_call`, `file_read`, `file_write`, `critic` and `forecast_model` have limits by default. */
export type Lane = string

/** What receives log lines. A {@link TelemetryManager} is one. What it throws or rejects with disturbs nothing; it is counted and warned of once. */
export interface LogSink {
  /**
   * @param level how important the line is
   * @param data `message`, `component`, and what belongs to it
   */
  log(level: LogLevel, data: object): unknown
}

/** What a task may use of a manager; what is left out is free. */
export interface TaskQuota {
  /** Calls at once, over all lanes. */
  slots?: number
  /** Calls that begin within any 60 seconds. */
  callsPerMinute?: number
  /** Milliseconds its calls may take in total; a call is charged when it ends. */
  totalMs?: number
}

/** Who waits when there is no room, and who is sent away. */
export interface QueueConfig {
  /**
   * Most callers that wait, over all lanes; 0: nobody waits.
   *
   * @default 1000
   */
  max?: number
  /**
   * When the queue is full: `'reject-new'` refuses the newcomer; `'drop-lowest'` sends away the last of the
   * lowest priority for a newcomer of a higher one.
   *
   * @default 'reject-new'
   */
  shed?: 'reject-new' | 'drop-lowest'
  /**
   * Milliseconds after which a waiter rises by one priority, so that nobody starves.
   *
   * @default 10_000
   */
  ageingMs?: number
}

/** Reserving memory for a call before it starts, from what calls of its kind took. */
export interface PredictionConfig {
  /**
   * Factor on the learned need.
   *
   * @default 1.25
   */
  margin?: number
  /**
   * Megabytes reserved for a kind that is not known yet.
   *
   * @default 64
   */
  defaultMb?: number
  /**
   * Percentile of the observed needs that is reserved.
   *
   * @default 95
   */
  percentile?: number
  /**
   * Calls of a kind before what was learned is trusted, 1 to 32: as many are remembered.
   *
   * @default 5
   */
  minimumSamples?: number
}

/** Limits that follow latency and resources; see docs/budget.md for the algorithm and its sources. */
export interface AdaptiveConfig {
  /**
   * What moves the limits: how latency grows with load, how full memory and processor are, or both.
   *
   * @default 'both'
   */
  mode?: 'latency' | 'resources' | 'both'
  /**
   * The lanes whose limits move; between `min` and the configured limit.
   *
   * @default every lane that has a limit
   */
  lanes?: readonly Lane[]
  /**
   * Lowest limit.
   *
   * @default 1
   */
  min?: number
  /**
   * Length of a window in milliseconds; the limit moves at most once a window.
   *
   * @default 1000
   */
  windowMs?: number
  /**
   * After a limit rose, milliseconds between admissions into the new room; 0: none.
   *
   * @default 0
   */
  rampMs?: number
}

/** A circuit breaker for each lane (Nygard, "Release It!"): a lane whose calls keep failing is closed for a while. */
export interface BreakerConfig {
  /**
   * Share of failed calls, 0 to 1, at which the breaker opens.
   *
   * @default 0.5
   */
  failureRate?: number
  /**
   * Calls in the window before the rate means anything.
   *
   * @default 20
   */
  minimumCalls?: number
  /**
   * Milliseconds that are looked back.
   *
   * @default 30_000
   */
  windowMs?: number
  /**
   * Milliseconds the lane is closed for; doubled each time it opens again without having recovered.
   *
   * @default 5000
   */
  openMs?: number
  /**
   * Most milliseconds it is closed for.
   *
   * @default 60_000
   */
  openMaxMs?: number
  /**
   * Calls that are let in to try, one after the closed time. All must succeed.
   *
   * @default 3
   */
  halfOpenCalls?: number
  /**
   * Milliseconds from which a call counts as slow.
   *
   * @default never
   */
  slowCallMs?: number
  /**
   * Share of slow calls, 0 to 1, at which the breaker opens.
   *
   * @default 0.8
   */
  slowRate?: number
}

/** How `timeout: 'adaptive'` derives the warning from the lane's own successful calls. */
export interface AdaptiveTimeoutConfig {
  /**
   * Percentile of the durations.
   *
   * @default 99
   */
  percentile?: number
  /**
   * Factor on that percentile.
   *
   * @default 2
   */
  margin?: number
  /**
   * Never less, in milliseconds.
   *
   * @default 1000
   */
  floorMs?: number
  /**
   * Never more, in milliseconds.
   *
   * @default 600_000
   */
  ceilingMs?: number
  /**
   * Calls of the lane before that, counted from the first one with `timeout: 'adaptive'` on; until then
   * `defaultTimeoutMs` is used.
   *
   * @default 20
   */
  minimumSamples?: number
}

/** Options of {@link ResourceBudgetManager}. Every one may be left out or be `undefined`. */
export interface ResourceBudgetConfig {
  /**
   * Resident memory of the process in megabytes (2^20 bytes) above which no call is let in.
   *
   * @default 512
   */
  maxRssMb?: number
  /**
   * Used JavaScript heap in megabytes above which each acquisition warns; the log hears of it once in 10 s.
   *
   * @default 400
   */
  heapWarningMb?: number
  /**
   * Calls at once, by lane, 0 to 1,000,000. Replaces the whole map. A lane that is not in it is held by
   * `globalConcurrencyLimit` alone. At most 1024 lanes.
   *
   * @default { tool_call: 8, file_read: 16, file_write: 4, critic: 3, forecast_model: 1 }
   */
  laneConcurrencyLimits?: Readonly<Record<Lane, number>>
  /**
   * Calls at once in all lanes together.
   *
   * @default 32
   */
  globalConcurrencyLimit?: number
  /**
   * Milliseconds after which a call is warned of when it names no timeout.
   *
   * @default 300_000
   */
  defaultTimeoutMs?: number
  /**
   * The call ends at its timeout times this factor, counted from its start; at least 1.
   *
   * @default 1.5
   */
  timeoutEscalationFactor?: number
  /**
   * Whether memory is guarded: `maxRssMb`, `heapWarningMb`, `maxContainerMemory` and `predictMemory`.
   *
   * @default true
   */
  enableMemoryGuards?: boolean
  /**
   * Whether calls have spans. They are exported once {@link initTracing} says where to.
   *
   * @default true
   */
  enableSpanEmission?: boolean
  /**
   * Share of traces that are sampled, 0 to 1. A call inside another follows that one's decision.
   *
   * @default 1.0
   */
  spanSampleRate?: number
  /** The queue for `acquireSlot(…, { wait })`. */
  queue?: QueueConfig
  /**
   * Lanes that may run more than their limit, up to this ceiling, with what other lanes leave idle. What was
   * lent goes back to its owner as soon as it is released.
   *
   * @default no lane borrows
   */
  borrow?: Readonly<Record<Lane, number>>
  /** What each task may use. @default nothing is held back */
  taskQuota?: TaskQuota
  /** What certain tasks may use instead, by task id. */
  taskQuotas?: Readonly<Record<string, TaskQuota>>
  /**
   * Whether the memory of all descendant processes counts against `maxRssMb`.
   *
   * @default false
   */
  includeChildMemory?: boolean
  /**
   * Share of the control group's memory limit, 0.01 to 1, above which no call is let in; page cache that can
   * be given back does not count. Where there is no such limit nothing is held back.
   *
   * @default not looked at
   */
  maxContainerMemory?: number
  /** Reserves what a call of its lane or `kind` is expected to take at its peak. `true` for the defaults. @default false */
  predictMemory?: boolean | PredictionConfig
  /** Moves the lanes' limits. `true` for the defaults. @default false */
  adaptive?: boolean | AdaptiveConfig
  /** Closes lanes whose calls keep failing. `true` for the defaults. @default false */
  breaker?: boolean | BreakerConfig
  /** What `timeout: 'adaptive'` means. */
  adaptiveTimeout?: AdaptiveTimeoutConfig
  /**
   * A file, 0600, through which several processes of this machine hold the same lane limits and the same
   * global limit. It is created when missing. A process that dies gives its slots back within a second.
   *
   * @default lanes are this manager's own
   */
  shared?: string
  /**
   * Where log lines go. With a {@link TelemetryManager} the whole life of a call lands in the log.
   *
   * @default warnings and errors go to standard error as JSON lines, the same message at most once a second
   */
  logger?: LogSink
  /** Hears of every warning and every end of a call. */
  onTimeout?: (event: TimeoutEvent) => void
}

/** The defaults of {@link ResourceBudgetConfig}; frozen. */
export const DEFAULT_RESOURCE_BUDGET_CONFIG: Readonly<{
  maxRssMb: number
  heapWarningMb: number
  laneConcurrencyLimits: Readonly<Record<string, number>>
  globalConcurrencyLimit: number
  defaultTimeoutMs: number
  timeoutEscalationFactor: number
  enableMemoryGuards: boolean
  enableSpanEmission: boolean
  spanSampleRate: number
}>

/** A call that is over its timeout, or was ended. */
export interface TimeoutEvent {
  callId: string
  taskId: string
  lane: Lane
  /** When the warning was due, in milliseconds from the start. */
  timeoutMs: number
  /** When the end is or was due, in milliseconds from the start. */
  deadlineMs: number
  /** When the core did it, in milliseconds since the epoch; while JavaScript was blocked that is before now. */
  atMs: number
  /** `false`: the warning. `true`: the end. */
  escalated: boolean
  /** When the core ended the call, in milliseconds since the epoch; 0 at the warning. */
  endedAtMs: number
  /** Registered processes and their descendants that were killed. */
  killedProcesses: number
}

/** Options of {@link ResourceBudgetManager.acquireSlot}. */
export interface AcquireOptions<M = unknown> {
  /** Milliseconds until the warning; negative refuses the call. @default defaultTimeoutMs */
  timeoutMs?: number
  /** `'adaptive'`: from the history of the lane's calls; excludes `timeoutMs`. */
  timeout?: 'adaptive' | number
  /** Comes back as `context.metadata`; its properties become attributes of the span. */
  metadata?: M
  /** What `predictMemory` learns under. @default the lane */
  kind?: string
  /** Waits for a slot, at most `maxMs` milliseconds. While somebody waits the event loop stays alive. @default refused at once */
  wait?: { maxMs: number; priority?: 'high' | 'normal' | 'low' }
  /** Ends the wait: the promise rejects with the signal's reason. */
  signal?: AbortSignal
  /** Hears of this call's warning and end. */
  onTimeout?: (event: TimeoutEvent) => void
}

/** A span as the observed function sees it. After the call has ended every method does nothing. */
export class SpanHandle {
  /** Comes with a {@link WorkerCallContext}. */
  private constructor()
  /** 32 hexadecimal digits, as W3C trace context has them. */
  get traceId(): string
  /** 16 hexadecimal digits. */
  get spanId(): string
  /**
   * Sets an attribute; at most 128, texts are cut at 4096 characters. What is no text, number, boolean or array
   * of one of these is set as JSON.
   */
  setAttribute(key: string, value: unknown): this
  /** Adds an event, now; at most 120, so that Plimsoll's own fit into the 128 a span may have. */
  addEvent(name: string, attributes?: object): this
  /** Sets the outcome. Without it, it is that of the release. */
  setStatus(status: 'ok' | 'error', message?: string): this
  /** Adds an event `exception` with the attributes OpenTelemetry has for it. */
  recordException(error: unknown): this
  /** The two ids. */
  toJSON(): { traceId: string; spanId: string }
}

/** A slot that was acquired. */
export class WorkerCallContext<M = unknown> {
  /** Comes from {@link ResourceBudgetManager.acquireSlot}. */
  private constructor()
  /** Unique in the process and, but for chance, beyond. */
  readonly id: string
  /** As given. */
  readonly taskId: string
  /** As given. */
  readonly lane: Lane
  /** Milliseconds since the epoch. */
  readonly startedAtMs: number
  /** Milliseconds until the warning. */
  readonly timeoutMs: number
  /** `null` when the call is not sampled. */
  readonly span: SpanHandle | null
  /** As given. */
  readonly metadata: M
  /** Whether the slot was given back. */
  get released(): boolean
  /** Aborted with a {@link WorkerCallTimeoutError} when the call's time is over. */
  get signal(): AbortSignal
  /**
   * Has a process and all its descendants killed (SIGKILL) when the call's time is over, even while JavaScript
   * is blocked. A `ChildProcess` is forgotten when it exits. At most 64 a call.
   *
   * @throws {PlimsollError} `ERR_PLIMSOLL_ARGUMENT` for what is no process, `ERR_PLIMSOLL_ABSENT` when it is gone,
   *   `ERR_PLIMSOLL_CLOSED` after the call, `ERR_PLIMSOLL_OVERFLOW` beyond 64
   * @example
   * const child = spawn('ruff', ['check'])
   * context.registerProcess(child)
   */
  registerProcess(child: number | { readonly pid?: number }): void
  /**
   * Has `scope.cleanup()` called when the call's time is over. What processes and temporary files a {@link ResourceScope}
   * and scopes nested in it hold is ended by the core at that moment, by SIGKILL and without a grace, even while JavaScript
   * is blocked. At most 256 a call.
   *
   * @returns the scope
   * @throws {PlimsollError} `ERR_PLIMSOLL_ARGUMENT` for what has no `cleanup()`, `ERR_PLIMSOLL_CLOSED` after the call or for a
   *   scope that has ended, `ERR_PLIMSOLL_OVERFLOW` beyond 256
   * @example
   * await withWorkerCallObservability('T-1', (signal, context) => withScope(async (scope) => {
   *   context.registerScope(scope)
   *   return (await scope.exec('ruff', ['check'])).stdout
   * }), { timeoutMs: 60_000 })
   */
  registerScope<S extends { cleanup(): unknown }>(scope: S): S
  /** Releases the slot as a success; release it before for a failure. */
  [Symbol.dispose](): void
  /** As `Symbol.dispose`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** What a call took. Megabytes are 2^20 bytes, with two decimals. */
export interface WorkerCallMetrics {
  callId: string
  taskId: string
  lane: Lane
  durationMs: number
  success: boolean
  /** The class name of the error it was released with. */
  errorType?: string
  /** Resident memory of the process when the call began, as the sampler last read it. */
  rssStartMb: number
  rssEndMb: number
  rssDeltaMb: number
  /** Highest reading while the call ran. */
  rssPeakMb: number
  /** Milliseconds between the last reading of resident memory and the end of the call. */
  rssAgeMs: number
  /** Used heap when the call began, from V8, exact. */
  heapStartMb: number
  heapEndMb: number
  heapDeltaMb: number
  /** Calls that ran in the manager, this one included. */
  concurrentCallsAtStart: number
  /** Calls that ran when it had ended. */
  concurrentCallsAtEnd: number
  /** Whether it reached its warning. */
  timeoutReached: boolean
  /** How it ended: its release, its deadline, the collector or the end of its worker thread. */
  endedBy: 'release' | 'deadline' | 'collected' | 'worker_end'
  /** Milliseconds it waited for its slot. */
  waitedMs: number
  /** When it ended, ISO 8601. */
  timestamp: string
}

/** Sums over every call since the start or {@link ResourceBudgetManager.clearMetrics}. */
export interface WorkerCallStatistics {
  totalCalls: number
  successCount: number
  failureCount: number
  averageDurationMs: number
  averageRssDeltaMb: number
  maxConcurrentCalls: number
  timeoutCount: number
}

/** Why a call was not let in. */
export type RejectionReason =
  | 'lane_full' | 'global_full' | 'others_wait' | 'timeout' | 'memory' | 'memory_predicted' | 'breaker_open' | 'task_slots'
  | 'task_rate' | 'task_time' | 'ramp' | 'queue_full' | 'shed' | 'wait_expired' | 'cancelled' | 'too_many_lanes'
  | 'shared_unavailable' | 'closed'

/** The last call that was not let in. */
export interface Rejection {
  reason: RejectionReason
  /** In words, with the figures that decided. */
  detail: string
  taskId: string
  lane: Lane
  /** Milliseconds since the epoch. */
  atMs: number
}

/** Everything a manager knows of itself. Bytes, milliseconds. */
export interface BudgetStatus {
  global: { active: number; limit: number; configured: number }
  lanes: {
    name: Lane
    active: number
    /** The limit held now; an adaptive one may be below `configured`. */
    limit: number
    /** `null` for a lane without a limit of its own. */
    configured: number | null
    waiting: number
    /** Calls that run on capacity of other lanes. */
    borrowed: number
    /** Capacity that other lanes use. */
    lent: number
    breaker: 'closed' | 'open' | 'half_open' | null
    /** Why the adaptive limit moved last. */
    adaptive: string | null
  }[]
  queue: { waiting: number; max: number }
  memory: {
    rssBytes: number
    /** Age of that reading. */
    rssAgeMs: number
    /** Memory of all descendant processes; `null` when it was not read. */
    childrenBytes: number | null
    containerUsedBytes: number | null
    containerLimitBytes: number | null
    /** Reserved for calls that run. */
    reservedBytes: number
  }
  /** Refusals by reason, those that happened. */
  refusals: Partial<Record<RejectionReason, number>>
  counts: {
    warnings: number
    deadlines: number
    killedProcesses: number
    collectedContexts: number
    heapWarnings: number
    /** Processes that could not be killed. */
    unkilledProcesses: number
    /** Calls of worker threads that ended before they released them. */
    orphanedCalls: number
    /** Functions that went on although their call was ended, and those that still do. */
    abandoned: number
    abandonedRunning: number
    /** Calls that were let in on capacity of another lane. */
    loans: number
    /** Idle tasks forgotten although something of their quota was used. */
    forgottenTasks: number
    shed: number
    waitsExpired: number
    waitsCancelled: number
    timerPanics: number
  }
  /** Lanes shared with other processes; `null` without `shared`. */
  shared: {
    path: string
    processes: number
    /** Dead processes whose slots came back, since the segment began. */
    reclaimedProcesses: number
    global: { active: number; limit: number | null; mine: number }
    lanes: { name: Lane; active: number; limit: number | null; mine: number }[]
    /** Why the segment cannot be used at the moment. */
    problem: string | null
  } | null
  misuse: { foreignReleases: number; doubleReleases: number; loggerFailures: number }
}

/**
 * Limits what runs at once, how long, and in how much memory.
 *
 * Lanes, deadlines, guards and records live in a native core with threads of its own: while JavaScript is
 * blocked, deadlines are kept and registered processes are killed on time. Making a manager starts nothing; the
 * first call starts the threads. Nothing keeps the process alive but a caller that waits for a slot.
 *
 * @example
 * const manager = new ResourceBudgetManager({ laneConcurrencyLimits: { tool_call: 4 } })
 * const context = await manager.acquireSlot('task-1', 'tool_call', 60_000, { tool: 'ruff' })
 * if (context === null) throw new Error(manager.lastRejection?.detail)
 * try {
 *   await runTool(context.signal)
 *   manager.releaseSlot(context, true)
 * } catch (error) {
 *   manager.releaseSlot(context, false, error)
 *   throw error
 * }
 */
export class ResourceBudgetManager {
  /**
   * @throws {PlimsollConfigError} `ERR_PLIMSOLL_CONFIG` names the option
   * @throws {PlimsollError} `ERR_PLIMSOLL_NATIVE`; with `shared`, `ERR_PLIMSOLL_OPEN` when the file cannot be used and
   *   `ERR_PLIMSOLL_UNSUPPORTED_SEGMENT` when it is not ours or of another version
   */
  constructor(config?: ResourceBudgetConfig)

  /**
   * Takes a slot, or says at once that there is none.
   *
   * @param taskId whose call it is; at most 4096 characters
   * @param lane the lane; 1 to 256 characters
   * @param timeoutMs milliseconds until the warning, at most 2^31 - 1; the call ends at this times
   *   `timeoutEscalationFactor`. Negative refuses. @default defaultTimeoutMs
   * @param metadata comes back as `context.metadata`; its properties become attributes of the span
   * @returns the context, or `null`: a full lane, a full process, a negative timeout, too little memory, an open
   *   breaker, a used quota; {@link ResourceBudgetManager.lastRejection} says which
   * @throws {PlimsollError} rejects with `ERR_PLIMSOLL_ARGUMENT` for a wrong type, `NaN` or an infinite timeout
   * @example
   * const context = await manager.acquireSlot('task-1', 'critic', { wait: { maxMs: 5000, priority: 'high' } })
   */
  acquireSlot<M = undefined>(taskId: string, lane: Lane, timeoutMs?: number, metadata?: M): Promise<WorkerCallContext<M> | null>
  /** @throws {PlimsollError} as above; rejects with the reason of `signal` when that ends the wait */
  acquireSlot<M = undefined>(taskId: string, lane: Lane, options: AcquireOptions<M>): Promise<WorkerCallContext<M> | null>

  /**
   * Gives a slot back. Never throws: a context of another manager, or one released before, is counted, logged and
   * changes nothing.
   *
   * @param success whether the call succeeded
   * @param error what it failed with; its class name is the metrics' `errorType`
   */
  releaseSlot(context: WorkerCallContext<any> | null | undefined, success: boolean, error?: unknown): void

  /**
   * Changes limits at once. What runs goes on: a lowered limit lets nobody in until enough has ended.
   *
   * @throws {PlimsollConfigError} `ERR_PLIMSOLL_CONFIG`; nothing is changed then
   * @throws {PlimsollError} `ERR_PLIMSOLL_CLOSED` after {@link ResourceBudgetManager.close}
   */
  setLimits(limits: { laneConcurrencyLimits?: Readonly<Record<Lane, number>>; globalConcurrencyLimit?: number }): void

  /** The process's memory, read now. Megabytes (2^20 bytes) of two decimals; the time in ISO 8601. */
  getMemorySnapshot(): {
    rssMb: number
    heapTotalMb: number
    heapUsedMb: number
    externalMb: number
    arrayBuffersMb: number
    timestamp: string
  }

  /** What runs, and what may. */
  getConcurrencyStatus(): {
    global: { active: number; limit: number }
    lanes: Record<Lane, { active: number; limit: number }>
  }

  /** All of it; see {@link BudgetStatus}. */
  status(): BudgetStatus

  /**
   * The latest calls, oldest first. The last 1000 are kept.
   *
   * @param limit how many. @default 100
   * @throws {PlimsollError} `ERR_PLIMSOLL_ARGUMENT` for what is no number of 0 or more
   */
  getMetrics(limit?: number): WorkerCallMetrics[]

  /** Forgets the calls that have ended, and the sums over them. */
  clearMetrics(): void

  /** Sums over all calls. */
  getStatistics(): WorkerCallStatistics

  /** Why the last call that was not let in was refused; `null` before the first. */
  get lastRejection(): Rejection | null

  /** The metrics in Prometheus's text format 0.0.4, names `plimsoll_budget_…`, base units. */
  toPrometheus(): string

  /**
   * Lets nobody in any more and sends away who waits (`null`, reason `closed`). Calls that run go on and are
   * released as usual.
   */
  close(): void
  /** As `close()`. */
  [Symbol.dispose](): void
}

/**
 * The manager of the process: made by the first call, with that call's configuration. Worker threads get managers
 * over the same lanes if the main thread has made one before.
 *
 * @throws as the constructor of {@link ResourceBudgetManager}
 */
export function getResourceBudgetManager(config?: ResourceBudgetConfig): ResourceBudgetManager

/** Closes the manager of the process; the next {@link getResourceBudgetManager} makes another. For tests. */
export function resetResourceBudgetManager(): void

/** Options of the worker-call wrappers. */
export interface WorkerCallOptions<M = unknown> extends AcquireOptions<M> {
  /** @default 'tool_call' */
  lane?: Lane
  /** `false`: a call that is not let in runs unguarded, with `null` as its context. @default true */
  throwOnResourceLimitExceeded?: boolean
  /** Whether the call's metrics are logged at level `info`. @default true */
  emitMetricsLog?: boolean
  /** @default the manager of the process */
  manager?: ResourceBudgetManager
}

/**
 * Runs a function in a slot: limited, measured, ended at its deadline.
 *
 * The end at `timeoutMs` times the factor: registered processes are killed natively, then, as soon as JavaScript
 * runs, `signal` is aborted, registered scopes are cleaned up, the promise rejects, and only then is the slot free. A
 * function that goes on nevertheless is counted as `abandoned` until it settles.
 *
 * @param fn what to run. It may be synchronous. A function that declares no parameter gets the signal through
 *   `context.signal` alone: making one costs several microseconds
 * @returns what `fn` gave
 * @throws {ResourceLimitError} `ERR_PLIMSOLL_LIMIT`, message `Resource limit exceeded: …`
 * @throws {WorkerCallTimeoutError} `ERR_PLIMSOLL_TIMEOUT`
 * @throws {PlimsollError} `ERR_PLIMSOLL_ARGUMENT`; and whatever `fn` throws, as it is
 * @example
 * const report = await withWorkerCallObservability('task-1', (signal) => lint(signal), { lane: 'critic', timeoutMs: 60_000 })
 */
export function withWorkerCallObservability<T, M = unknown>(
  taskId: string,
  fn: (signal: AbortSignal, context: WorkerCallContext<M> | null) => T | PromiseLike<T>,
  options?: WorkerCallOptions<M>,
): Promise<T | null>

/**
 * The same for a synchronous function. A deadline that passed while it ran has killed the registered processes on
 * time; the error is thrown when the function returns.
 *
 * @throws as {@link withWorkerCallObservability}; `ERR_PLIMSOLL_ARGUMENT` for `wait` too
 */
export function withWorkerCallObservabilitySync<T, M = unknown>(
  taskId: string,
  fn: (signal: AbortSignal, context: WorkerCallContext<M> | null) => T,
  options?: WorkerCallOptions<M>,
): T | null

/** One slot for many functions; see {@link createBatchWorkerCallWrapper}. */
export interface BatchWorkerCallWrapper {
  /**
   * Takes the slot; once it has one, a further call does nothing. After a rejection it may be tried again.
   *
   * @throws {ResourceLimitError} rejects with `ERR_PLIMSOLL_LIMIT`
   * @throws {PlimsollError} rejects with `ERR_PLIMSOLL_STATE` after `release()`
   */
  init(): Promise<void>
  /**
   * Runs a function in the slot.
   *
   * @throws {PlimsollError} rejects with `ERR_PLIMSOLL_STATE` before `init()` and after `release()`
   * @throws {WorkerCallTimeoutError} rejects with `ERR_PLIMSOLL_TIMEOUT` once the time of the batch is over
   */
  execute<T>(fn: (signal: AbortSignal, context: WorkerCallContext | null) => T | PromiseLike<T>): Promise<T>
  /** The slot; `null` before `init()` and when the batch runs unguarded. */
  getContext(): WorkerCallContext | null
  /** Gives the slot back; a second call does nothing. */
  release(success: boolean, error?: unknown): void
}

/**
 * One slot, one deadline and one span for many functions.
 *
 * @throws {PlimsollError} `ERR_PLIMSOLL_ARGUMENT`
 * @example
 * const batch = createBatchWorkerCallWrapper('task-1', 'file_write', { timeoutMs: 600_000 })
 * await batch.init()
 * try {
 *   for (const item of items) await batch.execute(() => write(item))
 *   batch.release(true)
 * } catch (error) {
 *   batch.release(false, error)
 *   throw error
 * }
 */
export function createBatchWorkerCallWrapper(taskId: string, lane?: Lane, options?: WorkerCallOptions): BatchWorkerCallWrapper

/**
 * Runs a function whose operations share one slot, one deadline and one span.
 *
 * @throws as {@link withWorkerCallObservability}
 */
export function withRequestScope<T>(
  taskId: string,
  fn: (scope: { readonly taskId: string; getContext(): WorkerCallContext | null; readonly signal: AbortSignal }) => T | PromiseLike<T>,
  options?: WorkerCallOptions,
): Promise<T>

/** A call that was not let in. */
export class ResourceLimitError extends PlimsollError {
  /**
   * @param message starts with `Resource limit exceeded: `
   * @param rejection why, in detail
   */
  constructor(message: string, rejection: Rejection | null)
  /** Why, in detail. */
  readonly rejection: Rejection | null
}

/** A call that was ended because its time was over. */
export class WorkerCallTimeoutError extends PlimsollError {
  /** @param call what was ended */
  constructor(call: Pick<TimeoutEvent, 'callId' | 'taskId' | 'lane' | 'timeoutMs' | 'deadlineMs' | 'endedAtMs' | 'killedProcesses'>)
  /** Its `context.id`. */
  readonly callId: string
  /** Whose call it was. */
  readonly taskId: string
  /** Where it ran. */
  readonly lane: Lane
  /** Milliseconds until its warning. */
  readonly timeoutMs: number
  /** Milliseconds the call could run: `timeoutMs` times the escalation factor. */
  readonly deadlineMs: number
  /** When the core ended it, in milliseconds since the epoch. */
  readonly endedAtMs: number
  /** Processes that were killed with it. */
  readonly killedProcesses: number
}

/** Where spans go. */
export interface TracingOptions {
  /** `service` of every span, `service.name` of the resource. @default 'unknown_service:node' */
  serviceName?: string
  /** `version` of every span, `service.version` of the resource. */
  version?: string
  /** `environment` of every span, `deployment.environment.name` of the resource. */
  environment?: string
  /**
   * A collector, a file, or both; each has its own queue and loses nothing to the other's trouble. `'otlp'`, `'file'` and
   * `true` mean the defaults; `'none'` exports nowhere.
   *
   * @default 'file'
   */
  exporter?:
    | 'otlp'
    | 'file'
    | 'none'
    | {
        /** OTLP/HTTP with protobuf (<https://opentelemetry.io/docs/specs/otlp/#otlphttp>). */
        otlp?:
          | boolean
          | {
              /** `http:` alone; without a path `/v1/traces` is appended. @default 'http://localhost:4318/v1/traces' */
              endpoint?: string
              /** Sent with each request. */
              headers?: Readonly<Record<string, string>>
              /** Longest duration of one request in milliseconds, 1 to 300,000. @default 10_000 */
              timeoutMs?: number
              /** Whether requests are compressed. @default false */
              gzip?: boolean
            }
        /** One JSON object a line; a path, or options. */
        file?: boolean | string | { path?: string; maxBytes?: number }
      }
}

/** What became of the spans of one destination. */
export interface DestinationStats {
  /** Waiting or being sent; at most 2048. */
  queued: number
  queuedBytes: number
  accepted: number
  exported: number
  batches: number
  dropped: { queueFull: number; rejected: number; tooLarge: number; panicked: number; closed: number }
  retries: number
  /** Milliseconds since the epoch in `timestamp`. */
  lastError: { code: PlimsollErrorCode; message: string; cause: string | null; timestamp: number } | null
}

/** What became of the spans; `null` for a destination that is not there. */
export interface TracingStats {
  otlp: DestinationStats | null
  file: DestinationStats | null
}

/** The exporter of the process. */
export class Tracing {
  /** Comes from {@link initTracing}. */
  private constructor()
  /**
   * Delivers what has been submitted. The event loop lives until then.
   *
   * @param timeoutMs at most this long. @default 30_000
   * @returns whether everything was delivered, or dropped and counted
   * @throws {PlimsollError} rejects with `ERR_PLIMSOLL_ARGUMENT`
   */
  flush(timeoutMs?: number): Promise<boolean>
  /** Flushes and ends the exporter; spans go nowhere then. */
  shutdown(timeoutMs?: number): Promise<boolean>
  /** The counters; `null` after `shutdown()`. */
  stats(): TracingStats | null
  /** As `shutdown()`. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Has the spans of every manager exported, from threads of their own, for the whole process. A second call replaces the
 * exporter; what the first one had is delivered. At the end of the process what is left is flushed for at most 2 s.
 *
 * @throws {PlimsollConfigError} `ERR_PLIMSOLL_CONFIG`
 * @throws {PlimsollError} `ERR_PLIMSOLL_NATIVE` when no thread could be started
 * @example
 * initTracing({ serviceName: 'orchestrator', version: '1.4.0', environment: 'production', exporter: { otlp: true, file: true } })
 */
export function initTracing(options?: TracingOptions): Tracing

/** Where a standard stream of a command goes: to the caller, nowhere, or where those of this process go. */
export type Redirection = 'pipe' | 'ignore' | 'inherit'

/**
 * What {@link ExecOptions} and {@link SpawnOptions} have in common. Names are those of `node:child_process`
 * (<https://nodejs.org/api/child_process.html>) and execa (<https://github.com/sindresorhus/execa>). Every one may be left
 * out or be `undefined`. A command has no terminal; see docs/lifecycle.md.
 *
 * @example
 * await manager.exec('npm', ['test'], { cwd: 'packages/a', env: { CI: 1 }, timeout: 600_000, signal })
 */
export interface CommandOptions {
  /** What it reads. `'pipe'`: what is written, or given as `input`; for `exec` without `input`, nothing. @default 'pipe' for spawn, 'ignore' for exec */
  stdin?: Redirection
  /** Where its standard output goes. @default 'pipe' */
  stdout?: Redirection
  /** Where its standard error goes. @default 'pipe' */
  stderr?: Redirection
  /** The working directory: a path, or a `file:` URL. @default that of this process */
  cwd?: string | URL
  /** Variables of the environment. Those that are `undefined` are left out; numbers and booleans become text. @default none */
  env?: Readonly<Record<string, string | number | boolean | undefined>>
  /** Whether `env` is added to the environment of this process; `false`: it is all there is. @default true */
  extendEnv?: boolean
  /** Milliseconds from its start, 0 to 2^31 - 1, after which the command and all it has started are ended; 0: never. @default 0 */
  timeout?: number
  /** Ends the command and all it has started when it is aborted; one that is aborted already keeps it from starting. @default none */
  signal?: AbortSignal
  /** The first signal when it is to end: a name or number of this system. @default 'SIGTERM' */
  killSignal?: string | number
  /** Milliseconds between that signal and SIGKILL, 0 to 2^31 - 1; 0 is SIGKILL at once. @default 5000 */
  graceMs?: number
  /** The same, as execa names it; `graceMs` is preferred. @default 5000 */
  forceKillAfterDelay?: number
  /**
   * Has a shell run the command: `true` is `/bin/sh`, a string is the path of another. It is given `-c`, and the command
   * and its arguments with blanks between them, as they are. Whatever in them comes from elsewhere can run anything:
   * leave it `false` and give arguments instead.
   *
   * @default false
   */
  shell?: boolean | string
  /**
   * What becomes of processes that the command leaves behind when it ends by itself. `'end'`: SIGTERM, two seconds,
   * SIGKILL, whatever `killSignal` and `graceMs` are, also for those that called `setsid` or forked twice. `'keep'`: they
   * go on until their scope, their manager or this process ends. Until they have ended the command has not.
   *
   * @default 'end'
   */
  leftovers?: 'end' | 'keep'
  /** Whether a failure rejects; `false`: it resolves, with `failed` and `error`. @default true */
  reject?: boolean
}

/** Options of `exec`. */
export interface ExecOptions extends CommandOptions {
  /**
   * What the command reads. Parts of a stream or an iteration are asked for as the command reads them; when it ends
   * earlier, the iteration is returned and the stream destroyed. What it throws ends the command and is the `cause`.
   *
   * @default none
   */
  input?: string | ArrayBufferView | AsyncIterable<string | ArrayBufferView> | Iterable<string | ArrayBufferView> | NodeJS.ReadableStream
  /**
   * `'buffer'` gives bytes, anything else that `Buffer` knows gives text. What is no text in it becomes U+FFFD.
   *
   * @default 'utf8'
   */
  encoding?: string
  /**
   * Bytes kept of each output, 0 to 134,217,728: half from its beginning, half from its end. More is no error: it is
   * counted, `truncated` says so, and text has a line `[... 1234 bytes omitted ...]` in its place; no character is cut in
   * two. Bytes, `hex` and `base64` have no such line.
   *
   * @default 1_048_576
   */
  maxBuffer?: number
  /** Whether one newline at the end of each output, `\n` or `\r\n`, is taken off. @default true */
  stripFinalNewline?: boolean
}

/** Options of `spawn`. */
export interface SpawnOptions extends CommandOptions {
  /** `stdin`, `stdout` and `stderr` at once, or one for all; those given on their own count more. @default 'pipe' */
  stdio?: Redirection | readonly (Redirection | null | undefined)[]
}

/**
 * How a command ended, and what it printed. Only `stdout` and `stderr` are enumerable.
 *
 * @example
 * const { stdout, exitCode, failed, truncated } = await manager.exec('ruff', ['check'], { reject: false })
 */
export class ExecResult<T extends string | Uint8Array = string> {
  /** Comes from `exec`. */
  private constructor()
  /** What was kept of its standard output; empty where it was not piped, and for `spawn`. */
  readonly stdout: T
  /** What was kept of its standard error. */
  readonly stderr: T
  /** The command and its arguments, in one line. */
  get command(): string
  /** `null` when a signal ended it or it never ran. */
  get exitCode(): number | null
  /** The name of the signal that ended it, e.g. `'SIGKILL'`. */
  get signal(): string | null
  /** `null` when it never ran. */
  get pid(): number | null
  /** Milliseconds from its start to the end of all it has started. */
  get durationMs(): number
  /** Bytes it wrote to its standard output, those that were dropped too. */
  get stdoutBytes(): number
  /** Bytes it wrote to its standard error. */
  get stderrBytes(): number
  /** Whether bytes of an output were dropped; see {@link ExecOptions.maxBuffer}. */
  get truncated(): boolean
  /** Whether it was ended by its `timeout`. */
  get timedOut(): boolean
  /** Whether its `signal` was aborted. */
  get aborted(): boolean
  /** Processor time in milliseconds, of it and the descendants it waited for. */
  get cpuMs(): number
  /** The most resident memory it had at once, in megabytes of 2^20 bytes. */
  get maxRssMb(): number
  /** Processes it left behind that were ended. */
  get leftoversEnded(): number
  /** Whether it did anything but exit with 0 by itself. */
  get failed(): boolean
  /** What it would reject with; `null` when it has not failed. */
  get error(): ProcessError<T> | null
}

/**
 * A command that failed, could not be run, or was ended. Its message is `Command failed: <command> <args>`, a newline, and
 * what the command wrote to its standard error; where Plimsoll or the system ended it or kept it from running, why, on a
 * line of its own. Of a command longer than 32,768 characters the message has the beginning.
 *
 * `code` is `ERR_PLIMSOLL_COMMAND`; `ERR_PLIMSOLL_NATIVE` when the keeper, the program beside the addon that looks after each
 * command, is missing or may not be executed: `syscall` and the message name the file then, and nothing is said of the command.
 *
 * @example
 * try { await manager.exec('ruff', ['check']) } catch (error) {
 *   if (error instanceof ProcessError && error.errno === 'ENOENT') console.error('ruff is not installed')
 * }
 */
export class ProcessError<T extends string | Uint8Array = string | Uint8Array> extends PlimsollError {
  /**
   * @param message starts with `Command failed: `
   * @param failure its properties
   */
  constructor(
    message: string,
    failure: Pick<
      ProcessError<T>,
      'command' | 'exitCode' | 'signal' | 'stdout' | 'stderr' | 'timedOut' | 'aborted' | 'errno' | 'syscall' | 'pid' | 'durationMs'
    > & { cause: unknown; code?: 'ERR_PLIMSOLL_NATIVE' | undefined },
  )
  /** The command and its arguments, in one line. */
  readonly command: string
  /** `null` when a signal ended it or it never ran. */
  readonly exitCode: number | null
  /** The name of the signal that ended it. */
  readonly signal: string | null
  /** What was kept of its standard output. */
  readonly stdout: T
  /** What was kept of its standard error. */
  readonly stderr: T
  /** Whether it was ended by its `timeout`. */
  readonly timedOut: boolean
  /** Whether its `signal` was aborted; the reason is the `cause`. */
  readonly aborted: boolean
  /**
   * The name of the error of the system that kept it from running, e.g. `'ENOENT'`, `'EACCES'`, `'E2BIG'`; `null` when it
   * ran. The `cause` is then as `node:child_process` has it: `code`, `errno`, `syscall`, `path`, `spawnargs`. Where the
   * message says that the keeper could not be started, it is the keeper's.
   */
  readonly errno: string | null
  /** What the system was asked for, e.g. `'spawn ruff'`, `'chdir /tmp/x'`; `null` when it ran. */
  readonly syscall: string | null
  /** `null` when it never ran. */
  readonly pid: number | null
  /** Milliseconds from its start to the end of all it has started. */
  readonly durationMs: number
}

/** The rest of what a {@link ManagedProcess} has as an emitter of events; with the types of Node. */
export interface ManagedProcess extends Pick<NodeJS.ReadableStream, Extract<keyof NodeJS.ReadableStream, EmitterMethod>> {
  /** It runs: it has a `pid`. */
  on(event: 'spawn', listener: () => void): this
  /**
   * It never ran; not told when it was ended before it began, unless by its `signal`. As with every emitter, an error
   * that nobody listens for is thrown; not so when `result` was asked for.
   */
  on(event: 'error', listener: (error: ProcessError) => void): this
  /**
   * `'exit'`: it and all it has started have ended, with its code or the name of a signal. `'close'`, always last: its
   * outputs have been read too.
   */
  on(event: 'exit' | 'close', listener: (exitCode: number | null, signalCode: string | null) => void): this
  /** Any other event of an emitter. */
  on(event: string | symbol, listener: (...values: any[]) => void): this
  /** As `on`, for one time. */
  once(event: 'spawn', listener: () => void): this
  once(event: 'error', listener: (error: ProcessError) => void): this
  once(event: 'exit' | 'close', listener: (exitCode: number | null, signalCode: string | null) => void): this
  once(event: string | symbol, listener: (...values: any[]) => void): this
  /** Takes a listener away. */
  off(event: string | symbol, listener: (...values: any[]) => void): this
  /** As `off`. */
  removeListener(event: string | symbol, listener: (...values: any[]) => void): this
}

/** Methods of an emitter that {@link ManagedProcess} takes over from the types of Node as they are. */
type EmitterMethod =
  | 'addListener' | 'removeAllListeners' | 'setMaxListeners' | 'getMaxListeners' | 'listeners' | 'rawListeners' | 'emit'
  | 'listenerCount' | 'prependListener' | 'prependOnceListener' | 'eventNames'

/**
 * A process that runs, an emitter of events with streams as `node:child_process` has them.
 *
 * Outputs have real back-pressure: of each at most 256 KiB beyond what the stream holds are on their way, then the
 * command waits for its reader; destroy a stream that is not wanted, or give it `'ignore'`. Of its input 64 MiB may wait
 * unread. While a process runs the event loop is held, unless `unref()` was called.
 *
 * @example
 * await using server = manager.spawn('node', ['server.js'], { stdin: 'ignore', stderr: 'inherit' })
 * for await (const line of server.lines()) if (line.includes('listening')) break
 */
export class ManagedProcess {
  /** Comes from `spawn`. */
  private constructor()
  /** The command and its arguments, in one line. */
  get command(): string
  /** `null` until `'spawn'`. */
  get pid(): number | null
  /** `null` until `'exit'`, and when a signal ended it. */
  get exitCode(): number | null
  /** The name of the signal that ended it. */
  get signalCode(): string | null
  /** Whether `kill()` or `end()` was called while it ran. */
  get killed(): boolean
  /** What it reads; `null` unless it is piped. What it no longer reads fails with `EPIPE`. */
  get stdin(): NodeJS.WritableStream | null
  /** What it prints; `null` unless it is piped. */
  get stdout(): NodeJS.ReadableStream | null
  /** What it prints as errors; `null` unless it is piped. */
  get stderr(): NodeJS.ReadableStream | null
  /**
   * How it ended, without outputs; settles before `'exit'`.
   *
   * @throws {ProcessError} rejects with `ERR_PLIMSOLL_COMMAND`, unless `reject` is `false`; no unhandled rejection comes of it
   */
  get result(): Promise<ExecResult>
  /**
   * Sends a signal to the command, or with `tree` to all it has started too. What waits for its turn to start does not
   * start.
   *
   * @param signal a name or number; 0 asks whether there is anybody to send one to. @default 'SIGTERM'
   * @returns `false` when it has ended
   * @throws {PlimsollError} `ERR_PLIMSOLL_ARGUMENT` for what is no signal
   */
  kill(signal?: string | number, options?: { tree?: boolean }): boolean
  /**
   * Ends it and all it has started: `killSignal`, the grace, SIGKILL. Said again, a shorter grace counts.
   *
   * @param options `graceMs`: another grace than that of its options; 0 is SIGKILL at once
   * @returns resolves when nothing of it is left
   * @throws {PlimsollError} rejects with `ERR_PLIMSOLL_ARGUMENT`
   */
  end(options?: { graceMs?: number }): Promise<void>
  /**
   * The lines it prints, as UTF-8, without `\n` or `\r\n`.
   *
   * @param from @default 'stdout'
   * @throws {PlimsollError} `ERR_PLIMSOLL_ARGUMENT` for an output that is not piped; while iterating `ERR_PLIMSOLL_OVERFLOW`
   *   for a line of more than 16,777,216 characters
   * @example
   * for await (const line of child.lines()) console.log(line)
   */
  lines(from?: 'stdout' | 'stderr'): AsyncGenerator<string, void, undefined>
  /** Holds the event loop open while it runs, as it does from the start. */
  ref(): this
  /** Lets the event loop end; the process is ended with this one then. */
  unref(): this
  /** As `end()`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** How a pool and its workers tell messages apart; each in UTF-8. */
export type PoolProtocol = 'jsonl' | 'line' | 'content-length'

/** A message of JSON-RPC 2.0 (<https://www.jsonrpc.org/specification>) without what the pool adds: `jsonrpc` and `id`. */
export interface RpcMessage {
  /** What is asked, e.g. `'textDocument/hover'`; not empty. */
  method: string
  /** By name, or in an array by position. @default none */
  params?: object
}

/** Options of {@link ProcessPool}. All but `command` may be left out or be `undefined`. Times are milliseconds up to 2^31 - 1. */
export interface ProcessPoolOptions {
  /** The program of the workers: a path, or a name that is looked up in `PATH`. */
  command: string
  /** Its arguments. @default none */
  args?: readonly string[]
  /** As for {@link CommandOptions.env}. @default none */
  env?: Readonly<Record<string, string | number | boolean | undefined>>
  /** As for {@link CommandOptions.extendEnv}. @default true */
  extendEnv?: boolean
  /** The working directory of the workers. @default that of this process */
  cwd?: string | URL
  /** The first signal to a worker that must end. @default 'SIGTERM' */
  killSignal?: string | number
  /** Milliseconds between that and SIGKILL. @default 5000 */
  graceMs?: number
  /** Workers kept even if nobody asks; they are started with the pool. At most 256. @default 0 */
  min?: number
  /** Most workers at once, those that start or end included; 1 to 256. @default 4 */
  max?: number
  /** A worker beyond `min` ends after so many milliseconds without a request. @default 300_000 */
  idleTimeoutMs?: number
  /** A worker is replaced after so many requests, 1 to 1,000,000,000. @default undefined (never) */
  maxRequests?: number
  /**
   * A worker whose tree of processes has more megabytes (2^20 bytes) of resident memory is replaced once it is idle. Read at
   * most once a second, while it works; memory that processes share counts in each.
   *
   * @default undefined (never)
   */
  maxRssMb?: number
  /** A worker is replaced after so many milliseconds. @default undefined (never) */
  maxAgeMs?: number
  /**
   * - `'line'`: a line each way, in turn; payload and answer are strings.
   * - `'jsonl'`: a line of JSON each way, in turn; payload and answer are any JSON values.
   * - `'content-length'`: JSON-RPC 2.0 behind `Content-Length` headers, as language servers and many MCP servers speak it;
   *   the payload is an {@link RpcMessage}, the answer is the result.
   *
   * A worker that prints anything else to its standard output is replaced, its requests fail.
   *
   * @default 'jsonl'
   */
  protocol?: PoolProtocol
  /**
   * Asked of a worker before any request; it is ready when it has answered within `timeoutMs` (30,000). With JSON-RPC,
   * an error is no answer, and `notification` is sent after it, such as `initialized`.
   *
   * @default undefined (a worker is ready as soon as it runs)
   */
  startupProbe?: { payload: unknown; timeoutMs?: number; notification?: RpcMessage }
  /**
   * Asked of a worker that has been idle for `intervalMs` (30,000); one that does not answer within `timeoutMs` (5000) is
   * replaced. With JSON-RPC an error is an answer too.
   *
   * @default undefined (nothing is asked)
   */
  healthCheck?: { payload: unknown; intervalMs?: number; timeoutMs?: number }
  /** Requests that may wait for a worker, 1 to 1,000,000; one more is refused. @default 1000 */
  maxQueue?: number
  /** Bytes of all requests that wait, at most 2^32; what is more is refused. @default 67_108_864 */
  maxQueueBytes?: number
  /** Requests in flight on one worker, 1 to 1024; more than 1 needs `'content-length'`, whose answers name their requests. @default 1 */
  maxInFlight?: number
  /** Bytes of one message, either way, at most 33,554,432. @default 16_777_216 */
  maxMessageBytes?: number
  /**
   * Hears of notifications of the workers (`'content-length'` alone), as they came, and of their requests, which the pool
   * has answered with "method not found" (-32601). At most 1000, of 8 MiB, wait until the event loop is free, more are
   * dropped and counted. What it throws is an uncaught exception.
   *
   * @default undefined (nobody hears them)
   */
  onNotification?: (message: any) => void
}

/** Times in milliseconds, to about 1 %; an hour is the longest. */
export interface PoolLatency {
  /** How many there were. */
  count: number
  /** The mean; 0 when there were none, as all below. */
  mean: number
  /** The median. */
  p50: number
  /** Nine of ten took no longer. */
  p90: number
  /** 99 of a hundred took no longer. */
  p99: number
  /** The longest. */
  max: number
}

/** What a {@link ProcessPool} has done, and what it does now. */
export interface PoolStats {
  /** Workers now: ordered or not ready yet; with nothing to do; with a request; to be replaced after it; on their way out. */
  workers: { starting: number; idle: number; busy: number; draining: number; ending: number }
  /** The most at once. */
  mostWorkers: number
  /** Requests that wait for a worker. */
  waiting: number
  /** Their bytes. */
  waitingBytes: number
  /** The most that waited at once. */
  mostWaiting: number
  /** Requests that workers have. */
  inFlight: number
  /** The most at once. */
  mostInFlight: number
  /** Requests that were answered, by an error of JSON-RPC too. */
  answered: number
  /** Requests whose worker died, broke the protocol or could not be started. */
  failed: number
  /** Requests whose `timeoutMs` had passed. */
  timedOut: number
  /** Requests that were given up by their signal. */
  cancelled: number
  /** Requests that were not taken: the queue was full, or they could not be sent. */
  refused: number
  /** Requests that `close()` ended. */
  closed: number
  /** Requests given to another worker because the first had not taken them. */
  passedOn: number
  /** Workers started. */
  started: number
  /** Those of them that replaced one that had failed. */
  restarted: number
  /** Workers that ended before they were ready. */
  failedStarts: number
  /** Workers that ended by themselves after that. */
  crashes: number
  /** Workers that printed what is no message, or was not asked for. */
  protocolErrors: number
  /** Workers that did not answer a health check. */
  failedChecks: number
  /** Workers that were replaced though they had not failed, by why. */
  recycled: {
    /** `idleTimeoutMs`. */
    idle: number
    /** `maxRequests`. */
    requests: number
    /** `maxAgeMs`. */
    age: number
    /** `maxRssMb`. */
    memory: number
    /** A request was given up, and its answer would have been taken for another's. */
    unsynchronised: number
    /** They left too many given-up requests unanswered. */
    unresponsive: number
    /** They closed their standard input. */
    inputClosed: number
  }
  /** Answers to requests that were given up. */
  lateAnswers: number
  /** Notifications and requests of workers. */
  notifications: number
  /** Those nobody took in time. */
  notificationsDropped: number
  /** Times the memory of a worker could not be read. */
  unreadMemory: number
  /** From the asking until a worker had it, of requests that were answered. */
  wait: PoolLatency
  /** From then to the answer. */
  service: PoolLatency
  /** Faults of Plimsoll itself that were caught. */
  panics: number
}

/**
 * Workers that are kept alive and asked again and again; made by {@link ResourceLifecycleManager.createProcessPool}. The
 * event loop is held while a request waits, and not otherwise.
 *
 * @example
 * const pool = manager.createProcessPool({ command: 'node', args: ['worker.js'], max: 8, maxRequests: 500 })
 * const answer = await pool.request({ file: 'src/index.ts' }, { timeoutMs: 10_000 })
 * await pool.close()
 */
export class ProcessPool {
  /** Comes from `createProcessPool`. */
  private constructor()
  /** The command of its workers, in one line. */
  get command(): string
  /** Whether `close()` was called. */
  get closed(): boolean
  /**
   * Asks a worker.
   *
   * @param payload by the pool's {@link ProcessPoolOptions.protocol}
   * @param options `timeoutMs` until the answer, the wait for a worker included (never, unless given); `signal` gives the
   *   request up
   * @returns the answer, by the pool's protocol
   * @throws {PlimsollError} rejects with `ERR_PLIMSOLL_ARGUMENT` for a payload that cannot be sent, `ERR_PLIMSOLL_OVERFLOW`
   *   when the queue is full, `ERR_PLIMSOLL_TIMEOUT` when no answer came in time, `ERR_PLIMSOLL_WORKER` when its worker died
   *   (with the end of its standard error) or none could be started, `ERR_PLIMSOLL_PROTOCOL` when what it printed is no
   *   answer, `ERR_PLIMSOLL_CLOSED` after `close()`, `ERR_PLIMSOLL_INTERNAL` for a fault of ours; and with the reason of the
   *   signal
   * @throws {RemoteError} rejects with `ERR_PLIMSOLL_REMOTE`: the worker answered with an error of JSON-RPC
   * @throws {PlimsollConfigError} rejects with `ERR_PLIMSOLL_CONFIG` for wrong options
   * @example
   * const hover = await pool.request({ method: 'textDocument/hover', params }, { timeoutMs: 5000, signal })
   */
  request<T = any>(payload: unknown, options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<T>
  /** Its counters: workers, what waits, what became of requests; after the end of `close()` those of the end. */
  stats(): PoolStats
  /**
   * Takes no more, rejects what waits with `ERR_PLIMSOLL_CLOSED`, and ends the workers; those that are at a request have the
   * grace to answer it. A second call gives the same promise.
   *
   * @param options `graceMs`: another grace than that of the pool
   * @returns resolves when no worker is left
   * @throws {PlimsollConfigError} rejects with `ERR_PLIMSOLL_CONFIG`
   */
  close(options?: { graceMs?: number }): Promise<void>
  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void>
}

/** An error that a worker of a {@link ProcessPool} answered with; its `message` is the worker's. */
export class RemoteError extends PlimsollError {
  /**
   * @param message the worker's own
   * @param answer `remoteCode` and `data` of the error
   */
  constructor(message: string, answer: { remoteCode: number; data?: unknown })
  /** The `code` of JSON-RPC 2.0, 5.1, e.g. -32601 for a method that is not there. */
  readonly remoteCode: number
  /** What the worker added. */
  readonly data: unknown
}

/** Options of {@link ResourceLifecycleManager}. Every one may be left out or be `undefined`. */
export interface ResourceLifecycleConfig {
  /** Listeners above which `checkForLeaks()` warns, 0 to 1,000,000. @default 50 */
  maxListeners?: number
  /** Processes above which `checkForLeaks()` warns, 0 to 1,000,000. @default 20 */
  maxProcesses?: number
  /** Temporary files and directories above which `checkForLeaks()` warns, 0 to 1,000,000. @default 100 */
  maxTempFiles?: number
  /**
   * Milliseconds one release may take, 1 to 2^31 - 1. One that takes longer is given up, named and counted, and the next
   * one begins. Four fifths of it are the grace of processes of `spawn` and `trackProcess` and of the manager's commands;
   * commands of a scope's `exec` have their own `graceMs`.
   *
   * @default 5000
   */
  releaseTimeoutMs?: number
  /** Milliseconds, 0 to 2^31 - 1, after which whatever is held is a suspect of `leakReport()`. @default 300_000 */
  suspectAgeMs?: number
  /** Samples over which growth is sustained, 3 to 60; see {@link LeakTrend}. @default 10 */
  growthSamples?: number
  /**
   * Options of the pool {@link ResourceLifecycleManager.execCodex} asks, where they are not its defaults: `command: 'codex'`,
   * `protocol: 'jsonl'`, and those of {@link ProcessPoolOptions}. Wrong ones are told by `execCodex()`.
   *
   * @default undefined (those defaults)
   * @example
   * new ResourceLifecycleManager({ codex: { command: 'node', args: ['codex-worker.js'], max: 2 } })
   */
  codex?: Partial<ProcessPoolOptions>
  /** Where warnings go. @default undefined (standard error, one JSON object a line) */
  logger?: LogSink
  /**
   * Told of releases that failed where nobody could be: the function of `withScope` had thrown, or the scope had been
   * collected. What it throws is logged.
   *
   * @default undefined (logged alone)
   */
  onError?: (error: PlimsollError) => void
}

/** What listeners can be subscribed to: an EventEmitter and its likes, or an EventTarget such as an AbortSignal. */
export type ListenerSource =
  | { on(event: any, handler: any): unknown; off(event: any, handler: any): unknown }
  | { on(event: any, handler: any): unknown; removeListener(event: any, handler: any): unknown }
  | { addEventListener(event: any, handler: any, options?: any): unknown; removeEventListener(event: any, handler: any, options?: any): unknown }
  | AbortSignal

/** A handler as its emitter takes it; an object with `handleEvent()` for an EventTarget alone. */
export type ListenerHandler = ((...args: any[]) => unknown) | { handleEvent(event: any): unknown }

/** Options of temporary files and directories. */
export interface TempFileOptions {
  /** Where it is created; relative to the working directory. @default the system's directory for temporary files */
  directory?: string
}

/** Options of scopes. */
export interface ScopeOptions {
  /** What messages and reports call it; the first 4096 characters count. @default none */
  name?: string
}

/** What one kind of resource has come to; see {@link LeakReport}. */
export interface LeakTrend {
  /** Samples looked at, the latest ones; at most `growthSamples`. */
  samples: number
  /** Milliseconds from the first of them to the last. */
  overMs: number
  /** The count in the first of them. */
  first: number
  /** The count in the last of them. */
  last: number
  /** Growth from the first to the last, in a minute. */
  perMinute: number
  /**
   * Whether growth is sustained: over `growthSamples` samples the count never fell, rose in at least three quarters of the
   * steps, and is now higher by at least the number of steps. Asked of all samples and of every 8th, 64th, 512th and
   * 4096th, each then being the least of those it stands for, so that slow growth under waves is found too.
   */
  alarm: boolean
}

/** Things of one origin that may be leaks. */
export interface LeakSuspect {
  /** `'release'`: what was given to `defer()` or `use()`. `'handle'`: what was given to `trackHandle()`. */
  kind: 'listener' | 'process' | 'temp file' | 'stream' | 'timer' | 'release' | 'scope' | 'handle'
  /**
   * `'collected'`: nobody held it any more while it was open. `'growth'`: there are more and more of its kind.
   * `'limit'`: there are too many of its kind. `'age'`: it is older than `suspectAgeMs`.
   */
  reason: 'collected' | 'growth' | 'limit' | 'age'
  /** The event and the class of its emitter, the command, the purpose, or what a scope holds. */
  what: string
  /** How many there are of the same kind, reason, purpose, origin and scope. */
  count: number
  /** Milliseconds since the oldest of them was registered. */
  ageMs: number
  /**
   * Where it was registered: up to 4 frames of the stack, the innermost first. `null` where none was taken: it is for the
   * first 200 registrations in each second, and then for one in 64.
   */
  origin: string[] | null
  /** The name of its scope. */
  scope: string | null
}

/** What the core counts for {@link ResourceLifecycleManager}, of this whole process and since it began. */
export interface LifecycleStatus {
  /** Scopes open now that hold something of the core, and scopes refused as too many were. */
  groups: number
  groupsRefused: number
  commands: {
    /** Running now, and waiting for one of these to end. */
    running: number
    waiting: number
    /** The most that ran at once, and how many may: 1024, fewer where few files may be open. */
    mostRunning: number
    limit: number
    /** Executed, and ended in whichever way. */
    started: number
    ended: number
    /** Those whose keeper could not be started or was killed. */
    lost: number
    /** Ended before they ran, refused as too many waited, and those the system would not run. */
    cancelled: number
    refused: number
    notRun: number
    timeouts: number
    /** Keepers that were started again later for want of files, processes or memory. */
    launchRetries: number
    /** Bytes beyond `maxBuffer`. */
    droppedOutputBytes: number
  }
  /** Processes of others that are tracked and run. */
  tracked: number
  /** The keeper that looks after tracked processes should this process die: `'running'`, or why not; `null`: none was needed. */
  watch: string | null
  tempFiles: {
    registered: number
    most: number
    created: number
    tracked: number
    removed: number
    alreadyGone: number
    /** Attempts to remove one that failed. */
    failures: number
    refused: number
    /** Without a record in the ledger, as there is none. */
    unrecorded: number
  }
  ledger: {
    /** What is in it now, the most there was, and what was written and struck out. */
    records: number
    most: number
    written: number
    struck: number
    writeFailures: number
    refused: number
    unrecorded: number
    /** Why there is none, told once as a process warning `PLIMSOLL_NO_LEDGER` too; `null` where there is one. */
    unavailable: string | null
  }
  /** Work that may block: pieces refused as too many waited, and faults that were caught. */
  work: { refused: number; faults: number }
}

/** What {@link ResourceLifecycleManager.leakReport} answers. */
export interface LeakReport {
  /** Whether anything grows; see {@link LeakTrend}. */
  alarm: boolean
  /** As `checkForLeaks()`. */
  warnings: string[]
  /** What is held now. */
  counts: { listeners: number; processes: number; tempFiles: number; streams: number; timers: number; scopes: number; handles: number }
  /** The limits in force. */
  limits: { listeners: number; processes: number; tempFiles: number }
  /**
   * By kind. Samples are taken by `leakReport()` and `checkForLeaks()`, and by whatever is registered once a second has
   * passed since the last one.
   */
  trends: Record<'listeners' | 'processes' | 'tempFiles' | 'streams' | 'timers' | 'scopes', LeakTrend>
  /** The most numerous first, then the oldest; at most 100. */
  suspects: LeakSuspect[]
  /** Whether all there is was looked at; `false`: the 10,000 that were are processes, files, scopes and what they hold, then listeners. */
  complete: boolean
  /** Suspects beyond those. */
  omittedSuspects: number
  /** Listeners that are not counted any more because more than 100,000 are registered. */
  forgottenListeners: number
  /** Listeners that were collected together with their emitter. */
  collectedListeners: number
  /** Handles that are not watched because 10,000 are. */
  unwatchedHandles: number
}

/**
 * Ends what was begun: processes, temporary files, listeners, streams and timers, when their scope ends, when the manager
 * is cleaned up, and processes and files also when this process dies, however it dies.
 *
 * Making a manager starts nothing, and a scope costs nothing natively until a process or temporary file is in it.
 *
 * @example
 * const manager = new ResourceLifecycleManager()
 * const report = await manager.withScope(async (scope) => {
 *   const file = await scope.createTempFile('report', 'what the linter found')
 *   scope.on(emitter, 'data', onData)
 *   await scope.exec('ruff', ['check', '--output-file', file])
 *   return readFile(file, 'utf8')
 * })
 */
export class ResourceLifecycleManager implements AsyncDisposable {
  /** @throws {PlimsollConfigError} `ERR_PLIMSOLL_CONFIG` names the option */
  constructor(config?: ResourceLifecycleConfig)

  /**
   * Runs a function with a scope that ends when the function returns or throws.
   *
   * When the function throws, its error is thrown, the same and unchanged. What then fails in the release goes to
   * `onError`, to the log and to {@link ResourceLifecycleManager.lastCleanupFailures}.
   *
   * @param fn may be synchronous
   * @returns what `fn` gave, once everything is released
   * @throws {ScopeCleanupError} rejects with `ERR_PLIMSOLL_CLEANUP` when `fn` succeeded and a release failed
   * @throws {PlimsollError} rejects with `ERR_PLIMSOLL_ARGUMENT`
   */
  withScope<T>(fn: (scope: ResourceScope) => T | PromiseLike<T>, options?: ScopeOptions): Promise<T>

  /**
   * A scope for `await using`, or to be ended by `cleanup()`. One that is dropped is ended when it is collected, counted
   * and named, provided that nothing it holds refers to it.
   *
   * @throws {PlimsollError} `ERR_PLIMSOLL_ARGUMENT`
   * @example
   * await using scope = manager.scope({ name: 'indexing' })
   */
  scope(options?: ScopeOptions): ResourceScope

  /**
   * Registers a listener that the caller has subscribed. Neither emitter nor handler is kept alive. One that is removed
   * from the emitter without telling, or was subscribed once and has run, is not counted any more; with more than some
   * 2000 listeners it takes several readings until that is noticed for all.
   *
   * @throws {PlimsollError} `ERR_PLIMSOLL_ARGUMENT`
   */
  trackListener(emitter: ListenerSource, event: string | symbol, handler: ListenerHandler): void

  /**
   * Unsubscribes a handler from its emitter, registered or not, and forgets it.
   *
   * @throws {PlimsollError} `ERR_PLIMSOLL_ARGUMENT`, and whatever the emitter throws
   */
  removeListener(emitter: ListenerSource, event: string | symbol, handler: ListenerHandler): void

  /**
   * Watches a stream, a socket or a FileHandle without keeping it alive: one that is collected before it emitted `close` is
   * logged, and named by `leakReport()`. It is not closed: its number may be another file's by then. At most 10,000 are
   * watched at once.
   *
   * @param purpose what the report calls it
   * @returns the handle
   * @throws {PlimsollError} `ERR_PLIMSOLL_ARGUMENT`
   */
  trackHandle<H extends { once(event: any, handler: any): unknown }>(handle: H, purpose: string): H

  /**
   * Runs a command to its end, which comes at the latest with `cleanup()`. At most 1024 run at once, fewer where the process
   * may not open eight files for each; others wait in line.
   *
   * @param command a path, or a name that is looked up in `PATH`
   * @param args its arguments, as they are: no shell sees them. @default none
   * @returns its output, without the final newline
   * @throws {ProcessError} rejects with `ERR_PLIMSOLL_COMMAND`, message `Command failed: <command> <args>` and its standard error
   * @throws {PlimsollConfigError} rejects with `ERR_PLIMSOLL_CONFIG`; it names the option
   * @throws {PlimsollError} rejects with `ERR_PLIMSOLL_ARGUMENT` for a wrong command or argument, or more than 64 MiB of
   *   them, `ERR_PLIMSOLL_OVERFLOW` when 16,384 commands wait already, `ERR_PLIMSOLL_NATIVE` when the addon cannot be loaded,
   *   `ERR_PLIMSOLL_INTERNAL` when no thread could be started
   * @example
   * const { stdout } = await manager.exec('git', ['rev-parse', 'HEAD'])
   */
  exec(command: string, args: readonly string[] | undefined, options: ExecOptions & { encoding: 'buffer' }): Promise<ExecResult<Uint8Array>>
  /** The same, with text. */
  exec(command: string, args?: readonly string[], options?: ExecOptions): Promise<ExecResult>

  /**
   * Starts a process, which ends at the latest with `cleanup()`. What keeps it from running is its `'error'` event.
   *
   * @param command as for `exec`
   * @param args as for `exec`
   * @throws {PlimsollConfigError} `ERR_PLIMSOLL_CONFIG` names the option
   * @throws {PlimsollError} `ERR_PLIMSOLL_ARGUMENT`, `ERR_PLIMSOLL_OVERFLOW`, `ERR_PLIMSOLL_NATIVE`, `ERR_PLIMSOLL_INTERNAL`,
   *   as `exec`
   * @example
   * const watch = manager.spawn('npm', ['run', 'watch'], { stdio: 'inherit' })
   * await once(bus, 'done')
   * await watch.end({ graceMs: 1000 })
   */
  spawn(command: string, args?: readonly string[], options?: SpawnOptions): ManagedProcess

  /**
   * Keeps workers alive and asks them again and again, until it is closed or the manager is cleaned up.
   *
   * @throws {PlimsollConfigError} `ERR_PLIMSOLL_CONFIG` names the option
   * @throws {PlimsollError} `ERR_PLIMSOLL_ARGUMENT` without a `command`, for `min` above `max`, or for `maxInFlight` above 1
   *   without `'content-length'`; `ERR_PLIMSOLL_CONFIG` for what the core refuses; `ERR_PLIMSOLL_OVERFLOW`,
   *   `ERR_PLIMSOLL_NATIVE`, `ERR_PLIMSOLL_INTERNAL`
   * @example
   * const pool = manager.createProcessPool({ command: 'pyright-langserver', args: ['--stdio'], protocol: 'content-length' })
   */
  createProcessPool(options: ProcessPoolOptions): ProcessPool

  /**
   * Asks a worker of the manager's pool of Codex processes, made with the first request; see
   * {@link ResourceLifecycleConfig.codex}. The worker reads `{ "args": args }`, by default as a line of JSON, and answers
   * with a line of JSON.
   *
   * @param args strings without NUL
   * @param options as for {@link ProcessPool.request}
   * @returns what the worker answered
   * @throws {PlimsollConfigError} rejects with `ERR_PLIMSOLL_CONFIG` for a wrong option of `codex`
   * @throws {PlimsollError} rejects with `ERR_PLIMSOLL_ARGUMENT` for wrong `args`, else as {@link ProcessPool.request} and
   *   {@link ResourceLifecycleManager.createProcessPool}
   * @example
   * const answer = await manager.execCodex(['exec', '--json', 'fix the build'], { timeoutMs: 600_000 })
   */
  execCodex(args: readonly string[], options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<any>

  /**
   * Creates a temporary file (0600, and no other's), which is deleted at the latest with `cleanup()` or after the death of
   * this process.
   *
   * @param prefix the name begins with it and `-`; 1 to 100 bytes without `/`, `\`, `..` and NUL
   * @param purpose what reports call it; the first 512 bytes count
   * @returns its path, absolute
   * @throws {PlimsollError} rejects with `ERR_PLIMSOLL_ARGUMENT`, `ERR_PLIMSOLL_OPEN` when it cannot be created,
   *   `ERR_PLIMSOLL_WRITE` when the ledger cannot be written, `ERR_PLIMSOLL_OVERFLOW` when 16,384 are held already,
   *   `ERR_PLIMSOLL_CLOSED` when `cleanup()` came meanwhile, `ERR_PLIMSOLL_NATIVE`
   * @example
   * const file = await manager.createTempFile('report', 'what the linter found') // e.g. /tmp/report-4711-29f29fc12e1c3bd6
   */
  createTempFile(prefix: string, purpose: string, options?: TempFileOptions): Promise<string>

  /** The same for a directory (0700), which is deleted with everything in it. @throws as `createTempFile` */
  createTempDirectory(prefix: string, purpose: string, options?: TempFileOptions): Promise<string>

  /**
   * Deletes a temporary file or directory. One that is gone already is no error.
   *
   * @throws {PlimsollError} rejects with `ERR_PLIMSOLL_ARGUMENT`; `ERR_PLIMSOLL_WRITE` when it cannot be deleted
   */
  deleteTempFile(path: string): Promise<void>

  /**
   * Deletes temporary files and directories of this process that are older than `maxAge`.
   *
   * @param maxAge milliseconds; 0 means all. @default 3_600_000
   * @returns how many were deleted
   * @throws {PlimsollError} rejects with `ERR_PLIMSOLL_ARGUMENT`
   */
  cleanupOldTempFiles(maxAge?: number): Promise<number>

  /** What this manager and its scopes hold. */
  getStatistics(): { listeners: number; processes: number; tempFiles: number }

  /**
   * Whether there are more listeners, processes or temporary files than `maxListeners`, `maxProcesses` and `maxTempFiles`;
   * one warning for each kind.
   *
   * @example
   * const { hasLeaks, warnings } = manager.checkForLeaks()
   */
  checkForLeaks(): { hasLeaks: boolean; warnings: string[] }

  /**
   * The counters of the core, of this whole process: commands, temporary files, the ledger.
   *
   * @example
   * const { ledger } = manager.status()
   * if (ledger.unavailable !== null) console.error(ledger.unavailable)
   * @throws {PlimsollError} `ERR_PLIMSOLL_NATIVE`, `ERR_PLIMSOLL_PLATFORM`
   */
  status(): LifecycleStatus
  /**
   * What looks like a leak, and where it comes from. It may be sent as JSON.
   *
   * @example
   * const { alarm, suspects } = manager.leakReport()
   * if (alarm) console.error(suspects[0].what, suspects[0].origin)
   */
  leakReport(): LeakReport

  /** How many scopes hold something, and, since the manager was made, what became of those that did. */
  get scopes(): {
    /** Now. */
    open: number
    /** Since the manager was made. */
    opened: number
    /** By whatever means. */
    ended: number
    /** Ended because they were collected. */
    collected: number
    /** Releases that failed. */
    failures: number
    /** Those among them that took too long. */
    releaseTimeouts: number
    /** Errors of streams that were being destroyed; they are no failures. */
    streamErrors: number
  }

  /** What went wrong in the latest release of a scope or manager that failed; at most 100 errors. */
  get lastCleanupFailures(): readonly unknown[]

  /**
   * Ends every scope that holds something, removes every listener, closes every pool, ends every process and deletes every
   * temporary file. The manager may be used on, during and after it; what is begun meanwhile is not ended by it.
   *
   * @throws {ScopeCleanupError} rejects with `ERR_PLIMSOLL_CLEANUP` when everything was tried and some of it failed
   */
  cleanup(): Promise<void>
  /** As `cleanup()`. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * What one piece of work holds. When it ends, all of it is released in reverse order of acquisition, one after the other,
 * each in bounded time, whatever fails on the way. It holds at most 100,000 things at once.
 *
 * Comes from {@link ResourceLifecycleManager.withScope} and `scope()`. Every method but `cleanup()` throws, or rejects with,
 * `ERR_PLIMSOLL_CLOSED` once the scope is ending, `ERR_PLIMSOLL_ARGUMENT` for a wrong argument, and `ERR_PLIMSOLL_OVERFLOW`
 * when it holds too much.
 */
export class ResourceScope implements AsyncDisposable {
  /** Comes from {@link ResourceLifecycleManager.withScope} and `scope()`. */
  private constructor()
  /** What it was named. */
  readonly name: string | null
  /** Whether it has ended, or is ending. */
  get ended(): boolean
  /** Aborted (`AbortError`) when the scope ends, before anything is released; with it those of all scopes in it. */
  get signal(): AbortSignal

  /** Subscribes a handler until the scope ends. One that is unsubscribed earlier is forgotten. */
  on(emitter: ListenerSource, event: string | symbol, handler: ListenerHandler): this
  /** The same for one event. */
  once(emitter: ListenerSource, event: string | symbol, handler: ListenerHandler): this

  /**
   * Ends a process that somebody else started, with its descendants, unless it has ended.
   *
   * It gets SIGTERM, and SIGKILL after four fifths of `releaseTimeoutMs`. Descendants that were forked twice before are not
   * found. Its exit status stays Node's. At most 16,384 are tracked at once.
   *
   * @param child one that has started
   * @param command what reports call it, together with `args`
   * @throws {PlimsollError} `ERR_PLIMSOLL_ARGUMENT` for what is no process, or may not be signalled, `ERR_PLIMSOLL_OVERFLOW`,
   *   `ERR_PLIMSOLL_WRITE` when the ledger cannot be written, `ERR_PLIMSOLL_NATIVE`
   */
  trackProcess(child: { readonly pid?: number | undefined }, command: string, args?: readonly string[]): void
  /** Deletes a file, or a directory with everything in it, that somebody else created. @param kind @default 'file' */
  trackTempFile(path: string, purpose: string, kind?: 'file' | 'directory'): void
  /**
   * Destroys a stream and waits until it is closed, unless it is. Streams of the web are cancelled or aborted. Errors it
   * meets in that are counted (`streamErrors`) and go no further.
   */
  trackStream<S extends { destroy(): unknown } | { cancel(): unknown } | { abort(): unknown }>(stream: S): S
  /** Calls a function, and waits for what it gives. */
  defer(fn: () => unknown): void
  /**
   * Disposes of an object: by `Symbol.asyncDispose`, else `Symbol.dispose`, else `close()`. `null` and `undefined` need none.
   *
   * @returns the object
   */
  use<D extends AsyncDisposable | Disposable | { close(): unknown } | null | undefined>(disposable: D): D

  /** As the global one, cleared when the scope ends. @param delayMs 0 to 2^31 - 1. @default 1 */
  setTimeout<A extends any[]>(callback: (...args: A) => void, delayMs?: number, ...args: A): NodeJS.Timeout
  /** As the global one, cleared when the scope ends. @param delayMs 0 to 2^31 - 1. @default 1 */
  setInterval<A extends any[]>(callback: (...args: A) => void, delayMs?: number, ...args: A): NodeJS.Timeout

  /** As {@link ResourceLifecycleManager.createTempFile}; deleted when the scope ends. */
  createTempFile(prefix: string, purpose: string, options?: TempFileOptions): Promise<string>
  /** As {@link ResourceLifecycleManager.createTempDirectory}; deleted when the scope ends. */
  createTempDirectory(prefix: string, purpose: string, options?: TempFileOptions): Promise<string>
  /** As {@link ResourceLifecycleManager.exec}; aborted when the scope ends. */
  exec(command: string, args: readonly string[] | undefined, options: ExecOptions & { encoding: 'buffer' }): Promise<ExecResult<Uint8Array>>
  /** The same, with text. */
  exec(command: string, args?: readonly string[], options?: ExecOptions): Promise<ExecResult>
  /** As {@link ResourceLifecycleManager.spawn}; ended when the scope ends. */
  spawn(command: string, args?: readonly string[], options?: SpawnOptions): ManagedProcess
  /** A scope in this one, which ends with it in its turn, or before. */
  scope(options?: ScopeOptions): ResourceScope

  /**
   * Ends the scope. A further call gives the same promise.
   *
   * @throws {ScopeCleanupError} rejects with `ERR_PLIMSOLL_CLEANUP` when everything was tried and some of it failed
   */
  cleanup(): Promise<void>
  /** As `cleanup()`. */
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * {@link ResourceLifecycleManager.withScope} of the manager of the process.
 *
 * @throws as that
 */
export function withScope<T>(fn: (scope: ResourceScope) => T | PromiseLike<T>, options?: ScopeOptions): Promise<T>

/**
 * The manager of the process (of each worker thread): made by the first call, with that call's configuration.
 *
 * @throws as the constructor of {@link ResourceLifecycleManager}
 */
export function getResourceLifecycleManager(config?: ResourceLifecycleConfig): ResourceLifecycleManager

/**
 * Cleans up the manager of the process; the next {@link getResourceLifecycleManager} makes another. For tests.
 *
 * @throws as {@link ResourceLifecycleManager.cleanup}
 */
export function resetResourceLifecycleManager(): Promise<void>

/** A scope, or a manager, that has ended without everything in it being released. Its `cause` is the first of `errors`. */
export class ScopeCleanupError extends PlimsollError {
  /**
   * @param what what has ended
   * @param errors at least one
   */
  constructor(what: string, errors: readonly unknown[])
  /** What went wrong, in the order in which it did. A scope that was nested has a `ScopeCleanupError` of its own here. */
  readonly errors: readonly unknown[]
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
  /** A file could not be written or removed: of a log, what was accepted stays in the ring; of the crash ledger, nothing was begun. */
  | 'ERR_PLIMSOLL_WRITE'
  /** As much waits, or is held, as may: entries, texts for analysis, commands, requests to a pool, temporary files, what a scope holds. */
  | 'ERR_PLIMSOLL_OVERFLOW'
  /** What was asked for is not there, or not any more. */
  | 'ERR_PLIMSOLL_ABSENT'
  /** A call was not let in: a lane, the process, a quota or memory is full. */
  | 'ERR_PLIMSOLL_LIMIT'
  /** A call, a request to a pool or a release was given up because its time was over. */
  | 'ERR_PLIMSOLL_TIMEOUT'
  /** A method was called before the one it needs. */
  | 'ERR_PLIMSOLL_STATE'
  /** A command failed, could not be run, or was ended. */
  | 'ERR_PLIMSOLL_COMMAND'
  /** A worker of a pool died before it answered, or none could be started five times in a row. */
  | 'ERR_PLIMSOLL_WORKER'
  /** A request to a pool was cancelled. Its promise rejects with the reason of the signal instead. */
  | 'ERR_PLIMSOLL_CANCELLED'
  /** A worker of a pool answered in another form than its protocol has. */
  | 'ERR_PLIMSOLL_PROTOCOL'
  /** A worker of a pool answered with an error of its own. */
  | 'ERR_PLIMSOLL_REMOTE'
  /** The file for shared lanes is of another version, or not ours; it was left alone. */
  | 'ERR_PLIMSOLL_UNSUPPORTED_SEGMENT'
  /** The file for shared lanes has no room for another process or lane. */
  | 'ERR_PLIMSOLL_SEGMENT_FULL'
  /** A scope has ended, but not everything in it could be released. */
  | 'ERR_PLIMSOLL_CLEANUP'
  /** A collector cannot be reached or is busy; the spans are sent again. Only in {@link TracingStats}. */
  | 'ERR_PLIMSOLL_EXPORT'
  /** A collector refused spans for good; they were dropped. Only in {@link TracingStats}. */
  | 'ERR_PLIMSOLL_EXPORT_REJECTED'
  /** A fault of Plimsoll itself was caught; the work goes on. */
  | 'ERR_PLIMSOLL_INTERNAL'
  /** A ring file is of another version, or not ours; it was left alone. */
  | 'ERR_PLIMSOLL_UNSUPPORTED_RING'
  /** This system has no way to do what was asked, see {@link Capabilities}. */
  | 'ERR_PLIMSOLL_PLATFORM'
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
  /**
   * What holds for processes on the platform the addon was built for. Linux: everything, given `/proc` and pidfds (Linux
   * 5.3). macOS: descendants that left the process group of their command are missed, and a number alone names a process.
   * Windows: commands cannot be started. docs/lifecycle.md has a table.
   *
   * @example
   * if (capabilities().processes.descendants !== 'all') console.warn('daemons that tools start are not ended here')
   */
  processes: {
    /** Whether `exec`, `spawn` and pools work. */
    commands: boolean
    /** Which descendants of a command are ended with it: all, those in its process group, or none. */
    descendants: 'all' | 'group' | 'none'
    /** Whether commands are ended when this process dies by any signal. */
    afterOwnerDeath: boolean
    /** Whether a process that was given the number of another is told from it before it is signalled. */
    provenIdentity: boolean
  }
}

/**
 * Loads the native addon and reports what it can do here.
 *
 * @throws {PlimsollError} `ERR_PLIMSOLL_NATIVE`: no native addon fits this platform
 */
export function capabilities(): Capabilities
