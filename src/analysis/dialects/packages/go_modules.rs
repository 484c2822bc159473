//! Go's modules (<https://go.dev/ref/mod>; wording in `cmd/go/internal/modload` and `modfetch`).
//!
//! ```text
//! main.go:3:8: no required module provides package x.test/y; to add it:
//!     go get x.test/y
//! main.go:3:8: missing go.sum entry for module providing package x.test/y; to add:
//!     go mod download x.test/y
//! go: x.test/y@v1.2.3: invalid version: unknown revision v1.2.3
//! verifying x.test/y@v1.2.3: checksum mismatch
//! ```

use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::location::colons;
use crate::analysis::dialects::phrases::plain_word;
use crate::analysis::kind::Kind;
use crate::analysis::report::{Fix, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "go-modules",
    markers: &[
        "no required module provides package ",
        "cannot find module providing package ",
        "missing go.sum entry",
        " is not in std",
        " is not in GOROOT",
        "cannot find package \"",
        "checksum mismatch",
        "go: ",
    ],
    recognises,
    start: || Box::new(GoModules::default()),
};

fn recognises(sample: &Sample) -> bool {
    let mut modules = GoModules::default();
    let mut report = modules.report();
    sample.lines().for_each(|line| modules.line(line, &mut report));
    report.is_failure()
}

#[derive(Default)]
struct GoModules {
    /// The command Go names comes indented.
    command: bool,
}

impl Dialect for GoModules {
    fn report(&self) -> Report {
        Report::new("go", Kind::Dependency, Rank::Tool)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.as_bytes().first() else { return };
        if *first == b'\t' {
            if self.command {
                self.command = false;
                named_command(line.trim(), report);
            }
            return;
        }
        self.command = false;
        if line.starts_with("go: ") {
            self.tool_line(line, report);
        } else if line.starts_with("verifying ") && line.ends_with(": checksum mismatch") {
            found(line, report);
            report.suggestion = Some(
                "Find out why the module changed; if it is expected, run: go clean -modcache, and correct go.sum"
                    .to_owned(),
            );
        } else if memchr::memmem::find(line.as_bytes(), b"package ").is_some()
            || memchr::memmem::find(line.as_bytes(), b" is not in ").is_some()
        {
            self.place(line, report);
        }
    }
}

impl GoModules {
    /// `main.go:3:8: …`, or the same without a place.
    fn place(&mut self, line: &str, report: &mut Report) {
        let (file, text) = match colons(line) {
            Some(place) if place.file.ends_with(".go") => (place.file, place.rest),
            _ => ("", line),
        };
        const MISSING: [&str; 3] = [
            "no required module provides package ",
            "cannot find module providing package ",
            "missing go.sum entry for module providing package ",
        ];
        let package = MISSING.iter().find_map(|start| text.strip_prefix(start));
        let absent = text.starts_with("package ")
            && (text.contains(" is not in std") || text.contains(" is not in GOROOT"))
            || text.starts_with("cannot find package \"");
        if package.is_none() && !absent {
            return;
        }
        report.file(file);
        if report.failed {
            // Further packages are counted, and the one already quoted stays the cause.
            report.errors += 1;
            return;
        }
        found(text, report);
        self.command = text.ends_with("to add it:") || text.ends_with("to add:");
        let package = package.and_then(|rest| rest.split([';', ':', ' ']).next());
        if let Some(package) = package.filter(|package| plain_word(package)) {
            let title = format!("Add {package}");
            report.fix = Some(Fix { command: format!("go get {package}"), title });
        }
    }

    /// `go: …` by the go command itself; progress is worded the same way.
    fn tool_line(&mut self, line: &str, report: &mut Report) {
        let text = &line["go: ".len()..];
        const CALM: [&str; 7] = [
            "downloading ",
            "finding ",
            "added ",
            "upgraded ",
            "downgraded ",
            "extracting ",
            "removed ",
        ];
        if report.failed || CALM.iter().any(|calm| text.starts_with(calm)) {
            return;
        }
        const CAUSES: [&str; 18] = [
            "invalid version: ",
            "unknown revision ",
            "no matching versions for query",
            ": reading ",
            "go.mod file not found",
            "cannot find main module",
            "updates to go.mod needed",
            "inconsistent vendoring",
            "errors parsing go.mod",
            "does not contain package ",
            "checksum mismatch",
            "missing go.sum entry",
            "requires go >= ",
            ": not found: ",
            "parsing go.mod: ",
            "dial tcp",
            "git ls-remote ",
            "conflicting requirements",
        ];
        if !CAUSES.iter().any(|cause| text.contains(cause)) {
            return;
        }
        found(line, report);
        let network =
            text.contains("dial tcp") || text.contains("i/o timeout") || text.contains("TLS ");
        if network {
            report.kind = Kind::NetworkError;
        } else if text.contains("terminal prompts disabled") || text.contains("401 Unauthorized") {
            report.kind = Kind::Auth;
        }
        self.command = text.ends_with(':');
        if text.starts_with("inconsistent vendoring") {
            let title = "Bring the vendor directory up to date".to_owned();
            report.fix = Some(Fix { command: "go mod vendor".to_owned(), title });
        }
    }
}

fn found(line: &str, report: &mut Report) {
    report.failed = true;
    report.errors += 1;
    report.quote(line);
}

/// The command Go tells one to run.
fn named_command(command: &str, report: &mut Report) {
    if command.starts_with("go ")
        && command.split(' ').skip(1).all(|word| word == "-u" || plain_word(word))
    {
        let title = "Run what go suggests".to_owned();
        report.fix = Some(Fix { command: command.to_owned(), title });
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::kind::Kind;
    use crate::analysis::status::Status;

    #[test]
    fn the_command_go_names_is_the_repair() {
        let text = "cmd/a/main.go:4:2: no required module provides package x.test/y; to add it:\n\tgo get x.test/y\n";
        let analysis = analyze(text, &Status::default(), None, 0);
        assert_eq!(analysis.kind, Kind::Dependency);
        assert_eq!(analysis.details.affected_files, ["cmd/a/main.go"]);
        assert_eq!(analysis.fix.unwrap().command, "go get x.test/y");
        let text = "go: downloading x.test/y v1.0.0\ngo: updates to go.mod needed; to update it:\n\tgo mod tidy\n";
        assert_eq!(analyze(text, &Status::default(), None, 0).fix.unwrap().command, "go mod tidy");
    }
}
