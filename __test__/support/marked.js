'use strict'
/**
 * Finds processes by a mark in the environment they inherit, wherever they went: other sessions, other parents,
 * without a parent. Those that still run after a test are killed. Linux alone has it, from `/proc`.
 */

const { randomBytes } = require('node:crypto')
const fs = require('node:fs')

const NAME = 'PLIMSOLL_TEST_MARK'

/** @type {Set<Mark>} */
const marks = new Set()

/** One mark. */
class Mark {
  #text = `${NAME}=${randomBytes(12).toString('hex')}`

  constructor() {
    marks.add(this)
  }

  /** What a process is given so that it, and all it starts, can be found. */
  get env() {
    return { [NAME]: this.#text.slice(NAME.length + 1) }
  }

  /** The marked processes that run, with their commands: no zombies, which have no environment any more. */
  found() {
    /** @type {{ pid: number, command: string }[]} */
    const found = []
    for (const name of fs.readdirSync('/proc')) {
      if (!/^\d+$/.test(name) || Number(name) === process.pid) continue
      try {
        if (!`\0${fs.readFileSync(`/proc/${name}/environ`, 'latin1')}`.includes(`\0${this.#text}\0`)) continue
        found.push({ pid: Number(name), command: fs.readFileSync(`/proc/${name}/cmdline`, 'latin1').replaceAll('\0', ' ').trim() })
      } catch {
        continue // it ended meanwhile, or is another user's
      }
    }
    return found
  }
}

/** Kills what is marked until nothing is. */
function killMarked() {
  for (const mark of marks) {
    for (let round = 0; round < 100; round++) {
      const found = mark.found()
      if (found.length === 0) break
      for (const { pid } of found) {
        try {
          process.kill(pid, 'SIGKILL')
        } catch {
          continue // it has ended
        }
      }
    }
  }
  marks.clear()
}

if (typeof afterEach === 'function') afterEach(killMarked)

module.exports = { Mark }
