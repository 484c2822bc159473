//! Moving entries from one ring into the log: a living handle's, or that of a dead owner.

use super::batch::{Batch, Entry};
use super::counters::Counters;
use super::dedup::Dedup;
use super::handle::LargeEntry;
use super::level::Level;
use super::log_file::{Entered, LogError, LogFile};
use super::ring::{FrameReader, RepeatTable, Ring};
use super::sanitize::Sanitizer;
use crate::platform::clock::Clock;
use serde_json::json;
use std::sync::Arc;

/// Bytes of frames, and about as many of lines, that one append takes. Large enough that the cost of
/// an append vanishes, small enough that other processes do not wait long for the lock.
const BATCH_BYTES: usize = 256 << 10;

/// The log as the handles of this process share it.
pub struct SharedLog {
    /// The file.
    pub file: LogFile,
    /// What it holds.
    pub dedup: Dedup,
}

/// How a drain treats the log.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// The log is rotated at this length.
    pub rotation_threshold: u64,
    /// Whether what is appended must be on the device before it counts.
    pub sync: bool,
}

/// What one step did.
#[derive(Debug, Default)]
pub struct Step {
    /// Whether entries are left.
    pub more: bool,
    /// The last entry that left the ring.
    pub passed: Option<u64>,
    /// The archive that was made.
    pub archive: Option<String>,
    /// Why the log could not be rotated though it is due.
    pub rotation_error: Option<LogError>,
}

/// The consuming end of a ring.
pub struct Drain {
    ring: Arc<Ring>,
    sanitizer: Sanitizer,
    counted: RepeatTable,
    counted_for: u64,
    expected: Option<u64>,
    stale: bool,
    entries: u64,
    batch: Batch,
    frames: Vec<u8>,
    clock: Arc<dyn Clock>,
}

impl Drain {
    /// Drains `ring`, treating entries with `sanitizer`.
    #[must_use]
    pub fn new(ring: Arc<Ring>, sanitizer: Sanitizer, clock: Arc<dyn Clock>) -> Drain {
        Drain {
            ring,
            sanitizer,
            counted: RepeatTable::default(),
            counted_for: 0,
            expected: None,
            stale: true,
            entries: 0,
            batch: Batch::default(),
            frames: Vec::new(),
            clock,
        }
    }

    /// The ring.
    #[must_use]
    pub fn ring(&self) -> &Arc<Ring> {
        &self.ring
    }

    /// Goes on with another ring that holds a copy of this one.
    pub fn move_to(&mut self, ring: Arc<Ring>) {
        self.ring = ring;
        self.stale = true;
    }

    /// Reads everything it remembers of the ring anew, after something went wrong half-way.
    pub fn distrust(&mut self) {
        self.stale = true;
    }

    /// Whether the ring is empty and no count is pending.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.ring.tail() == Some(self.ring.head()) && !self.stale && self.counted.is_empty()
    }

    /// Entries that left the ring.
    #[must_use]
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Writes one batch; with `finish`, the counts of repeated entries too once the ring is empty.
    ///
    /// # Errors
    /// [`LogError`]; everything that was not written is still in the ring.
    pub fn step(
        &mut self,
        log: &mut SharedLog,
        terms: Terms,
        counters: &Counters,
        finish: bool,
    ) -> Result<Step, LogError> {
        let SharedLog { file, dedup } = log;
        let mut entered = file.enter(self.ring.id())?;
        self.refresh(&entered, dedup, counters);
        let head = self.ring.head();
        let tail = self.ring.tail().unwrap_or(head);
        self.batch.clear(tail);
        let drops = self.note_drops(counters);
        self.add_frames(&entered, dedup, terms, tail, head, counters);
        let drained = self.batch.tail >= head;
        if drained && (finish || self.counted_for != entered.generation()) {
            self.batch.add_repeats(&self.counted);
        }
        let sync = terms.sync && drained;
        self.append(&mut entered, dedup, counters, sync).inspect_err(|_| {
            for (counter, count) in counters.dropped_untold.iter().zip(drops) {
                counter.add(count);
            }
        })?;
        let mut step =
            Step { more: !drained, passed: self.expected.map(|next| next - 1), ..Step::default() };
        self.rotate_if_due(&mut entered, dedup, terms, counters, &mut step)?;
        Ok(step)
    }

    /// Writes an entry that did not come through the ring.
    ///
    /// # Errors
    /// [`LogError`]; nothing of it is in the log then.
    pub fn write_large(
        &mut self,
        log: &mut SharedLog,
        entry: &LargeEntry,
        terms: Terms,
        counters: &Counters,
    ) -> Result<Step, LogError> {
        let SharedLog { file, dedup } = log;
        let mut entered = file.enter(self.ring.id())?;
        self.refresh(&entered, dedup, counters);
        self.batch.clear(self.ring.tail().unwrap_or_else(|| self.ring.head()));
        let entry = Entry {
            level: entry.level,
            time_ms: entry.time_ms,
            sequence: None,
            json: &entry.json,
            error_records: entry.error_records,
        };
        self.batch.add_entry(&entry, &mut self.sanitizer, dedup, &self.counted);
        self.append(&mut entered, dedup, counters, terms.sync)?;
        let mut step = Step::default();
        self.rotate_if_due(&mut entered, dedup, terms, counters, &mut step)?;
        Ok(step)
    }

    /// Brings what is remembered in step with the ring and with the file that is active now.
    fn refresh(&mut self, entered: &Entered<'_>, dedup: &mut Dedup, counters: &Counters) {
        dedup.about(entered.generation());
        if self.stale {
            counters.damaged_bytes.add(self.ring.repair());
            self.counted = RepeatTable::load(&self.ring);
            self.expected = None;
            self.stale = false;
        }
        if self.counted.is_empty() {
            self.counted_for = entered.generation();
        }
    }

    fn add_frames(
        &mut self,
        entered: &Entered<'_>,
        dedup: &mut Dedup,
        terms: Terms,
        tail: u64,
        head: u64,
        counters: &Counters,
    ) {
        let capacity = self.ring.geometry().capacity;
        let mut want = BATCH_BYTES as u64;
        loop {
            let to = head.min(tail + want);
            self.frames.clear();
            self.ring.read(tail, to, &mut self.frames);
            let mut reader =
                FrameReader::new(&self.frames, tail, capacity, to == head).expecting(self.expected);
            let mut cut = false;
            for frame in reader.by_ref() {
                self.batch.add_frame(&frame, &mut self.sanitizer, dedup, &self.counted);
                let length = self.batch.lines.len();
                if length >= BATCH_BYTES
                    || entered.length() + length as u64 >= terms.rotation_threshold
                {
                    cut = true;
                    break;
                }
            }
            if !cut {
                self.batch.tail = reader.position();
            }
            let needed = reader.needed().unwrap_or(0) as u64;
            let (bytes, entries) = (reader.damaged_bytes(), reader.lost_entries());
            if self.batch.tail == tail && needed > want && to < head {
                want = needed;
                continue;
            }
            if bytes > 0 || entries > 0 {
                counters.damaged_bytes.add(bytes);
                counters.damaged.add(entries);
                let note = json!({ "plimsoll": "damaged", "bytes": bytes, "entries": entries });
                self.batch.add_note(self.clock.wall_ms(), Level::Warn, &note);
            }
            self.frames.shrink_to(2 * BATCH_BYTES);
            return;
        }
    }

    /// Tells the log how many entries were dropped since it was last told.
    fn note_drops(&mut self, counters: &Counters) -> [u64; 4] {
        let drops = Level::ALL.map(|level| counters.dropped_untold[level as usize].take());
        if drops.iter().any(|count| *count > 0) {
            let by_level: serde_json::Map<_, _> = Level::ALL
                .into_iter()
                .filter(|level| drops[*level as usize] > 0)
                .map(|level| (level.name().to_owned(), drops[level as usize].into()))
                .collect();
            let note = json!({ "plimsoll": "dropped", "dropped": by_level });
            self.batch.add_note(self.clock.wall_ms(), Level::Warn, &note);
        }
        drops
    }

    fn append(
        &mut self,
        entered: &mut Entered<'_>,
        dedup: &mut Dedup,
        counters: &Counters,
        sync: bool,
    ) -> Result<(), LogError> {
        for repeat in self.batch.take_repeats() {
            self.counted.prepare(&self.ring, repeat, self.batch.slots);
        }
        let batch = &self.batch;
        let appended = entered
            .append(&self.ring, &mut self.counted, &batch.lines, batch.tail, batch.slots)
            .and_then(|()| if sync { entered.sync() } else { Ok(()) });
        if let Err(error) = appended {
            // What was composed may not be in the file: nothing may refer to it.
            dedup.forget();
            self.stale = true;
            return Err(error);
        }
        batch.count(counters);
        self.entries += batch.entries;
        if let Some(last) = batch.last_sequence {
            self.expected = Some(last + 1);
        }
        Ok(())
    }

    fn rotate_if_due(
        &mut self,
        entered: &mut Entered<'_>,
        dedup: &mut Dedup,
        terms: Terms,
        counters: &Counters,
        step: &mut Step,
    ) -> Result<(), LogError> {
        if entered.length() < terms.rotation_threshold {
            return Ok(());
        }
        let tail = self.batch.tail;
        self.batch.clear(tail);
        self.batch.add_repeats(&self.counted);
        self.append(entered, dedup, counters, terms.sync)?;
        match entered.rotate() {
            Ok(archive) => {
                counters.rotations.add(1);
                dedup.about(entered.generation());
                step.archive = Some(archive);
            }
            Err(error) => step.rotation_error = Some(error),
        }
        Ok(())
    }
}
