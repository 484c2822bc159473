//! curl (<https://curl.se/libcurl/c/libcurl-errors.html>) and wget
//! (<https://www.gnu.org/software/wget/manual/html_node/Exit-Status.html>, wording in its `http.c`).
//!
//! ```text
//! curl: (7) Failed to connect to 127.0.0.1 port 9 after 0 ms: Couldn't connect to server
//! curl: (22) The requested URL returned error: 404
//! wget: unable to resolve host address ‘x.test’
//! Connecting to 127.0.0.1:9... failed: Connection refused.
//! 2026-03-02 09:14:55 ERROR 404: Not Found.
//! ```

use super::status::{failing, kind_of, suggestion, three_digits};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::location::number;
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static CURL: Spec = Spec {
    name: "curl",
    markers: &["curl: ("],
    recognises: |sample| sample.has_line_starting("curl: ("),
    start: || Box::new(Curl),
};

struct Curl;

impl Dialect for Curl {
    fn report(&self) -> Report {
        Report::new("curl", Kind::NetworkError, Rank::Runtime)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if report.failed || !line.starts_with("curl: (") {
            return;
        }
        let Some((code, rest)) = number(&line["curl: (".len()..]) else { return };
        let Some(text) = rest.strip_prefix(") ") else { return };
        let returned = text.split_once("returned error: ").and_then(|(_, text)| three_digits(text));
        report.failed = true;
        report.errors = 1;
        report.quote(line);
        report.code(&code.to_string());
        match returned {
            Some((status, _)) => {
                report.kind = kind_of(failing(u32::from(status)), "", "");
                report.suggestion = suggestion(report.kind, Some(status), "", "", None);
            }
            None => report.kind = kind_of_code(code),
        }
    }
}

/// Kinds of curl's own error codes; most of the others are about peers.
fn kind_of_code(code: u32) -> Kind {
    match code {
        1..=4 | 26 | 37 | 41 | 43 | 48 => Kind::RuntimeError,
        9 | 67 | 94 => Kind::Auth,
        27 | 70 | 71 | 100 => Kind::ResourceExhaustion,
        23 => Kind::RuntimeError,
        42 => Kind::Cancelled,
        _ => Kind::NetworkError,
    }
}

pub(super) static WGET: Spec = Spec {
    name: "wget",
    markers: &["wget: ", "ERROR 4", "ERROR 5", "... failed: "],
    recognises: wget,
    start: || Box::new(Wget),
};

fn wget(sample: &Sample) -> bool {
    let own = sample.has("awaiting response... ") || sample.has("wget: ");
    sample.lines().any(|line| {
        let connecting = line.starts_with("Connecting to ") || line.starts_with("Resolving ");
        (own || connecting) && wget_failure(line).is_some()
    })
}

struct Wget;

impl Dialect for Wget {
    fn report(&self) -> Report {
        Report::new("wget", Kind::NetworkError, Rank::Runtime)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if report.failed {
            return;
        }
        let Some(status) = wget_failure(line) else { return };
        report.failed = true;
        report.errors = 1;
        report.quote(line);
        report.kind = kind_of(status, "", "");
        report.suggestion = suggestion(report.kind, status, "", "", None);
    }
}

/// Whether wget tells of a failure here, and the status of the answer if it is one.
fn wget_failure(line: &str) -> Option<Option<u16>> {
    match line.as_bytes().first()? {
        b'w' => line.starts_with("wget: ").then_some(None),
        b'C' | b'R' => {
            let began = line.starts_with("Connecting to ") || line.starts_with("Resolving ");
            (began && line.contains("... failed: ")).then_some(None)
        }
        b'0'..=b'9' | b'E' => {
            let at = memchr::memmem::find(line.as_bytes(), b"ERROR ")?;
            let (status, rest) = three_digits(line.get(at + "ERROR ".len()..)?)?;
            let status = failing(u32::from(status))?;
            (at <= 24 && rest.starts_with(": ")).then_some(Some(status))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::kind::Kind;
    use crate::analysis::status::Status;

    #[test]
    fn what_a_server_answered_decides_the_kind() {
        let of = |text: &str| analyze(text, &Status::default(), None, 0).kind;
        assert_eq!(
            of("curl: (22) The requested URL returned error: 429 Too Many"),
            Kind::RateLimit
        );
        assert_eq!(of("curl: (6) Could not resolve host: x.test"), Kind::NetworkError);
        let text = "HTTP request sent, awaiting response... 403 Forbidden\n2026-03-02 09:14:55 ERROR 403: Forbidden.\n";
        assert_eq!(of(text), Kind::Auth);
    }
}
