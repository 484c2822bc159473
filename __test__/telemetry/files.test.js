'use strict'
/** Modes of our files, and links that lead elsewhere. */

const fs = require('node:fs')
const path = require('node:path')
const { temporaryDirectory } = require('../support/directories')
const { rejection } = require('../support/events')
const { archivesOf, hiddenFilesOf, readData } = require('../support/log-files')
const { make, start } = require('../support/managers')
const { testUnless } = require('../support/stalls')

const STRANGER = 65_533
const posix = process.platform === 'win32' ? 'modes and links are those of POSIX, this is Windows' : null
const root = posix ?? (process.getuid?.() === 0 ? null : 'giving a file to another user takes root')

const modeOf = (file) => fs.statSync(file).mode & 0o777

/** Rotates a few times. */
async function logMuch(manager) {
  for (let n = 0; n < 200; n++) await manager.log('info', { n, filler: 'f'.repeat(80) })
  await manager.flush()
}

describe('modes', () => {
  testUnless(posix, 'log, archives, ring and lock are 0600, whatever the umask', async () => {
    const before = process.umask(0)
    try {
      for (const compression of ['gzip', 'zstd']) {
        const manager = await start({ rotationThreshold: 3000, compression })
        await logMuch(manager)
        const directory = path.dirname(manager.logPath)
        expect(hiddenFilesOf(manager.logPath, 'ring')).toHaveLength(1)
        expect(hiddenFilesOf(manager.logPath, 'lock')).toHaveLength(1)
        for (const name of fs.readdirSync(directory).filter((name) => !name.endsWith('.tmp'))) {
          try {
            expect({ name, mode: modeOf(path.join(directory, name)) }).toEqual({ name, mode: 0o600 })
          } catch (error) {
            if (error.code !== 'ENOENT') throw error // compressed between the two looks
          }
        }
        await manager.close()
        expect(archivesOf(manager.logPath).length).toBeGreaterThan(2)
        for (const name of archivesOf(manager.logPath)) expect(modeOf(path.join(directory, name))).toBe(0o600)
      }
    } finally {
      process.umask(before)
    }
  })

  testUnless(posix, 'directories we make are 0700, those that were there keep their mode', async () => {
    const home = temporaryDirectory()
    fs.mkdirSync(path.join(home, 'there'))
    fs.chmodSync(path.join(home, 'there'), 0o755)
    await start({ logPath: path.join(home, 'there', 'a', 'b', 'log.jsonl') })
    expect(modeOf(path.join(home, 'there'))).toBe(0o755)
    expect(modeOf(path.join(home, 'there', 'a'))).toBe(0o700)
    expect(modeOf(path.join(home, 'there', 'a', 'b'))).toBe(0o700)
  })

  testUnless(posix, 'an existing log keeps its mode', async () => {
    const logPath = path.join(temporaryDirectory(), 'log.jsonl')
    fs.writeFileSync(logPath, '')
    fs.chmodSync(logPath, 0o640)
    const manager = await start({ logPath })
    await manager.log('info', { n: 0 })
    await manager.close()
    expect(modeOf(logPath)).toBe(0o640)
    expect(readData(logPath)).toHaveLength(1)
  })
})

describe('links', () => {
  testUnless(posix, 'our own link to a file in a directory of ours is followed, and everything lies with the target', async () => {
    const home = temporaryDirectory()
    fs.mkdirSync(path.join(home, 'real'))
    const target = path.join(home, 'real', 'target.jsonl')
    fs.symlinkSync(target, path.join(home, 'log.jsonl'))
    const manager = await start({ logPath: path.join(home, 'log.jsonl') })
    await manager.log('info', { n: 0 })
    await manager.flush()
    expect(readData(target)).toEqual([{ n: 0 }])
    expect(hiddenFilesOf(target, 'ring')).toHaveLength(1)
    expect(fs.readdirSync(home).sort()).toEqual(['log.jsonl', 'real'])
    await manager.close()
    expect(fs.lstatSync(path.join(home, 'log.jsonl')).isSymbolicLink()).toBe(true)
  })

  testUnless(posix, 'two handles that reach one file by two names share one log', async () => {
    const home = temporaryDirectory()
    fs.symlinkSync('real.jsonl', path.join(home, 'link.jsonl'))
    const direct = await start({ logPath: path.join(home, 'real.jsonl'), rotationThreshold: 2000 })
    const linked = await start({ logPath: path.join(home, 'link.jsonl'), rotationThreshold: 2000 })
    for (let n = 0; n < 100; n++) await Promise.all([direct.log('info', { from: 1, n }), linked.log('info', { from: 2, n })])
    await Promise.all([direct.close(), linked.close()])
    const found = readData(direct.logPath)
    for (const from of [1, 2]) expect(found.filter((data) => data.from === from)).toHaveLength(100)
    expect(archivesOf(direct.logPath).length).toBeGreaterThan(2)
    expect(fs.readdirSync(home).filter((name) => name.includes('link'))).toEqual(['link.jsonl'])
  })

  testUnless(root, 'a link that another user planted is refused, and its target untouched', async () => {
    const directory = temporaryDirectory()
    const victim = path.join(temporaryDirectory(), 'victim')
    fs.writeFileSync(victim, 'precious')
    const logPath = path.join(directory, 'log.jsonl')
    fs.symlinkSync(victim, logPath)
    fs.lchownSync(logPath, STRANGER, STRANGER)
    const manager = make({ logPath, onError() {} })
    const error = await rejection(manager.initialize())
    expect(error.code).toBe('ERR_PLIMSOLL_OPEN')
    expect(error.message).toContain('symbolic link')
    expect(fs.readFileSync(victim, 'utf8')).toBe('precious')
    expect(fs.readdirSync(directory)).toEqual(['log.jsonl'])
  })

  testUnless(root, 'a link into a directory of another owner is refused', async () => {
    const directory = temporaryDirectory()
    const elsewhere = temporaryDirectory()
    fs.chownSync(elsewhere, STRANGER, STRANGER)
    fs.symlinkSync(path.join(elsewhere, 'target.jsonl'), path.join(directory, 'log.jsonl'))
    const manager = make({ logPath: path.join(directory, 'log.jsonl'), onError() {} })
    expect((await rejection(manager.initialize())).code).toBe('ERR_PLIMSOLL_OPEN')
    expect(fs.readdirSync(elsewhere)).toEqual([])
  })

  testUnless(posix, 'a link that takes the log\'s place while we log is not written through', async () => {
    const directory = temporaryDirectory()
    const victim = path.join(temporaryDirectory(), 'victim')
    fs.writeFileSync(victim, 'precious')
    const errors = []
    const manager = await start({ logPath: path.join(directory, 'log.jsonl'), onError: (error) => errors.push(error) })
    await manager.log('info', { n: 0 })
    await manager.flush()
    fs.renameSync(manager.logPath, path.join(directory, 'moved.jsonl'))
    fs.symlinkSync(victim, manager.logPath)
    await manager.log('info', { n: 1 })
    const error = await rejection(manager.flush())
    expect(error.code).toBe('ERR_PLIMSOLL_WRITE')
    expect(fs.readFileSync(victim, 'utf8')).toBe('precious')
    fs.rmSync(manager.logPath)
    await manager.flush()
    expect(readData(manager.logPath)).toEqual([{ n: 1 }])
  })

  testUnless(posix, 'links under the names of the lock and of a ring are not written through', async () => {
    for (const name of ['.log.jsonl.lock', '.log.jsonl.0123456789abcdef.ring']) {
      const directory = temporaryDirectory()
      const victim = path.join(temporaryDirectory(), 'victim')
      fs.writeFileSync(victim, 'precious')
      fs.symlinkSync(victim, path.join(directory, name))
      const manager = make({ logPath: path.join(directory, 'log.jsonl'), onError() {} })
      await manager.initialize().then(() => manager.log('info', { n: 0 })).catch(() => {})
      await manager.close().catch(() => {})
      expect(fs.readFileSync(victim, 'utf8')).toBe('precious')
    }
  })

  testUnless(posix, 'a circle of links is refused', async () => {
    const directory = temporaryDirectory()
    fs.symlinkSync('b.jsonl', path.join(directory, 'a.jsonl'))
    fs.symlinkSync('a.jsonl', path.join(directory, 'b.jsonl'))
    const manager = make({ logPath: path.join(directory, 'a.jsonl') })
    expect((await rejection(manager.initialize())).code).toBe('ERR_PLIMSOLL_OPEN')
  })
})

describe('names', () => {
  test.each(['log', 'log.json', '日誌.jsonl', 'with space.jsonl', 'a.b.c.jsonl', '.hidden.jsonl', '-rf.jsonl', 'x'.repeat(180)])(
    'a log named %s rotates and reads back', async (name) => {
      const manager = await start({ logPath: path.join(temporaryDirectory(), name), rotationThreshold: 3000 })
      await logMuch(manager)
      await manager.close()
      expect(archivesOf(manager.logPath).length).toBeGreaterThan(2)
      expect(readData(manager.logPath)).toHaveLength(200)
    })

  test('logs whose names contain each other keep to their own files', async () => {
    const directory = temporaryDirectory()
    const names = ['log.jsonl', 'log.jsonl.jsonl', 'log', 'log.log.jsonl']
    const managers = await Promise.all(names.map((name) => start({ logPath: path.join(directory, name), rotationThreshold: 3000 })))
    await Promise.all(managers.map((manager, which) => (async () => {
      for (let n = 0; n < 100; n++) await manager.log('info', { which, n, filler: 'f'.repeat(80) })
    })()))
    for (const manager of managers) await manager.close()
    const again = await Promise.all(names.map((name) => start({ logPath: path.join(directory, name), rotationThreshold: 3000 })))
    expect(again.map((manager) => manager.stats().entries.recovered)).toEqual([0, 0, 0, 0])
    // "log" and "log.jsonl" have one base, so their archives are told apart by what is in them.
    const found = new Set(managers.flatMap((manager) => readData(manager.logPath)).map(({ which, n }) => `${which}:${n}`))
    expect(found.size).toBe(400)
  })

  test('a relative path means the directory at construction', async () => {
    const home = temporaryDirectory()
    const before = process.cwd()
    let manager
    try {
      process.chdir(home)
      manager = make({ logPath: 'state/log.jsonl' })
    } finally {
      process.chdir(before)
    }
    await manager.log('info', { n: 0 })
    await manager.close()
    expect(readData(path.join(home, 'state', 'log.jsonl'))).toEqual([{ n: 0 }])
  })
})
