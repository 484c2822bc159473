'use strict'
/** What must not reach the file: values at the caller's paths, and strings that are secrets by their shape. */

const fs = require('node:fs')
const zlib = require('node:zlib')
const path = require('node:path')
const { launch } = require('../support/children')
const { temporaryDirectory } = require('../support/directories')
const { filesOf, readData } = require('../support/log-files')
const { make, start } = require('../support/managers')
const { PlimsollConfigError } = require('../..')

/** Assembled here so that no scanner of repositories takes this file for a leak. */
const SECRETS = {
  github: ['ghp', 'A1b2C3d4E5f6A1b2C3d4E5f6A1b2C3d4E5f6'].join('_'),
  aws: ['AKIA', 'IOSFODNN7EXAMPLE'].join(''),
  privateKey: ['-----BEGIN RSA', 'PRIVATE KEY-----\nMIIEowIBAAKCAQEA0Z3VS5JJcds3xfn\n-----END RSA', 'PRIVATE KEY-----'].join(' ')
}

async function roundTrip(data, config) {
  const manager = await start(config)
  await manager.log('info', data)
  await manager.close()
  return { data: readData(manager.logPath)[0], text: fs.readFileSync(manager.logPath, 'utf8'), stats: manager.stats() }
}

describe('paths', () => {
  test('the value at a path is blackened, whatever it is, and nothing else', async () => {
    const data = {
      headers: { authorization: 'Basic QWxhZGRpbg', accept: '*/*' }, password: { deep: ['secret-1', 'secret-2'] },
      users: [{ email: 'a@b.c', id: 1 }, { email: 'd@e.f', id: 2 }], authorization: 'elsewhere'
    }
    const { data: found, text, stats } = await roundTrip(data, { redact: ['headers.authorization', 'password', 'users[*].email'] })
    expect(found).toEqual({
      headers: { authorization: '[redacted]', accept: '*/*' }, password: '[redacted]',
      users: [{ email: '[redacted]', id: 1 }, { email: '[redacted]', id: 2 }], authorization: 'elsewhere'
    })
    expect(text).not.toMatch(/QWxh|secret-|a@b/)
    expect(stats.entries.redacted).toBeGreaterThanOrEqual(1)
  })

  test('{ paths, secrets } is the long form', async () => {
    const { data } = await roundTrip({ password: 'x', token: SECRETS.github }, { redact: { paths: ['password'], secrets: false } })
    expect(data).toEqual({ password: '[redacted]', token: SECRETS.github })
  })

  test('keys that need escapes are found', async () => {
    const { data } = await roundTrip({ 'x-api-key': 'k', 'ключ': 'v', deep: { 'a"b': 's' } }, { redact: ['["x-api-key"]', '["ключ"]', `deep['a"b']`] })
    expect(data['x-api-key']).toBe('[redacted]')
    expect(data['ключ']).toBe('[redacted]')
    expect(data.deep).toEqual({ 'a"b': '[redacted]' })
  })

  test('fields of error objects are reached by a path too', async () => {
    const error = Object.assign(new Error('refused'), { config: { headers: { cookie: 'sid=1' } } })
    const { text } = await roundTrip({ error }, { redact: ['error.config.headers.cookie'] })
    expect(text).toContain('refused')
    expect(text).not.toContain('sid=1')
  })

  test.each([['a..b'], [''], ['a['], [7], [null]])('the path %p is refused at construction', (bad) => {
    expect(() => make({ redact: [bad] })).toThrow(PlimsollConfigError)
  })

  test.each([['password'], [7], [{ paths: 'password' }], [{ secrets: 'no' }]])('redact: %p is refused at construction', (redact) => {
    expect(() => make({ redact })).toThrow(PlimsollConfigError)
  })
})

describe('secrets', () => {
  test.each(Object.entries(SECRETS))('a %s secret is blackened wherever it stands, without being asked', async (_kind, secret) => {
    const { text, stats } = await roundTrip({
      plain: secret, within: `the tool said: ${secret} and went on`, list: [{ deep: secret }], error: `failed with ${secret}`
    })
    expect(text).not.toContain(JSON.stringify(secret).slice(1, -1))
    expect(text).toMatch(/\[redacted:[a-z-]+\]/)
    expect(text).toContain('the tool said')
    expect(stats.entries.redacted).toBeGreaterThanOrEqual(1)
  })

  test('one that straddles the cut of a long error text does not survive in halves', async () => {
    for (let before = 200; before < 320; before += 10) {
      const { text } = await roundTrip({ error: `${'x'.repeat(before)} ${SECRETS.github} ${'y'.repeat(1000)}` })
      expect(text).not.toContain(SECRETS.github.slice(0, 12))
      expect(text).not.toContain(SECRETS.github.slice(-12))
    }
  })

  test('words, hashes and paths are not taken for secrets', async () => {
    const data = {
      hash: 'd41d8cd98f00b204e9800998ecf8427e', sha: 'a'.repeat(64), path: '/usr/lib/node_modules/ghp_fetcher/index.js',
      uuid: '123e4567-e89b-12d3-a456-426614174000', word: 'AKIAnotakey', base64: Buffer.alloc(60, 7).toString('base64')
    }
    expect((await roundTrip(data)).data).toEqual(data)
  })

  test('redact: false leaves them', async () => {
    expect((await roundTrip({ token: SECRETS.github }, { redact: false })).data).toEqual({ token: SECRETS.github })
  })

  test('archives hold none either', async () => {
    const manager = await start({ rotationThreshold: 2000 })
    for (let n = 0; n < 100; n++) await manager.log('info', { n, token: SECRETS.github, filler: 'f'.repeat(50) })
    await manager.close()
    const texts = filesOf(manager.logPath).map((file) =>
      file.endsWith('.gz') ? zlib.gunzipSync(fs.readFileSync(file)).toString() : fs.readFileSync(file, 'utf8'))
    expect(texts.length).toBeGreaterThan(2)
    expect(texts.join('')).not.toContain(SECRETS.github)
  })
})

test('what a killed process left in its ring is blackened by whoever recovers it', async () => {
  const home = temporaryDirectory()
  const logPath = path.join(home, 'logs', 'log.jsonl')
  const acksPath = path.join(home, 'acks')
  await launch('ending.cjs', { config: { logPath, redact: ['n'] }, acksPath, end: 'SIGKILL', records: 3 }).exit
  const manager = await start({ logPath }) // asks for no path of its own
  expect(readData(manager.logPath)).toEqual([{ n: '[redacted]' }, { n: '[redacted]' }, { n: '[redacted]' }])
})
