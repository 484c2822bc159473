//! pnpm (<https://pnpm.io/errors>).
//!
//! ```text
//!  ERR_PNPM_NO_MATCHING_VERSION  No matching version found for x@^9
//!  ELIFECYCLE  Command failed with exit code 1.
//! ```

use super::network_code;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Fix, Rank, Report};

pub(super) static SPEC: Spec = Spec {
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
