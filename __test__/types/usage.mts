// Compiled, never run: what callers may write, and, after `@ts-expect-error`, what they may not.
import {
  DEFAULT_RESOURCE_BUDGET_CONFIG,
  ErrorAnalysisWorker,
  PlimsollConfigError,
  PlimsollError,
  ResourceBudgetManager,
  ResourceLifecycleManager,
  ResourceLimitError,
  ResourceScope,
  ScopeCleanupError,
  SpanHandle,
  TelemetryManager,
  Tracing,
  WorkerCallContext,
  WorkerCallTimeoutError,
  capabilities,
  createBatchWorkerCallWrapper,
  getResourceBudgetManager,
  getResourceLifecycleManager,
  initTracing,
  resetResourceBudgetManager,
  resetResourceLifecycleManager,
  withRequestScope,
  withScope,
  withWorkerCallObservability,
  withWorkerCallObservabilitySync,
  type AnalysisStatistics,
  type BatchWorkerCallWrapper,
  type BudgetStatus,
  type Capabilities,
  type ErrorAnalysisConfig,
  type ErrorSummary,
  type FailurePattern,
  type FailureType,
  type Lane,
  type LeakReport,
  type LeakSuspect,
  type LogLevel,
  type PlimsollErrorCode,
  type RedactConfig,
  type Rejection,
  type RejectionReason,
  type ResourceBudgetConfig,
  type ResourceLifecycleConfig,
  type TelemetryChild,
  type TelemetryConfig,
  type TelemetryStats,
  type TimeoutEvent,
  type TracingStats,
  type WorkerCallMetrics,
  type WorkerCallOptions,
  type WorkerCallStatistics,
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

const budgetConfig: Required<ResourceBudgetConfig> = {
  maxRssMb: 1024,
  heapWarningMb: 400,
  laneConcurrencyLimits: { tool_call: 4, 'any text': 1 },
  globalConcurrencyLimit: 32,
  defaultTimeoutMs: 300_000,
  timeoutEscalationFactor: 1.5,
  enableMemoryGuards: true,
  enableSpanEmission: true,
  spanSampleRate: 0.5,
  queue: { max: 10, shed: 'drop-lowest', ageingMs: 1000 },
  borrow: { tool_call: 8 },
  taskQuota: { slots: 2 },
  taskQuotas: { 'task-1': { callsPerMinute: 60, totalMs: 1000 } },
  includeChildMemory: true,
  maxContainerMemory: 0.9,
  predictMemory: { margin: 1.5 },
  adaptive: { mode: 'latency', lanes: ['tool_call'] },
  breaker: true,
  adaptiveTimeout: { percentile: 95 },
  shared: 'state/lanes',
  logger: telemetry,
  onTimeout: (event) => same<Same<typeof event, TimeoutEvent>>(),
}
new ResourceBudgetManager()
new ResourceBudgetManager({ logger: { log: (level) => same<Same<typeof level, LogLevel>>() } })
// @ts-expect-error misspelt
new ResourceBudgetManager({ maxRssMB: 1 })
// @ts-expect-error a number
new ResourceBudgetManager({ laneConcurrencyLimits: { tool_call: '4' } })
// @ts-expect-error no such policy
new ResourceBudgetManager({ queue: { shed: 'all' } })
// @ts-expect-error frozen
DEFAULT_RESOURCE_BUDGET_CONFIG.maxRssMb = 1
// @ts-expect-error made by acquireSlot() alone
new WorkerCallContext()
// @ts-expect-error comes with a context alone
new SpanHandle()
// @ts-expect-error made by initTracing() alone
new Tracing()

const budget = new ResourceBudgetManager(budgetConfig)
const lane: Lane = 'critic'
const slot = await budget.acquireSlot('task-1', lane, 60_000, { tool: 'ruff' })
same<Same<typeof slot, WorkerCallContext<{ tool: string }> | null>>()
if (slot !== null) {
  same<Same<typeof slot.metadata.tool, string>>()
  same<Same<typeof slot.span, SpanHandle | null>>()
  slot.span?.setAttribute('a', 1).addEvent('b', { c: [2] }).setStatus('error', 'no').recordException('anything')
  // @ts-expect-error no such outcome
  slot.span?.setStatus('unset')
  // @ts-expect-error fixed
  slot.lane = 'other'
  slot.registerProcess(17)
  slot.registerProcess({ pid: 17 })
  same<Same<ReturnType<typeof slot.registerScope<{ cleanup(): void; name: string }>>['name'], string>>()
  // @ts-expect-error no cleanup()
  slot.registerScope({})
  budget.releaseSlot(slot, false, 'what it failed with')
}
declare const stop: AbortSignal
const patient = await budget.acquireSlot('task-1', lane, { wait: { maxMs: 5000, priority: 'high' }, signal: stop, kind: 'lint', metadata: 7 })
same<Same<typeof patient, WorkerCallContext<number> | null>>()
// @ts-expect-error no such priority
await budget.acquireSlot('task-1', lane, { wait: { maxMs: 5000, priority: 'urgent' } })
// @ts-expect-error how long is needed
await budget.acquireSlot('task-1', lane, { wait: {} })
await budget.acquireSlot('task-1', lane, { timeout: 'adaptive' })
// @ts-expect-error one word is known
await budget.acquireSlot('task-1', lane, { timeout: 'soon' })

async function held() {
  await using context = await budget.acquireSlot('task-1', lane)
  using also = await budget.acquireSlot('task-1', lane)
  using manager = new ResourceBudgetManager()
  return [context?.id, also?.released, manager.lastRejection]
}
void held

budget.setLimits({ globalConcurrencyLimit: 3 })
same<Same<ReturnType<typeof budget.getMetrics>, WorkerCallMetrics[]>>()
same<Same<ReturnType<typeof budget.getStatistics>, WorkerCallStatistics>>()
same<Same<ReturnType<typeof budget.status>, BudgetStatus>>()
same<Same<typeof budget.lastRejection, Rejection | null>>()
same<Same<ReturnType<typeof budget.toPrometheus>, string>>()
const refusals: Partial<Record<RejectionReason, number>> = budget.status().refusals
refusals.lane_full?.toFixed()
const running: number | undefined = budget.getConcurrencyStatus().lanes['tool_call']?.active
running?.toFixed()
same<Same<ReturnType<typeof getResourceBudgetManager>, ResourceBudgetManager>>()
same<Same<ReturnType<typeof resetResourceBudgetManager>, void>>()

const callOptions: WorkerCallOptions<{ a: number }> = { lane, metadata: { a: 1 }, manager: budget, emitMetricsLog: false, throwOnResourceLimitExceeded: false }
const awaited = await withWorkerCallObservability('task-1', async (signal, context) => {
  same<Same<typeof signal, AbortSignal>>()
  return context?.metadata.a
}, callOptions)
same<Same<typeof awaited, number | undefined | null>>()
const immediate = withWorkerCallObservabilitySync('task-1', () => 'text')
same<Same<typeof immediate, string | null>>()
// @ts-expect-error a function
await withWorkerCallObservability('task-1', Promise.resolve(1))
const batch: BatchWorkerCallWrapper = createBatchWorkerCallWrapper('task-1', lane, { wait: { maxMs: 5 } })
await batch.init()
const item = await batch.execute(async () => 5)
same<Same<typeof item, number>>()
batch.release(true)
const scopedResult = await withRequestScope('task-1', ({ taskId, signal, getContext }) => [taskId, signal, getContext()] as const)
same<Same<(typeof scopedResult)[0], string>>()
same<Same<(typeof scopedResult)[2], WorkerCallContext | null>>()

function explain(error: unknown): string | number | undefined {
  if (error instanceof ResourceLimitError) return error.rejection?.reason
  if (error instanceof WorkerCallTimeoutError) return error.endedAtMs
  return undefined
}
explain(new ResourceLimitError('Resource limit exceeded: x', null) satisfies PlimsollError)

const tracing = initTracing({ serviceName: 's', version: '1', environment: 'e', exporter: { otlp: { endpoint: 'http://c', headers: { a: 'b' }, gzip: true }, file: 'traces.jsonl' } })
same<Same<typeof tracing, Tracing>>()
same<Same<ReturnType<typeof tracing.flush>, Promise<boolean>>>()
same<Same<ReturnType<typeof tracing.stats>, TracingStats | null>>()
const lastCode: PlimsollErrorCode | undefined = tracing.stats()?.otlp?.lastError?.code
void lastCode
// @ts-expect-error no such exporter
initTracing({ exporter: 'zipkin' })

const lifecycleConfig: Required<ResourceLifecycleConfig> = {
  maxListeners: 50,
  maxProcesses: 20,
  maxTempFiles: 100,
  releaseTimeoutMs: 5000,
  suspectAgeMs: 300_000,
  growthSamples: 10,
  codex: { max: 2 },
  logger: telemetry,
  onError: (error) => error.code satisfies PlimsollErrorCode,
}
const lifecycle = new ResourceLifecycleManager(lifecycleConfig)
new ResourceLifecycleManager()
// @ts-expect-error misspelt
new ResourceLifecycleManager({ maxListener: 1 })
// @ts-expect-error comes from withScope() and scope() alone
new ResourceScope()
const seven = await lifecycle.withScope(async (scope) => {
  same<Same<typeof scope, ResourceScope>>()
  return 7
})
same<Same<typeof seven, number>>()
const word = await withScope((scope) => scope.name ?? 'text', { name: 'work' })
same<Same<typeof word, string>>()
// @ts-expect-error a function
await withScope(Promise.resolve())

declare const target: { addEventListener(type: string, listener: (event: object) => void): void; removeEventListener(type: string, listener: (event: object) => void): void }
declare const emitter: { on(event: string, handler: (...args: unknown[]) => void): unknown; off(event: string, handler: (...args: unknown[]) => void): unknown }
async function scopes() {
  await using scope = lifecycle.scope({ name: 'scope' })
  scope.on(emitter, 'data', (chunk: string) => chunk.length).once(target, 'abort', { handleEvent: () => {} }).on(stop, 'abort', () => {})
  // @ts-expect-error no handler
  scope.on(emitter, 'data')
  scope.trackProcess({ pid: 7 }, 'ruff', ['check'])
  scope.trackTempFile('/tmp/x', 'purpose')
  scope.trackTempFile('/tmp/x', 'purpose', 'directory')
  // @ts-expect-error why is needed
  scope.trackTempFile('/tmp/x')
  const stream = scope.trackStream({ destroy() {}, name: 'stream' })
  same<Same<typeof stream.name, string>>()
  scope.defer(async () => {})
  const used = scope.use({ close() {}, size: 1 })
  same<Same<typeof used.size, number>>()
  scope.use(null)
  // @ts-expect-error nothing to call
  scope.use({ size: 1 })
  same<Same<ReturnType<typeof scope.setTimeout>, NodeJS.Timeout>>()
  scope.setInterval((text: string) => text.length, 5, 'text')
  // @ts-expect-error text is needed
  scope.setInterval((text: string) => text.length, 5, 7)
  same<Same<typeof scope.signal, AbortSignal>>()
  await using inner = scope.scope()
  const path: string = await inner.createTempFile('prefix', 'purpose', { directory: '/tmp' })
  await inner.createTempDirectory('prefix', path)
  const { stdout } = await inner.exec('ruff', ['check'], { timeout: 5 })
  same<Same<typeof stdout, string>>()
  const bytes = await inner.exec('ruff', [], { encoding: 'buffer' })
  same<Same<typeof bytes.stdout, Uint8Array>>()
  inner.spawn('ruff').kill('SIGTERM')
  return [scope.name, scope.ended]
}
void scopes

lifecycle.trackListener(emitter, 'data', () => {})
lifecycle.removeListener(target, 'abort', () => {})
same<Same<ReturnType<typeof lifecycle.getStatistics>, { listeners: number; processes: number; tempFiles: number }>>()
same<Same<ReturnType<typeof lifecycle.checkForLeaks>, { hasLeaks: boolean; warnings: string[] }>>()
same<Same<ReturnType<typeof lifecycle.leakReport>, LeakReport>>()
const suspects: LeakSuspect[] = lifecycle.leakReport().suspects
suspects.map(({ origin }) => origin?.[0])
const deletedFiles: number = await lifecycle.cleanupOldTempFiles()
void deletedFiles
lifecycle.scopes.open.toFixed()
// @ts-expect-error counted by the manager alone
lifecycle.scopes = {}
same<Same<ReturnType<typeof getResourceLifecycleManager>, ResourceLifecycleManager>>()
same<Same<ReturnType<typeof resetResourceLifecycleManager>, Promise<void>>>()
same<Same<ScopeCleanupError['errors'], readonly unknown[]>>()
