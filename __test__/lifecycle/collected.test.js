'use strict'
/** What nobody holds any more: released and reported, and kept alive by no tracking. */

const fs = require('node:fs')
const path = require('node:path')
const { Child } = require('../support/children')
const { temporaryDirectory } = require('../support/directories')

const MAIN = JSON.stringify(path.resolve(__dirname, '../..'))

/** Runs code in a process that may collect when it likes; gives what it reported. */
async function collecting(code) {
  const child = new Child(process.execPath, ['--expose-gc', '-e', `
    const { EventEmitter } = require('node:events')
    const { ResourceLifecycleManager } = require(${MAIN})
    const lines = []
    const logger = { log: (level, data) => void lines.push({ level, ...data }) }
    const manager = new ResourceLifecycleManager({ logger })
    const count = () => manager.getStatistics().listeners
    const turn = () => new Promise((resolve) => setImmediate(resolve))
    const until = async (look) => {
      const end = performance.now() + 20_000
      while (!look()) {
        if (performance.now() > end) throw new Error('waited in vain: ' + look)
        await turn()
        gc()
      }
    }
    const main = async () => {${code}}
    main().then((report) => console.log(JSON.stringify(report)))`])
  const { code: exitCode, stdout, stderr } = await child.exit
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  return JSON.parse(stdout)
}

test('emitters are not held by being tracked', async () => {
  const report = await collecting(`
    const drop = () => {
      for (let number = 0; number < 100; number++) {
        const emitter = new EventEmitter()
        const handler = () => emitter
        emitter.on('event', handler)
        manager.trackListener(emitter, 'event', handler)
      }
    }
    drop()
    const before = count()
    await until(() => count() === 0)
    return { before, collected: manager.leakReport().collectedListeners }`)
  expect(report).toEqual({ before: 100, collected: 100 })
})

test('handlers are not held by being tracked', async () => {
  const report = await collecting(`
    const emitter = new EventEmitter()
    let reference
    const drop = () => {
      const handler = () => {}
      emitter.on('event', handler)
      manager.trackListener(emitter, 'event', handler)
      emitter.off('event', handler)
      reference = new WeakRef(handler)
    }
    drop()
    await until(() => reference.deref() === undefined)
    return { left: count() }`)
  expect(report).toEqual({ left: 0 })
})

test('a scope that is dropped is ended, counted and named; what it held is released', async () => {
  const report = await collecting(`
    const emitter = new EventEmitter()
    const released = []
    let signal
    const drop = () => {
      const scope = manager.scope({ name: 'lost' })
      scope.on(emitter, 'event', () => {})
      scope.setInterval(() => {}, 60_000)
      scope.defer(() => released.push('deferred'))
      signal = scope.signal
      scope.scope({ name: 'inner' }).defer(() => released.push('inner'))
    }
    drop()
    const before = manager.scopes.open
    await until(() => manager.scopes.open === 0)
    const { collected, suspects } = { collected: manager.scopes.collected, suspects: manager.leakReport().suspects }
    return { before, collected, suspects, released, aborted: signal.aborted, listening: emitter.listenerCount('event'), lines }`)
  expect(report).toMatchObject({ before: 2, aborted: true, listening: 0 })
  expect(report.released.sort()).toEqual(['deferred', 'inner'])
  expect(report.suspects).toContainEqual(expect.objectContaining({ kind: 'scope', reason: 'collected', scope: 'lost', what: expect.stringContaining('1 listener, 1 timer, 1 release') }))
  expect(report.lines).toContainEqual(expect.objectContaining({
    level: 'warn', message: 'a scope was collected before it ended', scope: 'the scope "lost"', origin: expect.stringContaining('drop'),
  }))
})

test('a scope in use through one nested in it is not', async () => {
  const report = await collecting(`
    const nest = () => {
      const outer = manager.scope()
      outer.defer(() => {})
      return outer.scope()
    }
    const inner = nest()
    inner.defer(() => {})
    for (let turns = 0; turns < 30; turns++) { gc(); await turn() }
    return { over: inner.ended, ...manager.scopes }`)
  expect(report).toMatchObject({ over: false, open: 2, collected: 0 })
})

test('a stream that is dropped while it is open is reported', async () => {
  const report = await collecting(`
    const { PassThrough } = require('node:stream')
    const drop = () => {
      manager.trackHandle(new PassThrough(), 'lost')
      const closed = manager.trackHandle(new PassThrough(), 'closed')
      closed.destroy()
    }
    drop()
    await until(() => manager.leakReport().suspects.length > 0)
    const { suspects, counts } = manager.leakReport()
    return { suspects, handles: counts.handles, messages: lines.map(({ message, what }) => message + ': ' + what) }`)
  expect(report.suspects).toEqual([expect.objectContaining({ kind: 'handle', reason: 'collected', what: 'lost', count: 1 })])
  expect(report).toMatchObject({ handles: 0, messages: ['a handle was collected before it was closed: lost'] })
})

test('entering 10,000 scopes that throw, fail and hang leaves no memory and no file behind', async () => {
  const file = path.join(temporaryDirectory(), 'file')
  fs.writeFileSync(file, 'text')
  const report = await collecting(`
    const fs = require('node:fs')
    const emitter = new EventEmitter()
    emitter.setMaxListeners(0)
    const hasty = new ResourceLifecycleManager({ logger, releaseTimeoutMs: 1 })
    const enter = (number) => (number % 100 === 0 ? hasty : manager).withScope(async (scope) => {
      scope.on(emitter, 'event', () => scope).once(new EventTarget(), 'event', () => {})
      scope.setTimeout(() => scope, 60_000)
      scope.setInterval(() => scope, 60_000)
      scope.signal.addEventListener('abort', () => scope)
      if (number % 100 === 0) scope.defer(() => new Promise(() => {}))
      else if (number % 10 === 1) scope.trackStream(fs.createReadStream(${JSON.stringify(file)}))
      scope.scope().defer(() => { if (number % 3 === 0) throw new Error('of the release') })
      throw new Error('its own')
    }).catch(() => {})
    const enterMany = async (times) => {
      for (let number = 0; number < times; number += 50) {
        await Promise.all(Array.from({ length: 50 }, (_, index) => enter(number + index)))
        lines.length = 0
      }
      for (let turns = 0; turns < 5; turns++) { await turn(); gc() }
      const { heapUsed, external } = process.memoryUsage()
      return { bytes: heapUsed + external, files: process.getActiveResourcesInfo().length }
    }
    const before = await enterMany(1000)
    const after = await enterMany(10_000)
    return { grown: after.bytes - before.bytes, files: after.files - before.files, listening: emitter.listenerCount('event'), patient: manager.scopes, hasty: hasty.scopes }`)
  expect(report).toMatchObject({
    files: 0,
    listening: 0,
    patient: { open: 0, collected: 0, opened: 21_780, releaseTimeouts: 0 },
    hasty: { open: 0, collected: 0, opened: 220, releaseTimeouts: 110 },
  })
  // A hundred bytes a scope would be a megabyte.
  expect(report.grown).toBeLessThan(1_000_000)
})
