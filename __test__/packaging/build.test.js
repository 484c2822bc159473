'use strict'

const { spawnSync } = require('node:child_process')
const { mkdtempSync, rmSync, statSync } = require('node:fs')
const { tmpdir } = require('node:os')
const path = require('node:path')

const { platformTriple } = require('../../js/platform.js')

const ROOT = path.resolve(__dirname, '../..')
const unixTest = process.platform === 'win32' ? test.skip : test
const suffix = process.platform === 'win32' ? ' (skipped: Windows has no keeper)' : ''

test('building without Rust says where to get it', () => {
  const empty = mkdtempSync(path.join(tmpdir(), 'plimsoll-no-cargo-'))
  try {
    const env = { ...process.env, PATH: empty, Path: empty }
    const { status, stderr } = spawnSync(process.execPath, ['scripts/build.mjs'], { cwd: ROOT, encoding: 'utf8', env })
    expect(status).toBe(1)
    expect(stderr).toContain('plimsoll needs Rust 1.89 or later')
    expect(stderr).toContain('https://rustup.rs')
    expect(stderr).not.toContain('    at ')
  } finally {
    rmSync(empty, { recursive: true, force: true })
  }
})

test('the crate, the package and every platform package describe one version and the same targets', () => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/platform-packages.mjs', '--check'], { cwd: ROOT, encoding: 'utf8' })
  expect(stderr).toBe('')
  expect(status).toBe(0)
})

unixTest(`the keeper lies beside the addon, small, and for everybody to execute${suffix}`, () => {
  const { size, mode } = statSync(path.join(ROOT, 'js', `plimsoll-keeper.${platformTriple()}`))
  expect((mode & 0o777).toString(8)).toBe('755')
  // Each command has one: what it maps counts that often. The addon linked into it would be 5 MB.
  expect(size).toBeLessThan(1_500_000)
})
