//! PHP's errors (<https://www.php.net/manual/en/errorfunc.constants.php>), as logged (`PHP Fatal error:`)
//! and as displayed (`Fatal error:`); both may be in one text.
//!
//! ```text
//! PHP Fatal error:  Uncaught TypeError: total(): … in /app/lib.php:2
//! Stack trace:
//! #0 /app/i.php(4): total()
//! #1 {main}
//!   thrown in /app/lib.php on line 2
//! PHP Parse error:  syntax error, unexpected token "{" in x.php on line 2
//! ```

use super::super::location::number;
use super::thrown::{Named, Thrown};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Fix, Rank, Report};

pub(super) static SPEC: Spec = Spec {
    name: "php",
    markers: &["Fatal error: ", "Parse error: ", "Recoverable fatal error: "],
    recognises: |sample| sample.lines().any(|line| fatal(line).is_some()),
    start: || Box::new(Php::default()),
};

#[derive(Default)]
struct Php {
    current: Option<Thrown>,
    first: Option<Thrown>,
    parse: bool,
}

impl Dialect for Php {
    fn report(&self) -> Report {
        Report::new("php", Kind::RuntimeError, Rank::Runtime)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        match line.as_bytes().first() {
            Some(b'#') => {
                // #0 /app/i.php(4): total()
                let Some((_, rest)) = line.strip_prefix('#').and_then(number) else { return };
                if let Some((file, after)) = rest.trim_start().split_once('(')
                    && let (Some((row, _)), Some(thrown)) = (number(after), &mut self.current)
                    && is_own(file)
                {
                    thrown.frame(file, row, 0);
                }
            }
            Some(b' ') => {
                let Some(place) = line.trim_start().strip_prefix("thrown in ") else { return };
                if let (Some((file, _)), Some(thrown)) =
                    (place.rsplit_once(" on line "), &mut self.current)
                {
                    if is_own(file) {
                        thrown.file(file);
                    }
                    self.end(report);
                }
            }
            Some(b'P' | b'F' | b'R') => {
                if let Some((level, message)) = fatal(line) {
                    self.begin(line, level, message, report);
                }
            }
            _ => {}
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.end(report);
        let Some(thrown) = self.first.take() else { return };
        thrown.tell(report);
        let message = thrown.error.message.as_str();
        if self.parse {
            report.kind = Kind::BuildFailure;
            report.suggestion = None;
        } else if message.starts_with("Allowed memory size") || message.starts_with("Out of memory")
        {
            report.kind = Kind::ResourceExhaustion;
            report.suggestion =
                Some("Raise memory_limit (php -d memory_limit=1G), or use less at once".to_owned());
        } else if message.starts_with("Maximum execution time") {
            report.kind = Kind::Timeout;
            report.suggestion = None;
        } else if message.contains("vendor/autoload.php") {
            report.kind = Kind::Dependency;
            report.suggestion = None;
            report.fix = Some(Fix {
                command: "composer install".to_owned(),
                title: "Install the dependencies".to_owned(),
            });
        }
    }
}

impl Php {
    fn begin(&mut self, line: &str, level: &str, message: &str, report: &mut Report) {
        self.end(report);
        let (words, file, row) = place(message);
        let (class, text) = match words.strip_prefix("Uncaught ") {
            Some(rest) => {
                let (class, text) = rest.split_once(':').unwrap_or((rest, ""));
                (class.trim(), text.trim())
            }
            None => ("", words),
        };
        // The quotation ends where the places begin.
        let words = words.split_once(", called in ").map_or(words, |(words, _)| words);
        let parse = level == "Parse error";
        let quote = if parse {
            line.to_owned()
        } else {
            let end = line.len().min(line.len() - message.len() + words.len());
            line.get(..end).unwrap_or(line).to_owned()
        };
        let mut thrown = Thrown::new(Named::new(class, text, &quote), report.line_number());
        if let Some((_, called)) = message.split_once(", called in ")
            && let Some((file, _)) = called.split_once(" on line ")
            && is_own(file)
        {
            thrown.file(file);
        }
        if is_own(file) {
            thrown.frame(file, row, 0);
        }
        if self.first.is_none() {
            self.parse = parse;
        }
        self.current = Some(thrown);
    }

    fn end(&mut self, report: &mut Report) {
        let Some(thrown) = self.current.take() else { return };
        // The same, logged and displayed.
        if self.first.as_ref().is_some_and(|first| {
            first.error.message == thrown.error.message && first.error.class == thrown.error.class
        }) {
            return;
        }
        thrown.count(report);
        if self.first.is_none() {
            self.first = Some(thrown);
        }
    }
}

/// `PHP Fatal error:  message`: level and message, where it ends in a place as PHP's do.
fn fatal(line: &str) -> Option<(&str, &str)> {
    let text = line.strip_prefix("PHP ").unwrap_or(line);
    let (level, message) = text.split_once(": ")?;
    let known = matches!(level, "Fatal error" | "Parse error" | "Recoverable fatal error");
    let message = message.trim_start();
    let placed = message.contains(" on line ")
        || message.starts_with("Uncaught ")
        || text.len() < line.len();
    (known && placed).then_some((level, message))
}

/// `message in /app/a.php on line 3`, `message in /app/a.php:3`: message, file, line.
fn place(message: &str) -> (&str, &str, u32) {
    let Some((words, place)) = message.rsplit_once(" in ") else { return (message, "", 0) };
    let (file, row) =
        place.rsplit_once(" on line ").or_else(|| place.rsplit_once(':')).unwrap_or((place, ""));
    match number(row) {
        Some((row, "")) => (words, file, row),
        // `… called in A on line 4 and defined in B:2` has its last place taken already.
        _ => (message, "", 0),
    }
}

fn is_own(file: &str) -> bool {
    !file.is_empty() && !file.contains("/vendor/") && !file.starts_with('[') && !file.contains(' ')
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn logged_and_displayed_it_is_one_failure() {
        let text = "PHP Fatal error:  Uncaught RuntimeException: no row in /p/lib/db.php:7\nStack trace:\n#0 /p/index.php(4): row()\n#1 {main}\n  thrown in /p/lib/db.php on line 7\n\nFatal error: Uncaught RuntimeException: no row in /p/lib/db.php:7\nStack trace:\n#0 /p/index.php(4): row()\n#1 {main}\n  thrown in /p/lib/db.php on line 7\n";
        let answer = analyze(text, &Status::default(), None, 0);
        assert_eq!(answer.kind, Kind::RuntimeError);
        assert_eq!(answer.details.error_count, Some(1));
        assert_eq!(answer.details.errors_by_type.get("RuntimeException"), Some(&1));
        assert_eq!(answer.details.affected_files, ["/p/lib/db.php", "/p/index.php"]);
        assert_eq!(
            answer.details.first_error.as_deref(),
            Some("PHP Fatal error:  Uncaught RuntimeException: no row")
        );
    }
}
