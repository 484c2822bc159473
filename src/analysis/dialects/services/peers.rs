//! Peers that cannot be reached, in one line: names of system errors (`errno(3)`, `getaddrinfo(3)`, Node's
//! <https://nodejs.org/api/errors.html#common-system-errors>) and the words for them that programs print
//! by convention after a colon (`strerror(3)`, `gai_strerror(3)`, Go's `net`).
//!
//! ```text
//! connect ECONNREFUSED 127.0.0.1:5432
//! Error: getaddrinfo ENOTFOUND db.test
//! psql: error: connection to server at "db.test", port 5432 failed: Connection refused
//! Get "https://x.test/": dial tcp: lookup x.test: no such host
//! ```
//! With a stack trace below it is a runtime's, and left to that dialect.

use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::phrases::cheerful;
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;
use aho_corasick::AhoCorasick;
use std::sync::LazyLock;

/// Names of errors; they stand after a colon, after the name of the call, or alone.
const NAMES: [&str; 16] = [
    "ECONNREFUSED",
    "ECONNRESET",
    "ECONNABORTED",
    "ENOTFOUND",
    "ETIMEDOUT",
    "ESOCKETTIMEDOUT",
    "EAI_AGAIN",
    "EAI_FAIL",
    "EHOSTUNREACH",
    "ENETUNREACH",
    "EHOSTDOWN",
    "ENETDOWN",
    "EPIPE",
    "EADDRINUSE",
    "EADDRNOTAVAIL",
    "EPROTO",
];

/// Words for them.
const WORDS: [&str; 34] = [
    "socket hang up",
    "onnection refused",
    "onnection timed out",
    "onnection reset by peer",
    "onnection closed by remote host",
    "onnection closed by peer",
    "actively refused it",
    "could not resolve host",
    "Could not resolve host",
    "Name or service not known",
    "nodename nor servname provided",
    "Temporary failure in name resolution",
    "No route to host",
    "no route to host",
    "etwork is unreachable",
    "no such host",
    "i/o timeout",
    "TLS handshake timeout",
    "x509: certificate",
    "certificate verify failed",
    "certificate has expired",
    "elf-signed certificate",
    "elf signed certificate",
    "unable to get local issuer certificate",
    "unable to verify the first certificate",
    "ddress already in use",
    "tream closed because of an error",
    "(os error 111)",
    "fetch failed",
    "Failed to fetch",
    "Connect Timeout Error",
    "Headers Timeout Error",
    "Body Timeout Error",
    "other side closed",
];

static FINDER: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::new(NAMES.iter().chain(WORDS.iter())).ok());

/// Wording of lines that go on, or speak of failures that are wanted.
const CALM: [&str; 12] = [
    "etry",
    "arning",
    "WARN",
    "INFO",
    "DEBUG",
    "TRACE",
    "imulated",
    " expected",
    " handled",
    "mock",
    "will be",
    "ignored",
];

pub(super) static SPEC: Spec = Spec {
    name: "network",
    markers: &[
        "ECONN",
        "ENOTFOUND",
        "ETIMEDOUT",
        "ESOCKETTIMEDOUT",
        "EAI_",
        "EHOSTUNREACH",
        "ENETUNREACH",
        "EHOSTDOWN",
        "ENETDOWN",
        "EPIPE",
        "EADDR",
        "EPROTO",
        "socket hang up",
        "onnection refused",
        "onnection timed out",
        "onnection reset by peer",
        "onnection closed by",
        "actively refused it",
        "ould not resolve host",
        "service not known",
        "servname provided",
        "in name resolution",
        "o route to host",
        "etwork is unreachable",
        "no such host",
        "i/o timeout",
        "TLS handshake timeout",
        "x509: certificate",
        "certificate verify failed",
        "certificate has expired",
        "igned certificate",
        "local issuer certificate",
        "verify the first certificate",
        "ddress already in use",
        "tream closed because",
        "(os error 111)",
        "fetch failed",
        "Failed to fetch",
        " Timeout Error",
        "other side closed",
    ],
    recognises,
    start: || Box::new(Peers::default()),
};

fn recognises(sample: &Sample) -> bool {
    let mut peers = Peers::default();
    let mut report = peers.report();
    sample.lines().for_each(|line| peers.line(line, &mut report));
    peers.finish(&mut report);
    report.is_failure()
}

#[derive(Default)]
struct Peers {
    /// A line that waits for the next to show whether a stack trace follows.
    pending: Option<(String, &'static str, u64)>,
    /// A runtime tells the failure better.
    traceback: bool,
    /// Within what a test printed: Vitest shows it for tests that pass as well.
    printed: bool,
}

impl Dialect for Peers {
    fn report(&self) -> Report {
        Report::new("network", Kind::NetworkError, Rank::Runtime)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if report.failed || self.traceback {
            return;
        }
        if let Some((text, code, at)) = self.pending.take() {
            let trimmed = line.trim_start();
            let stack = trimmed.len() < line.len()
                && (trimmed.starts_with("at ") || trimmed.starts_with("from "));
            if !stack && !text.ends_with('{') {
                settle(&text, code, at, report);
                return;
            }
        }
        let Some(first) = line.as_bytes().first() else {
            self.printed = false;
            return;
        };
        if *first == b's' && (line.starts_with("stderr | ") || line.starts_with("stdout | ")) {
            self.printed = true;
        }
        if self.printed {
            return;
        }
        if matches!(first, b' ' | b'\t' | b'-' | b'+' | b'*' | b'#' | b'>' | b'|' | b'{') {
            return;
        }
        if line.starts_with("Traceback (most recent call last)") {
            self.traceback = true;
            return;
        }
        let Some(code) = find(line) else { return };
        self.pending = Some((line.to_owned(), code, report.line_number()));
    }

    fn finish(&mut self, report: &mut Report) {
        if let Some((text, code, at)) = self.pending.take()
            && !report.failed
        {
            settle(&text, code, at, report);
        }
    }
}

fn settle(text: &str, code: &str, at: u64, report: &mut Report) {
    report.failed = true;
    report.errors = 1;
    report.first_line = at;
    report.quote(text);
    if !code.is_empty() {
        report.code(code);
    }
}

/// The code of a line that tells of a peer, empty where it is told in words.
fn find(line: &str) -> Option<&'static str> {
    if line.len() > 2000 {
        return None;
    }
    let found = FINDER.as_ref()?.find(line)?;
    let (before, after) = (&line[..found.start()], &line[found.end()..]);
    if CALM.iter().any(|calm| line.contains(calm))
        || cheerful(line)
        || before.starts_with("Caused by")
        || before.starts_with("panic: ")
    {
        return None;
    }
    let code = NAMES.get(found.pattern().as_usize()).copied();
    let told = match code {
        Some(_) => names(before, after),
        None => says(before, after),
    };
    told.then_some(code.unwrap_or_default())
}

/// Whether a name stands where the name of an error stands.
fn names(before: &str, after: &str) -> bool {
    let before = before.trim_end();
    let call = before.rsplit([' ', ':', '[', '(']).next().unwrap_or(before);
    const CALLS: [&str; 14] = [
        "connect",
        "getaddrinfo",
        "read",
        "write",
        "listen",
        "bind",
        "queryA",
        "queryAaaa",
        "querySrv",
        "queryTxt",
        "lookup",
        "recv",
        "send",
        "accept",
    ];
    let before =
        if CALLS.contains(&call) { before[..before.len() - call.len()].trim_end() } else { before };
    let begins = before.is_empty() || before.ends_with([':', '[', '(']);
    let next = after.trim_start();
    let ends = next.is_empty()
        || after.starts_with([':', ',', ')', ']', '.'])
        || next.starts_with('(')
        || after.strip_prefix(' ').is_some_and(is_address);
    begins && ends
}

/// Whether words stand where programs put what went wrong.
fn says(before: &str, after: &str) -> bool {
    // The first letter of some words is left out of what is searched, for it may be a capital.
    let before = before.trim_end_matches(|letter: char| letter.is_alphabetic()).trim_end();
    let begins = before.is_empty()
        || before.ends_with([':', '(', '-', '['])
        || before.ends_with(" failed")
        || (before.contains(": ") && before.len() < 400);
    let next = after.trim_start();
    let ends = next.is_empty()
        || after.starts_with(['.', ',', ':', ')', ']', '"', '\'', ';'])
        || next.starts_with('(')
        || before.contains(": ");
    // Bare words are prose unless they are all there is.
    let bare = !before.is_empty() || next.is_empty() || after.starts_with([':', '.']);
    begins && ends && bare && before.split(": ").next().is_none_or(is_program)
}

/// `psql`, `ssh`, `Error`, `2026/03/02 09:14:55 main.go:12`: what stands before the first colon is short.
fn is_program(text: &str) -> bool {
    text.len() <= 120 && text.split_whitespace().count() <= 12
}

/// `127.0.0.1:5432`, `db.test`, `localhost`, `::1`, `/tmp/x.sock`.
fn is_address(text: &str) -> bool {
    let word = text.split_whitespace().next().unwrap_or_default();
    word.starts_with("localhost")
        || word.starts_with('/')
        || word.len() > 2
            && word.contains(['.', ':'])
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:-_[]%".contains(&byte))
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::kind::Kind;
    use crate::analysis::status::Status;

    #[test]
    fn one_line_about_a_peer_is_a_network_error() {
        for (text, code) in [
            ("connect ECONNREFUSED 127.0.0.1:5432", "ECONNREFUSED"),
            ("Error: getaddrinfo ENOTFOUND db.test\n", "ENOTFOUND"),
            ("ETIMEDOUT", "ETIMEDOUT"),
            ("request to https://x.test/ failed, reason: read ECONNRESET", "ECONNRESET"),
            ("Get \"https://x.test/\": dial tcp: lookup x.test: no such host", ""),
            ("nc: connect to 127.0.0.1 port 9 (tcp) failed: Connection refused", ""),
            ("TypeError: fetch failed", ""),
        ] {
            let analysis = analyze(text, &Status::default(), None, 0);
            assert_eq!(analysis.kind, Kind::NetworkError, "{text}");
            assert_eq!(analysis.details.first_error.as_deref(), Some(text.trim()));
            let codes: Vec<_> = analysis.details.errors_by_type.keys().cloned().collect();
            assert_eq!(codes.concat(), code);
        }
    }

    #[test]
    fn speaking_of_peers_is_no_failure() {
        for text in [
            "    fix: handle ECONNREFUSED in the fetch layer",
            "retrying after Error: ECONNREFUSED (simulated)",
            "- ECONNREFUSED: nobody listens there",
            "The glossary explains what connection refused means.",
            "We handle ECONNRESET by asking again.",
            "Renewed the certificate: it has not expired.",
        ] {
            let analysis = analyze(text, &Status::default(), None, 0);
            assert_eq!(analysis.kind, Kind::Unknown, "{text}");
        }
    }
}
