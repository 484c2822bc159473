'use strict'
/** What budgets cost who does not use them, and what does not keep a process alive; threads are counted in `packaging`. */

const path = require('node:path')
const { Child } = require('../support/children')

const MAIN = JSON.stringify(path.resolve(__dirname, '../..'))

/** Runs a program to its end, which comes by itself, well before anything in it is due. */
async function run(code, nodeArgs = []) {
  const child = new Child(process.execPath, [...nodeArgs, '-e', `
    const plimsoll = require(${MAIN});
    const config = { enableMemoryGuards: false, logger: { log() {} } };
    ${code}`])
  return child.exit
}

test.each([
  ['a manager', "globalThis.manager = new plimsoll.ResourceBudgetManager(config); console.log('done')"],
  ['the manager of the process', "plimsoll.getResourceBudgetManager(config); console.log('done')"],
  ['a slot that is held', "new plimsoll.ResourceBudgetManager(config).acquireSlot('task', 'lane').then((context) => { globalThis.held = context; console.log('done') })"],
  ['a slot that was forgotten', "new plimsoll.ResourceBudgetManager(config).acquireSlot('task', 'lane').then(() => { console.log('done') })"],
  ['a deadline far away', "new plimsoll.ResourceBudgetManager(config).acquireSlot('task', 'lane', 3_600_000).then((context) => { globalThis.held = [context, context.signal]; console.log('done') })"],
  ['a function that never ends', "plimsoll.getResourceBudgetManager(config); plimsoll.withWorkerCallObservability('task', () => new Promise(() => {})); console.log('done')"],
  ['an exporter', "plimsoll.initTracing({ exporter: 'none' }); console.log('done')"],
])('%s does not keep the process alive', async (_title, code) => {
  expect(await run(code)).toMatchObject({ code: 0, signal: null, stdout: 'done\n', stderr: '' })
})

test('process.exit() in the middle of everything ends it at once', async () => {
  const code = `
    const manager = new plimsoll.ResourceBudgetManager({ ...config, laneConcurrencyLimits: { narrow: 1 } });
    const wait = { maxMs: 600_000 };
    const ask = () => plimsoll.withWorkerCallObservability('task', () => new Promise(() => {}), { manager, lane: 'narrow', wait, timeoutMs: 1 });
    for (let call = 0; call < 100; call++) ask().catch(() => {});
    setTimeout(() => process.exit(7), 20)`
  expect(await run(code)).toMatchObject({ code: 7, signal: null, stderr: '' })
})

test('the end of the process releases nothing twice and says nothing', async () => {
  const code = `
    const manager = new plimsoll.ResourceBudgetManager(config);
    process.on('exit', () => {
      manager.releaseSlot(globalThis.held, true);
      console.log(JSON.stringify([manager.status().global.active, manager.status().misuse.doubleReleases]))
    });
    manager.acquireSlot('task', 'lane').then((context) => { globalThis.held = context })`
  expect(await run(code)).toMatchObject({ code: 0, stdout: '[0,0]\n', stderr: '' })
})
