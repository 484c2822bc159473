//! Phrasebooks: dialects of tools that fail with one line in words of their own, of which the first is
//! the cause. A tool's sentences stand in a table; reading is the same for all of them.

use crate::analysis::dialect::Dialect;
use crate::analysis::kind::Kind;
use crate::analysis::report::{Fix, Rank, Report};
use crate::analysis::sample::Sample;
use aho_corasick::AhoCorasick;
use std::sync::LazyLock;

/// One sentence of a tool.
pub(super) struct Phrase {
    /// How the line begins.
    start: &'static str,
    /// What else is in it; empty when nothing need be.
    has: &'static str,
    kind: Kind,
    /// Its weight, where it is not the book's.
    rank: Option<Rank>,
    fix: Repair,
    suggestion: &'static str,
    /// The tool that says so, where it is not the book's.
    tool: &'static str,
    /// Whether the next line tells more than this one and is quoted instead.
    more: bool,
}

/// The command that repairs it.
#[derive(Clone, Copy)]
enum Repair {
    None,
    Run(&'static str, &'static str),
}

impl Phrase {
    /// A line that begins like this.
    pub(super) const fn new(start: &'static str, kind: Kind) -> Phrase {
        let (rank, fix) = (None, Repair::None);
        Phrase { start, has: "", kind, rank, fix, suggestion: "", tool: "", more: false }
    }

    /// It must also have this in it.
    pub(super) const fn with(mut self, has: &'static str) -> Phrase {
        self.has = has;
        self
    }

    /// Another tool of the book's family says so.
    pub(super) const fn of(mut self, tool: &'static str) -> Phrase {
        self.tool = tool;
        self
    }

    /// It only says that something below failed.
    pub(super) const fn wrapper(mut self) -> Phrase {
        self.rank = Some(Rank::Wrapper);
        self
    }

    /// What repairs it, and what that does in a few words.
    pub(super) const fn fix(mut self, command: &'static str, title: &'static str) -> Phrase {
        self.fix = Repair::Run(command, title);
        self
    }

    /// What to do about it.
    pub(super) const fn suggest(mut self, suggestion: &'static str) -> Phrase {
        self.suggestion = suggestion;
        self
    }

    /// The next line that is not empty tells more and is quoted after this one.
    pub(super) const fn more(mut self) -> Phrase {
        self.more = true;
        self
    }
}

/// All sentences of one tool.
pub(super) struct Book {
    pub(super) tool: &'static str,
    pub(super) rank: Rank,
    pub(super) phrases: &'static [Phrase],
}

/// Words of other lines that tell why a package could not be had.
const REASONS: [(&str, Kind); 14] = [
    ("Could not resolve host", Kind::NetworkError),
    ("Couldn't resolve host", Kind::NetworkError),
    ("Could not connect to server", Kind::NetworkError),
    ("Couldn't connect to server", Kind::NetworkError),
    ("onnection refused", Kind::NetworkError),
    ("onnection timed out", Kind::NetworkError),
    ("onnection reset by peer", Kind::NetworkError),
    ("Timeout was reached", Kind::NetworkError),
    ("Temporary failure resolving", Kind::NetworkError),
    ("name resolution", Kind::NetworkError),
    ("Max retries exceeded", Kind::NetworkError),
    ("spurious network error", Kind::NetworkError),
    ("network failure seems to have happened", Kind::NetworkError),
    ("o space left on device", Kind::ResourceExhaustion),
];

static REASON_FINDER: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::new(REASONS.iter().map(|(words, _)| words)).ok());

impl Book {
    /// Whether a line of the sample is one of its sentences.
    pub(super) fn recognises(&'static self, sample: &Sample) -> bool {
        let reading = Reading::of(self);
        sample.lines().any(|line| reading.find(line).is_some())
    }

    /// Begins a reading.
    pub(super) fn start(&'static self) -> Box<dyn Dialect> {
        Box::new(Reading::of(self))
    }
}

/// A reading with one book.
struct Reading {
    book: &'static Book,
    /// Bytes a sentence can begin with.
    begins: [bool; 256],
    /// Finds the sentences that may stand anywhere in a line, if there are any.
    anywhere: Option<AhoCorasick>,
    /// The sentence found.
    found: Option<&'static Phrase>,
    /// Whether the next line is wanted.
    wants_more: bool,
    /// What a package could not be had for, as other lines tell.
    reason: Option<(Kind, String)>,
}

impl Reading {
    fn of(book: &'static Book) -> Reading {
        let mut begins = [false; 256];
        let mut anywhere = Vec::new();
        for phrase in book.phrases {
            match phrase.start.as_bytes().first() {
                Some(first) => begins[usize::from(*first)] = true,
                None => anywhere.push(phrase.has),
            }
        }
        let anywhere = if anywhere.is_empty() { None } else { AhoCorasick::new(anywhere).ok() };
        Reading { book, begins, anywhere, found: None, wants_more: false, reason: None }
    }

    fn find(&self, line: &str) -> Option<&'static Phrase> {
        let first = *line.as_bytes().first()?;
        if !self.begins[usize::from(first)]
            && !self.anywhere.as_ref().is_some_and(|words| words.is_match(line))
        {
            return None;
        }
        let found = self.book.phrases.iter().find(|phrase| {
            line.starts_with(phrase.start)
                && (phrase.has.is_empty()
                    || memchr::memmem::find(line.as_bytes(), phrase.has.as_bytes()).is_some())
        });
        found.filter(|_| !cheerful(line))
    }
}

impl Dialect for Reading {
    fn report(&self) -> Report {
        Report::new(self.book.tool, Kind::Unknown, self.book.rank)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if self.wants_more && !line.trim().is_empty() {
            self.wants_more = false;
            let first = report.first.clone().unwrap_or_default();
            report.requote(&format!("{first} {}", line.trim()));
        }
        if report.kind == Kind::Dependency || self.found.is_none() {
            self.note_reason(line);
        }
        // The first sentence is the cause; one that only wraps makes room for one that tells.
        let wrapped = self.found.is_some_and(|found| found.rank == Some(Rank::Wrapper));
        if self.found.is_some() && !wrapped {
            return;
        }
        let Some(phrase) = self.find(line) else { return };
        if wrapped && phrase.rank == Some(Rank::Wrapper) {
            return;
        }
        self.found = Some(phrase);
        self.wants_more = phrase.more;
        if !phrase.tool.is_empty() {
            report.tool = phrase.tool;
        }
        report.kind = phrase.kind;
        report.rank = phrase.rank.unwrap_or(self.book.rank);
        report.errors = 1;
        report.requote(line);
        report.fix = match phrase.fix {
            Repair::None => None,
            Repair::Run(command, title) => {
                Some(Fix { command: command.to_owned(), title: title.to_owned() })
            }
        };
        report.suggestion = (!phrase.suggestion.is_empty()).then(|| phrase.suggestion.to_owned());
    }

    fn finish(&mut self, report: &mut Report) {
        if report.kind == Kind::Dependency
            && let Some((kind, line)) = self.reason.take()
            && let Some(first) = &report.first
        {
            report.kind = kind;
            report.fix = None;
            report.summary = Some(format!("{}: {first} ({})", kind.label(), line.trim()));
        }
    }
}

impl Reading {
    fn note_reason(&mut self, line: &str) {
        if self.reason.is_none()
            && line.len() < 2000
            && let Some(found) = REASON_FINDER.as_ref().and_then(|finder| finder.find(line))
            && let Some((_, kind)) = REASONS.get(found.pattern().as_usize())
        {
            self.reason = Some((*kind, line.to_owned()));
        }
    }
}

/// Whether a line speaks of success, whatever else is in it: such a line is no tool's word of failure.
pub(super) fn cheerful(line: &str) -> bool {
    const WORDS: [&str; 11] = [
        "hecks passed",
        "ests passed",
        "all passed",
        "no issues",
        "no problems",
        "0 errors",
        "uccess",
        "ucceeded",
        "all done",
        "all good",
        "ooks good",
    ];
    let has = |word: &&str| memchr::memmem::find(line.as_bytes(), word.as_bytes()).is_some();
    WORDS.iter().any(|word| has(word) || line.contains(&word.to_uppercase()))
}

/// What is between two marks, when both are there.
pub(super) fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let rest = text.split_once(before)?.1;
    Some(rest.split_once(after)?.0)
}

/// A word that may stand in a command as it is: no blanks, no quotation marks, nothing a shell reads.
pub(super) fn plain_word(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && text.len() <= 200
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"@/._-+:~^=".contains(&byte))
}

/// What any dialect must stand: its own words cut and mixed with others', in any order.
#[cfg(test)]
pub(super) mod harm {
    use crate::analysis::dialect::Spec;
    use proptest::prelude::*;

    const GLUE: [&str; 28] = [
        "",
        " ",
        "\t",
        "    ",
        ": ",
        "{",
        "}",
        "{\"",
        "\": \"",
        "'",
        "\"",
        "\\",
        "\\u",
        "\\ud83d",
        "429",
        "é",
        "漢字",
        "\u{2009}",
        "│ ",
        "╰─▶ ",
        "a.go:1:2: ",
        "): ",
        " deleted in ",
        "(",
        "]",
        "try again in 1.5.5s",
        "retry-after: 99999999999999999999",
        "run `",
    ];

    /// Reads mixtures with every dialect of a family, past what it recognises.
    pub(in crate::analysis::dialects) fn read_mixtures(specs: &'static [&'static Spec]) {
        let mut words: Vec<&str> = GLUE.to_vec();
        words.extend(specs.iter().flat_map(|spec| spec.markers.iter().copied()));
        let word = proptest::sample::select(words);
        let line = proptest::collection::vec(word, 0..6);
        let text = proptest::collection::vec(line, 0..8);
        proptest!(ProptestConfig::with_cases(400), |(text in text)| {
            for spec in specs {
                let mut dialect = (spec.start)();
                let mut report = dialect.report();
                for (number, line) in text.iter().enumerate() {
                    report.at_line(number as u64 + 1);
                    dialect.line(line.concat().replace('\n', "").trim_end(), &mut report);
                }
                dialect.finish(&mut report);
            }
        });
    }
}
