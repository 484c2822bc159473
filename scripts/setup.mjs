// Makes a clone ready to run: npm packages installed, native addon and keeper built. Does only what is missing,
// so `npm test` and `npm run demo` call it every time. Node built-ins alone: it runs before the
// install. Two runs at once take turns.
//
//   node scripts/setup.mjs                  packages, addon and keeper
//   node scripts/setup.mjs --dependencies   packages alone

import { spawnSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { binaryFiles } from './targets.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const { platformTriple } = createRequire(import.meta.url)('../js/platform.js')

const LOCK_FILE = path.join(root, 'target', '.setup.lock')
const LOCK_POLL_MS = 500
const SOURCES = ['src', 'Cargo.toml', 'Cargo.lock', 'build.rs', 'package.json']

/**
 * Installs the locked npm packages unless the installed tree is newer than the lock. npm writes
 * `.package-lock.json` last, so an interrupted install is repeated.
 */
function ensureDependencies() {
  const installed = modifiedAt(path.join(root, 'node_modules', '.package-lock.json'))
  if (installed > modifiedAt(path.join(root, 'package-lock.json'))) return
  run('Installing npm packages', 'npm', ['ci'])
}

/** Builds addon and keeper unless both are newer than everything they are built from. */
function ensureBinaries() {
  const oldest = Math.min(...binaryFiles(platformTriple()).map((file) => modifiedAt(path.join(root, 'js', file))))
  if (SOURCES.every((source) => newestUnder(path.join(root, source)) < oldest)) return
  run('Building the native addon (about two minutes the first time)', 'npm', ['run', 'build'])
}

/** @returns {number} milliseconds since the epoch; 0 for a file that is not there */
function modifiedAt(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
}

/** @returns {number} when the newest file at or below `start` was modified */
function newestUnder(start) {
  if (!statSync(start).isDirectory()) return modifiedAt(start)
  const files = readdirSync(start, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return Math.max(...files.map((entry) => modifiedAt(path.join(entry.parentPath ?? entry.path, entry.name))))
}

/** Runs a command in the clone and ends this process with its code if it fails. */
function run(purpose, command, args) {
  console.log(`${purpose}: ${command} ${args.join(' ')}`)
  const { status, error } = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  if (status === 0) return
  console.error(`Set-up failed: ${command} ${args.join(' ')} ${error ? error.message : `ended with ${status}`}`)
  process.exit(status || 1)
}

/** Runs `work` while no other set-up of this clone runs; the lock of a dead process is taken over. */
function alone(work) {
  mkdirSync(path.dirname(LOCK_FILE), { recursive: true })
  let announced = false
  for (;;) {
    try {
      const lock = openSync(LOCK_FILE, 'wx')
      writeSync(lock, String(process.pid))
      closeSync(lock)
      break
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
    }
    if (isOwnerDead()) {
      rmSync(LOCK_FILE, { force: true })
      continue
    }
    if (!announced) console.log('Waiting for another set-up of this clone to finish')
    announced = true
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOCK_POLL_MS)
  }
  process.once('exit', () => rmSync(LOCK_FILE, { force: true }))
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
  work()
}

/** Whether the process named in the lock has gone. A lock without a name yet has a living owner. */
function isOwnerDead() {
  try {
    const pid = Number(readFileSync(LOCK_FILE, 'utf8'))
    if (!pid) return Date.now() - modifiedAt(LOCK_FILE) > 10 * LOCK_POLL_MS
    process.kill(pid, 0)
    return false
  } catch (error) {
    return error.code === 'ESRCH'
  }
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  alone(() => {
    ensureDependencies()
    if (!process.argv.includes('--dependencies')) ensureBinaries()
  })
}
