// Runs the project's tests; `npm test` runs scripts/setup.mjs before it.

import { runStages } from './stages.mjs'
import { testStages } from './test-stages.mjs'

process.exitCode = await runStages(testStages)
