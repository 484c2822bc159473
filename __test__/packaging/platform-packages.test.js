'use strict'
/**
 * What a release makes of the repository: the packed package plus platform packages, as most users
 * get them. Only this machine's addon and keeper are real; the others are empty files.
 */

const { execFileSync, spawnSync } = require('node:child_process')
const { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } = require('node:fs')
const { tmpdir } = require('node:os')
const path = require('node:path')
const { platformTriple } = require('../../js/platform.js')

const ROOT = path.resolve(__dirname, '../..')
const manifest = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'))
const PLATFORMS = [
  'linux-x64-gnu', 'linux-arm64-gnu', 'linux-x64-musl', 'linux-arm64-musl', 'darwin-x64', 'darwin-arm64', 'win32-x64-msvc',
]
const HERE = platformTriple()
const addonOf = (platform) => `plimsoll.${platform}.node`
/** Windows has none. */
const keepersOf = (platform) => (platform.startsWith('win32-') ? [] : [`plimsoll-keeper.${platform}`])
const isBinary = (file) => file.endsWith('.node') || /(^|[\\/])js[\\/]plimsoll-keeper\./.test(file)
const unixTest = process.platform === 'win32' ? test.skip : test
const suffix = process.platform === 'win32' ? ' (skipped: Windows has no keeper)' : ''

let work
let release
beforeEach(() => {
  work = mkdtempSync(path.join(tmpdir(), 'plimsoll-release-'))
  release = path.join(work, 'release')
  mkdirSync(path.join(work, 'artifacts'))
  for (const name of [...manifest.files.filter((file) => !file.startsWith('!')), 'npm', 'package.json', 'LICENSE', 'scripts']) {
    cpSync(path.join(ROOT, name), path.join(release, name), { recursive: true, filter: (file) => !isBinary(file) })
  }
})
afterEach(() => rmSync(work, { recursive: true, force: true }))

/** As the workflow downloads them: those of each platform in a directory of their own, without their permissions. */
const addArtifacts = (platforms) => {
  for (const platform of platforms) {
    const directory = path.join(work, 'artifacts', `addon-${platform}`)
    mkdirSync(directory)
    for (const file of [addonOf(platform), ...keepersOf(platform)]) {
      if (platform === HERE) cpSync(path.join(ROOT, 'js', file), path.join(directory, file))
      else writeFileSync(path.join(directory, file), '')
      chmodSync(path.join(directory, file), 0o644)
    }
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

test.each([
  ['addon', addonOf('linux-arm64-musl')], ['addon of Windows', addonOf('win32-x64-msvc')], ['keeper', ...keepersOf('darwin-x64')],
])('a release without an %s is refused, and names it', (_, file) => {
  addArtifacts(PLATFORMS)
  const [platform] = PLATFORMS.filter((name) => file.includes(name))
  rmSync(path.join(work, 'artifacts', `addon-${platform}`, file))
  const { status, stderr } = prepare()
  expect(status).toBe(1)
  expect(stderr).toBe(`no ${file} in ${path.join(work, 'artifacts')}\n`)
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
  expect(install(release, 'plimsoll').filter(isBinary)).toEqual([])
  const platformFiles = install(path.join(release, 'npm', HERE), `plimsoll-${HERE}`)
  expect(platformFiles.sort()).toEqual(['LICENSE', 'README.md', 'package.json', addonOf(HERE), ...keepersOf(HERE)].sort())
  const script = "console.log(JSON.stringify(require('plimsoll').capabilities()))"
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', script], { cwd: path.join(work, 'project'), encoding: 'utf8' })
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toMatchObject({ version: manifest.version, platform: process.platform, arch: process.arch })
})

unixTest(`the keeper of an installed platform package lies beside the addon and runs${suffix}`, () => {
  addArtifacts(PLATFORMS)
  prepare()
  install(path.join(release, 'npm', HERE), `plimsoll-${HERE}`)
  const [keeper] = keepersOf(HERE)
  const file = path.join(work, 'project', 'node_modules', `plimsoll-${HERE}`, keeper)
  expect((statSync(file).mode & 0o777).toString(8)).toBe('755')
  expect(readFileSync(file)).toEqual(readFileSync(path.join(ROOT, 'js', keeper)))
  // Started by hand it has no order, says what it is, and ends (EX_USAGE, sysexits.h).
  const { error, status, stdout, stderr } = spawnSync(file, [], { encoding: 'utf8' })
  expect({ error, status, stdout }).toEqual({ error: undefined, status: 64, stdout: '' })
  expect(stderr).toMatch(/^plimsoll-keeper .+\n$/)
})

test('a platform package lists its binaries: with a keeper, except on Windows', () => {
  for (const platform of PLATFORMS) {
    const { main, files } = JSON.parse(readFileSync(path.join(ROOT, 'npm', platform, 'package.json'), 'utf8'))
    expect({ main, files }).toEqual({ main: addonOf(platform), files: [addonOf(platform), ...keepersOf(platform)] })
  }
})
