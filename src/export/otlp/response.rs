//! An HTTP/1.1 response, read within bounds: 64 KiB of head and 64 KiB of body.
//!
//! Source: RFC 9112. The heads and the sizes of chunks are parsed by `httparse`.

use httparse::{EMPTY_HEADER, Header, Response, Status, parse_chunk_size};
use std::io::{self, Read};

const MAX_HEAD: usize = 64 * 1024;
const MAX_BODY: usize = 64 * 1024;
const MAX_HEADERS: usize = 128;
/// Interim responses, 1xx, that are passed over.
const MAX_INTERIM: usize = 8;

/// What the collector said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) retry_after: Option<String>,
    pub(super) location: Option<String>,
    /// Its first 64 KiB; empty where it did not arrive whole.
    pub(super) body: Vec<u8>,
}

#[derive(Debug, PartialEq, Eq)]
enum Framing {
    Length(u64),
    Chunked,
    UntilEnd,
}

struct Head {
    answer: Answer,
    framing: Framing,
    length: usize,
}

fn invalid(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Reads the final response.
pub(super) fn read_answer(source: &mut impl Read) -> io::Result<Answer> {
    let mut bytes = Vec::new();
    for _ in 0..=MAX_INTERIM {
        let head = read_head(source, &mut bytes)?;
        bytes.drain(..head.length);
        if head.answer.status >= 200 {
            // The status stands, also when the rest does not arrive: a batch that was taken must not be
            // sent again because a courtesy got lost.
            let body = read_body(source, bytes, &head.framing).unwrap_or_default();
            return Ok(Answer { body, ..head.answer });
        }
    }
    Err(invalid("too many interim responses"))
}

fn read_head(source: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<Head> {
    loop {
        if let Some(head) = parse_head(bytes)? {
            return Ok(head);
        }
        if bytes.len() > MAX_HEAD {
            return Err(invalid("the head of the response is longer than 64 KiB"));
        }
        if read_more(source, bytes)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn read_more(source: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<usize> {
    let mut chunk = [0; 8192];
    loop {
        match source.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            Ok(count) => {
                bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
                return Ok(count);
            }
        }
    }
}

fn parse_head(bytes: &[u8]) -> io::Result<Option<Head>> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut response = Response::new(&mut headers);
    let length = match response.parse(bytes).map_err(invalid)? {
        Status::Complete(length) => length,
        Status::Partial => return Ok(None),
    };
    let status = response.code.unwrap_or_default();
    let text = |name: &str| header(response.headers, name).map(str::to_owned);
    let chunked = header(response.headers, "transfer-encoding")
        .is_some_and(|codings| codings.to_ascii_lowercase().ends_with("chunked"));
    let framing = match header(response.headers, "content-length") {
        _ if status == 204 || status == 304 || status < 200 => Framing::Length(0),
        _ if chunked => Framing::Chunked,
        Some(length) => Framing::Length(length.trim().parse().map_err(invalid)?),
        None => Framing::UntilEnd,
    };
    let answer = Answer {
        status,
        retry_after: text("retry-after"),
        location: text("location"),
        body: Vec::new(),
    };
    Ok(Some(Head { answer, framing, length }))
}

fn header<'a>(headers: &[Header<'a>], name: &str) -> Option<&'a str> {
    let found = headers.iter().find(|header| header.name.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(found.value).ok()
}

fn read_body(source: &mut impl Read, mut bytes: Vec<u8>, framing: &Framing) -> io::Result<Vec<u8>> {
    match framing {
        Framing::Chunked => return read_chunks(source, bytes),
        Framing::Length(length) => {
            let wanted = usize::try_from(*length).unwrap_or(usize::MAX).min(MAX_BODY);
            while bytes.len() < wanted {
                if read_more(source, &mut bytes)? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            bytes.truncate(wanted);
        }
        Framing::UntilEnd => {
            while bytes.len() < MAX_BODY && read_more(source, &mut bytes)? > 0 {}
            bytes.truncate(MAX_BODY);
        }
    }
    Ok(bytes)
}

fn read_chunks(source: &mut impl Read, mut bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    while body.len() < MAX_BODY {
        let (head, size) = loop {
            match parse_chunk_size(&bytes).map_err(|_| invalid("not the size of a chunk"))? {
                Status::Complete((head, size)) => break (head, size),
                Status::Partial if bytes.len() > MAX_HEAD => {
                    return Err(invalid("the size of a chunk is longer than 64 KiB"));
                }
                Status::Partial => {
                    if read_more(source, &mut bytes)? == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
            }
        };
        bytes.drain(..head);
        if size == 0 {
            break;
        }
        // Two more end the chunk.
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let wanted = size.min(MAX_BODY).saturating_add(2);
        while bytes.len() < wanted {
            if read_more(source, &mut bytes)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        body.extend(bytes.drain(..wanted).take(wanted - 2));
        if size > MAX_BODY {
            break;
        }
    }
    body.truncate(MAX_BODY);
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gives one byte at a time, the worst a network can do.
    struct Dripping<'a>(&'a [u8]);

    impl Read for Dripping<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            buffer[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    fn read(mut bytes: &[u8]) -> io::Result<Answer> {
        let dripped = read_answer(&mut Dripping(bytes));
        let whole = read_answer(&mut bytes);
        assert_eq!(dripped.as_ref().ok(), whole.as_ref().ok(), "however it arrives");
        whole
    }

    #[test]
    fn every_framing_of_a_body_is_read() {
        for (response, body) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcd", "abc"),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
                "abcde",
            ),
            ("HTTP/1.0 200 OK\r\n\r\nuntil the end", "until the end"),
            ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200\r\ncontent-length: 1\r\n\r\nx", "x"),
            ("HTTP/1.1 204 No Content\r\n\r\n", ""),
            ("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\ncut", ""),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab", ""),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", ""),
        ] {
            let answer = read(response.as_bytes()).unwrap();
            assert_eq!(String::from_utf8_lossy(&answer.body), body, "{response}");
        }
    }

    #[test]
    fn the_headers_that_matter_are_found_in_any_case() {
        let answer = read(b"HTTP/1.1 503 Busy\r\nRETRY-AFTER: 5\r\nLocation: /x\r\n\r\n").unwrap();
        assert_eq!((answer.status, answer.retry_after.as_deref()), (503, Some("5")));
        assert_eq!(answer.location.as_deref(), Some("/x"));
    }

    #[test]
    fn what_is_no_response_is_an_error_of_its_kind() {
        let kind = |bytes: &[u8]| read(bytes).unwrap_err().kind();
        assert_eq!(kind(b""), io::ErrorKind::UnexpectedEof);
        assert_eq!(kind(b"HTTP/1.1 200 OK\r\nConten"), io::ErrorKind::UnexpectedEof);
        assert_eq!(kind(b"220 smtp.example.org ESMTP\r\n"), io::ErrorKind::InvalidData);
        assert_eq!(
            kind(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"),
            io::ErrorKind::InvalidData
        );
        assert_eq!(kind(&b"HTTP/1.1 100 Continue\r\n\r\n".repeat(20)), io::ErrorKind::InvalidData);
        let endless = [b"HTTP/1.1 200 OK\r\na: ".to_vec(), vec![b'b'; 200_000]].concat();
        assert_eq!(read_answer(&mut &endless[..]).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn of_an_endless_body_only_the_beginning_is_kept() {
        let chunk = [b"20000\r\n".to_vec(), vec![b'c'; 0x20000], b"\r\n".to_vec()].concat();
        for (head, body) in [
            ("", vec![b'a'; 1 << 20]),
            ("content-length: 18446744073709551615\r\n", vec![b'b'; 1 << 20]),
            ("transfer-encoding: chunked\r\n", chunk.repeat(8)),
            (
                "transfer-encoding: chunked\r\n",
                [b"ffffffffffffffff\r\n".to_vec(), vec![b'd'; 1 << 20]].concat(),
            ),
        ] {
            let response = [format!("HTTP/1.1 200 OK\r\n{head}\r\n").into_bytes(), body].concat();
            let answer = read_answer(&mut &response[..]).unwrap();
            assert_eq!(answer.body.len(), MAX_BODY, "{head}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(bytes: Vec<u8>, head in "(HTTP/1.1 200 OK\r\n)?(transfer-encoding: chunked\r\n)?(\r\n)?") {
            let response = [head.into_bytes(), bytes].concat();
            if let Ok(answer) = read(&response) {
                prop_assert!(answer.body.len() <= response.len());
            }
        }
    }
}
