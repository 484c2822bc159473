//! Lines that were shown from a ring and will come again in the log.
//!
//! Bounded by what the rings hold: an entry is forgotten when its line was met, or when its ring's tail
//! had passed it and the log was read to its end after that (it was counted as a repeat then).

use super::rings::RingLine;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};

#[derive(Default)]
pub(super) struct Expected {
    hasher: RandomState,
    lines: HashMap<u64, Count>,
    rings: HashMap<u64, Ring>,
}

#[derive(Default)]
struct Count {
    /// Shown from a ring and not met in the log.
    due: u32,
    /// Met, and still in the queue of its ring.
    met: u32,
}

#[derive(Default)]
struct Ring {
    /// Position behind the entry, and its key.
    entries: VecDeque<(u64, u64)>,
    tail: u64,
}

impl Expected {
    /// What a line and the entry it was in a ring have in common: with an error text, which may be left
    /// out in the log, its time, level and hash; else everything.
    fn key(&self, line: &[u8]) -> u64 {
        const HASH: usize = ",\"hash\":\"0123456789abcdef\"}".len();
        let (body, end) = line.split_at(line.len().saturating_sub(HASH));
        if end.starts_with(b",\"hash\":\"") && end.ends_with(b"\"}") {
            let data = memchr::memmem::find(body, b",\"data\":").unwrap_or(body.len());
            return self.hasher.hash_one((&body[..data], end));
        }
        self.hasher.hash_one(line)
    }

    /// Notes a line that is shown from a ring.
    pub(super) fn add(&mut self, entry: &RingLine) {
        let key = self.key(&entry.line);
        self.lines.entry(key).or_default().due += 1;
        self.rings.entry(entry.ring).or_default().entries.push_back((entry.end, key));
    }

    /// Whether this line of the log was shown already; each showing counts once.
    pub(super) fn take(&mut self, line: &[u8]) -> bool {
        if self.lines.is_empty() {
            return false;
        }
        let key = self.key(line);
        match self.lines.get_mut(&key) {
            Some(count) if count.due > 0 => {
                count.due -= 1;
                count.met += 1;
                true
            }
            _ => false,
        }
    }

    /// Notes how far each ring has been moved into the log; one that is gone has been altogether.
    pub(super) fn note(&mut self, tails: impl Iterator<Item = (u64, u64)>) {
        for ring in self.rings.values_mut() {
            ring.tail = u64::MAX;
        }
        for (id, tail) in tails {
            self.rings.entry(id).or_default().tail = tail;
        }
    }

    /// To be called when the log was read to its end after [`Expected::note`].
    pub(super) fn settle(&mut self) {
        for ring in self.rings.values_mut() {
            while ring.entries.front().is_some_and(|(end, _)| *end <= ring.tail) {
                let Some((_, key)) = ring.entries.pop_front() else { break };
                let Some(count) = self.lines.get_mut(&key) else { continue };
                match count.met {
                    0 => count.due = count.due.saturating_sub(1),
                    _ => count.met -= 1,
                }
                if count.due == 0 && count.met == 0 {
                    self.lines.remove(&key);
                }
            }
        }
        self.rings.retain(|_, ring| !ring.entries.is_empty());
    }
}
