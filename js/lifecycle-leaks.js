'use strict'
/**
 * What looks like a leak: too many of a kind, ever more of a kind, old ones, and what was collected while it was open.
 *
 * Growth is an alarm when it is sustained: over the last `growthSamples` samples a count never fell, rose in at
 * least three quarters of the steps, and is at least as much higher as there were steps. A program that warms up
 * stops growing, and one that works in waves falls in between; both are no alarm. So that slow growth is seen too,
 * the same is asked of every 8th, 64th, 512th and 4096th sample, each the least of those it stands for.
 *
 * At most 5 times `growthSamples` samples are kept. A report looks at 10,000 things, processes and files first, and
 * says so when there are more; it names at most 100 suspects. Equal things are one suspect with a count.
 */

/** Each scale has samples this many times as far apart as the one before. */
const COARSER = 8
const SCALES = 5
const MOST_SUSPECTS = 100
const MOST_EXAMINED = 10_000
const RISING_SHARE = 0.75
const MINUTE_MS = 60_000

/** @typedef {import('./lifecycle-holdings.js').Holdings} Holdings */
/** @typedef {import('./lifecycle-resources.js').Entry} Entry */
/** @typedef {Record<'listeners' | 'processes' | 'tempFiles' | 'streams' | 'timers' | 'scopes', number>} Counts */
/** @typedef {keyof Counts} Counted */
/** @typedef {{ samples: number, overMs: number, first: number, last: number, perMinute: number, alarm: boolean }} Trend */
/** @typedef {'listener' | 'process' | 'temp file' | 'stream' | 'timer' | 'release' | 'scope' | 'handle'} SuspectKind */
/** @typedef {'limit' | 'growth' | 'age' | 'collected'} Reason */
/**
 * @typedef {object} Suspect
 * @property {SuspectKind} kind
 * @property {Reason} reason
 * @property {string} what
 * @property {number} count
 * @property {number} ageMs
 * @property {string[] | null} origin
 * @property {string | null} scope
 */
/** @typedef {Omit<Suspect, 'reason' | 'count'>} Thing */

/** @type {readonly Counted[]} */
const COUNTED = ['listeners', 'processes', 'tempFiles', 'streams', 'timers', 'scopes']
/** @type {Readonly<Partial<Record<SuspectKind, Counted>>>} */
const COUNTED_AS = { listener: 'listeners', process: 'processes', 'temp file': 'tempFiles', stream: 'streams', timer: 'timers', scope: 'scopes' }

/** @typedef {{ at: number, counts: Counts }} Sample */

/** The latest samples of one distance. */
class Scale {
  /** @type {Sample[]} */
  samples = []
  /** What the next coarser sample will be, and of how many. @type {Counts | null} */
  least = null
  merged = 0
}

class Growth {
  #scales = Array.from({ length: SCALES }, () => new Scale())
  #needed

  /** @param {number} needed samples that an alarm takes */
  constructor(needed) {
    this.#needed = needed
  }

  /**
   * @param {number} at milliseconds
   * @param {Counts} counts
   */
  add(at, counts) {
    /** @type {Counts | null} */
    let next = counts
    for (const scale of this.#scales) {
      if (next === null) return
      scale.samples.push({ at, counts: next })
      if (scale.samples.length > this.#needed) scale.samples.shift()
      scale.least = scale.least === null ? next : leastOf(scale.least, next)
      scale.merged++
      next = null
      if (scale.merged === COARSER) {
        next = scale.least
        scale.least = null
        scale.merged = 0
      }
    }
  }

  /** Forgets what was. */
  clear() {
    this.#scales = Array.from({ length: SCALES }, () => new Scale())
  }

  /** @returns {Record<Counted, Trend>} of each kind the one with an alarm, else the latest */
  trends() {
    return /** @type {any} */ (Object.fromEntries(COUNTED.map((kind) => {
      const trends = this.#scales.map(({ samples }) => this.#trend(samples, kind))
      return [kind, trends.find(({ alarm }) => alarm) ?? trends[0]]
    })))
  }

  /**
   * @param {Sample[]} samples
   * @param {Counted} kind
   * @returns {Trend}
   */
  #trend(samples, kind) {
    if (samples.length === 0) return { samples: 0, overMs: 0, first: 0, last: 0, perMinute: 0, alarm: false }
    const values = samples.map(({ counts }) => counts[kind])
    const first = values[0]
    const last = values[values.length - 1]
    const overMs = samples[samples.length - 1].at - samples[0].at
    const steps = values.slice(1).map((value, index) => value - values[index])
    const rises = steps.filter((step) => step > 0).length
    const sustained = steps.every((step) => step >= 0) && rises >= RISING_SHARE * steps.length && last - first >= steps.length
    const alarm = samples.length === this.#needed && sustained
    return { samples: samples.length, overMs, first, last, perMinute: overMs > 0 ? ((last - first) * MINUTE_MS) / overMs : 0, alarm }
  }
}

/**
 * @param {Counts} one
 * @param {Counts} other
 * @returns {Counts}
 */
function leastOf(one, other) {
  return /** @type {any} */ (Object.fromEntries(COUNTED.map((kind) => [kind, Math.min(one[kind], other[kind])])))
}

/**
 * @param {{ listeners: number, processes: number, tempFiles: number }} statistics
 * @param {{ maxListeners: number, maxProcesses: number, maxTempFiles: number }} limits
 * @returns {string[]}
 */
function warningsOf({ listeners, processes, tempFiles }, { maxListeners, maxProcesses, maxTempFiles }) {
  const warnings = []
  if (listeners > maxListeners) warnings.push(`${listeners} event listeners are registered, more than ${maxListeners}: a listener may be added again and again`)
  if (processes > maxProcesses) warnings.push(`${processes} child processes are alive, more than ${maxProcesses}: a process may have been forgotten`)
  if (tempFiles > maxTempFiles) warnings.push(`${tempFiles} temporary files are registered, more than ${maxTempFiles}: a temp file may not be deleted`)
  return warnings
}

/** @param {Holdings} holdings */
function checkForLeaks(holdings) {
  const statistics = holdings.statistics()
  holdings.sample(statistics)
  const warnings = warningsOf(statistics, holdings.settings)
  return { hasLeaks: warnings.length > 0, warnings }
}

/** @param {Holdings} holdings */
function leakReport(holdings) {
  const statistics = holdings.statistics()
  holdings.sample(statistics)
  const { settings, listeners, handles, held, open } = holdings
  const trends = holdings.growth.trends()
  const limits = { listeners: settings.maxListeners, processes: settings.maxProcesses, tempFiles: settings.maxTempFiles }
  const { suspects, complete } = suspectsOf(holdings, trends, { ...statistics }, limits)
  return {
    alarm: COUNTED.some((kind) => trends[kind].alarm),
    warnings: warningsOf(statistics, settings),
    counts: { ...statistics, streams: held.stream, timers: held.timer, scopes: open.size, handles: handles.size },
    limits,
    trends,
    suspects: suspects.slice(0, MOST_SUSPECTS),
    complete,
    omittedSuspects: Math.max(0, suspects.length - MOST_SUSPECTS),
    forgottenListeners: listeners.forgotten,
    collectedListeners: listeners.collected,
    unwatchedHandles: handles.refused,
  }
}

/**
 * The most numerous first, then the oldest.
 *
 * @param {Holdings} holdings
 * @param {Record<Counted, Trend>} trends
 * @param {Record<string, number>} counts
 * @param {Record<string, number>} limits
 * @returns {{ suspects: Suspect[], complete: boolean }}
 */
function suspectsOf(holdings, trends, counts, limits) {
  /** @type {Map<string, Suspect>} */
  const suspects = new Map()
  const suspect = (/** @type {Thing} */ thing, /** @type {Reason} */ reason) => {
    const { kind, what, ageMs, origin, scope } = thing
    const key = `${kind}\n${reason}\n${what}\n${scope}\n${origin?.join('\n')}`
    const same = suspects.get(key)
    if (same === undefined) suspects.set(key, { kind, reason, what, count: 1, ageMs, origin, scope })
    else {
      same.count++
      same.ageMs = Math.max(same.ageMs, ageMs)
    }
  }
  for (const collected of holdings.collected) suspect(/** @type {Thing} */ (collected), 'collected')
  let examined = 0
  for (const thing of things(holdings)) {
    if (++examined > MOST_EXAMINED) break
    const counted = COUNTED_AS[thing.kind]
    if (counted !== undefined && trends[counted].alarm) suspect(thing, 'growth')
    else if (counted !== undefined && counts[counted] > limits[counted]) suspect(thing, 'limit')
    else if (thing.ageMs > holdings.settings.suspectAgeMs) suspect(thing, 'age')
  }
  const named = [...suspects.values()].sort((one, other) => other.count - one.count || other.ageMs - one.ageMs)
  return { suspects: named, complete: examined <= MOST_EXAMINED }
}

/**
 * Everything that is held, whoever holds it.
 *
 * @param {Holdings} holdings
 * @returns {Generator<Thing>}
 */
function* things(holdings) {
  const now = holdings.core.now()
  yield* nativeThings(holdings)
  for (const resources of holdings.open) {
    const scope = resources.name
    yield { kind: 'scope', what: resources.summary(), ageMs: now - resources.since, origin: resources.origin, scope }
    for (const { kind, what, since, origin } of resources.entries) {
      if (kind === 'stream' || kind === 'timer' || kind === 'release') yield { kind, what, ageMs: now - since, origin, scope }
    }
  }
  for (const { event, state, since, origin, scope } of holdings.listeners) {
    yield { kind: 'listener', what: `${String(event)} of ${state.name}`, ageMs: now - since, origin, scope }
  }
}

/**
 * What the core holds, also what belongs to no scope.
 *
 * @param {Holdings} holdings
 * @returns {Generator<Thing>}
 */
function* nativeThings(holdings) {
  const processes = holdings.processes()
  const files = holdings.tempFiles()
  if (processes.length + files.length === 0) return
  const origins = originsOf(holdings)
  const date = holdings.core.date()
  for (const { pid, command, startedMs } of processes) {
    yield { kind: 'process', what: command, ageMs: Math.max(0, date - startedMs), ...(origins.get(pid) ?? UNKNOWN) }
  }
  for (const { path, purpose, createdMs } of files) {
    yield { kind: 'temp file', what: purpose, ageMs: Math.max(0, date - createdMs), ...(origins.get(path) ?? UNKNOWN) }
  }
}

const UNKNOWN = Object.freeze({ origin: null, scope: null })

/**
 * Where processes and temporary files of scopes come from, by pid and path.
 *
 * @param {Holdings} holdings
 */
function originsOf({ open }) {
  /** @type {Map<unknown, { origin: string[] | null, scope: string | null }>} */
  const origins = new Map()
  for (const resources of open) {
    for (const { identity, origin } of resources.entries) {
      if (identity !== undefined) origins.set(identity(), { origin, scope: resources.name })
    }
  }
  return origins
}

module.exports = { Growth, checkForLeaks, leakReport }
