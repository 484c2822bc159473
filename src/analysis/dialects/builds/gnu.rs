//! Compilers that print as the GNU Coding Standards ask: gcc, g++, gfortran, clang, swiftc, zig
//! (<https://gcc.gnu.org/onlinedocs/gcc/Diagnostic-Message-Formatting-Options.html>,
//! <https://clang.llvm.org/docs/UsersManual.html#formatting-of-diagnostics>).
//!
//! ```text
//! main.c:8:5: error: too few arguments to function ‘f’
//! main.c:2:10: fatal error: x.h: No such file or directory
//! main.c:6:13: warning: unused variable ‘n’ [-Wunused-variable]
//! cc1: all warnings being treated as errors        2 warnings and 1 error generated.
//! ```
//! Linters print alike; they are told apart by the source's extension and by what stands in brackets at
//! the end, where these compilers have nothing but options (`[-W…]`).

use super::super::location::{Place, colons, number};
use super::{conclude, count};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "gnu-compilers",
    markers: &[" error: ", ": warning: ", ": Error: ", ": Fatal Error: "],
    recognises,
    start: || Box::new(Gnu::default()),
};

/// Extensions of what these compilers compile.
const SOURCES: [&str; 38] = [
    "c", "h", "cc", "cpp", "cxx", "c++", "C", "H", "hh", "hpp", "hxx", "h++", "inl", "ipp", "tcc",
    "inc", "def", "i", "ii", "m", "mm", "cu", "cuh", "s", "S", "f", "F", "for", "f90", "F90",
    "f95", "f03", "f08", "swift", "zig", "d", "y", "ino",
];

/// Drivers and passes that speak without a place.
const DRIVERS: [&str; 11] =
    ["gcc", "g++", "cc", "c++", "clang", "clang++", "cc1", "cc1plus", "gfortran", "f951", "swiftc"];

fn recognises(sample: &Sample) -> bool {
    sample.lines().any(|line| {
        speaks(line).is_some_and(|at| diagnostic(line, at).is_some() || driver(line).is_some())
            || line.strip_suffix(':').is_some_and(|place| fortran_place(place).is_some())
    })
}

#[derive(Default)]
struct Gnu {
    /// The sum of what clang says it generated.
    stated: u64,
    /// Of a Fortran place, the file and the row whose message comes later.
    place: Option<(String, u32, u32)>,
}

impl Dialect for Gnu {
    fn report(&self) -> Report {
        Report::new("gcc", Kind::BuildFailure, Rank::Build)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.as_bytes().first() else { return };
        if *first == b' ' {
            return;
        }
        let said = speaks(line);
        if let Some((place, severity, message)) = said.and_then(|at| diagnostic(line, at)) {
            match place.file.rsplit_once('.') {
                Some((_, "swift")) => report.tool = "swift",
                Some((_, "zig")) => report.tool = "zig",
                _ => {}
            }
            let Place { file, line, column, .. } = place;
            // Error or fatal error, as the compiler calls it.
            if severity == Severity::Error {
                report.quote(place.rest);
            }
            count(&Problem { severity, message, file, line, column, ..Problem::ERROR }, report);
        } else if let Some(said) = said.and_then(|_| driver(line)) {
            report.problem(&Problem { message: said, ..Problem::ERROR });
        } else if first.is_ascii_digit() && line.ends_with(" generated.") {
            self.stated += generated(line);
        } else if let Some(place) = line.strip_suffix(':').filter(|_| line.len() < 500) {
            self.place = fortran_place(place);
        } else if let Some(message) =
            line.strip_prefix("Error: ").or_else(|| line.strip_prefix("Fatal Error: "))
            && let Some((file, row, column)) = self.place.take()
        {
            report.quote(line);
            report.problem(&Problem { message, file: &file, line: row, column, ..Problem::ERROR });
        }
    }

    fn finish(&mut self, report: &mut Report) {
        if self.stated > report.errors {
            report.stated = Some(self.stated);
        }
        conclude(report);
    }
}

/// Where a line may say that something is an error or a warning.
fn speaks(line: &str) -> Option<usize> {
    let bytes = line.as_bytes();
    memchr::memmem::find(bytes, b"rror: ").or_else(|| memchr::memmem::find(bytes, b"warning: "))
}

/// A line with a place in a source of these languages, what it is, and what it says.
fn diagnostic(line: &str, at: usize) -> Option<(Place<'_>, Severity, &str)> {
    if at < 3 {
        return None;
    }
    let place = colons(line)?;
    let extension = place.file.rsplit_once('.')?.1;
    if !SOURCES.contains(&extension) || place.file.len() > 500 {
        return None;
    }
    let (severity, message) = severity(place.rest)?;
    if bracketed_rule(message) {
        return None;
    }
    Some((place, severity, message))
}

fn severity(rest: &str) -> Option<(Severity, &str)> {
    const ERRORS: [&str; 5] = [
        "error: ",
        "fatal error: ",
        "Error: ",
        "internal compiler error: ",
        "sorry, unimplemented: ",
    ];
    for start in ERRORS {
        if let Some(message) = rest.strip_prefix(start) {
            return Some((Severity::Error, message));
        }
    }
    rest.strip_prefix("warning: ").map(|message| (Severity::Warning, message))
}

/// Whether a linter's rule ends the message: `[modernize-use-nullptr]`, `[nullPointer]`, `(line_length)`.
fn bracketed_rule(message: &str) -> bool {
    let inner = message
        .strip_suffix(']')
        .and_then(|text| text.rsplit_once(" ["))
        .or_else(|| message.strip_suffix(')').and_then(|text| text.rsplit_once(" (")))
        .map(|(_, inner)| inner);
    inner.is_some_and(|inner| {
        inner.len() > 5
            && !inner.starts_with('-')
            && inner
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b','))
            && inner
                .bytes()
                .skip(1)
                .any(|b| b.is_ascii_uppercase() || matches!(b, b'-' | b'_' | b'.'))
    })
}

/// `gcc: error: x.c: No such file or directory`; not that the linker or another pass failed.
fn driver(line: &str) -> Option<&str> {
    let (name, rest) = line.split_once(": ").filter(|(name, _)| name.len() < 200)?;
    let name = name.rsplit('/').next()?;
    let name = name.strip_suffix(".exe").unwrap_or(name);
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    let said = rest.strip_prefix("fatal error: ").or_else(|| rest.strip_prefix("error: "))?;
    let plain = !said.starts_with("linker command failed") && !said.starts_with("ld returned");
    // The digit of cc1 is its name.
    let known =
        DRIVERS.iter().any(|driver| driver.trim_end_matches('1') == name || *driver == name);
    (known && plain).then_some(rest)
}

/// `2 warnings and 1 error generated.`: the errors.
fn generated(line: &str) -> u64 {
    let text = line.split_once(" and ").map_or(line, |(_, rest)| rest);
    number(text)
        .filter(|(_, rest)| rest.starts_with(" error"))
        .map_or(0, |(count, _)| u64::from(count))
}

/// `a.f90:3:8`, of which gfortran puts the message below the source.
fn fortran_place(text: &str) -> Option<(String, u32, u32)> {
    let (rest, column) = text.rsplit_once(':')?;
    let (file, row) = rest.rsplit_once(':')?;
    let extension = file.rsplit_once('.')?.1;
    extension.starts_with(['f', 'F']).then_some(())?;
    Some((file.to_owned(), row.parse().ok()?, column.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn errors_and_warnings_of_clang_are_counted_apart() {
        let text = "In file included from src/main.cpp:1:\nsrc/a.hpp:3:1: error: unknown type name 'strin'\nstrin x;\n^\n\
            src/main.cpp:9:7: warning: unused variable 'y' [-Wunused-variable]\n1 warning and 1 error generated.\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.kind, Kind::BuildFailure);
        assert_eq!((found.details.error_count, found.details.warning_count), (Some(1), Some(1)));
        assert_eq!(found.details.affected_files, ["src/a.hpp"]);
        assert_eq!(found.details.first_error.as_deref(), Some("error: unknown type name 'strin'"));
    }

    #[test]
    fn a_missing_header_is_the_cause() {
        let text = "main.c:2:10: fatal error: zlib.h: No such file or directory\n    2 | #include <zlib.h>\n\
            compilation terminated.\nmake: *** [Makefile:4: main.o] Error 1\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.details.error_count, Some(1));
        let first = found.details.first_error.unwrap_or_default();
        assert_eq!(first, "fatal error: zlib.h: No such file or directory");
    }

    #[test]
    fn linters_that_print_alike_are_left_alone() {
        let text = "a.cpp:3:5: warning: use nullptr [modernize-use-nullptr]\n";
        assert_ne!(analyze(text, &Status::default(), None, 0).kind, Kind::BuildFailure);
    }
}
