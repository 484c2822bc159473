//! An error that a program threw, as its runtime prints it: class, message, code, causes, frames.
//! Every language's dialect fills one and lets it tell the report.

use super::classes;
use crate::analysis::kind::Kind;
use crate::analysis::report::{Fix, Problem, Report};

/// Files of one error that are remembered.
const MAX_FILES: usize = 60;

/// One error without its stack.
#[derive(Debug, Default, Clone)]
pub(super) struct Named {
    /// Its class as printed.
    pub(super) class: String,
    /// A code of its own: `ENOENT`, `ERR_MODULE_NOT_FOUND`.
    pub(super) code: String,
    /// What it says, without the class.
    pub(super) message: String,
    /// The line a human would quote.
    pub(super) quote: String,
}

impl Named {
    /// One that is printed as `class: message`.
    pub(super) fn new(class: &str, message: &str, quote: &str) -> Named {
        Named {
            class: class.to_owned(),
            code: String::new(),
            message: message.to_owned(),
            quote: quote.trim().to_owned(),
        }
    }

    pub(super) fn kind(&self) -> Kind {
        classes::kind_of(&self.class, &self.code, &self.message)
    }
}

/// One error with its stack.
#[derive(Debug, Default, Clone)]
pub(super) struct Thrown {
    /// The error itself.
    pub(super) error: Named,
    /// Its innermost cause.
    pub(super) cause: Option<Named>,
    /// The project's frame nearest to where it was thrown.
    pub(super) place: Option<(String, u32, u32)>,
    /// The line of the text it is on.
    pub(super) at: u64,
    files: Vec<String>,
}

impl Thrown {
    /// Begins one.
    pub(super) fn new(error: Named, at: u64) -> Thrown {
        Thrown { error, at, ..Thrown::default() }
    }

    /// A frame of the project's own, innermost first.
    pub(super) fn frame(&mut self, file: &str, line: u32, column: u32) {
        if self.place.is_none() && line > 0 {
            self.place = Some((file.to_owned(), line, column));
        }
        self.file(file);
    }

    /// A file that has to do with it.
    pub(super) fn file(&mut self, file: &str) {
        if self.files.len() < MAX_FILES && !self.files.iter().any(|known| known == file) {
            self.files.push(file.to_owned());
        }
    }

    /// The files named so far.
    pub(super) fn files(&self) -> &[String] {
        &self.files
    }

    /// The kind: the cause's where the error itself says nothing.
    pub(super) fn kind(&self) -> Kind {
        match (self.error.kind(), &self.cause) {
            (Kind::RuntimeError, Some(cause)) => match cause.kind() {
                kind @ (Kind::NetworkError | Kind::ResourceExhaustion | Kind::RateLimit) => kind,
                _ => Kind::RuntimeError,
            },
            (kind, _) => kind,
        }
    }

    /// What it is counted by: its code, its cause's where it is a mere wrapper, or its class.
    pub(super) fn code(&self) -> &str {
        if !self.error.code.is_empty() {
            return &self.error.code;
        }
        match &self.cause {
            Some(cause) if classes::of_code(&cause.code).is_some() => &cause.code,
            _ => &self.error.class,
        }
    }

    /// Counts it in the report.
    pub(super) fn count(&self, report: &mut Report) {
        for file in &self.files {
            report.file(file);
        }
        let (file, line, column) =
            self.place.as_ref().map_or(("", 0, 0), |(file, line, column)| (file, *line, *column));
        report.problem(&Problem {
            code: self.code(),
            message: &self.error.quote,
            file,
            line,
            column,
            ..Problem::ERROR
        });
    }

    /// Makes it the one that the report is about.
    pub(super) fn tell(&self, report: &mut Report) {
        self.tell_as(self.kind(), report);
    }

    /// The same, of a kind that is known better.
    pub(super) fn tell_as(&self, kind: Kind, report: &mut Report) {
        report.failed = true;
        report.kind = kind;
        report.first = None;
        let told = |cause: &Named| {
            let words = if cause.message.is_empty() { &cause.quote } else { &cause.message };
            words.is_empty() || self.error.quote.contains(words.as_str())
        };
        match &self.cause {
            Some(cause) if !told(cause) => {
                report.quote(&format!("{} (cause: {})", self.error.quote, cause.quote));
            }
            _ => report.quote(&self.error.quote),
        }
        report.first_line = self.at;
        if report.suggestion.is_none() && report.fix.is_none() {
            report.suggestion = self.advice(report.kind);
            report.fix = self.remedy();
        }
    }

    fn advice(&self, kind: Kind) -> Option<String> {
        match (self.code(), kind) {
            ("EADDRINUSE", _) => {
                return Some("Stop what listens on that port, or use another".to_owned());
            }
            ("EMFILE", _) => {
                return Some(
                    "Run: ulimit -n 4096, and look for files that are never closed".to_owned(),
                );
            }
            _ => {}
        }
        let (file, line, _) = self.place.as_ref()?;
        (kind == Kind::RuntimeError).then(|| format!("Look at {file}:{line}"))
    }

    fn remedy(&self) -> Option<Fix> {
        (self.code() == "EMFILE").then(|| Fix {
            command: "ulimit -n 4096".to_owned(),
            title: "Allow more open files".to_owned(),
        })
    }
}

/// A fix that installs a package with a command; none for names that are no plain names.
pub(super) fn install(command: &str, package: &str) -> Option<Fix> {
    let plain = !package.is_empty()
        && package.len() <= 214
        && !package.starts_with('-')
        && package.chars().all(|c| c.is_ascii_alphanumeric() || "@/._-:".contains(c));
    plain.then(|| Fix {
        command: format!("{command} {package}"),
        title: format!("Install {package}"),
    })
}
