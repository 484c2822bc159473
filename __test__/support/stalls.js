'use strict'
/**
 * Real trouble with real files: a lock held by somebody else, a small file system that fills up.
 */

const { execFileSync, spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { Child } = require('./children')
const { temporaryDirectory } = require('./directories')

/**
 * Has another process hold the lock of an initialised log, as a stopped process of ours might.
 * @param {string} logPath
 * @returns {Promise<() => Promise<unknown>>} gives the lock back
 */
async function holdLock(logPath) {
  const lock = path.join(path.dirname(logPath), `.${path.basename(logPath)}.lock`)
  fs.accessSync(lock) // `flock` would make a missing one, which stalls nobody
  const child = new Child('flock', ['--exclusive', lock, '-c', 'echo held; cat'])
  await child.says(/held/)
  return () => {
    child.process.stdin?.end()
    return child.exit
  }
}

/** Why no lock can be held here from outside, or `null`. */
function whyNoFlock() {
  const { error } = spawnSync('flock', ['--version'], { stdio: 'ignore' })
  return error === undefined ? null : `the command flock (util-linux) is not here: ${error.message}`
}

/** @type {string[]} */
const mounted = []

/**
 * Why this machine does not let a test mount, or `null` when it does.
 * @returns {string | null}
 */
function whyNoMounts() {
  if (process.platform !== 'linux') return `mounting a tmpfs is Linux's, this is ${process.platform}`
  if (process.getuid?.() !== 0) return 'mounting a tmpfs takes root'
  const directory = fs.mkdtempSync(path.join(temporaryDirectory(), 'mount-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', directory], { stdio: 'pipe' })
  } catch (error) {
    return `mounting a tmpfs is refused here: ${String(error.stderr).trim()}`
  }
  execFileSync('umount', [directory])
  return null
}

/**
 * A file system of its own with this many bytes.
 * @param {number} bytes
 * @returns {string} where it is mounted
 */
function smallFileSystem(bytes) {
  const directory = temporaryDirectory()
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=0700`, 'tmpfs', directory])
  mounted.push(directory)
  return directory
}

/**
 * @param {string} directory of `smallFileSystem`
 * @param {'ro' | 'rw'} mode
 */
function remount(directory, mode) {
  execFileSync('mount', ['-o', `remount,${mode}`, directory])
}

afterEach(() => {
  for (const directory of mounted.splice(0)) execFileSync('umount', ['--lazy', directory])
})

/**
 * `test` where `reason` is `null`; elsewhere a skipped test, with the reason printed and in its name.
 * @param {string | null} reason
 * @param {string} name
 * @param {() => Promise<void>} body
 */
function testUnless(reason, name, body) {
  if (reason === null) return test(name, body)
  console.warn(`skipped: ${name}: ${reason}`)
  return test.skip(`${name} (${reason})`, body)
}

/**
 * @param {string} name
 * @param {() => Promise<void>} body
 */
function testWithMounts(name, body) {
  return testUnless(whyNoMounts(), name, body)
}

/**
 * @param {string} name
 * @param {() => Promise<void>} body
 */
function testWithFlock(name, body) {
  return testUnless(whyNoFlock(), name, body)
}

module.exports = { holdLock, smallFileSystem, remount, testUnless, testWithFlock, testWithMounts }
