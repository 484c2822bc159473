'use strict'
/**
 * What a release makes of the repository: the packed package plus platform packages, as most users
 * get them. Only this machine's addon is real; the others are empty files.
 */

const { execFileSync, spawnSync } = require('node:child_process')
const { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const path = require('node:path')
const { platformTriple } = require('../../js/platform.js')

const ROOT = path.resolve(__dirname, '../..')
const manifest = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'))
const PLATFORMS = [
  'linux-x64-gnu', 'linux-arm64-gnu', 'linux-x64-musl', 'linux-arm64-musl', 'darwin-x64', 'darwin-arm64', 'win32-x64-msvc',
]
const HERE = platformTriple()

let work
let release
beforeEach(() => {
  work = mkdtempSync(path.join(tmpdir(), 'plimsoll-release-'))
  release = path.join(work, 'release')
  mkdirSync(path.join(work, 'artifacts'))
  for (const name of [...manifest.files.filter((file) => !file.startsWith('!')), 'npm', 'package.json', 'LICENSE', 'scripts']) {
    const filter = (file) => !file.endsWith('.node')
    cpSync(path.join(ROOT, name), path.join(release, name), { recursive: true, filter })
  }
})
afterEach(() => rmSync(work, { recursive: true, force: true }))

/** As the workflow downloads them: each addon in a directory of its own. */
const addArtifacts = (platforms) => {
  for (const platform of platforms) {
    const addon = `plimsoll.${platform}.node`
    const directory = path.join(work, 'artifacts', `addon-${platform}`)
    mkdirSync(directory)
    if (platform === HERE) cpSync(path.join(ROOT, 'js', addon), path.join(directory, addon))
    else writeFileSync(path.join(directory, addon), '')
  }
}
const prepare = () =>
  spawnSync(process.execPath, ['scripts/platform-packages.mjs', '--release', path.join(work, 'artifacts')], { cwd: release, encoding: 'utf8' })

/** Packs a directory and unpacks it as an installed package. */
const install = (directory, name) => {
  const shell = process.platform === 'win32'
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', work]
  const output = execFileSync('npm', args, { cwd: directory, encoding: 'utf8', shell, stdio: ['ignore', 'pipe', 'pipe'] })
  const [{ filename, files }] = JSON.parse(output.slice(output.indexOf('[')))
  const target = path.join(work, 'project', 'node_modules', name)
  mkdirSync(target, { recursive: true })
  execFileSync('tar', ['-xzf', filename, '-C', target, '--strip-components=1'], { cwd: work })
  return files.map((file) => file.path)
}

test('a release without one of the addons is refused, and names it', () => {
  addArtifacts(PLATFORMS.filter((platform) => platform !== 'linux-arm64-musl'))
  const { status, stderr } = prepare()
  expect(status).toBe(1)
  expect(stderr).toContain('no addon for linux-arm64-musl')
  expect(JSON.parse(readFileSync(path.join(release, 'package.json'), 'utf8')).optionalDependencies).toBeUndefined()
})

test('a release makes the package depend on every platform package, in its own version', () => {
  addArtifacts(PLATFORMS)
  expect(prepare()).toMatchObject({ status: 0, stderr: '' })
  const { optionalDependencies, ...rest } = JSON.parse(readFileSync(path.join(release, 'package.json'), 'utf8'))
  expect(optionalDependencies).toEqual(Object.fromEntries(PLATFORMS.map((platform) => [`plimsoll-${platform}`, manifest.version])))
  expect(rest).toEqual(manifest)
})

test('the installed package finds the addon in its platform package', () => {
  addArtifacts(PLATFORMS)
  prepare()
  expect(install(release, 'plimsoll').filter((file) => file.endsWith('.node'))).toEqual([])
  const platformFiles = install(path.join(release, 'npm', HERE), `plimsoll-${HERE}`)
  expect(platformFiles.sort()).toEqual(['LICENSE', 'README.md', 'package.json', `plimsoll.${HERE}.node`])
  const script = "console.log(JSON.stringify(require('plimsoll').capabilities()))"
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], { cwd: path.join(work, 'project'), encoding: 'utf8' })
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toMatchObject({ version: manifest.version, platform: process.platform, arch: process.arch })
})
