//! npm: what it prints on standard error when it fails
//! (<https://docs.npmjs.com/common-errors>, the wording in `lib/utils/error-message.js` of npm's sources).
//!
//! ```text
//! npm error code E404                              since npm 10; `npm ERR! code E404` before
//! npm error 404 Not Found - GET https://…
//! npm error code 1                                 a script failed, npm 7 and later
//! npm error command sh -c node-gyp rebuild
//! npm ERR! code ELIFECYCLE                         the same, npm 6 and before
//! npm error Missing script: "x"
//! ```
//! Also `npm audit`, which begins with `# npm audit report` and ends in `3 vulnerabilities (1 low, …)`.

use super::network_code;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::phrases::between;
use crate::analysis::kind::Kind;
use crate::analysis::report::{Fix, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "npm",
    markers: &["npm ERR!", "npm error", "# npm audit report"],
    recognises,
    start: || Box::new(Npm::default()),
};

fn recognises(sample: &Sample) -> bool {
    sample.lines().any(|line| own(line).is_some() || line == AUDIT)
}

const AUDIT: &str = "# npm audit report";

/// The text of an error line, without npm's name.
fn own(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("npm ")?;
    let rest = rest.strip_prefix("ERR!").or_else(|| rest.strip_prefix("error"))?;
    match rest.as_bytes().first() {
        None => Some(rest),
        Some(b' ') => Some(&rest[1..]),
        Some(_) => None,
    }
}

#[derive(Default)]
struct Npm {
    /// The last line before npm's own that says something: a failed script's last words.
    before: String,
    code: String,
    /// The first line of npm's own that is a message.
    message: String,
    /// A line that tells more than that.
    better: String,
    /// A line of the failed script that npm repeats.
    inner: String,
    /// Whether a script failed.
    script: bool,
    /// The command npm names, if it does.
    hint: String,
    hint_follows: bool,
    /// Whether the package whose script failed is an installed one.
    of_dependency: bool,
    seen: bool,
    audit: bool,
    vulnerabilities: u64,
}

impl Dialect for Npm {
    fn report(&self) -> Report {
        Report::new("npm", Kind::Dependency, Rank::Tool)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if !line.starts_with("npm ") {
            if self.audit {
                self.audited(line, report);
            } else if line == AUDIT {
                self.audit = true;
            } else if !self.seen && !line.is_empty() && !line.starts_with("> ") {
                line.clone_into(&mut self.before);
            }
            return;
        }
        let Some(text) = own(line) else { return };
        if !self.seen {
            self.seen = true;
            report.failed = true;
            // Where it begins is where it ranks among equals.
            report.requote(line);
        }
        self.own_line(text, line);
    }

    fn finish(&mut self, report: &mut Report) {
        if self.seen {
            self.verdict(report);
        } else if self.audit && self.vulnerabilities > 0 {
            report.failed = true;
        }
    }
}

impl Npm {
    fn own_line(&mut self, text: &str, line: &str) {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return;
        }
        if self.hint_follows {
            self.hint_follows = false;
            if let Some(command) =
                trimmed.split(" # ").next().filter(|text| text.starts_with("npm "))
            {
                command.trim().clone_into(&mut self.hint);
            }
        }
        if let Some(code) = text.strip_prefix("code ")
            && self.code.is_empty()
            && !code.contains(' ')
        {
            code.clone_into(&mut self.code);
            self.script |= code == "ELIFECYCLE" || code.bytes().all(|byte| byte.is_ascii_digit());
            return;
        }
        if trimmed.starts_with("Lifecycle script ")
            || trimmed == "command failed"
            || trimmed.starts_with("Test failed.")
        {
            self.script = true;
        }
        if let Some(path) = text.strip_prefix("path ") {
            self.of_dependency |= path.contains("node_modules");
        }
        self.hint_follows |= trimmed.starts_with("Did you mean ");
        if self.message.is_empty() && is_message(text) {
            line.clone_into(&mut self.message);
        }
        if self.better.is_empty() && is_better(trimmed) {
            line.clone_into(&mut self.better);
        }
        if self.inner.is_empty() && self.script && is_cause(trimmed) {
            trimmed.clone_into(&mut self.inner);
        }
    }

    fn verdict(&self, report: &mut Report) {
        report.errors = 1;
        // Without code or sentence the text was cut: what ran before is all there is.
        if self.script || (self.code.is_empty() && self.message.is_empty()) {
            self.script_failed(report);
            return;
        }
        let line = if self.better.is_empty() { &self.message } else { &self.better };
        if line.is_empty() {
            report.requote(&format!("npm error code {}", self.code));
        } else {
            report.requote(line);
        }
        if !self.code.is_empty() {
            report.code(&self.code);
        }
        report.kind = kind_of(&self.code, line);
        if self.code == "EJSONPARSE" || line.contains("package.json: Error: ENOENT") {
            report.file("package.json");
        }
        if line.contains("Missing script") {
            let command = if self.hint.is_empty() { "npm run" } else { &self.hint };
            report.suggestion = Some(if self.hint.is_empty() {
                "Run: npm run (it lists the scripts there are)".to_owned()
            } else {
                format!("Run: {command}")
            });
            if !self.hint.is_empty() {
                let title = "Run the script that was meant".to_owned();
                report.fix = Some(Fix { command: command.to_owned(), title });
            }
            return;
        }
        report.fix = fix_of(&self.code, line);
        if self.code == "ERESOLVE" {
            report.suggestion = Some(
                "Correct the versions that disagree, or run: npm install --legacy-peer-deps"
                    .to_owned(),
            );
        }
    }

    /// A script that npm ran failed; npm knows no more than that.
    fn script_failed(&self, report: &mut Report) {
        // Codes that are numbers are the script's exit codes.
        if self.code == "ELIFECYCLE" {
            report.code(&self.code);
        }
        if self.of_dependency {
            report.kind = Kind::Dependency;
        } else {
            report.kind = Kind::RuntimeError;
            report.rank = Rank::Wrapper;
        }
        let cause =
            [&self.inner, &self.before, &self.message].into_iter().find(|text| !text.is_empty());
        if let Some(cause) = cause {
            report.requote(cause);
        }
    }

    /// `npm audit`: `3 vulnerabilities (1 low, 2 high)`, `fix available via `npm audit fix``.
    fn audited(&mut self, line: &str, report: &mut Report) {
        if report.first.is_none() && line.starts_with("Severity: ") && !self.before.is_empty() {
            report.quote(&format!("{} ({line})", self.before));
        }
        if line.starts_with("Severity: ") || line.is_empty() || line.starts_with(' ') {
            return;
        }
        if let Some((count, rest)) = line.split_once(' ')
            && let Ok(count) = count.parse::<u64>()
            && (rest.starts_with("vulnerabilit") || rest.contains(" severity vulnerabilit"))
        {
            self.vulnerabilities = count;
            report.errors = count;
            let words = if count == 1 { "vulnerability" } else { "vulnerabilities" };
            report.summary = Some(format!("npm audit: {count} {words}"));
            let title = "Update the packages that are vulnerable".to_owned();
            report.fix = Some(Fix { command: "npm audit fix".to_owned(), title });
        } else if report.first.is_none() {
            line.clone_into(&mut self.before);
        }
    }
}

/// Whether it is a sentence, not one of the fields npm lists before it.
fn is_message(text: &str) -> bool {
    const FIELDS: [&str; 12] = [
        "code ",
        "errno ",
        "syscall ",
        "path ",
        "dest ",
        "signal ",
        "workspace ",
        "location ",
        "command ",
        "cwd ",
        "file ",
        "A complete log of this run",
    ];
    !FIELDS.iter().any(|field| text.starts_with(field)) && !text.starts_with("    at ")
}

/// Sentences that name the cause, where others come first.
fn is_better(text: &str) -> bool {
    text.starts_with("Missing script:")
        || text.starts_with("missing script:")
        || text.contains("JSON.parse Invalid package.json")
        || text.starts_with("FetchError: ")
        || text.contains("Not compatible with your version of ")
        || text.starts_with("network request to ")
        || text.starts_with("notarget No matching version")
}

/// Whether a line a script printed reads like its cause.
fn is_cause(text: &str) -> bool {
    (text.starts_with("gyp ERR! stack Error")
        || text.contains("fatal error:")
        || text.contains(" error: ")
        || text.starts_with("error: ")
        || text.starts_with("Error: ")
        || text.contains("Error: "))
        && !text.starts_with("Lifecycle script")
}

/// Codes of npm (`lib/utils/error-message.js`), of HTTP (`E` and the status) and of the system.
fn kind_of(code: &str, line: &str) -> Kind {
    match code {
        "E401" | "ENEEDAUTH" | "EOTP" | "E403" | "EAUTHUNKNOWN" | "EAUTHIP" => Kind::Auth,
        "E429" => Kind::RateLimit,
        "ENOSPC" | "EMFILE" | "ENFILE" | "ENOMEM" | "EDQUOT" => Kind::ResourceExhaustion,
        "EACCES" | "EPERM" | "EROFS" => Kind::Permission,
        "E404" => Kind::Dependency,
        _ if network_code(code) || own(line).is_some_and(|text| text.starts_with("network ")) => {
            Kind::NetworkError
        }
        "" if line.contains("issing script:") => Kind::Unknown,
        _ if code.len() == 4 && code.starts_with("E5") => Kind::NetworkError,
        _ => Kind::Dependency,
    }
}

/// What npm's own sentences tell one to run.
fn fix_of(code: &str, line: &str) -> Option<Fix> {
    let (command, title) = match code {
        "ERESOLVE" => ("npm install --legacy-peer-deps", "Install despite the peer conflict"),
        "EUSAGE" if line.contains("in sync") || line.contains("package-lock") => {
            ("npm install", "Bring the lock file up to date")
        }
        "E401" | "ENEEDAUTH" => ("npm login", "Log in to the registry"),
        "ELSPROBLEMS" if line.contains("missing:") => ("npm install", "Install what is missing"),
        _ => match between(line, "run `", "`").filter(|command| command.starts_with("npm ")) {
            Some(command) => (command, "Run what npm suggests"),
            None => return None,
        },
    };
    Some(Fix { command: command.to_owned(), title: title.to_owned() })
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::kind::Kind;
    use crate::analysis::status::Status;

    #[test]
    fn a_peer_conflict_of_an_old_npm_is_read() {
        let text = "npm ERR! code ERESOLVE\nnpm ERR! ERESOLVE could not resolve\nnpm ERR! \nnpm ERR! While resolving: a@1.0.0\n";
        let analysis = analyze(text, &Status::default(), None, 0);
        assert_eq!(analysis.kind, Kind::Dependency);
        assert_eq!(analysis.details.errors_by_type["ERESOLVE"], 1);
        let first = analysis.details.first_error.unwrap();
        assert_eq!(first, "npm ERR! ERESOLVE could not resolve");
        assert_eq!(analysis.fix.unwrap().command, "npm install --legacy-peer-deps");
    }

    #[test]
    fn a_failed_script_is_told_in_its_own_last_words() {
        let text = "> a@1.0.0 test\n> ./check\n\ncheck: no licence found\nnpm ERR! code ELIFECYCLE\nnpm ERR! errno 1\nnpm ERR! a@1.0.0 test: `./check`\nnpm ERR! Exit status 1\n";
        let analysis = analyze(text, &Status::default(), None, 0);
        assert_eq!(analysis.details.first_error.as_deref(), Some("check: no licence found"));
    }

    #[test]
    fn the_script_npm_thinks_was_meant_is_the_repair() {
        let text = "npm error Missing script: \"tset\"\nnpm error\nnpm error Did you mean this?\nnpm error   npm run test # run the \"test\" package script\n";
        let analysis = analyze(text, &Status::default(), None, 0);
        assert_eq!(analysis.fix.unwrap().command, "npm run test");
    }
}
