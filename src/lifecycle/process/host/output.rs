//! What a command prints.
//!
//! A kept output keeps its first and its last bytes: half of the bound each, the last ones in a ring, so that a
//! command that prints gigabytes costs their reading and nothing more. A streamed output is read under credit;
//! of what is still in the pipe when the command has ended, all is passed on, whatever the credit: it is at most
//! what a pipe holds.

use super::super::{Captured, Event, Output, STREAM_CREDIT, Stream};
use super::teller::Teller;
use crate::platform::poller::Watched;
use rustix::io::Errno;

/// Bytes read of one output before the others have their turn.
const MOST_PER_TURN: usize = 128 * 1024;

/// Head and tail of a kept output.
#[derive(Debug)]
pub(super) struct Capture {
    most_head: usize,
    most_tail: usize,
    head: Vec<u8>,
    /// Once as long as it may be, a ring whose oldest byte is at `oldest`.
    tail: Vec<u8>,
    oldest: usize,
    total: u64,
}

impl Capture {
    pub(super) fn new(most_bytes: usize) -> Capture {
        let most_head = most_bytes.div_ceil(2);
        Capture {
            most_head,
            most_tail: most_bytes - most_head,
            head: Vec::new(),
            tail: Vec::new(),
            oldest: 0,
            total: 0,
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let (head, mut rest) = bytes.split_at(bytes.len().min(self.most_head - self.head.len()));
        append(&mut self.head, head, self.most_head);
        // All but the last of them would be written over at once.
        rest = &rest[rest.len().saturating_sub(self.most_tail)..];
        let (fill, over) = rest.split_at(rest.len().min(self.most_tail - self.tail.len()));
        append(&mut self.tail, fill, self.most_tail);
        let (to_the_end, around) = over.split_at(over.len().min(self.tail.len() - self.oldest));
        self.tail[self.oldest..][..to_the_end.len()].copy_from_slice(to_the_end);
        self.tail[..around.len()].copy_from_slice(around);
        if !over.is_empty() {
            self.oldest = (self.oldest + over.len()) % self.tail.len();
        }
    }

    pub(super) fn finish(self) -> Captured {
        let Capture { mut head, mut tail, oldest, total, .. } = self;
        tail.rotate_left(oldest);
        if total == (head.len() + tail.len()) as u64 {
            head.append(&mut tail);
        }
        Captured { head, tail, total }
    }
}

/// As `extend_from_slice`, with room for at most `most` bytes in all.
fn append(to: &mut Vec<u8>, bytes: &[u8], most: usize) {
    let needed = to.len() + bytes.len();
    if needed > to.capacity() {
        let room = needed.max(to.capacity().saturating_mul(2)).min(most);
        to.reserve_exact(room - to.len());
    }
    to.extend_from_slice(bytes);
}

#[derive(Debug)]
enum Sink {
    /// Read and forgotten.
    Dropped,
    Kept(Capture),
    Streamed {
        credit: usize,
    },
}

/// One output of one process.
#[derive(Debug)]
pub(super) struct OutputPump {
    stream: Stream,
    /// The reading end, while it is open.
    pipe: Option<Watched>,
    sink: Sink,
    /// A streamed one whose end was not told yet.
    end_untold: bool,
}

impl OutputPump {
    pub(super) fn new(stream: Stream, output: Output) -> OutputPump {
        let sink = match output {
            Output::Dropped | Output::Inherited => Sink::Dropped,
            Output::Kept { most_bytes } => Sink::Kept(Capture::new(most_bytes)),
            Output::Streamed => Sink::Streamed { credit: STREAM_CREDIT },
        };
        OutputPump { stream, pipe: None, sink, end_untold: output == Output::Streamed }
    }

    pub(super) fn open(&mut self, pipe: Watched) {
        self.pipe = Some(pipe);
    }

    /// Asks to be told when there is something to read, if anything may be.
    pub(super) fn arm(&mut self, teller: &Teller) {
        let wanted = !matches!(self.sink, Sink::Streamed { credit: 0 });
        if wanted && self.pipe.as_ref().is_some_and(|pipe| pipe.arm(true, false).is_err()) {
            self.end(teller);
        }
    }

    /// Reads what is there, within the credit and one turn.
    pub(super) fn ready(&mut self, buffer: &mut [u8], teller: &Teller) {
        let mut left = MOST_PER_TURN;
        while left > 0 {
            let credit = match self.sink {
                Sink::Streamed { credit } => credit,
                Sink::Dropped | Sink::Kept(_) => usize::MAX,
            };
            let most = left.min(credit).min(buffer.len());
            if most == 0 {
                break;
            }
            match self.read(&mut buffer[..most], teller) {
                Some(count) => left -= count,
                None => break,
            }
        }
        self.arm(teller);
    }

    /// Reads what is in the pipe at this moment, whatever the credit.
    pub(super) fn drain(&mut self, buffer: &mut [u8], teller: &Teller) {
        let mut left = match &self.pipe {
            Some(pipe) => rustix::io::ioctl_fionread(pipe).unwrap_or(0),
            None => 0,
        };
        while left > 0 {
            let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            match self.read(&mut buffer[..most], teller) {
                Some(count) => left -= count as u64,
                None => break,
            }
        }
    }

    /// Reads once: how much, `None` when there is nothing now or any more.
    fn read(&mut self, buffer: &mut [u8], teller: &Teller) -> Option<usize> {
        let count = loop {
            match rustix::io::read(self.pipe.as_ref()?, &mut *buffer) {
                Ok(count) => break count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return None,
                // Nothing that a pipe can say; there is nothing more to be had from it.
                Err(_) => break 0,
            }
        };
        if count == 0 {
            self.end(teller);
            return None;
        }
        let bytes = &buffer[..count];
        match &mut self.sink {
            Sink::Dropped => teller.count(|counters| &counters.dropped_output_bytes, count as u64),
            Sink::Kept(capture) => capture.push(bytes),
            Sink::Streamed { credit } => {
                *credit = credit.saturating_sub(count);
                teller.tell(Event::Bytes { stream: self.stream, bytes: bytes.to_vec() });
            }
        }
        Some(count)
    }

    /// So many bytes were taken by whom they were told.
    pub(super) fn taken(&mut self, bytes: usize, teller: &Teller) {
        if let Sink::Streamed { credit } = &mut self.sink {
            let exhausted = *credit == 0;
            *credit = credit.saturating_add(bytes).min(STREAM_CREDIT);
            if exhausted && teller.has_started() {
                self.arm(teller);
            }
        }
    }

    /// The rest is read and dropped.
    pub(super) fn ignore(&mut self, teller: &Teller) {
        if let Sink::Streamed { .. } = self.sink {
            self.sink = Sink::Dropped;
            if teller.has_started() {
                self.arm(teller);
            }
        }
    }

    fn end(&mut self, teller: &Teller) {
        self.pipe = None;
        if std::mem::take(&mut self.end_untold) {
            teller.tell(Event::StreamEnded { stream: self.stream });
        }
    }

    /// The end as the listener is told it; what comes later, from what was left behind, is dropped. The pipe is
    /// kept open for that only when `stays`.
    pub(super) fn finish(&mut self, stays: bool, teller: &Teller) -> Captured {
        let sink = std::mem::replace(&mut self.sink, Sink::Dropped);
        if std::mem::take(&mut self.end_untold) && teller.has_started() {
            teller.tell(Event::StreamEnded { stream: self.stream });
        }
        if stays {
            self.arm(teller);
        } else {
            self.pipe = None;
        }
        match sink {
            Sink::Kept(capture) => {
                let captured = capture.finish();
                teller.count(|counters| &counters.dropped_output_bytes, captured.dropped());
                captured
            }
            Sink::Dropped | Sink::Streamed { .. } => Captured::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn capture(most: usize, parts: &[Vec<u8>]) -> Captured {
        let mut capture = Capture::new(most);
        parts.iter().for_each(|part| capture.push(part));
        assert!(capture.head.capacity() + capture.tail.capacity() <= most);
        capture.finish()
    }

    #[test]
    fn what_fits_is_all_in_the_head() {
        let captured = capture(10, &[b"0123".to_vec(), b"456789".to_vec()]);
        assert_eq!(
            captured,
            Captured { head: b"0123456789".to_vec(), tail: Vec::new(), total: 10 }
        );
        assert_eq!(captured.dropped(), 0);
    }

    #[test]
    fn one_byte_more_than_fits_is_dropped_from_the_middle() {
        let captured = capture(9, &[b"0123456789".to_vec()]);
        assert_eq!(
            (captured.head.as_slice(), captured.tail.as_slice()),
            (&b"01234"[..], &b"6789"[..])
        );
        assert_eq!(captured.dropped(), 1);
    }

    proptest! {
        #[test]
        fn head_and_tail_are_those_of_the_whole_however_it_was_cut(
            most in 0_usize..40,
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..30), 0..12),
        ) {
            let whole = parts.concat();
            let captured = capture(most, &parts);
            prop_assert_eq!(captured.total, whole.len() as u64);
            if whole.len() <= most {
                prop_assert_eq!(captured.head, whole);
                prop_assert!(captured.tail.is_empty());
            } else {
                let head = most.div_ceil(2);
                prop_assert_eq!(&captured.head, &whole[..head]);
                prop_assert_eq!(&captured.tail, &whole[whole.len() - (most - head)..]);
            }
        }
    }
}
