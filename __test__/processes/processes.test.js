'use strict'
/**
 * Many processes, one path.
 *
 * `PLIMSOLL_TEST_RECORDS` sets how many records each of the eight logs; 50,000 without it.
 */

const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { launch } = require('../support/children')
const { temporaryDirectory } = require('../support/directories')
const { archivesOf, filesOf, hiddenFilesOf, linesOf } = require('../support/log-files')

const WRITERS = 8
const RECORDS = Number(process.env.PLIMSOLL_TEST_RECORDS ?? 50_000)
const DEADLINE_MS = 540_000
/** The ninth writer's numbers start anew with every life, this far apart. */
const LIFE = 1_000_000

/** Lives the ninth writer has at least: on a starved machine the others may be done before that. */
const LIVES = 3

/** Kills and starts the ninth writer until the others are done. */
async function killAgainAndAgain(config, acksPath, others) {
  let done = false
  others.finally(() => { done = true }).catch(() => {})
  let lives = 0
  for (; !done || lives < LIVES; lives++) {
    const child = launch('numbered.cjs', { config, writer: WRITERS, from: lives * LIFE, records: LIFE, acksPath }, { deadline: DEADLINE_MS })
    await Promise.race([child.says(/ready/).catch(() => {}), child.exit])
    // Twenty different moments of its life, again and again.
    const patience = setTimeout(() => child.process.kill('SIGKILL'), (lives % 20) * 5)
    const { signal, stderr } = await child.exit
    clearTimeout(patience)
    expect({ signal, stderr }).toEqual({ signal: 'SIGKILL', stderr: '' })
  }
  return lives
}

test(`${WRITERS} processes log ${RECORDS} records each and a ninth is killed again and again: nothing is lost, torn or doubled`, async () => {
  const home = temporaryDirectory()
  const config = { logPath: path.join(home, 'logs', 'log.jsonl'), rotationThreshold: 1_000_000 }
  const acksPath = path.join(home, 'acks')
  const writers = Array.from({ length: WRITERS }, (_, writer) =>
    launch('numbered.cjs', { config, writer, from: 0, records: RECORDS }, { deadline: DEADLINE_MS }).exit)
  const finished = Promise.all(writers)
  const lives = await killAgainAndAgain(config, acksPath, finished)
  for (const { code, stderr } of await finished) expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const recovered = await launch('recover.cjs', config).exit
  expect(JSON.parse(recovered.stdout).entries.damaged).toBe(0)

  const numbers = Array.from({ length: WRITERS }, () => new Uint8Array(RECORDS))
  const killed = new Map()
  for (const file of filesOf(config.logPath)) {
    for (const { data: { writer, n } } of linesOf(file)) {
      if (writer === WRITERS) killed.set(n, (killed.get(n) ?? 0) + 1)
      else numbers[writer][n]++
    }
  }
  numbers.forEach((counts, writer) => {
    expect({ writer, lost: counts.filter((count) => count === 0).length, doubled: counts.filter((count) => count > 1).length })
      .toEqual({ writer, lost: 0, doubled: 0 })
  })
  const acks = fs.readFileSync(acksPath)
  const lost = []
  for (let at = 0; at + 4 <= acks.length; at += 4) {
    const n = acks.readUInt32LE(at)
    if (!killed.has(n)) lost.push(n)
  }
  expect(lost).toEqual([])
  expect([...killed].filter(([, count]) => count > 1)).toEqual([])
  expect(lives).toBeGreaterThanOrEqual(LIVES)
  expect(acks.length).toBeGreaterThan(0)

  const archives = archivesOf(config.logPath)
  expect(archives.length).toBeGreaterThanOrEqual(Math.floor((WRITERS * RECORDS * 100) / 1_100_000))
  expect(archives.filter((name) => !name.endsWith('.gz'))).toEqual([])
  execFileSync('gunzip', ['-t', ...archives], { cwd: path.dirname(config.logPath) })
  expect(hiddenFilesOf(config.logPath).filter((name) => !name.endsWith('.lock'))).toEqual([])
}, DEADLINE_MS + 60_000)
