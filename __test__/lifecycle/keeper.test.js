'use strict'
/** What a user reads where the keeper is missing or may not be executed: the package is copied to a place like that. */

const fs = require('node:fs')
const path = require('node:path')
const { platformTriple } = require('../../js/platform.js')
const { Child } = require('../support/children')
const { temporaryDirectory } = require('../support/directories')

const isUnix = process.platform !== 'win32'
const unixTest = isUnix ? test : test.skip
const suffix = isUnix ? '' : ' (skipped: no commands on Windows)'

const ROOT = path.resolve(__dirname, '../..')
const KEEPER = path.join('js', `plimsoll-keeper.${platformTriple()}`)

/** A copy of the package without a keeper. */
function copyOfPackage() {
  const copy = temporaryDirectory()
  for (const name of ['index.js', 'js', 'package.json']) {
    const filter = (file) => !path.basename(file).startsWith('plimsoll-keeper.')
    fs.cpSync(path.join(ROOT, name), path.join(copy, name), { recursive: true, filter })
  }
  return copy
}

const SCRIPT = `
  const { ResourceLifecycleManager, ProcessError } = require(process.argv[1])
  const fs = require('node:fs')
  const tell = (error) => ({
    isProcessError: error instanceof ProcessError, code: error.code, message: error.message, errno: error.errno, syscall: error.syscall,
    pid: error.pid, cause: error.cause && { code: error.cause.code, path: error.cause.path, message: error.cause.message },
  })
  const main = async () => {
    const manager = new ResourceLifecycleManager()
    const facts = { exec: await manager.exec('true').then(() => null, tell), again: await manager.exec('true').then(() => null, tell) }
    facts.spawn = await new Promise((resolve) => {
      const said = {}
      manager.spawn('true').on('error', (error) => { said.error = tell(error) }).on('close', (...how) => resolve({ ...said, how }))
    })
    facts.pool = await manager.createProcessPool({ command: 'cat' }).request('x').then(() => null, tell)
    facts.file = await manager.withScope((scope) => scope.createTempFile('without', 'a keeper', { directory: process.argv[2] }).then(fs.existsSync))
    await manager.cleanup()
    facts.left = { ...manager.getStatistics(), files: fs.readdirSync(process.argv[2]).length }
    console.log(JSON.stringify(facts))
  }
  main()`

unixTest.each([
  ['is missing', null, 'ENOENT', /is missing; install plimsoll again, or copy that file of the package beside the addon/],
  ['may not be executed', (file) => fs.writeFileSync(file, fs.readFileSync(path.join(ROOT, KEEPER)), { mode: 0o600 }), 'EACCES',
    /cannot be executed; make that file executable/],
  ['is no program', (file) => fs.writeFileSync(file, 'no program', { mode: 0o700 }), 'ENOEXEC', /cannot be executed; install plimsoll again/],
  ['is a directory', (file) => fs.mkdirSync(file), 'EACCES', /cannot be executed; make that file executable/],
])(`a keeper that %s is an error that names it and says what to do, and nothing else stops working${suffix}`, async (_what, place, errno, help) => {
  const copy = copyOfPackage()
  const file = path.join(copy, KEEPER)
  place?.(file)
  const env = { ...process.env, PLIMSOLL_STATE_DIR: temporaryDirectory(), NAPI_RS_NATIVE_LIBRARY_PATH: '' }
  const child = new Child(process.execPath, ['-e', SCRIPT, copy, temporaryDirectory()], { env })
  const { code, stdout, stderr } = await child.exit
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const { exec, again, spawn, pool, ...rest } = JSON.parse(stdout)
  const syscall = `spawn ${file}`
  expect(exec).toMatchObject({
    isProcessError: true, code: 'ERR_PLIMSOLL_NATIVE', errno, syscall, pid: null, cause: { code: errno, path: file },
    message: expect.stringMatching(help),
  })
  expect(exec.message.split('\n')[1]).toContain(`${syscall} ${errno}: the keeper, without which no command is run, `)
  expect(again).toEqual(exec)
  expect(spawn).toEqual({ error: exec, how: [null, null] })
  expect(pool).toMatchObject({ code: 'ERR_PLIMSOLL_WORKER' })
  expect(rest).toEqual({ file: true, left: { listeners: 0, processes: 0, tempFiles: 0, files: 0 } })
})
