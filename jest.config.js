'use strict'
/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/__test__/**/*.test.js'],
  // `npm/` and build output hold further package.json files of the same name.
  modulePathIgnorePatterns: ['<rootDir>/npm/', '<rootDir>/target/'],
  // For the busiest machine; no test waits for time to pass.
  testTimeout: 60_000,
}
