//! Python's tracebacks (<https://docs.python.org/3/library/traceback.html>): chained ones, exception
//! groups (PEP 654) and the bare block of a syntax error.
//!
//! ```text
//! Traceback (most recent call last):                    + Exception Group Traceback (most recent call last):
//!   File "/app/a.py", line 5, in <module>               |   File "/app/a.py", line 5, in <module>
//!     check([1])                                        | ExceptionGroup: two (2 sub-exceptions)
//! pkg.SomeError: message                                +-+---------------- 1 ----------------
//! ```
//! Between chained ones stands `The above exception was the direct cause of the following exception:`
//! or `During handling of the above exception, another exception occurred:`.

use super::super::location::number;
use super::python_modules::{Missing, missing_module};
use super::thrown::{Named, Thrown, install};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};

pub(super) static SPEC: Spec = Spec {
    name: "python",
    markers: &[
        "Traceback (most recent call last):",
        "  File \"",
        "Fatal Python error: ",
        ": No module named ",
    ],
    recognises: |sample| {
        sample.has(HEADER)
            || sample.has_line_starting("  File \"")
            || sample.has_line_starting("Fatal Python error: ")
            || sample.lines().any(|line| launched(line).is_some())
    },
    start: || Box::new(Python::default()),
};

const HEADER: &str = "Traceback (most recent call last):";

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Outside,
    /// Frames are being read; the exception follows.
    Frames,
    /// A `File "…", line 3` outside of a traceback: the block of a syntax error.
    Block,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Link {
    #[default]
    None,
    Cause,
    Handling,
}

#[derive(Default)]
struct Python {
    state: State,
    /// What stands before every line of this traceback.
    prefix: String,
    /// The line the traceback being read begins in.
    began: u64,
    /// Frames of the traceback being read, outermost first.
    frames: Vec<(String, u32)>,
    /// How the next traceback belongs to the last.
    link: Link,
    /// The last whole failure.
    current: Option<Thrown>,
    /// Inside of the parts of an exception group.
    parts: bool,
    ignored: bool,
    wrapper: bool,
}

/// Frames of one traceback that are remembered.
const MAX_FRAMES: usize = 200;

impl Dialect for Python {
    fn report(&self) -> Report {
        Report::new("python", Kind::RuntimeError, Rank::Runtime)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if self.state == State::Outside {
            self.outside(line, report);
            return;
        }
        if line.ends_with(HEADER) {
            self.begin(line, report);
            return;
        }
        let own = line.strip_prefix(self.prefix.as_str()).unwrap_or(line);
        let text = own.trim_start_matches([' ', '|']);
        if let Some((file, row)) = frame(text) {
            if self.frames.len() >= MAX_FRAMES {
                self.frames.remove(MAX_FRAMES / 2);
            }
            self.frames.push((file.to_owned(), row));
            return;
        }
        // Sources are indented; in a group everything stands behind a bar.
        let own = own.trim_start_matches(" ").strip_prefix("| ").unwrap_or(own);
        if own.starts_with([' ', '\t']) || own.is_empty() {
            return;
        }
        let class = class(own);
        let block = self.state == State::Block;
        self.state = State::Outside;
        let Some((class, message)) = class else { return };
        if block && !is_syntax(class) {
            return;
        }
        self.raised(class, message, own, report);
    }

    fn finish(&mut self, report: &mut Report) {
        self.close(report);
    }
}

impl Python {
    fn outside(&mut self, line: &str, report: &mut Report) {
        match line.as_bytes().last() {
            Some(b':') => {
                if line.ends_with(HEADER) {
                    self.begin(line, report);
                } else if line.ends_with("direct cause of the following exception:") {
                    self.link = Link::Cause;
                } else if line.ends_with("another exception occurred:") {
                    self.link = Link::Handling;
                } else if line.starts_with("Exception ignored in") {
                    self.ignored = true;
                }
            }
            // The block of a syntax error, or a traceback of which the beginning was cut off.
            _ if line.starts_with("  File \"") => {
                if let Some((file, row)) = frame(line.trim_start()) {
                    if line.contains(" in ") && !line.contains(", in ") {
                        // The frames of a fatal error, innermost first.
                        if let Some(thrown) = &mut self.current
                            && is_own(file)
                        {
                            thrown.frame(file, row, 0);
                        }
                        return;
                    }
                    self.frames.clear();
                    self.prefix.clear();
                    self.frames.push((file.to_owned(), row));
                    self.began = report.line_number();
                    let cut = line.contains(", in ");
                    self.state = if cut { State::Frames } else { State::Block };
                }
            }
            Some(b'-') => {
                let text = line.trim_start();
                if text.starts_with("+-+-") || (text.starts_with("+-") && text.contains("- 1 -")) {
                    self.parts = true;
                } else if text.starts_with("+--") && text.bytes().all(|b| b == b'-' || b == b'+') {
                    self.parts = false;
                }
            }
            _ if line.starts_with("Exception ignored in") => self.ignored = true,
            _ if line.starts_with("Fatal Python error: ") => {
                self.close(report);
                self.current = Some(Thrown::new(Named::new("", line, line), report.line_number()));
            }
            _ if line.contains(": No module named ") => {
                if let Some(message) = launched(line) {
                    self.close(report);
                    let error = Named::new("ModuleNotFoundError", message, line);
                    self.current = Some(Thrown::new(error, report.line_number()));
                }
            }
            _ => {}
        }
    }

    fn begin(&mut self, line: &str, report: &mut Report) {
        let before = line.strip_suffix(HEADER).unwrap_or_default();
        if self.link == Link::None && !self.parts {
            self.close(report);
        }
        let before = before.strip_suffix("Exception Group ").unwrap_or(before);
        self.prefix.clear();
        if before.bytes().any(|byte| !matches!(byte, b' ' | b'|' | b'+')) {
            self.prefix.push_str(before);
        } else {
            self.prefix.push_str(&before.replace('+', "|"));
        }
        self.frames.clear();
        self.began = report.line_number();
        self.state = State::Frames;
    }

    /// The line with the class ends a traceback.
    fn raised(&mut self, class: &str, message: &str, line: &str, report: &mut Report) {
        let error = Named::new(class, message, line);
        let mut thrown = Thrown::new(error, self.began);
        let syntax = is_syntax(class);
        let own = self.frames.iter().rev().filter(|(file, _)| is_own(file));
        for (index, (file, row)) in own.enumerate() {
            thrown.frame(file, *row, 0);
            if syntax && index == 0 && self.frames.len() == 1 {
                break;
            }
        }
        let ignored = std::mem::take(&mut self.ignored);
        match (std::mem::take(&mut self.link), self.current.take()) {
            // A part of a group, or the traceback of one: the group is quoted, its first part the cause.
            (_, Some(mut whole)) if self.parts => {
                for file in thrown.files() {
                    whole.file(file);
                }
                if whole.place.is_none() {
                    whole.place = thrown.place;
                }
                if whole.cause.is_none() {
                    whole.cause = Some(thrown.error);
                }
                self.current = Some(whole);
            }
            (link @ (Link::Cause | Link::Handling), Some(before)) => {
                // The text tells of it from its first traceback on.
                thrown.at = before.at;
                for file in before.files() {
                    thrown.file(file);
                }
                if thrown.place.is_none() {
                    thrown.place.clone_from(&before.place);
                }
                if link == Link::Cause {
                    thrown.cause = before.cause.or(Some(before.error));
                }
                self.current = Some(thrown);
            }
            (_, before) => {
                if let Some(before) = before {
                    self.tell(&before, report);
                }
                if !ignored {
                    self.current = Some(thrown);
                }
            }
        }
    }

    fn close(&mut self, report: &mut Report) {
        if let Some(thrown) = self.current.take() {
            self.tell(&thrown, report);
        }
    }

    /// The last failure is the one that ended the program: those before were told and survived.
    fn tell(&mut self, thrown: &Thrown, report: &mut Report) {
        thrown.count(report);
        let wrapper = thrown.error.class.ends_with("CalledProcessError");
        if wrapper && report.first.is_some() && report.errors > 1 && !self.wrapper {
            return;
        }
        self.wrapper = wrapper;
        report.rank = if wrapper { Rank::Wrapper } else { Rank::Runtime };
        report.suggestion = None;
        report.fix = None;
        if thrown.kind() == Kind::Dependency {
            match missing_module(thrown) {
                Missing::Package(name) => report.fix = install("pip install", name),
                Missing::Own => {
                    thrown.tell(report);
                    report.kind = Kind::RuntimeError;
                    return;
                }
                Missing::Unknown => {}
            }
        }
        if thrown.error.message.contains("cannot open shared object file") {
            thrown.tell(report);
            report.kind = Kind::Dependency;
            return;
        }
        thrown.tell(report);
    }
}

/// `/usr/bin/python3: No module named pytest`, of `python -m pytest`.
fn launched(line: &str) -> Option<&str> {
    let (program, message) = line.split_once(": ")?;
    let base = program.rsplit(['/', '\\']).next().unwrap_or(program);
    if !base.starts_with("python") {
        return None;
    }
    // `Error while finding module specification for 'a.b' (ModuleNotFoundError: No module named 'a')`
    (message.starts_with("No module named ")
        || message.starts_with("Error while finding module specification for "))
    .then_some(message)
}

/// `File "/app/a.py", line 5, in name`.
fn frame(text: &str) -> Option<(&str, u32)> {
    let (file, rest) = text.strip_prefix("File \"")?.split_once("\", line ")?;
    let (row, _) = number(rest)?;
    Some((file, row))
}

/// `pkg.SomeError: message` or `SomeError`.
fn class(line: &str) -> Option<(&str, &str)> {
    let (class, message) = match line.split_once(':') {
        Some((class, message)) => (class, message.trim_start()),
        None => (line, ""),
    };
    let named = !class.is_empty()
        && class.len() < 200
        && class.split('.').all(|part| {
            part == "<locals>"
                || (part.starts_with(|c: char| c.is_alphabetic() || c == '_')
                    && part.chars().all(|c| c.is_alphanumeric() || c == '_'))
        });
    named.then_some((class, message))
}

fn is_syntax(class: &str) -> bool {
    matches!(class, "SyntaxError" | "IndentationError" | "TabError")
}

/// Whether a frame is of the project, not of the interpreter, its library or what was installed.
fn is_own(file: &str) -> bool {
    !file.starts_with('<')
        && !["site-packages", "dist-packages", "/lib/python", "\\lib\\", "\\Lib\\", "/lib64/python"]
            .iter()
            .any(|part| file.contains(part))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn a_chain_is_quoted_with_its_cause_and_the_projects_files() {
        let text = "Traceback (most recent call last):\n  File \"/p/lib/io.py\", line 7, in read\n    open(p)\nFileNotFoundError: [Errno 2] No such file or directory: 'x'\n\nThe above exception was the direct cause of the following exception:\n\nTraceback (most recent call last):\n  File \"/p/main.py\", line 3, in <module>\n    run()\n  File \"/usr/lib/python3.12/asyncio/runners.py\", line 5, in run\n    x()\napp.Bad: cannot start\n";
        let answer = analyze(text, &Status::default(), None, 0);
        assert_eq!(answer.kind, Kind::RuntimeError);
        assert_eq!(answer.details.errors_by_type.get("app.Bad"), Some(&1));
        assert_eq!(answer.details.affected_files, ["/p/main.py", "/p/lib/io.py"]);
        let first = answer.details.first_error.unwrap();
        assert!(first.starts_with("app.Bad: cannot start (cause: FileNotFoundError"), "{first}");
    }

    #[test]
    fn a_group_is_one_failure_with_its_first_part_as_cause() {
        let text = "  + Exception Group Traceback (most recent call last):\n  |   File \"/p/g.py\", line 2, in <module>\n  |     raise ExceptionGroup(\"several\", parts)\n  | ExceptionGroup: several (2 sub-exceptions)\n  +-+---------------- 1 ----------------\n    | Traceback (most recent call last):\n    |   File \"/p/h.py\", line 9, in work\n    |     f()\n    | ValueError: one\n    +---------------- 2 ----------------\n    | TypeError: two\n    +------------------------------------\n";
        let answer = analyze(text, &Status::default(), None, 0);
        assert_eq!(answer.details.error_count, Some(1));
        let first = answer.details.first_error.unwrap();
        assert_eq!(first, "ExceptionGroup: several (2 sub-exceptions) (cause: ValueError: one)");
        assert_eq!(answer.details.affected_files, ["/p/g.py", "/p/h.py"]);
    }

    #[test]
    fn a_missing_package_is_installed_and_a_missing_part_of_the_project_is_not() {
        let text = |module: &str| {
            format!(
                "Traceback (most recent call last):\n  File \"/p/shop/a.py\", line 1, in <module>\n    import x\nModuleNotFoundError: No module named '{module}'\n"
            )
        };
        let answer = analyze(&text("yaml"), &Status::default(), None, 0);
        assert_eq!(answer.fix.unwrap().command, "pip install pyyaml");
        let answer = analyze(&text("shop.b"), &Status::default(), None, 0);
        assert!(answer.fix.is_none());
        assert_eq!(answer.kind, Kind::RuntimeError);
    }
}
