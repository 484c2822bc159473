//! The Go compiler under `go build`, `go vet`, `go run` and `go test`
//! (<https://pkg.go.dev/cmd/go>, <https://pkg.go.dev/cmd/vet>).
//!
//! ```text
//! # example.com/inv                                        the package, before its errors
//! ./calc.go:4:9: cannot use a (variable of type int) as string value in return statement
//! ./calc.go:12:39: too many arguments in call to total
//!     have (number, number)
//! ./calc.go:14:2: too many errors
//! vet: ./calc.go:4:9: undefined: x
//! ```
//! Without a header such a line may be a linter's; there it must speak as the compiler does.

use super::super::location::{Place, colons};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec =
    Spec { name: "go-build", markers: &[".go:"], recognises, start: || Box::new(Go::default()) };

/// How the compiler begins what it says.
const WORDS: [&str; 14] = [
    "undefined: ",
    "syntax error: ",
    "expected ",
    "cannot use ",
    "declared and not used",
    "imported and not used",
    "missing return",
    "invalid operation: ",
    "not enough arguments in call",
    "too many arguments in call",
    "assignment mismatch: ",
    "cannot assign to ",
    "non-declaration statement outside function body",
    "pattern ",
];

/// What is said of packages is not a fault of the source.
const PACKAGES: [&str; 3] = [
    "cannot find module providing package ",
    "no required module provides package ",
    "missing go.sum entry",
];

fn recognises(sample: &Sample) -> bool {
    let mut go = Go::default();
    sample.lines().any(|line| go.error(line).is_some())
}

#[derive(Default)]
struct Go {
    /// Whether a package's header was seen, and its errors follow.
    package: bool,
}

impl Dialect for Go {
    fn report(&self) -> Report {
        Report::new("go", Kind::BuildFailure, Rank::Build)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(Place { file, line, column, rest }) = self.error(line) else { return };
        if rest == "too many errors" {
            return;
        }
        report.problem(&Problem { message: rest, file, line, column, ..Problem::ERROR });
    }
}

impl Go {
    fn error<'t>(&mut self, line: &'t str) -> Option<Place<'t>> {
        let first = line.as_bytes().first()?;
        match first {
            b'#' => {
                self.package = line.strip_prefix("# ").is_some_and(|name| {
                    name.len() < 500
                        && name.split(' ').nth(1).is_none_or(|test| test.starts_with('['))
                });
                return None;
            }
            // Elaborations.
            b'\t' | b' ' => return None,
            _ => {}
        }
        let found = memchr::memmem::find(line.as_bytes(), b".go:").and_then(|_| {
            let place = colons(line.strip_prefix("vet: ").unwrap_or(line))?;
            let source = place.file.ends_with(".go") && !place.file.contains(' ');
            (source && place.column > 0 && !place.rest.is_empty()).then_some(place)
        });
        let Some(place) = found else {
            self.package = false;
            return None;
        };
        let said = |words: &[&str]| words.iter().any(|word| place.rest.starts_with(word));
        let compiler = self.package
            || said(&WORDS)
            || place.rest.ends_with("declared and not used")
            || place.rest.ends_with(" imported and not used");
        (compiler
            && !said(&PACKAGES)
            && (self.package || !place.rest.ends_with(')') || said(&WORDS[..4])))
        .then_some(place)
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn errors_under_a_package_s_header_are_counted() {
        let text = "# example.com/a [example.com/a.test]\n./a_test.go:9:14: undefined: Missing\n\
            ./a_test.go:12:2: not enough arguments in call to Run\n\thave ()\n\twant (int)\nFAIL\texample.com/a [build failed]\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.kind, Kind::BuildFailure);
        assert_eq!(found.details.error_count, Some(2));
        assert_eq!(found.details.first_error.as_deref(), Some("undefined: Missing"));
        assert_eq!(found.details.affected_files, ["./a_test.go"]);
    }

    #[test]
    fn a_linter_s_line_is_not_the_compiler_s() {
        let text = "main.go:5:2: ineffectual assignment to x (ineffassign)\n";
        assert_ne!(analyze(text, &Status::default(), None, 0).kind, Kind::BuildFailure);
    }
}
