//! Git (<https://git-scm.com/docs>; wording in `merge-ort.c`, `builtin/push.c`, `transport.c`,
//! `advice.c` and `remote-curl.c` of its sources).
//!
//! ```text
//! CONFLICT (content): Merge conflict in src/a.c
//!  ! [rejected]        main -> main (fetch first)
//! error: pathspec 'x' did not match any file(s) known to git
//! fatal: not a git repository (or any of the parent directories): .git
//! remote: Invalid username or password.
//! hint: …
//! ```

use super::git_words::{fix_of, kind_of, known, rebase};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::phrases::between;
use crate::analysis::kind::Kind;
use crate::analysis::report::{Fix, Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "git",
    markers: &[
        "fatal: ",
        "CONFLICT (",
        " ! [re",
        "ERROR: Repository not found",
        "error: pathspec '",
        "error: failed to push",
        "error: Your local changes",
        "error: The following untracked",
        "because you have unmerged",
        "error: cannot pull with rebase",
        "error: cannot rebase",
        "error: could not apply ",
        "error: patch failed: ",
        "patch does not apply",
        "error: src refspec ",
        "error: RPC failed",
        "error: cannot lock ref",
        "error: gpg failed",
        "error: You have not concluded",
    ],
    recognises,
    start: || Box::new(Git::default()),
};

fn recognises(sample: &Sample) -> bool {
    let mut git = Git::default();
    let mut report = git.report();
    sample.lines().for_each(|line| git.line(line, &mut report));
    git.finish(&mut report);
    report.is_failure()
}

#[derive(Default)]
struct Git {
    conflicts: u64,
    /// How far the quotation names the cause: a conflict 4, a rejection or a reason given before
    /// Git's own word 3, `fatal:` 2, what only follows from another 1.
    weight: u8,
    /// Whether the text has other lines that only Git prints.
    evident: bool,
    /// The first `fatal:` that might be another program's.
    doubtful: Option<String>,
    /// What the remote or ssh said before.
    reason: Option<(String, Kind)>,
    /// Files that stand in the way are listed below.
    listing: bool,
    /// The command Git names comes indented.
    upstream: bool,
    /// Lines since Git said that it is in no repository.
    since: u32,
    bare: bool,
}

impl Dialect for Git {
    fn report(&self) -> Report {
        Report::new("git", Kind::Vcs, Rank::Tool)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.as_bytes().first() else {
            self.listing = false;
            return;
        };
        if self.listing {
            if *first == b'\t' {
                report.file(line.trim());
                return;
            }
            self.listing = false;
        }
        if self.bare {
            self.since = self.since.saturating_add(1);
        }
        match first {
            b'C' if line.starts_with("CONFLICT (") => self.conflict(line, report),
            b'C' if line.starts_with("Cloning into '") => self.evident = true,
            b'F' if line.starts_with("From ") => self.evident = true,
            b' ' if line.starts_with(" ! [re") => self.rejected(line, report),
            b' ' if self.upstream && line.starts_with("    git push --set-upstream ") => {
                self.upstream = false;
                let title = "Push and remember where to".to_owned();
                report.fix = Some(Fix { command: line.trim().to_owned(), title });
            }
            b'f' if line.starts_with("fatal: ") => self.fatal(line, report),
            b'e' if line.starts_with("error: ") => self.error(line, report),
            b'h' if line.starts_with("hint: ") => self.hint(line, report),
            b'r' if line.starts_with("remote: ") => self.remote(line),
            b'E' if line.starts_with("ERROR: Repository not found") => {
                self.reason = Some((line.to_owned(), Kind::Vcs));
            }
            b's' if line.starts_with("ssh: ") => {
                self.reason = Some((line.to_owned(), Kind::NetworkError));
            }
            b'H' if line.starts_with("Host key verification failed") => {
                self.reason = Some((line.to_owned(), Kind::Auth));
            }
            _ if memchr::memmem::find(line.as_bytes(), b"Permission denied (publickey")
                .is_some() =>
            {
                self.reason = Some((line.to_owned(), Kind::Auth));
            }
            _ => {}
        }
    }

    fn finish(&mut self, report: &mut Report) {
        if self.weight == 0
            && self.evident
            && let Some(line) = self.doubtful.take()
        {
            self.quote(2, &line, report);
        }
        // Tools ask Git for a version and go on without one: what comes later is more likely the cause.
        if self.bare && self.since > 5 && self.weight == 2 {
            report.rank = Rank::Wrapper;
        }
        if self.conflicts > 0 {
            report.stated = Some(self.conflicts);
            let noun = if self.conflicts == 1 { "conflict" } else { "conflicts" };
            let files = report.files();
            let mut names = files.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
            if files.len() > 3 {
                names.push_str(", …");
            }
            report.summary = Some(format!("{} merge {noun}: {names}", self.conflicts));
            report.suggestion =
                Some(format!("Resolve the conflicts in {names}, then git add them and go on"));
        }
    }
}

impl Git {
    fn quote(&mut self, weight: u8, line: &str, report: &mut Report) {
        report.failed = true;
        report.errors = report.errors.max(1);
        if weight > self.weight {
            self.weight = weight;
            report.requote(line);
        }
    }

    /// `CONFLICT (kind): …`; the file is named in words that differ by kind (`merge-ort.c`).
    fn conflict(&mut self, line: &str, report: &mut Report) {
        let Some((_, text)) = line.split_once("): ") else { return };
        let file = text
            .split_once("Merge conflict in ")
            .map(|(_, file)| file)
            .or_else(|| text.split_once(" renamed to ").map(|(file, _)| file))
            .or_else(|| text.split_once(" deleted in ").map(|(file, _)| file))
            .or_else(|| between(text, "directory in the way of ", " from "))
            .unwrap_or_default();
        self.conflicts += 1;
        report.problem(&Problem { file, message: line, ..Problem::ERROR });
        self.quote(4, line, report);
    }

    /// ` ! [rejected]        main -> main (fetch first)`.
    fn rejected(&mut self, line: &str, report: &mut Report) {
        let text = line.trim();
        if !text.starts_with("! [rejected]") && !text.starts_with("! [remote rejected]") {
            return;
        }
        self.quote(3, text, report);
        if text.ends_with("(fetch first)") || text.ends_with("(non-fast-forward)") {
            report.fix = rebase();
        }
        if let Some((reason, _)) = &self.reason
            && text.starts_with("! [remote")
        {
            report.summary = Some(format!("Version control: {text}: {reason}"));
        }
    }

    fn remote(&mut self, line: &str) {
        self.evident = true;
        let text = &line["remote: ".len()..];
        let kind = if text.starts_with("Invalid username or ")
            || text.starts_with("Support for password authentication was removed")
            || text.starts_with("HTTP Basic: Access denied")
            || text.starts_with("Permission to ")
            || text.starts_with("Invalid credentials")
            || text.starts_with("Write access to repository not granted")
        {
            Kind::Auth
        } else if text.starts_with("error: ")
            || text.starts_with("Repository not found")
            || text.starts_with("The project you were looking for could not be found")
            || text.starts_with("fatal: ")
            || text.starts_with("ERROR: ")
        {
            Kind::Vcs
        } else {
            return;
        };
        if self.reason.is_none() {
            self.reason = Some((line.to_owned(), kind));
        }
    }

    fn fatal(&mut self, line: &str, report: &mut Report) {
        let text = &line["fatal: ".len()..];
        let tag = text.starts_with("tag '") && text.ends_with("' already exists");
        if !known(text) && !tag {
            if self.doubtful.is_none() && !text.starts_with('[') {
                self.doubtful = Some(line.to_owned());
            }
            return;
        }
        if self.weight > 2 {
            return;
        }
        if text.starts_with("Could not read from remote repository")
            && let Some((reason, kind)) = self.reason.take()
        {
            report.kind = kind;
            self.quote(3, &reason, report);
            return;
        }
        if self.weight < 2 {
            self.bare = text.starts_with("not a git repository");
            report.kind = kind_of(text);
            report.fix = fix_of(text).or_else(|| report.fix.take());
            self.upstream = text.starts_with("The current branch ");
        }
        self.quote(2, line, report);
        if let Some((reason, kind)) = self.reason.take() {
            if report.kind == Kind::Vcs || report.kind == kind {
                report.kind = kind;
            }
            report.summary = Some(format!("{}: {line} ({reason})", report.kind.label()));
        }
    }

    fn error(&mut self, line: &str, report: &mut Report) {
        let text = &line["error: ".len()..];
        if text.ends_with(": patch does not apply") {
            report.file(text.trim_end_matches(": patch does not apply"));
            self.quote(2, line, report);
            return;
        }
        if !known(text) {
            return;
        }
        self.listing = text.contains("would be overwritten");
        if self.weight == 0 {
            report.kind = kind_of(text);
            if self.listing {
                report.suggestion =
                    Some("Commit or stash (git stash) these files, then run it again".to_owned());
            }
        }
        // What was rejected, and why a patch was not applied, stands in other lines.
        let follows = text.starts_with("failed to push some refs")
            || text.starts_with("could not apply ")
            || text.starts_with("gpg failed");
        self.quote(if follows { 1 } else { 2 }, line, report);
    }

    fn hint(&mut self, line: &str, report: &mut Report) {
        self.evident = true;
        if report.fix.is_none()
            && self.weight == 3
            && line.contains("the remote contains work that you do not")
        {
            report.fix = rebase();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::kind::Kind;
    use crate::analysis::status::Status;

    #[test]
    fn conflicts_are_counted_with_their_files() {
        let text = "Auto-merging a b.c\nCONFLICT (content): Merge conflict in a b.c\nCONFLICT (modify/delete): d/e.c deleted in HEAD and modified in x.  Version x of d/e.c left in tree.\nAutomatic merge failed; fix conflicts and then commit the result.\n";
        let analysis = analyze(text, &Status::default(), None, 0);
        assert_eq!((analysis.kind, analysis.details.error_count), (Kind::Vcs, Some(2)));
        assert_eq!(analysis.details.affected_files, ["a b.c", "d/e.c"]);
    }

    #[test]
    fn a_key_that_is_refused_is_told_before_what_follows_from_it() {
        let text = "git@git.example.test: Permission denied (publickey).\nfatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.\n";
        let analysis = analyze(text, &Status::default(), None, 0);
        assert_eq!(analysis.kind, Kind::Auth);
        assert!(analysis.details.first_error.unwrap().ends_with("Permission denied (publickey)."));
    }

    #[test]
    fn another_program_s_fatal_is_not_git_s() {
        let text = "fatal: cannot load model x\n";
        assert_eq!(analyze(text, &Status::default(), None, 0).tool, "");
    }
}
