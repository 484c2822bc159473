//! `traceparent`: how a trace crosses from one process to another.
//!
//! ```text
//! 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
//! version  trace id                   parent id        flags
//! ```
//!
//! Source: W3C Trace Context Level 2, <https://www.w3.org/TR/trace-context-2/#traceparent-header>.

use std::fmt;

/// The trace is recorded.
pub const SAMPLED: u8 = 1;
/// The 56 bits on the right of the trace id are random.
pub const RANDOM: u8 = 2;

const LENGTH: usize = 55;

/// What `traceparent` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace; never all zero.
    pub trace_id: [u8; 16],
    /// The span that calls; never all zero.
    pub parent_id: [u8; 8],
    /// [`SAMPLED`] and [`RANDOM`]; other bits are unknown to us and are not passed on.
    pub flags: u8,
}

impl TraceContext {
    /// Reads a header's value; `None` for anything the standard calls invalid, which means to start a
    /// trace of one's own. Blanks around it are HTTP's and are ignored. Later versions are read as far as
    /// they agree with this one, as the standard demands.
    ///
    /// ```
    /// use plimsoll::export::trace_context::TraceContext;
    /// let header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    /// let context = TraceContext::parse(header).unwrap();
    /// assert_eq!(context.to_string(), header);
    /// assert!(TraceContext::parse("00-0-0-00").is_none());
    /// ```
    #[must_use]
    pub fn parse(header: &str) -> Option<TraceContext> {
        let bytes = header.trim_matches([' ', '\t']).as_bytes();
        if bytes.len() < LENGTH || [2, 35, 52].iter().any(|&place| bytes[place] != b'-') {
            return None;
        }
        let [version]: [u8; 1] = hexadecimal(&bytes[..2])?;
        match version {
            0xff => return None,
            0 if bytes.len() > LENGTH => return None,
            _ if bytes.len() > LENGTH && bytes[LENGTH] != b'-' => return None,
            _ => {}
        }
        let trace_id = hexadecimal(&bytes[3..35])?;
        let parent_id = hexadecimal(&bytes[36..52])?;
        let [flags]: [u8; 1] = hexadecimal(&bytes[53..LENGTH])?;
        let valid = trace_id != [0; 16] && parent_id != [0; 8];
        valid.then_some(TraceContext { trace_id, parent_id, flags: flags & (SAMPLED | RANDOM) })
    }

    /// Whether the caller records the trace.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace_id, parent_id) = (Hex(&self.trace_id), Hex(&self.parent_id));
        write!(formatter, "00-{trace_id}-{parent_id}-{:02x}", self.flags & (SAMPLED | RANDOM))
    }
}

/// Bytes as lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy)]
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

fn hexadecimal<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    // Capital letters are invalid here.
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const PARENT: &str = "b7ad6b7169203331";

    #[test]
    fn the_example_of_the_standard_is_read() {
        let context = TraceContext::parse(&format!("00-{TRACE}-{PARENT}-03")).unwrap();
        assert_eq!(context.trace_id[..3], [0x0a, 0xf7, 0x65]);
        assert_eq!(context.parent_id, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
        assert_eq!(context.flags, SAMPLED | RANDOM);
        assert!(context.is_sampled());
    }

    #[test]
    fn what_the_standard_calls_invalid_is_none() {
        let zero_trace = "0".repeat(32);
        let zero_parent = "0".repeat(16);
        for header in [
            String::new(),
            "00".to_owned(),
            format!("00-{TRACE}-{PARENT}"),
            format!("00-{TRACE}-{PARENT}-0"),
            format!("00-{TRACE}-{PARENT}-01-"),
            format!("00-{TRACE}-{PARENT}-01-more"),
            format!("01-{TRACE}-{PARENT}-01.more"),
            format!("ff-{TRACE}-{PARENT}-01"),
            format!("0g-{TRACE}-{PARENT}-01"),
            format!("00-{zero_trace}-{PARENT}-01"),
            format!("00-{TRACE}-{zero_parent}-01"),
            format!("00-{}-{PARENT}-01", TRACE.to_uppercase()),
            format!("00_{TRACE}_{PARENT}_01"),
            format!("00-{TRACE}-{PARENT}-+1"),
            format!("00-{}ü-{PARENT}-01", &TRACE[..30]),
        ] {
            assert_eq!(TraceContext::parse(&header), None, "{header}");
        }
    }

    #[test]
    fn later_versions_and_unknown_flags_are_read_as_far_as_we_know_them() {
        for header in [
            format!("01-{TRACE}-{PARENT}-01"),
            format!("cc-{TRACE}-{PARENT}-01-what-comes-later"),
            format!(" \t00-{TRACE}-{PARENT}-fd "),
        ] {
            let context = TraceContext::parse(&header).unwrap();
            assert_eq!(context.to_string(), format!("00-{TRACE}-{PARENT}-01"), "{header}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(header in "\\PC*") {
            let read = TraceContext::parse(&header);
            prop_assert!(read.is_none_or(|read| header.contains(&read.to_string()[3..52])));
        }

        #[test]
        fn what_is_written_is_read_back(trace in 1_u128.., parent in 1_u64.., flags in 0..4_u8) {
            let context = TraceContext {
                trace_id: trace.to_be_bytes(),
                parent_id: parent.to_be_bytes(),
                flags,
            };
            prop_assert_eq!(TraceContext::parse(&context.to_string()), Some(context));
        }
    }
}
