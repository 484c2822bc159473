'use strict'
/** The settings of ResourceBudgetManager in the units the core takes: bytes, milliseconds, absent for "not set". */

const MEGABYTE = 1_048_576

/** @param {any} quota */
const nativeQuota = (quota) => quota && { slots: quota.slots, callsPerMinute: quota.callsPerMinute, totalMs: quota.totalMs }

/**
 * @param {{ name: string, value: number }[]} lanes
 * @param {{ name: string, value: number }[]} borrow
 */
function nativeLanes(lanes, borrow) {
  return lanes.map(({ name, value }) => {
    const ceiling = borrow.find((loan) => loan.name === name)?.value ?? value
    return { name, limit: value, ceiling: Math.max(value, ceiling) }
  })
}

/** @param {any} settings as `readBudgetConfig` gives them */
function nativeSettings(settings) {
  const { queue, predictMemory, adaptive, breaker, adaptiveTimeout } = settings
  return {
    global: settings.globalConcurrencyLimit,
    lanes: nativeLanes(settings.laneConcurrencyLimits, settings.borrow),
    queue: queue?.max ?? 0,
    dropLowest: queue?.shed === 'drop-lowest',
    ageingMs: queue?.ageingMs ?? 1,
    quota: nativeQuota(settings.taskQuota),
    quotas: settings.taskQuotas.map((/** @type {any} */ { name, value }) => ({ task: name, quota: nativeQuota(value) })),
    escalationFactor: settings.timeoutEscalationFactor,
    maxRssBytes: settings.enableMemoryGuards ? settings.maxRssMb * MEGABYTE : undefined,
    includeChildren: settings.includeChildMemory,
    containerFraction: settings.enableMemoryGuards ? settings.maxContainerMemory : undefined,
    prediction: predictMemory && settings.enableMemoryGuards ? {
      margin: predictMemory.margin,
      defaultBytes: predictMemory.defaultMb * MEGABYTE,
      percentile: predictMemory.percentile,
      minimumSamples: predictMemory.minimumSamples,
    } : undefined,
    adaptive: adaptive && { mode: adaptive.mode, lanes: adaptive.lanes, min: adaptive.min, windowMs: adaptive.windowMs, rampMs: adaptive.rampMs },
    breaker: breaker && { ...breaker },
    adaptiveTimeout: { ...adaptiveTimeout, defaultMs: settings.defaultTimeoutMs },
    shared: settings.shared,
  }
}

module.exports = { nativeLanes, nativeSettings, MEGABYTE }
