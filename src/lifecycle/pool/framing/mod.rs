//! Messages out of a stream of bytes, and into one.
//!
//! A [`Decoder`] is given bytes as they come and gives whole messages, wherever the stream was cut.
//!
//! - It holds at most one message of the bound it was given, one header of [`MOST_HEADER`] bytes, and the bytes
//!   of the last push. A message that announces or shows itself to be longer is an error at that moment: nothing
//!   is reserved for it.
//! - After an error the stream means nothing any more; whoever reads it ends its worker.

mod content_length;
mod jsonl;
mod line;

pub use content_length::MOST_HEADER;

use super::settings::Protocol;
use content_length::ContentLength;
use line::Lines;

/// Bytes of buffer kept when it is empty.
const KEPT_CAPACITY: usize = 256 * 1024;

/// What is wrong with what a worker printed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// No end after as many bytes as a message may have.
    #[error(
        "it printed a message of more than {most} bytes; raise the pool's bound if it should be that long"
    )]
    TooLong {
        /// The bound.
        most: usize,
    },
    /// A header without an end.
    #[error("it printed a header of more than {MOST_HEADER} bytes")]
    HeaderTooLong,
    /// A header that is none.
    #[error(
        "it printed something that is no header: {0}; nothing but messages may go to its standard output"
    )]
    Header(String),
    /// What should be JSON is not.
    #[error(
        "it printed something that is no JSON: {0}; nothing but messages may go to its standard output"
    )]
    Json(String),
}

/// Whole messages out of a stream of bytes.
#[derive(Debug)]
pub struct Decoder {
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Line(Lines),
    Jsonl(Lines),
    ContentLength(ContentLength),
}

impl Decoder {
    /// For messages of at most `most` bytes.
    #[must_use]
    pub fn new(protocol: Protocol, most: usize) -> Decoder {
        let kind = match protocol {
            Protocol::Line => Kind::Line(Lines::new(most)),
            Protocol::Jsonl => Kind::Jsonl(Lines::new(most)),
            Protocol::ContentLength => Kind::ContentLength(ContentLength::new(most)),
        };
        Decoder { kind }
    }

    /// Takes what came. [`Decoder::next_message`] is asked until it has nothing more before this is called again.
    pub fn push(&mut self, bytes: &[u8]) {
        match &mut self.kind {
            Kind::Line(lines) | Kind::Jsonl(lines) => lines.push(bytes),
            Kind::ContentLength(messages) => messages.push(bytes),
        }
    }

    /// The next whole message.
    ///
    /// # Errors
    ///
    /// [`FramingError`]; the stream means nothing any more then.
    pub fn next_message(&mut self) -> Result<Option<Vec<u8>>, FramingError> {
        match &mut self.kind {
            Kind::Line(lines) => lines.next(),
            Kind::Jsonl(lines) => jsonl::next(lines),
            Kind::ContentLength(messages) => messages.next(),
        }
    }

    /// Whether a message has begun that did not end yet.
    #[must_use]
    pub fn is_within_message(&self) -> bool {
        match &self.kind {
            Kind::Line(lines) => !lines.rest().is_empty(),
            Kind::Jsonl(lines) => !jsonl::is_blank(lines.rest()),
            Kind::ContentLength(messages) => messages.is_within_message(),
        }
    }
}

/// One message as it is written to a worker.
#[must_use]
pub fn encode(protocol: Protocol, text: &[u8]) -> Vec<u8> {
    match protocol {
        Protocol::Line | Protocol::Jsonl => [text, b"\n"].concat(),
        Protocol::ContentLength => {
            [format!("Content-Length: {}\r\n\r\n", text.len()).as_bytes(), text].concat()
        }
    }
}

/// Bytes that came and were not taken as messages yet.
#[derive(Debug, Default)]
struct Buffer {
    bytes: Vec<u8>,
    start: usize,
}

impl Buffer {
    fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Takes the first `length` bytes out.
    fn take(&mut self, length: usize) -> Vec<u8> {
        let taken = self.rest()[..length].to_vec();
        self.skip(length);
        taken
    }

    fn skip(&mut self, length: usize) {
        self.start += length;
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.bytes.shrink_to(KEPT_CAPACITY);
            self.start = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything a decoder makes of a stream that comes in these pieces.
    pub(super) fn decode(
        protocol: Protocol,
        most: usize,
        pieces: &[&[u8]],
    ) -> Result<Vec<Vec<u8>>, FramingError> {
        let mut decoder = Decoder::new(protocol, most);
        let mut messages = Vec::new();
        for piece in pieces {
            decoder.push(piece);
            while let Some(message) = decoder.next_message()? {
                messages.push(message);
            }
        }
        Ok(messages)
    }

    /// The same stream whole, cut once at every place, and byte by byte.
    pub(super) fn decode_cut_everywhere(
        protocol: Protocol,
        most: usize,
        stream: &[u8],
    ) -> Result<Vec<Vec<u8>>, FramingError> {
        let whole = decode(protocol, most, &[stream]);
        for cut in 0..=stream.len() {
            let (head, tail) = stream.split_at(cut);
            assert_eq!(decode(protocol, most, &[head, tail]), whole, "cut at {cut}");
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(decode(protocol, most, &bytes), whole, "byte by byte");
        whole
    }

    #[test]
    fn what_is_encoded_is_decoded_wherever_the_stream_is_cut() {
        let texts: [&[u8]; 4] = [b"{\"a\":1}", b"[\"\xc3\xa9\"]", b"0", b"\"long enough\""];
        for protocol in [Protocol::Line, Protocol::Jsonl, Protocol::ContentLength] {
            let stream: Vec<u8> = texts.iter().flat_map(|text| encode(protocol, text)).collect();
            let decoded = decode_cut_everywhere(protocol, 64, &stream).unwrap();
            assert_eq!(decoded, texts, "{protocol:?}");
        }
    }

    #[test]
    fn memory_of_one_long_message_is_given_back() {
        let mut decoder = Decoder::new(Protocol::Line, 8 << 20);
        decoder.push(&vec![b'x'; 8 << 20]);
        decoder.push(b"\n");
        assert_eq!(decoder.next_message().unwrap().unwrap().len(), 8 << 20);
        let Kind::Line(lines) = &decoder.kind else { unreachable!() };
        assert!(lines.capacity() <= KEPT_CAPACITY);
        assert!(!decoder.is_within_message());
    }

    proptest::proptest! {
        #[test]
        fn garbage_is_an_error_or_messages_never_more_than_came(
            pieces in proptest::collection::vec(
                proptest::collection::vec(proptest::prop_oneof![
                    4 => proptest::sample::select(b"\r\n: {}\"0159".to_vec()),
                    1 => proptest::prelude::any::<u8>(),
                ], 0..40),
                0..20,
            ),
        ) {
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            let total: usize = pieces.iter().map(|piece| piece.len()).sum();
            for protocol in [Protocol::Line, Protocol::Jsonl, Protocol::ContentLength] {
                if let Ok(messages) = decode(protocol, 16, &pieces) {
                    let longest = messages.iter().map(Vec::len).max().unwrap_or(0);
                    let sum: usize = messages.iter().map(Vec::len).sum();
                    proptest::prop_assert!(longest <= 16 && sum <= total);
                }
            }
        }

        #[test]
        fn headers_of_any_letters_and_spaces_are_read(
            upper in proptest::collection::vec(proptest::prelude::any::<bool>(), 14),
            spaces in 0_usize..3,
            body in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..50),
        ) {
            let name: String = "content-length".chars().zip(upper)
                .map(|(letter, upper)| if upper { letter.to_ascii_uppercase() } else { letter })
                .collect();
            let head = format!("{name}:{}{}\r\n\r\n", " ".repeat(spaces), body.len());
            let stream = [head.as_bytes(), &body].concat();
            let decoded = decode_cut_everywhere(Protocol::ContentLength, 64, &stream);
            proptest::prop_assert_eq!(decoded, Ok(vec![body]));
        }
    }
}
