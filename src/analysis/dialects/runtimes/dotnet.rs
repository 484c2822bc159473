//! Exceptions of .NET (<https://learn.microsoft.com/dotnet/api/system.exception.tostring>).
//!
//! ```text
//! Unhandled exception. System.InvalidOperationException: message
//!  ---> System.IO.FileNotFoundException: inner
//!    at Shop.Store.Open(String path) in /app/Store.cs:line 12
//!    --- End of inner exception stack trace ---
//! ```

use super::super::location::number;
use super::header::{header, logged};
use super::thrown::{Named, Thrown};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};

pub(super) static SPEC: Spec = Spec {
    name: "dotnet",
    markers: &["Unhandled exception. ", "Unhandled Exception: ", "\n   at "],
    recognises: |sample| {
        sample.has_line_starting("Unhandled exception. ")
            || sample.has_line_starting("Unhandled Exception: ")
            || sample.lines().any(|line| {
                line.starts_with("   at ") && line.ends_with(')') && !line.contains("://")
            }) && sample.has("System.")
            || sample.lines().any(|line| line.starts_with("   at ") && frame(line).is_some())
    },
    start: || Box::new(Dotnet::default()),
};

#[derive(Default)]
struct Dotnet {
    candidate: Option<(Named, Option<Named>, u64)>,
    current: Option<Thrown>,
    unhandled: bool,
    chosen: Option<Thrown>,
}

impl Dialect for Dotnet {
    fn report(&self) -> Report {
        Report::new("dotnet", Kind::RuntimeError, Rank::Runtime)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        match line.as_bytes().first() {
            Some(b' ') => {
                let text = line.trim_start();
                if let Some(inner) = text.strip_prefix("---> ") {
                    let inner = inner.strip_prefix("(Inner Exception #0) ").unwrap_or(inner);
                    let (class, message) = inner.split_once(':').unwrap_or((inner, ""));
                    let named = Named::new(class.trim(), message.trim(), inner);
                    if let Some(thrown) = &mut self.current {
                        thrown.cause = Some(named);
                    } else if let Some((_, cause, _)) = &mut self.candidate {
                        *cause = Some(named);
                    }
                } else if line.starts_with("   at ") {
                    self.confirm();
                    if let Some((file, row)) = frame(line)
                        && let Some(thrown) = &mut self.current
                    {
                        thrown.frame(file, row, 0);
                    }
                }
            }
            Some(b'U') if line.starts_with("Unhandled ") => {
                let text = line
                    .strip_prefix("Unhandled exception. ")
                    .or_else(|| line.strip_prefix("Unhandled Exception: "));
                let Some(text) = text else { return };
                let Some(found) = header(text) else { return };
                self.end(report);
                let error = Named::new(found.class, found.message, text);
                self.current = Some(Thrown::new(error, report.line_number()));
                self.unhandled = true;
            }
            Some(_) => {
                if let Some(found) = header(line).or_else(|| logged(line)) {
                    self.end(report);
                    let error = Named::new(found.class, found.message, &found.quote(line));
                    self.candidate = Some((error, None, report.line_number()));
                }
            }
            None => {}
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.end(report);
        let Some(thrown) = self.chosen.take() else { return };
        thrown.tell(report);
        if thrown.error.message.starts_with("Could not load file or assembly") {
            report.kind = Kind::Dependency;
        }
    }
}

impl Dotnet {
    fn confirm(&mut self) {
        if let Some((error, cause, at)) = self.candidate.take() {
            let mut thrown = Thrown::new(error, at);
            thrown.cause = cause;
            self.current = Some(thrown);
        }
    }

    fn end(&mut self, report: &mut Report) {
        self.candidate = None;
        let Some(thrown) = self.current.take() else { return };
        thrown.count(report);
        let unhandled = std::mem::take(&mut self.unhandled);
        if self.chosen.is_none() || unhandled {
            self.chosen = Some(thrown);
        }
    }
}

/// `   at Shop.Store.Open(String path) in /app/Store.cs:line 12`.
fn frame(line: &str) -> Option<(&str, u32)> {
    let (_, place) = line.split_once(") in ")?;
    let (file, row) = place.rsplit_once(":line ")?;
    let (row, rest) = number(row)?;
    // Sources of the platform are mapped to this root.
    (rest.is_empty() && !file.starts_with("/_/")).then_some((file, row))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn an_unhandled_exception_names_its_files_and_inner_one() {
        let text = "Unhandled exception. System.InvalidOperationException: no settings\n ---> System.IO.FileNotFoundException: Could not find file '/p/a.json'.\n   at Shop.Settings.Read(String path) in /p/Settings.cs:line 12\n   --- End of inner exception stack trace ---\n   at Program.Main() in /p/Program.cs:line 3\n";
        let answer = analyze(text, &Status::default(), None, 0);
        assert_eq!(answer.kind, Kind::RuntimeError);
        assert_eq!(answer.details.affected_files, ["/p/Settings.cs", "/p/Program.cs"]);
        assert_eq!(answer.details.errors_by_type.get("System.InvalidOperationException"), Some(&1));
        assert!(answer.summary.contains("Could not find file"), "{}", answer.summary);
    }
}
