//! Bun as a package manager and runner of scripts (<https://bun.sh/docs/cli/install>).
//!
//! ```text
//! bun install v1.2.0 (…)
//! error: No version matching "^9" found for specifier "x" (but package exists)
//! error: script "build" exited with code 1
//! ```

use super::kind_of_message;
use crate::analysis::dialect::{Dialect, Spec, always};
use crate::analysis::dialects::phrases::between;
use crate::analysis::kind::Kind;
use crate::analysis::report::{Fix, Rank, Report};

pub(super) static SPEC: Spec = Spec {
    name: "bun",
    markers: &[
        "bun install v",
        "bun add v",
        "bun update v",
        "error: Script not found \"",
        "error: script \"",
    ],
    recognises: always,
    start: || Box::new(Bun::default()),
};

#[derive(Default)]
struct Bun {
    installs: bool,
}

impl Dialect for Bun {
    fn report(&self) -> Report {
        Report::new("bun", Kind::Dependency, Rank::Tool)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        match line.as_bytes().first() {
            Some(b'b') if line.starts_with("bun install v") || line.starts_with("bun add v") => {
                self.installs = true;
            }
            Some(b'b') if line.starts_with("bun update v") => self.installs = true,
            Some(b'e') if line.starts_with("error: ") => self.error(line, report),
            _ => {}
        }
    }
}

impl Bun {
    fn error(&mut self, line: &str, report: &mut Report) {
        let text = &line["error: ".len()..];
        let wrapper = text.starts_with("script \"") && text.contains("\" exited with code ");
        let missing = text.starts_with("Script not found \"");
        if report.failed || !(self.installs || wrapper || missing) {
            return;
        }
        report.failed = true;
        report.errors = 1;
        report.quote(line);
        if wrapper {
            report.rank = Rank::Wrapper;
            report.kind = Kind::RuntimeError;
        } else if missing {
            report.kind = Kind::Unknown;
            let title = "List the scripts there are".to_owned();
            report.fix = Some(Fix { command: "bun run".to_owned(), title });
        } else if text.starts_with("lockfile had changes, but lockfile is frozen") {
            let title = "Bring the lock file up to date".to_owned();
            report.fix = Some(Fix { command: "bun install".to_owned(), title });
        } else {
            report.kind = kind_of_message(text);
            if between(text, "GET ", " - 404").is_some() {
                report.kind = Kind::Dependency;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::kind::Kind;
    use crate::analysis::status::Status;

    #[test]
    fn each_names_its_cause() {
        for (text, kind, first) in [
            (
                " ERR_PNPM_FETCH_404  GET https://r.test/x: Not Found - 404\n",
                Kind::Dependency,
                "ERR_PNPM_FETCH_404",
            ),
            (
                "yarn add v1.22.22\n[1/4] Resolving packages...\nerror Couldn't find package \"x\" on the \"npm\" registry.\ninfo Visit https://yarnpkg.com/en/docs/cli/add for documentation about this command.\n",
                Kind::Dependency,
                "Couldn't find package",
            ),
            (
                "➤ YN0000: ┌ Resolution step\n➤ YN0035: │ x@npm:^1: Package not found\n➤ YN0000: └ Completed\n➤ YN0000: · Failed with errors in 0s 63ms\n",
                Kind::Dependency,
                "YN0035: x@npm:^1",
            ),
            (
                "bun install v1.2.0\nerror: No version matching \"^9\" found for specifier \"x\"\n",
                Kind::Dependency,
                "No version matching",
            ),
        ] {
            let analysis = analyze(text, &Status::default(), None, 0);
            assert_eq!(analysis.kind, kind, "{text}");
            assert!(analysis.details.first_error.unwrap().contains(first), "{text}");
        }
    }

    #[test]
    fn a_script_s_own_failure_outweighs_its_runner() {
        let text = "$ tsc\nsrc/a.ts(1,2): error TS2304: Cannot find name 'x'.\n ELIFECYCLE  Command failed with exit code 2.\n";
        assert_eq!(analyze(text, &Status::default(), None, 0).kind, Kind::Typecheck);
    }
}
