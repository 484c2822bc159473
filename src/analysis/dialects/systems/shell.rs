//! What shells say of scripts and commands: bash (`error.c`, `execute_cmd.c`), dash, ksh, zsh, fish
//! (<https://www.gnu.org/software/bash/manual/bash.html#Exit-Status>).
//!
//! ```text
//! d.sh: line 4: terraformx: command not found      bash         sh: 1: tsc: not found       dash
//! d.sh: line 3: REGION: unbound variable                        d.sh: 3: X: parameter not set
//! d.sh: line 9: syntax error near unexpected token `fi'         d.sh: 9: Syntax error: "fi" unexpected
//! zsh: command not found: x                                     fish: Unknown command: x
//! ```

use super::super::location::number;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};

pub(super) static SPEC: Spec = Spec {
    name: "shell",
    markers: &[
        "not found",
        "unbound variable",
        "parameter not set",
        "parameter null or not set",
        "yntax error",
        "unexpected EOF while looking for matching",
        "bad substitution",
        "ambiguous redirect",
        "required file not found",
        "bad interpreter",
        "expression expected",
        "readonly variable",
        "Argument list too long",
        ": Permission denied",
        ": No such file or directory",
        ": Is a directory",
        "cannot execute",
        "fork: ",
        "here-document",
        "Unknown command: ",
        "is not recognized as a",
        "is not recognized as the name of",
    ],
    recognises: |sample| sample.lines().any(|line| complaint(line).is_some()),
    start: || Box::new(Shell),
};

struct Shell;

/// A shell's complaint: script, line, what it says.
struct Complaint<'t> {
    script: &'t str,
    line: u32,
    message: &'t str,
}

impl Dialect for Shell {
    fn report(&self) -> Report {
        Report::new("shell", Kind::RuntimeError, Rank::Runtime)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if line.starts_with([' ', '\t']) || report.errors >= 1000 {
            return;
        }
        let Some(complaint) = complaint(line) else { return };
        let Complaint { script, line: row, message } = complaint;
        // Bash shows the faulty line after a syntax error, with the same place in front.
        let again = message.starts_with('`') && report.errors > 0;
        if again {
            return;
        }
        if report.errors == 0 {
            report.quote(line);
            report.kind = kind(message);
            report.suggestion = advice(message);
        }
        let file = if is_shell(script) { "" } else { script };
        report.problem(&Problem { message, file, line: row, ..Problem::ERROR });
    }

    fn finish(&mut self, report: &mut Report) {
        // A command that is missing in ten places is one failure.
        if report.errors > 0 {
            report.stated = None;
        }
    }
}

fn complaint(line: &str) -> Option<Complaint<'_>> {
    if line.len() > 2000 {
        return None;
    }
    if let Some(message) = windows(line) {
        return Some(Complaint { script: "", line: 0, message });
    }
    let (script, rest) = line.split_once(": ")?;
    if script.is_empty() || script.contains(['"', '=', '(']) || script.contains("://") {
        return None;
    }
    let shell = is_shell(script);
    if !shell && script.contains(' ') {
        return None;
    }
    // bash: `line 4: `; dash and ksh: `4: ` or `[4]: `
    let (line, message) = match rest.strip_prefix("line ").and_then(number) {
        Some((line, rest)) => (line, rest.strip_prefix(": ")?),
        None => match number(rest.trim_start_matches('[')) {
            Some((line, rest)) if rest.starts_with(": ") || rest.starts_with("]: ") => {
                (line, rest.split_once(": ")?.1)
            }
            _ => (0, rest),
        },
    };
    if line == 0 && !shell {
        return None;
    }
    says(message, line > 0).then_some(Complaint { script, line, message })
}

/// `'x' is not recognized as an internal or external command,` of cmd.exe and the like of PowerShell.
fn windows(line: &str) -> Option<&str> {
    let at = memchr::memmem::find(line.as_bytes(), b" is not recognized as ")?;
    let rest = line.get(at + " is not recognized as ".len()..)?;
    let known = ["an internal or external command", "the name of a cmdlet", "a name of a cmdlet"];
    known.iter().any(|words| rest.starts_with(words)).then_some(line)
}

fn is_shell(name: &str) -> bool {
    let name = name.strip_prefix('-').unwrap_or(name);
    let base = name.rsplit('/').next().unwrap_or(name);
    matches!(
        base,
        "bash"
            | "sh"
            | "dash"
            | "ash"
            | "zsh"
            | "ksh"
            | "fish"
            | "busybox"
            | "environment"
            | "sudo"
            | "nohup"
    )
}

/// Whether these are a shell's words of failure.
fn says(message: &str, placed: bool) -> bool {
    let ends = [
        ": command not found",
        ": not found",
        ": unbound variable",
        ": parameter not set",
        ": parameter null or not set",
        ": bad substitution",
        ": ambiguous redirect",
        ": integer expression expected",
        ": unary operator expected",
        ": binary operator expected",
        ": readonly variable",
        ": Argument list too long",
        ": cannot execute: required file not found",
        ": Permission denied",
        ": Is a directory",
        ": No such file or directory",
        ": cannot execute binary file",
        ": cannot execute binary file: Exec format error",
        ": Resource temporarily unavailable",
        ": Cannot allocate memory",
        ": No space left on device",
        ": invalid option",
        ": not a valid identifier",
        ": numeric argument required",
        ": too many arguments",
        ": division by 0 (error token is \"0\")",
    ];
    let starts = [
        "syntax error",
        "Syntax error",
        "unexpected EOF while looking for matching",
        "command not found: ",
        "no such file or directory: ",
        "permission denied: ",
        "parse error near",
        "Unknown command: ",
        "fork: ",
        "Bad substitution",
        "bad substitution",
        "no matches found: ",
        "cannot create ",
        "cannot open ",
    ];
    ends.iter().any(|end| message.ends_with(end))
        || starts.iter().any(|start| message.starts_with(start))
        || (placed && (message.contains(": bad interpreter: ") || message.starts_with('`')))
        || message.contains(": syntax error")
        || message.contains(": Syntax error")
}

fn kind(message: &str) -> Kind {
    if message.ends_with("Permission denied") || message.starts_with("permission denied") {
        Kind::Permission
    } else if message.starts_with("fork: ")
        || message.ends_with("No space left on device")
        || message.ends_with("Cannot allocate memory")
        || message.ends_with("Resource temporarily unavailable")
    {
        Kind::ResourceExhaustion
    } else {
        Kind::RuntimeError
    }
}

fn advice(message: &str) -> Option<String> {
    if windows(message).is_some() {
        let command = message.split('\'').nth(1).filter(|command| !command.is_empty())?;
        return Some(format!("Install {command}, or put it on the PATH"));
    }
    let command = message
        .strip_suffix(": command not found")
        .or_else(|| message.strip_suffix(": not found"))
        .or_else(|| message.strip_prefix("command not found: "))
        .or_else(|| message.strip_prefix("Unknown command: "));
    if let Some(command) = command {
        return Some(format!("Install {command}, or put it on the PATH"));
    }
    let variable = message
        .strip_suffix(": unbound variable")
        .or_else(|| message.strip_suffix(": parameter not set"))
        .or_else(|| message.strip_suffix(": parameter null or not set"));
    if let Some(variable) = variable {
        return Some(format!("Set {variable}, or give it a default"));
    }
    message.ends_with("Permission denied").then(|| {
        let file = message.strip_suffix(": Permission denied").unwrap_or(message);
        format!("Give access to {file}; a script needs chmod +x")
    })
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn shells_complaints_are_understood() {
        for (text, kind) in [
            ("ci.sh: line 4: helmx: command not found", Kind::RuntimeError),
            ("sh: 1: tsc: not found", Kind::RuntimeError),
            ("./ci.sh: 3: TOKEN: parameter not set", Kind::RuntimeError),
            ("zsh: command not found: foo", Kind::RuntimeError),
            ("'foo' is not recognized as an internal or external command,", Kind::RuntimeError),
            ("sudo: foo: command not found", Kind::RuntimeError),
            ("bash: ./run.sh: Permission denied", Kind::Permission),
            ("a.sh: line 9: syntax error near unexpected token `fi'", Kind::RuntimeError),
        ] {
            let answer = analyze(text, &Status::default(), None, 0);
            assert_eq!(answer.kind, kind, "{text}");
            assert_eq!(answer.details.first_error.as_deref(), Some(text));
        }
    }

    #[test]
    fn words_about_commands_are_none() {
        let text = "Notes: the command was not found useful\nstatus: 404: page: not found maybe\n";
        assert_eq!(analyze(text, &Status::default(), None, 0).kind, Kind::Unknown);
    }
}
