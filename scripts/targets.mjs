// The targets of a build and what lies in the package for each: the addon, and beside it, where there are
// processes to keep, the keeper. The addon finds the keeper by its own file's name.

const PROCESSORS = { x86_64: 'x64', aarch64: 'arm64' }
const SYSTEMS = {
  'unknown-linux-gnu': { os: 'linux', abi: 'gnu', libc: 'glibc' },
  'unknown-linux-musl': { os: 'linux', abi: 'musl', libc: 'musl' },
  'apple-darwin': { os: 'darwin' },
  'pc-windows-msvc': { os: 'win32', abi: 'msvc' },
}

/** The keeper's name in Cargo.toml. */
export const KEEPER = 'plimsoll-keeper'

/**
 * @param {string} target a Rust target triple
 * @returns {{ target: string, name: string, os: string, cpu: string, libc?: string }} `name` as npm packages
 *   of platforms are named, e.g. linux-x64-gnu
 */
export function platformOf(target) {
  const [processor] = target.split('-')
  const { os, abi, libc } = SYSTEMS[target.slice(processor.length + 1)] ?? {}
  const cpu = PROCESSORS[processor]
  if (!os || !cpu) throw new Error(`package.json names no such target: ${target}`)
  return { target, name: [os, cpu, abi].filter(Boolean).join('-'), os, cpu, libc }
}

/**
 * @param {string} name of a platform, e.g. linux-x64-gnu
 * @returns {string} the addon's file
 */
export function addonFile(name) {
  return `plimsoll.${name}.node`
}

/**
 * @param {string} name of a platform, e.g. linux-x64-gnu
 * @returns {string | undefined} the keeper's file; `undefined` on Windows, which has none
 */
export function keeperFile(name) {
  return name.startsWith('win32-') ? undefined : `${KEEPER}.${name}`
}

/** @param {string} name of a platform */
export function binaryFiles(name) {
  return [addonFile(name), keeperFile(name)].filter((file) => file !== undefined)
}
