//! Shortening of error texts.
//!
//! | Text | Becomes |
//! |---|---|
//! | output of a linter ([`super::linter`]) | `N linting errors: 40x F401, 8x F841 (40 auto-fixable with --fix)` |
//! | output of the TypeScript compiler ([`super::typescript`]) | `N type errors: TS2304, TS2339, TS2322, ...` |
//! | anything else | its head and its tail, with `...[K chars]...` between |
//!
//! The words do not change with N, so one pattern reads them all. A text counts as a tool's output only
//! when its lines have the tool's format and none of them is of a stack trace or a test report: those
//! would be lost in a count. Terminal colours are ignored for that decision; a head and tail keep them.
//!
//! Lengths are in UTF-16 units, as a JavaScript string's `length`. Neither a surrogate pair nor a
//! character and its combining marks are cut apart.

use super::{linter, typescript};
use memchr::memchr;
use std::borrow::Cow;

/// `text` itself when it has at most `limit` UTF-16 units, else a shorter text of at most that many.
#[must_use]
pub fn condense(text: &str, limit: usize) -> Cow<'_, str> {
    // No text has more UTF-16 units than bytes.
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    let length = utf16_len(text);
    if length <= limit {
        return Cow::Borrowed(text);
    }
    let plain = strip_colours(text);
    let summary = linter::summarise(&plain, limit).or_else(|| typescript::summarise(&plain));
    match summary {
        Some(summary) if summary.len() <= limit => Cow::Owned(summary),
        _ => Cow::Owned(head_and_tail(text, length, limit)),
    }
}

/// The length in UTF-16 units.
pub(super) fn utf16_len(text: &str) -> usize {
    // One for every character, and one more for those of four bytes.
    text.bytes().filter(|byte| byte & 0xC0 != 0x80).count()
        + text.bytes().filter(|byte| *byte >= 0xF0).count()
}

fn head_and_tail(text: &str, length: usize, limit: usize) -> String {
    let mut left_out = length - limit;
    loop {
        let marker = format!("...[{left_out} chars]...");
        let Some(room) = limit.checked_sub(marker.len()) else {
            return text.get(..head_end(text, limit).0).unwrap_or_default().to_owned();
        };
        let (head, head_units) = head_end(text, room.div_ceil(2));
        let (tail, tail_units) = tail_start(text, room / 2);
        let exact = length - head_units - tail_units;
        if exact <= left_out {
            let marker = format!("...[{exact} chars]...");
            let head = text.get(..head).unwrap_or_default();
            return [head, &marker, text.get(tail..).unwrap_or_default()].concat();
        }
        // The marker takes room itself; the longer it is, the more is left out.
        left_out = exact;
    }
}

/// Where a head of at most `units` ends, and its length in units.
fn head_end(text: &str, units: usize) -> (usize, usize) {
    let (mut end, mut length) = (0, 0);
    let mut characters = text.chars();
    let mut joined = (0, 0);
    let mut joins = false;
    for character in characters.by_ref() {
        if !joins && !is_joining(character) {
            joined = (end, length);
        }
        if length + character.len_utf16() > units {
            // Cut before a whole character, unless its marks go on for longer than any real ones.
            return if length - joined.1 <= MAX_JOINED { joined } else { (end, length) };
        }
        end += character.len_utf8();
        length += character.len_utf16();
        joins = character == ZERO_WIDTH_JOINER;
    }
    (end, length)
}

/// Where a tail of at most `units` starts, and its length in units.
fn tail_start(text: &str, units: usize) -> (usize, usize) {
    let (mut start, mut length) = (text.len(), 0);
    for character in text.chars().rev() {
        if length + character.len_utf16() > units {
            break;
        }
        start -= character.len_utf8();
        length += character.len_utf16();
    }
    let (mut whole, mut whole_length) = (start, length);
    for character in text.get(start..).unwrap_or_default().chars() {
        if !is_joining(character) && character != ZERO_WIDTH_JOINER {
            return (whole, whole_length);
        }
        if length - whole_length > MAX_JOINED {
            break;
        }
        whole += character.len_utf8();
        whole_length -= character.len_utf16();
    }
    (start, length)
}

const ZERO_WIDTH_JOINER: char = '\u{200D}';
/// Units of marks after which a sequence is no longer taken for one character.
const MAX_JOINED: usize = 16;

/// Combining diacritical marks, variation selectors, skin tones, and what joins: the common part of
/// Unicode's Grapheme_Extend (UAX #29), enough for accents and emoji.
fn is_joining(character: char) -> bool {
    matches!(character,
        '\u{300}'..='\u{36F}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5BD}' | '\u{64B}'..='\u{65F}'
        | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{200D}' | '\u{20D0}'..='\u{20FF}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FE20}'..='\u{FE2F}' | '\u{1F3FB}'..='\u{1F3FF}'
        | '\u{E0020}'..='\u{E007F}' | '\u{E0100}'..='\u{E01EF}')
}

/// `text` without terminal colours and other control sequences (ECMA-48, section 5.4: `ESC [`,
/// parameter bytes, intermediate bytes, one final byte).
fn strip_colours(text: &str) -> Cow<'_, str> {
    const INTRODUCER: &str = "\u{1b}[";
    if memchr(0x1b, text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut parts = text.split(INTRODUCER);
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let end = part.bytes().position(|byte| !(0x20..0x40).contains(&byte));
        let rest = end.and_then(|end| match part.as_bytes().get(end) {
            Some(0x40..=0x7E) => part.get(end + 1..),
            _ => part.get(end..),
        });
        plain.push_str(rest.unwrap_or_default());
    }
    Cow::Owned(plain)
}
