// Builds the native addon and the keeper for this machine into js/, then prints their sizes and how
// long the addon takes to load. In a clone @napi-rs/cli does it and also writes the loader and its
// types; in an installed package, which has neither the CLI nor a reason to keep build output, cargo
// alone does, in a temporary directory unless CARGO_TARGET_DIR names one. Either is one run of cargo:
// the keeper is compiled after the addon, from the few modules it needs, in some seconds.
//
//   node scripts/build.mjs                     this machine
//   node scripts/build.mjs --target <triple>   cross build; further arguments go to `napi build`

import { spawnSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { KEEPER, addonFile, keeperFile, platformOf } from './targets.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const require = createRequire(import.meta.url)
const { platformTriple, libcFamily } = require('../js/platform.js')

const LIBRARY = { win32: 'plimsoll.dll', darwin: 'libplimsoll.dylib' }[process.platform] ?? 'libplimsoll.so'
const LOADS_MEASURED = 7

const extra = process.argv.slice(2)
const addon = path.join(root, 'js', addonFile(platformTriple()))

try {
  requireCargo()
  const cli = findNapiCli()
  if (cli) buildWithNapiCli(cli)
  else buildWithCargo()
  if (!extra.includes('--target')) report()
} catch (error) {
  console.error(`Build failed: ${error.message}`)
  process.exitCode = 1
}

/** Ends with advice when Rust is not there: cargo's absence is the likeliest reason to fail. */
function requireCargo() {
  const { error, stdout } = spawnSync('cargo', ['--version'], { encoding: 'utf8' })
  if (!error) {
    console.log(`Building plimsoll for ${platformTriple()} with ${stdout.trim()}`)
    return
  }
  throw new Error(
    `plimsoll needs Rust 1.89 or later, and cargo cannot be run (${error.message}). ` +
      'Install it from https://rustup.rs, then repeat the command.',
  )
}

/** @returns {string | undefined} the CLI's file; only a clone has it */
function findNapiCli() {
  if (!existsSync(path.join(root, 'package-lock.json'))) return undefined
  try {
    const manifest = require.resolve('@napi-rs/cli/package.json', { paths: [root] })
    return path.join(path.dirname(manifest), require(manifest).bin.napi)
  } catch {
    return undefined
  }
}

/** @param {string} cli */
function buildWithNapiCli(cli) {
  const output = ['--platform', '--release', '--output-dir', 'js', '--js', 'binding.cjs', '--dts', 'binding.d.ts']
  // Without the cache off, types of functions that were removed stay in binding.d.ts.
  const asked = extra.indexOf('--target')
  const triple = asked === -1 ? rustHost() : extra[asked + 1]
  run(process.execPath, [cli, 'build', ...output, '--no-dts-cache', ...extra, ...(asked === -1 ? ['--target', triple] : [])])
  installKeeper(path.join(targetDirectory(), triple, 'release'), platformOf(triple).name)
}

/** @returns {string} where cargo puts what it builds in the clone */
function targetDirectory() {
  const { status, stdout } = spawnSync('cargo', ['metadata', '--format-version', '1', '--no-deps'], {
    cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (status !== 0) throw new Error('cargo does not tell its target directory')
  return JSON.parse(stdout).target_directory
}

function buildWithCargo() {
  const kept = process.env.CARGO_TARGET_DIR
  const target = kept ? path.resolve(root, kept) : mkdtempSync(path.join(tmpdir(), 'plimsoll-build-'))
  try {
    // Named, so that the place of the output does not depend on what cargo's configuration says.
    const triple = rustHost()
    const args = ['build', '--release', '--locked', '--target', triple, '--target-dir', target]
    run('cargo', args, buildEnvironment())
    const built = path.join(target, triple, 'release')
    install(path.join(built, LIBRARY), addon)
    installKeeper(built, platformTriple())
  } finally {
    if (!kept) rmSync(target, { recursive: true, force: true })
  }
}

/** @param {string} built the directory it was built in @param {string} platform */
function installKeeper(built, platform) {
  const file = keeperFile(platform)
  if (file !== undefined) install(path.join(built, KEEPER), path.join(root, 'js', file))
}

/** Renamed into place: a process that has the old file mapped, or runs it, keeps it whole. */
function install(built, file) {
  const fresh = `${file}.${process.pid}.tmp`
  copyFileSync(built, fresh)
  chmodSync(fresh, 0o755)
  renameSync(fresh, file)
}

/** @returns {string} the target triple of the installed Rust, e.g. x86_64-unknown-linux-gnu */
function rustHost() {
  const { stdout, error } = spawnSync('rustc', ['--version', '--verbose'], { encoding: 'utf8' })
  const host = stdout?.match(/^host: (\S+)$/m)?.[1]
  if (host) return host
  throw new Error(`rustc does not tell its host (${error?.message ?? stdout})`)
}

/** musl links statically unless told otherwise, and a static library cannot be loaded by Node. */
function buildEnvironment() {
  if (libcFamily() !== 'musl') return process.env
  return { ...process.env, RUSTFLAGS: `${process.env.RUSTFLAGS ?? ''} -C target-feature=-crt-static`.trim() }
}

function run(command, args, env = process.env) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env })
  if (status === 0) return
  throw new Error(`${command} ${args.join(' ')} ${error ? error.message : `ended with ${status}`}`)
}

/** Loads package and addon in fresh processes and prints what a user pays for them. */
function report() {
  const script = `const started = performance.now()
    require(${JSON.stringify(root)})
    const required = performance.now()
    require(${JSON.stringify(path.join(root, 'js', 'native.js'))}).native()
    console.log(JSON.stringify([required - started, performance.now() - required]))`
  const loads = Array.from({ length: LOADS_MEASURED }, () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' })
    if (status !== 0) throw new Error(`the addon was built but cannot be loaded:\n${stderr}`)
    return JSON.parse(stdout)
  })
  const [required, loaded] = [0, 1].map((part) => median(loads.map((load) => load[part])).toFixed(1))
  const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
  const keeper = keeperFile(platformTriple())
  const files = [addon, ...(keeper === undefined ? [] : [path.join(root, 'js', keeper)])]
  const sizes = files.map((file) => `${path.relative(root, file)} has ${(statSync(file).size / 1e6).toFixed(2)} MB`)
  console.log(`plimsoll ${version}: ${sizes.join(', ')}`)
  console.log(`require takes ${required} ms, loading the addon ${loaded} ms (medians of ${LOADS_MEASURED} processes)`)
}

/** @param {number[]} values */
function median(values) {
  return values.sort((a, b) => a - b)[values.length >> 1]
}
