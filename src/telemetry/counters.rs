//! What one handle has done, for `stats()`.

use super::level::Level;
use hdrhistogram::Histogram;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A number that only grows, readable from any thread.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds to it.
    pub fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// Reads it.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Reads it and starts again at zero.
    pub fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// The last thing that went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastError {
    /// The stable code, `ERR_PLIMSOLL_…`.
    pub code: &'static str,
    /// What happened and what to do.
    pub message: String,
    /// When, milliseconds since the Unix epoch.
    pub time_ms: i64,
}

/// Flush latencies in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Latency {
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// The counters of one handle.
#[derive(Debug)]
pub struct Counters {
    /// Entries acknowledged that were too long for the ring.
    pub accepted_large: Counter,
    /// Their bytes of JSON.
    pub accepted_large_bytes: Counter,
    /// Lines appended to the log.
    pub written: Counter,
    /// Bytes appended to the log.
    pub written_bytes: Counter,
    /// Entries counted instead of written.
    pub deduplicated: Counter,
    /// Error texts shortened.
    pub truncated: Counter,
    /// Values blackened.
    pub redacted: Counter,
    /// Entries dropped by level, since the start.
    pub dropped: [Counter; 4],
    /// The same, since the log was last told.
    pub dropped_untold: [Counter; 4],
    /// Entries found in the rings of dead owners.
    pub recovered: Counter,
    /// Bytes of rings that held no whole entry where one was expected.
    pub damaged_bytes: Counter,
    /// Entries known to be missing by their sequence numbers.
    pub damaged: Counter,
    /// Times this handle rotated the log.
    pub rotations: Counter,
    /// Archives compressed on its behalf.
    pub compressions: Counter,
    /// Failed attempts to write.
    pub failures: Counter,
    /// Times a thread of ours panicked and was carried on.
    pub panics: Counter,
    last_error: Mutex<Option<LastError>>,
    flush_latency: Mutex<Histogram<u32>>,
}

impl Default for Counters {
    fn default() -> Self {
        // Microseconds from 1 to 10 minutes in steps of about 1 %; always a valid range, and an
        // auto-resizing histogram stands in should that ever change.
        let histogram = Histogram::new_with_bounds(1, 600_000_000, 2)
            .or_else(|_| Histogram::new(2))
            .unwrap_or_else(|_| unreachable!("two significant digits are supported"));
        Counters {
            accepted_large: Counter::default(),
            accepted_large_bytes: Counter::default(),
            written: Counter::default(),
            written_bytes: Counter::default(),
            deduplicated: Counter::default(),
            truncated: Counter::default(),
            redacted: Counter::default(),
            dropped: Default::default(),
            dropped_untold: Default::default(),
            recovered: Counter::default(),
            damaged_bytes: Counter::default(),
            damaged: Counter::default(),
            rotations: Counter::default(),
            compressions: Counter::default(),
            failures: Counter::default(),
            panics: Counter::default(),
            last_error: Mutex::new(None),
            flush_latency: Mutex::new(histogram),
        }
    }
}

impl Counters {
    /// Counts an entry that found no room.
    pub fn drop_entry(&self, level: Level) {
        self.dropped[level as usize].add(1);
        self.dropped_untold[level as usize].add(1);
    }

    /// Notes a failure.
    pub fn fail(&self, error: LastError) {
        self.failures.add(1);
        if let Ok(mut last) = self.last_error.lock() {
            *last = Some(error);
        }
    }

    /// The last failure.
    #[must_use]
    pub fn last_error(&self) -> Option<LastError> {
        self.last_error.lock().ok().and_then(|last| last.clone())
    }

    /// Notes how long a flush took, from the moment it was due to the moment the lines were in the file.
    pub fn flushed(&self, took: Duration) {
        if let Ok(mut histogram) = self.flush_latency.lock() {
            histogram.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1));
        }
    }

    /// The latencies so far; zeros before the first flush.
    #[must_use]
    pub fn latency(&self) -> Latency {
        let Ok(histogram) = self.flush_latency.lock() else { return Latency::default() };
        if histogram.is_empty() {
            return Latency::default();
        }
        let at = |quantile| histogram.value_at_quantile(quantile) as f64 / 1000.0;
        Latency { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: histogram.max() as f64 / 1000.0 }
    }
}
