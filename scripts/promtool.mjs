// Finds Prometheus's own checker of metrics, and prints its path: the one on PATH, else that of Debian's
// package `prometheus`, fetched once into target/promtool. Nothing is installed and no root is needed; the
// package's signature is checked by apt.
//
//   node scripts/promtool.mjs        its path; or the reason why there is none, and exit code 1

import { spawnSync } from 'node:child_process'
import { accessSync, constants, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const CACHE = path.join(root, 'target', 'promtool')
const IN_PACKAGE = './usr/bin/promtool'
const DEADLINE_MS = 180_000

/** @returns {string | undefined} the first executable of that name on PATH */
function onPath(name) {
  return (process.env.PATH ?? '').split(path.delimiter).filter(Boolean).map((directory) => path.join(directory, name)).find(isExecutable)
}

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** @throws when it fails, with what it said last */
function run(command, args, cwd) {
  const { status, error, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', timeout: DEADLINE_MS, stdio: ['ignore', 'pipe', 'pipe'] })
  if (status === 0) return
  throw new Error(`${command} ${error ? error.message : `ended with ${status}: ${stderr.trim().split('\n').at(-1)}`}`)
}

/** Fetches the package into `directory`; with package lists of its own where the system has none. */
function download(directory) {
  try {
    run('apt-get', ['download', 'prometheus'], directory)
  } catch {
    const state = path.join(directory, 'apt')
    const options = ['-o', `Dir::State=${state}`, '-o', 'Dir::State::status=/var/lib/dpkg/status', '-o', `Dir::Cache=${state}`]
    mkdirSync(path.join(state, 'lists', 'partial'), { recursive: true })
    mkdirSync(path.join(state, 'archives', 'partial'), { recursive: true })
    run('apt-get', [...options, 'update'], directory)
    run('apt-get', [...options, 'download', 'prometheus'], directory)
  }
}

function fetch() {
  mkdirSync(path.dirname(CACHE), { recursive: true })
  const work = mkdtempSync(`${CACHE}-`)
  try {
    download(work)
    const archive = readdirSync(work).find((name) => name.endsWith('.deb'))
    if (archive === undefined) throw new Error('apt-get downloaded no package')
    run('sh', ['-c', `dpkg --fsys-tarfile "$0" | tar -x "$1"`, archive, IN_PACKAGE], work)
    mkdirSync(CACHE, { recursive: true })
    // Two at once end with the same file.
    renameSync(path.join(work, IN_PACKAGE), path.join(CACHE, 'promtool'))
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

function find() {
  const installed = onPath('promtool')
  if (installed !== undefined) return installed
  const cached = path.join(CACHE, 'promtool')
  if (isExecutable(cached)) return cached
  const missing = ['apt-get', 'dpkg', 'tar'].find((name) => onPath(name) === undefined)
  if (missing !== undefined) throw new Error(`promtool is not on PATH, and without ${missing} it cannot be fetched: install Prometheus`)
  fetch()
  return cached
}

try {
  console.log(find())
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
