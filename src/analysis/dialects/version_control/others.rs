//! Other version control, and GitHub's and GitLab's own clients. The sources of the wording: Mercurial
//! (`mercurial/error.py`, `scmutil.py`), Subversion (`svn_error_codes.h`), `gh` (`cli/cli`).
//!
//! ```text
//! abort: no repository found in '/x' (.hg not found)
//! svn: E155007: '/x' is not a working copy
//! To get started with GitHub CLI, please run:  gh auth login
//! ```

use crate::analysis::dialect::Spec;
use crate::analysis::dialects::phrases::{Book, Phrase};
use crate::analysis::kind::Kind::{Auth, NetworkError, RateLimit, Vcs};
use crate::analysis::report::Rank;

static HG_BOOK: Book = Book {
    tool: "hg",
    rank: Rank::Tool,
    phrases: &[
        Phrase::new("abort: authorization failed", Auth),
        Phrase::new("abort: HTTP Error 401", Auth),
        Phrase::new("abort: HTTP Error 403", Auth),
        Phrase::new("abort: HTTP Error ", NetworkError),
        Phrase::new("abort: error: ", NetworkError),
        Phrase::new("abort: no repository found in ", Vcs),
        Phrase::new("abort: repository ", Vcs),
        Phrase::new("abort: push creates new remote head", Vcs)
            .fix("hg pull --rebase", "Put your changes on top of the remote's"),
        Phrase::new("abort: unknown revision '", Vcs),
        Phrase::new("abort: uncommitted changes", Vcs),
        Phrase::new("abort: outstanding uncommitted merge", Vcs),
        Phrase::new("abort: unresolved merge conflicts", Vcs),
        Phrase::new("abort: untracked files in working directory differ", Vcs),
        Phrase::new("abort: no username supplied", Vcs),
        Phrase::new("unresolved conflicts (see 'hg resolve'", Vcs),
        Phrase::new("warning: conflicts while merging ", Vcs),
    ],
};

pub(super) static HG: Spec = Spec {
    name: "hg",
    markers: &["abort: ", "unresolved conflicts (see 'hg", "conflicts while merging "],
    recognises: |sample| HG_BOOK.recognises(sample),
    start: || HG_BOOK.start(),
};

static SVN_BOOK: Book = Book {
    tool: "svn",
    rank: Rank::Tool,
    phrases: &[
        Phrase::new("svn: E170001: ", Auth),
        Phrase::new("svn: E215004: ", Auth),
        Phrase::new("svn: E170013: ", NetworkError),
        Phrase::new("svn: E175002: ", NetworkError),
        Phrase::new("svn: E000111: ", NetworkError),
        Phrase::new("svn: E670002: ", NetworkError),
        Phrase::new("svn: E", Vcs),
        Phrase::new("Summary of conflicts:", Vcs).more(),
    ],
};

pub(super) static SVN: Spec = Spec {
    name: "svn",
    markers: &["svn: E", "Summary of conflicts:"],
    recognises: |sample| SVN_BOOK.recognises(sample),
    start: || SVN_BOOK.start(),
};

static GH_BOOK: Book = Book {
    tool: "gh",
    rank: Rank::Tool,
    phrases: &[
        Phrase::new("To get started with GitHub CLI, please run:", Auth)
            .fix("gh auth login", "Log in to GitHub"),
        Phrase::new("To authenticate, please run `gh auth login`", Auth)
            .fix("gh auth login", "Log in to GitHub"),
        Phrase::new("gh: To use GitHub CLI in a GitHub Actions workflow", Auth),
        Phrase::new("gh: API rate limit exceeded", RateLimit),
        Phrase::new("HTTP 401: Bad credentials (https://", Auth)
            .fix("gh auth login", "Log in to GitHub"),
        Phrase::new("HTTP 403: API rate limit exceeded", RateLimit),
        Phrase::new("HTTP 403: ", Auth),
        Phrase::new("gh: Bad credentials (HTTP 401)", Auth),
        Phrase::new("gh: Not Found (HTTP 404)", Vcs),
        Phrase::new("gh: ", Vcs).with(" (HTTP "),
        Phrase::new("GraphQL: Could not resolve to a ", Vcs),
        Phrase::new("GraphQL: ", Auth).with("Resource not accessible by"),
        Phrase::new("no pull requests found for branch ", Vcs),
        Phrase::new("pull request create failed: ", Vcs),
        Phrase::new("a pull request for branch ", Vcs).with(" already exists"),
        Phrase::new("X Pull request ", Vcs).with(" is not mergeable"),
        Phrase::new("failed to run git: ", Vcs),
        Phrase::new("none of the git remotes configured for this repository point to", Vcs),
    ],
};

pub(super) static GH: Spec = Spec {
    name: "gh",
    markers: &[
        "gh auth login",
        "gh: To use GitHub",
        "gh: API rate",
        "gh: Bad cred",
        "gh: Not Found",
        "(HTTP 4",
        "(HTTP 5",
        "HTTP 401: Bad credentials",
        "HTTP 403: ",
        "GraphQL: ",
        "no pull requests found",
        "pull request create failed",
        "a pull request for branch",
        "is not mergeable",
        "failed to run git: ",
        "none of the git remotes",
    ],
    recognises: |sample| GH_BOOK.recognises(sample),
    start: || GH_BOOK.start(),
};

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::kind::Kind;
    use crate::analysis::status::Status;

    #[test]
    fn each_names_its_cause() {
        for (text, kind) in [
            ("abort: no repository found in '/x' (.hg not found)", Kind::Vcs),
            ("svn: E170001: Authentication failed", Kind::Auth),
            ("gh: Not Found (HTTP 404)", Kind::Vcs),
        ] {
            let analysis = analyze(text, &Status::default(), None, 0);
            assert_eq!(analysis.kind, kind, "{text}");
            assert_eq!(analysis.details.first_error.as_deref(), Some(text));
        }
    }
}
