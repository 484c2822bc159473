// Everything CI checks, in the order of what is cheapest to get wrong. Run it before a pull request.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { check, checkWithTool, execute, root, runStages, toolFile } from './stages.mjs'
import { testStages } from './test-stages.mjs'

const GENERATED = ['js/binding.cjs', 'js/binding.d.ts']

const clippy = (name, features) =>
  check(name, 'cargo', ['clippy', ...features, '--all-targets', '--locked', '--', '-D', 'warnings'])

/** Builds the addon, and fails when that changes a generated file: the committed one was stale. */
const build = {
  name: 'build, generated files unchanged',
  async run() {
    const committed = GENERATED.map(readGenerated)
    const { code } = await execute('npm', ['run', 'build'])
    if (code !== 0) return { passed: 0, failed: 1 }
    const stale = GENERATED.filter((file, index) => readGenerated(file) !== committed[index])
    for (const file of stale) console.error(`${file} was not current; the build has rewritten it, commit it`)
    return { passed: GENERATED.length - stale.length, failed: stale.length }
  },
}

function readGenerated(file) {
  return readFileSync(path.join(root, file), 'utf8')
}

/** publint and @arethetypeswrong on the very tarball that would be published. */
const tarball = {
  name: 'package: publint, are the types wrong',
  async run() {
    const directory = mkdtempSync(path.join(tmpdir(), 'plimsoll-pack-'))
    try {
      const { stdout } = await execute('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', directory], { capture: true, quiet: true })
      const file = path.join(directory, JSON.parse(stdout.slice(stdout.indexOf('[')))[0].filename)
      const tools = [['publint', 'run', file, '--strict'], ['attw', file]]
      let passed = 0
      for (const [tool, ...args] of tools) {
        const { code } = await execute(process.execPath, [toolFile(tool), ...args])
        if (code === 0) passed += 1
      }
      return { passed, failed: tools.length - passed }
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  },
}

process.exitCode = await runStages([
  check('rustfmt', 'cargo', ['fmt', '--all', '--check']),
  checkWithTool('eslint', 'eslint', ['.']),
  clippy('clippy without Node', ['--no-default-features']),
  clippy('clippy', []),
  build,
  ...testStages,
  check('platform packages are current', process.execPath, ['scripts/platform-packages.mjs', '--check']),
  tarball,
])
