'use strict'
/** Text from a head and a tail: no character is cut, and what is missing is counted. */

const { outputOf } = require('../../js/lifecycle-output.js')

const cut = (bytes, head, tail, encoding = 'utf8', strip = false) =>
  outputOf(bytes.subarray(0, head), bytes.subarray(bytes.length - tail), bytes.length, encoding, strip)
const MARKED = /^([^]*)\[\.\.\. (\d+) bytes omitted \.\.\.\]\n([^]*)$/

describe.each([
  ['utf8', 'aé€😀'],
  ['utf16le', 'aé€😀'],
])('text in %s', (encoding, characters) => {
  const text = characters.repeat(40)
  const bytes = Buffer.from(text, encoding)

  test('loses no half of a character, wherever it is cut', () => {
    for (let head = 0; head <= 24; head++) {
      for (let tail = 0; tail <= 24; tail++) {
        const [, before, omitted, after] = MARKED.exec(cut(bytes, head, tail, encoding))
        const start = before.replace(/\n$/, '')
        expect(start + after).not.toMatch(/\ufffd|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/)
        expect(text.startsWith(start) && text.endsWith(after)).toBe(true)
        const kept = Buffer.byteLength(start, encoding) + Buffer.byteLength(after, encoding)
        expect(Number(omitted)).toBe(bytes.length - kept)
        expect(head + tail - kept).toBeLessThanOrEqual(6)
      }
    }
  })

  test('that was not cut is whole', () => {
    for (let head = 0; head <= bytes.length; head++) expect(cut(bytes, head, bytes.length - head, encoding)).toBe(text)
  })
})

test('the line of what is missing stands alone', () => {
  expect(cut(Buffer.from('one\ntwo\nthree\nfour\n'), 4, 5)).toBe('one\n[... 10 bytes omitted ...]\nfour\n')
  expect(cut(Buffer.from('one\ntwo\nthree\nfour\n'), 5, 5)).toBe('one\nt\n[... 9 bytes omitted ...]\nfour\n')
  expect(cut(Buffer.from('12345'), 0, 0)).toBe('[... 5 bytes omitted ...]\n')
})

test('bytes that are no text are replaced, not taken for halves of characters', () => {
  const garbage = Buffer.alloc(100, 0x80)
  const [, before, omitted, after] = MARKED.exec(cut(garbage, 10, 10))
  expect(before).toBe(`${'\ufffd'.repeat(10)}\n`)
  expect([omitted, after]).toEqual(['83', '\ufffd'.repeat(7)])
  expect(MARKED.exec(cut(Buffer.alloc(100, 0xff), 3, 3)).slice(1)).toEqual(['\ufffd\ufffd\ufffd\n', '94', '\ufffd\ufffd\ufffd'])
})

test('bytes and encodings of bytes have head and tail side by side', () => {
  const bytes = Buffer.from('0123456789')
  expect(cut(bytes, 2, 2, 'buffer')).toEqual(Buffer.from('0189'))
  expect(cut(bytes, 2, 2, 'hex')).toBe('30313839')
  expect(cut(bytes, 2, 1, 'base64')).toBe(Buffer.from('019').toString('base64'))
})

test('one final newline goes, where it is wanted', () => {
  const whole = (text, encoding) => cut(Buffer.from(text), text.length, 0, encoding, true)
  expect(['a\n', 'a\r\n', 'a\n\n', 'a\r', '\n', ''].map((text) => whole(text, 'utf8'))).toEqual(['a', 'a', 'a\n', 'a\r', '', ''])
  expect(['a\n', 'a\r\n', 'a\n\n', 'a\r', '\n', ''].map((text) => whole(text, 'buffer').toString())).toEqual(['a', 'a', 'a\n', 'a\r', '', ''])
  expect(whole('a\n', 'hex')).toBe('610a')
})
