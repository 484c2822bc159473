//! Repeats: identical entries that were counted instead of written.
//!
//! The count of an acknowledged entry must survive a kill as the entry itself would, so it lies in the
//! ring file. A slot remembers the sequence number of the last entry it counted: an entry that is
//! read again after a kill is not counted again.
//!
//! ```text
//! slot   0 CRC-32 of bytes 4..1024 u32   4 body length u16   6 level u8   7 used u8
//!        8 entry key (16 bytes)          24 count u64
//!        32 first time i64               40 last time i64    48 last sequence u64
//!        56 error hash (16 hex)          72 body: the entry's data without its error text
//! ```

use super::super::level::Level;
use super::file::Ring;
use std::collections::HashMap;

/// How many different entries can be counted at a time; one bit each in [`super::Intent`]. When one
/// more repeats, it is written instead of counted.
pub const MAX_PENDING_REPEATS: usize = 64;
pub(super) const SLOT_LENGTH: usize = 1024;
const BODY_START: usize = 72;

/// Identifies an entry by what it says: the first 16 bytes of a SHA-256 of its level and data.
pub type EntryKey = [u8; 16];

/// A counted entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    /// Which entry.
    pub key: EntryKey,
    /// Its level.
    pub level: Level,
    /// How many times it was left out.
    pub count: u64,
    /// Time of the first one left out, milliseconds since the Unix epoch.
    pub first_ms: i64,
    /// Time of the last one left out.
    pub last_ms: i64,
    /// Sequence number of the last one left out.
    pub last_sequence: u64,
    /// The hash of its error text, 16 hex characters.
    pub error_hash: [u8; 16],
    /// Its data with the hash in place of the error text; empty when longer than a slot holds.
    pub body: Vec<u8>,
}

impl Repeat {
    fn encode(&self) -> [u8; SLOT_LENGTH] {
        let mut bytes = [0; SLOT_LENGTH];
        let body = if self.body.len() <= SLOT_LENGTH - BODY_START { &self.body[..] } else { &[] };
        let length = u16::try_from(body.len()).unwrap_or(0);
        bytes[4..6].copy_from_slice(&length.to_le_bytes());
        bytes[6] = self.level as u8;
        bytes[7] = 1;
        bytes[8..24].copy_from_slice(&self.key);
        bytes[24..32].copy_from_slice(&self.count.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.first_ms.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.last_ms.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.last_sequence.to_le_bytes());
        bytes[56..72].copy_from_slice(&self.error_hash);
        bytes[BODY_START..BODY_START + body.len()].copy_from_slice(body);
        let crc = crc32fast::hash(&bytes[4..]);
        bytes[0..4].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; SLOT_LENGTH]) -> Option<Repeat> {
        let crc = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        if bytes[7] != 1 || crc != crc32fast::hash(&bytes[4..]) {
            return None;
        }
        let word = |at: usize| {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at..at + 8]);
            word
        };
        let sixteen = |at: usize| {
            let mut sixteen = [0; 16];
            sixteen.copy_from_slice(&bytes[at..at + 16]);
            sixteen
        };
        let length = usize::from(u16::from_le_bytes([bytes[4], bytes[5]]));
        Some(Repeat {
            key: sixteen(8),
            level: Level::from_byte(bytes[6])?,
            count: u64::from_le_bytes(word(24)),
            first_ms: i64::from_le_bytes(word(32)),
            last_ms: i64::from_le_bytes(word(40)),
            last_sequence: u64::from_le_bytes(word(48)),
            error_hash: sixteen(56),
            body: bytes.get(BODY_START..BODY_START + length)?.to_vec(),
        })
    }
}

/// The pending repeats of one ring, as its consumer keeps them. The slots in the ring are the truth;
/// this is their index.
///
/// A slot is written in two copies' time: a kill while a slot is being rewritten would lose its count,
/// so the new state goes to a free slot first and the old one is cleared after. Two slots of one key
/// are therefore possible after a kill; the one with the later sequence counts.
#[derive(Debug, Default)]
pub struct RepeatTable {
    slots: HashMap<EntryKey, (usize, Repeat)>,
    used: u64,
}

impl RepeatTable {
    /// Reads the table of a ring.
    #[must_use]
    pub fn load(ring: &Ring) -> RepeatTable {
        let mut table = RepeatTable::default();
        for slot in 0..MAX_PENDING_REPEATS {
            let Some(repeat) = Repeat::decode(&ring.repeat_slot(slot)) else { continue };
            match table.slots.get(&repeat.key) {
                Some((older, known)) if known.last_sequence <= repeat.last_sequence => {
                    ring.clear_repeat_slot(*older);
                    table.used &= !(1 << older);
                }
                Some(_) => {
                    ring.clear_repeat_slot(slot);
                    continue;
                }
                None => {}
            }
            table.used |= 1 << slot;
            table.slots.insert(repeat.key, (slot, repeat));
        }
        table
    }

    /// Whether the entry with this key and sequence number is counted already.
    #[must_use]
    pub fn has_counted(&self, key: &EntryKey, sequence: u64) -> bool {
        self.slots.get(key).is_some_and(|(_, repeat)| repeat.last_sequence >= sequence)
    }

    /// Whether entries with this key are being counted.
    #[must_use]
    pub fn contains(&self, key: &EntryKey) -> bool {
        self.slots.contains_key(key)
    }

    /// How many entries are being counted. One slot is kept free for rewriting the others, so this
    /// stays below [`MAX_PENDING_REPEATS`].
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether nothing is being counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The pending repeats and their slots, the one that rested longest first.
    #[must_use]
    pub fn pending(&self) -> Vec<(usize, &Repeat)> {
        let mut pending: Vec<_> =
            self.slots.values().map(|(slot, repeat)| (*slot, repeat)).collect();
        pending.sort_by_key(|(_, repeat)| repeat.last_sequence);
        pending
    }

    /// Counts `repeat` (its `count` is added to what is there), in the ring and in the index. Returns
    /// `false`, having counted nothing, when there is no free slot.
    pub fn count(&mut self, ring: &Ring, repeat: Repeat) -> bool {
        let free = (!self.used).trailing_zeros() as usize;
        let known = self.slots.get(&repeat.key);
        if free >= MAX_PENDING_REPEATS || (known.is_none() && self.len() + 1 >= MAX_PENDING_REPEATS)
        {
            return false;
        }
        let (old_slot, merged) = match known {
            Some((slot, known)) => {
                let merged = Repeat {
                    count: known.count + repeat.count,
                    first_ms: known.first_ms,
                    last_ms: repeat.last_ms,
                    last_sequence: repeat.last_sequence,
                    ..known.clone()
                };
                (Some(*slot), merged)
            }
            None => (None, repeat),
        };
        ring.write_repeat_slot(free, &merged.encode());
        self.used |= 1 << free;
        if let Some(old_slot) = old_slot {
            ring.clear_repeat_slot(old_slot);
            self.used &= !(1 << old_slot);
        }
        self.slots.insert(merged.key, (free, merged));
        true
    }

    /// Forgets the slots of a bit set, whose counts are in the log now.
    pub fn written(&mut self, ring: &Ring, slots: u64) {
        for slot in (0..MAX_PENDING_REPEATS).filter(|slot| slots & (1 << slot) != 0) {
            ring.clear_repeat_slot(slot);
        }
        self.used &= !slots;
        self.slots.retain(|_, (slot, _)| slots & (1 << *slot) == 0);
    }
}
