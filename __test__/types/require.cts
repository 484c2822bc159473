// Compiled, never run: the package from CommonJS.
import plimsoll = require('plimsoll')

const telemetry: plimsoll.TelemetryManager = new plimsoll.TelemetryManager({ minLevel: 'warn' })
const level: plimsoll.LogLevel = 'error'
telemetry.log(level, {})
const error: Error = new plimsoll.PlimsollError('message', { code: 'ERR_PLIMSOLL_CLOSED' })
// @ts-expect-error not one of the codes
new plimsoll.PlimsollError('message', { code: 'ERR_OTHER' })
void error
