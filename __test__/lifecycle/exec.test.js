'use strict'
/** `exec`: what a command printed, how it ended, and what is said of one that failed. */


const { execFileSync } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const { Readable } = require('node:stream')
const { pathToFileURL } = require('node:url')
const { Worker } = require('node:worker_threads')
const { ProcessError } = require('plimsoll')
const lifecycle = require('../../js/lifecycle-exec.js')
const { temporaryDirectory } = require('../support/directories')
const { DEADLINE_MS, eventually, rejection } = require('../support/events')
const { runs } = require('../support/process-state')

const owner = {}
const exec = (command, args, options) => lifecycle.exec(owner, command, args, options, 0)
const sh = (script, options) => exec('sh', ['-c', script], options)
const node = (script, options) => exec(process.execPath, ['-e', script], options)

describe('a command that succeeds', () => {
  test('gives what it printed and nothing else that is enumerable', async () => {
    const result = await sh('echo out; echo err >&2')
    expect(result).toEqual({ stdout: 'out', stderr: 'err' })
    expect(Object.keys(result)).toEqual(['stdout', 'stderr'])
  })

  test('has its circumstances as getters', async () => {
    const begun = performance.now()
    const result = await sh('printf 12345; printf 123 >&2')
    const elapsed = performance.now() - begun
    expect(result).toMatchObject({
      command: 'sh -c printf 12345; printf 123 >&2', exitCode: 0, signal: null, stdoutBytes: 5, stderrBytes: 3, truncated: false,
      timedOut: false, aborted: false, failed: false, error: null, leftoversEnded: 0,
    })
    expect(result.pid).toBeGreaterThan(1)
    expect(result.durationMs).toBeGreaterThanOrEqual(0)
    expect(result.durationMs).toBeLessThanOrEqual(elapsed)
    expect(result.cpuMs).toBeGreaterThanOrEqual(0)
    expect(result.maxRssMb).toBeGreaterThanOrEqual(0)
  })

  test('needs no arguments, and takes options in their place', async () => {
    expect(await exec('true')).toEqual({ stdout: '', stderr: '' })
    expect((await exec('pwd', { cwd: '/' })).stdout).toBe('/')
    expect((await exec('pwd', null, { cwd: '/' })).stdout).toBe('/')
  })

  test('loses one final newline, and no more', async () => {
    const print = (text, options) => exec('printf', [text], options).then(({ stdout }) => stdout)
    expect(await print('a\\n\\n')).toBe('a\n')
    expect(await print('a\\r\\n')).toBe('a')
    expect(await print('a')).toBe('a')
    expect(await print('\\n')).toBe('')
    expect(await print('a\\n', { stripFinalNewline: false })).toBe('a\n')
    expect(await print('a\\n', { encoding: 'buffer' })).toEqual(Buffer.from('a'))
  })
})

describe('a command that fails', () => {
  test('rejects with its exact words', async () => {
    const error = await rejection(sh('echo out; echo bad >&2; exit 3'))
    expect(error).toBeInstanceOf(ProcessError)
    expect(error.message).toBe('Command failed: sh -c echo out; echo bad >&2; exit 3\nbad')
    expect(error).toMatchObject({
      name: 'ProcessError', code: 'ERR_PLIMSOLL_COMMAND', exitCode: 3, signal: null, stdout: 'out', stderr: 'bad', timedOut: false,
      aborted: false, errno: null, syscall: null,
    })
    expect(error.pid).toBeGreaterThan(1)
    expect(Object.hasOwn(error, 'cause')).toBe(false)
  })

  test('and says nothing has only the command in its message', async () => {
    expect((await rejection(exec('false'))).message).toBe('Command failed: false\n')
  })

  test('by a signal has its name', async () => {
    const error = await rejection(sh('kill -KILL $$'))
    expect(error).toMatchObject({ exitCode: null, signal: 'SIGKILL', timedOut: false })
    expect(error.message).toBe('Command failed: sh -c kill -KILL $$\nit was ended by SIGKILL')
  })

  test('resolves when it is not to reject, with the error at hand', async () => {
    const result = await sh('echo bad >&2; exit 7', { reject: false })
    expect(result).toEqual({ stdout: '', stderr: 'bad' })
    expect(result).toMatchObject({ exitCode: 7, failed: true })
    expect(result.error).toBeInstanceOf(ProcessError)
  })

  test('has a message that stays readable when the command is very long', async () => {
    const error = await rejection(exec('false', ['x'.repeat(100_000)]))
    expect(error.message.length).toBeLessThan(40_000)
    expect(error.command).toHaveLength('false '.length + 100_000)
  })

  test('has its words as text even when bytes were asked for', async () => {
    const error = await rejection(sh('echo bad >&2; exit 1', { encoding: 'buffer' }))
    expect(error.stderr).toEqual(Buffer.from('bad'))
    expect(error.message).toMatch(/\nbad$/)
  })
})

describe('a time limit', () => {
  test('ends the command and says so', async () => {
    const error = await rejection(sh('echo begun; exec sleep 600', { timeout: 300 }))
    expect(error).toMatchObject({ timedOut: true, aborted: false, signal: 'SIGTERM' })
    expect(error.message).toMatch(/\nit was ended when its timeout of 300 ms had passed$/)
  })

  test('of 0 is none', async () => {
    expect(await exec('true', [], { timeout: 0 })).toEqual({ stdout: '', stderr: '' })
  })
})

describe('an abort signal', () => {
  test('that was aborted before keeps the command from starting', async () => {
    const reason = new Error('enough')
    const marker = path.join(temporaryDirectory(), 'ran')
    const error = await rejection(exec('touch', [marker], { signal: AbortSignal.abort(reason) }))
    expect(error).toBeInstanceOf(ProcessError)
    expect(error).toMatchObject({ aborted: true, pid: null, cause: reason })
    expect(fs.existsSync(marker)).toBe(false)
  })

  test('ends the command, with its reason as the cause, and is let go', async () => {
    const controller = new AbortController()
    const running = rejection(sh('echo out; exec sleep 600', { signal: controller.signal }))
    setTimeout(() => controller.abort('no longer needed'), 100)
    const error = await running
    expect(error).toMatchObject({ aborted: true, timedOut: false, cause: 'no longer needed' })
    expect(error.message).toMatch(/^Command failed: sh -c echo out; exec sleep 600\n/)
  })

  test('ends one that ignores the first signal, with all it started', async () => {
    const directory = temporaryDirectory()
    const child = path.join(directory, 'child')
    const script = 'trap "" TERM; sleep 600 & echo $! > pid; mv pid child; while :; do sleep 600; done'
    const controller = new AbortController()
    const running = rejection(sh(script, { cwd: directory, signal: controller.signal, graceMs: 50 }))
    await eventually('its start', () => fs.existsSync(child))
    controller.abort()
    expect(await running).toMatchObject({ aborted: true, signal: 'SIGKILL' })
    const pid = Number(fs.readFileSync(child, 'utf8'))
    await eventually('the end of its child', () => !runs(pid))
  })

  test('fails a command that ends politely too, and gives it the chosen signal', async () => {
    const ready = path.join(temporaryDirectory(), 'ready')
    const script = `process.on('SIGINT', () => process.exit(0)); setInterval(() => {}, 1e6); fs.writeFileSync(${JSON.stringify(ready)}, '')`
    const controller = new AbortController()
    const running = rejection(node(script, { signal: controller.signal, killSignal: 'SIGINT' }))
    await eventually('its start', () => fs.existsSync(ready))
    controller.abort()
    expect(await running).toMatchObject({ aborted: true, exitCode: 0, signal: null })
  })

  test('has no listener left afterwards', async () => {
    const { signal } = new AbortController()
    const added = jest.spyOn(signal, 'addEventListener')
    const removed = jest.spyOn(signal, 'removeEventListener')
    await exec('true', [], { signal })
    expect(removed.mock.calls).toEqual(added.mock.calls.map(([name, listener]) => [name, listener]))
    expect(added).toHaveBeenCalledTimes(1)
  })
})

describe('the environment', () => {
  const printed = (name, options) => sh(`printf "%s" "\${${name}-unset}"`, options).then(({ stdout }) => stdout)

  test('is added to', async () => {
    expect(await printed('ADDED', { env: { ADDED: 'yes = ok', GONE: undefined } })).toBe('yes = ok')
    expect(await printed('PATH', { env: { ADDED: '1' } })).not.toBe('unset')
    expect(await printed('GONE', { env: { GONE: undefined } })).toBe('unset')
  })

  test('is replaced', async () => {
    const { stdout } = await exec('/usr/bin/env', { env: { ONLY: '1' }, extendEnv: false })
    expect(stdout).toBe('ONLY=1')
    expect((await exec('/usr/bin/env', { extendEnv: false })).stdout).toBe('')
  })

  test('takes numbers and truths as text', async () => {
    expect((await exec('/usr/bin/env', { env: { A: 1, B: true }, extendEnv: false })).stdout).toBe('A=1\nB=true')
  })
})

/** What a script says in a process of its own, where `exec` and `spawn` are at hand. */
function alone(script) {
  const setting = `
    globalThis.afterAll = () => {}
    const { exec } = require('./js/lifecycle-exec.js')
    const { spawn } = require('./js/lifecycle-process.js')`
  const cwd = path.resolve(__dirname, '../..')
  return execFileSync(process.execPath, ['-e', `${setting}\n${script}`], { cwd, encoding: 'utf8', timeout: DEADLINE_MS })
}

describe('the event loop', () => {
  test('is held until a command has ended', () => {
    expect(alone("exec({}, 'sh', ['-c', 'sleep 0.2; echo done'], undefined, 0).then(({ stdout }) => console.log(stdout))")).toBe('done\n')
  })

  test('is not held afterwards, nor by a process that is not wanted', () => {
    expect(alone(`
      exec({}, 'true', [], undefined, 0).then(() => {
        const child = spawn({}, 'sleep', ['600'], {}, 0)
        child.once('spawn', () => process.stdout.write(String(child.pid), () => { child.kill('SIGKILL'); child.unref() }))
      })`)).toMatch(/^\d+$/)
  })
})

test('a worker thread hands on its own environment', async () => {
  const script = `
    const { parentPort } = require('node:worker_threads')
    globalThis.afterAll = () => {}
    const { exec } = require('./js/lifecycle-exec.js')
    exec({}, '/usr/bin/env', [], undefined, 0).then(({ stdout }) => parentPort.postMessage(stdout))`
  const root = JSON.stringify(path.resolve(__dirname, '../../index.js'))
  const worker = new Worker(`require = require('node:module').createRequire(${root})\n${script}`, { eval: true, env: { ONLY: 'mine' } })
  const [stdout] = await once(worker, 'message')
  expect(stdout).toBe('ONLY=mine')
  await worker.terminate()
})

test('an error has those who waited for it in its stack', async () => {
  async function whoAsked() {
    await exec('false')
  }
  expect((await rejection(whoAsked())).stack).toMatch(/whoAsked/)
})

describe('the working directory', () => {
  test('is a path or a URL', async () => {
    const directory = temporaryDirectory()
    expect((await exec('pwd', { cwd: directory })).stdout).toBe(directory)
    expect((await exec('pwd', { cwd: pathToFileURL(directory) })).stdout).toBe(directory)
  })
})

describe('the input', () => {
  test('is nothing by default', async () => {
    expect((await exec('cat')).stdout).toBe('')
  })

  test.each([
    ['a string', () => 'text é'],
    ['bytes', () => Buffer.from('text é')],
    ['a view into other bytes', () => new DataView(new Uint8Array([120, ...Buffer.from('text é'), 120]).buffer, 1, 7)],
    ['strings', () => ['te', 'xt', '', ' é']],
    ['a stream', () => Readable.from([Buffer.from('text '), Buffer.from('é')])],
    ['a generator', async function* () { yield 'text '; yield new Uint8Array(Buffer.from('é')) }],
    ['a web stream', () => Readable.toWeb(Readable.from([Buffer.from('text é')]))],
  ])('is %s', async (_, make) => {
    expect((await exec('cat', { input: make() })).stdout).toBe('text é')
  })

  test('may be larger than any pipe', async () => {
    const input = Buffer.alloc(3_000_000, 'abcdefg\n')
    expect((await exec('wc', ['-c'], { input })).stdout.trim()).toBe('3000000')
    expect((await exec('wc', ['-c'], { input: [input] })).stdout.trim()).toBe('3000000')
  })

  test('is not read further than the command reads', async () => {
    let given = 0
    const source = (function* () {
      for (;;) {
        given++
        yield Buffer.alloc(65_536)
      }
    })()
    const result = await sh('head -c 1000 > /dev/null', { input: source })
    expect(result.exitCode).toBe(0)
    expect(given).toBeLessThan(100)
    expect(source.next().done).toBe(true)
  })

  test('that never comes does not keep a command that ends', async () => {
    const source = new Readable({ read() {} })
    expect(await exec('true', { input: source })).toEqual({ stdout: '', stderr: '' })
    expect(source.destroyed).toBe(true)
  })

  test('that fails ends the command', async () => {
    const problem = new Error('no more')
    const source = (async function* () {
      yield 'begun'
      throw problem
    })()
    const error = await rejection(exec('cat', { input: source }))
    expect(error).toMatchObject({ code: 'ERR_PLIMSOLL_COMMAND', cause: problem })
    expect(error.message).toMatch(/\nits input could not be read to the end$/)
  })

  test('of the wrong kind of parts ends the command', async () => {
    expect((await rejection(exec('cat', { input: [1] }))).cause).toMatchObject({ code: 'ERR_PLIMSOLL_ARGUMENT' })
  })

  test('that the command does not read is no error', async () => {
    expect((await exec('true', { input: 'x'.repeat(1_000_000) })).exitCode).toBe(0)
  })
})

describe('output', () => {
  test('beyond the bound keeps its head and its tail, and says how much is missing', async () => {
    const result = await node('for (let i = 0; i < 20000; i++) console.log("line " + i)', { maxBuffer: 2000 })
    const [, omitted] = /^line 0\nline 1\n[^]*\n\[\.\.\. (\d+) bytes omitted \.\.\.\]\n[^]*line 19999$/.exec(result.stdout)
    const marker = `[... ${omitted} bytes omitted ...]\n`
    expect(result.truncated).toBe(true)
    expect(result.stdoutBytes).toBe(208_890)
    expect(Number(omitted)).toBe(result.stdoutBytes - 2000)
    // The final newline of the output is gone, one before the marker is there.
    expect(result.stdout.length).toBe(2000 + marker.length + 1 - 1)
  })

  test('that is dropped costs nothing but its count', async () => {
    const result = await node('process.stdout.write("é".repeat(1e6)); process.stdout.write("a")', { maxBuffer: 1001 })
    expect(result.stdoutBytes).toBe(2_000_001)
    expect(result.stdout).not.toContain('\ufffd')
    expect(result.stdout.endsWith('éa')).toBe(true)
  })

  test('of nothing kept is its count', async () => {
    const result = await sh('printf 12345', { maxBuffer: 0 })
    expect(result).toMatchObject({ stdout: '[... 5 bytes omitted ...]\n'.trimEnd(), stdoutBytes: 5, truncated: true })
  })

  test('that is no text has replacement characters, or is given as bytes', async () => {
    const script = 'process.stdout.write(Buffer.from([0, 255, 254, 10, 128]))'
    expect((await node(script)).stdout).toBe('\0\ufffd\ufffd\n\ufffd')
    expect((await node(script, { encoding: 'buffer' })).stdout).toEqual(Buffer.from([0, 255, 254, 10, 128]))
    expect((await node(script, { encoding: 'hex' })).stdout).toBe('00fffe0a80')
    expect((await node(script, { encoding: 'latin1' })).stdout).toBe('\0\xff\xfe\n\x80')
  })

  test('may be inherited or dropped', async () => {
    expect(await sh('echo out; echo err >&2', { stderr: 'ignore' })).toEqual({ stdout: 'out', stderr: '' })
  })
})

describe('a shell', () => {
  test('is used only when it is asked for', async () => {
    expect((await exec('echo', ['$HOME;', 'echo', 'x'])).stdout).toBe('$HOME; echo x')
    expect((await exec('echo', ['a;', 'echo', 'b'], { shell: true })).stdout).toBe('a\nb')
    expect((await exec('echo $0', { shell: '/bin/sh' })).stdout).toBe('/bin/sh')
  })

  test('leaves the command in messages as it was given', async () => {
    expect((await rejection(exec('exit 3', { shell: true }))).message).toBe('Command failed: exit 3\n')
  })
})

test('many commands at once each have their own end', async () => {
  const codes = Array.from({ length: 60 }, (_, index) => index)
  const results = await Promise.all(codes.map((code) => sh(`echo ${code}; exit ${code}`, { reject: false })))
  expect(results.map(({ exitCode, stdout }) => [exitCode, stdout])).toEqual(codes.map((code) => [code, String(code)]))
})
