'use strict'
/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  testMatch: ['**/*.test.js'],
  // Elsewhere lie further packages, build output and programs that are broken on purpose.
  roots: ['<rootDir>/__test__'],
  // Ledgers go to a directory of this run, not to the user's.
  globalSetup: '<rootDir>/__test__/support/own-state.js',
  globalTeardown: '<rootDir>/__test__/support/own-state-end.js',
  // For the busiest machine; no test waits for time to pass.
  testTimeout: 60_000,
}
