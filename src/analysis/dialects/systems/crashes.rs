//! Programs that the system, the C library or a watcher ended.
//!
//! ```text
//! run.sh: line 3:  2937 Killed                  python3 train.py       bash's jobs.c
//! Segmentation fault (core dumped)                                     strsignal(3)
//! free(): double free detected in tcache 2                             glibc malloc/malloc.c
//! *** stack smashing detected ***: terminated                          glibc debug/fortify_fail.c
//! a: a.c:3: main: Assertion `x' failed.                                assert(3)
//! Out of memory: Killed process 71 (node) total-vm:…                   Linux mm/oom_kill.c
//! timeout: sending signal TERM to command ‘sleep’                      GNU coreutils timeout.c
//! ```

use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use aho_corasick::AhoCorasick;
use std::sync::LazyLock;

pub(super) static SPEC: Spec = Spec {
    name: "crashes",
    markers: &[
        "Killed",
        "killed",
        "egmentation fault",
        "Aborted",
        "abort",
        "Bus error",
        "bus error",
        "Illegal instruction",
        "illegal hardware instruction",
        "loating point exception",
        "Trace/breakpoint trap",
        "Terminated",
        "free(): ",
        "malloc(): ",
        "realloc(): ",
        "munmap_chunk(): ",
        "double free or corruption",
        "corrupted ",
        "*** stack smashing",
        "*** buffer overflow",
        "Assertion `",
        "timeout: sending signal",
        "timed out after",
        "oom-kill",
        "OOMKilled",
        "out of memory",
    ],
    recognises: |sample| sample.lines().any(|line| crash(line).is_some()),
    start: || Box::new(Crashes::default()),
};

#[derive(Default)]
struct Crashes {
    /// How telling what is quoted is: the C library's words are more than the shell's.
    telling: u8,
}

impl Dialect for Crashes {
    fn report(&self) -> Report {
        Report::new("", Kind::RuntimeError, Rank::Runtime)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(found) = crash(line) else { return };
        report.failed = true;
        report.errors = 1;
        if found.telling > self.telling {
            self.telling = found.telling;
            report.kind = found.kind;
            report.requote(line);
            report.suggestion = Some(found.advice.to_owned());
            if let Some(file) = found.file {
                report.file(file);
            }
        }
    }
}

struct Crash<'t> {
    kind: Kind,
    telling: u8,
    advice: &'static str,
    file: Option<&'t str>,
}

const MEMORY: &str = "Give it more memory, or run less at once";
const CORRUPT: &str = "Run it under AddressSanitizer or valgrind to find the bad access";
const CORE: &str = "Run it under a debugger, or look at the core dump, to find the bad access";
const SLOW: &str = "Allow more time, or find out what it waits for";

/// Of these one is in every line that is worth a closer look, but for signals' names.
static WORDS: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let words = [
        "timed out after ",
        "Killed process ",
        "oom-kill",
        "OOMKilled",
        ": Assertion `",
        ": line ",
    ];
    AhoCorasick::new(words).ok()
});

fn crash(line: &str) -> Option<Crash<'_>> {
    let first = *line.as_bytes().first()?;
    let of = |kind, telling, advice| Some(Crash { kind, telling, advice, file: None });
    if line.len() > 2000 {
        return None;
    }
    match first {
        b'f' | b'm' | b'r' | b'd' | b'c' if is_glibc(line) => {
            return of(Kind::RuntimeError, 5, CORRUPT);
        }
        b'*' if line.starts_with("*** ") && line.contains(" detected ***") => {
            return of(Kind::RuntimeError, 5, CORRUPT);
        }
        b't' if line.starts_with("timeout: sending signal ") => {
            return of(Kind::ResourceExhaustion, 3, SLOW);
        }
        _ => {}
    }
    if !WORDS.as_ref().is_none_or(|words| words.is_match(line)) {
        let named = matches!(first, b'A' | b'B' | b'F' | b'I' | b'K' | b'S' | b'T' | b'a'..=b'z');
        let (kind, advice) = if named { signal(line)? } else { return None };
        return of(kind, 2, advice);
    }
    if let Some((_, rest)) = line.split_once("command timed out after ")
        && rest.starts_with(|c: char| c.is_ascii_digit())
    {
        return of(Kind::ResourceExhaustion, 4, SLOW);
    }
    if line.contains("Killed process ")
        || line.contains("oom-kill:")
        || line.contains("invoked oom-killer")
    {
        let killed = line.contains("Killed process ");
        return of(Kind::ResourceExhaustion, if killed { 6 } else { 5 }, MEMORY);
    }
    if line.ends_with("OOMKilled")
        || line.contains("Reason: OOMKilled")
        || line.contains(": OOMKilled")
    {
        return of(Kind::ResourceExhaustion, 6, MEMORY);
    }
    if let Some((before, _)) = line.split_once(": Assertion `")
        && line.ends_with("' failed.")
    {
        // a: a.c:3: int main(): Assertion `x' failed.
        let file = before
            .split_once(": ")
            .and_then(|(_, rest)| rest.split_once(':'))
            .map(|(file, _)| file);
        return Some(Crash {
            kind: Kind::RuntimeError,
            telling: 5,
            advice: "Look at what the assertion guards",
            file,
        });
    }
    let (kind, advice) = signal(line)?;
    of(kind, 2, advice)
}

/// What glibc's allocator prints before it aborts (`malloc_printerr`).
fn is_glibc(line: &str) -> bool {
    let starts = [
        "free(): ",
        "malloc(): ",
        "realloc(): ",
        "munmap_chunk(): ",
        "double free or corruption",
        "malloc_consolidate(): ",
        "corrupted size vs. prev_size",
        "corrupted double-linked list",
        "malloc: *** error",
    ];
    starts.iter().any(|start| line.starts_with(start))
}

/// A signal's name (strsignal(3)) where shells print it: alone, or after a process number.
fn signal(line: &str) -> Option<(Kind, &'static str)> {
    // Those who end with a process's command are placed; the rest is short.
    if line.len() > 60 && !line.contains(": ") {
        return None;
    }
    let text = match line.split_once(": line ") {
        // run.sh: line 3:  2937 Killed                  python3 train.py
        Some((_, rest)) => rest.split_once(": ").map(|(_, rest)| {
            rest.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()).trim_start()
        })?,
        None => line
            .strip_prefix("zsh: ")
            .or_else(|| line.strip_prefix("sh: "))
            .or_else(|| line.strip_prefix("bash: "))
            .unwrap_or(line),
    };
    let placed = text.len() < line.len();
    let (name, kind, advice, rest) = [
        ("Segmentation fault", Kind::RuntimeError, CORE),
        ("segmentation fault", Kind::RuntimeError, CORE),
        ("Aborted", Kind::RuntimeError, CORE),
        ("abort", Kind::RuntimeError, CORE),
        ("Bus error", Kind::RuntimeError, CORE),
        ("bus error", Kind::RuntimeError, CORE),
        ("Illegal instruction", Kind::RuntimeError, CORE),
        ("illegal hardware instruction", Kind::RuntimeError, CORE),
        ("Floating point exception", Kind::RuntimeError, CORE),
        ("floating point exception", Kind::RuntimeError, CORE),
        ("Trace/breakpoint trap", Kind::RuntimeError, CORE),
        ("Killed", Kind::ResourceExhaustion, MEMORY),
        ("killed", Kind::ResourceExhaustion, MEMORY),
        ("Terminated", Kind::Cancelled, "Nothing to fix: it was ended from outside"),
    ]
    .into_iter()
    .find_map(|(name, kind, advice)| {
        text.strip_prefix(name).map(|rest| (name, kind, advice, rest))
    })?;
    let whole = rest.is_empty()
        || rest == " (core dumped)"
        || rest.starts_with(": 9")
        || rest.starts_with(": 11");
    (whole
        || (placed && (rest.starts_with("  ") || name == "Floating point exception"))
        || (placed && rest.starts_with(" (core dumped)")))
    .then_some((kind, advice))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn how_programs_end_is_understood() {
        for (text, kind) in [
            ("Segmentation fault (core dumped)", Kind::RuntimeError),
            ("x.sh: line 3:  41 Killed                  ./train", Kind::ResourceExhaustion),
            (
                "*** stack smashing detected ***: terminated\nAborted (core dumped)",
                Kind::RuntimeError,
            ),
            (
                "[ 71.2] Out of memory: Killed process 71 (node) total-vm:1kB",
                Kind::ResourceExhaustion,
            ),
            ("zsh: segmentation fault  ./a", Kind::RuntimeError),
        ] {
            let answer = analyze(text, &Status::default(), None, 0);
            assert_eq!(answer.kind, kind, "{text}");
            assert_eq!(answer.details.error_count, Some(1));
        }
    }

    #[test]
    fn words_about_killing_are_none() {
        for text in ["Killed the old worker", "aborted: 0, killed: 0", "Terminated contracts"] {
            assert_eq!(analyze(text, &Status::default(), None, 0).kind, Kind::Unknown, "{text}");
        }
    }
}
