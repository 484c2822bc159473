// The package in vitest: the same identities and errors in a worker thread and in a forked process.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { PlimsollConfigError, PlimsollError, TelemetryManager, capabilities } from 'plimsoll'

describe('plimsoll in a vitest pool', () => {
  test('loads the native addon', () => {
    expect(capabilities()).toMatchObject({ platform: process.platform, arch: process.arch, ring: 'mmap' })
  })

  test('is one package under import and require', () => {
    expect(createRequire(import.meta.url)('plimsoll').TelemetryManager).toBe(TelemetryManager)
  })

  test('logs, and what it logged is in the file', async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'plimsoll-smoke-'))
    try {
      const logPath = path.join(directory, 'log.jsonl')
      const telemetry = new TelemetryManager({ logPath })
      await telemetry.initialize()
      for (let task = 0; task < 100; task++) await telemetry.log('info', { task })
      await telemetry.close()
      const lines = (await readFile(logPath, 'utf8')).trimEnd().split('\n')
      expect(lines.map((line) => JSON.parse(line).data.task)).toEqual(Array.from({ length: 100 }, (_, task) => task))
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  })

  test('rejects with errors of this realm', async () => {
    const closed = new TelemetryManager({ logPath: 'never-opened.jsonl' })
    await closed.close()
    const rejected = closed.log('info', {})
    expect(rejected).toBeInstanceOf(Promise)
    await expect(rejected).rejects.toBeInstanceOf(PlimsollError)
    await expect(rejected).rejects.toMatchObject({ code: 'ERR_PLIMSOLL_CLOSED' })
  })

  test('throws errors of this realm', () => {
    const refused = () => new TelemetryManager({ bufferSize: -1 })
    expect(refused).toThrow(PlimsollConfigError)
    expect(refused).toThrow(TypeError)
    expect(refused).toThrow(Error)
    expect(new PlimsollError('message', { code: 'ERR_PLIMSOLL_CLOSED' })).toBeInstanceOf(Error)
  })
})
