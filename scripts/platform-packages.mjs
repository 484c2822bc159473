// The platform packages under npm/: one a target of package.json's `napi.targets`, holding nothing
// but the addon for that platform and its keeper.
//
//   node scripts/platform-packages.mjs                    writes npm/<platform>/package.json
//   node scripts/platform-packages.mjs --check            fails if what is there differs
//   node scripts/platform-packages.mjs --release <dir>    moves what CI has built from <dir> into its
//       packages, fails unless there is all of it for every platform, and makes the main package
//       depend on them; only the release workflow does this, and never commits it

import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { addonFile, binaryFiles, keeperFile, platformOf } from './targets.mjs'

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)))
const manifestFile = path.join(root, 'package.json')
const manifest = JSON.parse(readFileSync(manifestFile, 'utf8'))

/** The files of one platform package, by name. */
function filesOf({ target, name, os, cpu, libc }) {
  const { version, license, repository, engines } = manifest
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
    main: addonFile(name),
    files: binaryFiles(name),
    publishConfig: { access: 'public', provenance: true },
  }
  return {
    'package.json': `${JSON.stringify(description, null, 2)}\n`,
    'README.md': `# plimsoll-${name}\n\n${contentsOf(name)} of [plimsoll](https://www.npmjs.com/package/plimsoll) for \`${target}\`.\n`,
  }
}

/** @param {string} name */
function contentsOf(name) {
  return keeperFile(name) === undefined ? 'The native addon' : 'The native addon and the keeper of child processes'
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
  const placeOf = (name) => found.find((file) => path.basename(file) === name)
  const missing = platforms.flatMap(({ name }) => binaryFiles(name)).filter((name) => placeOf(name) === undefined)
  if (missing.length > 0) throw new Error(`no ${missing.join(', ')} in ${artifacts}`)
  for (const platform of platforms) {
    for (const name of binaryFiles(platform.name)) {
      const target = path.join(directoryOf(platform), name)
      copyFileSync(placeOf(name), target)
      // Artefacts of CI come without their permissions; npm packs the ones a file has.
      chmodSync(target, name === keeperFile(platform.name) ? 0o755 : 0o644)
    }
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
