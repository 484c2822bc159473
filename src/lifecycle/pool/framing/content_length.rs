//! Messages behind headers, as the Language Server Protocol has them.
//!
//! ```text
//! Content-Length: 17\r\n
//! \r\n
//! {"jsonrpc":"2.0"}
//! ```
//!
//! Source: Language Server Protocol 3.17, "Base Protocol". Names of headers are compared without regard to case,
//! a line feed alone ends a line too, headers other than `Content-Length` and `Content-Type` are passed over,
//! and of charsets there is UTF-8 alone.

use super::{Buffer, FramingError};
use httparse::{EMPTY_HEADER, Status, parse_headers};

/// Most bytes of the headers of a message.
pub const MOST_HEADER: usize = 4096;
/// Most headers of a message.
const MOST_HEADERS: usize = 16;

/// Whole bodies out of a stream.
#[derive(Debug)]
pub(super) struct ContentLength {
    buffer: Buffer,
    /// The length of the body whose header was read.
    body: Option<usize>,
    most: usize,
}

impl ContentLength {
    pub(super) fn new(most: usize) -> ContentLength {
        ContentLength { buffer: Buffer::default(), body: None, most }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.push(bytes);
    }

    pub(super) fn is_within_message(&self) -> bool {
        self.body.is_some() || !self.buffer.rest().is_empty()
    }

    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, FramingError> {
        let length = match self.body {
            Some(length) => length,
            None => {
                let Some((header, body)) = self.header()? else { return Ok(None) };
                self.buffer.skip(header);
                self.body = Some(body);
                body
            }
        };
        if self.buffer.rest().len() < length {
            return Ok(None);
        }
        self.body = None;
        Ok(Some(self.buffer.take(length)))
    }

    /// Bytes of the header, and what it says the body has.
    fn header(&self) -> Result<Option<(usize, usize)>, FramingError> {
        let rest = self.buffer.rest();
        let head = &rest[..rest.len().min(MOST_HEADER)];
        let mut headers = [EMPTY_HEADER; MOST_HEADERS];
        match parse_headers(head, &mut headers) {
            Err(error) => Err(FramingError::Header(format!("{error}, near {:?}", beginning(head)))),
            Ok(Status::Partial) if rest.len() >= MOST_HEADER => Err(FramingError::HeaderTooLong),
            Ok(Status::Partial) => Ok(None),
            Ok(Status::Complete((length, headers))) => {
                Ok(Some((length, self.body_length(headers)?)))
            }
        }
    }

    fn body_length(&self, headers: &[httparse::Header<'_>]) -> Result<usize, FramingError> {
        let mut length = None;
        for header in headers {
            if header.name.eq_ignore_ascii_case("content-length") {
                let said = decimal(header.value).ok_or_else(|| {
                    let value = String::from_utf8_lossy(header.value);
                    FramingError::Header(format!("Content-Length: {value:.40}"))
                })?;
                if length.is_some_and(|other| other != said) {
                    return Err(FramingError::Header("two values of Content-Length".to_owned()));
                }
                length = Some(said);
            } else if header.name.eq_ignore_ascii_case("content-type") {
                let value = String::from_utf8_lossy(header.value).to_ascii_lowercase();
                if value.contains("charset") && !value.contains("utf-8") && !value.contains("utf8")
                {
                    return Err(FramingError::Header(format!("Content-Type: {value:.40}")));
                }
            }
        }
        let length = length.ok_or_else(|| FramingError::Header("no Content-Length".to_owned()))?;
        match usize::try_from(length) {
            Ok(length) if length <= self.most => Ok(length),
            _ => Err(FramingError::TooLong { most: self.most }),
        }
    }
}

/// Digits alone: no sign, no space, no fraction. What no `u64` holds is as long as can be.
fn decimal(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// For an error message.
fn beginning(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(40)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{decode, decode_cut_everywhere};
    use super::*;
    use crate::lifecycle::pool::settings::Protocol::ContentLength;

    fn is_header_error(stream: &[u8]) {
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        for pieces in [vec![stream], bytes] {
            let error = decode(ContentLength, 100, &pieces).unwrap_err();
            assert!(matches!(error, FramingError::Header(_)), "{stream:?}: {error}");
        }
    }

    #[test]
    fn headers_may_come_in_any_order_and_writing_with_others_between() {
        let stream = b"Content-Length: 2\r\n\r\n{}content-type: application/vscode-jsonrpc; charset=utf-8\r\n\
            X-Other: a:b\r\nCONTENT-LENGTH:3\r\n\r\n[1]Content-Length: 0\n\n";
        let decoded = decode_cut_everywhere(ContentLength, 100, stream).unwrap();
        let expected: [&[u8]; 3] = [b"{}", b"[1]", b""];
        assert_eq!(decoded, expected);
    }

    #[test]
    fn lengths_that_are_none_are_errors() {
        for length in ["-1", "+1", "1.5", "1e2", "0x10", "", "1 2", "\u{661}", "NaN"] {
            is_header_error(format!("Content-Length: {length}\r\n\r\n{{}}").as_bytes());
        }
        is_header_error(b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}");
        is_header_error(b"Content-Type: x\r\n\r\n{}");
        is_header_error(b"\r\n\r\n{}");
        is_header_error(b"Content-Length: 2\r\nContent-Type: x; charset=utf-16\r\n\r\n{}");
    }

    #[test]
    fn what_is_no_header_is_seen_at_its_first_line() {
        is_header_error(b"Starting server\n");
        is_header_error(b"{\"jsonrpc\":\"2.0\"}\n");
        is_header_error(b"Content-\0Length: 2\r\n");
        is_header_error(b"\xff\xfe");
        let many = "a: b\r\n".repeat(MOST_HEADERS + 1);
        is_header_error(format!("{many}\r\n").as_bytes());
    }

    #[test]
    fn a_body_longer_than_may_be_is_refused_before_it_comes() {
        for length in ["101", "18446744073709551616", &"9".repeat(100)] {
            let stream = format!("Content-Length: {length}\r\n\r\n");
            let refused = decode_cut_everywhere(ContentLength, 100, stream.as_bytes());
            assert_eq!(refused, Err(FramingError::TooLong { most: 100 }), "{length}");
        }
    }

    #[test]
    fn a_header_without_an_end_is_refused_at_its_bound() {
        let endless = format!("X: {}", "a".repeat(1 << 20));
        let mut decoder = super::ContentLength::new(1 << 30);
        let mut taken = 0;
        for chunk in endless.as_bytes().chunks(100) {
            decoder.push(chunk);
            taken += chunk.len();
            if decoder.next() == Err(FramingError::HeaderTooLong) {
                assert!(taken <= MOST_HEADER + 100, "{taken}");
                return;
            }
        }
        unreachable!("a megabyte of header was taken");
    }
}
