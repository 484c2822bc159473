// The platform packages under npm/: one a target of package.json's `napi.targets`, holding nothing
// but the addon for that platform.
//
//   node scripts/platform-packages.mjs                    writes npm/<platform>/package.json
//   node scripts/platform-packages.mjs --check            fails if what is there differs
//   node scripts/platform-packages.mjs --release <dir>    moves the addons built by CI from <dir> into
//       their packages, fails unless there is one for every platform, and makes the main package
//       depend on them; only the release workflow does this, and never commits it

import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const manifestFile = path.join(root, 'package.json')
const manifest = JSON.parse(readFileSync(manifestFile, 'utf8'))

const PROCESSORS = { x86_64: 'x64', aarch64: 'arm64' }
const SYSTEMS = {
  'unknown-linux-gnu': { os: 'linux', abi: 'gnu', libc: 'glibc' },
  'unknown-linux-musl': { os: 'linux', abi: 'musl', libc: 'musl' },
  'apple-darwin': { os: 'darwin' },
  'pc-windows-msvc': { os: 'win32', abi: 'msvc' },
}

/** @param {string} target a Rust target triple */
function platformOf(target) {
  const [processor] = target.split('-')
  const { os, abi, libc } = SYSTEMS[target.slice(processor.length + 1)] ?? {}
  const cpu = PROCESSORS[processor]
  if (!os || !cpu) throw new Error(`package.json names a target this script does not know: ${target}`)
  return { target, name: [os, cpu, abi].filter(Boolean).join('-'), os, cpu, libc }
}

/** The files of one platform package, by name. */
function filesOf({ target, name, os, cpu, libc }) {
  const { version, license, repository, engines } = manifest
  const addon = `plimsoll.${name}.node`
  const description = {
    name: `plimsoll-${name}`,
    version,
    description: `The native addon of plimsoll for ${target}.`,
    license,
    repository,
    engines,
    os: [os],
    cpu: [cpu],
    ...(libc && { libc: [libc] }),
    main: addon,
    files: [addon],
    publishConfig: { access: 'public', provenance: true },
  }
  return {
    'package.json': `${JSON.stringify(description, null, 2)}\n`,
    'README.md': `# plimsoll-${name}\n\nThe native addon of [plimsoll](https://www.npmjs.com/package/plimsoll) for \`${target}\`.\n`,
  }
}

const directoryOf = (platform) => path.join(root, 'npm', platform.name)
const platforms = manifest.napi.targets.map(platformOf)

function write() {
  for (const platform of platforms) {
    mkdirSync(directoryOf(platform), { recursive: true })
    for (const [name, text] of Object.entries(filesOf(platform))) writeFileSync(path.join(directoryOf(platform), name), text)
  }
}

/** @returns {string[]} what is wrong */
function differences() {
  const wrong = platforms.flatMap((platform) =>
    Object.entries(filesOf(platform)).flatMap(([name, text]) => {
      const file = path.join(directoryOf(platform), name)
      const current = existsSync(file) && readFileSync(file, 'utf8') === text
      return current ? [] : [`${path.relative(root, file)} is not current; run: node scripts/platform-packages.mjs`]
    }),
  )
  const expected = platforms.map(({ name }) => name)
  const stray = readdirSync(path.join(root, 'npm')).filter((name) => !expected.includes(name))
  return [...wrong, ...stray.map((name) => `npm/${name} belongs to no target`), ...versionDifferences()]
}

/** The crate, the package and the addon's own version check are one version. */
function versionDifferences() {
  const crate = readFileSync(path.join(root, 'Cargo.toml'), 'utf8').match(/^version = "(.+)"$/m)?.[1]
  return crate === manifest.version ? [] : [`Cargo.toml has version ${crate}, package.json ${manifest.version}`]
}

/** @param {string} artifacts */
function release(artifacts) {
  const found = readdirSync(artifacts, { recursive: true }).map((name) => path.join(artifacts, name))
  const addonOf = ({ name }) => found.find((file) => path.basename(file) === `plimsoll.${name}.node`)
  const missing = platforms.filter((platform) => !addonOf(platform))
  if (missing.length > 0) throw new Error(`no addon for ${missing.map(({ name }) => name).join(', ')} in ${artifacts}`)
  for (const platform of platforms) {
    copyFileSync(addonOf(platform), path.join(directoryOf(platform), `plimsoll.${platform.name}.node`))
    copyFileSync(path.join(root, 'LICENSE'), path.join(directoryOf(platform), 'LICENSE'))
  }
  const optionalDependencies = Object.fromEntries(platforms.map(({ name }) => [`plimsoll-${name}`, manifest.version]))
  writeFileSync(manifestFile, `${JSON.stringify({ ...manifest, optionalDependencies }, null, 2)}\n`)
}

const [mode, artifacts] = process.argv.slice(2)
try {
  if (mode === '--release') release(artifacts)
  else if (mode === undefined) write()
  const problems = mode === undefined ? [] : differences()
  for (const problem of problems) console.error(problem)
  if (problems.length > 0) process.exitCode = 1
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}
