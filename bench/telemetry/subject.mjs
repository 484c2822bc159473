// Measures in processes of their own: each logger gets one, so that none shares another's heap,
// optimised code or threads, and the parent has them work in turns, so that what else the machine
// does falls on all alike.

import { fork } from 'node:child_process'
import { once } from 'node:events'

/** No call takes longer, however busy the machine. */
const PATIENCE_MS = 120_000

/**
 * Starts a process that runs `file` and offers what it passed to `offer`.
 *
 * @param {string} file
 * @param {object} argument given to `offer`'s callback
 * @returns {{ pid: number, call: (method: string, argument?: unknown) => Promise<any>, stop: () => Promise<void> }}
 */
export function startSubject(file, argument) {
  const child = fork(file, [JSON.stringify(argument)], { execArgv: ['--expose-gc'] })
  const waiting = []
  child.on('message', ({ result, error }) => {
    const { resolve, reject } = waiting.shift()
    if (error === undefined) resolve(result)
    else reject(new Error(error))
  })
  child.on('exit', (code, signal) => {
    for (const { reject } of waiting.splice(0)) reject(new Error(`the measured process ended with ${signal ?? code}`))
  })
  return {
    pid: child.pid,
    call(method, methodArgument) {
      return new Promise((resolve, reject) => {
        const limit = setTimeout(() => {
          child.kill('SIGKILL')
          reject(new Error(`${method} took longer than ${PATIENCE_MS} ms in ${JSON.stringify(argument)}`))
        }, PATIENCE_MS)
        const settled = (settle) => (value) => {
          clearTimeout(limit)
          settle(value)
        }
        waiting.push({ resolve: settled(resolve), reject: settled(reject) })
        child.send({ method, argument: methodArgument }, (error) => {
          if (error) reject(error)
        })
      })
    },
    async stop() {
      const exited = once(child, 'exit')
      child.disconnect()
      await exited
    },
  }
}

/** Whether this process is one that `startSubject` started. */
export const isSubject = process.send !== undefined && process.argv[2] !== undefined

/**
 * In the started process: answers the parent's calls with these methods, one at a time.
 *
 * @param {(argument: any) => Promise<Record<string, (argument: any) => unknown>>} open
 */
export async function offer(open) {
  let last = open(JSON.parse(process.argv[2]))
  last.catch(() => {})
  process.on('message', ({ method, argument }) => {
    const opened = last
    last = opened.then(async (methods) => {
      try {
        process.send({ result: await methods[method](argument) })
      } catch (error) {
        process.send({ error: error.stack })
      }
      return methods
    }, (error) => {
      process.send({ error: error.stack })
      throw error
    })
    last.catch(() => {})
  })
}
