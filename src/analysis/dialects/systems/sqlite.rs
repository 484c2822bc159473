//! SQLite's results (<https://www.sqlite.org/rescode.html>) as its shell and its bindings word them.
//!
//! ```text
//! Runtime error near line 3: UNIQUE constraint failed: t.a (19)      sqlite3, 3.38 and later
//! Parse error near line 1: no such table: t
//! Error: near line 3: database is locked                             sqlite3, before
//! Error: in prepare, no such column: x                               sqlite3 with an argument
//! ```

use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};

pub(super) static SPEC: Spec = Spec {
    name: "sqlite",
    markers: &[
        "rror near line ",
        "Error: near line ",
        "Error: in prepare, ",
        "Error: stepping, ",
        "database is locked",
        "database table is locked",
        "database disk image is malformed",
        "database or disk is full",
        "file is not a database",
        "unable to open database",
        "attempt to write a readonly database",
        " constraint failed",
        "SQLITE_",
    ],
    recognises: |sample| sample.lines().any(|line| said(line).is_some()),
    start: || Box::new(Sqlite),
};

/// Phrases of `sqlite3ErrStr`, their result code and what they tell of.
const RESULTS: [(&str, &str, Kind); 12] = [
    ("database is locked", "SQLITE_BUSY", Kind::RuntimeError),
    ("database table is locked", "SQLITE_LOCKED", Kind::RuntimeError),
    ("database disk image is malformed", "SQLITE_CORRUPT", Kind::RuntimeError),
    ("database or disk is full", "SQLITE_FULL", Kind::ResourceExhaustion),
    ("file is not a database", "SQLITE_NOTADB", Kind::RuntimeError),
    ("unable to open database", "SQLITE_CANTOPEN", Kind::RuntimeError),
    ("attempt to write a readonly database", "SQLITE_READONLY", Kind::Permission),
    ("UNIQUE constraint failed", "SQLITE_CONSTRAINT", Kind::RuntimeError),
    ("NOT NULL constraint failed", "SQLITE_CONSTRAINT", Kind::RuntimeError),
    ("FOREIGN KEY constraint failed", "SQLITE_CONSTRAINT", Kind::RuntimeError),
    ("CHECK constraint failed", "SQLITE_CONSTRAINT", Kind::RuntimeError),
    ("disk I/O error", "SQLITE_IOERR", Kind::RuntimeError),
];

struct Sqlite;

impl Dialect for Sqlite {
    fn report(&self) -> Report {
        Report::new("sqlite", Kind::RuntimeError, Rank::Runtime)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(message) = said(line) else { return };
        let result = RESULTS.iter().find(|(phrase, _, _)| message.contains(phrase));
        let (code, kind) = result.map_or(("", Kind::RuntimeError), |found| (found.1, found.2));
        if report.errors == 0 {
            report.kind = kind;
            report.quote(line);
            report.suggestion = advice(code).map(str::to_owned);
        }
        report.problem(&Problem { code, message: line, ..Problem::ERROR });
    }
}

fn advice(code: &str) -> Option<&'static str> {
    match code {
        "SQLITE_BUSY" | "SQLITE_LOCKED" => {
            Some("Set a busy timeout, use WAL mode, and keep write transactions short")
        }
        "SQLITE_CORRUPT" | "SQLITE_NOTADB" => {
            Some("Check it with PRAGMA integrity_check, recover with .recover or restore a backup")
        }
        "SQLITE_FULL" => Some("Free disk space, then try again"),
        _ => None,
    }
}

/// The message where SQLite itself speaks: its shell's lines, or one of its phrases right after a class.
fn said(line: &str) -> Option<&str> {
    let first = *line.as_bytes().first()?;
    if !matches!(first, b'R' | b'P' | b'E' | b'S' | b's' | b'd' | b'U' | b'u') || line.len() > 2000
    {
        return None;
    }
    for start in ["Runtime error near line ", "Parse error near line ", "Error: near line "] {
        if let Some(rest) = line.strip_prefix(start) {
            return rest.split_once(": ").map(|(_, message)| message);
        }
    }
    for start in ["Error: in prepare, ", "Error: stepping, ", "Parse error: ", "Runtime error: "] {
        if let Some(message) = line.strip_prefix(start) {
            let known = start.starts_with("Error") || message.contains("no such ");
            return (known || result(message)).then_some(message);
        }
    }
    let message = ["Error: ", "SqliteError: ", "sqlite3.OperationalError: ", "SQLITE_BUSY: "]
        .iter()
        .find_map(|start| line.strip_prefix(start))
        .unwrap_or(line);
    result(message).then_some(message)
}

/// Whether a message is one of SQLite's, whole.
fn result(message: &str) -> bool {
    RESULTS.iter().any(|(phrase, _, _)| {
        message.strip_prefix(phrase).is_some_and(|rest| {
            rest.is_empty()
                || rest.starts_with([':', '('])
                || rest.starts_with(" (")
                || rest.starts_with(" file")
        })
    })
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn results_are_coded() {
        for (text, code) in [
            ("Runtime error near line 3: UNIQUE constraint failed: t.a (19)", "SQLITE_CONSTRAINT"),
            ("Error: stepping, database is locked (5)", "SQLITE_BUSY"),
            ("Error: database disk image is malformed", "SQLITE_CORRUPT"),
        ] {
            let answer = analyze(text, &Status::default(), None, 0);
            assert_eq!(answer.kind, Kind::RuntimeError, "{text}");
            assert_eq!(answer.details.errors_by_type.get(code), Some(&1), "{text}");
        }
        let text = "When the database is locked, wait.\nSee: database is locked by design";
        assert_eq!(analyze(text, &Status::default(), None, 0).kind, Kind::Unknown);
    }
}
