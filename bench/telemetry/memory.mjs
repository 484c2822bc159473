// Question: how much resident memory does logging add to a process with 5,000 logs a second of 1 KB,
// rotation at 10 MB and gzip?
//
// The same program with logging replaced by JSON.stringify is the floor. All run at the same time, in
// processes of their own: other work on the machine changes times, not what is resident.

import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { logSteadily } from './load.mjs'
import { FLOOR, LOGGERS } from './loggers.mjs'
import { median, printResult, readOptions } from './options.mjs'
import { makeEntries } from './records.mjs'
import { isSubject, offer, startSubject } from './subject.mjs'

const NAMES = [FLOOR, 'plimsoll', 'pino-roll', 'pino-roll (worker)', 'winston-daily-rotate-file']
const BYTES = 1000
const POOL = 1024
const ROTATION_BYTES = 10_000_000
const SAMPLE_MS = 100

if (isSubject) await offer(open)
else await main()

async function main() {
  const options = readOptions('Resident memory that logging adds under a steady load of 1 KB entries with rotation and gzip.', {
    rounds: { default: 3, is: 'times every process is started afresh' },
    seconds: { default: 15, is: 'length of a round; the second half is measured' },
    rate: { default: 5000, is: 'log calls a second' },
  })
  const samples = new Map(NAMES.map((name) => [name, []]))
  for (let round = 0; round < options.rounds; round++) {
    const root = mkdtempSync(path.join(tmpdir(), 'plimsoll-bench-'))
    try {
      await Promise.all(NAMES.map(async (name, index) => {
        const directory = path.join(root, String(index))
        mkdirSync(directory)
        const subject = startSubject(fileURLToPath(import.meta.url), { name, directory })
        samples.get(name).push(await subject.call('run', { perSecond: options.rate, seconds: options.seconds }))
        await subject.stop()
      }))
    } finally {
      rmSync(root, { recursive: true, force: true })
    }
  }
  report(options, samples)
}

function report({ json, rounds, seconds, rate }, samples) {
  const loggers = NAMES.map((name) => {
    const of = (measure) => median(samples.get(name).map((sample) => sample[measure]))
    return { name, residentBytes: of('resident'), anonymousBytes: of('anonymous'), fileBytes: of('file'), peakBytes: of('peak') }
  })
  const floor = loggers[0]
  for (const logger of loggers) {
    logger.addedBytes = logger.residentBytes - floor.residentBytes
    logger.peakAddedBytes = logger.peakBytes - floor.peakBytes
  }
  const megabytes = (bytes) => (bytes / 1e6).toFixed(1)
  printResult(json, {
    title: `Resident memory at ${rate} logs a second of ${BYTES} B, rotation at ${ROTATION_BYTES / 1e6} MB, gzip`,
    rows: loggers.map(({ name, residentBytes, anonymousBytes, fileBytes, addedBytes, peakAddedBytes }) => ({
      logger: name,
      'resident MB': megabytes(residentBytes),
      'of it anonymous': megabytes(anonymousBytes),
      'of it file': megabytes(fileBytes),
      'added MB': megabytes(addedBytes),
      'added to the peak MB': megabytes(peakAddedBytes),
      '× floor': (residentBytes / floor.residentBytes).toFixed(2),
    })),
    notes: [`Medians over the second half of a run of ${seconds} s, then over ${rounds} runs. Plimsoll's file-backed part holds its ring of 4 MB and the addon.`],
    figures: { rounds, seconds, rate, bytes: BYTES, loggers },
  })
}

async function open({ name, directory }) {
  const logger = await LOGGERS[name].open(directory, { rotationBytes: ROTATION_BYTES, gzip: true })
  const entries = makeEntries(BYTES, POOL)
  return {
    async run({ perSecond, seconds }) {
      const readings = []
      const timer = setInterval(() => readings.push(readMemory()), SAMPLE_MS)
      await logSteadily(logger, entries, { perSecond, seconds, first: 100_000 })
      clearInterval(timer)
      const half = readings.slice(readings.length >> 1)
      const of = (measure) => median(half.map((reading) => reading[measure]))
      return { resident: of('resident'), anonymous: of('anonymous'), file: of('file'), peak: Math.max(...half.map(({ resident }) => resident)) }
    },
  }
}

/** Bytes of this process, from proc(5). */
function readMemory() {
  const status = readFileSync('/proc/self/status', 'latin1')
  const bytes = (field) => Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)[1]) * 1024
  return { resident: bytes('VmRSS'), anonymous: bytes('RssAnon'), file: bytes('RssFile') + bytes('RssShmem') }
}
