'use strict'
/** `capabilities().processes` says what holds here, and it is what is seen. */

const { ResourceLifecycleManager, capabilities } = require('plimsoll')
const { runs } = require('../support/process-state')

/** What the documentation promises for a platform. */
const PROMISED = {
  linux: { commands: true, descendants: 'all', afterOwnerDeath: true, provenIdentity: true },
  darwin: { commands: true, descendants: 'group', afterOwnerDeath: true, provenIdentity: false },
  win32: { commands: false, descendants: 'none', afterOwnerDeath: false, provenIdentity: false },
}

test('says what the documentation promises for the platform', () => {
  expect(capabilities().processes).toEqual(PROMISED[process.platform])
})

const { commands, descendants } = capabilities().processes
const commandTest = commands ? test : test.skip

commandTest(`a descendant in a session of its own is ended where it says "all"${commands ? '' : ' (skipped: no commands here)'}`, async () => {
  const manager = new ResourceLifecycleManager()
  try {
    const child = manager.spawn('sh', ['-c', `${descendants === 'all' ? 'setsid ' : ''}sleep 600 & echo $!; wait`])
    let pid = 0
    for await (const line of child.lines()) {
      pid = Number(line)
      break
    }
    expect(runs(pid)).toBe(true)
    await child.end()
    expect(runs(pid)).toBe(false)
  } finally {
    await manager.cleanup()
  }
})
