'use strict'
/** Deadlines: the warning, the end, and what both mean for the function, its processes and its slot. */

const { spawn } = require('node:child_process')
const { once } = require('node:events')
const { monitorEventLoopDelay } = require('node:perf_hooks')
const { WorkerCallTimeoutError, createBatchWorkerCallWrapper, withRequestScope, withWorkerCallObservability, withWorkerCallObservabilitySync } = require('../..')
const { budget, deferred, listening } = require('../support/budgets')
const { launch } = require('../support/children')
const { eventually, rejection } = require('../support/events')
const { runs } = require('../support/process-state')

const LONG_MS = 600_000
/** So far behind the warning that no test meets it. */
const NO_END = { timeoutEscalationFactor: 1000 }
const nothing = new Int32Array(new SharedArrayBuffer(4))
const block = (milliseconds) => Atomics.wait(nothing, 0, 0, milliseconds)
const forever = () => new Promise(() => {})

describe('the warning', () => {
  test('tells the call, the manager and the log, and ends nothing', async () => {
    const [logger, told, heard] = [listening(), deferred(), []]
    const manager = budget({ ...NO_END, logger, onTimeout: (event) => heard.push(event) })
    const release = deferred()
    const running = withWorkerCallObservability('task', () => release.promise, { manager, lane: 'critic', timeoutMs: 20, onTimeout: told.resolve })
    const event = await told.promise
    expect(event).toMatchObject({ taskId: 'task', lane: 'critic', timeoutMs: 20, deadlineMs: 20_000, escalated: false, endedAtMs: 0, killedProcesses: 0 })
    expect(Math.abs(Date.now() - event.atMs)).toBeLessThan(60_000)
    expect(heard).toEqual([event])
    expect(logger.said('worker call over its timeout')).toEqual([expect.objectContaining({ level: 'warn', component: 'ResourceBudgetManager', ...event })])
    release.resolve('done')
    expect(await running).toBe('done')
    expect(manager.getMetrics()).toEqual([expect.objectContaining({ success: true, timeoutReached: true, endedBy: 'release', callId: event.callId })])
    expect(manager.getStatistics().timeoutCount).toBe(1)
    expect(manager.status().counts).toMatchObject({ warnings: 1, deadlines: 0, abandoned: 0 })
  })

  test('is not given for a call that ended before', async () => {
    const heard = []
    const manager = budget({ ...NO_END, onTimeout: (event) => heard.push(event) })
    await withWorkerCallObservability('task', () => 1, { manager, timeoutMs: 300 })
    const later = deferred()
    const running = withWorkerCallObservability('later', () => later.promise, { manager, timeoutMs: 400 })
    await eventually('the later call to be warned of', () => heard.length > 0)
    later.resolve()
    await running
    expect(heard.map(({ taskId }) => taskId)).toEqual(['later'])
  })

  test('that nobody can hear harms nobody', async () => {
    const logger = listening()
    const failures = [() => { throw Object.create(null) }, () => Promise.reject(new Error('no'))]
    const manager = budget({ ...NO_END, logger, onTimeout: failures[0] })
    const running = deferred()
    const call = withWorkerCallObservability('task', () => running.promise, { manager, timeoutMs: 5, onTimeout: failures[1] })
    await eventually('both failures to be logged', () => logger.said('onTimeout failed').length === 2)
    running.resolve(1)
    expect(await call).toBe(1)
  })
})

describe('the end', () => {
  test('aborts, cleans up, rejects, and only then frees the slot', async () => {
    const logger = listening()
    const manager = budget({ laneConcurrencyLimits: { narrow: 1 }, timeoutEscalationFactor: 2, logger })
    const order = []
    const active = () => manager.status().global.active
    let seen
    const fn = (signal, context) => {
      seen = { signal, context }
      signal.addEventListener('abort', () => order.push(['aborted', active()]))
      context.registerScope({ cleanup: () => order.push(['cleaned', active()]) })
      context.registerScope({ cleanup: () => { throw new Error('cannot be cleaned') } })
      return forever()
    }
    const onTimeout = ({ escalated }) => order.push([escalated ? 'told' : 'warned', active()])
    const running = withWorkerCallObservability('task', fn, { manager, lane: 'narrow', timeoutMs: 250, onTimeout })
    const settled = running.catch((error) => {
      order.push(['rejected', active()])
      return error
    })
    const next = manager.acquireSlot('next', 'narrow', { wait: { maxMs: LONG_MS } }).then((context) => {
      order.push(['next', active()])
      return context
    })
    const error = await settled
    const context = await next
    expect(order).toEqual([['warned', 1], ['aborted', 1], ['cleaned', 1], ['told', 1], ['rejected', 1], ['next', 1]])
    expect(error).toBeInstanceOf(WorkerCallTimeoutError)
    expect(error).toMatchObject({
      name: 'WorkerCallTimeoutError', code: 'ERR_PLIMSOLL_TIMEOUT', callId: seen.context.id, taskId: 'task', lane: 'narrow',
      timeoutMs: 250, deadlineMs: 500, killedProcesses: 0,
    })
    expect(error.endedAtMs).toBeGreaterThan(seen.context.startedAtMs)
    expect(seen.signal.aborted).toBe(true)
    expect(seen.signal.reason).toBe(error)
    expect(seen.context.released).toBe(true)
    expect(manager.getMetrics()).toEqual([expect.objectContaining({
      taskId: 'task', success: false, errorType: 'WorkerCallTimeoutError', timeoutReached: true, endedBy: 'deadline',
    })])
    expect(manager.getMetrics()[0].durationMs).toBeGreaterThanOrEqual(500)
    expect(manager.status()).toMatchObject({ counts: { warnings: 1, deadlines: 1, abandoned: 1, abandonedRunning: 1 }, misuse: { doubleReleases: 0 } })
    expect(logger.said('worker call ended at its deadline')).toEqual([expect.objectContaining({ level: 'error', callId: error.callId, escalated: true })])
    expect(logger.said('a scope could not be ended')).toEqual([expect.objectContaining({ level: 'error', error: 'cannot be cleaned' })])
    manager.releaseSlot(context, true)
  })

  test('counts a function that goes on as abandoned until it settles', async () => {
    const manager = budget({ timeoutEscalationFactor: 1 })
    for (const settle of ['resolve', 'reject']) {
      const going = deferred()
      const running = withWorkerCallObservability('task', () => going.promise, { manager, timeoutMs: 5 })
      expect(await rejection(running)).toBeInstanceOf(WorkerCallTimeoutError)
      expect(manager.status().counts.abandonedRunning).toBe(1)
      going[settle](new Error('ends at last'))
      await eventually('it to count no more', () => manager.status().counts.abandonedRunning === 0)
    }
    expect(manager.status().counts).toMatchObject({ abandoned: 2, deadlines: 2 })
  })

  test('of a function that heeds its signal leaves nothing behind', async () => {
    const manager = budget({ timeoutEscalationFactor: 1 })
    const heeding = (signal) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    expect(await rejection(withWorkerCallObservability('task', heeding, { manager, timeoutMs: 5 }))).toBeInstanceOf(WorkerCallTimeoutError)
    await eventually('nothing to be left', () => {
      const { counts, global } = manager.status()
      return counts.abandonedRunning === 0 && global.active === 0
    })
  })

  test('reaches a holder that releases by hand, whose release is no misuse', async () => {
    const logger = listening()
    const manager = budget({ timeoutEscalationFactor: 1, logger })
    const context = await manager.acquireSlot('task', 'critic', 10)
    const [{ target: signal }] = await once(context.signal, 'abort')
    expect(signal.reason).toBeInstanceOf(WorkerCallTimeoutError)
    manager.releaseSlot(context, false, signal.reason)
    await eventually('the slot to be free', () => manager.status().global.active === 0)
    manager.releaseSlot(context, false, signal.reason)
    expect(manager.status().misuse.doubleReleases).toBe(0)
    manager.releaseSlot(context, false)
    expect(manager.status().misuse.doubleReleases).toBe(1)
    expect(manager.getMetrics()).toEqual([expect.objectContaining({ endedBy: 'deadline', success: false })])
    expect(() => context.registerScope({ cleanup() {} })).toThrow(expect.objectContaining({ code: 'ERR_PLIMSOLL_CLOSED' }))
    expect(() => context.registerProcess(process.pid)).toThrow(expect.objectContaining({ code: 'ERR_PLIMSOLL_CLOSED' }))
  })

  test('kills what was registered, with its descendants', async () => {
    const manager = budget({ timeoutEscalationFactor: 1 })
    const child = spawn('sh', ['-c', 'sleep 60 & echo $!; wait'], { stdio: ['ignore', 'pipe', 'ignore'] })
    const grandchild = Number(String((await once(child.stdout, 'data'))[0]))
    expect(runs(grandchild)).toBe(true)
    const exited = once(child, 'exit')
    const running = withWorkerCallObservability('task', (_signal, context) => {
      context.registerProcess(child)
      return forever()
    }, { manager, timeoutMs: 1000 })
    const error = await rejection(running)
    expect(error.killedProcesses).toBe(2)
    expect((await exited)[1]).toBe('SIGKILL')
    await eventually('the grandchild to be dead', () => !runs(grandchild))
    expect(manager.status().counts.killedProcesses).toBe(2)
  })

  test('leaves alone what has ended before', async () => {
    const manager = budget({ timeoutEscalationFactor: 1 })
    const child = spawn('true', { stdio: 'ignore' })
    const early = await manager.acquireSlot('task', 'critic')
    early.registerProcess(child)
    await once(child, 'exit')
    expect(() => early.registerProcess(child)).toThrow(expect.objectContaining({ code: 'ERR_PLIMSOLL_ABSENT' }))
    manager.releaseSlot(early, true)
    const error = await rejection(withWorkerCallObservability('task', forever, { manager, timeoutMs: 5 }))
    expect(error.killedProcesses).toBe(0)
  })

  test('of a batch ends every function in it', async () => {
    const manager = budget({ timeoutEscalationFactor: 1 })
    const batch = createBatchWorkerCallWrapper('task', 'file_write', { manager, timeoutMs: 300 })
    await batch.init()
    const errors = await Promise.all([1, 2, 3].map(() => rejection(batch.execute(forever))))
    expect(errors[0]).toBeInstanceOf(WorkerCallTimeoutError)
    expect(new Set(errors).size).toBe(1)
    expect(await rejection(batch.execute(() => 1))).toBe(errors[0])
    expect(() => batch.release(false, errors[0])).not.toThrow()
    await eventually('the slot to be free', () => manager.status().global.active === 0)
    expect(manager.status()).toMatchObject({ counts: { abandoned: 3, deadlines: 1 }, misuse: { doubleReleases: 0 } })
  })

  test('of a request scope aborts its signal', async () => {
    const manager = budget({ timeoutEscalationFactor: 1 })
    const started = deferred()
    const running = withRequestScope('task', (scope) => {
      started.resolve(scope.signal)
      return forever()
    }, { manager, timeoutMs: 50 })
    const error = await rejection(running)
    const signal = await started.promise
    expect(signal.reason).toBe(error)
  })
})

describe('a synchronous call', () => {
  test('that was over its time throws when it returns', () => {
    const heard = []
    const manager = budget({ timeoutEscalationFactor: 1, onTimeout: ({ escalated }) => heard.push(escalated) })
    let error
    try {
      withWorkerCallObservabilitySync('task', () => block(400), { manager, timeoutMs: 10 })
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(WorkerCallTimeoutError)
    expect(error).toMatchObject({ timeoutMs: 10, deadlineMs: 10 })
    expect(manager.getMetrics()).toEqual([expect.objectContaining({ endedBy: 'deadline', success: false })])
    expect(heard).toEqual([false, true])
  })

  test('gives the timeout precedence over what it threw', () => {
    const manager = budget({ timeoutEscalationFactor: 1 })
    const late = () => {
      block(400)
      throw new Error('too late')
    }
    expect(() => withWorkerCallObservabilitySync('task', late, { manager, timeoutMs: 10 })).toThrow(WorkerCallTimeoutError)
  })

  test('within its time gives what it gave', () => {
    const manager = budget()
    expect(withWorkerCallObservabilitySync('task', () => 'in time', { manager, timeoutMs: LONG_MS })).toBe('in time')
  })
})

describe('timeouts', () => {
  test('of no milliseconds are over at once', async () => {
    const manager = budget()
    const error = await rejection(withWorkerCallObservability('task', forever, { manager, timeoutMs: 0 }))
    expect(error).toMatchObject({ code: 'ERR_PLIMSOLL_TIMEOUT', timeoutMs: 0, deadlineMs: 0 })
    await eventually('the slot to be free', () => manager.status().global.active === 0)
  })

  test('may be as long as a 32-bit timer', async () => {
    const manager = budget({ timeoutEscalationFactor: 1000 })
    expect(await withWorkerCallObservability('task', () => 1, { manager, timeoutMs: 2 ** 31 - 1 })).toBe(1)
  })

  test('that are adaptive follow the lane\'s own history, within floor and ceiling', async () => {
    const adaptiveTimeout = { percentile: 50, margin: 2, floorMs: 700, ceilingMs: 900, minimumSamples: 3 }
    const manager = budget({ adaptiveTimeout, defaultTimeoutMs: 123_456 })
    const timeout = async (lane) => {
      const context = await manager.acquireSlot('task', lane, { timeout: 'adaptive' })
      manager.releaseSlot(context, true)
      return context.timeoutMs
    }
    expect([await timeout('quick'), await timeout('quick'), await timeout('quick')]).toEqual([123_456, 123_456, 123_456])
    expect(await timeout('quick')).toBe(700)
    expect(await timeout('other')).toBe(123_456)
    const slow = budget({ adaptiveTimeout: { ...adaptiveTimeout, floorMs: 1, ceilingMs: 5 } })
    for (let call = 0; call < 3; call++) {
      const context = await slow.acquireSlot('task', 'slow', { timeout: 'adaptive' })
      block(20)
      slow.releaseSlot(context, true)
    }
    const context = await slow.acquireSlot('task', 'slow', { timeout: 'adaptive' })
    expect(context.timeoutMs).toBe(5)
    slow.releaseSlot(context, true)
  })
})

describe('while the event loop is blocked', () => {
  const [TIMEOUT_MS, FACTOR, BLOCK_MS, TOLERANCE_MS] = [1000, 1.2, 3000, 50]
  const END_MS = TIMEOUT_MS * FACTOR
  /** A machine that keeps even an idle loop waiting so long says nothing about a timer. */
  const STARVED_MS = 25
  const ATTEMPTS = 5

  async function attempt() {
    const delay = monitorEventLoopDelay({ resolution: 5 })
    delay.enable()
    const child = launch('blocked-deadline.cjs', { timeoutMs: TIMEOUT_MS, factor: FACTOR, blockMs: BLOCK_MS })
    const pid = Number((await child.says(/child (\d+)\n/))[1])
    expect(runs(pid)).toBe(true)
    await eventually('the registered process to be dead', () => !runs(pid))
    const stillBlocked = !child.stdout.includes('unblocked')
    delay.disable()
    const { code, stdout, stderr } = await child.exit
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    return { stillBlocked, starvedMs: delay.max / 1e6, record: JSON.parse(stdout.split('\n').at(-1)) }
  }

  test('the process is killed and recorded on time, and the rejection follows', async () => {
    for (let round = 1; ; round++) {
      const { stillBlocked, starvedMs, record } = await attempt()
      const offsets = [record.metrics.durationMs - END_MS, record.endedAtMs - record.startedAtMs - END_MS].map(Math.abs)
      const onTime = offsets.every((offset) => offset <= TOLERANCE_MS)
      expect(record).toMatchObject({
        name: 'WorkerCallTimeoutError', code: 'ERR_PLIMSOLL_TIMEOUT', timeoutMs: TIMEOUT_MS, deadlineMs: END_MS, killedProcesses: 1,
        metrics: { endedBy: 'deadline', success: false, timeoutReached: true },
        counts: { warnings: 1, deadlines: 1, killedProcesses: 1, unkilledProcesses: 0 },
      })
      expect(record.events.map(({ escalated }) => escalated)).toEqual([false, true])
      expect(record.rejected).toBeGreaterThan(record.unblocked)
      expect(record.scopes).toEqual([expect.any(Number)])
      expect(record.scopes[0]).toBeGreaterThan(record.unblocked)
      expect(record.rejected).toBeGreaterThanOrEqual(record.aborted)
      if (!onTime && starvedMs > STARVED_MS && round < ATTEMPTS) {
        console.warn(`attempt ${round}: off by ${offsets.join(' and ')} ms; not held against the timer, this idle process waited ${starvedMs} ms for the machine too`)
        continue
      }
      expect(Math.max(...offsets)).toBeLessThanOrEqual(TOLERANCE_MS)
      expect(stillBlocked).toBe(true)
      return
    }
  })
})
