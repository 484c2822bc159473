// The package in vitest: the same identities and errors in a worker thread and in a forked process.
import { createRequire } from 'node:module'
import { describe, expect, test } from 'vitest'
import { PlimsollConfigError, PlimsollError, TelemetryManager, capabilities } from 'plimsoll'

describe('plimsoll in a vitest pool', () => {
  test('loads the native addon', () => {
    expect(capabilities()).toMatchObject({ platform: process.platform, arch: process.arch, ring: 'mmap' })
  })

  test('is one package under import and require', () => {
    expect(createRequire(import.meta.url)('plimsoll').TelemetryManager).toBe(TelemetryManager)
  })

  test('throws errors of this realm', () => {
    const refused = () => new TelemetryManager({ bufferSize: -1 })
    expect(refused).toThrow(PlimsollConfigError)
    expect(refused).toThrow(TypeError)
    expect(refused).toThrow(Error)
    expect(new PlimsollError('message', { code: 'ERR_PLIMSOLL_CLOSED' })).toBeInstanceOf(Error)
  })
})
