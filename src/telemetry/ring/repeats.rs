//! Repeats: identical entries that were counted instead of written.
//!
//! The count of an acknowledged entry must survive a kill as the entry itself would, so it lies in the
//! ring file. A batch *prepares* its new counts in free slots before it is appended; they count, and the
//! slots they replace are freed, when the batch is found to be in the log ([`super::Intent`]). Until
//! then a kill leaves them prepared, and they are discarded together with the batch.
//!
//! ```text
//! slot   0 CRC-32 of bytes 4..1024 u32   4 body length u16   6 level u8
//!        7 state u8 (0 free, 1 counted, 2 prepared)
//!        8 entry key (16 bytes)          24 count u64
//!        32 first time i64               40 last time i64    48 order u64 (later is higher)
//!        56 error hash (16 hex)          72 slot it replaces u8 (255: none)
//!        80 body: the entry's data without its error text
//! ```

use super::super::level::Level;
use super::file::Ring;
use std::collections::HashMap;

/// How many different entries can be counted at a time; one bit each in [`super::Intent`]. When one
/// more repeats than there are free slots, it is written instead of counted.
pub const MAX_PENDING_REPEATS: usize = 64;
pub(super) const SLOT_LENGTH: usize = 1024;
const BODY_START: usize = 80;
const REPLACES: usize = 72;
const NONE: u8 = 255;
const FREE: u8 = 0;
const COUNTED: u8 = 1;
const PREPARED: u8 = 2;

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
    /// Sequence number of the last one left out; orders the states of one count.
    pub last_sequence: u64,
    /// The hash of its error text, 16 hex characters.
    pub error_hash: [u8; 16],
    /// Its data with the hash in place of the error text; empty when longer than a slot holds.
    pub body: Vec<u8>,
}

impl Repeat {
    fn encode(&self, state: u8, replaces: u8) -> [u8; SLOT_LENGTH] {
        let mut bytes = [0; SLOT_LENGTH];
        let body = if self.body.len() <= SLOT_LENGTH - BODY_START { &self.body[..] } else { &[] };
        let length = u16::try_from(body.len()).unwrap_or(0);
        bytes[4..6].copy_from_slice(&length.to_le_bytes());
        bytes[6] = self.level as u8;
        bytes[7] = state;
        bytes[8..24].copy_from_slice(&self.key);
        bytes[24..32].copy_from_slice(&self.count.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.first_ms.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.last_ms.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.last_sequence.to_le_bytes());
        bytes[56..72].copy_from_slice(&self.error_hash);
        bytes[REPLACES] = replaces;
        bytes[BODY_START..BODY_START + body.len()].copy_from_slice(body);
        let crc = crc32fast::hash(&bytes[4..]);
        bytes[0..4].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// State and contents of a slot; `None` when it is free or damaged.
    fn decode(bytes: &[u8; SLOT_LENGTH]) -> Option<(u8, Repeat)> {
        let crc = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        if bytes[7] == FREE || crc != crc32fast::hash(&bytes[4..]) {
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
        let repeat = Repeat {
            key: sixteen(8),
            level: Level::from_byte(bytes[6])?,
            count: u64::from_le_bytes(word(24)),
            first_ms: i64::from_le_bytes(word(32)),
            last_ms: i64::from_le_bytes(word(40)),
            last_sequence: u64::from_le_bytes(word(48)),
            error_hash: sixteen(56),
            body: bytes.get(BODY_START..BODY_START + length)?.to_vec(),
        };
        Some((bytes[7], repeat))
    }
}

/// The counts of one ring, as its consumer keeps them. The slots in the ring are the truth; this is
/// their index.
#[derive(Debug, Default)]
pub struct RepeatTable {
    slots: HashMap<EntryKey, (usize, Repeat)>,
    prepared: HashMap<EntryKey, (usize, Repeat)>,
    used: u64,
}

impl RepeatTable {
    /// Reads the table of a ring that has no intent. What was only prepared is discarded.
    #[must_use]
    pub fn load(ring: &Ring) -> RepeatTable {
        let mut table = RepeatTable::default();
        for slot in 0..MAX_PENDING_REPEATS {
            let Some((state, repeat)) = Repeat::decode(&ring.repeat_slot(slot)) else { continue };
            let known = table.slots.get(&repeat.key);
            // A kill between promoting a slot and freeing the one it replaces leaves two of one key.
            let outdated =
                known.is_some_and(|(_, known)| known.last_sequence >= repeat.last_sequence);
            if state == PREPARED || outdated {
                ring.clear_repeat_slot(slot);
                continue;
            }
            if let Some((older, _)) = known {
                ring.clear_repeat_slot(*older);
                table.used &= !(1 << older);
            }
            table.used |= 1 << slot;
            table.slots.insert(repeat.key, (slot, repeat));
        }
        table
    }

    /// Makes what a batch prepared count, and frees the slots it has written (a bit each): the batch was
    /// found to be in the log.
    pub fn settle(ring: &Ring, written: u64) {
        for slot in 0..MAX_PENDING_REPEATS {
            let bytes = ring.repeat_slot(slot);
            if written & (1 << slot) != 0 {
                ring.clear_repeat_slot(slot);
            } else if let Some((PREPARED, repeat)) = Repeat::decode(&bytes) {
                let counted = repeat.encode(COUNTED, bytes[REPLACES]);
                // Only the first word differs, state and CRC together, so the slot is whole at any moment.
                ring.set_repeat_slot_state(slot, &counted);
                if bytes[REPLACES] != NONE {
                    ring.clear_repeat_slot(usize::from(bytes[REPLACES]));
                }
            }
        }
    }

    /// Whether entries with this key are being counted.
    #[must_use]
    pub fn contains(&self, key: &EntryKey) -> bool {
        self.slots.contains_key(key)
    }

    /// How many different entries are being counted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether nothing is being counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Slots that are free now.
    #[must_use]
    pub fn free(&self) -> usize {
        self.used.count_zeros() as usize
    }

    /// The counts and their slots, the one that rested longest first.
    #[must_use]
    pub fn pending(&self) -> Vec<(usize, &Repeat)> {
        let mut pending: Vec<_> =
            self.slots.values().map(|(slot, repeat)| (*slot, repeat)).collect();
        pending.sort_by_key(|(_, repeat)| repeat.last_sequence);
        pending
    }

    /// Prepares `repeat`: its `count` is added to what is there, unless that is among the slots the same
    /// batch writes. Needs a free slot: the caller keeps within [`RepeatTable::free`].
    pub fn prepare(&mut self, ring: &Ring, repeat: Repeat, written: u64) {
        let free = self.used.trailing_ones() as usize;
        if free >= MAX_PENDING_REPEATS {
            return;
        }
        let known = self.slots.get(&repeat.key).filter(|(slot, _)| written & (1 << slot) == 0);
        let replaces = known.and_then(|(slot, _)| u8::try_from(*slot).ok()).unwrap_or(NONE);
        let merged = match known {
            Some((_, known)) => Repeat {
                count: known.count + repeat.count,
                last_ms: repeat.last_ms,
                last_sequence: repeat.last_sequence,
                ..known.clone()
            },
            None => repeat,
        };
        ring.write_repeat_slot(free, &merged.encode(PREPARED, replaces));
        self.used |= 1 << free;
        self.prepared.insert(merged.key, (free, merged));
    }

    /// The batch is in the log: what it prepared counts, what it wrote is forgotten.
    pub fn commit(&mut self, ring: &Ring, written: u64) {
        if self.prepared.is_empty() && written == 0 {
            return;
        }
        RepeatTable::settle(ring, written);
        for (key, (slot, repeat)) in self.prepared.drain() {
            if let Some((replaced, _)) = self.slots.insert(key, (slot, repeat)) {
                self.used &= !(1 << replaced);
            }
        }
        self.used &= !written;
        self.slots.retain(|_, (slot, _)| written & (1 << *slot) == 0);
    }
}
