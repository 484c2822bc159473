//! Git's sentences: which are its own, what kind of failure each tells of, and what repairs it.

use crate::analysis::dialects::phrases::{between, plain_word};
use crate::analysis::kind::Kind;
use crate::analysis::report::Fix;

/// Beginnings after `fatal: ` or `error: ` that are Git's own, whatever stands around them.
const SENTENCES: [&str; 47] = [
    "not a git repository",
    "not a valid object name",
    "Not a valid ",
    "pathspec '",
    "unable to access '",
    "unable to connect to ",
    "unable to look up ",
    "Authentication failed for ",
    "could not read Username for ",
    "could not read Password for ",
    "Could not read from remote repository",
    "repository '",
    "Need to specify how to reconcile",
    "Not possible to fast-forward",
    "refusing to merge unrelated histories",
    "ambiguous argument '",
    "bad revision '",
    "bad object ",
    "invalid reference: ",
    "invalid upstream '",
    "couldn't find remote ref ",
    "detected dubious ownership in repository",
    "The current branch ",
    "You are not currently on a branch",
    "No configured push destination",
    "a branch named '",
    "A branch named '",
    "destination path '",
    "failed to push some refs to ",
    "src refspec ",
    "Your local changes to the following files would be overwritten",
    "The following untracked working tree files would be overwritten",
    "cannot pull with rebase",
    "cannot rebase: ",
    "could not apply ",
    "You have not concluded your merge",
    "patch failed: ",
    "cannot lock ref '",
    "RPC failed; ",
    "the remote end hung up unexpectedly",
    "The remote end hung up unexpectedly",
    "gpg failed to sign the data",
    "unable to auto-detect email address",
    "remote error: ",
    "protocol error: ",
    "No url found for submodule path",
    "loose object ",
];

/// Words within such sentences that only Git has.
const WORDS: [&str; 26] = [
    ".git/",
    ".lock': File exists",
    " is not possible because you have unmerged files",
    "already used by worktree at",
    "already checked out at",
    "in a work tree",
    "work tree dir",
    "new index file",
    "index-pack failed",
    "smudge filter",
    "MERGE_HEAD",
    "rebase in progress",
    "does not have any commits yet",
    "early EOF",
    "empty ident name",
    "partial commit during a merge",
    "does not appear to be a git repository",
    "remote origin already exists",
    "No such remote",
    "invalid refspec",
    "is outside repository",
    "unresolved conflict",
    "git-lfs",
    "not in a git directory",
    "unable to update url base from redirection",
    "bad config line",
];

/// Whether a sentence is Git's own.
pub(super) fn known(text: &str) -> bool {
    SENTENCES.iter().any(|start| text.starts_with(start))
        || WORDS.iter().any(|word| text.contains(word))
}

pub(super) fn rebase() -> Option<Fix> {
    let title = "Put your commits on top of the remote's".to_owned();
    Some(Fix { command: "git pull --rebase".to_owned(), title })
}

pub(super) fn kind_of(text: &str) -> Kind {
    let has = |words: &str| text.contains(words);
    if text.starts_with("Authentication failed")
        || text.starts_with("could not read Username")
        || text.starts_with("could not read Password")
        || has("returned error: 401")
        || has("returned error: 403")
    {
        Kind::Auth
    } else if has("returned error: 429") {
        Kind::RateLimit
    } else if text.starts_with("unable to access '")
        || text.starts_with("unable to connect to ")
        || text.starts_with("unable to look up ")
        || text.starts_with("RPC failed")
        || has("remote end hung up")
    {
        if has("Permission denied") { Kind::Permission } else { Kind::NetworkError }
    } else if has("No space left on device") {
        Kind::ResourceExhaustion
    } else if text.starts_with("detected dubious ownership") || has("Permission denied") {
        Kind::Permission
    } else {
        Kind::Vcs
    }
}

pub(super) fn fix_of(text: &str) -> Option<Fix> {
    if text.starts_with("Need to specify how to reconcile")
        || text.starts_with("Not possible to fast-forward")
    {
        return rebase();
    }
    if let Some(path) = between(text, "detected dubious ownership in repository at '", "'")
        && plain_word(path)
    {
        let command = format!("git config --global --add safe.directory {path}");
        return Some(Fix { command, title: "Trust this repository".to_owned() });
    }
    if text.starts_with("Unable to create '")
        && let Some(path) = between(text, "Unable to create '", "': File exists")
        && plain_word(path)
    {
        let title = "Remove the lock a crashed git left".to_owned();
        return Some(Fix { command: format!("rm -f {path}"), title });
    }
    None
}
