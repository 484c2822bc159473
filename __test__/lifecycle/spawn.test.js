'use strict'
/** `spawn`: events, streams with back-pressure, and ends. */


const { once } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const { PassThrough, Readable } = require('node:stream')
const { pipeline } = require('node:stream/promises')
const { text } = require('node:stream/consumers')
const { AsyncLocalStorage } = require('node:async_hooks')
const { ManagedProcess, ProcessError } = require('plimsoll')
const lifecycle = require('../../js/lifecycle-process.js')
const { native } = require('../../js/native.js')
const { temporaryDirectory } = require('../support/directories')
const { eventually, rejection } = require('../support/events')
const { runs } = require('../support/process-state')

/** @type {Set<any>} */
const living = new Set()
const spawn = (command, args, options) => {
  const child = lifecycle.spawn({}, command, args, options, 0)
  living.add(child)
  return child
}
const sh = (script, options) => spawn('sh', ['-c', script], options)
afterEach(async () => {
  await Promise.all([...living].map((child) => child.end({ graceMs: 0 })))
  living.clear()
})

describe('events', () => {
  test('come in order, with what node:child_process tells', async () => {
    const child = sh('echo out; exit 3')
    const heard = []
    for (const name of ['spawn', 'exit', 'close', 'error']) child.on(name, (...values) => heard.push([name, ...values]))
    expect(child).toBeInstanceOf(ManagedProcess)
    expect([child.pid, child.exitCode, child.signalCode, child.killed]).toEqual([null, null, null, false])
    expect(await text(child.stdout)).toBe('out\n')
    await once(child, 'close')
    expect(heard).toEqual([['spawn'], ['exit', 3, null], ['close', 3, null]])
    expect(child.pid).toBeGreaterThan(1)
    expect([child.exitCode, child.signalCode]).toEqual([3, null])
  })

  test('keep the asynchronous context of the caller', async () => {
    const storage = new AsyncLocalStorage()
    const child = storage.run('mine', () => sh('echo out; exit 0'))
    const seen = []
    for (const name of ['spawn', 'exit', 'close']) child.on(name, () => seen.push(storage.getStore()))
    child.stdout.on('data', () => seen.push(storage.getStore()))
    await once(child, 'close')
    expect(seen).toEqual(Array(4).fill('mine'))
  })

  test('of a command that does not exist are an error and the close', async () => {
    const child = spawn('no-such-command')
    const [error] = await once(child, 'error')
    expect(error).toBeInstanceOf(ProcessError)
    expect(error).toMatchObject({ errno: 'ENOENT', syscall: 'spawn no-such-command', message: 'Command failed: no-such-command\nspawn no-such-command ENOENT' })
    expect(await once(child, 'close')).toEqual([null, null])
    expect(child.pid).toBe(null)
  })

  test('of one that was aborted before it began are the same', async () => {
    const reason = new Error('enough')
    const child = spawn('true', [], { signal: AbortSignal.abort(reason) })
    const [error] = await once(child, 'error')
    expect(error).toMatchObject({ aborted: true, cause: reason })
    await once(child, 'close')
    await child.end()
    expect(child.kill()).toBe(false)
  })

  test('come although nobody reads what was printed', async () => {
    const child = sh('echo out; echo err >&2')
    expect(await once(child, 'close')).toEqual([0, null])
  })
})

describe('the result', () => {
  test('is how it ended', async () => {
    const result = await spawn('true').result
    expect(result).toMatchObject({ exitCode: 0, failed: false, stdout: '', stderr: '' })
    await expect(sh('exit 4').result).rejects.toMatchObject({ code: 'ERR_PLIMSOLL_COMMAND', exitCode: 4 })
    expect(await sh('exit 4', { reject: false }).result).toMatchObject({ exitCode: 4 })
  })

  test('can be asked for after the end', async () => {
    const child = spawn('true')
    await once(child, 'close')
    expect((await child.result).exitCode).toBe(0)
  })

  test('is no unhandled rejection when nobody waits for it, and spares the error event', async () => {
    const unhandled = jest.fn()
    process.on('unhandledRejection', unhandled)
    const child = spawn('no-such-command')
    const { result } = child
    await new Promise((resolve) => child.once('close', resolve))
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
    expect((await rejection(result)).errno).toBe('ENOENT')
  })

  test('says that the time was over, or that it was aborted', async () => {
    expect(await rejection(spawn('sleep', ['600'], { timeout: 50 }).result)).toMatchObject({ timedOut: true })
    const controller = new AbortController()
    const child = spawn('sleep', ['600'], { signal: controller.signal })
    child.once('spawn', () => controller.abort('enough'))
    expect(await rejection(child.result)).toMatchObject({ aborted: true, cause: 'enough' })
  })
})

describe('streams', () => {
  test('are joined by pipes', async () => {
    const child = spawn('tr', ['a-z', 'A-Z'])
    const output = new PassThrough()
    const [shouted] = await Promise.all([
      text(output), pipeline(Readable.from(['some ', 'text']), child.stdin), pipeline(child.stdout, output),
    ])
    expect(shouted).toBe('SOME TEXT')
  })

  test('carry more than any buffer holds, whole and in order', async () => {
    const child = spawn('cat')
    const size = 5_000_000
    const bytes = Buffer.alloc(size)
    for (let at = 0; at < size; at++) bytes[at] = (at * 31) % 251
    child.stdin.end(bytes)
    const parts = []
    for await (const part of child.stdout) parts.push(part)
    expect(Buffer.concat(parts).equals(bytes)).toBe(true)
    await child.result
  })

  test('make a command wait whose output nobody reads', async () => {
    const progress = path.join(temporaryDirectory(), 'progress')
    const script = `
      const chunk = Buffer.alloc(65536)
      for (let count = 1; count <= 256; count++) { fs.writeSync(1, chunk); fs.writeFileSync(${JSON.stringify(progress)}, String(count)) }`
    const taken = jest.spyOn(native(), 'processTaken')
    const child = spawn(process.execPath, ['-e', script])
    const { stdout } = child
    const written = () => Number(fs.readFileSync(progress, 'utf8'))
    await eventually('something to read', () => stdout.readableLength > 0 || stdout.listenerCount('readable') > 0 || written() > 0)
    let last = -1
    await eventually('the command to wait', async () => {
      const before = last
      last = written()
      await new Promise((resolve) => setTimeout(resolve, 100))
      return before === last && written() === last
    })
    // The credit of the core, what the stream holds, and a pipe.
    expect(written()).toBeLessThan(16)
    expect(taken.mock.calls.length).toBeLessThan(16)
    let size = 0
    for await (const part of stdout) size += part.length
    expect(size).toBe(256 * 65_536)
    taken.mockRestore()
  })

  test('that are destroyed do not keep the command waiting', async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdout.write(Buffer.alloc(4_000_000)); process.stdout.end()'])
    child.stdout.destroy()
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  test('hold a writer back until the command reads', async () => {
    const gate = path.join(temporaryDirectory(), 'gate')
    const child = sh(`while [ ! -e ${gate} ]; do sleep 0.01; done; exec wc -c`)
    const { stdin } = child
    const chunk = Buffer.alloc(65_536)
    let sent = 0
    while (stdin.write(chunk)) sent++
    expect(sent).toBeLessThan(4)
    const drained = once(stdin, 'drain')
    fs.writeFileSync(gate, '')
    await drained
    stdin.end()
    expect(Number(await text(child.stdout))).toBe((sent + 1) * 65_536)
  })

  test('to a command that has closed its input fail with EPIPE', async () => {
    const child = sh('exec <&-; echo closed; sleep 600')
    await once(child.stdout, 'data')
    const failed = once(child.stdin, 'error')
    child.stdin.write(Buffer.alloc(1_000_000))
    expect((await failed)[0]).toMatchObject({ code: 'EPIPE' })
  })

  test('are there only where they are piped', async () => {
    const child = spawn('cat', [], { stdio: ['ignore', 'pipe', 'ignore'] })
    expect([child.stdin, child.stderr]).toEqual([null, null])
    expect(await text(child.stdout)).toBe('')
    const silent = spawn('true', [], { stdio: 'ignore' })
    expect([silent.stdin, silent.stdout, silent.stderr]).toEqual([null, null, null])
    expect(await spawn('cat', [], { stdin: 'ignore' }).result).toMatchObject({ exitCode: 0 })
    expect(spawn('true', [], { stdio: ['pipe'], stdin: 'ignore' }).stdin).toBe(null)
  })

  test('asked for after the end are at their ends', async () => {
    const child = sh('true')
    await once(child, 'close')
    expect(await text(child.stdout)).toBe('')
    expect(child.stdin.destroyed).toBe(true)
  })

  test('give lines', async () => {
    const lines = []
    for await (const line of sh('printf "a\\nb\\r\\n\\n\\303\\251"').lines()) lines.push(line)
    expect(lines).toEqual(['a', 'b', '', 'é'])
    const errors = []
    for await (const line of sh('echo x >&2').lines('stderr')) errors.push(line)
    expect(errors).toEqual(['x'])
  })
})

test('a line without an end is not gathered without end', async () => {
  const { linesOf } = require('../../js/lifecycle-lines.js')
  const lines = linesOf(Readable.from(['a\n', 'x'.repeat(11), 'y']), 10)
  expect((await lines.next()).value).toBe('a')
  expect(await rejection(lines.next())).toMatchObject({ code: 'ERR_PLIMSOLL_OVERFLOW' })
})

describe('an end', () => {
  test('by a signal is told by its name', async () => {
    const child = spawn('sleep', ['600'])
    await once(child, 'spawn')
    expect(child.kill(0)).toBe(true)
    expect(child.killed).toBe(false)
    expect(child.kill('SIGINT')).toBe(true)
    expect(child.killed).toBe(true)
    expect(await once(child, 'exit')).toEqual([null, 'SIGINT'])
    expect(child.signalCode).toBe('SIGINT')
    expect(child.kill()).toBe(false)
  })

  test('by kill() before it began keeps it from beginning, or ends it', async () => {
    const child = spawn('sleep', ['600'])
    child.on('error', () => {})
    expect(child.kill()).toBe(true)
    expect(await once(child, 'close')).toContain(null)
    expect(child.exitCode).toBe(null)
  })

  test('comes to the whole tree, with or without its cooperation', async () => {
    const child = sh('trap "" TERM; sleep 600 & echo $!; while :; do sleep 600; done')
    const [line] = await once(child.stdout, 'data')
    const pid = Number(String(line))
    await child.end({ graceMs: 30 })
    expect(child.signalCode).toBe('SIGKILL')
    await eventually('the end of its child', () => !runs(pid))
    await child.end()
  })

  test('comes at the end of a block', async () => {
    const child = spawn('sleep', ['600'])
    await child[Symbol.asyncDispose]()
    expect([child.exitCode, child.killed]).toEqual([null, true])
  })

  test('comes though nobody reads', async () => {
    const child = spawn('yes')
    await once(child, 'spawn')
    await child.end({ graceMs: 1000 })
    expect(child.signalCode).not.toBe(null)
  })
})

test('the event loop is held while a process runs and wanted, and not otherwise', async () => {
  const held = jest.spyOn(native(), 'processHold')
  const child = spawn('sleep', ['600'])
  expect(held.mock.calls).toEqual([[true]])
  expect(child.ref()).toBe(child)
  expect(child.unref().unref()).toBe(child)
  expect(held.mock.calls).toEqual([[true], [false]])
  const other = spawn('sleep', ['600'])
  child.ref()
  expect(held.mock.calls).toEqual([[true], [false], [true]])
  child.on('error', () => {})
  other.on('error', () => {})
  await Promise.all([child.end({ graceMs: 0 }), other.end({ graceMs: 0 })])
  child.ref()
  expect(held.mock.calls).toEqual([[true], [false], [true], [false]])
  held.mockRestore()
})

test('a listener that throws is an uncaught exception, and the rest is told', () => {
  // In a process of its own: the exception is none of this one's.
  const { execFileSync } = require('node:child_process')
  const script = `
    globalThis.afterAll = () => {}
    const { spawn } = require('./js/lifecycle-process.js')
    const seen = []
    process.on('uncaughtException', (error) => seen.push(error.message))
    const child = spawn({}, 'true', [], {}, 0)
    child.on('exit', () => { throw new Error('mine') })
    child.on('close', () => console.log(JSON.stringify(seen)))`
  const output = execFileSync(process.execPath, ['-e', script], { cwd: path.resolve(__dirname, '../..'), encoding: 'utf8' })
  expect(JSON.parse(output)).toEqual(['mine'])
})
