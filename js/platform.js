'use strict'
/**
 * Names the platform the way the platform packages are named.
 *
 * Plain Node, no dependency: the script that builds the addon from source uses it too.
 */

const path = require('node:path')

/**
 * The C library Node runs on, as npm's `libc` field names it.
 *
 * @returns {'glibc' | 'musl' | null} `null` where the question does not arise (not Linux)
 */
function libcFamily() {
  if (process.platform !== 'linux') return null
  return glibcVersion() === undefined ? 'musl' : 'glibc'
}

/**
 * The glibc version Node reports to run on.
 *
 * @returns {string | undefined} e.g. "2.36"; `undefined` on musl and on other systems
 */
function glibcVersion() {
  // @types/node of Node 20 does not know `excludeNetwork` (since 20.13); older versions ignore it.
  const report = /** @type {NodeJS.ProcessReport & { excludeNetwork?: boolean }} */ (process.report)
  const before = report.excludeNetwork
  // Without this the report looks up host names, which can take seconds.
  report.excludeNetwork = true
  try {
    const { header } = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (
      report.getReport()
    )
    return header.glibcVersionRuntime
  } finally {
    if (before !== undefined) report.excludeNetwork = before
  }
}

/**
 * The suffix of the addon's file and of its platform package, e.g. `linux-x64-gnu`.
 *
 * @returns {string}
 */
function platformTriple() {
  const base = `${process.platform}-${process.arch}`
  if (process.platform === 'win32') return `${base}-msvc`
  if (process.platform !== 'linux') return base
  return `${base}-${libcFamily() === 'musl' ? 'musl' : 'gnu'}`
}

/**
 * The platform in words for a message, e.g. `linux x64, glibc 2.36, Node v20.20.2`.
 *
 * @returns {string}
 */
function describePlatform() {
  const parts = [`${process.platform} ${process.arch}`]
  if (process.platform === 'linux') {
    const glibc = glibcVersion()
    parts.push(glibc === undefined ? 'musl libc' : `glibc ${glibc}`)
  }
  parts.push(`Node ${process.version}`)
  return parts.join(', ')
}

/** @type {string | undefined} */
let addon

/**
 * The addon that is loaded, from the list of Node's report: whichever package it came from.
 *
 * @returns {string | undefined} its path
 */
function loadedAddon() {
  if (addon !== undefined) return addon
  const report = /** @type {NodeJS.ProcessReport & { excludeNetwork?: boolean }} */ (process.report)
  const before = report.excludeNetwork
  report.excludeNetwork = true
  try {
    const { sharedObjects } = /** @type {{ sharedObjects?: string[] }} */ (report.getReport())
    addon = sharedObjects?.find((file) => /^plimsoll[^/\\]*\.node$/.test(path.basename(file)))
    return addon
  } finally {
    if (before !== undefined) report.excludeNetwork = before
  }
}

module.exports = { libcFamily, platformTriple, describePlatform, loadedAddon }
