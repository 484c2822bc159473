//! Fingerprints: the same failure has the same one, run after run.
//!
//! Hashed (SHA-256, the first 16 hexadecimal digits) are the kind, the tool, the codes with the files
//! they are in, the names of failed tests and the first error, or the ends of a text that names none,
//! after [`normalise`] took out what differs between runs and checkouts: directories above the project,
//! temporary paths, times, dates, durations, addresses, identifiers, process numbers, ephemeral ports and
//! places within files. Counts are left out: one error more of the same code in the same file is the same
//! failure.

use regex::{Captures, Regex};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::sync::LazyLock;

/// Directories at which a project's own tree begins, by convention.
const ROOTS: [&str; 26] = [
    "src",
    "lib",
    "test",
    "tests",
    "__tests__",
    "__test__",
    "spec",
    "packages",
    "node_modules",
    "dist",
    "site-packages",
    "dist-packages",
    "apps",
    "crates",
    "cmd",
    "pkg",
    "internal",
    "examples",
    "scripts",
    "bench",
    "benches",
    "bin",
    "docs",
    "config",
    "state",
    "components",
];

/// Ports from here on are handed out anew each time (`ip_local_port_range`, ip(7)).
const FIRST_EPHEMERAL_PORT: u32 = 32_768;

static VOLATILE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        // dates and times, RFC 3339 and alike
        r"(?P<time>\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)?|\b\d\d:\d\d:\d\d(?:[.,]\d+)?)",
        // UUIDs, RFC 9562
        r"|(?P<uuid>\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b)",
        r"|(?P<address>\b0x[0-9a-fA-F]{4,}\b)",
        r"|(?P<path>(?:file://)?(?:[A-Za-z]:)?(?:[/\\][\w.@+~%-]+){2,}[/\\]?)",
        r"|(?P<port>:\d{4,5}\b)",
        r"|(?P<place>:\d+(?::\d+)?\b|\(\d+(?:,\d+)?\)|\b(?:line|column|col|char) \d+)",
        r"|(?P<duration>\b\d+(?:\.\d+)?\s?(?:ms|µs|us|ns|s|sec|secs|seconds|m|min|minutes)\b)",
        r"|(?P<identifier>\b[A-Za-z]+_[0-9A-Za-z]{8,}\b|\b[0-9a-f]{7,64}\b)",
        r"|(?P<process>\b(?i:pid|process|thread)[ =:]+\d+)",
        r"|(?P<number>\b\d{6,}\b)",
    ))
    .ok()
});

/// A text without what differs between runs and checkouts of the same.
#[must_use]
pub fn normalise(text: &str) -> String {
    let Some(volatile) = &*VOLATILE else { return text.to_owned() };
    volatile.replace_all(text, replacement).into_owned()
}

fn replacement(found: &Captures<'_>) -> String {
    let whole = &found[0];
    if let Some(path) = found.name("path") {
        return format!("/{}", project_path(path.as_str()));
    }
    if found.name("port").is_some() {
        let port: u32 = whole[1..].parse().unwrap_or(u32::MAX);
        return if port < FIRST_EPHEMERAL_PORT { whole.to_owned() } else { ":#".to_owned() };
    }
    if let Some(identifier) = found.name("identifier") {
        let text = identifier.as_str();
        // A word is no identifier: those have digits.
        if !text.bytes().any(|byte| byte.is_ascii_digit()) {
            return whole.to_owned();
        }
        // SQLSTATEs, error constants and the like are written in capitals.
        if text.contains('_') && !text.bytes().any(|byte| byte.is_ascii_lowercase()) {
            return whole.to_owned();
        }
    }
    "#".to_owned()
}

/// A path from where the project's own tree begins. Temporary directories and what is above the project
/// are left out; so is a query or fragment.
#[must_use]
pub fn project_path(path: &str) -> String {
    let path = path.strip_prefix("file://").unwrap_or(path).replace('\\', "/");
    let absolute = path.starts_with('/') || path.as_bytes().get(1) == Some(&b':');
    let parts: Vec<&str> =
        path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if !absolute {
        return parts.join("/");
    }
    let last = parts.len().saturating_sub(1);
    let start = parts.iter().take(last).position(|part| ROOTS.contains(part));
    let kept = start.map_or(&parts[last..], |start| &parts[start..]);
    let temporary =
        matches!(parts.first(), Some(&("tmp" | "private"))) || path.starts_with("/var/folders");
    if temporary && start.is_none() {
        // Random names of temporary files say nothing.
        return kept.iter().map(|name| without_digits(name)).collect();
    }
    kept.join("/")
}

fn without_digits(name: &str) -> String {
    if name.bytes().any(|byte| byte.is_ascii_digit()) || name.len() > 24 {
        "#".to_owned()
    } else {
        name.to_owned()
    }
}

/// The fingerprint of these parts, in this order.
#[must_use]
pub fn fingerprint<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize()[..8].iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn same(one: &str, other: &str) {
        assert_eq!(normalise(one), normalise(other));
    }

    #[track_caller]
    fn distinct(one: &str, other: &str) {
        assert_ne!(normalise(one), normalise(other));
    }

    #[test]
    fn runs_and_checkouts_make_no_difference() {
        same(
            "ENOENT: open '/home/a/proj/src/x/config.yaml'",
            "ENOENT: open '/builds/77/other/src/x/config.yaml'",
        );
        same("cannot load /home/a/p/index.js:3:14", "cannot load /srv/q/index.js:5:2");
        same("open '/tmp/run-8f3a/out-123.json'", "open '/tmp/run-91bc/out-977.json'");
        same("at 2026-01-02T03:04:05.678Z after 12 ms", "at 2026-02-02T13:04:05.001Z after 9 ms");
        same("request req_011CaXYZ12 failed", "request req_022DbXYZ99 failed");
        same("object 0x7ffe12ab34 of pid 4711", "object 0x7ffe00ab35 of pid 12");
        same("connect to 127.0.0.1:41234", "connect to 127.0.0.1:53999");
        same("a.py, line 12, in f", "a.py, line 90, in f");
        same("commit 9fceb02d0ae598e95dc9", "commit 1fceb02d0ae598e95dc0");
        same(r"open 'C:\work\one\src\a.ts'", r"open 'D:\ci\two\src\a.ts'");
    }

    #[test]
    fn what_tells_failures_apart_stays() {
        distinct("connect ECONNREFUSED 127.0.0.1:5432", "connect ECONNREFUSED 127.0.0.1:6379");
        distinct("Error 1", "Error 2");
        distinct("open '/app/src/a/index.ts'", "open '/app/src/b/index.ts'");
        distinct("Cannot find name 'a'", "Cannot find name 'b'");
        distinct("expected 3, got 4", "expected 3, got 5");
        distinct("SQLITE_BUSY_1234ABCD", "SQLITE_BUSY_1234ABCE");
    }

    #[test]
    fn parts_are_kept_apart() {
        assert_ne!(fingerprint(["ab", "c"].into_iter()), fingerprint(["a", "bc"].into_iter()));
        assert_eq!(fingerprint(["ab"].into_iter()).len(), 16);
    }
}
