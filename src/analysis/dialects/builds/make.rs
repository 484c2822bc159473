//! GNU make (<https://www.gnu.org/software/make/manual/html_node/Error-Messages.html>).
//!
//! ```text
//! Makefile:2: *** missing separator.  Stop.              the makefile itself is at fault
//! make: *** No rule to make target 'a.c', needed by 'a.o'.  Stop.
//! make: *** [Makefile:5: check] Error 3                  a command it ran failed
//! make[1]: Leaving directory '/app'
//! ```

use super::super::location::number;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec =
    Spec { name: "make", markers: &[": *** "], recognises, start: || Box::new(Make::default()) };

fn recognises(sample: &Sample) -> bool {
    sample.lines().any(|line| said(line).is_some())
}

#[derive(Default)]
struct Make {
    /// The first command that failed; those above it failed because of it.
    wrapper: Option<String>,
}

impl Dialect for Make {
    fn report(&self) -> Report {
        Report::new("make", Kind::BuildFailure, Rank::Build)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some((origin, said)) = said(line) else { return };
        if said.starts_with('[') {
            if self.wrapper.is_none() && !said.ends_with("(ignored)") {
                self.wrapper = Some(line.to_owned());
            }
        } else if said.ends_with("Stop.") || said.starts_with("No rule to make target") {
            let (file, line_number) = match origin.rsplit_once(':') {
                Some((file, row)) => (file, number(row).map_or(0, |(row, _)| row)),
                None => ("", 0),
            };
            // Where several targets lack a rule, each is told.
            report.problem(&Problem { message: line, file, line: line_number, ..Problem::ERROR });
        }
    }

    fn finish(&mut self, report: &mut Report) {
        if report.errors == 0
            && let Some(wrapper) = &self.wrapper
        {
            report.rank = Rank::Wrapper;
            report.quote(wrapper);
            report.errors = 1;
        }
    }
}

/// Who speaks, make or a makefile's line, and what it says.
fn said(line: &str) -> Option<(&str, &str)> {
    let at = memchr::memmem::find(line.as_bytes(), b": *** ")?;
    let (origin, rest) = (line.get(..at)?, line.get(at + ": *** ".len()..)?);
    let name = origin.rsplit(['/', '\\']).next()?;
    let name = name.split(['[', '.']).next()?;
    let make = matches!(name, "make" | "gmake" | "mingw32-make" | "remake");
    let placed = origin.rsplit_once(':').is_some_and(|(file, row)| {
        !file.is_empty() && !row.is_empty() && row.bytes().all(|byte| byte.is_ascii_digit())
    });
    (make || (placed && rest.ends_with("Stop."))).then_some((origin, rest))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn the_innermost_command_that_failed_is_quoted() {
        let text = "make[1]: Entering directory '/app/lib'\nmake[1]: *** [Makefile:3: gen] Error 2\n\
            make[1]: Leaving directory '/app/lib'\nmake: *** [Makefile:9: all] Error 2\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.kind, Kind::BuildFailure);
        assert_eq!(found.details.error_count, Some(1));
        let first = found.details.first_error.unwrap_or_default();
        assert_eq!(first, "make[1]: *** [Makefile:3: gen] Error 2");
    }

    #[test]
    fn an_error_of_the_makefile_names_it() {
        let text = "rules/app.mk:14: *** PREFIX is not set.  Stop.\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.details.affected_files, ["rules/app.mk"]);
        assert_eq!(found.details.error_count, Some(1));
    }
}
