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

/** So that these types compile without those of Node or of browsers; where those are there, theirs is used. */
declare global {
  interface AbortSignal {}
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
   * Has `scope.cleanup()` called when the call's time is over. At most 256 a call.
   *
   * @returns the scope
   * @throws {PlimsollError} `ERR_PLIMSOLL_ARGUMENT`, `ERR_PLIMSOLL_CLOSED` after the call, `ERR_PLIMSOLL_OVERFLOW` beyond 256
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
  /** A call was not let in: a lane, the process, a quota or memory is full. */
  | 'ERR_PLIMSOLL_LIMIT'
  /** A call was ended because its time was over. */
  | 'ERR_PLIMSOLL_TIMEOUT'
  /** A method was called before the one it needs. */
  | 'ERR_PLIMSOLL_STATE'
  /** The file for shared lanes is of another version, or not ours; it was left alone. */
  | 'ERR_PLIMSOLL_UNSUPPORTED_SEGMENT'
  /** The file for shared lanes has no room for another process or lane. */
  | 'ERR_PLIMSOLL_SEGMENT_FULL'
  /** A collector cannot be reached or is busy; the spans are sent again. Only in {@link TracingStats}. */
  | 'ERR_PLIMSOLL_EXPORT'
  /** A collector refused spans for good; they were dropped. Only in {@link TracingStats}. */
  | 'ERR_PLIMSOLL_EXPORT_REJECTED'
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
