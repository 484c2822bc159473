'use strict'

const { execFileSync } = require('node:child_process')
const path = require('node:path')
const vm = require('node:vm')
const { PlimsollConfigError, PlimsollError } = require('plimsoll')
const { readConfig, nearestKey } = require('../../js/config.js')

/** @type {import('../../js/config.js').Schema} */
const SCHEMA = {
  size: { type: 'number', default: 10, integer: true, min: 1, max: 100, unit: 'bytes' },
  ratio: { type: 'number', default: 0.5, min: 0, max: 1 },
  limit: { type: 'number', default: undefined, integer: true, min: 0, max: 9 },
  path: { type: 'string', default: 'a/b' },
  enabled: { type: 'boolean', default: true },
  level: { type: 'choice', default: 'info', choices: ['info', 'warn'] },
  onError: { type: 'function', default: undefined },
  list: {
    type: 'custom',
    default: undefined,
    allowed: 'an array',
    read(value) {
      if (!Array.isArray(value)) throw new TypeError('not an array')
      return [...value]
    },
  },
}
const DEFAULTS = {
  size: 10,
  ratio: 0.5,
  limit: undefined,
  path: 'a/b',
  enabled: true,
  level: 'info',
  onError: undefined,
  list: undefined,
}

const read = (given) => readConfig('Thing', SCHEMA, given)
const refusal = (given) => {
  try {
    read(given)
  } catch (error) {
    return error
  }
  throw new Error('it was accepted')
}

describe('defaults', () => {
  test.each([[undefined], [{}], [Object.create(null)], [{ size: undefined, onError: undefined }]])(
    'fill in for %p',
    (given) => expect({ ...read(given) }).toEqual(DEFAULTS),
  )

  test('give way to what is given', () => {
    const onError = () => {}
    const given = { size: 1, ratio: 1, limit: 0, path: 'x', enabled: false, level: 'warn', onError, list: [1] }
    expect({ ...read(given) }).toEqual(given)
  })

  test('leave nothing to inherit in the result', () => {
    expect(Object.getPrototypeOf(read({}))).toBeNull()
  })
})

describe('a value that is not allowed', () => {
  test.each([
    ['size', 0],
    ['size', 101],
    ['size', 1.5],
    ['size', '5'],
    ['size', NaN],
    ['size', Infinity],
    ['size', 5n],
    ['size', null],
    // eslint-disable-next-line no-new-wrappers
    ['size', new Number(5)],
    ['ratio', -0.1],
    ['path', ''],
    ['path', 'a\0b'],
    ['path', Buffer.from('a')],
    ['enabled', 0],
    ['enabled', 'true'],
    ['level', 'INFO'],
    ['level', 'toString'],
    ['level', Symbol('info')],
    ['onError', {}],
    ['list', 'abc'],
  ])('is refused: %s = %p', (key, value) => {
    const error = refusal({ [key]: value })
    expect(error).toBeInstanceOf(PlimsollConfigError)
    expect(error).toBeInstanceOf(TypeError)
    expect(error).toMatchObject({ name: 'PlimsollConfigError', code: 'ERR_PLIMSOLL_CONFIG', key, value })
    expect(error.message).toContain(`Thing: option "${key}"`)
    expect(error.message).toContain(error.allowed)
  })

  test('is named in the message, with what is allowed', () => {
    expect(refusal({ size: 101 }).message).toBe(
      'Thing: option "size" is the number 101; allowed: an integer of bytes from 1 to 100',
    )
    expect(refusal({ level: 'loud' }).message).toBe(
      'Thing: option "level" is the string "loud"; allowed: "info", "warn"',
    )
  })

  test('is cut in the message when it is long', () => {
    expect(refusal({ level: 'x'.repeat(1_000_000) }).message.length).toBeLessThan(200)
  })

  test('never runs its own code to be described', () => {
    const trap = new Proxy({}, { get: () => { throw new Error('touched') }, getPrototypeOf: () => { throw new Error('touched') } })
    expect(refusal({ size: trap }).message).toContain('an object')
  })

  test('is not the reason given when a custom check itself fails', () => {
    const cause = new PlimsollError('no addon', { code: 'ERR_PLIMSOLL_NATIVE' })
    const read = () => { throw cause }
    const schema = { list: { type: 'custom', default: undefined, allowed: 'an array', read } }
    expect(() => readConfig('Thing', schema, { list: [] })).toThrow(cause)
  })

  test('carries the cause of a custom check', () => {
    expect(refusal({ list: 1 }).cause).toMatchObject({ message: 'not an array' })
  })
})

describe('a configuration that is no object of options', () => {
  test.each([[null], [1], ['path'], [true], [[]], [() => {}], [Symbol('x')]])('is refused: %p', (given) => {
    expect(refusal(given)).toMatchObject({ code: 'ERR_PLIMSOLL_CONFIG', key: 'config' })
  })

  test('may come from another realm', () => {
    expect(read(vm.runInNewContext('({ size: 7 })')).size).toBe(7)
  })
})

describe('inheritance', () => {
  test('a class or a prototype chain of the caller counts', () => {
    class Settings {
      get size() {
        return 7
      }
    }
    expect(read(new Settings()).size).toBe(7)
    expect(read(Object.create({ size: 8 })).size).toBe(8)
    expect(read(Object.create(Object.create(null, { size: { value: 9 } }))).size).toBe(9)
  })

  test('a polluted Object.prototype does not count', () => {
    Object.defineProperty(Object.prototype, 'size', { value: 77, configurable: true })
    try {
      expect(read({}).size).toBe(10)
    } finally {
      delete Object.prototype.size
    }
  })

  test('an own __proto__ key is an unknown option, and nothing is taken from it', () => {
    const emitWarning = jest.spyOn(process, 'emitWarning').mockImplementation(() => {})
    try {
      expect(read(JSON.parse('{"__proto__": {"size": 55}}')).size).toBe(10)
      expect(emitWarning).toHaveBeenCalledWith(expect.stringContaining('"__proto__"'), expect.anything())
    } finally {
      emitWarning.mockRestore()
    }
  })

  test('a getter is read once, and its error becomes the cause', () => {
    let reads = 0
    const given = {
      get size() {
        reads += 1
        return 5
      },
    }
    expect(read(given).size).toBe(5)
    expect(reads).toBe(1)
    const cause = new Error('boom')
    const throwing = Object.defineProperty({}, 'size', { get: () => { throw cause } })
    expect(refusal(throwing)).toMatchObject({ key: 'size', cause })
  })
})

describe('an unknown option', () => {
  /** Runs code in a process of its own, where nothing has been warned of yet. */
  const warningsOf = (code) => {
    const script = `
      const { readConfig } = require(${JSON.stringify(path.resolve(__dirname, '../../js/config.js'))})
      const seen = []
      process.on('warning', ({ name, code, message }) => seen.push({ name, code, message }))
      const schema = { rotationThreshold: { type: 'boolean', default: true }, minLevel: { type: 'boolean', default: true } }
      const read = (given, component = 'Thing') => readConfig(component, schema, given)
      ${code}
      setImmediate(() => console.log(JSON.stringify(seen)))`
    const stdout = execFileSync(process.execPath, ['--no-warnings', '-e', script], { encoding: 'utf8' })
    return JSON.parse(stdout)
  }

  test('warns with the nearest known one', () => {
    expect(warningsOf("read({ rotationTreshold: 1 })")).toEqual([
      {
        name: 'PlimsollWarning',
        code: 'PLIMSOLL_UNKNOWN_OPTION',
        message: 'Thing: unknown option "rotationTreshold" is ignored; did you mean "rotationThreshold"?',
      },
    ])
  })

  test('warns once for each component', () => {
    expect(warningsOf("read({ a1: 1 }); read({ a1: 2 }); read({ a1: 1 }, 'Other')")).toHaveLength(2)
  })

  test('warns of a hundred at most', () => {
    expect(warningsOf("for (let i = 0; i < 500; i++) read({ ['key' + i]: 1 })")).toHaveLength(100)
  })

  test('lists what is known when nothing is near', () => {
    expect(warningsOf("read({ zzzzzzzz: 1 })")[0].message).toContain('known options: rotationThreshold, minLevel')
  })
})

describe('the nearest key', () => {
  test('is not searched for when the key is endless', () => {
    expect(nearestKey('x'.repeat(10_000_000), ['x'])).toBeUndefined()
  })

  const known = ['logPath', 'minLevel', 'retentionDays', 'maxArchives']

  test.each([
    ['logpath', 'logPath'],
    ['logPaht', 'logPath'],
    ['minlvl', 'minLevel'],
    ['retentoinDays', 'retentionDays'],
    ['RETENTIONDAYS', 'retentionDays'],
    ['maxArchive', 'maxArchives'],
    ['colour', undefined],
    ['', undefined],
    ['x'.repeat(65), undefined],
  ])('to %p is %p', (key, nearest) => expect(nearestKey(key, known)).toBe(nearest))
})
