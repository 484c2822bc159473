//! Interpreters that refuse to compile a script: `php -l`, `perl -c`, `ruby -c`
//! (<https://www.php.net/manual/en/features.commandline.options.php>, <https://perldoc.perl.org/perldiag>,
//! <https://docs.ruby-lang.org/en/master/syntax_rdoc.html>).
//!
//! ```text
//! php    PHP Parse error:  syntax error, unexpected token "{" in a.php on line 2
//!        Errors parsing a.php
//! perl   Global symbol "$x" requires explicit package name … at a.pl line 2.
//!        syntax error at a.pl line 3, near "}"
//!        Execution of a.pl aborted due to compilation errors.      (a.pl had compilation errors.)
//! ruby   a.rb:3: syntax error, unexpected end-of-input             (a.rb:3: syntax errors found)
//! ```

use super::super::location::{colons, number};
use super::Seen;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "script-syntax",
    markers: &[
        "Parse error: ",
        "Errors parsing ",
        " aborted due to compilation errors",
        " had compilation errors",
        " had too many errors",
        ": syntax error",
    ],
    recognises,
    start: || Box::new(Scripts::default()),
};

/// Lines of Perl kept until it says that they were compilation errors.
const MAX_KEPT: usize = 100;

fn recognises(sample: &Sample) -> bool {
    sample.lines().any(|line| php(line).is_some() || perl_end(line) || ruby(line).is_some())
}

#[derive(Default)]
struct Scripts {
    seen: Seen,
    /// What Perl said so far with a place, and where in the text the first of it was.
    perl: Vec<String>,
    perl_dropped: u64,
}

impl Dialect for Scripts {
    fn report(&self) -> Report {
        Report::new("php", Kind::BuildFailure, Rank::Build)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.as_bytes().first() else { return };
        if *first == b' ' || *first == b'\t' {
            return;
        }
        if memchr::memmem::find(line.as_bytes(), b"rror").is_none() {
            self.keep(line);
        } else if let Some(said) = php(line) {
            // Logged and displayed, it is printed twice.
            if self.seen.is_new(said) {
                let (message, file, row) = php_place(said);
                report.quote(line);
                report.problem(&Problem { message, file, line: row, ..Problem::ERROR });
            }
        } else if perl_end(line) {
            self.perl_ends(report);
        } else if let Some((file, row, message)) = ruby(line) {
            report.tool = "ruby";
            report.quote(line);
            report.problem(&Problem { message, file, line: row, ..Problem::ERROR });
        } else {
            self.keep(line);
        }
    }
}

impl Scripts {
    /// Keeps what may turn out to be Perl's.
    fn keep(&mut self, line: &str) {
        if perl(line).is_none() {
            return;
        }
        if self.perl.len() < MAX_KEPT && line.len() < 2000 {
            self.perl.push(line.to_owned());
        } else {
            self.perl_dropped += 1;
        }
    }

    fn perl_ends(&mut self, report: &mut Report) {
        let kept = std::mem::take(&mut self.perl);
        // A module that is not there is no fault of the source.
        if kept.iter().any(|line| line.starts_with("Can't locate ") && line.contains("@INC")) {
            return;
        }
        report.tool = "perl";
        for said in &kept {
            let Some((file, line)) = perl(said) else { continue };
            report.problem(&Problem { message: said, file, line, ..Problem::ERROR });
        }
        report.errors += std::mem::take(&mut self.perl_dropped);
        report.failed = true;
    }
}

/// `PHP Parse error:  said`, `Parse error: said`: what is said, with the place at its end.
fn php(line: &str) -> Option<&str> {
    let text = line.strip_prefix("PHP ").unwrap_or(line);
    let said = text.strip_prefix("Parse error: ")?.trim_start();
    said.contains(" on line ").then_some(said)
}

fn php_place(said: &str) -> (&str, &str, u32) {
    let placed = said.rsplit_once(" on line ").and_then(|(before, row)| {
        let (message, file) = before.rsplit_once(" in ")?;
        Some((message, file, number(row)?.0))
    });
    placed.unwrap_or((said, "", 0))
}

/// `said at FILE line N.` or `… line N, near "…"`
fn perl(line: &str) -> Option<(&str, u32)> {
    let at = memchr::memmem::rfind(line.as_bytes(), b" line ")?;
    let (row, rest) = number(line.get(at + " line ".len()..)?)?;
    if !rest.starts_with('.') && !rest.starts_with(", ") {
        return None;
    }
    let before = line.get(..at)?;
    let (_, file) = before.rsplit_once(" at ")?;
    Some((file, row))
}

fn perl_end(line: &str) -> bool {
    let rest = |text: &str| text.ends_with(".") || text.is_empty();
    (line.starts_with("Execution of ") && line.contains(" aborted due to compilation errors"))
        || line
            .split_once(" had compilation errors")
            .is_some_and(|(name, after)| rest(after) && !name.contains(' '))
        || line
            .split_once(" had too many errors")
            .is_some_and(|(name, after)| rest(after) && !name.contains(' '))
        || (line.starts_with("BEGIN not safe after errors") && line.contains(" line "))
}

/// `a.rb:3: syntax error, …`, also behind the interpreter's name.
fn ruby(line: &str) -> Option<(&str, u32, &str)> {
    memchr::memmem::find(line.as_bytes(), b": syntax error")?;
    let text = line.strip_prefix("ruby: ").unwrap_or(line);
    let place = colons(text)?;
    let ruby = place.file.ends_with(".rb")
        || place.file.ends_with("Rakefile")
        || place.file.ends_with("Gemfile");
    (ruby && place.rest.starts_with("syntax error")).then_some((place.file, place.line, place.rest))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn php_tells_it_twice_and_it_counts_once() {
        let text = "PHP Parse error:  syntax error, unexpected end of file in /app/a.php on line 9\n\
            \nParse error: syntax error, unexpected end of file in /app/a.php on line 9\n\nErrors parsing /app/a.php\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.kind, Kind::BuildFailure);
        assert_eq!(found.details.error_count, Some(1));
        assert_eq!(found.details.affected_files, ["/app/a.php"]);
    }

    #[test]
    fn perl_s_errors_count_when_it_says_they_were_the_compiler_s() {
        let text =
            "syntax error at bin/a.pl line 7, near \"){\"\nbin/a.pl had compilation errors.\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.kind, Kind::BuildFailure);
        assert_eq!(found.details.affected_files, ["bin/a.pl"]);
        let first = found.details.first_error.unwrap_or_default();
        assert_eq!(first, "syntax error at bin/a.pl line 7, near \"){\"");
    }
}
