'use strict'
/** durability: 'disk' puts what was flushed on the device; 'process' does not pay for that. */

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { Child } = require('../support/children')
const { temporaryDirectory } = require('../support/directories')
const { readAll, readData } = require('../support/log-files')
const { start } = require('../support/managers')
const { testUnless } = require('../support/stalls')

/** Why system calls cannot be watched here, or `null`. */
function whyNoTrace() {
  const { error, status, stderr } = spawnSync('strace', ['-o', '/dev/null', process.execPath, '-e', '0'], { encoding: 'utf8' })
  if (error !== undefined) return `the command strace is not here: ${error.message}`
  return status === 0 ? null : `strace may not trace here: ${stderr.trim().slice(0, 200)}`
}

test.each(['process', 'disk'])('%s: what was flushed is in the file', async (durability) => {
  const manager = await start({ durability, rotationThreshold: 5000, bufferSize: 20 })
  for (let n = 0; n < 300; n++) await manager.log('info', { n, filler: 'f'.repeat(50) })
  await manager.flush()
  expect(readData(manager.logPath).map(({ n }) => n)).toEqual(Array.from({ length: 300 }, (_, n) => n))
  await manager.close()
  expect(readAll(manager.logPath)).toHaveLength(300)
})

/** Flushes ten times under strace; returns how often the log was synced. */
async function syncsOf(durability) {
  const home = temporaryDirectory()
  const logPath = path.join(home, 'log.jsonl')
  const trace = path.join(home, 'trace')
  const program = `
    const { TelemetryManager } = require(${JSON.stringify(path.resolve(__dirname, '../..'))})
    const telemetry = new TelemetryManager(${JSON.stringify({ logPath, durability, enableCompression: false })})
    ;(async () => {
      for (let n = 0; n < 10; n++) {
        await telemetry.log('info', { n })
        await telemetry.flush()
      }
      await telemetry.close()
    })()`
  const args = ['-f', '-y', '-e', 'trace=fdatasync,fsync', '-o', trace, process.execPath, '-e', program]
  expect(await new Child('strace', args).exit).toMatchObject({ code: 0, stderr: '' })
  expect(readData(logPath)).toHaveLength(10)
  return fs.readFileSync(trace, 'utf8').split('\n').filter((line) => /f(data)?sync\(/.test(line) && line.includes(`<${logPath}>`)).length
}

testUnless(whyNoTrace(), "'disk' syncs the log at every flush, 'process' never", async () => {
  expect(await syncsOf('disk')).toBeGreaterThanOrEqual(10)
  expect(await syncsOf('process')).toBe(0)
})
