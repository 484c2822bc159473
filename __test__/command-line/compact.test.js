'use strict'

const fs = require('node:fs')
const path = require('node:path')
const zlib = require('node:zlib')
const { TelemetryManager } = require('../..')
const { plimsoll, start } = require('../support/command-line')
const { temporaryDirectory } = require('../support/directories')
const { readText } = require('../support/log-files')

const RUFF = Array.from({ length: 40 }, (_, n) => `src/app.py:${n + 1}:1: F401 [*] \`os\` imported but unused`)
  .concat('Found 40 errors.', '[*] 40 fixable with the `--fix` option.')
  .join('\n')
// Joined here, so that no scanner takes this file for a leak.
const SECRET = ['ghp', 'a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8'].join('_')

function entry(timestamp, data, level = 'error') {
  return `${JSON.stringify({ timestamp, level, data })}\n`
}

function write(name, text) {
  const file = path.join(temporaryDirectory(), name)
  fs.writeFileSync(file, name.endsWith('.gz') ? zlib.gzipSync(text) : text)
  return file
}

function parse(text) {
  return text.trimEnd().split('\n').map((line) => JSON.parse(line))
}

test('an old log becomes a small one beside it', async () => {
  const old = Array.from({ length: 200 }, (_, n) => entry(n, { task: `T${n % 3}`, nothing: null, error: RUFF })).join('')
  const file = write('policy.jsonl', old)
  const { code, stdout, stderr } = await plimsoll(['compact', file])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/policy\.compact\.jsonl: \d+ kB -> \d+ B \(\d{3} times smaller\), 200 lines, 200 error texts shortened, 197 repeats counted/)
  const lines = parse(fs.readFileSync(path.join(path.dirname(file), 'policy.compact.jsonl'), 'utf8'))
  expect(lines).toHaveLength(6)
  expect(lines[0].data.error).toBe('40 linting errors: 40x F401 (40 auto-fixable with --fix)')
  expect(lines[0].data).not.toHaveProperty('nothing')
  expect(lines[1].data).toEqual({ task: 'T1', errorHash: lines[0].hash })
  expect(lines.slice(3).map((line) => line.repeats)).toEqual([66, 66, 65])
  expect(fs.readFileSync(file, 'utf8')).toBe(old)
})

test('what compact writes is what the logger would have written', async () => {
  const directory = temporaryDirectory()
  const logPath = path.join(directory, 'logged.jsonl')
  const data = [
    { error: RUFF },
    { error: RUFF, task: 'T1' },
    { error: 'short', gone: null, nested: { gone: null, kept: [null] } },
    { telemetry: { meta: { error: 'x'.repeat(3000) } } },
    { note: `token ${SECRET}` },
  ]
  const manager = new TelemetryManager({ logPath })
  await manager.initialize()
  for (const each of data) await manager.log('error', each)
  await manager.close()
  const logged = parse(fs.readFileSync(logPath, 'utf8'))
  const raw = data.map((each, n) => entry(logged[n].timestamp, each)).join('')
  const { stdout } = await plimsoll(['compact', '-'], { input: raw })
  expect(stdout).toBe(fs.readFileSync(logPath, 'utf8'))
})

test('a gzip file is recognised, stays gzip, and is replaced in place', async () => {
  const file = write('policy.jsonl.gz', entry(1, { note: `token ${SECRET}` }))
  fs.chmodSync(file, 0o640)
  const { code, stdout } = await plimsoll(['compact', '--in-place', '--json', file])
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ file, ok: true, output: file, lines: 1, redacted: 1, damaged: null })
  expect(readText(file)).not.toContain(SECRET)
  expect(fs.statSync(file).mode & 0o777).toBe(0o640)
  expect(fs.readdirSync(path.dirname(file))).toEqual(['policy.jsonl.gz'])
})

test('lines that are no JSON come through byte for byte', async () => {
  const input = Buffer.concat([
    Buffer.from('not json\n\n{"torn":\n'),
    Buffer.from([0xff, 0xfe, 0x00, 0x0a]),
    Buffer.from('{"timestamp":1,"level":"info","data":{"cut'),
  ])
  const file = write('odd.jsonl', input)
  const { code, stdout } = await plimsoll(['compact', '--json', file])
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ lines: 5, malformed: 4 })
  expect(fs.readFileSync(path.join(path.dirname(file), 'odd.compact.jsonl'))).toEqual(input)
})

test('a log that somebody writes to is not replaced, one at rest is', async () => {
  const logPath = path.join(temporaryDirectory(), 'live.jsonl')
  const manager = new TelemetryManager({ logPath })
  await manager.initialize()
  await manager.log('info', { n: 1 })
  await manager.flush()
  const before = fs.readFileSync(logPath, 'utf8')
  const refused = await plimsoll(['compact', '-i', logPath])
  expect(refused.code).toBe(1)
  expect(refused.stderr).toMatch(/in use: a living process logs to it/)
  expect(fs.readFileSync(logPath, 'utf8')).toBe(before)
  await manager.close()
  expect((await plimsoll(['compact', '-i', logPath])).code).toBe(0)
})

test('one file that fails does not keep the others from it, and the exit code tells', async () => {
  const good = write('good.jsonl', entry(1, {}))
  const damaged = write('damaged.jsonl.gz', entry(1, {}).repeat(1000))
  fs.truncateSync(damaged, fs.statSync(damaged).size - 6)
  const partial = await plimsoll(['compact', '--json', damaged, good])
  expect(partial.code).toBe(3)
  const [first, second] = parse(partial.stdout)
  expect(first.damaged).toEqual(expect.any(String))
  expect(second).toMatchObject({ ok: true, damaged: null })
  const failed = await plimsoll(['compact', '--json', '--force', damaged, '/nonexistent/x.jsonl', good])
  expect(failed.code).toBe(1)
  const outcomes = parse(failed.stdout)
  expect(outcomes.map((outcome) => outcome.ok)).toEqual([true, false, true])
  expect(outcomes[1].error).toMatchObject({ code: 'ERR_PLIMSOLL_OPEN', cause: 'ENOENT' })
})

test('an output that is there is kept unless forced', async () => {
  const file = write('a.jsonl', entry(1, {}))
  const output = path.join(path.dirname(file), 'a.compact.jsonl')
  fs.writeFileSync(output, 'precious')
  const refused = await plimsoll(['compact', file])
  expect([refused.code, fs.readFileSync(output, 'utf8')]).toEqual([1, 'precious'])
  expect((await plimsoll(['compact', '--force', file])).code).toBe(0)
  expect(fs.readFileSync(output, 'utf8')).toBe(entry(1, {}))
})

test('paths are blackened, secrets kept and repeats written when asked', async () => {
  const input = entry(1, { user: { email: 'a@b.c' }, note: SECRET, error: 'e' }).repeat(3)
  const { stdout } = await plimsoll(
    ['compact', '--redact', 'user.email', '--no-redact-secrets', '--no-dedup', '-'],
    { input },
  )
  expect(stdout).not.toContain('a@b.c')
  expect(stdout).toContain(SECRET)
  expect(parse(stdout).map((line) => line.data.error)).toEqual(['e', 'e', 'e'])
})

test('an interrupted command leaves the file as it was, or whole, and nothing beside it', async () => {
  const file = write('large.jsonl', entry(1, { text: 'x'.repeat(1000), error: RUFF }).repeat(20_000))
  const size = fs.statSync(file).size
  const temporary = path.join(path.dirname(file), '.large.jsonl.compact.tmp')
  const child = start(['compact', '--in-place', file])
  while (!fs.existsSync(temporary) && child.ended === null) await new Promise((resolve) => setImmediate(resolve))
  const { code } = await child.kill('SIGINT')
  expect(fs.readdirSync(path.dirname(file))).toEqual(['large.jsonl'])
  if (code === 130) expect(fs.statSync(file).size).toBe(size)
  else expect(code).toBe(0)
})

test('a command that waits for its input can be interrupted', async () => {
  const child = start(['compact', '-'])
  child.process.stdin.write(entry(1, {}).repeat(5000))
  await child.says(/"timestamp"/)
  const { code } = await child.kill('SIGINT')
  expect(code).toBe(130)
})
