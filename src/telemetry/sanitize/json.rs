//! The tokens of JSON text (RFC 8259), found in place.
//!
//! Every function takes the offset where a token begins and gives the offset behind it, or says what it
//! expected instead. None of them recurses or allocates; each is linear in the token's length.

use std::borrow::Cow;

/// Text that is not JSON, or JSON nested deeper than [`super::MAX_DEPTH`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the JSON text of an entry: expected {expected} at byte {offset}")]
pub struct Malformed {
    /// The byte at which reading stopped.
    pub offset: usize,
    /// What would have been right there.
    pub expected: &'static str,
}

/// The end of a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StringEnd {
    /// Behind the closing quote.
    pub(super) at: usize,
    /// Whether there is an escape in it.
    pub(super) escaped: bool,
}

pub(super) fn expected<T>(offset: usize, expected: &'static str) -> Result<T, Malformed> {
    Err(Malformed { offset, expected })
}

/// The first byte at or behind `at` that is not white space.
pub(super) fn skip_space(json: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\n' | b'\r') = json.get(at) {
        at += 1;
    }
    at
}

/// The end of the string whose opening quote is at `open`. The text must be UTF-8 already.
pub(super) fn string_end(json: &[u8], open: usize) -> Result<StringEnd, Malformed> {
    if json.get(open) != Some(&b'"') {
        return expected(open, "a string");
    }
    let mut escaped = false;
    let mut at = open + 1;
    loop {
        at = skip_plain(json, at);
        match json.get(at) {
            Some(b'"') => return Ok(StringEnd { at: at + 1, escaped }),
            Some(b'\\') => {
                escaped = true;
                at = escape_end(json, at)?;
            }
            Some(_) => return expected(at, "an escape instead of a control character"),
            None => return expected(at, "the end of a string"),
        }
    }
}

/// The first byte at or behind `at` that a string cannot hold as it is. Eight bytes at a time; the
/// zero-byte test is Mycroft's, exact for the lowest byte it reports.
fn skip_plain(json: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::from_le_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    let equals = |word: u64, byte: u8| {
        let difference = word ^ (ONES * u64::from(byte));
        difference.wrapping_sub(ONES) & !difference
    };
    while let Some(Ok(chunk)) = json.get(at..at + 8).map(<[u8; 8]>::try_from) {
        let word = u64::from_le_bytes(chunk);
        let control = word.wrapping_sub(ONES * 0x20) & !word;
        let found = (equals(word, b'"') | equals(word, b'\\') | control) & HIGH;
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while let Some(&byte) = json.get(at) {
        if byte < 0x20 || byte == b'"' || byte == b'\\' {
            break;
        }
        at += 1;
    }
    at
}

fn escape_end(json: &[u8], backslash: usize) -> Result<usize, Malformed> {
    match json.get(backslash + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(backslash + 2),
        Some(b'u') => match hex4(json, backslash + 2) {
            Some(_) => Ok(backslash + 6),
            None => expected(backslash + 2, "four hexadecimal digits"),
        },
        _ => expected(backslash + 1, "an escape"),
    }
}

/// The end of the number that begins at `start`.
pub(super) fn number_end(json: &[u8], start: usize) -> Result<usize, Malformed> {
    let mut at = start;
    if json.get(at) == Some(&b'-') {
        at += 1;
    }
    at = match json.get(at) {
        Some(b'0') => at + 1,
        _ => digits_end(json, at)?,
    };
    if json.get(at) == Some(&b'.') {
        at = digits_end(json, at + 1)?;
    }
    if let Some(b'e' | b'E') = json.get(at) {
        at += 1;
        if let Some(b'+' | b'-') = json.get(at) {
            at += 1;
        }
        at = digits_end(json, at)?;
    }
    Ok(at)
}

fn digits_end(json: &[u8], start: usize) -> Result<usize, Malformed> {
    let mut at = start;
    while json.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    if at == start { expected(start, "a digit") } else { Ok(at) }
}

/// The end of `literal`, which must be at `start`.
pub(super) fn literal_end(
    json: &[u8],
    start: usize,
    literal: &'static str,
) -> Result<usize, Malformed> {
    let end = start + literal.len();
    if json.get(start..end) == Some(literal.as_bytes()) {
        Ok(end)
    } else {
        expected(start, literal)
    }
}

fn hex4(json: &[u8], at: usize) -> Option<u32> {
    json.get(at..at + 4)?
        .iter()
        .try_fold(0, |value, &digit| Some(value << 4 | char::from(digit).to_digit(16)?))
}

/// The text of a string, given what is between its quotes and accepted by [`string_end`]. A lone
/// surrogate becomes U+FFFD, as in Node's `Buffer.from(text)`.
pub(super) fn decode(raw: &[u8], escaped: bool) -> Cow<'_, str> {
    if !escaped {
        return match std::str::from_utf8(raw) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(raw),
        };
    }
    let mut text = Vec::with_capacity(raw.len());
    let mut at = 0;
    while let Some(skip) = raw.get(at..).and_then(|rest| memchr::memchr(b'\\', rest)) {
        text.extend_from_slice(raw.get(at..at + skip).unwrap_or_default());
        at += skip;
        let (character, end) = unescape(raw, at);
        text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        at = end;
    }
    text.extend_from_slice(raw.get(at..).unwrap_or_default());
    Cow::Owned(match String::from_utf8(text) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

fn unescape(raw: &[u8], backslash: usize) -> (char, usize) {
    let simple = match raw.get(backslash + 1) {
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unescape_unit(raw, backslash),
        Some(&other) => char::from(other),
        None => char::REPLACEMENT_CHARACTER,
    };
    (simple, backslash + 2)
}

fn unescape_unit(raw: &[u8], backslash: usize) -> (char, usize) {
    let end = backslash + 6;
    let Some(unit) = hex4(raw, backslash + 2) else {
        return (char::REPLACEMENT_CHARACTER, end);
    };
    if (0xD800..0xDC00).contains(&unit)
        && raw.get(end..end + 2) == Some(b"\\u")
        && let Some(low @ 0xDC00..0xE000) = hex4(raw, end + 2)
    {
        let point = 0x1_0000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
        return (char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER), end + 6);
    }
    (char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER), end)
}

/// Appends `text` as it stands between the quotes of a JSON string, escaped as `JSON.stringify` does.
pub(super) fn encode(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        let end = skip_plain(bytes, at);
        out.extend_from_slice(bytes.get(at..end).unwrap_or_default());
        let Some(&byte) = bytes.get(end) else { return };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x09 => out.extend_from_slice(b"\\t"),
            0x0a => out.extend_from_slice(b"\\n"),
            0x0c => out.extend_from_slice(b"\\f"),
            0x0d => out.extend_from_slice(b"\\r"),
            _ => {
                out.extend_from_slice(b"\\u00");
                out.extend([byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[digit as usize]));
            }
        }
        at = end + 1;
    }
}
