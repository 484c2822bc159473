// Compiled, never run: what callers may write, and, after `@ts-expect-error`, what they may not.
import {
  ErrorAnalysisWorker,
  PlimsollConfigError,
  PlimsollError,
  TelemetryManager,
  capabilities,
  type AnalysisStatistics,
  type Capabilities,
  type ErrorAnalysisConfig,
  type ErrorSummary,
  type FailurePattern,
  type FailureType,
  type LogLevel,
  type PlimsollErrorCode,
  type RedactConfig,
  type TelemetryChild,
  type TelemetryConfig,
  type TelemetryStats,
} from 'plimsoll'

/** Fails to compile unless both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<_Proof extends true>() {}

new TelemetryManager()
new TelemetryManager({})
const everything: Required<TelemetryConfig> = {
  logPath: 'state/history.jsonl',
  rotationThreshold: 1_000_000,
  bufferSize: 100,
  flushInterval: 1000,
  maxErrorLength: 200,
  enableCompression: false,
  retentionDays: 7,
  minLevel: 'debug',
  ringBytes: 1 << 20,
  overflow: 'drop-lowest',
  durability: 'disk',
  maxArchives: 10,
  maxTotalBytes: 1e9,
  redact: ['user.token'],
  compression: 'zstd',
  onError: (error) => same<Same<typeof error, PlimsollError>>(),
}
const redact: RedactConfig = { paths: ['a.b'], secrets: false }
const telemetry = new TelemetryManager({ ...everything, redact })
new TelemetryManager({ redact: false })

// @ts-expect-error no such level
new TelemetryManager({ minLevel: 'trace' })
// @ts-expect-error a number of bytes
new TelemetryManager({ rotationThreshold: '10MB' })
// @ts-expect-error misspelt
new TelemetryManager({ rotationTreshold: 1 })
// @ts-expect-error the path is fixed at construction
telemetry.logPath = 'elsewhere'
// @ts-expect-error no such level
telemetry.log('fatal', {})
// @ts-expect-error data is an object
telemetry.log('info', 'text')
// @ts-expect-error data is required
telemetry.log('info')

interface Decision {
  task: string
  error?: string
}
const decision: Decision = { task: 'T-1' }
telemetry.log('info', decision)
telemetry.log('error', { error: new Error('failed') })

same<Same<ReturnType<TelemetryManager['initialize']>, Promise<void>>>()
same<Same<ReturnType<TelemetryManager['log']>, Promise<void>>>()
same<Same<ReturnType<TelemetryManager['flush']>, Promise<void>>>()
same<Same<ReturnType<TelemetryManager['close']>, Promise<void>>>()
same<Same<ReturnType<TelemetryManager['stats']>, TelemetryStats>>()
same<Same<ReturnType<TelemetryManager['child']>, TelemetryChild>>()
same<Same<TelemetryStats['entries']['dropped'], Record<LogLevel, number>>>()
same<Same<ReturnType<typeof capabilities>, Capabilities>>()

/** `await using` closes the log. */
async function scoped() {
  await using log = new TelemetryManager()
  await log.child({ task: 'T-1' }).child({ step: 2 }).log('warn', {})
}

async function handled(): Promise<PlimsollErrorCode | undefined> {
  try {
    await scoped()
  } catch (error) {
    if (error instanceof PlimsollConfigError) {
      const typeError: TypeError = error
      void typeError
      same<Same<typeof error.code, 'ERR_PLIMSOLL_CONFIG'>>()
      return error.code
    }
    if (error instanceof PlimsollError) return error.code
    throw error
  }
  return undefined
}
void handled

new ErrorAnalysisWorker()
const analysisConfig: Required<ErrorAnalysisConfig> = {
  maxFailures: 10,
  maxProblems: 5,
  rawStore: { dir: 'state/raw', maxBytes: 1, maxAge: 1 },
  onError: (error) => error.code satisfies PlimsollErrorCode,
}
const analysis = new ErrorAnalysisWorker(analysisConfig)
// @ts-expect-error a directory is needed
new ErrorAnalysisWorker({ rawStore: {} })
const failure = await analysis.analyzeError(new Error('x'), { taskId: 'T', phase: 'p', agent: 'a', timestamp: new Date(), exitCode: 1, signal: null })
same<Same<typeof failure, ErrorSummary>>()
same<Same<typeof failure.type, FailureType>>()
same<Same<typeof failure.details.errorsByType, Record<string, number> | undefined>>()
if (failure.fixTask !== undefined) same<Same<typeof failure.fixTask.command, string>>()
await analysis.analyzeError('text', { taskId: 'T', phase: 'p' })
await analysis.analyzeError(new Uint8Array(), { taskId: 'T', phase: 'p' })
// @ts-expect-error a task is needed
await analysis.analyzeError('text', { phase: 'p' })
same<Same<Awaited<ReturnType<typeof analysis.analyzeStream>>, ErrorSummary>>()
declare const pipe: AsyncIterable<Uint8Array>
await analysis.analyzeStream(pipe, { taskId: 'T', phase: 'p' })
const counts = analysis.getStatistics()
same<Same<typeof counts, { hash: string; count: number }[]>>()
same<Same<ReturnType<() => AnalysisStatistics>, AnalysisStatistics>>()
const detailed: AnalysisStatistics = analysis.getStatistics({ detailed: true })
detailed.failures.map(({ firstSeen }) => firstSeen)
analysis.clearStatistics()
const pattern: FailurePattern = { name: 'n', match: /x/, type: 'timeout' }
analysis.addPattern(pattern)
// @ts-expect-error no such type
analysis.addPattern({ name: 'n', match: 'x', type: 'none' })
same<Same<ReturnType<typeof analysis.removePattern>, boolean>>()
same<Same<ReturnType<typeof analysis.patterns>, string[]>>()
const kept: string = await analysis.readRaw('ref', { lines: [1, 2] })
const keptBytes: Uint8Array = await analysis.readRaw(kept, { bytes: [0, 1] })
keptBytes.length
