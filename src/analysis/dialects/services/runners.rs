//! What runs jobs and models: CI services that end a job, sudo that does not begin one, Ollama without
//! its model. Sentences of the GitHub Actions runner (`src/Runner.Worker`), GitLab Runner
//! (`commands/helpers`, `common/build.go`), CircleCI, sudo (`plugins/sudoers/logging.c`,
//! `src/sudo_edit.c`) and Ollama (`cmd/cmd.go`).

use crate::analysis::dialect::Spec;
use crate::analysis::dialects::phrases::{Book, Phrase};
use crate::analysis::kind::Kind::{Auth, Cancelled, Dependency, Permission, Timeout};
use crate::analysis::report::Rank;

static BOOK: Book = Book {
    tool: "",
    rank: Rank::Runtime,
    phrases: &[
        Phrase::new("The job running on runner ", Timeout)
            .with(" has exceeded the maximum execution time"),
        Phrase::new("Error: The operation was canceled.", Cancelled),
        Phrase::new("The operation was canceled.", Cancelled),
        Phrase::new("Error: The runner has received a shutdown signal", Cancelled),
        Phrase::new("The runner has received a shutdown signal", Cancelled),
        Phrase::new("ERROR: Job failed: execution took longer than ", Timeout),
        Phrase::new("ERROR: Job failed: canceled", Cancelled),
        Phrase::new("Too long with no output (exceeded ", Timeout),
        Phrase::new("Canceling since a higher priority waiting request", Cancelled),
        Phrase::new("", Permission).with(" is not in the sudoers file"),
        Phrase::new("Sorry, user ", Permission).with(" is not allowed to execute "),
        Phrase::new("sudo: a password is required", Auth),
        Phrase::new("sudo: a terminal is required to read the password", Auth),
        Phrase::new("su: Authentication failure", Auth),
        Phrase::new("Error: model ", Dependency)
            .with(" not found, try pulling it first")
            .suggest("Run: ollama pull, with the name of that model"),
    ],
};

pub(super) static SPEC: Spec = Spec {
    name: "runners",
    markers: &[
        " has exceeded the maximum execution time",
        "The operation was canceled.",
        "has received a shutdown signal",
        "ERROR: Job failed: ",
        "Too long with no output ",
        "Canceling since a higher priority",
        " is not in the sudoers file",
        "Sorry, user ",
        "sudo: a ",
        "su: Authentication failure",
        "Error: model ",
    ],
    recognises: |sample| BOOK.recognises(sample),
    start: || BOOK.start(),
};

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::kind::Kind;
    use crate::analysis::status::Status;

    #[test]
    fn each_sentence_has_its_kind() {
        for (text, kind) in [
            ("##[error]The operation was canceled.", Kind::Cancelled),
            (
                "The job running on runner x has exceeded the maximum execution time of 360 minutes.",
                Kind::Timeout,
            ),
            ("dev is not in the sudoers file.  This incident will be reported.", Kind::Permission),
        ] {
            assert_eq!(analyze(text, &Status::default(), None, 0).kind, kind, "{text}");
        }
        let text = "Error: model \"m:7b\" not found, try pulling it first\n";
        let found = analyze(text, &Status::default(), None, 0);
        assert!(found.suggestion.starts_with("Run: ollama pull"));
    }
}
