//! Go's panics and fatal errors (`runtime/panic.go`, <https://pkg.go.dev/runtime#hdr-Environment_Variables>),
//! and `log.Fatal` under `go run`.
//!
//! ```text
//! panic: runtime error: index out of range [5] with length 3
//!
//! goroutine 1 [running]:                         fatal error: all goroutines are asleep - deadlock!
//! main.f(...)
//!     /app/main.go:8 +0x2d                          2026/01/02 15:04:05 message
//! exit status 2                                  exit status 1
//! ```

use super::super::location::number;
use super::classes;
use super::thrown::{Named, Thrown};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "go panic",
    markers: &["panic: ", "goroutine ", "fatal error: ", "exit status ", "http: panic serving"],
    recognises,
    start: || Box::new(Panic::default()),
};

fn recognises(sample: &Sample) -> bool {
    let goroutine = sample.has("goroutine ") || sample.has("[recovered]");
    (goroutine && (sample.has("panic") || sample.has("fatal error: ")))
        || sample.has_line_starting("panic: ")
        || sample.lines().any(is_exit_status)
}

#[derive(Default)]
struct Panic {
    current: Option<Thrown>,
    goroutines: u32,
    /// What `runtime:` said before a fatal error.
    runtime: String,
    /// The last line of Go's own log.
    logged: String,
    logged_at: u64,
}

impl Dialect for Panic {
    fn report(&self) -> Report {
        Report::new("go", Kind::RuntimeError, Rank::Runtime)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        match line.as_bytes().first() {
            Some(b'p') if line.starts_with("panic: ") => self.begin(line, report),
            // A panic while panicking is indented; the first is the cause.
            Some(b'\t') if self.current.is_some() => self.frame(line),
            Some(b'f') if line.starts_with("fatal error: ") => {
                let said = line.strip_prefix("fatal error: ").unwrap_or(line);
                // Compilers say so too, with a place in front or without a goroutine after.
                if said.ends_with("compilation terminated.") {
                    return;
                }
                self.begin(line, report);
            }
            Some(b'r') if line.starts_with("runtime: ") => {
                self.runtime.clear();
                self.runtime.push_str(line);
            }
            Some(b'g') if line.starts_with("goroutine ") && line.ends_with("]:") => {
                self.goroutines += 1;
            }
            Some(b'e') if is_exit_status(line) => self.exit(report),
            Some(b'0'..=b'9') => {
                if let Some((_, message)) = line.split_once("http: panic serving ") {
                    let message = message.split_once(": ").map_or(message, |(_, rest)| rest);
                    let panic = format!("panic: {message}");
                    self.begin(&panic, report);
                } else if let Some(message) = dated(line) {
                    self.logged.clear();
                    self.logged.push_str(message);
                    self.logged_at = report.line_number();
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, report: &mut Report) {
        let Some(thrown) = self.current.take() else { return };
        if self.goroutines == 0 && thrown.error.quote.starts_with("fatal error: ") {
            // Some other program's words.
            return;
        }
        thrown.count(report);
        let exhausted = self.runtime.contains("out of memory")
            || thrown.error.message.contains("out of memory")
            || thrown.error.message.contains("cannot allocate memory");
        let kind = if exhausted { Kind::ResourceExhaustion } else { thrown.kind() };
        thrown.tell_as(kind, report);
        report.forget_codes();
    }
}

impl Panic {
    fn begin(&mut self, line: &str, report: &Report) {
        if self.current.is_some() {
            return;
        }
        let message = line.split_once(": ").map_or(line, |(_, message)| message);
        let quote = line.strip_suffix(" [recovered]").unwrap_or(line);
        self.goroutines = 0;
        self.current = Some(Thrown::new(Named::new("", message, quote), report.line_number()));
    }

    /// `\t/app/main.go:8 +0x2d`
    fn frame(&mut self, line: &str) {
        if self.goroutines > 1 {
            return;
        }
        let text = line.trim_start();
        let Some((file, rest)) = text.split_once(".go:") else { return };
        let Some((row, _)) = number(rest) else { return };
        let library = file.contains("/go/src/")
            || file.contains("/pkg/mod/")
            || file.contains("/libexec/src/")
            || file.contains("/vendor/")
            || file.contains("/hostedtoolcache/go/")
            || file.starts_with("_testmain")
            || file.contains("/lib/go");
        if !library && let Some(thrown) = &mut self.current {
            thrown.frame(&format!("{file}.go"), row, 0);
        }
    }

    /// `go run` tells the status of a program that ended itself: what it logged last is why.
    fn exit(&mut self, report: &mut Report) {
        if self.current.is_some() {
            return;
        }
        let (message, at) = (std::mem::take(&mut self.logged), self.logged_at);
        if message.is_empty() {
            return;
        }
        report.failed = true;
        report.errors = 1;
        report.kind = classes::of_message(&message).unwrap_or(Kind::RuntimeError);
        report.quote(&message);
        report.first_line = at;
    }
}

/// `exit status 2`, as `go run` ends.
fn is_exit_status(line: &str) -> bool {
    line.strip_prefix("exit status ")
        .is_some_and(|code| code != "0" && number(code).is_some_and(|(_, rest)| rest.is_empty()))
}

/// `2026/01/02 15:04:05 message`.
fn dated(line: &str) -> Option<&str> {
    let (date, rest) = line.split_once(' ')?;
    let (time, message) = rest.split_once(' ')?;
    let shaped = date.len() == 10
        && date.bytes().filter(|byte| *byte == b'/').count() == 2
        && time.len() >= 8
        && time.bytes().filter(|byte| *byte == b':').count() == 2;
    shaped.then_some(message)
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn a_panic_names_the_files_of_its_goroutine() {
        let text = "panic: assignment to entry in nil map\n\ngoroutine 1 [running]:\nmain.set(...)\n\t/p/cmd/set.go:8\nnet/http.do()\n\t/usr/local/go/src/net/http/a.go:1 +0x1\nmain.main()\n\t/p/main.go:14 +0x2d\n\ngoroutine 5 [select]:\nmain.wait()\n\t/p/wait.go:3 +0x1\nexit status 2\n";
        let answer = analyze(text, &Status::default(), None, 0);
        assert_eq!(answer.kind, Kind::RuntimeError);
        assert_eq!(
            answer.details.first_error.as_deref(),
            Some("panic: assignment to entry in nil map")
        );
        assert_eq!(answer.details.affected_files, ["/p/cmd/set.go", "/p/main.go"]);
    }

    #[test]
    fn what_was_logged_before_the_end_is_why() {
        let text = "starting\n2026/01/02 15:04:05 dial tcp 127.0.0.1:6379: connect: connection refused\nexit status 1\n";
        let answer = analyze(text, &Status::default(), None, 0);
        assert_eq!(answer.kind, Kind::NetworkError);
    }
}
