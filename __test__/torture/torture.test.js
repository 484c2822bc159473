'use strict'
const { temporaryDirectory } = require('../support/directories')
const { torture } = require('./torture')

const KILLS = 220
const SEED = 20_261_031

test(`${KILLS} kills lose, tear and double nothing that was acknowledged`, async () => {
  const tally = await torture({ directory: temporaryDirectory(), kills: KILLS, seed: SEED })
  expect(tally.problems).toEqual([])
  expect(tally.kills).toBe(KILLS)
  // The proof would be empty if nothing had been going on.
  expect(tally.acknowledged).toBeGreaterThan(KILLS * 20)
  expect(tally.present).toBeGreaterThanOrEqual(tally.acknowledged)
  expect(tally.archives).toBeGreaterThan(KILLS / 10)
}, 600_000)
