// Entries such as an orchestrator logs: task events, policy decisions, tool results. The same seed
// gives the same entries.

const AGENTS = ['architect', 'implementer', 'reviewer', 'tester', 'researcher']
const PHASES = ['plan', 'implement', 'verify', 'review', 'monitor']
const EVENTS = ['task_started', 'task_finished', 'tool_result', 'policy_decision', 'retry']
const TOOLS = ['tsc', 'eslint', 'jest', 'ruff', 'pytest', 'git']
const WORDS = ('the type check of module failed because property is missing on value returned by handler while '
  + 'retrying after timeout waiting for lock held by worker queue depth above limit so scheduling was deferred '
  + 'until memory pressure falls and budget for tokens allows another attempt with smaller context').split(' ')

/**
 * A small generator of even quality: mulberry32, public domain by its author, Tommy Ettinger.
 *
 * @param {number} seed
 * @returns {() => number} numbers from 0 to below 1
 */
function random(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/**
 * Entries whose JSON has close to `bytes` bytes: short ones are flat, long ones have nested objects, an
 * array and a text.
 *
 * @param {number} bytes
 * @param {number} count
 * @param {number} [seed]
 * @returns {Record<string, any>[]} each with a `sequence`, to be set to a number of its own when logged
 */
export function makeEntries(bytes, count, seed = 1) {
  const next = random(seed)
  const pick = (items) => items[Math.floor(next() * items.length)]
  const whole = (limit) => Math.floor(next() * limit)
  return Array.from({ length: count }, () => {
    const entry = {
      sequence: 100_000,
      event: pick(EVENTS),
      task: `AP-${1000 + whole(9000)}`,
      agent: pick(AGENTS),
      phase: pick(PHASES),
      iteration: 10 + whole(90),
    }
    if (bytes >= 300) {
      Object.assign(entry, {
        usage: { promptTokens: whole(100_000), completionTokens: whole(8000), costUsd: whole(10_000) / 10_000 },
        host: { load: whole(800) / 100, memoryUsed: next(), openFiles: whole(500), ready: next() > 0.1 },
        files: [`src/${pick(WORDS)}/${pick(WORDS)}.ts`, `src/${pick(WORDS)}/${pick(WORDS)}.ts`],
        tool: pick(TOOLS),
        exitCode: whole(3),
      })
    }
    entry.durationMs = whole(90_000)
    const missing = bytes - JSON.stringify({ ...entry, note: '' }).length
    if (missing > 0) entry.note = words(pick, missing)
    return entry
  })
}

/**
 * @param {(items: string[]) => string} pick
 * @param {number} length
 */
function words(pick, length) {
  let text = ''
  while (text.length < length) text += `${pick(WORDS)} `
  return text.slice(0, length)
}

/**
 * A log as Plimsoll writes it.
 *
 * @param {number} bytes
 * @returns {string} whole lines, `bytes` long or a little more
 */
export function makeLog(bytes) {
  const next = random(7)
  const entries = [...makeEntries(120, 4000, 2), ...makeEntries(800, 2000, 3), ...makeEntries(400, 2000, 4)]
  const lines = []
  let timestamp = 1_790_000_000_000
  for (let length = 0, sequence = 0; length < bytes; sequence++) {
    timestamp += Math.floor(next() * 40)
    const data = { ...entries[Math.floor(next() * entries.length)], sequence }
    data.durationMs = Math.floor(next() * 90_000)
    data.task = `AP-${1000 + Math.floor(next() * 9000)}`
    if (data.usage) data.usage = { promptTokens: Math.floor(next() * 100_000), completionTokens: Math.floor(next() * 8000), costUsd: next() }
    const line = `${JSON.stringify({ timestamp, level: 'info', data })}\n`
    lines.push(line)
    length += line.length
  }
  return lines.join('')
}
