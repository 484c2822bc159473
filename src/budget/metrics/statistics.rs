//! Totals and averages over all calls.

use super::CallRecord;
use super::record::{difference, megabytes};
use serde::Serialize;

/// What `getStatistics()` shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Statistics {
    /// Calls that ended.
    pub total_calls: u64,
    /// Those that ended well.
    pub success_count: u64,
    /// The others.
    pub failure_count: u64,
    /// The mean duration in milliseconds, to 3 decimals; 0 without calls.
    pub average_duration_ms: f64,
    /// The mean change of resident memory in units of 1,048,576 bytes, to 2 decimals; 0 without calls.
    pub average_rss_delta_mb: f64,
    /// The most calls that ran at once.
    pub max_concurrent_calls: u32,
    /// Calls that ran longer than their timeout.
    pub timeout_count: u64,
}

/// Whole numbers in 128 bits: exact, where sums of floating-point numbers need compensation to come close
/// (Neumaier 1974). The nanoseconds saturate, which takes 2^34 calls of the longest
/// [`Duration`](std::time::Duration), 584 thousand million years each.
#[derive(Debug, Default)]
pub(super) struct Sums {
    calls: u64,
    successes: u64,
    timeouts: u64,
    pub(super) nanoseconds: u128,
    rss_delta: i128,
}

impl Sums {
    pub(super) fn add(&mut self, record: &CallRecord) {
        self.calls += 1;
        self.successes += u64::from(record.success);
        self.timeouts += u64::from(record.timeout_reached);
        self.nanoseconds = self.nanoseconds.saturating_add(record.duration.as_nanos());
        let delta = difference(record.rss_start, record.rss_end);
        self.rss_delta = self.rss_delta.saturating_add(delta);
    }

    pub(super) fn statistics(&self, max_concurrent_calls: u32) -> Statistics {
        let calls = self.calls.max(1);
        let average_us = self.nanoseconds as f64 / calls as f64 / 1e3;
        Statistics {
            total_calls: self.calls,
            success_count: self.successes,
            failure_count: self.calls - self.successes,
            average_duration_ms: average_us.round() / 1e3,
            average_rss_delta_mb: megabytes(rounded_mean(self.rss_delta, calls)),
            max_concurrent_calls,
            timeout_count: self.timeouts,
        }
    }
}

/// Rounded towards zero: less than a byte is lost.
fn rounded_mean(sum: i128, calls: u64) -> i128 {
    sum / i128::from(calls)
}
