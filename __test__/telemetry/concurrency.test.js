'use strict'
/** Many callers at once, over many rotations. */

const path = require('node:path')
const { temporaryDirectory } = require('../support/directories')
const { archivesOf, readData } = require('../support/log-files')
const { start } = require('../support/managers')

const upTo = (count) => Array.from({ length: count }, (_, n) => n)

test('20 un-awaited calls every 4 ms across rotations at 1 MB: every promise resolves, every line arrives', async () => {
  const manager = await start({ rotationThreshold: 1_000_000, flushInterval: 100 })
  const calls = []
  const filler = 'x'.repeat(1000)
  const enough = 6000 // about six rotations
  await new Promise((resolve) => {
    const ticking = setInterval(() => {
      for (let call = 0; call < 20; call++) calls.push(manager.log('info', { n: calls.length, filler }))
      if (calls.length < enough) return
      clearInterval(ticking)
      resolve(undefined)
    }, 4)
  })
  const results = await Promise.allSettled(calls)
  expect(results.filter(({ status }) => status !== 'fulfilled')).toEqual([])
  await manager.close()
  expect(readData(manager.logPath).map(({ n }) => n)).toEqual(upTo(calls.length))
  expect(archivesOf(manager.logPath).length).toBeGreaterThanOrEqual(5)
})

test('50 handles of one process on one path', async () => {
  const logPath = path.join(temporaryDirectory(), 'log.jsonl')
  const managers = await Promise.all(upTo(50).map(() => start({ logPath, bufferSize: 20, rotationThreshold: 20_000 })))
  await Promise.all(managers.map(async (manager, handle) => {
    for (let n = 0; n < 100; n++) await manager.log('info', { handle, n })
  }))
  await Promise.all(managers.map((manager) => manager.close()))
  const found = upTo(50).map(() => /** @type {number[]} */ ([]))
  for (const { handle, n } of readData(logPath)) found[handle].push(n)
  for (const numbers of found) expect(numbers).toEqual(upTo(100))
})

test('100 logs in one process, each with its own entries only', async () => {
  const directory = temporaryDirectory()
  const managers = await Promise.all(upTo(100).map((log) => start({ logPath: path.join(directory, `log-${log}.jsonl`), ringBytes: 65_536 })))
  await Promise.all(managers.map(async (manager, log) => {
    for (let n = 0; n < 20; n++) await manager.log('info', { log, n })
  }))
  await Promise.all(managers.map((manager) => manager.close()))
  managers.forEach((manager, log) => {
    expect(readData(manager.logPath)).toEqual(upTo(20).map((n) => ({ log, n })))
  })
})

/** Logs until it is told to stop, in rounds of 50 entries; `rest` is awaited after each. */
function logSteadily(manager, rest) {
  let running = true
  let logged = 0
  const logging = (async () => {
    while (running) {
      await manager.log('info', { steady: logged++ })
      if (logged % 50 === 0) await rest()
    }
  })()
  return async () => {
    running = false
    await logging
    return logged
  }
}

test('handles that open and close while others log', async () => {
  const logPath = path.join(temporaryDirectory(), 'log.jsonl')
  // Every close waits for the archives under way, so they must be no more than a busy machine compresses.
  const steady = await start({ logPath, bufferSize: 100, rotationThreshold: 1_000_000 })
  const stop = logSteadily(steady, () => new Promise((resolve) => setTimeout(resolve, 1)))
  for (let guest = 0; guest < 60; guest++) {
    const manager = await start({ logPath, rotationThreshold: 1_000_000 })
    await manager.log('info', { guest })
    await manager.close()
  }
  const logged = await stop()
  await steady.close()
  const found = readData(logPath)
  expect(found.filter((data) => 'guest' in data).map(({ guest }) => guest)).toEqual(upTo(60))
  expect(found.filter((data) => 'steady' in data).map(({ steady: n }) => n)).toEqual(upTo(logged))
})

test('closing one handle does not wait for the archives that others go on making', async () => {
  const logPath = path.join(temporaryDirectory(), 'log.jsonl')
  const steady = await start({ logPath, bufferSize: 100, rotationThreshold: 10_000 })
  // A rotation about every five milliseconds: there is always an archive under way.
  const stop = logSteadily(steady, () => new Promise((resolve) => setTimeout(resolve, 2)))
  const guest = await start({ logPath, rotationThreshold: 10_000 })
  await guest.log('info', { guest: true })
  const began = performance.now()
  await guest.close()
  const took = performance.now() - began
  await stop()
  expect(took).toBeLessThan(30_000)
}, 120_000)
