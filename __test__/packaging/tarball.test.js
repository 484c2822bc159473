'use strict'
/**
 * The package as a user gets it: packed, installed into an empty project without development
 * dependencies and without a prebuilt addon, built from its own sources with the very command the
 * load error names, and used. Cargo's target directory is shared with the clone so that the
 * dependencies need not be compiled again; Plimsoll itself is, from the packed sources.
 */

const { execFileSync, spawnSync } = require('node:child_process')
const { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, statSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const path = require('node:path')
const { platformTriple } = require('../../js/platform.js')

const ROOT = path.resolve(__dirname, '../..')
const BUILD_DEADLINE_MS = 900_000
const shell = process.platform === 'win32'

let work
let project
let packed

/** The environment without what this very `npm run` put into it. */
const cleanEnvironment = () =>
  Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^npm_(package|lifecycle|config_local_prefix)/i.test(key)))

const npm = (args, { cwd, env = {} }) =>
  execFileSync('npm', args, { cwd, encoding: 'utf8', shell, stdio: ['ignore', 'pipe', 'pipe'], env: { ...cleanEnvironment(), ...env } })

const runInProject = (...args) => spawnSync(process.execPath, args, { cwd: project, encoding: 'utf8', env: cleanEnvironment() })

/** Logs one entry to `logPath` and reports what the installed package can do. */
const use = (logPath) => `
  (async () => {
    const telemetry = new plimsoll.TelemetryManager({ logPath: ${JSON.stringify(logPath)} })
    await telemetry.initialize()
    await telemetry.log('info', { task: 'T-1' })
    await telemetry.close()
    console.log(JSON.stringify(plimsoll.capabilities()))
  })()`

beforeAll(() => {
  work = realpathSync(mkdtempSync(path.join(tmpdir(), 'plimsoll-tarball-')))
  const output = npm(['pack', '--json', '--ignore-scripts', '--pack-destination', work], { cwd: ROOT })
  packed = JSON.parse(output.slice(output.indexOf('[')))[0]
  project = path.join(work, 'project')
  mkdirSync(project)
  writeFileSync(path.join(project, 'package.json'), JSON.stringify({ name: 'empty', version: '1.0.0', private: true }))
  // A project that is itself a Cargo workspace must not get in the way.
  writeFileSync(path.join(project, 'Cargo.toml'), '[workspace]\nmembers = []\n')
  npm(['install', '--omit=dev', '--prefer-offline', '--no-audit', '--no-fund', path.join(work, packed.filename)], { cwd: project })
}, BUILD_DEADLINE_MS)

afterAll(() => rmSync(work, { recursive: true, force: true }))

const packedFiles = () => packed.files.map(({ path: file }) => file)

test('the tarball holds what runs and what builds', () => {
  expect(packedFiles()).toEqual(
    expect.arrayContaining([
      'package.json', 'README.md', 'LICENSE', 'index.js', 'index.mjs', 'index.d.ts', 'index.d.mts',
      'js/binding.cjs', 'js/binding.d.ts', 'js/native.js', 'bin/plimsoll.js',
      'Cargo.toml', 'Cargo.lock', 'build.rs', 'src/lib.rs', 'src/bin/plimsoll-keeper.rs', 'scripts/build.mjs', 'scripts/targets.mjs',
    ]),
  )
})

test('the tarball holds no binary, no test and no development file', () => {
  const stray = /\.node$|^js\/plimsoll-keeper|^(__test__|bench|examples|target|npm|node_modules|\.github|\.ci)\/|^package-lock/
  expect(packedFiles().filter((file) => stray.test(file))).toEqual([])
})

test('installing it brings the run-time dependencies and no more', () => {
  const { dependencies } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'))
  for (const name of Object.keys(dependencies)) expect(existsSync(path.join(project, 'node_modules', name))).toBe(true)
  expect(existsSync(path.join(project, 'node_modules', '@napi-rs'))).toBe(false)
})

test('the command in the load error builds it, and it works under require, import and npx', () => {
  const before = runInProject('-e', `const plimsoll = require('plimsoll'); ${use('before.jsonl')}`)
  expect(before.status).not.toBe(0)
  expect(before.stderr).toContain('ERR_PLIMSOLL_NATIVE')
  const [, command] = before.stderr.match(/: npm (explore .+)$/m)

  npm(command.split(' '), { cwd: project, env: { CARGO_TARGET_DIR: process.env.CARGO_TARGET_DIR ?? path.join(ROOT, 'target') } })

  const ways = {
    require: ['-e', `const plimsoll = require('plimsoll'); ${use('require.jsonl')}`],
    import: ['--input-type=module', '-e', `import * as plimsoll from 'plimsoll'; ${use('import.jsonl')}`],
  }
  for (const [way, args] of Object.entries(ways)) {
    const { stdout, stderr } = runInProject(...args)
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)).toMatchObject({ platform: process.platform, arch: process.arch, version: packed.version })
    const line = JSON.parse(readFileSync(path.join(project, `${way}.jsonl`), 'utf8'))
    expect(line).toMatchObject({ level: 'info', data: { task: 'T-1' } })
  }

  const addon = path.join(project, 'node_modules', 'plimsoll', 'js', `plimsoll.${platformTriple()}.node`)
  expect(existsSync(addon)).toBe(true)
  if (process.platform !== 'win32') {
    const keeper = path.join(path.dirname(addon), `plimsoll-keeper.${platformTriple()}`)
    expect((statSync(keeper).mode & 0o777).toString(8)).toBe('755')
  }
  expect(readdirSync(path.dirname(addon)).filter((name) => name.endsWith('.tmp'))).toEqual([])
  expect(npm(['exec', '--no', '--', 'plimsoll', '--version'], { cwd: project }).trim()).toBe(packed.version)
}, BUILD_DEADLINE_MS)
