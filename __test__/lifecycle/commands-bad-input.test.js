'use strict'
/** Commands, arguments and options that cannot be: each has an error that says which, and starts nothing. */


const fs = require('node:fs')
const path = require('node:path')
const { PlimsollConfigError, PlimsollError, ProcessError } = require('plimsoll')
const lifecycle = require('../../js/lifecycle-exec.js')
const { spawn } = require('../../js/lifecycle-process.js')
const { native } = require('../../js/native.js')
const { temporaryDirectory } = require('../support/directories')
const { rejection } = require('../support/events')

const exec = (command, args, options) => lifecycle.exec({}, command, args, options, 0)

describe.each([
  ['no command', [undefined], /the command must be a string that is not empty, not undefined$/],
  ['an empty command', [''], /not ""$/],
  ['a command that is no string', [{}], /not object$/],
  ['a command that is an array', [['ls']], /not an array$/],
  ['NUL in the command', ['a\0b'], /^\w+: the command "a\\u0000b" has a NUL character in it$/],
  ['arguments that are no array', ['true', 'x'], /the arguments must be an array of strings, not string$/],
  ['an argument that is a number', ['true', ['a', 1]], /argument 1 must be a string, not number$/],
  ['an argument that is null', ['true', [null]], /argument 0 must be a string, not null$/],
  // eslint-disable-next-line no-sparse-arrays
  ['an argument that is missing', ['true', ['a', , 'b']], /argument 1 must be a string, not undefined$/],
  ['NUL in an argument', ['true', ['a', 'b\0c']], /argument 1, "b\\u0000c", has a NUL character in it$/],
  ['a name of a variable with "="', ['true', [], { env: { 'A=B': '1' } }], /env has the name "A=B"/],
  ['an empty name of a variable', ['true', [], { env: { '': '1' } }], /env has the name ""/],
  ['NUL in a variable', ['true', [], { env: { A: 'b\0' } }], /env\.A has a NUL character in it$/],
  ['a variable that is an object', ['true', [], { env: { A: {} } }], /env\.A must be a string, not object$/],
  ['a variable that is null', ['true', [], { env: { A: null } }], /env\.A must be a string, not null$/],
])('%s', (_, args, message) => {
  test('is refused by exec, as a rejection', async () => {
    const start = jest.spyOn(native(), 'processStart')
    const error = await rejection(exec(...args))
    expect(error).toBeInstanceOf(PlimsollError)
    expect(error).toMatchObject({ code: 'ERR_PLIMSOLL_ARGUMENT', message: expect.stringMatching(message) })
    expect(start).not.toHaveBeenCalled()
    start.mockRestore()
  })

  test('is refused by spawn, at once', () => {
    expect(() => spawn({}, ...args)).toThrow(message)
  })
})

describe.each([
  ['cwd', [1, '', 'a\0', null, {}, new URL('http://example.org')]],
  ['env', ['A=1', ['A'], 1]],
  ['extendEnv', [1, 'yes']],
  ['timeout', [-1, NaN, Infinity, '1', 2 ** 31]],
  ['signal', [{}, 'SIGTERM', new EventTarget()]],
  ['killSignal', ['SIGNOTHING', 'sigterm', 0, 99, 1.5, 'toString']],
  ['graceMs', [-1, '1', Infinity]],
  ['forceKillAfterDelay', [-1, true]],
  ['shell', ['', 1, 'a\0']],
  ['leftovers', ['kill', true]],
  ['reject', [0]],
  ['stdin', ['overlapped', 1, []]],
  ['stdout', ['pipes']],
])('the option %s', (key, values) => {
  test.each(values.map((value) => [value]))('of %p is refused', async (value) => {
    const error = await rejection(exec('true', [], { [key]: value }))
    expect(error).toBeInstanceOf(PlimsollConfigError)
    expect(error).toMatchObject({ code: 'ERR_PLIMSOLL_CONFIG', key })
    expect(() => spawn({}, 'true', [], { [key]: value }, 0)).toThrow(PlimsollConfigError)
  })
})

test.each([
  ['input', 1], ['input', {}], ['input', true], ['encoding', 'utf-7'], ['encoding', null], ['maxBuffer', -1], ['maxBuffer', 1.5],
  ['maxBuffer', 2 ** 40], ['stripFinalNewline', 1],
])('the option %s of exec of %p is refused', async (key, value) => {
  expect(await rejection(exec('true', [], { [key]: value }))).toMatchObject({ code: 'ERR_PLIMSOLL_CONFIG', key })
})

test.each([['pipes'], [['pipe', 'pipe', 'pipe', 'ipc']], [[1]]])('the option stdio of %p is refused', (stdio) => {
  expect(() => spawn({}, 'true', [], { stdio }, 0)).toThrow(PlimsollConfigError)
})

test('options that are no object are refused, and unknown ones warned of', async () => {
  expect(await rejection(exec('true', [], 'x'))).toMatchObject({ code: 'ERR_PLIMSOLL_CONFIG', key: 'config' })
  const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => {})
  expect(await exec('true', [], { timeuot: 1 })).toEqual({ stdout: '', stderr: '' })
  expect(warn.mock.calls[0][0]).toMatch(/exec: unknown option "timeuot" is ignored; did you mean "timeout"\?/)
  warn.mockRestore()
})

test('input that goes nowhere is refused', async () => {
  expect((await rejection(exec('cat', { input: 'x', stdin: 'ignore' }))).message).toBe('exec: input needs stdin to be "pipe", not "ignore"')
})

test('what the prototype of all objects carries is no option', async () => {
  Object.prototype.cwd = '/nowhere'
  try {
    expect(await exec('true', [], {})).toEqual({ stdout: '', stderr: '' })
  } finally {
    delete Object.prototype.cwd
  }
})

describe('what the system refuses', () => {
  const failure = async (...args) => {
    const error = await rejection(exec(...args))
    expect(error).toBeInstanceOf(ProcessError)
    expect(error).toMatchObject({ exitCode: null, signal: null, pid: null, stdout: '', stderr: '' })
    expect(error.cause).toMatchObject({ code: error.errno, syscall: error.syscall, errno: expect.any(Number) })
    return error
  }

  test('is a command that does not exist', async () => {
    expect((await failure('nope')).message).toBe('Command failed: nope\nspawn nope ENOENT')
    expect(await failure('/no/such/file', ['x'])).toMatchObject({
      message: 'Command failed: /no/such/file x\nspawn /no/such/file ENOENT', errno: 'ENOENT', syscall: 'spawn /no/such/file',
    })
  })

  test('is resolved when it is not to reject', async () => {
    const result = await exec('nope', { reject: false })
    expect(result).toMatchObject({ failed: true, exitCode: null, pid: null })
    expect(result.error).toMatchObject({ errno: 'ENOENT' })
  })

  test('is a directory', async () => {
    const directory = temporaryDirectory()
    const error = await failure(directory)
    expect(error).toMatchObject({ errno: 'EACCES', message: `Command failed: ${directory}\nspawn ${directory} EACCES: it is no file that may be executed` })
  })

  test('is a file that may not be executed', async () => {
    const file = path.join(temporaryDirectory(), 'file')
    fs.writeFileSync(file, '#!/bin/sh\n', { mode: 0o600 })
    expect((await failure(file)).errno).toBe('EACCES')
  })

  test('is a working directory that is not there, or is none', async () => {
    const directory = temporaryDirectory()
    const missing = path.join(directory, 'missing')
    expect(await failure('true', { cwd: missing })).toMatchObject({
      errno: 'ENOENT', syscall: `chdir ${missing}`, message: `Command failed: true\nchdir ${missing} ENOENT: the working directory does not exist`,
    })
    const file = path.join(directory, 'file')
    fs.writeFileSync(file, '')
    expect((await failure('true', { cwd: file })).message).toMatch(/ENOTDIR: the working directory is no directory$/)
  })

  test('is an environment of 10 MB', async () => {
    const error = await failure('true', [], { env: { LARGE: 'x'.repeat(10_000_000) } })
    expect(error.message).toMatch(/^Command failed: true\nspawn true E2BIG: the arguments and the environment are larger than the system takes/)
  })

  test('is arguments of 10 MB', async () => {
    const error = await failure('true', Array(100).fill('x'.repeat(100_000)))
    expect(error.errno).toBe('E2BIG')
    expect(error.message.length).toBeLessThan(40_000)
  })
})

describe('an end that no command brings about itself is explained', () => {
  const { readCommand } = require('../../js/lifecycle-command.js')
  const none = { aborted: false, reason: undefined, inputFailure: null }
  const messageOf = (ending, circumstances) => {
    const command = readCommand('exec', 'tool', ['x'], { timeout: 5, cwd: '/where' })
    const result = new lifecycle.ExecResult(command, { ...lifecycle.NEVER_STARTED, endedBy: undefined, ...ending }, { ...none, ...circumstances })
    expect(result.failed).toBe(true)
    return result.error.message
  }

  test.each([
    [{ outcome: 'lost' }, {}, 'its keeper is gone, and what was known of the command was ended'],
    [{ outcome: 'lost', code: 24 }, {}, 'spawn tool EMFILE: its keeper is gone or could not be started, and what was known of the command was ended'],
    [{ outcome: 'notRecorded', code: 28 }, {}, 'spawn tool ENOSPC: the crash ledger could not be written, and nothing runs that is not in it'],
    [{ outcome: 'notRun', code: 11, step: 'fork' }, {}, 'spawn tool EAGAIN: the user may not have more processes (at the step "fork")'],
    [{ outcome: 'notRun', code: 5, step: 'order' }, {}, 'spawn tool EIO: the system refused (at the step "order")'],
    [{ outcome: 'notRun', code: 13, step: 'directory' }, {}, 'chdir /where EACCES: the working directory cannot be entered'],
    [{ outcome: 'notRun', code: 8, step: 'execute' }, {}, 'spawn tool ENOEXEC: it is neither a binary of this machine nor a script with a #! line'],
    [{ outcome: 'notRun', code: 4000, step: 'execute' }, {}, 'spawn tool errno 4000'],
    [{ outcome: 'cancelled' }, {}, 'it was cancelled before it was started'],
    [{ outcome: 'cancelled', endedBy: 'request' }, {}, 'it was cancelled before it was started'],
    [{ outcome: 'cancelled', endedBy: 'request' }, { aborted: true }, 'it was aborted before it was started'],
    [{ outcome: 'signalled', code: 15, endedBy: 'request' }, { aborted: true }, 'it was ended because its signal was aborted'],
    [{ outcome: 'signalled', code: 15, endedBy: 'request' }, {}, 'it was ended by request: by end(), or with its scope or manager'],
    [{ outcome: 'signalled', code: 9, endedBy: 'deadline' }, {}, 'it was ended with its scope, by the deadline of a call'],
    [{ outcome: 'signalled', code: 15, endedBy: 'timeout' }, {}, 'it was ended when its timeout of 5 ms had passed'],
    [{ outcome: 'exited', code: 0, endedBy: 'timeout' }, {}, 'it was ended when its timeout of 5 ms had passed'],
    [{ outcome: 'signalled', code: 34 }, {}, 'it was ended by SIG34'],
    [{ outcome: 'exited', code: 0 }, { inputFailure: { error: 'x' } }, 'its input could not be read to the end'],
  ])('%j %j', (ending, circumstances, reason) => {
    const [first, ...rest] = messageOf(ending, circumstances).split('\n')
    expect(first).toBe('Command failed: tool x')
    expect(rest).toEqual([reason])
  })

  test('after what the command itself has said', () => {
    const stderrHead = Buffer.from('working\n')
    expect(messageOf({ outcome: 'signalled', code: 15, endedBy: 'timeout', stderrHead, stderrTotal: 8 }, {}).split('\n').slice(1))
      .toEqual(['working', 'it was ended when its timeout of 5 ms had passed'])
  })
})

test('what the core does not take is its error, and nothing is left', async () => {
  const held = jest.spyOn(native(), 'processHold')
  const start = jest.spyOn(native(), 'processStart').mockReturnValue({ code: 'ERR_PLIMSOLL_OVERFLOW', message: 'too many wait' })
  expect(await rejection(exec('true'))).toMatchObject({ code: 'ERR_PLIMSOLL_OVERFLOW', message: 'too many wait' })
  expect(() => spawn({}, 'true', [], {}, 0)).toThrow('too many wait')
  expect(held).not.toHaveBeenCalled()
  start.mockRestore()
  held.mockRestore()
})

describe('a ManagedProcess', () => {
  const { ManagedProcess } = require('plimsoll')

  test('comes from spawn alone', () => {
    expect(() => new ManagedProcess()).toThrow('a ManagedProcess comes from spawn()')
  })

  test('takes no wrong signal, grace or stream', async () => {
    const child = spawn({}, 'sleep', ['600'], { stdout: 'ignore' }, 0)
    child.on('error', () => {})
    for (const signal of ['TERM', 99, {}, null]) expect(() => child.kill(signal)).toThrow(/is no signal of this system$/)
    for (const graceMs of [-1, NaN, '1', Infinity]) expect(await rejection(child.end({ graceMs }))).toMatchObject({ code: 'ERR_PLIMSOLL_ARGUMENT' })
    expect(() => child.lines('stdin')).toThrow('lines: the lines are those of "stdout" or "stderr"')
    expect(() => child.lines()).toThrow('lines: stdout of this process is not piped')
    await child.end({ graceMs: 0 })
  })
})
