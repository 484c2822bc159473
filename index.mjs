// The CommonJS package under ESM names: one copy of every class, whichever way it is loaded.
export { ErrorAnalysisWorker, TelemetryManager, PlimsollError, PlimsollConfigError, capabilities } from './index.js'
