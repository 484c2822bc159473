//! Pyflakes on its own, whose messages have no codes (<https://github.com/PyCQA/pyflakes>,
//! `pyflakes/messages.py` and `pyflakes/reporter.py`).
//!
//! ```text
//! shop/a.py:2:1: 'datetime' imported but unused
//! shop/a.py:14:11: undefined name 'thing'
//! ```

use super::super::location::{Place, colons};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "pyflakes",
    markers: &[".py:"],
    recognises: |sample: &Sample| sample.lines().any(|line| found(line).is_some()),
    start: || Box::new(Pyflakes),
};

/// How messages begin or what stands in them after a name in quotation marks.
const MESSAGES: [&str; 20] = [
    "' imported but unused",
    "' is assigned to but never used",
    "' is annotated but never used",
    "undefined name '",
    "undefined name in __all__: '",
    "redefinition of unused '",
    "redefinition of function '",
    "local variable '",
    "unable to detect undefined names",
    "' may be undefined, or defined from star imports: ",
    "f-string is missing placeholders",
    "t-string is missing placeholders",
    "' shadowed by loop variable",
    "duplicate argument '",
    "dictionary key ",
    "'return' outside function",
    "'...'.format(",
    "'...' % ...",
    "raise NotImplemented should be 'raise NotImplementedError'",
    "is not None' is always ",
];

struct Pyflakes;

impl Dialect for Pyflakes {
    fn report(&self) -> Report {
        Report::new("pyflakes", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(Place { file, line, column, rest }) = found(line) else { return };
        report.problem(&Problem { message: rest, file, line, column, ..Problem::ERROR });
    }
}

fn found(line: &str) -> Option<Place<'_>> {
    if line.starts_with([' ', '\t']) {
        return None;
    }
    memchr::memmem::find(line.as_bytes(), b".py:")?;
    let place = colons(line).filter(|place| place.file.ends_with(".py"))?;
    MESSAGES.iter().any(|message| says(place.rest, message)).then_some(place)
}

/// Messages begin with the words, or with the name the words follow; no code stands before them.
fn says(rest: &str, message: &str) -> bool {
    rest.starts_with(message)
        || rest.starts_with('\'')
            && (message.starts_with('\'') || message.starts_with("unable"))
            && rest.contains(message)
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    #[test]
    fn messages_without_codes_are_counted() {
        let text = "w/a.py:1:1: 'os' imported but unused\nw/b.py:4:5: undefined name 'q'\nw/b.py:9:5: see here\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!((found.tool, found.details.error_count), ("pyflakes", Some(2)));
        assert_eq!(found.details.affected_files, ["w/a.py", "w/b.py"]);
    }
}
