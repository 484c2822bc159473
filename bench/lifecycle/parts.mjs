// What both benchmarks of processes measure by.

import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { mainThreadTime, readingCost } from '../telemetry/thread-time.mjs'

/** Clock ticks a second in /proc, which Linux fixes for user space (USER_HZ, see time(7)). */
const TICKS = 100
const MEGABYTE = 2 ** 20

/**
 * Milliseconds of processor time of all children this process has waited for, with the descendants those waited
 * for: fields 16 and 17 of `proc_pid_stat(5)`, in ticks of 10 ms.
 */
function childrenTime() {
  const fields = readFileSync('/proc/self/stat', 'latin1').replace(/^.*\) /s, '').split(' ')
  return ((Number(fields[13]) + Number(fields[14])) * 1000) / TICKS
}

/** Milliseconds of processor time of every thread of this process. */
function ownTime() {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** Takes turns of some commands each and keeps what they cost. */
export class Meter {
  #reading = readingCost()
  /** Milliseconds, one of each command. */
  busy = []
  wall = []
  /** Milliseconds in all. */
  thread = 0
  own = 0
  children = 0

  /**
   * Runs a command some times, one after another.
   *
   * @param {() => Promise<unknown>} command
   * @param {number} times
   */
  async turn(command, times) {
    const before = { thread: mainThreadTime(), own: ownTime(), children: childrenTime() }
    for (; times > 0; times--) {
      const loop = performance.eventLoopUtilization()
      const started = performance.now()
      await command()
      this.wall.push(performance.now() - started)
      this.busy.push(performance.eventLoopUtilization(loop).active)
    }
    this.thread += (mainThreadTime() - before.thread - this.#reading) / 1e6
    this.own += ownTime() - before.own
    this.children += childrenTime() - before.children
  }

  /** What one command cost, in milliseconds. */
  figures() {
    const each = this.wall.length
    return {
      commands: each,
      busyMs: quantile(this.busy, 0.5),
      busyP90Ms: quantile(this.busy, 0.9),
      threadMs: this.thread / each,
      wallMs: quantile(this.wall, 0.5),
      wallP90Ms: quantile(this.wall, 0.9),
      processorMs: (this.own + this.children) / each,
    }
  }
}

/**
 * Runs every subject in turns, interleaved, so that a busy machine is busy for all.
 *
 * @param {Record<string, () => Promise<unknown>>} subjects
 * @param {{ turns: number, times: number, warmUp: number }} plan turns of so many commands each
 * @returns {Promise<Record<string, ReturnType<Meter['figures']>>>}
 */
export async function interleaved(subjects, { turns, times, warmUp }) {
  const meters = Object.fromEntries(Object.keys(subjects).map((name) => [name, new Meter()]))
  for (let turn = -warmUp; turn < turns; turn++) {
    for (const [name, command] of Object.entries(subjects)) {
      const meter = turn < 0 ? new Meter() : meters[name]
      await meter.turn(command, times)
      // What is left over of this turn is not the next one's.
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  return Object.fromEntries(Object.entries(meters).map(([name, meter]) => [name, meter.figures()]))
}

/**
 * @param {number[]} values
 * @param {number} share 0 to 1
 * @returns {number} the value of which that share is below or equal (nearest rank)
 */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
}

/** Megabytes of this process, from proc(5). */
export function readMemory(file, field) {
  const text = readFileSync(`/proc/self/${file}`, 'latin1')
  return (Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)[1]) * 1024) / MEGABYTE
}

/**
 * Memory with every page touched, until this process has so much resident.
 *
 * @param {number} megabytes
 * @returns {Uint8Array[]} to be kept
 */
export function grownTo(megabytes) {
  const ballast = []
  // As V8 takes its heap: many small pieces, each page of its own.
  while (readMemory('status', 'VmRSS') < megabytes - 1) ballast.push(new Uint8Array(MEGABYTE).fill(1))
  return ballast
}
