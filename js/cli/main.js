'use strict'
/**
 * The command line: `plimsoll <command>`. Arguments in, exit code out; the work is native.
 *
 * Exit codes: 0 done; 1 failed; 2 wrong usage; 3 done in part, something was damaged or kept and is named; 130
 * interrupted (SIGINT), 143 terminated (SIGTERM). A reader that goes away (`plimsoll tail … | head`) is no
 * failure.
 */

const { Command, CommanderError, InvalidArgumentError } = require('commander')
const { version } = require('../../package.json')
const { EXIT } = require('./exit.js')
const { Terminal } = require('./terminal.js')

const EXIT_CODES = `
Exit codes:
  0  done
  1  failed; nothing was changed where it says so
  2  wrong usage
  3  done in part: something was damaged and is named
`

/** @param {Terminal} terminal @param {(code: number) => void} end */
function build(terminal, end) {
  const program = new Command('plimsoll')
    .description(
      'Reads, shrinks and repairs logs of plimsoll, turns what failing tools print into a summary and a fix, and ends what ' +
        'dead programs left behind.',
    )
    .version(version)
    .exitOverride()
    .enablePositionalOptions()
    .configureOutput({
      writeOut: (text) => void terminal.out(text),
      writeErr: (text) => terminal.error(text),
    })
    .showHelpAfterError('(plimsoll help <command> shows examples)')
    .addHelpText('after', EXIT_CODES)

  for (const define of [defineCompact, defineTail, defineRecover, defineStats, defineAnalyze, defineRun, defineRaw, defineSweep]) {
    define(program, terminal, end)
  }
  return program
}

/** @param {Command} program @param {Terminal} terminal @param {(code: number) => void} end */
function defineCompact(program, terminal, end) {
  program
    .command('compact')
    .summary('pass existing JSONL through the sanitiser')
    .description(
      'Shortens error texts, blackens secrets, and writes what repeats once, as the logger would have. ' +
        'Plain, gzip and zstd files are recognised by their contents. Lines that are not JSON are kept as they are.',
    )
    .argument('<file...>', 'files, or - for standard input to standard output')
    .option('-i, --in-place', 'replace the file; refused while a process logs to it', false)
    .option('-f, --force', 'replace an output that is there already', false)
    .option('--max-error-length <characters>', 'longer error texts are shortened', count(40, 1e9), 500)
    .option('--redact <path>', 'blacken what is at this path of the data, e.g. user.token or **.password; repeatable', gather, [])
    .option('--no-redact-secrets', 'leave what looks like a secret')
    .option('--no-dedup', 'write repeated error texts and entries every time')
    .option('--json', 'one JSON object for each file instead of text', false)
    .addHelpText(
      'after',
      `
Writes <name>.compact.jsonl beside each file, compressed as the file is. It is complete or absent.

Examples:
  plimsoll compact old.jsonl                        writes old.compact.jsonl
  plimsoll compact --in-place state/*.jsonl.gz      shrinks archives where they are
  plimsoll compact --redact user.email --redact '**.token' log.jsonl
  zcat old.jsonl.gz | plimsoll compact - > new.jsonl
${EXIT_CODES}`,
    )
    .action(async (files, options) => {
      if (files.includes('-') && (files.length > 1 || options.inPlace)) {
        program.error("error: '-' stands alone, and without --in-place", { exitCode: EXIT.usage })
      }
      end(await require('./compact.js').compact(terminal, files, options))
    })
}

/** @param {Command} program @param {Terminal} terminal @param {(code: number) => void} end */
function defineTail(program, terminal, end) {
  program
    .command('tail')
    .summary('show a log: archives, file and rings in order')
    .description(
      'Shows the lines of a log from its oldest archive to what is still in the rings of living and dead ' +
        'processes. Nothing is changed, and no writer waits.',
    )
    .argument('<log>', 'the path given to TelemetryManager, or any JSONL file, compressed or not')
    .option('-n, --lines <count>', "how many of the last lines, or 'all' (default: 10; all with --since)", lines)
    .option('-l, --level <level>', 'debug, info, warn or error: lines of that level and above', level)
    .option('-s, --since <time>', 'an age (90s, 15m, 2h, 7d), a date (2026-01-31, 2026-01-31T12:00Z) or ms', since)
    .option('-g, --grep <pattern>', 'lines that match a regular expression (Rust syntax, linear time)')
    .option('-I, --ignore-case', 'upper and lower case are the same to --grep', false)
    .option('-f, --follow', 'go on with what is written, through rotations, until interrupted', false)
    .option('--json', 'the lines as they are in the log', false)
    .addHelpText(
      'after',
      `
A line without time and level of its own, such as a stack trace somebody appended, is shown by --level and
--since when the line before it is. Lines beyond 64 MiB are cut.

Examples:
  plimsoll tail state/policy.jsonl
  plimsoll tail state/policy.jsonl -f -l warn
  plimsoll tail state/policy.jsonl --since 2h --grep 'TS2304|ECONNREFUSED'
  plimsoll tail state/policy.jsonl -n all --json | jq .data
${EXIT_CODES}`,
    )
    .action(async (log, options) => end(await require('./tail.js').tail(terminal, log, options)))
}

/** @param {Command} program @param {Terminal} terminal @param {(code: number) => void} end */
function defineRecover(program, terminal, end) {
  program
    .command('recover')
    .summary('move what dead processes left in their rings into the logs')
    .description(
      'Drains every ring in a directory whose owner is dead into the log it belongs to, exactly once. Rings of ' +
        'living processes are left alone. The next start of a logger does the same for its own log.',
    )
    .argument('<directory>', 'where the logs are')
    .option('--json', 'one JSON object instead of text', false)
    .addHelpText(
      'after',
      `
Examples:
  plimsoll recover state/
  plimsoll recover --json state/ | jq '.logs[].entries'
${EXIT_CODES}`,
    )
    .action(async (directory, options) => end(await require('./recover.js').recover(terminal, directory, options)))
}

/** @param {Command} program @param {Terminal} terminal @param {(code: number) => void} end */
function defineStats(program, terminal, end) {
  program
    .command('stats')
    .summary('count files, lines by level, bytes and rings of a log')
    .description('Reads a log, its archives and its rings to the end and counts what is there. Nothing is changed.')
    .argument('<log>', 'the path given to TelemetryManager, or any JSONL file')
    .option('--json', 'one JSON object instead of text', false)
    .addHelpText(
      'after',
      `
Examples:
  plimsoll stats state/policy.jsonl
  plimsoll stats --json state/policy.jsonl | jq .levels.error
${EXIT_CODES}`,
    )
    .action(async (log, options) => end(await require('./stats.js').stats(terminal, log, options)))
}

const FORMAT_HELP = `text, json, github (workflow commands) or sarif`

/** @param {Command} program @param {Terminal} terminal @param {(code: number) => void} end */
function defineAnalyze(program, terminal, end) {
  program
    .command('analyze')
    .summary('summarise what a failing tool printed')
    .description(
      'Reads the output of linters, type checkers, test runners, builds, package managers, runtimes and services: the kind ' +
        'of failure, counts, the first error, and the command that repairs it, in at most 500 characters.',
    )
    .argument('[file]', 'a text, or - for standard input', '-')
    .option('--format <format>', FORMAT_HELP, outputFormat, 'text')
    .option('--exit-code <code>', 'what the tool ended with; it outweighs the text', count(0, 255))
    .addHelpText(
      'after',
      `
Examples:
  plimsoll analyze build.log
  npx tsc --noEmit | plimsoll analyze
  plimsoll analyze --exit-code 1 --format json ci.log | jq .fixTask.command
  plimsoll analyze --format sarif eslint.txt > eslint.sarif
${EXIT_CODES}`,
    )
    .action(async (file, options) => end(await require('./analyze.js').analyze(terminal, file, options)))
}

/** @param {Command} program @param {Terminal} terminal @param {(code: number) => void} end */
function defineRun(program, terminal, end) {
  program
    .command('run')
    .summary('run a command and print a summary instead of its output')
    .description(
      'Runs a command without a shell. Its output is summarised; the full text is kept and can be read back with ' +
        "'plimsoll raw'. The exit code is the command's own, 128 and the signal's number when a signal ended it, 127 when it " +
        'is not there, 126 when it cannot be run.',
    )
    .argument('<command...>', 'the command and its arguments')
    .option('--tee', 'show the output too, as it comes', false)
    .option('--format <format>', FORMAT_HELP, outputFormat, 'text')
    .option('--store <directory>', 'where full texts are kept (default: $PLIMSOLL_RAW_STORE, else plimsoll/raw in $XDG_STATE_HOME or ~/.local/state)')
    .option('--no-store', 'keep no text')
    .passThroughOptions()
    .addHelpText(
      'after',
      `
Examples:
  plimsoll run npm test
  plimsoll run --tee -- cargo build --release
  plimsoll run --format github -- npx eslint .

Texts are kept a week, at most 100 MiB compressed; the oldest go first.

Exit codes:
  the command's own; before it runs:
  2    wrong usage
  126  the command cannot be run
  127  the command is not there
`,
    )
    .action(async (command, options) => end(await require('./run.js').run(terminal, command, options)))
}

/** @param {Command} program @param {Terminal} terminal @param {(code: number) => void} end */
function defineRaw(program, terminal, end) {
  program
    .command('raw')
    .summary('print the full text behind a summary')
    .description('Prints a text that was kept, or some of its lines.')
    .argument('<ref>', "a summary's rawRef")
    .option('--lines <first-last>', 'only these lines, from 1', lineRange)
    .option('--store <directory>', 'where it is kept, as for run')
    .addHelpText(
      'after',
      `
Examples:
  plimsoll raw 3f2a9c0d11e4b872
  plimsoll raw 3f2a9c0d11e4b872 --lines 100-140
${EXIT_CODES}`,
    )
    .action(async (ref, options) => end(await require('./raw.js').raw(terminal, ref, options)))
}

/** @param {Command} program @param {Terminal} terminal @param {(code: number) => void} end */
function defineSweep(program, terminal, end) {
  program
    .command('sweep')
    .summary('end the processes and remove the temporary files that dead programs left')
    .description(
      'Every program that starts processes or makes temporary files with ResourceLifecycleManager has a ledger of them. One ' +
        'whose owner is dead is worked off here: processes that still are the same ones are killed with all their ' +
        'descendants, temporary files and directories are removed, then the ledger itself. What a living program holds is ' +
        'never touched. The next start of any program with Plimsoll does the same.',
    )
    .option(
      '-d, --directory <directory>',
      'the state directory (default: $PLIMSOLL_STATE_DIR, else plimsoll in $XDG_STATE_HOME or ~/.local/state)',
    )
    .option('--json', 'one JSON object instead of text', false)
    .addHelpText(
      'after',
      `
What cannot be removed, such as a file in a directory that was made read-only, stays in its ledger, is named, and is
tried again by the next sweep. A sweep may be interrupted at any point and repeated.

Examples:
  plimsoll sweep                             after a crash, or from time to time
  plimsoll sweep --json | jq '.kept[].path'
  plimsoll sweep --directory /var/lib/orchestrator/state

Exit codes:
  0  done; there may have been nothing to do
  1  failed
  2  wrong usage
  3  done in part: something could not be removed and is named
`,
    )
    .action(async (options) => end(await require('./sweep.js').sweep(terminal, options)))
}

/** @param {string} text */
function outputFormat(text) {
  const { FORMATS } = require('./analysis-formats.js')
  if (FORMATS.includes(text)) return text
  throw new InvalidArgumentError(`Allowed: ${FORMATS.join(', ')}.`)
}

/** @param {string} text @returns {[number, number]} */
function lineRange(text) {
  const [, first, dash, last] = /^(\d{1,15})(?:(-)(\d{1,15})?)?$/.exec(text) ?? []
  const from = Number(first)
  const to = last === undefined ? (dash === undefined ? from : Number.MAX_SAFE_INTEGER) : Number(last)
  if (first !== undefined && from >= 1 && to >= from) return [from, to]
  throw new InvalidArgumentError('Allowed: a line like 7, lines like 7-20, or 7- for the rest.')
}

/** @param {string} value @param {string[]} before */
function gather(value, before) {
  return [...before, value]
}

/** @param {number} least @param {number} most */
function count(least, most) {
  return (/** @type {string} */ text) => {
    const number = Number(text)
    if (/^\d+$/.test(text) && number >= least && number <= most) return number
    throw new InvalidArgumentError(`Allowed: a whole number from ${least} to ${most}.`)
  }
}

/** @param {string} text */
function lines(text) {
  return text === 'all' ? Infinity : count(0, Number.MAX_SAFE_INTEGER)(text)
}

/** @param {string} text */
function level(text) {
  const name = text.toLowerCase()
  if (['debug', 'info', 'warn', 'error'].includes(name)) return name
  throw new InvalidArgumentError('Allowed: debug, info, warn, error.')
}

/** @param {string} text */
function since(text) {
  const ms = require('./since.js').parseSince(text, Date.now())
  if (ms !== undefined) return ms
  throw new InvalidArgumentError('Allowed: an age like 90s, 15m, 2h, 7d; a date like 2026-01-31 or 2026-01-31T12:00Z; ms.')
}

/**
 * Runs the command line.
 *
 * @param {string[]} argv as `process.argv`
 * @returns {Promise<number>} the exit code
 */
async function main(argv) {
  const terminal = new Terminal(process.stdout, process.stderr, process.env)
  /** @type {number} */
  let code = EXIT.done
  try {
    await build(terminal, (ended) => (code = ended)).parseAsync(argv)
  } catch (error) {
    code = failed(terminal, error)
  }
  return terminal.interrupted ?? (terminal.failed ? EXIT.failed : code)
}

/** @param {Terminal} terminal @param {unknown} error */
function failed(terminal, error) {
  // Commander has told the user already; asking for help is no error.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage
  terminal.fail(error)
  const { code } = /** @type {{ code?: string }} */ (error ?? {})
  return code === 'ERR_PLIMSOLL_ARGUMENT' ? EXIT.usage : EXIT.failed
}

module.exports = { main }
