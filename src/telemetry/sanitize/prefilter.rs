//! Whether a text can need a change at all, decided by one search for a few rare needles.
//!
//! The search relies on the text being what `JSON.stringify` gives: no white space between tokens, and
//! no escape where none is needed. Escapes of printable ASCII, which `JSON.rawJSON` could bring in, are
//! needles themselves.

use super::json;
use super::redact::Redaction;
use super::secrets::{self, SHAPES};
use aho_corasick::{AhoCorasick, Input, MatchKind};
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

/// A set of needles.
#[derive(Debug)]
pub(super) struct Prefilter {
    /// `None` when there is nothing to look for.
    automaton: Option<AhoCorasick>,
    needles: Vec<Needle>,
    /// The automaton could not be built: every text may need a change.
    always: bool,
}

/// Escapes that hide printable ASCII, and `\/`, which is the only other one that is never needed.
const ODD_ESCAPES: [&[u8]; 7] =
    [b"\\u002", b"\\u003", b"\\u004", b"\\u005", b"\\u006", b"\\u007", b"\\/"];

impl Prefilter {
    /// Finds where a text may need any change.
    pub(super) fn any(redaction: &Redaction) -> Prefilter {
        let mut patterns: Vec<(&[u8], Needle)> = vec![
            (b"null", Needle::Null),
            (b"\"error\":", Needle::Sure),
            (b".meta.error\":", Needle::Sure),
        ];
        patterns.extend(redaction.needles().iter().map(|needle| (&needle[..], Needle::Sure)));
        patterns.extend(ODD_ESCAPES.map(|escape| (escape, Needle::Sure)));
        for (pattern, needle) in secret_patterns(redaction) {
            patterns.push((pattern, needle));
        }
        Prefilter { always: redaction.everywhere(), ..Prefilter::build(&patterns) }
    }

    /// Finds where a text may hold a secret.
    pub(super) fn secrets(redaction: &Redaction) -> Prefilter {
        let mut patterns: Vec<(&[u8], Needle)> = secret_patterns(redaction).collect();
        if redaction.secrets {
            patterns.extend(ODD_ESCAPES.map(|escape| (escape, Needle::Sure)));
        }
        Prefilter::build(&patterns)
    }

    fn build(patterns: &[(&[u8], Needle)]) -> Prefilter {
        let needles = patterns.iter().map(|(_, needle)| *needle).collect();
        if patterns.is_empty() {
            return Prefilter { automaton: None, needles, always: false };
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostFirst)
            .build(patterns.iter().map(|(pattern, _)| pattern))
            .ok();
        Prefilter { always: automaton.is_none(), automaton, needles }
    }

    /// The first place at or behind `from` that may need a change.
    pub(super) fn next(&self, json: &[u8], mut from: usize) -> Option<usize> {
        if self.always {
            return (from < json.len()).then_some(from);
        }
        let automaton = self.automaton.as_ref()?;
        while from < json.len() {
            let found = automaton.find(Input::new(json).range(from..))?;
            let confirmed = match self.needles.get(found.pattern().as_usize()) {
                Some(Needle::Null) => is_member_value(json, found.start(), found.end()),
                Some(&Needle::Secret(shape)) => SHAPES
                    .get(shape)
                    .is_some_and(|shape| shape.is_plausible(json, found.start(), found.end())),
                Some(Needle::Sure) | None => true,
            };
            if confirmed {
                return Some(found.start());
            }
            from = found.end();
        }
        None
    }

    /// The first needle of a secret at or behind `from` of plain text, and its index in [`SHAPES`].
    pub(super) fn next_secret(
        &self,
        text: &[u8],
        mut from: usize,
    ) -> Option<(Range<usize>, usize)> {
        let automaton = self.automaton.as_ref()?;
        while from < text.len() {
            let found = automaton.find(Input::new(text).range(from..))?;
            if let Some(&Needle::Secret(shape)) = self.needles.get(found.pattern().as_usize()) {
                return Some((found.range(), shape));
            }
            from = found.end();
        }
        None
    }
}

fn secret_patterns(redaction: &Redaction) -> impl Iterator<Item = (&'static [u8], Needle)> {
    let shapes: &[secrets::Shape] = if redaction.secrets { SHAPES } else { &[] };
    shapes.iter().enumerate().flat_map(|(index, shape)| {
        shape.needles.iter().map(move |needle| (needle.as_bytes(), Needle::Secret(index)))
    })
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
