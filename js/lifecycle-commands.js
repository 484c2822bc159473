'use strict'
/** What runs commands, in one piece: loaded when the first command is run. */

const { exec } = require('./lifecycle-exec.js')
const { closePools, createProcessPool, execCodex } = require('./lifecycle-pool.js')
const { spawn } = require('./lifecycle-process.js')

module.exports = { closePools, createProcessPool, exec, execCodex, spawn }
