'use strict'
/** ProcessPool: requests and answers in each protocol, and what becomes of those that have none. */


const { PlimsollConfigError, PlimsollError, ProcessPool, RemoteError } = require('plimsoll')
const { closePools, createProcessPool, execCodex } = require('../../js/lifecycle-pool.js')
const { native } = require('../../js/native.js')
const { eventually, rejection } = require('../support/events')
const { runs } = require('../support/process-state')

const owner = {}
afterEach(() => closePools(owner, { graceMs: 0 }))

/** A worker that handles one line at a time: `answer` is the body of a function of the line. */
const lineWorker = (answer) => `
  const lines = require('node:readline').createInterface({ input: process.stdin })
  lines.on('line', (line) => { const say = (text) => process.stdout.write(text + '\\n'); ${answer} })`

const jsonWorker = `
  const lines = require('node:readline').createInterface({ input: process.stdin })
  lines.on('line', (line) => {
    const request = JSON.parse(line)
    if (request === 'die') process.exit(3)
    if (request === 'babble') return process.stdout.write('no json\\n')
    if (request === 'silence') return
    process.stdout.write(JSON.stringify(request === 'pid' ? process.pid : { echo: request }) + '\\n')
  })`

/** A server of JSON-RPC with Content-Length headers. */
const rpcWorker = `
  let rest = Buffer.alloc(0)
  const send = (message) => {
    const text = JSON.stringify({ jsonrpc: '2.0', ...message })
    process.stdout.write('Content-Length: ' + Buffer.byteLength(text) + '\\r\\n\\r\\n' + text)
  }
  const heard = []
  process.stdin.on('data', (bytes) => {
    rest = Buffer.concat([rest, bytes])
    for (;;) {
      const at = rest.indexOf('\\r\\n\\r\\n')
      if (at < 0) return
      const length = Number(/Content-Length: (\\d+)/.exec(rest.subarray(0, at).toString())[1])
      if (rest.length < at + 4 + length) return
      const { id, method, params } = JSON.parse(rest.subarray(at + 4, at + 4 + length))
      rest = rest.subarray(at + 4 + length)
      heard.push(method)
      if (id === undefined) continue
      if (method === 'tell') send({ method: 'told', params })
      if (method === 'fail') send({ id, error: { code: -32001, message: 'cannot', data: params } })
      else if (method === 'heard') send({ id, result: heard })
      else if (method === 'later') setTimeout(() => send({ id, result: 'late' }), 50)
      else send({ id, result: params ?? null })
    }
  })`

const pool = (worker, options) => createProcessPool(owner, { command: process.execPath, args: ['-e', worker], ...options })

describe('the protocol of lines', () => {
  test('gives each request its line', async () => {
    const lines = pool(lineWorker('say(line.toUpperCase())'), { protocol: 'line', max: 2 })
    expect(lines).toBeInstanceOf(ProcessPool)
    expect(await Promise.all(['a', 'é', '', 'd'].map((text) => lines.request(text)))).toEqual(['A', 'É', '', 'D'])
  })

  test.each([[1], [null], [undefined], [{}], ['a\nb'], ['a\r']])('does not take %p', async (payload) => {
    const lines = pool(lineWorker('say(line)'), { protocol: 'line' })
    expect(await rejection(lines.request(payload))).toMatchObject({ code: 'ERR_PLIMSOLL_ARGUMENT' })
  })
})

describe('the protocol of JSON lines', () => {
  test('takes and gives any JSON value', async () => {
    const json = pool(jsonWorker)
    for (const value of [{ a: [1, 'zwei\n', null] }, [], 'text', 0, null, false]) {
      expect(await json.request(value)).toEqual({ echo: value })
    }
  })

  test('keeps its worker between requests', async () => {
    const json = pool(jsonWorker, { max: 1 })
    const first = await json.request('pid')
    expect([await json.request('pid'), await json.request('pid')]).toEqual([first, first])
  })

  test.each([
    ['undefined', undefined], ['a function', () => {}], ['a bigint', 1n], ['a cycle', (() => { const cycle = {}; cycle.self = cycle; return cycle })()],
  ])('does not take %s', async (_, payload) => {
    const error = await rejection(pool(jsonWorker).request(payload))
    expect(error).toBeInstanceOf(PlimsollError)
    expect(error).toMatchObject({ code: 'ERR_PLIMSOLL_ARGUMENT', message: expect.stringMatching(/^request: the payload cannot be written as JSON/) })
  })

  test('fails the one request whose worker dies, and replaces it', async () => {
    const json = pool(jsonWorker, { max: 1 })
    const pid = await json.request('pid')
    expect(await rejection(json.request('die'))).toMatchObject({ code: 'ERR_PLIMSOLL_WORKER' })
    expect(await json.request('pid')).not.toBe(pid)
  })

  test('fails the one request that is answered with something else', async () => {
    const json = pool(jsonWorker, { max: 1 })
    expect(await rejection(json.request('babble'))).toMatchObject({ code: 'ERR_PLIMSOLL_PROTOCOL' })
    expect(await json.request(1)).toEqual({ echo: 1 })
  })
})

describe('JSON-RPC', () => {
  const rpc = (options) => pool(rpcWorker, { protocol: 'content-length', max: 1, ...options })

  test('resolves with the result', async () => {
    const server = rpc()
    expect(await server.request({ method: 'echo', params: { text: 'é' } })).toEqual({ text: 'é' })
    expect(await server.request({ method: 'echo' })).toBe(null)
  })

  test('rejects with the error of the server', async () => {
    const error = await rejection(rpc().request({ method: 'fail', params: [1] }))
    expect(error).toBeInstanceOf(RemoteError)
    expect(error).toMatchObject({ name: 'RemoteError', code: 'ERR_PLIMSOLL_REMOTE', message: 'cannot', remoteCode: -32001, data: [1] })
  })

  test('answers in another order than it was asked', async () => {
    const server = rpc({ maxInFlight: 2 })
    const order = []
    await Promise.all([
      server.request({ method: 'later' }).then(() => order.push('late')),
      server.request({ method: 'echo' }).then(() => order.push('early')),
    ])
    expect(order).toEqual(['early', 'late'])
  })

  test('hears notifications', async () => {
    const heard = []
    const server = rpc({ onNotification: (message) => heard.push(message) })
    await Promise.all(['one', 'two'].map((name) => server.request({ method: 'tell', params: { name } })))
    await eventually('the notifications of the server', () => heard.length > 1)
    expect(heard).toEqual(['one', 'two'].map((name) => ({ jsonrpc: '2.0', method: 'told', params: { name } })))
  })

  test('drops notifications that nobody listens for', async () => {
    const server = rpc()
    expect(await server.request({ method: 'tell', params: {} })).toEqual({})
    expect(await server.request({ method: 'echo' })).toBe(null)
  })

  test('begins with the probe and the notification after it', async () => {
    const server = rpc({ startupProbe: { payload: { method: 'initialize', params: {} }, notification: { method: 'initialized' } } })
    expect(await server.request({ method: 'heard' })).toEqual(['initialize', 'initialized', 'heard'])
  })

  test.each([[{}], [null], ['text'], [{ method: '' }], [{ method: 1 }], [{ method: 'x', params: 1 }]])('does not take %p', async (payload) => {
    expect(await rejection(rpc().request(payload))).toMatchObject({ code: 'ERR_PLIMSOLL_ARGUMENT' })
  })
})

describe('a request', () => {
  test('that is not answered in time is rejected, and the next one is answered', async () => {
    const json = pool(jsonWorker, { max: 1 })
    expect(await rejection(json.request('silence', { timeoutMs: 50 }))).toMatchObject({ code: 'ERR_PLIMSOLL_TIMEOUT' })
    expect(await json.request(1)).toEqual({ echo: 1 })
  })

  test('that is aborted is rejected with the reason at once', async () => {
    const json = pool(jsonWorker, { max: 1 })
    const reason = new Error('enough')
    expect(await rejection(json.request(1, { signal: AbortSignal.abort(reason) }))).toBe(reason)
    const controller = new AbortController()
    const removed = jest.spyOn(controller.signal, 'removeEventListener')
    const running = rejection(json.request('silence', { signal: controller.signal }))
    controller.abort(reason)
    expect(await running).toBe(reason)
    expect(removed).toHaveBeenCalled()
    expect(await json.request(1)).toEqual({ echo: 1 })
  })

  test('beyond the queue is refused', async () => {
    const json = pool(jsonWorker, { max: 1, maxQueue: 1 })
    const silent = [json.request('silence'), json.request('silence'), json.request('silence')].map(rejection)
    expect(await Promise.race(silent)).toMatchObject({ code: 'ERR_PLIMSOLL_OVERFLOW' })
    await json.close({ graceMs: 0 })
    expect((await Promise.all(silent)).map(({ code }) => code).sort()).toEqual(expect.arrayContaining(['ERR_PLIMSOLL_CLOSED', 'ERR_PLIMSOLL_OVERFLOW']))
  })

  test('of a program that does not exist is rejected', async () => {
    const none = createProcessPool(owner, { command: '/no/such/program' })
    expect(await rejection(none.request(1))).toMatchObject({ code: 'ERR_PLIMSOLL_WORKER' })
  })

  test('holds the event loop, an idle pool does not', async () => {
    const json = pool(jsonWorker)
    const held = jest.spyOn(native(), 'processHold')
    await Promise.all([json.request(1), json.request(2)])
    expect(held.mock.calls).toEqual([[true], [false]])
    held.mockRestore()
  })

  test.each([[{ timeoutMs: 0 }], [{ timeoutMs: 'x' }], [{ signal: {} }], [1]])('with the options %p is refused', async (options) => {
    expect(await rejection(pool(jsonWorker).request(1, options))).toMatchObject({ code: 'ERR_PLIMSOLL_CONFIG' })
  })
})

describe('a pool', () => {
  test('that is closed ends its workers and takes no more', async () => {
    const json = pool(jsonWorker)
    const pid = await json.request('pid')
    const closing = json.close()
    expect(json.close()).toBe(closing)
    expect(json.closed).toBe(true)
    await closing
    await eventually('the end of the worker', () => !runs(pid))
    expect(await rejection(json.request(1))).toMatchObject({ code: 'ERR_PLIMSOLL_CLOSED' })
  })

  test('that was never asked is closed at the end of its block', async () => {
    await pool(jsonWorker)[Symbol.asyncDispose]()
  })

  test('rejects what waits when it is closed', async () => {
    const json = pool(jsonWorker, { max: 1 })
    const waiting = [json.request('silence'), json.request(1)].map(rejection)
    await json.close({ graceMs: 0 })
    expect((await Promise.all(waiting)).map(({ code }) => code)).toEqual(['ERR_PLIMSOLL_CLOSED', 'ERR_PLIMSOLL_CLOSED'])
  })

  test('whose scope was ended natively is closed', async () => {
    const open = jest.spyOn(native(), 'poolOpen')
    const json = pool(jsonWorker)
    const [[token]] = open.mock.calls
    open.mockRestore()
    await json.request(1)
    native().poolClose(token, 0)
    await eventually('the end of the pool', () => json.closed)
    expect(await rejection(json.request(1))).toMatchObject({ code: 'ERR_PLIMSOLL_CLOSED' })
    await json.close()
  })

  test('tells of itself', async () => {
    const json = pool(jsonWorker)
    await json.request(1)
    expect(typeof json.stats()).toBe('object')
    expect(json.command).toMatch(/^\S+ -e /)
    await json.close()
    expect(typeof json.stats()).toBe('object')
  })

  test('comes from the manager alone', () => {
    expect(() => new ProcessPool()).toThrow('a ProcessPool comes from createProcessPool()')
  })

  test('is refused by the core with its reason, and leaves nothing', () => {
    const open = jest.spyOn(native(), 'poolOpen').mockReturnValue({ code: 'ERR_PLIMSOLL_CONFIG', message: 'not like this' })
    expect(() => pool(jsonWorker)).toThrow('not like this')
    open.mockRestore()
  })

  test.each([
    ['command', 1], ['command', ''], ['command', 'a\0'], ['args', 'x'], ['args', [1]], ['args', ['a\0']], ['env', 'A=1'], ['cwd', 1],
    ['min', -1], ['min', 257], ['max', 0], ['max', 257], ['max', 1.5], ['idleTimeoutMs', -1], ['maxRequests', 0], ['maxRssMb', 0], ['maxAgeMs', 0],
    ['protocol', 'http'], ['startupProbe', 'x'], ['startupProbe', {}], ['healthCheck', { payload: 1, intervalMs: 0 }], ['maxQueue', -1],
    ['maxInFlight', 0], ['maxMessageBytes', 2 ** 31], ['onNotification', 1], ['killSignal', 'TERM'], ['graceMs', -1],
  ])('with the option %s of %p is refused', (key, value) => {
    expect(() => createProcessPool(owner, { command: 'true', [key]: value })).toThrow(PlimsollConfigError)
  })

  test.each([
    [{}, 'the option "command" is missing'],
    [{ command: 'true', min: 5, max: 4 }, 'min (5) is above max (4)'],
    [{ command: 'true', maxInFlight: 2 }, 'maxInFlight above 1 needs the protocol "content-length"'],
    [{ command: 'true', startupProbe: { payload: 1, notification: { method: 'x' } } }, 'only the protocol "content-length" has notifications'],
    [{ command: 'true', protocol: 'line', healthCheck: { payload: 1 } }, 'the payload must be a string'],
    [{ command: 'true', env: { 'A=': '1' } }, 'env has the name "A="'],
  ])('of %j is refused', (options, message) => {
    expect(() => createProcessPool(owner, options)).toThrow(message)
  })
})

describe('execCodex', () => {
  const settings = { command: process.execPath, args: ['-e', jsonWorker], max: 1 }

  test('asks a pool that is made when it is first asked', async () => {
    expect(await execCodex(owner, ['exec', '--json'], undefined, settings)).toEqual({ echo: { args: ['exec', '--json'] } })
    const open = jest.spyOn(native(), 'poolOpen')
    expect(await execCodex(owner, [], { timeoutMs: 40_000 }, settings)).toEqual({ echo: { args: [] } })
    expect(open).not.toHaveBeenCalled()
    open.mockRestore()
  })

  test('has a pool again after all were closed, and one for each manager', async () => {
    await execCodex(owner, [], undefined, settings)
    await closePools(owner)
    expect(await execCodex(owner, [], undefined, settings)).toEqual({ echo: { args: [] } })
    const other = {}
    expect(await execCodex(other, ['x'], undefined, settings)).toEqual({ echo: { args: ['x'] } })
    await closePools(other)
  })

  test('runs codex by default', async () => {
    const open = jest.spyOn(native(), 'poolOpen').mockReturnValue({ code: 'ERR_PLIMSOLL_INTERNAL', message: 'seen' })
    await rejection(execCodex({}, []))
    expect(open.mock.calls[0][1]).toMatchObject({ program: 'codex', arguments: [], protocol: 'jsonl', min: 0, max: 4 })
    open.mockRestore()
  })

  test('takes an array of strings alone', async () => {
    for (const args of [undefined, 'x', [1]]) expect(await rejection(execCodex(owner, args, undefined, settings))).toMatchObject({ code: 'ERR_PLIMSOLL_ARGUMENT' })
  })
})
