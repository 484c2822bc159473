'use strict'
/** More than should be asked for, through the public package in processes of their own: bounds hold, errors are clear. */

const { launch } = require('../support/children')
const { temporaryDirectory } = require('../support/directories')

const isUnix = process.platform !== 'win32'
const unixTest = isUnix ? test : test.skip
const suffix = isUnix ? '' : ' (skipped: no commands on Windows)'
const isLinux = process.platform === 'linux'
const linuxTest = isLinux ? test : test.skip
const linuxSuffix = isLinux ? '' : ' (skipped: the limits are those of Linux)'

const NOTHING = { listeners: 0, processes: 0, tempFiles: 0 }

/** What became of it. */
async function extreme(name, task = {}) {
  const env = { ...process.env, PLIMSOLL_STATE_DIR: temporaryDirectory() }
  const { code, stdout, stderr } = await launch('extremes.cjs', { extreme: name, ...task }, { env, deadline: 110_000 }).exit
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  return JSON.parse(stdout)
}

unixTest(`gigabytes of output are read to the end in bounded memory${suffix}`, async () => {
  const bytes = 5_000_000_000 // more than 32 bits count
  const maxBuffer = 2 ** 20
  const facts = await extreme('output', { bytes, maxBuffer })
  console.log(`${bytes / 1e9} GB of output: ${facts.grownMb} MB more resident memory`)
  expect(facts).toMatchObject({ head: 'begin\0', tail: '\0end', omitted: true, stdoutBytes: bytes + 8, truncated: true })
  expect(facts.kept).toBeGreaterThanOrEqual(maxBuffer)
  expect(facts.kept).toBeLessThan(maxBuffer + 100)
  expect(facts.grownMb).toBeLessThan(32)
}, 120_000)

unixTest(`3000 commands at once all succeed, each with its own output${suffix}`, async () => {
  expect(await extreme('many', { count: 3000 })).toEqual({ results: { right: 3000 }, open: 0 })
}, 120_000)

unixTest(`cleanup() while commands, pools and files are under way settles all of them${suffix}`, async () => {
  const rounds = 9
  const facts = await extreme('cleanup', { rounds, directory: temporaryDirectory() })
  const settled = ['ERR_PLIMSOLL_COMMAND', 'ERR_PLIMSOLL_COMMAND', 'ERR_PLIMSOLL_CLOSED', 'ERR_PLIMSOLL_CLOSED', 'ERR_PLIMSOLL_CLOSED', 'closed', 'resolved']
  expect(facts).toEqual({ results: { [settled.join(' ')]: rounds }, stdout: 'after', files: 0, statistics: NOTHING })
}, 120_000)

unixTest(`commands beyond those that may wait are refused, the others are taken, and end with cleanup()${suffix}`, async () => {
  const waiting = 16_384
  const { results, then } = await extreme('tooMany', { count: waiting + 3000 })
  expect(Object.keys(results).sort()).toEqual(['ERR_PLIMSOLL_OVERFLOW', 'taken'])
  expect(results.taken).toBeGreaterThanOrEqual(waiting)
  expect(results.taken + results.ERR_PLIMSOLL_OVERFLOW).toBe(waiting + 3000)
  expect(then).toBe('again')
}, 120_000)

unixTest(`bytes that are no text come as they are${suffix}`, async () => {
  expect(await extreme('binary')).toEqual({ isBuffer: true, same: true, stripped: [255, 10, 0] })
})

linuxTest(`what no command can be given is a clear error${linuxSuffix}`, async () => {
  const directory = temporaryDirectory()
  const { told, ...rest } = await extreme('impossible', { directory })
  const tooLarge = { name: 'ProcessError', code: 'ERR_PLIMSOLL_COMMAND', errno: 'E2BIG', message: expect.stringMatching(/^Command failed: true/) }
  const refused = (message) => ({ name: 'PlimsollError', code: 'ERR_PLIMSOLL_ARGUMENT', message })
  const notRun = (errno, message) => ({ name: 'ProcessError', code: 'ERR_PLIMSOLL_COMMAND', errno, message })
  expect(told).toEqual({
    environment: { ...tooLarge, message: expect.stringMatching(/spawn true E2BIG: .*; pass what is large as input, or in a file$/) },
    manyVariables: { ...tooLarge, message: expect.stringMatching(/spawn true E2BIG: .*; pass what is large as input, or in a file$/) },
    argument: tooLarge,
    beyondAll: refused('the command with its arguments and environment is larger than 64 MiB'),
    nulArgument: refused('exec: argument 0, "a\\u0000b", has a NUL character in it'),
    nulCommand: refused('exec: the command "ec\\u0000ho" has a NUL character in it'),
    nulVariable: refused('exec: env.A has a NUL character in it'),
    directory: notRun('EACCES', `Command failed: ${directory}\nspawn ${directory} EACCES: it is no file that may be executed`),
    nowhere: notRun('ENOENT', 'Command failed: no-such-command-anywhere\nspawn no-such-command-anywhere ENOENT'),
    noDirectory: notRun('ENOENT', `Command failed: true\nchdir ${directory}/none ENOENT: the working directory does not exist`),
  })
  expect(rest).toEqual({ then: 'fine', statistics: NOTHING })
})

unixTest(`the signal of a scope may be given to any number of commands, without a warning${suffix}`, async () => {
  const env = { ...process.env, PLIMSOLL_STATE_DIR: temporaryDirectory() }
  expect(await launch('shared-signal.cjs', {}, { env }).exit).toMatchObject({ code: 0, stdout: '50 done\n', stderr: '' })
})
