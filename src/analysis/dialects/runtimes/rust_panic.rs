//! Rust's panics and what ends its programs otherwise (`library/std/src/panicking.rs`,
//! <https://doc.rust-lang.org/std/macro.panic.html>).
//!
//! ```text
//! thread 'main' (71) panicked at src/main.rs:4:15:        thread 'main' panicked at 'message', src/main.rs:4:15
//! message                                                 (before 1.73)
//! stack backtrace:
//!    5: shop::price
//!              at ./src/main.rs:4:15
//!
//! thread 'main' has overflowed its stack                  memory allocation of 80 bytes failed
//! ```

use super::super::location::whole;
use super::thrown::{Named, Thrown};
use crate::analysis::dialect::{Dialect, Spec, always};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};

pub(super) static SPEC: Spec = Spec {
    name: "rust panic",
    markers: &[
        "' panicked at ",
        ") panicked at ",
        "' has overflowed its stack",
        ") has overflowed its stack",
        "memory allocation of ",
    ],
    recognises: always,
    start: || Box::new(Panic::default()),
};

#[derive(Default)]
struct Panic {
    current: Option<Thrown>,
    first: Option<Thrown>,
    /// The message stands in the next line.
    message: bool,
}

impl Dialect for Panic {
    fn report(&self) -> Report {
        Report::new("rust", Kind::RuntimeError, Rank::Runtime)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        match line.as_bytes().first() {
            _ if self.message => {
                self.message = line.is_empty();
                if !line.is_empty()
                    && let Some(thrown) = &mut self.current
                {
                    // An own type without words says nothing: the place speaks.
                    thrown.error.message = line.trim().to_owned();
                    thrown.error.quote = line.trim().to_owned();
                }
            }
            Some(b't') if line.starts_with("thread ") => self.thread(line, report),
            Some(b' ') if self.current.is_some() => {
                if let Some(place) = line.trim_start().strip_prefix("at ")
                    && let Some(place) = whole(place.trim_end_matches(':'))
                    && is_own(place.file)
                    && let Some(thrown) = &mut self.current
                {
                    thrown.file(place.file.trim_start_matches("./"));
                }
            }
            Some(b'm')
                if line.starts_with("memory allocation of ") && line.ends_with(" bytes failed") =>
            {
                self.end(report);
                let mut named = Named::new("", line, line);
                named.code = "ENOMEM".to_owned();
                self.current = Some(Thrown::new(named, report.line_number()));
            }
            _ => {}
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.end(report);
        if let Some(first) = self.first.take() {
            first.tell(report);
            report.forget_codes();
        }
    }
}

impl Panic {
    fn thread(&mut self, line: &str, report: &mut Report) {
        if line.ends_with(" has overflowed its stack") {
            self.end(report);
            self.current = Some(Thrown::new(Named::new("", line, line), report.line_number()));
            return;
        }
        let Some((_, at)) = line.split_once(" panicked at ") else { return };
        self.end(report);
        // Before 1.73: 'message', src/main.rs:4:15
        let old = at.strip_prefix('\'').and_then(|at| at.rsplit_once("', "));
        let (message, place) = match old {
            Some((message, place)) => (message, place),
            None => ("", at),
        };
        let quote = if message.is_empty() { line } else { message };
        let mut thrown = Thrown::new(Named::new("", message, quote), report.line_number());
        if let Some(place) = whole(place.trim_end_matches(':')) {
            let file = place.file.trim_start_matches("./");
            if is_own(file) {
                thrown.frame(file, place.line, place.column);
            }
        }
        self.message = old.is_none();
        self.current = Some(thrown);
    }

    fn end(&mut self, report: &mut Report) {
        self.message = false;
        let Some(thrown) = self.current.take() else { return };
        // What fails because another thread did.
        let follows = thrown.error.message.contains("PoisonError")
            || thrown.error.message.contains("`Err` value: Any");
        if follows && self.first.is_some() {
            return;
        }
        thrown.count(report);
        if self.first.is_none() {
            self.first = Some(thrown);
        }
    }
}

/// Whether a file is of the project, not of the library or of another crate.
fn is_own(file: &str) -> bool {
    !(file.starts_with("/rustc/")
        || file.contains("/.cargo/registry/")
        || file.contains("/.cargo/git/")
        || file.contains("/rustlib/src/")
        || file.starts_with("library/")
        || file.contains("/library/std/src/")
        || file.contains("/sysdeps/")
        || file.contains("/csu/"))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn the_message_is_quoted_and_the_place_named_old_and_new() {
        let new = "thread 'main' panicked at src/store.rs:4:15:\nno such row\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n";
        let old = "thread 'main' panicked at 'no such row', src/store.rs:4:15\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n";
        for text in [new, old] {
            let answer = analyze(text, &Status::default(), None, 0);
            assert_eq!(answer.kind, Kind::RuntimeError);
            assert_eq!(answer.details.first_error.as_deref(), Some("no such row"));
            assert_eq!(answer.details.affected_files, ["src/store.rs"]);
            assert_eq!(answer.details.error_count, Some(1));
        }
    }

    #[test]
    fn what_the_system_said_decides_the_kind() {
        let text = "thread 'main' panicked at src/main.rs:1:1:\ncalled `Result::unwrap()` on an `Err` value: Os { code: 28, kind: StorageFull, message: \"No space left on device\" }\n";
        let answer = analyze(text, &Status::default(), None, 0);
        assert_eq!(answer.kind, Kind::ResourceExhaustion);
    }
}
