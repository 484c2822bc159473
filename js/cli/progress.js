'use strict'

const { printable, size } = require('./terminal.js')

/** Work shorter than this shows no bar. */
const PATIENCE_MS = 200

/** A progress bar on standard error, when that is a terminal. */
class Progress {
  #started = performance.now()
  /** @type {import('cli-progress').SingleBar | undefined} */
  #bar

  /**
   * @param {import('./terminal.js').Terminal} terminal
   * @param {string} name
   */
  constructor(terminal, name) {
    this.terminal = terminal
    this.name = printable(name)
  }

  /**
   * @param {number} done bytes
   * @param {number} total bytes; 0 when unknown
   */
  update(done, total) {
    if (!this.terminal.showsProgress || total === 0) return
    if (!this.#bar) {
      if (performance.now() - this.#started < PATIENCE_MS) return
      const { SingleBar, Presets } = require('cli-progress')
      const options = {
        format: '{name} {bar} {percentage} % of {size}, {eta_formatted} left',
        stream: this.terminal.progressStream,
        clearOnComplete: true,
        hideCursor: true,
        noTTYOutput: false,
      }
      this.#bar = new SingleBar(options, Presets.shades_classic)
      this.#bar.start(total, 0, { name: this.name, size: size(total) })
    }
    this.#bar.update(done)
  }

  /** Takes the bar away and gives the cursor back. */
  end() {
    this.#bar?.stop()
    this.#bar = undefined
  }
}

module.exports = { Progress }
