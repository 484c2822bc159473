'use strict'
/** Anything may be logged: nothing makes `log` throw, reject, or lose the rest of the entry. */

const crypto = require('node:crypto')
const fs = require('node:fs')
const vm = require('node:vm')
const { readAll } = require('../support/log-files')
const { start } = require('../support/managers')

const hashOf = (text) => crypto.createHash('sha256').update(text).digest('hex').slice(0, 16)

/** Logs one entry and reads its line. */
async function lineOf(data, config) {
  const manager = await start(config)
  await manager.log('error', data)
  await manager.close()
  const entries = readAll(manager.logPath)
  expect(entries).toHaveLength(1)
  return entries[0]
}

async function roundTrip(data, config) {
  return (await lineOf(data, config)).data
}

describe('errors', () => {
  class QueryError extends Error {
    constructor(message, options) {
      super(message, options)
      this.name = 'QueryError'
      this.code = 'E_QUERY'
      this.attempts = 3
    }
  }

  test('an Error under "error" is recorded with name, message, code, stack and own fields', async () => {
    const error = new QueryError('no such table')
    const { data, hash } = await lineOf({ task: 'T-1', error, after: true })
    expect(data).toMatchObject({ task: 'T-1', after: true })
    expect(data.error).toMatchObject({ name: 'QueryError', message: 'no such table', code: 'E_QUERY', attempts: 3 })
    expect(data.error.stack).toContain('QueryError')
    expect(hash).toMatch(/^[0-9a-f]{16}$/)
    expect(JSON.stringify(data)).not.toMatch(/plimsoll|\\u0000/)
  })

  test('an Error anywhere in data is recorded, also as data itself, in arrays and Maps', async () => {
    const error = new TypeError('deep down')
    const data = await roundTrip({ steps: [{ failure: error }], byName: new Map([['first', error]]), deep: { er: { error } } })
    for (const found of [data.steps[0].failure, data.byName.first, data.deep.er.error]) {
      expect(found).toMatchObject({ name: 'TypeError', message: 'deep down' })
    }
    expect(await roundTrip(new RangeError('bare'))).toMatchObject({ name: 'RangeError', message: 'bare' })
  })

  test('the chain of causes is kept, whatever the causes are', async () => {
    const root = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', errno: -111 })
    const { error } = await roundTrip({ error: new QueryError('query failed', { cause: new Error('pool empty', { cause: root }) }) })
    expect(error.cause).toMatchObject({ name: 'Error', message: 'pool empty' })
    expect(error.cause.cause).toMatchObject({ message: 'connect ECONNREFUSED', code: 'ECONNREFUSED', errno: -111 })
    expect((await roundTrip({ error: new Error('odd', { cause: 'a plain string' }) })).error.cause).toBe('a plain string')
    expect((await roundTrip({ error: new Error('odd', { cause: { code: 7 } }) })).error.cause).toEqual({ code: 7 })
  })

  test('an AggregateError keeps its errors', async () => {
    const { error } = await roundTrip({ error: new AggregateError([new Error('one'), new TypeError('two'), 'three'], 'all failed') })
    expect(error).toMatchObject({ name: 'AggregateError', message: 'all failed' })
    expect(error.errors[0]).toMatchObject({ name: 'Error', message: 'one' })
    expect(error.errors[1]).toMatchObject({ name: 'TypeError', message: 'two' })
    expect(error.errors[2]).toBe('three')
  })

  test('a cause that leads back to its error ends', async () => {
    const error = new Error('snake')
    error.cause = error
    expect((await roundTrip({ error })).error).toMatchObject({ message: 'snake', cause: '[Circular]' })
  })

  test('long texts of an error are shortened, and hashed', async () => {
    const message = `the build failed: ${'reason '.repeat(600)}`
    const { data, hash } = await lineOf({ error: new Error(message) })
    expect(data.error.message.length).toBeLessThanOrEqual(500)
    expect(data.error.stack.length).toBeLessThanOrEqual(4000)
    expect(JSON.stringify(data)).toMatch(/"errorHash":"[0-9a-f]{16}"/)
    expect(hash).toMatch(/^[0-9a-f]{16}$/)
  })

  test('errors of another realm, and objects that extend Error by hand, are errors too', async () => {
    const foreign = vm.runInNewContext('new RangeError("from elsewhere")')
    expect((await roundTrip({ error: foreign })).error).toMatchObject({ name: 'RangeError', message: 'from elsewhere' })
    const byHand = Object.create(Error.prototype, { message: { value: 'by hand' } })
    expect((await roundTrip({ error: byHand })).error).toMatchObject({ name: 'Error', message: 'by hand' })
  })

  test('an error whose fields throw loses only those', async () => {
    const error = new Error('half broken')
    Object.defineProperty(error, 'code', { enumerable: true, get() { throw new Error('no code for you') } })
    Object.defineProperty(error, 'stack', { get() { throw new Error('no stack either') } })
    const data = await roundTrip({ error, rest: 'kept' })
    expect(data.rest).toBe('kept')
    expect(data.error.message).toBe('half broken')
    expect(data.error.code).toContain('no code for you')
  })
})

describe('values JSON does not know', () => {
  test.each([
    ['BigInt', 2n ** 80n, '1208925819614629174706176'],
    ['Date', new Date(0), '1970-01-01T00:00:00.000Z'],
    ['an invalid Date', new Date(NaN), undefined],
    ['a Map of strings', new Map([['a', 1], ['b', 2n]]), { a: 1, b: '2' }],
    ['a Map of others', new Map([[1, 'one'], [{ k: 1 }, 'two']]), [[1, 'one'], [{ k: 1 }, 'two']]],
    ['a Set', new Set([1, 'two', new Set([3])]), [1, 'two', [3]]],
    ['a Float64Array', new Float64Array([1.5, -2]), [1.5, -2]],
    ['a BigInt64Array', new BigInt64Array([5n]), ['5']],
    ['a RegExp', /a+b/gi, '/a+b/gi'],
    ['a URL', new URL('https://example.com/x?y=1'), 'https://example.com/x?y=1'],
    ['NaN and infinity', [NaN, Infinity, -Infinity], [null, null, null]],
    ['-0', -0, 0],
    ['a function', () => 1, undefined],
    ['a symbol', Symbol('s'), undefined],
     
    ['boxed primitives', [Object('s'), Object(1), Object(false), Object(3n)], ['s', 1, false, '3']]
  ])('%s', async (_name, value, expected) => {
    const data = await roundTrip({ before: 1, value, after: 2 })
    expect(data).toEqual(expected === undefined ? { before: 1, after: 2 } : { before: 1, value: expected, after: 2 })
  })

  test('bytes are shown as base64 with their length', async () => {
    const data = await roundTrip({ a: Buffer.from('plimsoll'), b: new Uint8Array([1, 2, 3]), c: new ArrayBuffer(2), d: Buffer.alloc(100_000) })
    expect(Buffer.from(data.a.base64, 'base64').toString()).toBe('plimsoll')
    expect(data.b).toMatchObject({ length: 3 })
    expect(data.c).toMatchObject({ length: 2 })
    expect(data.d.length).toBe(100_000)
    expect(JSON.stringify(data.d).length).toBeLessThan(10_000)
  })

  test('cycles end, and what is merely shared does not', async () => {
    const shared = { s: 1 }
    const cyclic = { name: 'outer', inner: { list: [] }, twice: [shared, shared] }
    cyclic.inner.back = cyclic
    cyclic.inner.list.push(cyclic.inner)
    expect(await roundTrip(cyclic)).toEqual({
      name: 'outer', inner: { list: ['[Circular]'], back: '[Circular]' }, twice: [{ s: 1 }, { s: 1 }]
    })
    const map = new Map()
    map.set('self', map)
    expect(await roundTrip({ map })).toEqual({ map: { self: '[Circular]' } })
  })

  test('getters, toJSON and proxies that throw lose only themselves', async () => {
    const hostile = {
      before: 1,
      get getter() { throw new Error('getter') },
      json: { toJSON() { throw new TypeError('toJSON') } },
      proxy: new Proxy({}, { ownKeys() { throw new Error('proxy') } }),
      thrown: { get odd() { throw null } },
      after: 2
    }
    const data = await roundTrip(hostile)
    expect(data).toMatchObject({ before: 1, after: 2 })
    expect(data.getter).toContain('getter')
    expect(data.json).toContain('toJSON')
    expect(data.proxy).toContain('proxy')
  })

  test('a revoked proxy, as data and within it', async () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    expect((await roundTrip({ proxy, rest: 1 })).rest).toBe(1)
    const manager = await start()
    await manager.log('info', proxy)
    await manager.log('info', { next: true })
    await manager.close()
    expect(readAll(manager.logPath).at(-1).data).toEqual({ next: true })
  })

  test('toJSON is honoured, at the top and below, with its key', async () => {
    expect(await roundTrip({ toJSON: () => ({ shown: 1 }) })).toEqual({ shown: 1 })
    expect(await roundTrip({ list: { toJSON: (key) => `under ${key}` } })).toEqual({ list: 'under list' })
    expect(await roundTrip({ n: { toJSON: () => 5n } })).toEqual({ n: '5' })
  })

  test('symbol keys and inherited fields are left out, objects without a prototype are not', async () => {
    class Base { inherited = 'own by now' }
    const bare = Object.assign(Object.create(null), { bare: true })
    expect(await roundTrip({ [Symbol('s')]: 1, base: new Base(), bare, child: Object.create({ above: 1 }, { own: { value: 2, enumerable: true } }) }))
      .toEqual({ base: { inherited: 'own by now' }, bare: { bare: true }, child: { own: 2 } })
  })

  test('holes in an array are null, as JSON has it', async () => {
    // eslint-disable-next-line no-sparse-arrays
    expect(await roundTrip({ list: [1, , 3] })).toEqual({ list: [1, null, 3] })
    const sparse = []
    sparse[4_000_000_000] = 'far'
    const data = await roundTrip({ sparse, rest: 'kept' })
    expect(data.rest).toBe('kept')
    expect(JSON.stringify(data).length).toBeLessThan(2_000_000)
  })

  test('a hundred thousand levels, of objects and of arrays', async () => {
    let object = { leaf: true }
    let array = ['leaf']
    for (let depth = 0; depth < 100_000; depth++) {
      object = { inner: object }
      array = [array]
    }
    const data = await roundTrip({ before: 1, object, array, after: 2 })
    expect(data).toMatchObject({ before: 1, after: 2 })
    expect(JSON.stringify(data)).toContain('[Truncated]')
  })

  test('a million values', async () => {
    const data = await roundTrip({ list: Array.from({ length: 1_000_000 }, (_, n) => BigInt(n)), after: 'kept' })
    expect(data.list[99]).toBe('99')
    expect(data.list.length).toBeGreaterThan(10_000)
  })

  test('__proto__, constructor and toString as keys are data', async () => {
    const data = await roundTrip(JSON.parse('{"__proto__":{"polluted":true},"constructor":1,"toString":2,"hasOwnProperty":3}'))
    expect(Object.keys(data).sort()).toEqual(['__proto__', 'constructor', 'hasOwnProperty', 'toString'])
    expect({}.polluted).toBe(undefined)
    const withCopy = await roundTrip(JSON.parse('{"__proto__":{"a":1},"big":{"__proto__":{"b":[1]}}}'))
    expect(JSON.stringify(withCopy)).toBe('{"__proto__":{"a":1},"big":{"__proto__":{"b":[1]}}}')
  })

  test('lone surrogates, NUL and control characters give valid UTF-8 and the rest of the text', async () => {
    const text = `a\ud800b\udc00c\u0000d\u0001e\u2028f\u{1f600}g`
    const manager = await start()
    await manager.log('info', { text, long: text.repeat(2000), error: `${text}${'x'.repeat(900)}${text}` })
    await manager.close()
    const bytes = fs.readFileSync(manager.logPath)
    expect(() => new TextDecoder('utf8', { fatal: true }).decode(bytes)).not.toThrow()
    const [{ data }] = readAll(manager.logPath)
    expect(data.text.replace(/[\ud800-\udfff\ufffd]/g, '?')).toBe(text.replace(/[\ud800-\udfff]/g, '?'))
    expect(data.long.length).toBe(text.length * 2000)
  })

  test('keys of every kind keep their names', async () => {
    const keys = ['', ' ', '"', '\\', '\n', '\u0000', 'ключ', '鍵', '\u{1f511}', 'a.b', '0']
    const data = Object.fromEntries(keys.map((key, n) => [key, n]))
    expect(await roundTrip(data)).toEqual(data)
  })

  test('every escape and number survives the way to the file', async () => {
    const data = { text: '"\\/\b\f\n\r\t\u007f\u0080\u00ff\u0100\uffff', numbers: [0, -1, 1e21, 1.5e-9, Number.MAX_SAFE_INTEGER, Number.MIN_VALUE, 0.1] }
    expect(await roundTrip(data)).toEqual(data)
  })

  test('an error hash is that of the text as it was given', async () => {
    const error = `日本語 ${'エラー'.repeat(400)} \u{1f600}`
    expect((await lineOf({ error })).hash).toBe(hashOf(error))
  })
})
