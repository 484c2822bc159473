'use strict'
/** Streams of a scope: closed when it is over, whatever state they are in. */

const fs = require('node:fs')
const net = require('node:net')
const path = require('node:path')
const { Duplex, PassThrough, Readable, Writable } = require('node:stream')
const { temporaryDirectory } = require('../support/directories')
const { rejection } = require('../support/events')
const { lifecycle } = require('../support/lifecycle')

const errors = (manager) => manager.scopes.streamErrors

test('streams are destroyed, and closed when the scope has ended', async () => {
  const { manager } = lifecycle()
  const streams = [new PassThrough(), new Readable({ read() {} }), new Writable()]
  await manager.withScope((scope) => {
    for (const stream of streams) expect(scope.trackStream(stream)).toBe(stream)
    expect(manager.leakReport().counts.streams).toBe(3)
  })
  expect(streams.map(({ closed }) => closed)).toEqual([true, true, true])
  expect([manager.leakReport().counts.streams, errors(manager)]).toEqual([0, 0])
})

test('files are closed: their number is free again', async () => {
  const { manager } = lifecycle()
  const file = path.join(temporaryDirectory(), 'file')
  let number
  await manager.withScope(async (scope) => {
    const stream = scope.trackStream(fs.createWriteStream(file))
    await new Promise((resolve) => stream.once('open', resolve))
    number = stream.fd
    fs.fstatSync(number)
  })
  expect(() => fs.fstatSync(number)).toThrow(expect.objectContaining({ code: 'EBADF' }))
})

test('sockets are closed on both sides', async () => {
  const { manager } = lifecycle()
  const server = net.createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const closed = new Promise((resolve) => server.once('connection', (socket) => socket.resume().once('error', () => {}).once('close', resolve)))
  await manager.withScope(async (scope) => {
    scope.use(server)
    const socket = scope.trackStream(net.connect(server.address().port, '127.0.0.1'))
    await new Promise((resolve) => socket.once('connect', resolve))
  })
  await closed
  expect(server.listening).toBe(false)
})

test('streams that are over already, or end by themselves, are no concern', async () => {
  const { manager } = lifecycle()
  let destroyed = 0
  const ends = new Readable({ read() { this.push(null) }, destroy(_error, done) { destroyed++; done() } })
  await manager.withScope(async (scope) => {
    const over = new PassThrough()
    over.destroy()
    scope.trackStream(over)
    scope.trackStream(ends).resume()
    await new Promise((resolve) => ends.once('close', resolve))
  })
  expect([destroyed, errors(manager)]).toEqual([1, 0])
})

test.each([
  ['fail to be destroyed', () => new Duplex({ destroy(_error, done) { done(new Error('no')) } })],
  ['throw when they are', () => new Duplex({ destroy() { throw new Error('no') } })],
  ['throw at once', () => ({ destroy() { throw new Error('no') } })],
  ['of the web that are locked', () => {
    const stream = new ReadableStream()
    stream.getReader()
    return stream
  }],
])('streams that %s are counted, and nobody hears of it', async (_how, make) => {
  const { manager } = lifecycle()
  expect(await manager.withScope((scope) => {
    scope.trackStream(make())
    return 'done'
  })).toBe('done')
  expect(errors(manager)).toBe(1)
})

test('an error of a stream that comes late disturbs nobody', async () => {
  const { manager } = lifecycle()
  const stream = new PassThrough()
  await manager.withScope((scope) => void scope.trackStream(stream))
  stream.emit('error', new Error('late'))
  expect(errors(manager)).toBe(1)
})

test('streams of the web are cancelled and aborted', async () => {
  const { manager } = lifecycle()
  const ended = []
  await manager.withScope((scope) => {
    scope.trackStream(new ReadableStream({ cancel: () => void ended.push('cancelled') }))
    scope.trackStream(new WritableStream({ abort: () => void ended.push('aborted') }))
  })
  expect(ended).toEqual(['aborted', 'cancelled'])
})

test('streams that never tell of their end are not waited for', async () => {
  const { manager } = lifecycle({ releaseTimeoutMs: 2 ** 31 - 1 })
  let destroyed = 0
  await manager.withScope((scope) => {
    scope.trackStream(new PassThrough({ emitClose: false }))
    scope.trackStream({ destroy() { destroyed++ } })
  })
  expect(destroyed).toBe(1)
})

test('streams that hang are given up and named', async () => {
  const { manager } = lifecycle({ releaseTimeoutMs: 5 })
  const error = await rejection(manager.withScope((scope) => {
    scope.trackStream(new Duplex({ destroy() {} }))
  }))
  expect(error.errors).toEqual([expect.objectContaining({ code: 'ERR_PLIMSOLL_TIMEOUT', message: expect.stringContaining('Duplex') })])
})

test('a scope that lives long holds only the streams that are open', async () => {
  const { manager } = lifecycle()
  const scope = manager.scope()
  const open = scope.trackStream(new PassThrough())
  for (let number = 0; number < 500; number++) {
    const stream = scope.trackStream(new PassThrough())
    stream.destroy()
    await new Promise((resolve) => stream.once('close', resolve))
  }
  expect(manager.leakReport().counts.streams).toBeLessThan(100)
  expect(open.destroyed).toBe(false)
  await scope.cleanup()
  expect(open.closed).toBe(true)
})
