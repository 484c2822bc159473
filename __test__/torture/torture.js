'use strict'
/**
 * Kills processes while they log, then looks whether anything is missing.
 *
 * Several writers log to one path, each in many short lives that SIGKILL ends at a random moment:
 * while the addon loads, while what the life before left is recovered, while entries are stored,
 * written, rotated and compressed. After every `ROUND` kills the log is started and closed once
 * more, everything is read, and a new directory begins, which bounds the disk space.
 *
 * What must hold then: every acknowledged record is there exactly once with its contents, no record is
 * there twice, records of a life are in order, identical entries are all written or counted, every line
 * parses, `gunzip -t` accepts every archive, and neither ring nor temporary file is left.
 */

const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { launch } = require('../support/children')
const { archivesOf, filesOf, hiddenFilesOf, linesOf } = require('../support/log-files')
const { ISSUED_REPEAT, ACKNOWLEDGED_REPEAT, random, faultOf } = require('./records')

/** Kills after which everything is read. */
const ROUND = 50
/** Writers at the same time. */
const WRITERS = 2
/** The longest a life logs, in milliseconds. */
const LONGEST_LIFE_MS = 140
/** The share of lives that are killed without waiting for the log to be open. */
const KILLED_EARLY = 0.15
/** Problems told; more are counted. */
const MAX_PROBLEMS = 20
const FILES_A_CALL = 500

/** Small, so that every life rotates and compresses and fills its ring. */
const CONFIG = { rotationThreshold: 60_000, bufferSize: 200, flushInterval: 20, ringBytes: 65_536, minLevel: 'debug' }

/**
 * @typedef {object} Tally
 * @property {number} kills
 * @property {number} early killed before the log was open
 * @property {number} acknowledged
 * @property {number} present lines of records found
 * @property {number} archives
 * @property {number} problemCount
 * @property {string[]} problems the first of them
 */

/**
 * Runs rounds of kills.
 * @param {object} options
 * @param {string} options.directory an empty directory
 * @param {number} options.kills
 * @param {number} options.seed
 * @param {object} [options.config] over `CONFIG`
 * @param {(tally: Tally) => void} [options.report] called after every round
 * @returns {Promise<Tally>}
 */
async function torture({ directory, kills, seed, config, report }) {
  /** @type {Tally} */
  const tally = { kills: 0, early: 0, acknowledged: 0, present: 0, archives: 0, problemCount: 0, problems: [] }
  const next = random(seed)
  for (let round = 0; tally.kills < kills && tally.problemCount === 0; round++) {
    const home = path.join(directory, `round-${round}`)
    fs.mkdirSync(path.join(home, 'acks'), { recursive: true })
    const settings = { ...CONFIG, ...config, logPath: path.join(home, 'logs', 'torture.jsonl') }
    const upTo = Math.min(kills, tally.kills + ROUND)
    const writers = Array.from({ length: WRITERS }, (_, writer) => live({ home, writer, settings, next, tally, upTo }))
    await Promise.all(writers)
    await verify({ home, settings, tally })
    report?.(tally)
    if (tally.problemCount === 0) fs.rmSync(home, { recursive: true })
  }
  return tally
}

/**
 * @param {Tally} tally
 * @param {string} problem
 */
function complain(tally, problem) {
  if (tally.problemCount++ < MAX_PROBLEMS) tally.problems.push(problem)
}

/** One writer's lives, one after another. */
async function live({ home, writer, settings, next, tally, upTo }) {
  for (let count = 0; tally.kills < upTo; count++) {
    tally.kills++
    const life = `w${writer}.${count}`
    const child = launch('torture-child.cjs', {
      life, seed: Math.floor(next() * 2 ** 32), acksPath: path.join(home, 'acks', life), config: settings
    })
    const early = next() < KILLED_EARLY
    if (early) tally.early++
    // A life that ends by itself never says so; its end tells.
    else await Promise.race([child.says(/ready/).catch(() => {}), child.exit])
    const patience = setTimeout(() => child.process.kill('SIGKILL'), next() * LONGEST_LIFE_MS)
    const { signal, code, stderr } = await child.exit
    clearTimeout(patience)
    if (signal !== 'SIGKILL' || stderr !== '') complain(tally, `${life} ended with ${code} ${signal}: ${stderr.slice(0, 2000)}`)
  }
}

async function verify({ home, settings, tally }) {
  const { logPath } = settings
  const recovered = await launch('recover.cjs', settings).exit
  if (recovered.code !== 0) return complain(tally, `the log could not be started and closed: ${recovered.stderr}`)
  const stats = JSON.parse(recovered.stdout)
  if (stats.entries.damaged > 0) complain(tally, `${stats.entries.damaged} entries were damaged`)
  await finishArchives(settings)
  const hidden = hiddenFilesOf(logPath).filter((name) => !name.endsWith('.lock'))
  if (hidden.length > 0) complain(tally, `left behind: ${hidden.join(', ')}`)
  checkArchives(logPath, settings, tally)
  const found = readRecords(logPath, tally)
  let repeatsIssued = 0
  let repeatsAcknowledged = 0
  for (const life of fs.readdirSync(path.join(home, 'acks'))) {
    const acks = fs.readFileSync(path.join(home, 'acks', life))
    const numbers = found.lives.get(life) ?? new Set()
    for (let at = 0; at + 4 <= acks.length; at += 4) {
      const number = acks.readUInt32LE(at)
      if (number === ISSUED_REPEAT) repeatsIssued++
      else if (number === ACKNOWLEDGED_REPEAT) repeatsAcknowledged++
      else {
        tally.acknowledged++
        if (!numbers.has(number)) complain(tally, `${life}:${number} was acknowledged and is lost`)
      }
    }
  }
  if (found.repeats < repeatsAcknowledged || found.repeats > repeatsIssued) {
    complain(tally, `the repeated entry is there ${found.repeats} times; issued ${repeatsIssued}, acknowledged ${repeatsAcknowledged}`)
  }
}

/** Closing waits for archives only so long; what a busy machine leaves plain, the next starts finish. */
async function finishArchives(settings) {
  const plain = () => archivesOf(settings.logPath).filter((name) => !name.endsWith('.gz')).length
  let before = Infinity
  while (settings.enableCompression !== false && plain() > 0 && plain() < before) {
    before = plain()
    await launch('recover.cjs', settings).exit
  }
}

function checkArchives(logPath, settings, tally) {
  const names = archivesOf(logPath)
  tally.archives += names.length
  if (settings.enableCompression === false) return
  for (const name of names) if (!name.endsWith('.gz')) complain(tally, `${name} was not compressed`)
  const packed = names.filter((name) => name.endsWith('.gz'))
  for (let from = 0; from < packed.length; from += FILES_A_CALL) {
    try {
      const files = packed.slice(from, from + FILES_A_CALL)
      execFileSync('gunzip', ['-t', ...files], { cwd: path.dirname(logPath), stdio: 'pipe' })
    } catch (error) {
      complain(tally, `gunzip -t: ${error.stderr}`)
    }
  }
}

/** Reads every line; complains of what is there twice, out of order, torn, or not what was logged. */
function readRecords(logPath, tally) {
  /** @type {Map<string, Set<number>>} */
  const lives = new Map()
  const last = new Map()
  let repeats = 0
  for (const file of filesOf(logPath)) {
    let entries
    try {
      entries = linesOf(file)
    } catch (error) {
      complain(tally, error.message)
      continue
    }
    for (const { data, repeats: count } of entries) {
      if (data.kind === 'repeated') {
        repeats += count ?? 1
        continue
      }
      const { life, n } = data
      if (life === undefined) {
        complain(tally, `${path.basename(file)} holds a line nobody logged: ${JSON.stringify(data)}`)
        continue
      }
      tally.present++
      const numbers = lives.get(life) ?? new Set()
      lives.set(life, numbers)
      if (numbers.has(n)) complain(tally, `${life}:${n} is there twice`)
      numbers.add(n)
      // A record that is too long for the ring waits for its turn and may come later than the next ones.
      if (n % 701 !== 700) {
        if (n <= (last.get(life) ?? -1)) complain(tally, `${life}:${n} comes after ${last.get(life)}`)
        last.set(life, n)
      }
      const fault = faultOf(data)
      if (fault !== null) complain(tally, fault)
    }
  }
  return { lives, repeats }
}

module.exports = { torture }
