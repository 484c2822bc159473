'use strict'
/** The public surface: names only. `index.d.ts` documents them. */

const { PlimsollError, PlimsollConfigError } = require('./js/errors.js')
const { ErrorAnalysisWorker } = require('./js/analysis.js')
const { TelemetryManager } = require('./js/telemetry.js')
const { capabilities } = require('./js/capabilities.js')

// Written one by one so that `import { ... }` sees the names: Node finds them without running the file.
exports.ErrorAnalysisWorker = ErrorAnalysisWorker
exports.TelemetryManager = TelemetryManager
exports.PlimsollError = PlimsollError
exports.PlimsollConfigError = PlimsollConfigError
exports.capabilities = capabilities
