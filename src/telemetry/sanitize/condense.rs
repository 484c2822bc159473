//! Shortening of error texts.
//!
//! | Text | Becomes |
//! |---|---|
//! | output of a linter (`linter.rs`) | `N linting errors: 40x F401, 8x F841 (40 auto-fixable with --fix)` |
//! | output of the TypeScript compiler (`typescript.rs`) | `N type errors: TS2304, TS2339, TS2322, ...` |
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
    text.chars().count() + text.bytes().filter(|byte| *byte >= 0xF0).count()
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
    let mut joined = (0, 0);
    let mut joins = false;
    for character in text.chars() {
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
    let (mut whole, mut rest) = (start, length);
    for character in text.get(start..).unwrap_or_default().chars() {
        if length - rest > MAX_JOINED {
            return (start, length);
        }
        if !is_joining(character) {
            break;
        }
        whole += character.len_utf8();
        rest -= character.len_utf16();
    }
    (whole, rest)
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn units(text: &str) -> usize {
        text.encode_utf16().count()
    }

    #[test]
    fn a_text_within_the_limit_is_left_alone() {
        assert!(matches!(condense("short", 5), Cow::Borrowed("short")));
        // Ten bytes, five units.
        assert!(matches!(condense("ééééé", 5), Cow::Borrowed("ééééé")));
    }

    #[test]
    fn head_and_tail_are_kept_around_the_number_of_characters_left_out() {
        let text = format!("{}{}", "h".repeat(300), "t".repeat(300));
        let short = condense(&text, 100);
        assert_eq!(short, format!("{}...[517 chars]...{}", "h".repeat(42), "t".repeat(41)));
    }

    #[test]
    fn the_number_counts_utf16_units() {
        let text = "😀".repeat(100);
        let short = condense(&text, 60);
        let (head, rest) = short.split_once("...[").unwrap();
        let (left_out, tail) = rest.split_once(" chars]...").unwrap();
        assert_eq!(units(head) + units(tail) + left_out.parse::<usize>().unwrap(), 200);
    }

    #[test]
    fn a_limit_with_no_room_for_the_marker_keeps_the_head() {
        assert_eq!(condense("abcdefghijklmnopqrstuvwxyz", 10), "abcdefghij");
        assert_eq!(condense("😀😀", 3), "😀");
        assert_eq!(condense("ab", 0), "");
    }

    #[test]
    fn marks_stay_with_their_character() {
        let text = "e\u{301}".repeat(60);
        for limit in 20..40 {
            let short = condense(&text, limit);
            let (head, tail) = short.split_once("...[").unwrap();
            assert!(head.is_empty() || head.ends_with('\u{301}'), "{limit} {head:?}");
            let tail = tail.split_once("]...").unwrap().1;
            assert!(!tail.starts_with('\u{301}'), "{limit} {tail:?}");
        }
    }

    #[test]
    fn marks_without_end_do_not_take_the_whole_text() {
        let text = format!("a{}", "\u{301}".repeat(500));
        assert!(units(&condense(&text, 100)) > 60);
    }

    #[test]
    fn a_stack_trace_that_mentions_a_rule_is_no_linter_output() {
        let text = "Error: rule F401 failed: error TS2304: Cannot find name\n    at check (src/a.ts:1:2)\n"
            .repeat(20);
        assert!(condense(&text, 500).contains(" chars]..."));
    }

    #[test]
    fn colours_hide_nothing_and_are_kept_around_the_middle() {
        let line = "\u{1b}[1m\u{1b}[91mF401\u{1b}[0m [\u{1b}[1m\u{1b}[96m*\u{1b}[0m] `os` unused\n";
        let text = format!("{}Found 40 errors.\n", line.repeat(40));
        assert_eq!(
            condense(&text, 500),
            "40 linting errors: 40x F401 (40 auto-fixable with --fix)"
        );
        let plain = format!("\u{1b}[31m{}\u{1b}[0m", "x".repeat(600));
        assert!(condense(&plain, 500).starts_with("\u{1b}[31mx"));
    }

    #[test]
    fn broken_control_sequences_are_harmless() {
        assert_eq!(strip_colours("a\u{1b}[31mb\u{1b}[0"), "ab");
        assert_eq!(strip_colours("a\u{1b}b\u{1b}["), "a\u{1b}b");
        assert_eq!(strip_colours("\u{1b}[31éx"), "éx");
    }

    proptest! {
        #[test]
        fn no_text_becomes_longer_than_the_limit(
            text in "[a-z\n😀é\u{301}\u{200D}\u{1F3FD}]{0,300}", limit in 0_usize..320
        ) {
            let short = condense(&text, limit);
            prop_assert!(units(&short) <= limit);
            prop_assert_eq!(units(&text) <= limit, short == text);
            prop_assert_eq!(utf16_len(&text), units(&text));
        }

        #[test]
        fn the_limit_is_used(text in "[a-z]{100,2000}", limit in 30_usize..100) {
            prop_assert!(units(&condense(&text, limit)) >= limit - 1);
        }
    }
}
