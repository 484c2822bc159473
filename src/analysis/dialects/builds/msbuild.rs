//! MSBuild, `dotnet build` and Visual C++
//! (<https://learn.microsoft.com/visualstudio/msbuild/msbuild-diagnostic-format-for-tasks>).
//!
//! ```text
//! /app/Program.cs(5,13): error CS0103: The name 'x' does not exist in the current context [/app/app.csproj]
//! MSBUILD : error MSB1003: Specify a project or solution file.
//! main.obj : error LNK2019: unresolved external symbol …
//! Build FAILED.                       every problem is told again below this
//!     1 Warning(s)
//!     3 Error(s)
//! Build failed with 3 error(s) and 1 warning(s) in 2.1s
//! ```
//! Packages that cannot be found (`NU1101` and alike) make it a matter of dependencies.

use super::super::location::number;
use super::{Seen, conclude, count};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report, Severity};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "msbuild",
    markers: &[
        ": error CS",
        ": error BC",
        ": error FS",
        ": error MSB",
        ": error NU",
        ": error C",
        ": error LNK",
        ": fatal error ",
        ": error NETSDK",
        ": error CA",
        ": warning CS",
        ": error : ",
        ": warning C",
    ],
    recognises,
    start: || Box::new(MsBuild::default()),
};

fn recognises(sample: &Sample) -> bool {
    sample.lines().any(|line| diagnostic(line).is_some())
}

#[derive(Default)]
struct MsBuild {
    seen: Seen,
    stated: Option<u64>,
    /// Problems whose code is of package restore.
    restore: u64,
}

impl Dialect for MsBuild {
    fn report(&self) -> Report {
        Report::new("dotnet", Kind::BuildFailure, Rank::Build)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if line.ends_with(" Error(s)") {
            self.stated = number(line.trim_start()).map(|(total, _)| u64::from(total));
            return;
        }
        if let Some(rest) = line.strip_prefix("Build failed with ") {
            self.stated = number(rest)
                .filter(|(_, rest)| rest.starts_with(" error(s)"))
                .map(|(total, _)| u64::from(total));
            return;
        }
        let Some(problem) = diagnostic(line) else { return };
        if !self.seen.is_new(line.trim_start()) {
            return;
        }
        // Visual C++ has codes of its own.
        if problem.code.starts_with("LNK")
            || problem.code.as_bytes().get(1).is_some_and(u8::is_ascii_digit)
        {
            report.tool = "msvc";
        }
        if problem.severity == Severity::Error {
            self.restore += u64::from(problem.code.starts_with("NU"));
            if report.first.is_none() {
                report.quote(&format!("error {}: {}", problem.code, problem.message));
            }
        }
        count(&problem, report);
    }

    fn finish(&mut self, report: &mut Report) {
        if report.errors > 0 {
            report.stated = self.stated.filter(|stated| *stated > 0);
            if self.restore == report.errors {
                report.kind = Kind::Dependency;
            }
        }
        conclude(report);
    }
}

/// `place: error CODE: message [project]`
fn diagnostic(line: &str) -> Option<Problem<'_>> {
    let bytes = line.as_bytes();
    let (at, severity) = match memchr::memmem::find(bytes, b"error ") {
        Some(at) => (at, Severity::Error),
        None => (memchr::memmem::find(bytes, b": warning ")? + 2, Severity::Warning),
    };
    let rest = line.get(at..)?.strip_prefix(if severity == Severity::Error {
        "error "
    } else {
        "warning "
    })?;
    let before = line.get(..at)?;
    let origin = before.strip_suffix(": ").or_else(|| before.strip_suffix(": fatal "))?;
    let (code, message) = rest.split_once(':')?;
    let code = code.trim_end();
    let letters = code.bytes().take_while(u8::is_ascii_uppercase).count();
    let digits = code.len() - letters;
    // TypeScript's own compiler prints alike.
    let shaped = (1..=6).contains(&letters)
        && (3..=5).contains(&digits)
        && code.bytes().skip(letters).all(|byte| byte.is_ascii_digit())
        && !code.starts_with("TS");
    if !shaped {
        return None;
    }
    let origin = origin.trim();
    let (file, line, column) = match origin.strip_suffix(')').and_then(|text| text.rsplit_once('('))
    {
        Some((file, place)) => {
            let (line, rest) = number(place)?;
            let column = rest.strip_prefix(',').and_then(number).map_or(0, |(column, _)| column);
            (file, line, column)
        }
        // `MSBUILD : `, `CSC : `, `LINK : ` and objects are no sources.
        None if origin.ends_with("proj") || origin.ends_with(".sln") => (origin, 0, 0),
        None => ("", 0, 0),
    };
    if file.is_empty()
        && !before.contains(" : ")
        && !origin.ends_with(')')
        && !origin.contains(['/', '\\', '.'])
    {
        return None;
    }
    let message = message.trim_start();
    let message = match message.strip_suffix(']').and_then(|text| text.rsplit_once(" [")) {
        Some((message, project)) if project.contains("proj") || project.contains(".sln") => message,
        _ => message,
    };
    Some(Problem { severity, code, message, file, line, column, ..Problem::ERROR })
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn problems_that_are_told_twice_count_once() {
        let error = r"C:\app\Program.cs(5,13): error CS0103: The name 'x' does not exist in the current context [C:\app\app.csproj]";
        let text = format!(
            "  Determining projects to restore...\n{error}\n\nBuild FAILED.\n\n{error}\n    0 Warning(s)\n    1 Error(s)\n"
        );
        let found = analyze(&text, &Status::default(), None, 0);
        assert_eq!(found.kind, Kind::BuildFailure);
        assert_eq!(found.details.error_count, Some(1));
        assert_eq!(found.details.errors_by_type.get("CS0103"), Some(&1));
        assert_eq!(found.details.affected_files, [r"C:\app\Program.cs"]);
        let first = found.details.first_error.unwrap_or_default();
        assert_eq!(first, "error CS0103: The name 'x' does not exist in the current context");
    }
}
