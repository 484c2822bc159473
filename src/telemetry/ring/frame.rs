//! Frames: how one entry lies in the ring, and how a run of them is read.

use super::super::level::Level;

pub(super) const FRAME_HEADER: usize = 32;
const FRAME_MAGIC: [u8; 4] = *b"FRM1";
const KIND_ENTRY: u8 = 0;
const KIND_PAD: u8 = 1;
const FLAG_ERROR_RECORDS: u8 = 1;

/// How a frame's payload is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8.
    Utf8,
    /// UTF-16, little endian: what V8 hands over fastest when a text is large.
    Utf16,
}

/// Bytes a frame with this payload takes in the ring.
pub(super) fn frame_length(payload: usize) -> usize {
    (FRAME_HEADER + payload).next_multiple_of(8)
}

/// What stands before the payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    pub(super) payload_length: u32,
    pub(super) sequence: u64,
    pub(super) time_ms: i64,
    pub(super) level: Level,
    pub(super) encoding: Encoding,
    pub(super) error_records: bool,
}

impl FrameHeader {
    /// The 32 bytes of an entry's header, whose CRC covers the payload fed to it by `payload`.
    pub(super) fn encode(
        &self,
        payload: impl FnOnce(&mut crc32fast::Hasher),
    ) -> [u8; FRAME_HEADER] {
        let mut bytes = [0; FRAME_HEADER];
        bytes[0..4].copy_from_slice(&self.payload_length.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.sequence.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.time_ms.to_le_bytes());
        bytes[24] = self.level as u8;
        bytes[25] = u8::from(self.encoding == Encoding::Utf16);
        bytes[26] = KIND_ENTRY;
        bytes[27] = if self.error_records { FLAG_ERROR_RECORDS } else { 0 };
        seal(&mut bytes, payload);
        bytes
    }

    /// The header of a pad that fills `length` bytes up to the end of the data area.
    pub(super) fn encode_pad(length: usize) -> [u8; FRAME_HEADER] {
        let mut bytes = [0; FRAME_HEADER];
        let payload = u32::try_from(length - FRAME_HEADER).unwrap_or(u32::MAX);
        bytes[0..4].copy_from_slice(&payload.to_le_bytes());
        bytes[26] = KIND_PAD;
        seal(&mut bytes, |_| {});
        bytes
    }
}

fn seal(bytes: &mut [u8; FRAME_HEADER], payload: impl FnOnce(&mut crc32fast::Hasher)) {
    bytes[28..32].copy_from_slice(&FRAME_MAGIC);
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&bytes[0..4]);
    hasher.update(&bytes[8..32]);
    payload(&mut hasher);
    bytes[4..8].copy_from_slice(&hasher.finalize().to_le_bytes());
}

/// An entry as it lies in the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// One above the entry before it.
    pub sequence: u64,
    /// When it was logged, milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// Its level.
    pub level: Level,
    /// How `payload` is written.
    pub encoding: Encoding,
    /// Whether the payload holds error records the facade marked.
    pub error_records: bool,
    /// The JSON text of the entry's data.
    pub payload: &'a [u8],
    /// The position behind the frame.
    pub end: u64,
}

enum Parsed<'a> {
    Entry(Frame<'a>),
    Pad(usize),
    /// The bytes end before the frame does; it needs this many.
    Short(usize),
    Damaged,
}

/// Reads the frames of a run of ring bytes that starts at a frame, in order. Damage is stepped over to
/// the next whole frame with a later sequence number, and measured.
#[derive(Debug)]
pub struct FrameReader<'a> {
    bytes: &'a [u8],
    offset: usize,
    start: u64,
    capacity: u64,
    complete: bool,
    expected: Option<u64>,
    damaged_bytes: u64,
    lost_entries: u64,
}

impl<'a> FrameReader<'a> {
    /// A reader of `bytes`, which lie at ring position `start` of a ring with this `capacity`.
    /// `complete` says that nothing follows them: a frame cut off at the end is then damage.
    #[must_use]
    pub fn new(bytes: &'a [u8], start: u64, capacity: u64, complete: bool) -> Self {
        FrameReader {
            bytes,
            offset: 0,
            start,
            capacity,
            complete,
            expected: None,
            damaged_bytes: 0,
            lost_entries: 0,
        }
    }

    /// Sets which sequence number the first frame must have, where that is known.
    #[must_use]
    pub fn expecting(mut self, sequence: Option<u64>) -> Self {
        self.expected = sequence;
        self
    }

    /// Bytes stepped over because no whole frame was there.
    #[must_use]
    pub fn damaged_bytes(&self) -> u64 {
        self.damaged_bytes
    }

    /// Entries that are missing between the frames found, by their sequence numbers. A loss at the
    /// very end cannot be counted so; [`FrameReader::damaged_bytes`] tells of it.
    #[must_use]
    pub fn lost_entries(&self) -> u64 {
        self.lost_entries
    }

    /// The position up to which everything was read, stepped over, or skipped.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.start + self.offset as u64
    }

    /// Bytes the next frame needs, when the run ends inside it.
    #[must_use]
    pub fn needed(&self) -> Option<usize> {
        match self.parse(self.skip_gap(self.offset)) {
            Parsed::Short(length) => Some(length),
            _ => None,
        }
    }

    /// Where the next frame starts: behind the unusable last bytes of the data area.
    fn skip_gap(&self, offset: usize) -> usize {
        let left = self.capacity - (self.start + offset as u64) % self.capacity;
        if left < FRAME_HEADER as u64 { offset + left as usize } else { offset }
    }

    fn parse(&self, offset: usize) -> Parsed<'a> {
        let Some(rest) = self.bytes.get(offset..).filter(|rest| !rest.is_empty()) else {
            return Parsed::Short(0);
        };
        let Some((header, behind)) = rest.split_first_chunk::<FRAME_HEADER>() else {
            return Parsed::Short(FRAME_HEADER);
        };
        let payload_length =
            u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let length = frame_length(payload_length);
        let to_wrap = self.capacity - (self.start + offset as u64) % self.capacity;
        if header[28..32] != FRAME_MAGIC || length as u64 > to_wrap {
            return Parsed::Damaged;
        }
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&header[0..4]);
        hasher.update(&header[8..32]);
        let stated = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
        if header[26] == KIND_PAD {
            let whole = length as u64 == to_wrap && hasher.finalize() == stated;
            return if whole { Parsed::Pad(length) } else { Parsed::Damaged };
        }
        let Some(payload) = behind.get(..payload_length) else {
            return Parsed::Short(length);
        };
        hasher.update(payload);
        let level = Level::from_byte(header[24]);
        let (Some(level), true) = (level, hasher.finalize() == stated) else {
            return Parsed::Damaged;
        };
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&header[at..at + 8]);
            word
        };
        Parsed::Entry(Frame {
            sequence: u64::from_le_bytes(word(8)),
            time_ms: i64::from_le_bytes(word(16)),
            level,
            encoding: if header[25] == 1 { Encoding::Utf16 } else { Encoding::Utf8 },
            error_records: header[27] & FLAG_ERROR_RECORDS != 0,
            payload,
            end: self.start + (offset + length) as u64,
        })
    }

    fn accept(&mut self, frame: Frame<'a>) -> Option<Frame<'a>> {
        let in_order = self.expected.is_none_or(|expected| frame.sequence >= expected);
        if !in_order {
            return None;
        }
        self.lost_entries += frame.sequence - self.expected.unwrap_or(frame.sequence);
        self.expected = Some(frame.sequence + 1);
        self.offset = (frame.end - self.start) as usize;
        Some(frame)
    }

    /// Looks for the next whole frame behind damage at `from`.
    fn resynchronise(&mut self, from: usize) -> Option<Frame<'a>> {
        let mut offset = from + 8;
        while offset + FRAME_HEADER <= self.bytes.len() {
            let magic = self.bytes.get(offset + 28..offset + 32) == Some(&FRAME_MAGIC[..]);
            if magic && let Parsed::Entry(frame) = self.parse(offset) {
                self.damaged_bytes += (offset - from) as u64;
                if let Some(frame) = self.accept(frame) {
                    return Some(frame);
                }
                self.damaged_bytes -= (offset - from) as u64;
            }
            offset += 8;
        }
        self.damaged_bytes += (self.bytes.len() - from) as u64;
        self.offset = self.bytes.len();
        None
    }
}

impl<'a> Iterator for FrameReader<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        loop {
            let offset = self.skip_gap(self.offset);
            match self.parse(offset) {
                Parsed::Pad(length) => self.offset = (offset + length).min(self.bytes.len()),
                Parsed::Entry(frame) => match self.accept(frame) {
                    Some(frame) => return Some(frame),
                    None => return self.resynchronise(offset),
                },
                Parsed::Short(0) => {
                    self.offset = self.offset.max(self.bytes.len().min(offset));
                    return None;
                }
                Parsed::Short(_) if !self.complete => return None,
                Parsed::Short(_) | Parsed::Damaged => return self.resynchronise(offset),
            }
        }
    }
}
