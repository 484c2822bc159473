//! pnpm, Yarn (1 and later) and Bun.
//!
//! ```text
//!  ERR_PNPM_NO_MATCHING_VERSION  No matching version found for x@^9     pnpm (<https://pnpm.io/errors>)
//!  ELIFECYCLE  Command failed with exit code 1.
//! error Couldn't find package "x" on the "npm" registry.               Yarn 1 (`src/reporters/lang/en.js`)
//! ➤ YN0035: │ x@npm:^1: Package not found                              Yarn 2 and later
//! ➤ YN0000: · Failed with errors in 0s 63ms                            (<https://yarnpkg.com/advanced/error-codes>)
//! error: No version matching "^9" found for specifier "x"              Bun
//! ```

use super::network_code;
use crate::analysis::dialect::{Dialect, Spec, always};
use crate::analysis::dialects::phrases::between;
use crate::analysis::kind::Kind;
use crate::analysis::report::{Fix, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static PNPM: Spec = Spec {
    name: "pnpm",
    markers: &[
        "ERR_PNPM_",
        " ELIFECYCLE  ",
        " ECONNREFUSED  ",
        " ENOTFOUND  ",
        " ETIMEDOUT  ",
        " ECONNRESET  ",
    ],
    recognises: |sample| sample.lines().any(|line| pnpm_code(line).is_some()),
    start: || Box::new(Pnpm),
};

struct Pnpm;

/// The code and the message of ` ERR_PNPM_X  message`; the blank before may be a thin one.
fn pnpm_code(line: &str) -> Option<(&str, &str)> {
    let text = line.trim_start();
    // Recursive runs put the project's path before the code.
    let word = text.split(' ').next().unwrap_or_default();
    let own = word.starts_with("ERR_PNPM_") || word == "ELIFECYCLE" || network_code(word);
    let text = if own {
        text
    } else {
        text.get(
            memchr::memmem::find(text.as_bytes(), b": ERR_PNPM_").filter(|at| *at < 200)? + 2..,
        )?
    };
    let (code, message) = text.split_once([' ', '\u{2009}'])?;
    let shaped =
        code.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    (shaped && message.starts_with([' ', '\u{2009}'])).then(|| (code, message.trim_start()))
}

impl Dialect for Pnpm {
    fn report(&self) -> Report {
        Report::new("pnpm", Kind::Dependency, Rank::Tool)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let begins = line.as_bytes().first();
        if !matches!(begins, Some(b' ' | b'E' | b'/' | 0xe2)) && !line.contains(": ERR_PNPM_") {
            return;
        }
        let Some((code, message)) = pnpm_code(line) else { return };
        let wrapper = matches!(
            code,
            "ELIFECYCLE"
                | "ERR_PNPM_RECURSIVE_RUN_FIRST_FAIL"
                | "ERR_PNPM_RECURSIVE_EXEC_FIRST_FAIL"
                | "ERR_PNPM_RECURSIVE_FAIL"
        ) && !message.contains("not found");
        if report.failed && (report.rank != Rank::Wrapper || wrapper) {
            return;
        }
        report.failed = true;
        report.errors = 1;
        report.requote(line.trim_start());
        report.rank = if wrapper { Rank::Wrapper } else { Rank::Tool };
        if wrapper {
            report.kind = Kind::RuntimeError;
            return;
        }
        report.code(code);
        let (kind, fix) = pnpm_kind(code, message);
        report.kind = kind;
        report.fix = fix;
    }
}

fn pnpm_kind(code: &str, message: &str) -> (Kind, Option<Fix>) {
    let run = |command: &str, title: &str| {
        Some(Fix { command: command.to_owned(), title: title.to_owned() })
    };
    match code {
        "ERR_PNPM_OUTDATED_LOCKFILE" => {
            let fix = run("pnpm install --no-frozen-lockfile", "Bring the lock file up to date");
            (Kind::Dependency, fix)
        }
        "ERR_PNPM_NO_LOCKFILE" | "ERR_PNPM_LOCKFILE_CONFIG_MISMATCH" => {
            (Kind::Dependency, run("pnpm install --no-frozen-lockfile", "Write the lock file anew"))
        }
        "ERR_PNPM_NO_SCRIPT" | "ERR_PNPM_NO_SCRIPT_OR_SERVER" => {
            (Kind::Unknown, run("pnpm run", "List the scripts there are"))
        }
        "ERR_PNPM_FETCH_401" | "ERR_PNPM_FETCH_403" => (Kind::Auth, None),
        "ERR_PNPM_FETCH_429" => (Kind::RateLimit, None),
        "ERR_PNPM_META_FETCH_FAIL" | "ERR_PNPM_REGISTRIES_MISMATCH" => (Kind::NetworkError, None),
        _ if code.starts_with("ERR_PNPM_FETCH_5") => (Kind::NetworkError, None),
        _ if code.starts_with("ERR_PNPM_E")
            && network_code(code.trim_start_matches("ERR_PNPM_")) =>
        {
            (Kind::NetworkError, None)
        }
        _ if network_code(code) => (Kind::NetworkError, None),
        "ERR_PNPM_ENOSPC" => (Kind::ResourceExhaustion, None),
        "ERR_PNPM_EACCES" | "ERR_PNPM_EPERM" => (Kind::Permission, None),
        _ if message.contains("ENOSPC") => (Kind::ResourceExhaustion, None),
        _ => (Kind::Dependency, None),
    }
}

pub(super) static YARN: Spec = Spec {
    name: "yarn",
    markers: &["yarnpkg.com/", "yarn install v1", "yarn run v1", "yarn add v1", "yarn v1"],
    recognises: yarn,
    start: || Box::new(Yarn::default()),
};

fn yarn(sample: &Sample) -> bool {
    sample.lines().any(|line| {
        line.starts_with("info Visit https://yarnpkg.com/")
            || line.starts_with("error An unexpected error occurred: ")
            || line.strip_prefix("yarn ").is_some_and(|rest| {
                rest.starts_with("v1.")
                    || rest.split_once(" v1.").is_some_and(|(verb, _)| !verb.contains(' '))
            })
    })
}

/// Sentences of Yarn 1 that are not a tool's below it.
#[derive(Default)]
struct Yarn {
    /// Whether it runs a script, whose own lines may begin with `error `.
    runs: bool,
}

impl Dialect for Yarn {
    fn report(&self) -> Report {
        Report::new("yarn", Kind::Dependency, Rank::Tool)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if line.starts_with("yarn run v1.") {
            self.runs = true;
        }
        let Some(text) = line.strip_prefix("error ") else { return };
        if report.failed && report.rank != Rank::Wrapper {
            return;
        }
        let wrapper = text.starts_with("Command failed");
        let own =
            text.starts_with("Command \"") || text.starts_with("An unexpected error occurred");
        if !wrapper && !own && (self.runs || text.starts_with("TS")) {
            return;
        }
        report.failed = true;
        report.errors = 1;
        report.requote(line);
        report.rank = if wrapper { Rank::Wrapper } else { Rank::Tool };
        let (command, title) = match text {
            _ if text.starts_with("Your lockfile needs to be updated") => {
                ("yarn install", "Bring the lock file up to date")
            }
            _ if text.starts_with("Command \"") && text.ends_with("not found.") => {
                ("yarn run", "List the scripts there are")
            }
            _ => ("", ""),
        };
        report.fix = (!command.is_empty())
            .then(|| Fix { command: command.to_owned(), title: title.to_owned() });
        report.kind = if wrapper {
            Kind::RuntimeError
        } else if command == "yarn run" {
            Kind::Unknown
        } else {
            kind_of_message(text)
        };
    }
}

/// The kind a registry's answer or a system error in a sentence makes of it.
fn kind_of_message(text: &str) -> Kind {
    let has = |words: &str| text.contains(words);
    if text.split(|next: char| !(next.is_ascii_alphanumeric() || next == '_')).any(network_code)
        || has("There appears to be trouble with your network")
        || has("ConnectionRefused")
        || has("socket hang up")
    {
        Kind::NetworkError
    } else if has("401") || has("403 Forbidden") || has("\"Unauthorized\"") {
        Kind::Auth
    } else if has("ENOSPC") {
        Kind::ResourceExhaustion
    } else if has("EACCES") || has("EPERM") {
        Kind::Permission
    } else {
        Kind::Dependency
    }
}

pub(super) static BERRY: Spec = Spec {
    name: "yarn-berry",
    markers: &["YN0", "Usage Error: ", "Internal Error: "],
    recognises: |sample| {
        sample.lines().any(|line| {
            yarn_code(line).is_some()
                || line.starts_with("Usage Error: ")
                || line.starts_with("Internal Error: ")
        })
    },
    start: || Box::new(Berry::default()),
};

/// Codes that inform or warn; the others are errors.
const CALM: [&str; 29] = [
    "YN0000", "YN0002", "YN0003", "YN0004", "YN0005", "YN0006", "YN0007", "YN0008", "YN0013",
    "YN0019", "YN0020", "YN0026", "YN0032", "YN0036", "YN0050", "YN0055", "YN0058", "YN0060",
    "YN0061", "YN0062", "YN0065", "YN0068", "YN0069", "YN0075", "YN0076", "YN0085", "YN0086",
    "YN0087", "YN0094",
];

#[derive(Default)]
struct Berry {
    first: String,
    code: String,
    at: u64,
}

/// `➤ YN0035: │ text`: the code and the text.
fn yarn_code(line: &str) -> Option<(&str, &str)> {
    let rest = line.strip_prefix("➤ ")?;
    let (code, text) = rest.split_once(": ")?;
    let digits = code.strip_prefix("YN")?;
    (digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| (code, text.trim_start_matches(['│', '┌', '└', '·', ' '])))
}

impl Dialect for Berry {
    fn report(&self) -> Report {
        Report::new("yarn", Kind::Dependency, Rank::Tool)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if report.failed {
            return;
        }
        if line.starts_with("Usage Error: ") || line.starts_with("Internal Error: ") {
            report.failed = true;
            report.errors = 1;
            report.quote(line);
            let (command, title) = if line.contains("run \"yarn install\"") {
                ("yarn install", "Bring the lock file up to date")
            } else if line.contains("find a script named") {
                report.kind = Kind::Unknown;
                ("yarn run", "List the scripts there are")
            } else {
                return;
            };
            report.fix = Some(Fix { command: command.to_owned(), title: title.to_owned() });
            return;
        }
        let Some((code, text)) = yarn_code(line) else { return };
        if code == "YN0000" {
            if text.starts_with("Failed with errors") {
                self.verdict(report);
            }
        } else if self.first.is_empty() && !CALM.contains(&code) {
            text.clone_into(&mut self.first);
            code.clone_into(&mut self.code);
            self.at = report.line_number();
        }
    }
}

impl Berry {
    fn verdict(&mut self, report: &mut Report) {
        report.failed = true;
        report.errors = 1;
        if self.first.is_empty() {
            report.quote("Failed with errors");
            return;
        }
        report.quote(&format!("{}: {}", self.code, self.first));
        report.first_line = self.at;
        report.code(&self.code);
        report.kind = match self.code.as_str() {
            "YN0041" | "YN0033" => Kind::Auth,
            "YN0009" => Kind::BuildFailure,
            "YN0001" | "YN0035" => kind_of_message(&self.first),
            _ => Kind::Dependency,
        };
        if self.code == "YN0028" {
            let title = "Bring the lock file up to date".to_owned();
            report.fix = Some(Fix { command: "yarn install".to_owned(), title });
        }
    }
}

pub(super) static BUN: Spec = Spec {
    name: "bun",
    markers: &[
        "bun install v",
        "bun add v",
        "bun update v",
        "error: Script not found \"",
        "error: script \"",
    ],
    recognises: always,
    start: || Box::new(Bun::default()),
};

#[derive(Default)]
struct Bun {
    installs: bool,
}

impl Dialect for Bun {
    fn report(&self) -> Report {
        Report::new("bun", Kind::Dependency, Rank::Tool)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        match line.as_bytes().first() {
            Some(b'b') if line.starts_with("bun install v") || line.starts_with("bun add v") => {
                self.installs = true;
            }
            Some(b'b') if line.starts_with("bun update v") => self.installs = true,
            Some(b'e') if line.starts_with("error: ") => self.error(line, report),
            _ => {}
        }
    }
}

impl Bun {
    fn error(&mut self, line: &str, report: &mut Report) {
        let text = &line["error: ".len()..];
        let wrapper = text.starts_with("script \"") && text.contains("\" exited with code ");
        let missing = text.starts_with("Script not found \"");
        if report.failed || !(self.installs || wrapper || missing) {
            return;
        }
        report.failed = true;
        report.errors = 1;
        report.quote(line);
        if wrapper {
            report.rank = Rank::Wrapper;
            report.kind = Kind::RuntimeError;
        } else if missing {
            report.kind = Kind::Unknown;
            let title = "List the scripts there are".to_owned();
            report.fix = Some(Fix { command: "bun run".to_owned(), title });
        } else if text.starts_with("lockfile had changes, but lockfile is frozen") {
            let title = "Bring the lock file up to date".to_owned();
            report.fix = Some(Fix { command: "bun install".to_owned(), title });
        } else {
            report.kind = kind_of_message(text);
            if between(text, "GET ", " - 404").is_some() {
                report.kind = Kind::Dependency;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::kind::Kind;
    use crate::analysis::status::Status;

    #[test]
    fn each_names_its_cause() {
        for (text, kind, first) in [
            (
                " ERR_PNPM_FETCH_404  GET https://r.test/x: Not Found - 404\n",
                Kind::Dependency,
                "ERR_PNPM_FETCH_404",
            ),
            (
                "yarn add v1.22.22\n[1/4] Resolving packages...\nerror Couldn't find package \"x\" on the \"npm\" registry.\ninfo Visit https://yarnpkg.com/en/docs/cli/add for documentation about this command.\n",
                Kind::Dependency,
                "Couldn't find package",
            ),
            (
                "➤ YN0000: ┌ Resolution step\n➤ YN0035: │ x@npm:^1: Package not found\n➤ YN0000: └ Completed\n➤ YN0000: · Failed with errors in 0s 63ms\n",
                Kind::Dependency,
                "YN0035: x@npm:^1",
            ),
            (
                "bun install v1.2.0\nerror: No version matching \"^9\" found for specifier \"x\"\n",
                Kind::Dependency,
                "No version matching",
            ),
        ] {
            let analysis = analyze(text, &Status::default(), None, 0);
            assert_eq!(analysis.kind, kind, "{text}");
            assert!(analysis.details.first_error.unwrap().contains(first), "{text}");
        }
    }

    #[test]
    fn a_script_s_own_failure_outweighs_its_runner() {
        let text = "$ tsc\nsrc/a.ts(1,2): error TS2304: Cannot find name 'x'.\n ELIFECYCLE  Command failed with exit code 2.\n";
        assert_eq!(analyze(text, &Status::default(), None, 0).kind, Kind::Typecheck);
    }
}
