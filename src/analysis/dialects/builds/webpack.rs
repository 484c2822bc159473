//! webpack 4 and 5, Rspack (<https://webpack.js.org/configuration/stats/>,
//! `lib/stats/DefaultStatsPrinterPlugin.js`).
//!
//! ```text
//! ERROR in ./src/a.js 1:17-30                     (webpack 4: without the place)
//! Module not found: Error: Can't resolve './x' in '/app/src'
//!  @ ./src/index.js 1:0-24
//! ERROR in src/a.ts:3:5                           (type checkers within it)
//! TS2322: Type 'string' is not assignable to type 'number'.
//! webpack 5.90.0 compiled with 3 errors and 1 warning in 207 ms
//! ```

use super::super::location::{colons, number};
use super::{Missing, between};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "webpack",
    markers: &["ERROR in ", "[webpack-cli] ", " compiled with "],
    recognises,
    start: || Box::new(Webpack::default()),
};

fn recognises(sample: &Sample) -> bool {
    sample.lines().any(|line| {
        line.starts_with("ERROR in ")
            || configuration(line).is_some()
            || total(line).is_some_and(|total| total > 0)
    })
}

#[derive(Default)]
struct Webpack {
    /// What `ERROR in` names, until the message comes.
    place: Option<String>,
    /// A message whose second line says more.
    message: String,
    missing: Missing,
    stated: Option<u64>,
    /// The configuration is invalid; the next entry tells why.
    invalid: bool,
}

impl Dialect for Webpack {
    fn report(&self) -> Report {
        Report::new("webpack", Kind::BuildFailure, Rank::Build)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if self.place.is_some() {
            self.message_line(line, report);
        }
        match line.as_bytes().first() {
            Some(b'E') if line.starts_with("ERROR in ") => {
                self.settle(report);
                let place = line.strip_prefix("ERROR in ").unwrap_or_default();
                self.place = Some(place.to_owned());
            }
            Some(b'[') => {
                if let Some(said) = configuration(line) {
                    self.invalid = said.starts_with("Invalid ");
                    report.problem(&Problem { message: said, ..Problem::ERROR });
                }
            }
            // What of the configuration is wrong, and where.
            Some(b' ') if self.invalid && line.starts_with(" - ") => {
                self.invalid = false;
                let first = report.first.clone().unwrap_or_default();
                let detail = line.trim_start_matches([' ', '-']);
                report.summary = Some(format!("Build failed: {detail}"));
                report.requote(&format!("{detail} ({first})"));
            }
            // Of several compilers each states its own.
            Some(_) => {
                if let Some(total) = total(line) {
                    self.stated = Some(self.stated.unwrap_or(0) + total);
                }
            }
            None => {}
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.settle(report);
        if let Some(stated) = self.stated
            && stated > 0
        {
            report.stated = Some(stated);
            report.failed = true;
        }
        if self.stated.is_none_or(|stated| stated <= report.errors) {
            report.fix = self.missing.fix();
        }
    }
}

impl Webpack {
    /// A line below `ERROR in`: the message, and what belongs to it.
    fn message_line(&mut self, line: &str, report: &mut Report) {
        let text = line.trim();
        if self.message.is_empty() {
            // Loaders name the file again before they say anything, and Rspack draws a cross.
            let text = text.strip_prefix("× ").unwrap_or(text);
            let again = text.starts_with("./") && !text.contains(": ");
            if text.is_empty() || again {
                if line.is_empty()
                    && self.place.as_deref().is_some_and(|place| place.contains(": "))
                {
                    self.settle(report);
                }
                return;
            }
            text.clone_into(&mut self.message);
            let more = text.starts_with("Module build failed")
                || text.starts_with("[tsl] ERROR")
                || text.starts_with("[eslint]");
            if !more {
                self.settle(report);
            }
        } else {
            if !text.is_empty() {
                super::join(&mut self.message, text);
            }
            self.settle(report);
        }
    }

    fn settle(&mut self, report: &mut Report) {
        let Some(place) = self.place.take() else { return };
        let message = std::mem::take(&mut self.message);
        let (file, line, column) = located(&place);
        // Some plugins say it in the same line.
        let message = match place.split_once(": ") {
            Some((_, said)) if message.is_empty() => said,
            _ if message.is_empty() => place.as_str(),
            _ => message.as_str(),
        };
        let message = message.strip_prefix("[tsl] ERROR in ").map_or(message, |rest| {
            rest.split_once(") ").map_or(rest, |(_, said)| said.trim_start())
        });
        let import = message
            .starts_with("Module not found: ")
            .then(|| between(message, "Can't resolve '", '\''))
            .flatten();
        self.missing.note(import);
        let code = message.split(':').next().filter(|code| typescript(code)).unwrap_or_default();
        report.problem(&Problem { code, message, file, line, column, ..Problem::ERROR });
    }
}

fn typescript(code: &str) -> bool {
    code.strip_prefix("TS").is_some_and(|digits| {
        (3..=6).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// `./src/a.js 1:17-30`, `src/a.ts:3:5`, `./css-loader!./src/a.css`; a chunk's name is no file.
fn located(place: &str) -> (&str, u32, u32) {
    let place = place.rsplit('!').next().unwrap_or(place);
    let is_file = |file: &str| file.contains(['/', '\\', '.']) && !file.contains(": ");
    if let Some((file, rest)) = place.rsplit_once(' ')
        && is_file(file)
        && let Some((line, rest)) = number(rest)
        && let Some((column, _)) = rest.strip_prefix(':').and_then(number)
    {
        return (file, line, column);
    }
    if let Some(found) = colons(place).filter(|found| is_file(found.file)) {
        return (found.file, found.line, found.column);
    }
    let file = place.split(['(', ' ']).next().unwrap_or(place);
    if is_file(file) { (file, 0, 0) } else { ("", 0, 0) }
}

/// `[webpack-cli] Error: …`, `[webpack-cli] Failed to load '…' config`
fn configuration(line: &str) -> Option<&str> {
    // Version 6 marks what failed.
    let said = line.strip_prefix("[webpack-cli] ")?.trim_start_matches(['\u{2716}', ' ']);
    let failed = said.contains("rror") || said.starts_with("Failed") || said.starts_with("Invalid");
    failed.then_some(said)
}

/// `webpack 5.90.0 compiled with 3 errors and 1 warning in 207 ms`: the errors; without any it is 0.
fn total(line: &str) -> Option<u64> {
    let at = memchr::memmem::find(line.as_bytes(), b" compiled with ")?;
    let before = line.get(..at)?;
    let told = before.contains("webpack")
        || before.contains("spack")
        || line.ends_with(')')
        || line.ends_with("ms");
    let (count, rest) = number(line.get(at + " compiled with ".len()..)?)?;
    told.then_some(if rest.starts_with(" error") { u64::from(count) } else { 0 })
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn a_loader_s_reason_is_part_of_the_message() {
        let text = "ERROR in ./src/a.scss (./node_modules/css-loader!./src/a.scss)\n\
            Module build failed (from ./node_modules/sass-loader/dist/cjs.js):\nexpected \"{\".\n  ╷\n\n\
            ERROR in src/b.ts:3:5\nTS2322: Type 'string' is not assignable to type 'number'.\n    1 | x\n\n\
            webpack 5.90.0 compiled with 2 errors in 90 ms\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.kind, Kind::BuildFailure);
        assert_eq!(found.details.error_count, Some(2));
        assert!(found.details.first_error.unwrap_or_default().ends_with("expected \"{\"."));
        assert_eq!(found.details.errors_by_type.get("TS2322"), Some(&1));
        assert!(found.details.affected_files.contains(&"src/b.ts".to_owned()));
    }

    #[test]
    fn a_package_that_is_missing_can_be_installed() {
        let text = "ERROR in ./src/a.js 1:0-33\nModule not found: Error: Can't resolve 'lodash/fp' in '/app/src'\n\n\
            webpack 5.90.0 compiled with 1 error in 90 ms\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert_eq!(found.fix.map(|fix| fix.command).as_deref(), Some("npm install lodash"));
        assert_eq!(found.details.affected_files, ["./src/a.js"]);
    }
}
