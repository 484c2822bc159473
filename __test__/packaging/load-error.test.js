'use strict'
/** What a user reads where no addon fits: the package's JavaScript is copied to a place without one. */

const { execFileSync } = require('node:child_process')
const { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const path = require('node:path')
const { platformTriple, describePlatform } = require('../../js/platform.js')

const ROOT = path.resolve(__dirname, '../..')
const ADDON = `plimsoll.${platformTriple()}.node`

let copy
beforeEach(() => {
  copy = mkdtempSync(path.join(tmpdir(), 'plimsoll-load-'))
  for (const name of ['index.js', 'js', 'package.json']) {
    const filter = (file) => !file.endsWith('.node') && !path.basename(file).startsWith('plimsoll-keeper.')
    cpSync(path.join(ROOT, name), path.join(copy, name), { recursive: true, filter })
  }
})
afterEach(() => rmSync(copy, { recursive: true, force: true }))

/** What `code` reports about the error it throws in a process of its own. */
const failureOf = (code) => {
  const script = `(async () => {
    const plimsoll = require(${JSON.stringify(copy)})
    try {
      ${code}
      console.log('null')
    } catch (error) {
      console.log(JSON.stringify({
        isOurs: error instanceof plimsoll.PlimsollError,
        code: error.code,
        message: error.message,
        cause: error.cause instanceof Error ? error.cause.message : null,
      }))
    }
  })()`
  const env = { ...process.env, NAPI_RS_NATIVE_LIBRARY_PATH: '' }
  return JSON.parse(execFileSync(process.execPath, ['-e', script], { cwd: tmpdir(), encoding: 'utf8', env }))
}

test('without an addon the package can be required, and using it names platform, libc, Node and build', () => {
  const failure = failureOf('new plimsoll.TelemetryManager()')
  expect(failure).toMatchObject({ isOurs: true, code: 'ERR_PLIMSOLL_NATIVE' })
  expect(failure.message).toContain(`(${describePlatform()})`)
  expect(failure.message).toContain('npm explore plimsoll -- npm run build')
  expect(failure.cause).not.toBeNull()
})

test('the platform is described by system, processor, C library and Node version', () => {
  const libc = process.platform === 'linux' ? ', (glibc \\d+\\.\\d+|musl libc)' : ''
  expect(describePlatform()).toMatch(new RegExp(`^${process.platform} ${process.arch}${libc}, Node ${process.version}$`))
})

test('the failure is the same at every attempt', () => {
  const attempt = 'try { plimsoll.capabilities() } catch {}'
  expect(failureOf(`${attempt}; plimsoll.capabilities()`)).toMatchObject({ code: 'ERR_PLIMSOLL_NATIVE' })
})

test('a file that is no addon is reported with the reason of the system', () => {
  writeFileSync(path.join(copy, 'js', ADDON), 'not a library')
  const failure = failureOf('plimsoll.capabilities()')
  expect(failure).toMatchObject({ isOurs: true, code: 'ERR_PLIMSOLL_NATIVE' })
  expect(failure.cause).not.toBeNull()
})

test('an addon of another version is refused', () => {
  cpSync(path.join(ROOT, 'js', ADDON), path.join(copy, 'js', ADDON))
  expect(failureOf('plimsoll.capabilities()')).toBeNull()
  const manifest = JSON.parse(readFileSync(path.join(copy, 'package.json'), 'utf8'))
  writeFileSync(path.join(copy, 'package.json'), JSON.stringify({ ...manifest, version: '999.0.0' }))
  const failure = failureOf('plimsoll.capabilities()')
  expect(failure).toMatchObject({ isOurs: true, code: 'ERR_PLIMSOLL_NATIVE' })
  expect(failure.message).toContain(`is of version ${manifest.version}, the package is 999.0.0`)
})
