'use strict'

const { readRaw } = require('../analysis.js')
const { EXIT } = require('./exit.js')
const { rawDirectory } = require('./raw-directory.js')

/** What the reading of a store needs to be told; only writing minds these. */
const UNLIMITED = { maxBytes: Number.MAX_SAFE_INTEGER, maxAgeMs: 1 }

/**
 * Prints a kept text, or lines of it.
 *
 * @param {import('./terminal.js').Terminal} terminal
 * @param {string} ref
 * @param {{ lines?: [number, number], store?: string }} options
 * @returns {Promise<number>} the exit code
 */
async function raw(terminal, ref, { lines, store }) {
  const dir = store ?? rawDirectory(process.env)
  await terminal.out(await readRaw({ dir, ...UNLIMITED }, ref, lines === undefined ? {} : { lines }))
  return EXIT.done
}

module.exports = { raw }
