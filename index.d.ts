/// <reference lib="esnext.disposable" />

/**
 * Plimsoll: bounded, crash-safe telemetry for long-running Node orchestrators.
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
  /** The ring is full and as many entries wait for room as may. */
  | 'ERR_PLIMSOLL_OVERFLOW'
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
