//! `deno check` and what `deno run` checks (<https://docs.deno.com/runtime/reference/cli/check/>).
//!
//! ```text
//! error: TS2322 [ERROR]: Type 'string' is not assignable to type 'number'.
//! const x: number = "a";
//!       ^
//!     at file:///app/a.ts:1:7
//!
//! TS2304 [ERROR]: Cannot find name 'y'.
//! Found 2 errors.
//! ```

use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::location::whole;
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "deno check",
    markers: &[" [ERROR]: "],
    recognises: |sample: &Sample| sample.lines().any(|line| heading(line).is_some()),
    start: || Box::new(Deno::default()),
};

#[derive(Default)]
struct Deno {
    /// Code and message; the place comes later.
    open: Option<(String, String)>,
}

impl Dialect for Deno {
    fn report(&self) -> Report {
        Report::new("deno check", Kind::Typecheck, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if let Some((code, message)) = heading(line) {
            self.tell("", report);
            report.quote(&format!("{code} [ERROR]: {message}"));
            self.open = Some((code.to_owned(), message.to_owned()));
        } else if self.open.is_some()
            && let Some(place) = line.trim_start().strip_prefix("at ")
        {
            self.tell(place, report);
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.tell("", report);
    }
}

impl Deno {
    fn tell(&mut self, place: &str, report: &mut Report) {
        let Some((code, message)) = self.open.take() else { return };
        let found = whole(place.strip_prefix("file://").unwrap_or(place));
        report.problem(&Problem {
            code: &code,
            message: &message,
            file: found.map_or("", |found| found.file),
            line: found.map_or(0, |found| found.line),
            column: found.map_or(0, |found| found.column),
            ..Problem::ERROR
        });
    }
}

/// `TS2322 [ERROR]: message`, the first after `error: `.
fn heading(line: &str) -> Option<(&str, &str)> {
    let text = line.strip_prefix("error: ").unwrap_or(line);
    let (code, message) = text.split_once(" [ERROR]: ")?;
    let digits = code.strip_prefix("TS")?;
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then_some((code, message))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn each_error_has_its_place_below() {
        let text = "Check file:///w/a.ts\nerror: TS2322 [ERROR]: Type 'string' is not assignable.\nconst x\n      ^\n    at file:///w/a.ts:1:7\n\nTS2304 [ERROR]: Cannot find name 'y'.\n    at file:///w/b.ts:2:1\n\nFound 2 errors.\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.kind.name(), found.details.error_count), ("typecheck", Some(2)));
        assert_eq!(found.details.affected_files, ["/w/a.ts", "/w/b.ts"]);
    }
}
