'use strict'

const path = require('node:path')
const { plimsoll } = require('../support/command-line')
const { temporaryDirectory } = require('../support/directories')
const { version } = require('../../package.json')

const USAGE = 2

test('help teaches with examples and states the exit codes', async () => {
  const commands = [
    ['compact', '--in-place'], ['tail', '--since'], ['recover', 'state/'], ['stats', '--json'],
    ['analyze', '--format'], ['run', '--tee'], ['raw', '--lines'], ['sweep', '--directory'],
  ]
  for (const [command, shown] of commands) {
    const { code, stdout, stderr } = await plimsoll([command, '--help'])
    expect({ command, code, stderr }).toEqual({ command, code: 0, stderr: '' })
    expect(stdout).toContain('Examples:')
    expect(stdout).toContain(`plimsoll ${command}`)
    expect(stdout).toContain(shown)
    expect(stdout).toMatch(/2 +wrong usage/)
  }
  expect((await plimsoll(['--version'])).stdout).toBe(`${version}\n`)
  expect(await plimsoll(['--help'])).toMatchObject({ code: 0, stderr: '' })
})

test('wrong usage is told on standard error, with exit code 2', async () => {
  const wrong = [
    [],
    ['no-such-command'],
    ['tail'],
    ['tail', 'a', 'b'],
    ['tail', '--no-such-option', 'a'],
    ['tail', '-n', '-1', 'a'],
    ['tail', '-n', '1.5', 'a'],
    ['tail', '-n', '', 'a'],
    ['tail', '--level', 'loud', 'a'],
    ['tail', '--since', 'yesterday', 'a'],
    ['tail', '--grep', '(', 'a'],
    ['compact'],
    ['compact', '-', 'a'],
    ['compact', '-i', '-'],
    ['compact', '--max-error-length', '3', 'a'],
    ['compact', '--redact', 'a..b', 'a'],
    ['stats'],
    ['recover'],
    ['sweep', 'an-argument'],
    ['sweep', '--directory'],
    ['sweep', '--no-such-option'],
  ]
  const directory = temporaryDirectory()
  for (const args of wrong) {
    const { code, stdout, stderr } = await plimsoll(args, { cwd: directory })
    expect({ args, code, stdout }).toEqual({ args, code: USAGE, stdout: '' })
    expect(stderr).not.toBe('')
    expect(stderr).not.toMatch(/\n\s+at /)
  }
})

test('what is not there or no file fails with a code', async () => {
  const directory = temporaryDirectory()
  for (const args of [['tail', path.join(directory, 'none.jsonl')], ['tail', directory], ['stats', directory], ['stats', 'no/such/directory/a']]) {
    const { code, stderr } = await plimsoll(args)
    expect({ args, code }).toEqual({ args, code: 1 })
    expect(stderr).toMatch(/^plimsoll: .*\(ERR_PLIMSOLL_OPEN\)\n$/)
  }
})
