'use strict'
const { native } = require('./native.js')

class ErrorAnalysisWorker {
  async analyzeError(error, context) {
    const text = typeof error === 'string' ? error : String(error?.stack ?? error)
    const { fix, ...summary } = JSON.parse(native().analysisText(text, { timedOut: false, cancelled: false }, 0))
    return summary
  }
}

module.exports = { ErrorAnalysisWorker }
