'use strict'
/**
 * Directories for one test file: made in the system's temporary directory, removed after its last test.
 */

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

/** @type {string[]} */
const made = []

/**
 * A new, empty directory with mode 0700.
 * @returns {string} its real path
 */
function temporaryDirectory() {
  const directory = fs.mkdtempSync(path.join(fs.realpathSync(os.tmpdir()), 'plimsoll-test-'))
  made.push(directory)
  return directory
}

function removeDirectories() {
  for (const directory of made.splice(0)) fs.rmSync(directory, { recursive: true, force: true, maxRetries: 3 })
}

if (typeof afterAll === 'function') afterAll(removeDirectories)

module.exports = { temporaryDirectory, removeDirectories }
