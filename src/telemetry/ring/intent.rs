//! The intent: what the owner of a ring is about to append, written down before it does.
//!
//! ```text
//! 0 state u32 (0 none, 1 pending)   4 CRC-32 of bytes 8..80
//! 8 device u64    16 inode u64      the file that is appended to
//! 24 offset u64   32 length u64     where the bytes go
//! 40 CRC-32 of the bytes u32        44 zero u32
//! 48 tail u64                       where the tail goes once they are there
//! 56 repeats u64                    bit n: slot n of the repeats is written by this batch
//! 64 zero (16 bytes)
//! ```

/// A batch that is about to be appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intent {
    /// Device and inode of the file.
    pub file: (u64, u64),
    /// The file's length before the batch.
    pub offset: u64,
    /// Bytes in the batch.
    pub length: u64,
    /// CRC-32 of the batch.
    pub checksum: u32,
    /// The ring position of the tail after the batch.
    pub tail: u64,
    /// Repeat slots whose count the batch writes, a bit each.
    pub repeats: u64,
}

pub(super) const INTENT_LENGTH: usize = 80;
const PENDING: u32 = 1;

impl Intent {
    pub(super) fn encode(&self) -> [u8; INTENT_LENGTH] {
        let mut bytes = [0; INTENT_LENGTH];
        let words = [
            self.file.0,
            self.file.1,
            self.offset,
            self.length,
            u64::from(self.checksum),
            self.tail,
            self.repeats,
        ];
        for (chunk, word) in bytes[8..].chunks_exact_mut(8).zip(words) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        let crc = crc32fast::hash(&bytes[8..]);
        bytes[0..4].copy_from_slice(&PENDING.to_le_bytes());
        bytes[4..8].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// The intent in these bytes. `None` when there is none, or when its owner died while writing it
    /// down, which is before it touched the file.
    pub(super) fn decode(bytes: &[u8; INTENT_LENGTH]) -> Option<Intent> {
        let half = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        if half(0) != PENDING || half(4) != crc32fast::hash(&bytes[8..]) {
            return None;
        }
        let word = |at: usize| u64::from(half(at)) | u64::from(half(at + 4)) << 32;
        Some(Intent {
            file: (word(8), word(16)),
            offset: word(24),
            length: word(32),
            checksum: half(40),
            tail: word(48),
            repeats: word(56),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTENT: Intent = Intent {
        file: (3, 4),
        offset: 5,
        length: 6,
        checksum: u32::MAX,
        tail: u64::MAX,
        repeats: 1 << 63,
    };

    #[test]
    fn an_intent_reads_back() {
        assert_eq!(Intent::decode(&INTENT.encode()), Some(INTENT));
    }

    #[test]
    fn any_flipped_bit_makes_it_no_intent() {
        for bit in 0..INTENT_LENGTH * 8 {
            let mut bytes = INTENT.encode();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Intent::decode(&bytes), None, "bit {bit}");
        }
    }
}
