//! Lines: bytes that end with a line feed, which with a carriage return before it is no part of them.

use super::{Buffer, FramingError};

/// Whole lines out of a stream.
#[derive(Debug)]
pub(super) struct Lines {
    buffer: Buffer,
    /// Bytes of the rest that are known to hold no end.
    searched: usize,
    most: usize,
}

impl Lines {
    pub(super) fn new(most: usize) -> Lines {
        Lines { buffer: Buffer::default(), searched: 0, most }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.push(bytes);
    }

    /// What came of a line that did not end yet.
    pub(super) fn rest(&self) -> &[u8] {
        self.buffer.rest()
    }

    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, FramingError> {
        let rest = self.buffer.rest();
        let Some(found) = memchr::memchr(b'\n', &rest[self.searched..]) else {
            self.searched = rest.len();
            // One more may be the carriage return of an end that is still to come.
            return if rest.len() > self.most + 1 {
                Err(FramingError::TooLong { most: self.most })
            } else {
                Ok(None)
            };
        };
        let end = self.searched + found;
        let length = if rest[..end].ends_with(b"\r") { end - 1 } else { end };
        if length > self.most {
            return Err(FramingError::TooLong { most: self.most });
        }
        self.searched = 0;
        let line = self.buffer.take(length);
        self.buffer.skip(end + 1 - length);
        Ok(Some(line))
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.buffer.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::super::FramingError;
    use super::super::tests::decode_cut_everywhere;
    use crate::lifecycle::pool::settings::Protocol::Line;

    #[test]
    fn a_line_is_any_bytes_but_its_end() {
        let stream = b"one\ntwo\r\n\n\r\n\r\r\n\0\xff\xfe\nunfinished";
        let lines = decode_cut_everywhere(Line, 10, stream).unwrap();
        let expected: [&[u8]; 6] = [b"one", b"two", b"", b"", b"\r", b"\0\xff\xfe"];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_line_may_have_as_many_bytes_as_it_may_and_no_more() {
        let too_long = Err(FramingError::TooLong { most: 4 });
        for (stream, whole) in [
            (&b"1234\r\n"[..], true),
            (b"1234\n", true),
            (b"12345\n", false),
            (b"12345\r\n", false),
        ] {
            let lines = decode_cut_everywhere(Line, 4, stream);
            assert_eq!(lines, if whole { Ok(vec![b"1234".to_vec()]) } else { too_long.clone() });
        }
        assert_eq!(decode_cut_everywhere(Line, 4, b"123456"), too_long);
    }
}
