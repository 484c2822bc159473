'use strict'

const { PassThrough } = require('node:stream')
const { Terminal, counted, printable, size } = require('../../js/cli/terminal')
const { Progress } = require('../../js/cli/progress')
const { parseSince } = require('../../js/cli/since')
const { worst } = require('../../js/cli/exit')

/** Signal handlers of the terminals made here go with the test. */
afterEach(() => {
  for (const signal of ['SIGINT', 'SIGTERM']) process.removeAllListeners(signal)
})

function terminal({ tty = true, env = {} } = {}) {
  const streams = [0, 1].map(() => Object.assign(new PassThrough(), { isTTY: tty, columns: 80 }))
  return { terminal: new Terminal(...streams, env), out: streams[0], err: streams[1] }
}

test('colours only on a terminal, and NO_COLOR is honoured', () => {
  const red = (options) => terminal(options).terminal.paint('red', 'x')
  expect(red()).toBe('\u001b[31mx\u001b[39m')
  expect(red({ tty: false })).toBe('x')
  expect(red({ env: { NO_COLOR: '1' } })).toBe('x')
  expect(red({ env: { NO_COLOR: '' } })).toBe('\u001b[31mx\u001b[39m')
  expect(red({ env: { TERM: 'dumb' } })).toBe('x')
})

test('progress is drawn on a terminal only, after a while, and taken away', () => {
  const drawn = (tty, wait) => {
    jest.useFakeTimers({ now: 0 })
    const { terminal: on, err } = terminal({ tty })
    err.clearLine = err.cursorTo = err.moveCursor = () => true
    let shown = ''
    err.write = (text) => Boolean((shown += text))
    const progress = new Progress(on, 'file\u001b')
    jest.advanceTimersByTime(wait)
    progress.update(50, 100)
    progress.end()
    jest.useRealTimers()
    return shown
  }
  expect(drawn(true, 1000)).toContain('file\\u001b')
  expect(drawn(true, 1000)).toContain('50 %')
  expect(drawn(true, 0)).toBe('')
  expect(drawn(false, 1000)).toBe('')
})

test('what stops is told once, at once when it is too late', () => {
  const { terminal: on, out } = terminal()
  const stops = []
  on.onStop(() => stops.push('first'))
  const forget = on.onStop(() => stops.push('forgotten'))
  forget()
  out.emit('error', Object.assign(new Error('gone'), { code: 'EPIPE' }))
  on.onStop(() => stops.push('late'))
  expect(stops).toEqual(['first', 'late'])
  expect(on.ended).toBe(true)
})

test('printing waits for a slow reader and not for one that is gone', async () => {
  const { terminal: on, out } = terminal()
  let printed = false
  const waiting = on.out('x'.repeat(1 << 20)).then(() => (printed = true))
  await Promise.resolve()
  expect(printed).toBe(false)
  out.resume()
  await waiting
  out.pause()
  const lost = on.out('x'.repeat(1 << 20))
  out.emit('error', Object.assign(new Error('gone'), { code: 'EPIPE' }))
  await lost
  await on.out('into the void')
})

test('text cannot steer a terminal', () => {
  expect(printable('a\tb\nc')).toBe('a\tb\nc')
  expect(printable('\u001b[2J\r\u0000\u007f\u009b\u202e')).toBe('\\u001b[2J\\u000d\\u0000\\u007f\\u009b\\u202e')
  expect(printable('naïve 漢字 🚢')).toBe('naïve 漢字 🚢')
})

test('sizes and counts are short', () => {
  const sizes = { 0: '0 B', 999: '999 B', 1000: '1.0 kB', 9949: '9.9 kB', 12_345: '12.3 kB', 99_960: '100 kB', 999_499: '999 kB', 999_500: '1.0 MB', 5e18: '5000 PB' }
  for (const [bytes, shown] of Object.entries(sizes)) expect(size(Number(bytes))).toBe(shown)
  expect(counted(1, 'line')).toBe('1 line')
  expect(counted(1204, 'entry', 'entries')).toBe('1,204 entries')
})

test('a point in time is an age, a date or milliseconds', () => {
  const now = Date.UTC(2026, 0, 31)
  const read = (text) => parseSince(text, now)
  expect(read('90s')).toBe(now - 90_000)
  expect(read('1.5h')).toBe(now - 5_400_000)
  expect(read('2w')).toBe(now - 14 * 86_400_000)
  expect(read('2026-01-30')).toBe(now - 86_400_000)
  expect(read('2026-01-30T12:00Z')).toBe(now - 43_200_000)
  expect(read('2026-01-30T12:00:00.5+01:00')).toBe(now - 46_800_000 + 500)
  expect(read('-5')).toBe(-5)
  for (const wrong of ['', 'yesterday', '2h30', '-2h', '2026', '2026-13-01', '2026-1-1', '1e3', '9'.repeat(17), '99999999999999w', ' 5']) {
    if (wrong === '2026') expect(read(wrong)).toBe(2026)
    else expect([wrong, read(wrong)]).toEqual([wrong, undefined])
  }
})

test('one failure outweighs what was done in part', () => {
  expect([worst(0, 0), worst(0, 3), worst(3, 1), worst(1, 0)]).toEqual([0, 3, 1, 1])
})
