'use strict'
/** `scripts/setup.mjs` in a pretended clone, with an `npm` that only notes what it was asked to do. */

const { spawn, spawnSync } = require('node:child_process')
const { once } = require('node:events')
const { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const path = require('node:path')
const { platformTriple } = require('../../js/platform.js')

const ROOT = path.resolve(__dirname, '../..')
const LOCK = 'target/.setup.lock'
const ADDON = `js/plimsoll.${platformTriple()}.node`
const KEEPER = `js/plimsoll-keeper.${platformTriple()}`
const PAST = new Date('2020-01-01T00:00:00Z')

// What is pretended is a shell script.
const unixTest = process.platform === 'win32' ? test.skip : test
const suffix = process.platform === 'win32' ? ' (skipped: needs a POSIX shell)' : ''

let clone
beforeEach(() => {
  clone = mkdtempSync(path.join(tmpdir(), 'plimsoll-setup-'))
  for (const directory of ['js', 'scripts', 'src', 'bin', 'target']) mkdirSync(path.join(clone, directory))
  for (const file of ['scripts/setup.mjs', 'scripts/targets.mjs', 'js/platform.js']) cpSync(path.join(ROOT, file), path.join(clone, file))
  const sources = ['package.json', 'package-lock.json', 'Cargo.toml', 'Cargo.lock', 'build.rs', 'src/lib.rs']
  for (const file of sources) {
    writeFileSync(path.join(clone, file), file === 'package.json' ? '{}' : '')
    utimesSync(path.join(clone, file), PAST, PAST)
  }
  // Installing and building are slow enough here for two set-ups to meet: the first waits for `gate`.
  const npm = `#!/bin/sh
    echo "$*" >> "${clone}/asked"
    [ -e "${clone}/broken" ] && exit 3
    while [ -e "${clone}/gate" ]; do sleep 0.02; done
    case "$1" in
      ci) mkdir -p node_modules && : > node_modules/.package-lock.json ;;
      run) : > "${ADDON}"; : > "${KEEPER}" ;;
    esac`
  writeFileSync(path.join(clone, 'bin/npm'), npm, { mode: 0o755 })
})
afterEach(() => rmSync(clone, { recursive: true, force: true }))

const options = () => ({
  cwd: clone,
  encoding: 'utf8',
  env: { ...process.env, PATH: `${path.join(clone, 'bin')}${path.delimiter}${process.env.PATH}` },
})
const setup = (...args) => spawnSync(process.execPath, ['scripts/setup.mjs', ...args], options())
const asked = () => (existsSync(path.join(clone, 'asked')) ? readFileSync(path.join(clone, 'asked'), 'utf8').trim().split('\n') : [])
const touch = (file, time = new Date(Date.now() + 60_000)) => utimesSync(path.join(clone, file), time, time)

unixTest(`a fresh clone is installed and built, once${suffix}`, () => {
  expect(setup().status).toBe(0)
  expect(asked()).toEqual(['ci', 'run build'])
  expect(setup().status).toBe(0)
  expect(asked()).toEqual(['ci', 'run build'])
})

unixTest(`a changed lock is installed again${suffix}`, () => {
  setup()
  touch('package-lock.json')
  setup()
  expect(asked()).toEqual(['ci', 'run build', 'ci'])
})

unixTest.each(['src/lib.rs', 'Cargo.toml', 'Cargo.lock', 'build.rs'])(`a changed %s is built again${suffix}`, (file) => {
  setup()
  touch(file)
  setup()
  expect(asked()).toEqual(['ci', 'run build', 'run build'])
})

unixTest.each([['addon', ADDON], ['keeper', KEEPER]])(`an %s that is missing or older than its sources is built again${suffix}`, (_, file) => {
  setup()
  rmSync(path.join(clone, file))
  setup()
  expect(asked()).toEqual(['ci', 'run build', 'run build'])
  touch(file, PAST)
  setup()
  expect(asked()).toEqual(['ci', 'run build', 'run build', 'run build'])
  setup()
  expect(asked()).toHaveLength(4)
})

unixTest(`an install that was interrupted is repeated${suffix}`, () => {
  mkdirSync(path.join(clone, 'node_modules/half'), { recursive: true })
  setup('--dependencies')
  expect(asked()).toEqual(['ci'])
})

unixTest(`a failure ends with its code, says what failed, and leaves no lock${suffix}`, () => {
  writeFileSync(path.join(clone, 'broken'), '')
  const { status, stderr } = setup()
  expect(status).toBe(3)
  expect(stderr).toContain('Set-up failed: npm ci ended with 3')
  expect(existsSync(path.join(clone, LOCK))).toBe(false)
  expect(asked()).toEqual(['ci'])
})

unixTest(`two at once take turns, and the second finds everything done${suffix}`, async () => {
  writeFileSync(path.join(clone, 'gate'), '')
  const start = () => spawn(process.execPath, ['scripts/setup.mjs'], { ...options(), stdio: ['ignore', 'pipe', 'inherit'] })
  const first = start()
  await once(first.stdout, 'data')
  const second = start()
  const [announcement] = await once(second.stdout, 'data')
  expect(String(announcement)).toContain('Waiting for another set-up')
  const ended = [first, second].map((child) => once(child, 'exit'))
  rmSync(path.join(clone, 'gate'))
  expect((await Promise.all(ended)).map(([code]) => code)).toEqual([0, 0])
  expect(asked()).toEqual(['ci', 'run build'])
})

unixTest(`the lock of a dead process does not stand in the way${suffix}`, () => {
  const { pid } = spawnSync(process.execPath, ['-e', ''])
  writeFileSync(path.join(clone, LOCK), String(pid))
  expect(setup().status).toBe(0)
  expect(asked()).toEqual(['ci', 'run build'])
})
