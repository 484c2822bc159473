//! Linkers: GNU ld and gold, lld, mold, and Apple's ld
//! (<https://sourceware.org/binutils/docs/ld/>, <https://lld.llvm.org/>).
//!
//! ```text
//! ld     /usr/bin/ld: a.o: in function `main':
//!        a.c:(.text+0xf): undefined reference to `f'          (/app/a.c:3: … with debug information)
//!        /usr/bin/ld: cannot find -lfoo: No such file or directory
//! lld    ld.lld: error: undefined symbol: f
//!        >>> referenced by a.c:3
//! Apple  Undefined symbols for architecture arm64:
//!          "_f", referenced from:
//! ```

use super::super::location::number;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "linker",
    markers: &[
        "undefined reference to ",
        "multiple definition of ",
        ": cannot find -l",
        "lld: error: ",
        "ld: error: ",
        "mold: error: ",
        "Undefined symbols for architecture",
        "duplicate symbol",
        "ld: library ",
        "collect2: ",
        "linker command failed",
    ],
    recognises,
    start: || Box::new(Linker::default()),
};

const FAULTS: [&str; 10] = [
    "undefined reference to ",
    "multiple definition of ",
    "cannot find ",
    "cannot open ",
    "unrecognized option ",
    "relocation truncated to fit",
    "file not recognized",
    "undefined symbol: ",
    "duplicate symbol",
    "library ",
];

fn recognises(sample: &Sample) -> bool {
    sample.lines().any(|line| fault(line).is_some() || apple(line) || wrapper(line))
}

#[derive(Default)]
struct Linker {
    /// Whether Apple's list of missing symbols is being read.
    listing: bool,
    /// Whether it was said that linking failed.
    refused: bool,
}

impl Dialect for Linker {
    fn report(&self) -> Report {
        Report::new("ld", Kind::BuildFailure, Rank::Build)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.as_bytes().first() else { return };
        match first {
            b' ' if self.listing => self.listed(line, report),
            b' ' => {}
            b'>' if report.errors > 0 && line.starts_with(">>> ") => referenced(line, report),
            _ => {
                self.listing = apple(line);
                if let Some(at) = fault(line) {
                    let (place, message) = line.split_at(at);
                    source(place, report);
                    // Where it was defined before is of interest as well.
                    if let Some((_, other)) = message.split_once("; ") {
                        source(other, report);
                    }
                    let message = message.split_once("; ").map_or(message, |(fault, _)| fault);
                    report.problem(&Problem { message, ..Problem::ERROR });
                } else if wrapper(line) {
                    self.refused = true;
                }
            }
        }
    }

    fn finish(&mut self, report: &mut Report) {
        if self.refused && report.errors == 0 {
            report.failed = true;
            report.rank = Rank::Wrapper;
            report.quote("The linker failed");
        }
    }
}

impl Linker {
    /// `  "_f", referenced from:`
    fn listed(&mut self, line: &str, report: &mut Report) {
        if let Some(symbol) = line.trim_start().strip_suffix(", referenced from:") {
            let message = format!("Undefined symbol: {}", symbol.trim_matches('"'));
            report.problem(&Problem { message: &message, ..Problem::ERROR });
        }
    }
}

/// Where the fault begins in a line of a linker.
fn fault(line: &str) -> Option<usize> {
    let bytes = line.as_bytes();
    for start in [&b"undefined reference to "[..], b"multiple definition of "] {
        // `a.c:(.text+0xf): undefined reference` and nothing in between that is prose.
        if let Some(at) = memchr::memmem::find(bytes, start)
            && line.get(..at).is_some_and(|before| before.ends_with(": "))
        {
            return Some(at);
        }
    }
    let at = memchr::memmem::find(bytes, b": ")?;
    let name = line.get(..at)?;
    let name = name.rsplit(['/', '\\']).next()?;
    let name = name.strip_suffix(".exe").unwrap_or(name);
    let linker = name == "ld"
        || name == "mold"
        || name.ends_with("-ld")
        || name.starts_with("ld.")
        || name.starts_with("ld64.")
        || name.ends_with("-lld")
        || name == "lld-link";
    if !linker {
        return None;
    }
    let rest = line.get(at + 2..)?;
    if let Some(said) = rest.strip_prefix("error: ") {
        return (!said.starts_with("too many errors")).then_some(at + 2 + "error: ".len());
    }
    FAULTS.iter().any(|fault| rest.starts_with(fault)).then_some(at + 2)
}

fn apple(line: &str) -> bool {
    line.starts_with("Undefined symbols for architecture ")
}

fn wrapper(line: &str) -> bool {
    line.starts_with("collect2: error: ")
        || (line.starts_with("clang") && line.contains("error: linker command failed"))
        || line.starts_with("collect2: fatal error: ")
}

/// The source of `/usr/bin/ld: a.c:(.text+0x1b): ` or `/app/a.c:3: `.
fn source(place: &str, report: &mut Report) {
    let mut rest = place;
    while let Some((part, after)) = rest.split_once(':') {
        let file = part.trim();
        let placed = after.starts_with("(.") || number(after).is_some();
        if placed && file.contains('.') && is_source(file) {
            report.file(file);
        }
        rest = after;
    }
}

fn is_source(file: &str) -> bool {
    let extension = file.rsplit_once('.').map_or("", |(_, extension)| extension);
    !extension.is_empty()
        && extension.len() <= 5
        && !matches!(extension, "o" | "a" | "so" | "obj" | "lib" | "dylib" | "lo")
        && extension.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+')
}

/// `>>> referenced by a.c:3 (/app/a.c:3)`, `>>> defined at a.c`
fn referenced(line: &str, report: &mut Report) {
    for start in [">>> referenced by ", ">>> defined at "] {
        if let Some(rest) = line.strip_prefix(start) {
            let file = rest.split([':', ' ']).next().unwrap_or_default();
            if is_source(file) {
                report.file(file);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn gnu_s_undefined_references_are_counted_with_their_sources() {
        let text = "/usr/bin/ld: b.o: in function `run':\n/app/src/b.c:12: undefined reference to `sqrt'\n\
            /usr/bin/ld: cannot find -lfoo: No such file or directory\ncollect2: error: ld returned 1 exit status\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.kind, Kind::BuildFailure);
        assert_eq!(found.details.error_count, Some(2));
        assert_eq!(found.details.first_error.as_deref(), Some("undefined reference to `sqrt'"));
        assert_eq!(found.details.affected_files, ["/app/src/b.c"]);
    }

    #[test]
    fn lld_s_undefined_symbols_are_counted() {
        let text = "ld.lld: error: undefined symbol: helper\n>>> referenced by main.c:4\n>>>               main.o:(main)\n\
            clang: error: linker command failed with exit code 1 (use -v to see invocation)\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.details.error_count, Some(1));
        assert_eq!(found.details.first_error.as_deref(), Some("undefined symbol: helper"));
        assert_eq!(found.details.affected_files, ["main.c"]);
    }
}
