'use strict'

const { inspect } = require('node:util')
const { PlimsollError, PlimsollConfigError } = require('plimsoll')
const { ERROR_CODES } = require('../../js/errors.js')

describe('PlimsollError', () => {
  test('is an Error with code and cause', () => {
    const cause = new Error('below')
    const error = new PlimsollError('above', { code: 'ERR_PLIMSOLL_WRITE', cause })
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({ name: 'PlimsollError', message: 'above', code: 'ERR_PLIMSOLL_WRITE', cause })
    expect(error.stack).toMatch(/^PlimsollError: above\n {4}at /)
    expect(inspect(error)).toContain('below')
  })

  test('has no cause property without a cause', () => {
    expect(Object.hasOwn(new PlimsollError('alone', { code: 'ERR_PLIMSOLL_WRITE' }), 'cause')).toBe(false)
  })
})

test('PlimsollConfigError is a TypeError and not a PlimsollError', () => {
  const error = new PlimsollConfigError('Thing', { key: 'size', value: -1, allowed: 'a number' })
  expect(error).toBeInstanceOf(TypeError)
  expect(error).not.toBeInstanceOf(PlimsollError)
  expect(error.stack).toMatch(/^PlimsollConfigError: Thing: option "size" is the number -1; allowed: a number\n/)
})

test.each([
  ['', 'the string ""'],
  [-0, 'the number -0'],
  [NaN, 'the number NaN'],
  [1n, 'a bigint'],
  [null, 'null'],
  [undefined, 'undefined'],
  [true, 'true'],
  [Symbol('s'), 'Symbol(s)'],
  [[], 'an array'],
  [{}, 'an object'],
  [() => {}, 'a function'],
])('the value %p reads %s in a message', (value, words) => {
  expect(new PlimsollConfigError('T', { key: 'k', value, allowed: 'x' }).message).toBe(`T: option "k" is ${words}; allowed: x`)
})

test('every code has the prefix and a meaning', () => {
  for (const [code, meaning] of Object.entries(ERROR_CODES)) {
    expect(code).toMatch(/^ERR_PLIMSOLL_[A-Z_]+$/)
    expect(meaning).not.toBe('')
  }
})
