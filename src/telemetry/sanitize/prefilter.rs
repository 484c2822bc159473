//! Whether a text can need a change at all, decided by vector searches for a few rare needles.
//!
//! The search relies on the text being what `JSON.stringify` gives: no white space between tokens, and
//! no escape where none is needed. Escapes of printable ASCII, which `JSON.rawJSON` could bring in, are
//! looked for themselves.
//!
//! Needles of three bytes are searched for apart from longer ones: they are found by chance so often
//! that they would slow down the search for the others (measured: five times).

use super::json;
use super::redact::Redaction;
use super::secrets::{self, SHAPES};
use aho_corasick::{AhoCorasick, Input, MatchKind, Span, packed};
use memchr::memchr_iter;
use std::ops::Range;

/// What a needle, once found, has to be confirmed by.
#[derive(Debug, Clone, Copy)]
enum Needle {
    /// Nothing.
    Sure,
    /// Being a member's whole value.
    Null,
    /// The look of a secret, by its index in [`SHAPES`].
    Secret(usize),
}

/// One set of needles.
#[derive(Debug)]
struct Finder {
    search: Search,
    needles: Vec<Needle>,
}

#[derive(Debug)]
enum Search {
    /// A vector search; there is none for many needles, or on an old processor.
    Packed(packed::Searcher),
    Automaton(AhoCorasick),
}

impl Finder {
    /// `None` when there is nothing to look for.
    fn new(patterns: &[(&[u8], Needle)]) -> Result<Option<Finder>, aho_corasick::BuildError> {
        if patterns.is_empty() {
            return Ok(None);
        }
        let needles = patterns.iter().map(|(_, needle)| *needle).collect();
        let patterns = patterns.iter().map(|(pattern, _)| pattern);
        let search = match packed::Searcher::new(patterns.clone()) {
            Some(packed) => Search::Packed(packed),
            None => Search::Automaton(
                AhoCorasick::builder().match_kind(MatchKind::LeftmostFirst).build(patterns)?,
            ),
        };
        Ok(Some(Finder { search, needles }))
    }

    fn find(&self, text: &[u8], from: usize) -> Option<(Range<usize>, Needle)> {
        if from >= text.len() {
            return None;
        }
        let found = match &self.search {
            Search::Packed(packed) => packed.find_in(text, Span { start: from, end: text.len() }),
            Search::Automaton(automaton) => automaton.find(Input::new(text).range(from..)),
        }?;
        let needle = self.needles.get(found.pattern().as_usize()).copied();
        Some((found.range(), needle.unwrap_or(Needle::Sure)))
    }

    /// The first needle at or behind `from` of JSON text that is worth a closer look.
    fn find_plausible(&self, json: &[u8], mut from: usize) -> Option<usize> {
        loop {
            let (Range { start, end }, needle) = self.find(json, from)?;
            let plausible = match needle {
                Needle::Sure => true,
                Needle::Null => is_member_value(json, start, end),
                Needle::Secret(shape) => {
                    SHAPES.get(shape).is_some_and(|shape| shape.is_plausible(json, start, end))
                }
            };
            if plausible {
                return Some(start);
            }
            from = end;
        }
    }
}

/// All needles.
#[derive(Debug, Default)]
pub(super) struct Prefilter {
    finders: [Option<Finder>; 2],
    escapes: bool,
    /// Every text may need a change: a redaction path names no key, or a finder could not be built.
    always: bool,
}

impl Prefilter {
    /// Finds where a text may need any change.
    pub(super) fn any(redaction: &Redaction) -> Prefilter {
        let mut patterns: Vec<(&[u8], Needle)> = vec![
            (b"null", Needle::Null),
            (b"\"error\":", Needle::Sure),
            (b".meta.error\":", Needle::Sure),
        ];
        patterns.extend(redaction.needles().iter().map(|needle| (&needle[..], Needle::Sure)));
        for (pattern, needle) in secret_patterns(redaction) {
            patterns.push((pattern, needle));
        }
        let escapes = redaction.secrets || redaction.has_paths();
        Prefilter::build(&patterns, escapes, redaction.everywhere())
    }

    /// Finds where a text may hold a secret.
    pub(super) fn secrets(redaction: &Redaction) -> Prefilter {
        let patterns: Vec<(&[u8], Needle)> = secret_patterns(redaction).collect();
        Prefilter::build(&patterns, redaction.secrets, false)
    }

    fn build(patterns: &[(&[u8], Needle)], escapes: bool, always: bool) -> Prefilter {
        let (long, short): (Vec<_>, Vec<_>) =
            patterns.iter().partition(|(pattern, _)| pattern.len() > 3);
        match (Finder::new(&long), Finder::new(&short)) {
            (Ok(long), Ok(short)) => Prefilter { finders: [long, short], escapes, always },
            _ => Prefilter { always: true, ..Prefilter::default() },
        }
    }

    /// Whether anything in the text is worth a closer look.
    pub(super) fn is_match(&self, json: &[u8]) -> bool {
        let found = |finder: &Finder| finder.find_plausible(json, 0).is_some();
        self.always
            || self.finders.iter().flatten().any(found)
            || (self.escapes && odd_escape(json, 0).is_some())
    }
}

/// Goes through the needles of secrets in plain text, from its start to its end.
#[derive(Debug)]
pub(super) struct Needles<'a> {
    prefilter: &'a Prefilter,
    text: &'a [u8],
    /// The next one of each finder.
    next: [Option<(Range<usize>, Needle)>; 2],
}

impl<'a> Needles<'a> {
    pub(super) fn new(prefilter: &'a Prefilter, text: &'a str) -> Self {
        let text = text.as_bytes();
        let next = prefilter.finders.each_ref().map(|finder| finder.as_ref()?.find(text, 0));
        Needles { prefilter, text, next }
    }

    /// The next needle that begins at or behind `from`, and its index in [`SHAPES`].
    pub(super) fn next(&mut self, from: usize) -> Option<(Range<usize>, usize)> {
        for (next, finder) in self.next.iter_mut().zip(&self.prefilter.finders) {
            if next.as_ref().is_some_and(|(range, _)| range.start < from) {
                *next = finder.as_ref().and_then(|finder| finder.find(self.text, from));
            }
        }
        let (range, needle) = self.next.iter().flatten().min_by_key(|(range, _)| range.start)?;
        match needle {
            Needle::Secret(shape) => Some((range.clone(), *shape)),
            Needle::Sure | Needle::Null => None,
        }
    }
}

/// Goes through the suspected secrets of a text from its start to its end.
#[derive(Debug)]
pub(super) struct Suspects<'a> {
    prefilter: &'a Prefilter,
    json: &'a [u8],
    /// The next one of each finder, and the next odd escape.
    next: [usize; 3],
}

impl<'a> Suspects<'a> {
    pub(super) fn new(prefilter: &'a Prefilter, json: &'a [u8]) -> Self {
        let mut suspects = Suspects { prefilter, json, next: [0; 3] };
        suspects.advance(0);
        suspects
    }

    /// Whether there is one in `start..end`. No `start` may be before that of an earlier call.
    pub(super) fn any_in(&mut self, start: usize, end: usize) -> bool {
        if self.prefilter.always {
            return true;
        }
        if self.next.iter().any(|next| *next < start) {
            self.advance(start);
        }
        self.next.iter().any(|next| *next < end)
    }

    fn advance(&mut self, from: usize) {
        let [long, short, escape] = &mut self.next;
        for (next, finder) in [long, short].into_iter().zip(&self.prefilter.finders) {
            if *next <= from {
                let found =
                    finder.as_ref().and_then(|finder| finder.find_plausible(self.json, from));
                *next = found.unwrap_or(usize::MAX);
            }
        }
        if *escape <= from {
            let found = if self.prefilter.escapes { odd_escape(self.json, from) } else { None };
            *escape = found.unwrap_or(usize::MAX);
        }
    }
}

fn secret_patterns(redaction: &Redaction) -> impl Iterator<Item = (&'static [u8], Needle)> {
    let shapes: &[secrets::Shape] = if redaction.secrets { SHAPES } else { &[] };
    shapes.iter().enumerate().flat_map(|(index, shape)| {
        shape.needles.iter().map(move |needle| (needle.as_bytes(), Needle::Secret(index)))
    })
}

/// The first escape at or behind `from` that hides printable ASCII, or is `\/`: `JSON.stringify` writes
/// neither.
fn odd_escape(json: &[u8], from: usize) -> Option<usize> {
    let rest = json.get(from..)?;
    let odd = |&at: &usize| {
        matches!(rest.get(at + 1..), Some([b'/', ..] | [b'u', b'0', b'0', b'2'..=b'7', ..]))
    };
    memchr_iter(b'\\', rest).find(odd).map(|at| from + at)
}

/// Whether `start..end` is all there is between a colon and a comma or brace.
fn is_member_value(json: &[u8], start: usize, end: usize) -> bool {
    let before = start.checked_sub(1).and_then(|before| json.get(before));
    before == Some(&b':') && matches!(json.get(end), Some(b',' | b'}'))
}

/// How the key `key` stands in the text, with its colon.
pub(super) fn key_needle(key: &str) -> Vec<u8> {
    let mut needle = vec![b'"'];
    json::encode(key, &mut needle);
    needle.extend_from_slice(b"\":");
    needle
}
