//! The last figures read, each with the time it was read at.
//!
//! Written by whoever takes a reading, read by anybody without a lock: a sequence number, odd while a
//! writer is at work, tells a reader whether what it saw belongs together (a *sequence lock*, as in the
//! kernel's `Documentation/locking/seqlock.rst`). A reader that meets writers again and again takes what is
//! there after [`MAX_TRIES`]: each figure is whole, only its neighbour may be of the reading before; that
//! is counted.

use std::hint::spin_loop;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often a reader tries to see figures that belong together.
const MAX_TRIES: u32 = 64;
/// Stands for a figure that is not there.
const NONE: u64 = u64::MAX;

/// Memory as last read. Bytes; times on the monotonic clock of the sampler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reading {
    /// Resident memory of this process; 0: never read yet, which no living process has.
    pub rss: u64,
    /// When `rss` was read.
    pub at: Duration,
    /// Resident memory of all descendants, this process not counted; `None`: not read, nobody wants it,
    /// or the system has no such figure.
    pub tree_rss: Option<u64>,
    /// When `tree_rss` was read.
    pub tree_at: Duration,
    /// Use of the tightest control group, page cache excluded.
    pub cgroup_used: Option<u64>,
    /// Its limit; `None`: no group has one.
    pub cgroup_limit: Option<u64>,
    /// When the control group was read.
    pub cgroup_at: Duration,
}

impl Reading {
    /// Whether resident memory was ever read.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.rss > 0
    }

    /// How long ago resident memory was read; [`Duration::MAX`]: never.
    #[must_use]
    pub fn age(&self, now: Duration) -> Duration {
        if self.is_known() { now.saturating_sub(self.at) } else { Duration::MAX }
    }

    /// Resident memory, with that of the descendants if they are to count and are known.
    #[must_use]
    pub fn footprint(&self, include_children: bool) -> u64 {
        let children = if include_children { self.tree_rss.unwrap_or(0) } else { 0 };
        self.rss.saturating_add(children)
    }
}

/// The readings everybody sees.
#[derive(Debug)]
pub(super) struct Published {
    sequence: AtomicU64,
    rss: AtomicU64,
    at: AtomicU64,
    tree_rss: AtomicU64,
    tree_at: AtomicU64,
    cgroup_used: AtomicU64,
    cgroup_limit: AtomicU64,
    cgroup_at: AtomicU64,
    mixed: AtomicU64,
    writer: Mutex<()>,
}

pub(super) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn optional(value: u64) -> Option<u64> {
    (value != NONE).then_some(value)
}

fn stored(value: Option<u64>) -> u64 {
    value.map_or(NONE, |value| value.min(NONE - 1))
}

impl Default for Published {
    fn default() -> Self {
        let (zero, none) = (|| AtomicU64::new(0), || AtomicU64::new(NONE));
        Self {
            sequence: zero(),
            rss: zero(),
            at: zero(),
            tree_rss: none(),
            tree_at: zero(),
            cgroup_used: none(),
            cgroup_limit: none(),
            cgroup_at: zero(),
            mixed: zero(),
            writer: Mutex::new(()),
        }
    }
}

impl Published {
    fn write(&self, write: impl FnOnce(&Self)) {
        let writing = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence.store(sequence.wrapping_add(1), Ordering::Relaxed);
        // No figure may be seen changed by who does not see the odd number.
        fence(Ordering::Release);
        write(self);
        self.sequence.store(sequence.wrapping_add(2), Ordering::Release);
        drop(writing);
    }

    /// Resident memory; one taken before the one already there, by a slower thread, is left out.
    pub(super) fn set_rss(&self, rss: u64, at: Duration) {
        let at = nanoseconds(at);
        self.write(|to| {
            if to.rss.load(Ordering::Relaxed) == 0 || at >= to.at.load(Ordering::Relaxed) {
                to.rss.store(rss, Ordering::Relaxed);
                to.at.store(at, Ordering::Relaxed);
            }
        });
    }

    pub(super) fn set_tree(&self, resident: Option<u64>, at: Duration) {
        self.write(|to| {
            to.tree_rss.store(stored(resident), Ordering::Relaxed);
            to.tree_at.store(nanoseconds(at), Ordering::Relaxed);
        });
    }

    pub(super) fn set_cgroup(&self, used: Option<u64>, limit: Option<u64>, at: Duration) {
        self.write(|to| {
            to.cgroup_used.store(stored(used), Ordering::Relaxed);
            to.cgroup_limit.store(stored(limit), Ordering::Relaxed);
            to.cgroup_at.store(nanoseconds(at), Ordering::Relaxed);
        });
    }

    fn fields(&self) -> Reading {
        let load = |field: &AtomicU64| field.load(Ordering::Relaxed);
        let time = |field: &AtomicU64| Duration::from_nanos(field.load(Ordering::Relaxed));
        Reading {
            rss: load(&self.rss),
            at: time(&self.at),
            tree_rss: optional(load(&self.tree_rss)),
            tree_at: time(&self.tree_at),
            cgroup_used: optional(load(&self.cgroup_used)),
            cgroup_limit: optional(load(&self.cgroup_limit)),
            cgroup_at: time(&self.cgroup_at),
        }
    }

    pub(super) fn rss(&self) -> u64 {
        self.rss.load(Ordering::Relaxed)
    }

    pub(super) fn load(&self) -> Reading {
        for _ in 0..MAX_TRIES {
            let before = self.sequence.load(Ordering::Acquire);
            let reading = self.fields();
            fence(Ordering::Acquire);
            if before.is_multiple_of(2) && self.sequence.load(Ordering::Relaxed) == before {
                return reading;
            }
            spin_loop();
        }
        self.mixed.fetch_add(1, Ordering::Relaxed);
        self.fields()
    }

    /// Readings handed out whose figures may be of two moments.
    pub(super) fn mixed(&self) -> u64 {
        self.mixed.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn nothing_read_yet_has_no_figures_and_no_age() {
        let reading = Published::default().load();
        assert_eq!(reading, Reading::default());
        assert!(!reading.is_known());
        assert_eq!(reading.age(Duration::from_secs(5)), Duration::MAX);
        assert_eq!(reading.footprint(true), 0);
    }

    #[test]
    fn figures_are_kept_with_their_own_times() {
        let published = Published::default();
        published.set_rss(100, Duration::from_millis(7));
        published.set_tree(Some(50), Duration::from_millis(5));
        published.set_cgroup(Some(70), None, Duration::from_millis(6));
        let reading = published.load();
        assert_eq!(reading.age(Duration::from_millis(10)), Duration::from_millis(3));
        assert_eq!(reading.age(Duration::from_millis(1)), Duration::ZERO);
        assert_eq!((reading.footprint(false), reading.footprint(true)), (100, 150));
        assert_eq!((reading.cgroup_used, reading.cgroup_limit), (Some(70), None));
        assert_eq!((reading.tree_at, reading.cgroup_at).1, Duration::from_millis(6));
        assert_eq!(published.rss(), 100);
    }

    #[test]
    fn a_reading_that_comes_late_does_not_replace_a_newer_one() {
        let published = Published::default();
        published.set_rss(100, Duration::from_millis(7));
        published.set_rss(999, Duration::from_millis(6));
        assert_eq!(published.load().rss, 100);
        published.set_rss(101, Duration::from_millis(7));
        assert_eq!(published.load().rss, 101);
    }

    #[test]
    fn the_largest_figures_do_not_pass_for_none() {
        let published = Published::default();
        published.set_rss(u64::MAX, Duration::MAX);
        published.set_tree(Some(u64::MAX), Duration::MAX);
        let reading = published.load();
        assert_eq!(reading.tree_rss, Some(u64::MAX - 1));
        assert_eq!(reading.footprint(true), u64::MAX);
    }

    #[test]
    fn figures_seen_together_were_written_together() {
        let published = Published::default();
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for value in 1..200_000u64 {
                    published.set_cgroup(
                        Some(value),
                        Some(value * 2),
                        Duration::from_nanos(value * 3),
                    );
                }
                stop.store(true, Ordering::Release);
            });
            while !stop.load(Ordering::Acquire) {
                let mixed = published.mixed();
                let reading = published.load();
                let (Some(used), Some(limit)) = (reading.cgroup_used, reading.cgroup_limit) else {
                    continue;
                };
                if published.mixed() == mixed {
                    assert_eq!(limit, used * 2);
                    assert_eq!(reading.cgroup_at, Duration::from_nanos(used * 3));
                }
            }
        });
    }

    #[test]
    fn a_writer_that_stands_still_holds_nobody_up() {
        let published = Published::default();
        published.set_rss(5, Duration::ZERO);
        published.write(|held| {
            assert_eq!(held.load().rss, 5);
            assert_eq!(held.mixed(), 1);
        });
    }
}
