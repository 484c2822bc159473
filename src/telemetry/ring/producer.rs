//! The side of the ring that entries go in at: one thread, no lock shared with the consumer.

use super::super::level::Level;
use super::file::{HEADER_LENGTH, Ring};
use super::frame::{Encoding, FRAME_HEADER, FrameHeader, frame_length};
use std::sync::Arc;

/// The size of a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Bytes of the data area.
    pub capacity: u64,
    /// Entries it holds at most.
    pub max_entries: u64,
}

impl Geometry {
    /// Capacities are whole pages between these.
    pub const CAPACITY: std::ops::RangeInclusive<u64> = 65_536..=1 << 30;

    pub(super) fn is_valid(&self) -> bool {
        Geometry::CAPACITY.contains(&self.capacity)
            && self.capacity.is_multiple_of(4096)
            && self.max_entries > 0
    }

    /// The longest payload a frame can have: half the data area, so that a frame finds a place
    /// wherever the ring's ends happen to be.
    #[must_use]
    pub fn max_payload(&self) -> usize {
        (self.capacity / 2) as usize - FRAME_HEADER - 8
    }
}

/// Why an entry was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// No room until the writer has moved entries on.
    Full,
    /// Longer than [`Geometry::max_payload`].
    TooLarge,
}

/// Room for one frame, not yet visible to anyone.
#[derive(Debug)]
pub struct Reservation {
    position: u64,
    payload: usize,
    length: usize,
}

/// The producing end of a ring.
#[derive(Debug)]
pub struct Producer {
    ring: Arc<Ring>,
    head: u64,
    known_tail: u64,
    next_sequence: u64,
}

impl Producer {
    /// The producer of a ring this process has just made.
    #[must_use]
    pub fn new(ring: Arc<Ring>) -> Producer {
        let head = ring.head();
        Producer { head, known_tail: ring.tail().unwrap_or(head), next_sequence: 1, ring }
    }

    /// The ring it produces into.
    #[must_use]
    pub fn ring(&self) -> &Arc<Ring> {
        &self.ring
    }

    /// Goes on in another ring, which holds a copy of this one's contents.
    pub fn move_to(&mut self, ring: Arc<Ring>) {
        self.ring = ring;
    }

    /// The sequence number the next entry gets.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// Bytes of the ring that are taken, as far as the consumer has said.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.head - self.ring.tail().unwrap_or(self.known_tail).max(self.known_tail)
    }

    /// Whether at least four fifths of the ring are taken. Asks the consumer, who is on another core, only
    /// when it matters.
    #[must_use]
    pub fn is_nearly_full(&mut self) -> bool {
        let limit = self.ring.geometry().capacity / 5 * 4;
        if self.head - self.known_tail >= limit {
            self.known_tail = self.ring.tail().unwrap_or(self.known_tail);
        }
        self.head - self.known_tail >= limit
    }

    /// Makes room for a payload of up to `longest` bytes when at least `share` of the ring's bytes
    /// (of 100) would still hold it.
    ///
    /// # Errors
    /// A [`Refusal`]; the ring is as before.
    pub fn reserve(&mut self, longest: usize, share: u64) -> Result<Reservation, Refusal> {
        let geometry = self.ring.geometry();
        if longest > geometry.max_payload() {
            return Err(Refusal::TooLarge);
        }
        let length = frame_length(longest);
        let to_wrap = geometry.capacity - self.head % geometry.capacity;
        let skipped = if length as u64 > to_wrap { to_wrap } else { 0 };
        let behind = self.head + skipped + length as u64;
        let allowed = geometry.capacity * share / 100;
        if behind - self.known_tail > allowed {
            self.known_tail = self.ring.tail().unwrap_or(self.known_tail);
            if behind - self.known_tail > allowed {
                return Err(Refusal::Full);
            }
        }
        if skipped >= FRAME_HEADER as u64 {
            let at = HEADER_LENGTH + (self.head % geometry.capacity) as usize;
            self.ring.mapping().write(at, &FrameHeader::encode_pad(skipped as usize));
        }
        Ok(Reservation { position: self.head + skipped, payload: longest, length })
    }

    /// Where the payload goes: `reservation`'s bytes, for a callee that writes them itself.
    #[must_use]
    pub fn pointer(&self, reservation: &Reservation) -> *mut u8 {
        let at = self.payload_at(reservation);
        self.ring.mapping().pointer(at..at + reservation.payload)
    }

    /// Copies the payload in.
    pub fn write(&self, reservation: &Reservation, payload: &[u8]) {
        let length = payload.len().min(reservation.payload);
        self.ring.mapping().write(self.payload_at(reservation), &payload[..length]);
    }

    /// Makes the frame visible with the first `payload` bytes of the reservation. From here on the
    /// entry survives the process. Returns its sequence number.
    pub fn commit(
        &mut self,
        reservation: &Reservation,
        payload: usize,
        level: Level,
        encoding: Encoding,
        error_records: bool,
        time_ms: i64,
    ) -> u64 {
        let payload = payload.min(reservation.payload);
        let sequence = self.next_sequence;
        let header = FrameHeader {
            payload_length: u32::try_from(payload).unwrap_or(u32::MAX),
            sequence,
            time_ms,
            level,
            encoding,
            error_records,
        };
        let at = self.payload_at(reservation);
        let mapping = self.ring.mapping();
        let bytes = header.encode(|hasher| mapping.checksum(at..at + payload, hasher));
        mapping.write(at - FRAME_HEADER, &bytes);
        debug_assert!(frame_length(payload) <= reservation.length);
        self.head = reservation.position + frame_length(payload) as u64;
        self.next_sequence += 1;
        self.ring.publish_head(self.head);
        sequence
    }

    fn payload_at(&self, reservation: &Reservation) -> usize {
        let offset = (reservation.position % self.ring.geometry().capacity) as usize;
        HEADER_LENGTH + offset + FRAME_HEADER
    }
}
