// Runs the Jest suite under several versions of Node, each fetched from npm into a cache directory.
//
//   node scripts/node-versions.mjs            20, 22, 24 and 26
//   node scripts/node-versions.mjs newest     the newest of them
//   node scripts/node-versions.mjs 22 24      the majors named
//
// PLIMSOLL_NODE_CACHE names the directory; by default it is target/node-versions.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { execute, jestTests, root, runStages } from './stages.mjs'

const MAJORS = [20, 22, 24, 26]
const cache = process.env.PLIMSOLL_NODE_CACHE ?? path.join(root, 'target', 'node-versions')

/** The npm packages that hold Node's own release binaries. */
const SYSTEM = { linux: 'linux', darwin: 'darwin', win32: 'win' }[process.platform]
const PACKAGE = `node-${SYSTEM}-${process.arch}`

/**
 * Installs the newest release of a major version, unless it is there.
 *
 * @param {number} major
 * @returns {Promise<string>} the executable
 */
async function nodeOfMajor(major) {
  const directory = path.join(cache, String(major))
  const installed = path.join(directory, 'node_modules', PACKAGE)
  const executable = path.join(installed, 'bin', process.platform === 'win32' ? 'node.exe' : 'node')
  if (existsSync(executable)) return executable
  mkdirSync(directory, { recursive: true })
  writeFileSync(path.join(directory, 'package.json'), '{ "private": true }\n')
  const options = ['--prefix', directory, '--no-audit', '--no-fund', '--ignore-scripts']
  const { code } = await execute('npm', ['install', ...options, `${PACKAGE}@${major}`])
  if (code !== 0) throw new Error(`npm has no ${PACKAGE}@${major} for this machine`)
  return executable
}

/** @param {number} major */
function suiteOn(major) {
  return {
    name: `Jest on Node ${major}`,
    async run() {
      const node = await nodeOfMajor(major)
      const { version } = JSON.parse(readFileSync(path.join(path.dirname(node), '..', 'package.json'), 'utf8'))
      console.log(`Node ${version}`)
      return jestTests(`Node ${version}`, ['--maxWorkers=2'], node).run()
    },
  }
}

const wanted = process.argv.slice(2)
const unknown = wanted.filter((name) => name !== 'newest' && !MAJORS.includes(Number(name)))
if (unknown.length > 0) {
  console.error(`Not one of ${MAJORS.join(', ')} or newest: ${unknown.join(', ')}`)
  process.exitCode = 1
} else {
  const majors = wanted.length === 0 ? MAJORS : wanted.map((name) => (name === 'newest' ? Math.max(...MAJORS) : Number(name)))
  process.exitCode = await runStages(majors.map(suiteOn))
}
