'use strict'
/**
 * The public surface: names only. `index.d.ts` documents them.
 *
 * What a name stands for is loaded when it is first asked for, so that a program pays for the parts it uses.
 */

// Written one by one so that `import { ... }` sees the names: Node finds them without running the file.
exports.ErrorAnalysisWorker = undefined
exports.ResourceBudgetManager = undefined
exports.ResourceLifecycleManager = undefined
exports.TelemetryManager = undefined
exports.DEFAULT_RESOURCE_BUDGET_CONFIG = undefined
exports.getResourceBudgetManager = undefined
exports.resetResourceBudgetManager = undefined
exports.withWorkerCallObservability = undefined
exports.withWorkerCallObservabilitySync = undefined
exports.createBatchWorkerCallWrapper = undefined
exports.withRequestScope = undefined
exports.WorkerCallContext = undefined
exports.SpanHandle = undefined
exports.initTracing = undefined
exports.Tracing = undefined
exports.ResourceScope = undefined
exports.withScope = undefined
exports.getResourceLifecycleManager = undefined
exports.resetResourceLifecycleManager = undefined
exports.PlimsollError = undefined
exports.PlimsollConfigError = undefined
exports.ResourceLimitError = undefined
exports.ScopeCleanupError = undefined
exports.WorkerCallTimeoutError = undefined
exports.ExecResult = undefined
exports.ManagedProcess = undefined
exports.ProcessPool = undefined
exports.ProcessError = undefined
exports.RemoteError = undefined
exports.capabilities = undefined

lazily(() => require('./js/analysis.js'), 'ErrorAnalysisWorker')
lazily(() => require('./js/telemetry.js'), 'TelemetryManager')
lazily(() => require('./js/budget.js'), 'ResourceBudgetManager', 'getResourceBudgetManager', 'resetResourceBudgetManager')
lazily(() => require('./js/budget-options.js'), 'DEFAULT_RESOURCE_BUDGET_CONFIG')
lazily(() => require('./js/budget-context.js'), 'WorkerCallContext')
lazily(
  () => require('./js/worker-call.js'),
  'withWorkerCallObservability', 'withWorkerCallObservabilitySync', 'createBatchWorkerCallWrapper', 'withRequestScope',
)
lazily(
  () => require('./js/lifecycle.js'),
  'ResourceLifecycleManager', 'getResourceLifecycleManager', 'resetResourceLifecycleManager', 'withScope',
)
lazily(() => require('./js/lifecycle-scope.js'), 'ResourceScope')
lazily(() => require('./js/lifecycle-exec.js'), 'ExecResult')
lazily(() => require('./js/lifecycle-process.js'), 'ManagedProcess')
lazily(() => require('./js/lifecycle-pool.js'), 'ProcessPool')
lazily(() => require('./js/span.js'), 'SpanHandle')
lazily(() => require('./js/tracing.js'), 'initTracing', 'Tracing')
lazily(
  () => require('./js/errors.js'),
  'PlimsollError', 'PlimsollConfigError', 'ProcessError', 'RemoteError', 'ResourceLimitError', 'ScopeCleanupError', 'WorkerCallTimeoutError',
)
lazily(() => require('./js/capabilities.js'), 'capabilities')

/**
 * @param {() => any} load
 * @param {...string} names
 */
function lazily(load, ...names) {
  for (const name of names) {
    Object.defineProperty(exports, name, {
      enumerable: true,
      configurable: true,
      get() {
        const value = load()[name]
        Object.defineProperty(exports, name, { value, enumerable: true, configurable: true, writable: true })
        return value
      },
    })
  }
}
