'use strict'
/** `plimsoll analyze`, `run` and `raw`. */

const { spawn } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { endChild } = require('../../js/cli/end-child')
const { Child } = require('../support/children')
const { plimsoll } = require('../support/command-line')
const { temporaryDirectory } = require('../support/directories')

const TSC = "src/a.ts(1,2): error TS2304: Cannot find name 'foo'.\nsrc/b,c.ts(3,4): error TS2339: 100% wrong: x\n"
const node = (script) => [process.execPath, '-e', script]
const printing = (text, code) => node(`process.stdout.write(${JSON.stringify(text)}); process.exitCode = ${code}`)

/** A command and its arguments, apart. @returns {[string, string[]]} */
const split = ([command, ...args]) => [command, args]

/** A child that could not be started. */
function failed() {
  const child = spawn(path.join(temporaryDirectory(), 'none'))
  return new Promise((resolve) => child.once('error', () => resolve(child)))
}

/** A file with this text. */
function file(text) {
  const name = path.join(temporaryDirectory(), 'output.txt')
  fs.writeFileSync(name, text)
  return name
}

/** The command line with a raw store of its own. */
const store = () => ({ env: { ...process.env, PLIMSOLL_RAW_STORE: path.join(temporaryDirectory(), 'raw') } })

describe('analyze', () => {
  test('prints the summary of a file and of standard input', async () => {
    const shown = '2 type errors: TS2304, TS2339\n  first: error TS2304: Cannot find name \'foo\'.\n  do: Fix type errors in: src/a.ts, src/b,c.ts\n'
    expect(await plimsoll(['analyze', file(TSC)])).toMatchObject({ code: 0, stdout: shown, stderr: '' })
    expect(await plimsoll(['analyze'], { input: TSC })).toMatchObject({ code: 0, stdout: shown, stderr: '' })
    expect(await plimsoll(['analyze', '-'], { input: TSC })).toMatchObject({ code: 0, stdout: shown, stderr: '' })
  })

  test('the exit code given outweighs the text', async () => {
    const { stdout } = await plimsoll(['analyze', '--exit-code', '7'], { input: 'All checks passed!\n' })
    expect(stdout).toMatch(/^unknown: exit code 7/)
  })

  test('json is the summary as the class gives it', async () => {
    const { stdout } = await plimsoll(['analyze', '--format', 'json', file(TSC)])
    expect(JSON.parse(stdout)).toMatchObject({ type: 'typecheck', details: { errorCount: 2, problems: [{ file: 'src/a.ts', line: 1, column: 2, code: 'TS2304' }, {}] } })
  })

  test('github’s workflow commands are escaped', async () => {
    const { stdout } = await plimsoll(['analyze', '--format', 'github', file(TSC)])
    expect(stdout.split('\n')).toEqual([
      "::error file=src/a.ts,line=1,col=2,title=TS2304::Cannot find name 'foo'.",
      '::error file=src/b%2Cc.ts,line=3,col=4,title=TS2339::100%25 wrong: x',
      '::error title=plimsoll::2 type errors: TS2304, TS2339%0AFix type errors in: src/a.ts, src/b,c.ts',
      '',
    ])
  })

  test('sarif has rules, places and levels', async () => {
    const { stdout } = await plimsoll(['analyze', '--format', 'sarif', file(TSC)])
    const { version, runs: [run] } = JSON.parse(stdout)
    expect(version).toBe('2.1.0')
    expect(run.tool.driver.rules).toEqual([{ id: 'TS2304' }, { id: 'TS2339' }])
    expect(run.results[1]).toEqual({
      ruleId: 'TS2339',
      level: 'error',
      message: { text: '100% wrong: x' },
      locations: [{ physicalLocation: { artifactLocation: { uri: 'src/b%2Cc.ts' }, region: { startLine: 3, startColumn: 4 } } }],
    })
  })

  test('what cannot be read fails', async () => {
    for (const name of ['no/such/file', temporaryDirectory()]) {
      const { code, stdout, stderr } = await plimsoll(['analyze', name])
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
      expect(stderr).toMatch(/^plimsoll: .*\(ERR_PLIMSOLL_OPEN\)\n$/)
    }
  })

  test('text cannot steer the terminal', async () => {
    const { stdout } = await plimsoll(['analyze'], { input: 'error: bad \u202e\u009b2J name\n' })
    // eslint-disable-next-line no-control-regex
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
  })
})

describe('run', () => {
  test('shows the summary only, keeps the exit code, and the text for raw', async () => {
    const options = store()
    const { code, stdout, stderr } = await plimsoll(['run', '--', ...printing(TSC, 3)], options)
    expect({ code, stderr }).toEqual({ code: 3, stderr: '' })
    expect(stdout).toMatch(/^2 type errors: TS2304, TS2339\n/)
    expect(stdout).not.toContain('src/a.ts(1,2)')
    const [, ref] = /plimsoll raw ([0-9a-f]{16})/.exec(stdout)
    expect(await plimsoll(['raw', ref], options)).toMatchObject({ code: 0, stdout: TSC, stderr: '' })
    expect((await plimsoll(['raw', ref, '--lines', '2'], options)).stdout).toBe(TSC.split('\n')[1] + '\n')
    expect((await plimsoll(['raw', ref, '--lines', '2-'], options)).stdout).toBe(TSC.split('\n')[1] + '\n')
  })

  test('--tee shows both streams where they belong', async () => {
    const script = node("process.stdout.write('out\\n'); process.stderr.write('err\\n'); process.exitCode = 1")
    const { code, stdout, stderr } = await plimsoll(['run', '--tee', '--no-store', ...script])
    expect(code).toBe(1)
    expect(stdout).toMatch(/^out\n/)
    expect(stderr).toBe('err\n')
  })

  test('lines of the two streams are not torn', async () => {
    const options = store()
    const script = node(`
      const line = (from, n) => from.repeat(2000) + n + '\\n'
      for (let n = 0; n < 50; n++) { process.stdout.write(line('o', n)); process.stderr.write(line('e', n)) }
      process.exitCode = 1`)
    const { stdout } = await plimsoll(['run', ...script], options)
    const [, ref] = /plimsoll raw ([0-9a-f]{16})/.exec(stdout)
    const text = (await plimsoll(['raw', ref], options)).stdout
    const lines = text.trimEnd().split('\n')
    expect(lines).toHaveLength(100)
    for (const line of lines) expect(line).toMatch(/^(o{2000}|e{2000})\d+$/)
  })

  test('success is told in a line, by the exit code alone', async () => {
    const { code, stdout } = await plimsoll(['run', ...printing('Error: this was handled\n', 0)], store())
    expect(code).toBe(0)
    expect(stdout).toMatch(/^exit code 0 \(24 bytes of output, plimsoll raw [0-9a-f]{16}\)\n$/)
  })

  test('options after the command are the command’s', async () => {
    const { code, stdout } = await plimsoll(['run', '--no-store', process.execPath, '--eval', 'process.exitCode = process.argv.length', '--', '--format', 'x'])
    expect(code).toBe(3)
    expect(stdout).toMatch(/exit code 3/)
  })

  test('a command that is not there is 127, one that cannot be run 126', async () => {
    const script = file('echo hello')
    expect(await plimsoll(['run', '--no-store', 'no-such-command'])).toMatchObject({ code: 127, stdout: '' })
    expect(await plimsoll(['run', '--no-store', script])).toMatchObject({ code: 126, stdout: '' })
  })

  test('when the analysis fails the command is ended, and may clean up', async () => {
    const preload = file(`
      const { ErrorAnalysisWorker } = require(${JSON.stringify(require.resolve('../../js/analysis'))})
      ErrorAnalysisWorker.prototype.analyzeStream = async (parts) => {
        for await (const part of parts) throw Object.assign(new Error('the analysis broke'), { code: 'ERR_PLIMSOLL_INTERNAL' })
      }`)
    const marker = file('')
    const script = node(`
      process.on('SIGTERM', () => {
        process.stdout.write('x'.repeat(1 << 20) + '\\n', () => {
          require('node:fs').writeFileSync(${JSON.stringify(marker)}, 'cleaned up')
          process.exit(0)
        })
      })
      setTimeout(() => {}, 120_000)
      console.log('ready')`)
    const env = { ...process.env, NODE_OPTIONS: `--require ${preload}` }
    const { code, stdout, stderr } = await plimsoll(['run', '--no-store', ...script], { env })
    expect({ code, stdout, stderr }).toEqual({ code: 1, stdout: '', stderr: 'plimsoll: the analysis broke (ERR_PLIMSOLL_INTERNAL)\n' })
    expect(fs.readFileSync(marker, 'utf8')).toBe('cleaned up')
  })

  test('when the addon cannot be loaded the command does not run on', async () => {
    const env = { ...process.env, NAPI_RS_NATIVE_LIBRARY_PATH: path.join(temporaryDirectory(), 'none.node') }
    const { code, stdout, stderr } = await plimsoll(['run', '--no-store', ...node('setTimeout(() => {}, 120_000)')], { env })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('ERR_PLIMSOLL_NATIVE')
  })

  test('a command that does not end when it should is killed', async () => {
    // Past the test's own deadline: nobody else is to kill them meanwhile.
    const start = (script) => new Child(...split(node(`${script}; setInterval(() => {}, 1000); console.log('ready')`)), { deadline: 600_000 })
    const [polite, deaf] = [start(''), start("process.on('SIGTERM', () => {})")]
    await Promise.all([polite, deaf].map((child) => child.says(/ready/)))
    await endChild(polite.process, 45_000)
    expect(polite.process.signalCode).toBe('SIGTERM')
    await endChild(deaf.process, 1)
    expect(deaf.process.signalCode).toBe('SIGKILL')
    await endChild(deaf.process)
    await endChild(await failed())
  })

  test('the end by a signal is passed on', async () => {
    const { signal, stdout } = await plimsoll(['run', '--no-store', ...node("process.kill(process.pid, 'SIGTERM')")])
    expect(stdout).toMatch(/^Cancelled: ended by SIGTERM/)
    expect(signal).toBe('SIGTERM')
  })
})

test('raw refuses what is not there, and wrong lines', async () => {
  expect(await plimsoll(['raw', '0123456789abcdef'], store())).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('ERR_PLIMSOLL_ABSENT') })
  for (const lines of ['0', '3-2', 'x', '1-2-3', '']) {
    expect(await plimsoll(['raw', '0123456789abcdef', '--lines', lines], store())).toMatchObject({ code: 2, stdout: '' })
  }
  for (const args of [['analyze', '--format', 'xml'], ['analyze', '--exit-code', '-1'], ['run'], ['raw'], ['analyze', 'a', 'b']]) {
    expect(await plimsoll(args)).toMatchObject({ code: 2, stdout: '' })
  }
})
