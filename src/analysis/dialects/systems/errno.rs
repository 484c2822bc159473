//! System tools that tell why the system refused: `program: object: reason`, the reason as strerror(3)
//! words it (POSIX 1.4; GNU Coding Standards 4.4).
//!
//! ```text
//! cp: error writing '/mnt/x': No space left on device
//! cat: a: No such file or directory
//! ```

use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};

pub(super) static SPEC: Spec = Spec {
    name: "errno",
    markers: &[
        "No space left on device",
        "Disk quota exceeded",
        "Too many open files",
        "Cannot allocate memory",
        "Resource temporarily unavailable",
        "Permission denied",
        "Operation not permitted",
        "Read-only file system",
        "No such file or directory",
        "Not a directory",
        "Is a directory",
        "Directory not empty",
        "File exists",
        "Text file busy",
        "evice or resource busy",
        "nput/output error",
        "Exec format error",
        "File name too long",
        "Argument list too long",
        "Connection refused",
        "Connection timed out",
        "Connection reset by peer",
        "No route to host",
        "Network is unreachable",
        "Name or service not known",
        "ailure in name resolution",
        "Address already in use",
        "Broken pipe",
        "Stale file handle",
        ": error while loading shared libraries: ",
        "' not found (required by ",
        "Library not loaded: ",
        "Access is denied.",
        "There is not enough space on the disk.",
        "The system cannot find the ",
        "Permission denied (",
        "Host key verification failed",
        ": unrecognized option ",
        ": invalid option -- ",
        ": missing operand",
        ": missing file operand",
        ": option requires an argument",
    ],
    recognises: |sample| sample.lines().any(|line| refusal(line).is_some()),
    start: || Box::new(Errno),
};

/// Reasons, and what they tell of; without their first letter where libraries differ in its case.
const REASONS: [(&str, Kind); 29] = [
    ("No space left on device", Kind::ResourceExhaustion),
    ("Disk quota exceeded", Kind::ResourceExhaustion),
    ("Too many open files", Kind::ResourceExhaustion),
    ("Cannot allocate memory", Kind::ResourceExhaustion),
    ("Resource temporarily unavailable", Kind::ResourceExhaustion),
    ("Permission denied", Kind::Permission),
    ("Operation not permitted", Kind::Permission),
    ("Read-only file system", Kind::Permission),
    ("No such file or directory", Kind::RuntimeError),
    ("Not a directory", Kind::RuntimeError),
    ("Is a directory", Kind::RuntimeError),
    ("Directory not empty", Kind::RuntimeError),
    ("File exists", Kind::RuntimeError),
    ("Text file busy", Kind::RuntimeError),
    ("evice or resource busy", Kind::RuntimeError),
    ("nput/output error", Kind::RuntimeError),
    ("Exec format error", Kind::RuntimeError),
    ("File name too long", Kind::RuntimeError),
    ("Argument list too long", Kind::RuntimeError),
    ("Stale file handle", Kind::RuntimeError),
    ("Connection refused", Kind::NetworkError),
    ("Connection timed out", Kind::NetworkError),
    ("Connection reset by peer", Kind::NetworkError),
    ("No route to host", Kind::NetworkError),
    ("Network is unreachable", Kind::NetworkError),
    ("Name or service not known", Kind::NetworkError),
    ("ailure in name resolution", Kind::NetworkError),
    ("Address already in use", Kind::NetworkError),
    ("Broken pipe", Kind::NetworkError),
];

struct Errno;

impl Dialect for Errno {
    fn report(&self) -> Report {
        Report::new("", Kind::RuntimeError, Rank::Runtime)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(kind) = refusal(line) else { return };
        if report.errors == 0 {
            report.kind = kind;
            report.quote(line);
            // env(1) cannot find what it is to run.
            let missing =
                line.strip_prefix("/usr/bin/env: ").or_else(|| line.strip_prefix("env: "));
            if let Some(name) =
                missing.and_then(|rest| rest.strip_suffix(": No such file or directory"))
            {
                let name = name.trim_matches(['‘', '’', '\'', '"']);
                report.suggestion = Some(format!("Install {name}, or put it on the PATH"));
            }
        } else if report.first.as_deref() == Some(line) {
            // Told again by who ran it.
            return;
        }
        report.problem(&Problem { message: line, ..Problem::ERROR });
    }
}

/// A command used wrongly (getopt(3), GNU coreutils): `ls: unrecognized option '--x'`.
fn misused(line: &str) -> bool {
    let Some((program, message)) = line.split_once(": ") else { return false };
    let starts = [
        "unrecognized option ",
        "invalid option -- ",
        "illegal option -- ",
        "option requires an argument",
        "missing operand",
        "missing file operand",
        "missing destination file operand",
        "extra operand ",
    ];
    is_program(program) && starts.iter().any(|start| message.starts_with(start))
}

/// `program`: a name, perhaps with a path; of logs and prose it has blanks or is a level.
fn is_program(program: &str) -> bool {
    let levels = ["note", "warning", "info", "debug", "INFO", "WARN", "DEBUG", "Note"];
    !program.is_empty()
        && program.len() < 100
        && program.chars().all(|c| c.is_ascii_alphanumeric() || "./_-+[]".contains(c))
        && !levels.contains(&program)
        // Classes of languages are read with their stacks.
        && !program.ends_with("Error")
        && !program.ends_with("Exception")
}

/// The kind of a refusal told in this line.
fn refusal(line: &str) -> Option<Kind> {
    match line {
        // What Windows says, alone on a line.
        "Access is denied." => return Some(Kind::Permission),
        "There is not enough space on the disk." => return Some(Kind::ResourceExhaustion),
        "The system cannot find the file specified."
        | "The system cannot find the path specified." => return Some(Kind::RuntimeError),
        _ => {}
    }
    if line.starts_with("Host key verification failed")
        || (line.contains(": Permission denied (") && line.ends_with(")."))
    {
        // ssh(1) names the methods that were tried.
        return Some(Kind::Auth);
    }
    if line.contains(": error while loading shared libraries: ")
        || (line.contains(": version `") && line.contains("' not found (required by "))
        || (line.starts_with("dyld") && line.contains("Library not loaded: "))
    {
        // The dynamic loader, ld.so(8).
        return Some(Kind::Dependency);
    }
    if line.len() <= 2000 && misused(line) {
        return Some(Kind::RuntimeError);
    }
    // Every reason ends in one of these letters.
    if !line.as_bytes().last()?.is_ascii_lowercase() || line.len() > 2000 {
        return None;
    }
    let reason = REASONS.iter().find(|(reason, _)| line.ends_with(reason))?;
    let before =
        line.get(..line.len() - reason.0.len())?.trim_end_matches(['D', 'd', 'I', 'i', 'f', 'F']);
    let before = before.strip_suffix("Temporary ").unwrap_or(before);
    let (program, object) = before.split_once(": ")?;
    let ended = before.ends_with(": ");
    // Of a full disk anything may tell, such as perror(3): `write error: No space left on device`.
    let full = matches!(reason.0, "No space left on device" | "Disk quota exceeded");
    let named = is_program(program) || (full && program.ends_with("error"));
    // A place in front is a compiler's: `a.c:3: …` has no blank after its first colon.
    (named && ended && !object.contains(" warning: ")).then_some(reason.1)
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn the_reason_tells_the_kind() {
        for (text, kind) in [
            ("tar: out.tar: Cannot write: No space left on device", Kind::ResourceExhaustion),
            ("mkdir: cannot create directory '/etc/x': Permission denied", Kind::Permission),
            ("cat: a b: No such file or directory", Kind::RuntimeError),
            (
                "/usr/bin/nc: connect to h port 1 (tcp) failed: Connection refused",
                Kind::NetworkError,
            ),
        ] {
            let answer = analyze(text, &Status::default(), None, 0);
            assert_eq!(answer.kind, kind, "{text}");
            assert_eq!(answer.details.first_error.as_deref(), Some(text));
        }
    }

    #[test]
    fn prose_is_none() {
        let text = "The guide says: when you read Permission denied\nUse chmod then: Permission denied goes away\n";
        assert_eq!(analyze(text, &Status::default(), None, 0).kind, Kind::Unknown);
    }
}
