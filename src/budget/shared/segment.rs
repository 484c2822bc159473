//! The words of a segment: where each lies and what may be in it. Every access is one aligned atomic.

use super::{MAX_LANES, MAX_NAME, MAX_PROCESSES, VERSION};
use crate::platform::futex;
use crate::platform::mmap::SharedMapping;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
use std::time::Duration;

/// What the file begins with.
pub(super) const MAGIC: [u8; 8] = *b"PLIMLANE";
/// Bytes that say what the file is, with their checksum.
pub(super) const IDENTITY: usize = 24;
const CHECKSUM: usize = 20;
const INSTANCE: usize = 32;
const GENERATION: usize = 64;
const WAITING: usize = 72;
const LIVE: usize = 128;
const RECLAIMED: usize = 136;
const GLOBAL_LIMIT: usize = 144;
const LANE_COUNT: usize = 152;
const CONFIGURATION: usize = 160;
const LANES: usize = 256;
const LANE: usize = 128;
const ROWS: usize = LANES + MAX_LANES * LANE;
const ROW: usize = 320;
/// Length of the file: whole pages, on systems with pages of 4 and of 16 KiB.
pub(super) const LENGTH: usize = 32_768;
const _: () = assert!(ROWS + MAX_PROCESSES * ROW <= LENGTH);

/// A mapped segment. Any word may hold anything at any time: a stranger can write to the file.
#[derive(Debug)]
pub(super) struct Segment {
    mapping: SharedMapping,
}

impl Segment {
    pub(super) fn new(mapping: SharedMapping) -> Self {
        Segment { mapping }
    }

    /// Makes it empty. Processes that still use what was there see at once that it is another one.
    pub(super) fn initialise(&self, instance: u64) {
        self.mapping.word(INSTANCE).store(0, Ordering::SeqCst);
        let (generation, configuration) = (self.generation(), self.configuration());
        for word in (0..LENGTH).step_by(8).filter(|at| *at != INSTANCE) {
            self.mapping.word(word).store(0, Ordering::Relaxed);
        }
        super::steps::reached();
        self.mapping.half_word(GENERATION).store(generation, Ordering::Relaxed);
        self.mapping.word(CONFIGURATION).store(configuration, Ordering::Relaxed);
        self.set_global_limit(u32::MAX);
        self.set_lane_count(0);
        self.mapping.write(0, &identity());
        super::steps::reached();
        self.mapping.word(INSTANCE).store(instance, Ordering::SeqCst);
    }

    /// Which one it is: another number each time it is made anew, 0 until it is made.
    pub(super) fn instance(&self) -> u64 {
        self.mapping.word(INSTANCE).load(Ordering::Acquire)
    }

    /// Whether names and limits are what was written there.
    pub(super) fn is_sound(&self) -> bool {
        self.mapping.array::<IDENTITY>(0) == identity()
            && self.instance() != 0
            && doubled(self.mapping.word(LANE_COUNT))
                .is_some_and(|count| count as usize <= MAX_LANES)
            && doubled(self.mapping.word(GLOBAL_LIMIT)).is_some()
            && (0..self.lane_count())
                .all(|lane| self.name(lane).is_some() && doubled(self.limit_word(lane)).is_some())
    }

    /// A damaged count is 0.
    pub(super) fn lane_count(&self) -> usize {
        (doubled(self.mapping.word(LANE_COUNT)).unwrap_or(0) as usize).min(MAX_LANES)
    }

    fn set_lane_count(&self, count: u32) {
        self.mapping.word(LANE_COUNT).store(double(count), Ordering::Release);
    }

    /// `None` when it is damaged.
    pub(super) fn name(&self, lane: usize) -> Option<String> {
        let at = LANES + lane * LANE;
        let entry = self.mapping.array::<{ 16 + MAX_NAME }>(at);
        let half = |at: usize| {
            u32::from_le_bytes([entry[at], entry[at + 1], entry[at + 2], entry[at + 3]])
        };
        let length = half(8) as usize;
        let name = entry[16..].get(..length)?;
        if length == 0 || half(12) != crc32fast::hash(name) {
            return None;
        }
        String::from_utf8(name.to_vec()).ok()
    }

    /// Appends a lane; `None` when the table is full. The count, stored last, makes it valid.
    pub(super) fn add_lane(&self, name: &str, limit: u32) -> Option<usize> {
        let lane = self.lane_count();
        if lane == MAX_LANES || name.is_empty() || name.len() > MAX_NAME {
            return None;
        }
        let at = LANES + lane * LANE;
        self.mapping.write(at + 8, &(name.len() as u32).to_le_bytes());
        self.mapping.write(at + 12, &crc32fast::hash(name.as_bytes()).to_le_bytes());
        self.mapping.write(at + 16, name.as_bytes());
        self.set_limit(lane, limit);
        super::steps::reached();
        self.set_lane_count(lane as u32 + 1);
        Some(lane)
    }

    fn limit_word(&self, lane: usize) -> &AtomicU64 {
        self.mapping.word(LANES + lane * LANE)
    }

    /// A damaged limit is 0: the lane is closed until somebody repairs it.
    pub(super) fn limit(&self, lane: usize) -> u32 {
        doubled(self.limit_word(lane)).unwrap_or(0)
    }

    pub(super) fn set_limit(&self, lane: usize, limit: u32) {
        self.limit_word(lane).store(double(limit), Ordering::Release);
    }

    /// As [`Self::limit`], for all lanes together.
    pub(super) fn global_limit(&self) -> u32 {
        doubled(self.mapping.word(GLOBAL_LIMIT)).unwrap_or(0)
    }

    pub(super) fn set_global_limit(&self, limit: u32) {
        self.mapping.word(GLOBAL_LIMIT).store(double(limit), Ordering::Release);
    }

    /// How often limits were changed.
    pub(super) fn configuration(&self) -> u64 {
        self.mapping.word(CONFIGURATION).load(Ordering::Acquire)
    }

    pub(super) fn count_configuration(&self) {
        self.mapping.word(CONFIGURATION).fetch_add(1, Ordering::AcqRel);
    }

    fn live(&self) -> &AtomicU64 {
        self.mapping.word(LIVE)
    }

    /// The rows in use, as far as the segment says so.
    pub(super) fn live_rows(&self) -> Rows {
        Rows(self.live().load(Ordering::Acquire))
    }

    pub(super) fn is_live(&self, row: u32) -> bool {
        self.live().load(Ordering::Acquire) & bit(row) != 0
    }

    /// Puts a row into use. Sequentially consistent, so that whoever looks after our first announcement
    /// sees the row as well.
    pub(super) fn set_live(&self, row: u32) {
        self.live().fetch_or(bit(row), Ordering::SeqCst);
    }

    /// Empties a row and takes it out of use. Each store leaves the sums at or above what runs.
    pub(super) fn clear_row(&self, row: u32) {
        for lane in 0..MAX_LANES {
            self.count_word(row, lane).store(0, Ordering::Release);
        }
        super::steps::reached();
        self.total_word(row).store(0, Ordering::Release);
        self.attempt_word(row).store(0, Ordering::Release);
        self.set_waiting(row, false);
        super::steps::reached();
        self.live().fetch_and(!bit(row), Ordering::SeqCst);
        self.pid_word(row).store(0, Ordering::Release);
    }

    fn row_word(&self, row: u32, offset: usize) -> &AtomicU32 {
        self.mapping.half_word(ROWS + row as usize * ROW + offset)
    }

    /// The process in a row, for people to read.
    pub(super) fn pid_word(&self, row: u32) -> &AtomicU32 {
        self.row_word(row, 0)
    }

    /// What a row holds in all lanes.
    pub(super) fn total_word(&self, row: u32) -> &AtomicU32 {
        self.row_word(row, 4)
    }

    /// 1 while what the row has announced is not decided.
    pub(super) fn attempt_word(&self, row: u32) -> &AtomicU32 {
        self.row_word(row, 8)
    }

    /// What a row holds in a lane.
    pub(super) fn count_word(&self, row: u32, lane: usize) -> &AtomicU32 {
        self.row_word(row, 64 + 4 * lane)
    }

    /// What the rows in use hold in all lanes.
    pub(super) fn total(&self) -> u64 {
        self.live_rows().map(|row| u64::from(self.total_word(row).load(Ordering::Acquire))).sum()
    }

    /// What the rows in use hold in a lane, and in all.
    pub(super) fn sums(&self, lane: usize) -> (u64, u64) {
        self.live_rows().fold((0, 0), |(of_lane, of_all), row| {
            let count = self.count_word(row, lane).load(Ordering::Acquire);
            let total = self.total_word(row).load(Ordering::Acquire);
            (of_lane + u64::from(count), of_all + u64::from(total))
        })
    }

    /// Processes reclaimed from since the segment was made.
    pub(super) fn reclaimed(&self) -> &AtomicU64 {
        self.mapping.word(RECLAIMED)
    }

    fn waiting(&self) -> &AtomicU64 {
        self.mapping.word(WAITING)
    }

    /// Says whether a row's process wants to be woken.
    pub(super) fn set_waiting(&self, row: u32, waits: bool) {
        if waits {
            self.waiting().fetch_or(bit(row), Ordering::SeqCst);
        } else {
            self.waiting().fetch_and(!bit(row), Ordering::SeqCst);
        }
        fence(Ordering::SeqCst);
    }

    /// Wakes the other processes that wait, after something of this row was given back.
    pub(super) fn wake_others(&self, row: u32) {
        // Pairs with the fence of `set_waiting`: either we see the bit, or its owner, which looks at the
        // lanes after setting it, sees what we gave back.
        fence(Ordering::SeqCst);
        if self.waiting().load(Ordering::SeqCst) & !bit(row) != 0 {
            self.wake();
        }
    }

    /// Wakes every process that waits, this one included.
    pub(super) fn wake(&self) {
        let generation = self.mapping.half_word(GENERATION);
        generation.fetch_add(1, Ordering::SeqCst);
        futex::wake_all(generation);
    }

    /// Counts the wake-ups.
    pub(super) fn generation(&self) -> u32 {
        self.mapping.half_word(GENERATION).load(Ordering::SeqCst)
    }

    /// Waits until the generation is not `seen`, or the time is over.
    pub(super) fn wait(&self, seen: u32, timeout: Duration) {
        futex::wait(self.mapping.half_word(GENERATION), seen, timeout);
    }

    #[cfg(test)]
    pub(super) fn mapping(&self) -> &SharedMapping {
        &self.mapping
    }
}

/// The first bytes of every segment of this version.
pub(super) fn identity() -> [u8; IDENTITY] {
    let mut identity = [0; IDENTITY];
    identity[0..8].copy_from_slice(&MAGIC);
    identity[8..12].copy_from_slice(&VERSION.to_le_bytes());
    identity[12..16].copy_from_slice(&(LENGTH as u32).to_le_bytes());
    // In the byte order of the machine: the words of the segment are in it as well.
    identity[16..20].copy_from_slice(&0x0102_0304_u32.to_ne_bytes());
    let checksum = crc32fast::hash(&identity[..CHECKSUM]);
    identity[CHECKSUM..].copy_from_slice(&checksum.to_le_bytes());
    identity
}

/// A number beside its complement: still one store, and damage shows.
fn double(number: u32) -> u64 {
    u64::from(number) | u64::from(!number) << 32
}

fn doubled(word: &AtomicU64) -> Option<u32> {
    let word = word.load(Ordering::Acquire);
    (double(word as u32) == word).then_some(word as u32)
}

fn bit(row: u32) -> u64 {
    1 << (row % MAX_PROCESSES as u32)
}

/// A set of rows, lowest first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows(u64);

impl Iterator for Rows {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        if self.0 == 0 {
            return None;
        }
        let row = self.0.trailing_zeros();
        self.0 &= self.0 - 1;
        Some(row)
    }
}
