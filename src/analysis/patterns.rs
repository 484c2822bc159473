//! Custom patterns: what a user knows of texts that no dialect does.
//!
//! Expressions are those of the `regex` crate: no look-around and no back-references, in exchange for
//! time linear in the text whatever the expression (Russ Cox, "Regular Expression Matching Can Be Simple
//! And Fast"). They are tried on every cleaned line, in the order they were added; the first line that
//! matches decides. At most [`MAX_PATTERNS`], each at most [`MAX_COMPILED`] bytes compiled.

use super::kind::Kind;
use regex::{Regex, RegexBuilder, RegexSet};
use std::sync::Arc;
use thiserror::Error;

/// Patterns in one set.
pub const MAX_PATTERNS: usize = 256;
/// Bytes one expression may take when compiled.
pub const MAX_COMPILED: usize = 1 << 20;
/// Characters an expression may have.
pub const MAX_EXPRESSION: usize = 10_000;

/// A pattern as its user gives it.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// Its name, unique in the set.
    pub name: String,
    /// The expression.
    pub expression: String,
    /// Whether the expression is a text to be found as it is.
    pub literal: bool,
    /// Whether upper and lower case are the same.
    pub ignore_case: bool,
    /// The kind of failure it means.
    pub kind: Kind,
    /// The code it is counted by, or nothing.
    pub code: String,
    /// The summary, with `$1`, `$name` or `${name}` for what was captured; nothing for the line itself.
    pub summary: String,
    /// What to do, in the same way.
    pub suggestion: String,
    /// A command that repairs it, in the same way.
    pub fix_command: String,
}

/// Why a pattern was refused.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PatternError {
    /// The expression cannot be compiled.
    #[error("{reason}, at character {}: {part:?}", start + 1)]
    Syntax {
        /// What is wrong.
        reason: String,
        /// The offending part.
        part: String,
        /// Where it begins, in characters from 0.
        start: usize,
    },
    /// It is too large when compiled.
    #[error(
        "compiled, the expression is larger than {MAX_COMPILED} bytes; use smaller counts of repetition"
    )]
    TooLarge,
    /// The set is full.
    #[error("there are {MAX_PATTERNS} patterns already; remove one first")]
    Full,
    /// The name is taken.
    #[error("there is a pattern named {0:?} already; remove it first")]
    Taken(String),
}

/// Patterns compiled together.
#[derive(Debug, Default)]
pub struct PatternSet {
    patterns: Vec<(Pattern, Regex)>,
    any: Option<RegexSet>,
}

impl PatternSet {
    /// The set with one more at the end.
    ///
    /// # Errors
    /// [`PatternError`]; the set is as before.
    pub fn with(&self, pattern: Pattern) -> Result<PatternSet, PatternError> {
        if self.patterns.len() >= MAX_PATTERNS {
            return Err(PatternError::Full);
        }
        if self.patterns.iter().any(|(other, _)| other.name == pattern.name) {
            return Err(PatternError::Taken(pattern.name));
        }
        let regex = compile(&pattern)?;
        let mut patterns = self.patterns.clone();
        patterns.push((pattern, regex));
        Ok(PatternSet::of(patterns))
    }

    /// The set without the pattern of this name; `None` when there is none.
    #[must_use]
    pub fn without(&self, name: &str) -> Option<PatternSet> {
        let rest: Vec<_> =
            self.patterns.iter().filter(|(pattern, _)| pattern.name != name).cloned().collect();
        (rest.len() < self.patterns.len()).then(|| PatternSet::of(rest))
    }

    fn of(patterns: Vec<(Pattern, Regex)>) -> PatternSet {
        // The set only saves time: without it each expression is tried by itself.
        let any = RegexSet::new(patterns.iter().map(|(_, regex)| regex.as_str())).ok();
        PatternSet { patterns, any }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// What is in it, in order.
    pub fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        self.patterns.iter().map(|(pattern, _)| pattern)
    }
}

fn compile(pattern: &Pattern) -> Result<Regex, PatternError> {
    let expression = if pattern.literal {
        regex::escape(&pattern.expression)
    } else {
        pattern.expression.clone()
    };
    if expression.chars().count() > MAX_EXPRESSION {
        return Err(PatternError::TooLarge);
    }
    let flagged =
        if pattern.ignore_case { format!("(?i){expression}") } else { expression.clone() };
    let compiled = RegexBuilder::new(&flagged).size_limit(MAX_COMPILED).build();
    compiled.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => PatternError::TooLarge,
        _ => syntax_error(&expression),
    })
}

/// Asks the parser itself where the fault is: the compiler only draws a picture of it.
fn syntax_error(expression: &str) -> PatternError {
    let located = |reason: String, start: usize, end: usize| PatternError::Syntax {
        reason,
        part: expression.get(start..end.max(start)).unwrap_or_default().to_owned(),
        start: expression.get(..start).unwrap_or_default().chars().count(),
    };
    match regex_syntax::Parser::new().parse(expression) {
        Err(regex_syntax::Error::Parse(error)) => {
            let span = error.span();
            located(error.kind().to_string(), span.start.offset, span.end.offset)
        }
        Err(regex_syntax::Error::Translate(error)) => {
            let span = error.span();
            located(error.kind().to_string(), span.start.offset, span.end.offset)
        }
        _ => located("the expression is not supported".to_owned(), 0, expression.len()),
    }
}

/// What a pattern found.
#[derive(Debug, Clone)]
pub struct Match {
    /// The pattern's name.
    pub name: String,
    /// The kind it means.
    pub kind: Kind,
    /// Its code, or nothing.
    pub code: String,
    /// The line that matched.
    pub line: String,
    /// Its summary, or nothing.
    pub summary: String,
    /// Its suggestion, or nothing.
    pub suggestion: String,
    /// Its command, or nothing.
    pub fix_command: String,
    /// How many lines matched any pattern of that name.
    pub count: u64,
}

/// Looks for a set's patterns in one text.
pub struct PatternWatch {
    set: Arc<PatternSet>,
    found: Option<(usize, Match)>,
}

impl PatternWatch {
    /// Begins.
    #[must_use]
    pub fn new(set: &Arc<PatternSet>) -> PatternWatch {
        PatternWatch { set: Arc::clone(set), found: None }
    }

    /// Looks at one cleaned line.
    pub fn line(&mut self, line: &str) {
        if self.set.any.as_ref().is_some_and(|any| !any.is_match(line)) {
            return;
        }
        for (index, (pattern, regex)) in self.set.patterns.iter().enumerate() {
            match &mut self.found {
                Some((found, _)) if *found != index => {}
                Some((_, found)) => found.count += u64::from(regex.is_match(line)),
                None => {
                    let Some(captures) = regex.captures(line) else { continue };
                    let expand = |template: &str| {
                        let mut out = String::new();
                        captures.expand(template, &mut out);
                        super::report::clip(&out, super::report::MAX_QUOTE)
                    };
                    let found = Match {
                        name: pattern.name.clone(),
                        kind: pattern.kind,
                        code: pattern.code.clone(),
                        line: super::report::clip(line.trim(), super::report::MAX_QUOTE),
                        summary: expand(&pattern.summary),
                        suggestion: expand(&pattern.suggestion),
                        fix_command: expand(&pattern.fix_command),
                        count: 1,
                    };
                    self.found = Some((index, found));
                    return;
                }
            }
        }
    }

    /// What decided.
    #[must_use]
    pub fn finish(self) -> Option<Match> {
        self.found.map(|(_, found)| found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(name: &str, expression: &str) -> Pattern {
        Pattern {
            name: name.to_owned(),
            expression: expression.to_owned(),
            literal: false,
            ignore_case: false,
            kind: Kind::Timeout,
            code: String::new(),
            summary: "waited $1 s".to_owned(),
            suggestion: String::new(),
            fix_command: String::new(),
        }
    }

    #[test]
    fn the_offending_part_is_named() {
        let refused =
            |expression: &str| PatternSet::default().with(pattern("p", expression)).unwrap_err();
        assert!(
            matches!(refused("a(b"), PatternError::Syntax { start: 1, part, .. } if part == "(")
        );
        assert!(
            matches!(refused("é(?=x)"), PatternError::Syntax { start: 1, part, .. } if part.starts_with("(?="))
        );
        assert!(matches!(refused(r"(a)\1"), PatternError::Syntax { start: 3, .. }));
        assert_eq!(refused("(?:a{1000}){1000}"), PatternError::TooLarge);
    }

    #[test]
    fn the_first_line_decides_and_further_ones_are_counted() {
        let set = PatternSet::default().with(pattern("wait", r"waited (\d+)s")).unwrap();
        let set = Arc::new(set.with(pattern("other", "other")).unwrap());
        let mut watch = PatternWatch::new(&set);
        for line in ["nothing", "waited 7s", "other", "waited 9s"] {
            watch.line(line);
        }
        let found = watch.finish().unwrap();
        assert_eq!((found.summary.as_str(), found.count), ("waited 7 s", 2));
    }

    #[test]
    fn names_are_unique_and_sets_bounded() {
        let mut set = PatternSet::default();
        for n in 0..MAX_PATTERNS {
            set = set.with(pattern(&n.to_string(), "x")).unwrap();
        }
        assert_eq!(set.with(pattern("more", "x")).unwrap_err(), PatternError::Full);
        let fewer = set.without("7").unwrap();
        assert!(fewer.without("7").is_none());
        assert_eq!(fewer.with(pattern("8", "x")).unwrap_err(), PatternError::Taken("8".to_owned()));
    }

    #[test]
    fn a_literal_is_found_as_it_is() {
        let literal = Pattern { literal: true, ignore_case: true, ..pattern("l", "A+b?") };
        let set = Arc::new(PatternSet::default().with(literal).unwrap());
        let mut watch = PatternWatch::new(&set);
        watch.line("aab");
        watch.line("see a+B? here");
        assert_eq!(watch.finish().unwrap().line, "see a+B? here");
    }
}
