// The project's tests as stages, for `npm test` and `npm run ready`.
//
// Jest runs twice because users run it both ways: in parallel workers each test process has the
// addon to itself, in band all files share one. Tests that watch processes of their own, to which
// Jest's mode makes no difference, run once; so do the tests of the package.

import { cargoTests, checkWithTool, jestTests, vitestTests } from './stages.mjs'

export const testStages = [
  cargoTests('Rust tests without Node', ['--no-default-features', '--locked']),
  cargoTests('Rust tests', ['--locked']),
  jestTests('Jest, parallel', ['--maxWorkers=2']),
  jestTests('Jest, in band', ['--runInBand', '--testPathIgnorePatterns', '/__test__/(packaging|exit|processes|torture|workers)/']),
  vitestTests('threads'),
  vitestTests('forks'),
  checkWithTool('types of the facade', 'tsc', ['-p', '.']),
  checkWithTool('types, node16', 'tsc', ['-p', '__test__/types/tsconfig.node16.json']),
  checkWithTool('types, bundler', 'tsc', ['-p', '__test__/types/tsconfig.bundler.json']),
]
