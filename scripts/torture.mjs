// Kills processes while they log and looks whether anything acknowledged is missing:
//
//   npm run torture -- --kills 5000 --seed 7
//
// `--keep` leaves the files of a round with problems where they are. Exits with 1 when there are any.

import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'

const { torture } = createRequire(import.meta.url)('../__test__/torture/torture.js')

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '1000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    keep: { type: 'boolean', default: false },
  },
})
const [kills, seed] = [Number(values.kills), Number(values.seed)]
if (!Number.isSafeInteger(kills) || kills < 1 || !Number.isSafeInteger(seed)) {
  console.error('--kills takes a number from 1, --seed an integer')
  process.exit(2)
}

const directory = mkdtempSync(path.join(tmpdir(), 'plimsoll-torture-'))
const began = performance.now()
console.log(`${kills} kills, seed ${seed}, in ${directory}`)
const tally = await torture({
  directory,
  kills,
  seed,
  report: ({ kills: done, acknowledged, present, archives, problemCount }) => {
    const seconds = ((performance.now() - began) / 1000).toFixed(1)
    console.log(`${seconds} s: ${done} kills, ${acknowledged} acknowledged, ${present} found, ${archives} archives, ${problemCount} problems`)
  },
})
for (const problem of tally.problems) console.error(problem)
if (!values.keep || tally.problemCount === 0) rmSync(directory, { recursive: true, force: true })
console.log(tally.problemCount === 0 ? 'nothing acknowledged was lost, torn or doubled' : `${tally.problemCount} problems; the same seed kills at the same places`)
process.exitCode = tally.problemCount === 0 ? 0 : 1
