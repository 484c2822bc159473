//! One call that has ended.

use crate::telemetry::paths::iso_file_time;
use serde::Serialize;
use std::time::Duration;

/// How a slot came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum EndedBy {
    /// By its owner.
    Release,
    /// By the timer, at the second phase of its timeout.
    Deadline,
    /// By the collection of a context that nobody released.
    Collected,
    /// By the end of the worker thread that held it.
    WorkerEnd,
}

impl EndedBy {
    /// Every way, for the metrics.
    pub const ALL: [EndedBy; 4] =
        [EndedBy::Release, EndedBy::Deadline, EndedBy::Collected, EndedBy::WorkerEnd];

    /// The stable name, as users and metrics see it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            EndedBy::Release => "release",
            EndedBy::Deadline => "deadline",
            EndedBy::Collected => "collected",
            EndedBy::WorkerEnd => "worker_end",
        }
    }
}

/// What is known of a call. Memory is in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallRecord {
    /// Its number.
    pub call: u64,
    /// Whose it was.
    pub task: Box<str>,
    /// The index of its lane.
    pub lane: u32,
    /// From admission to release.
    pub duration: Duration,
    /// Whether it ended well.
    pub success: bool,
    /// The class name of its error.
    pub error_type: Option<Box<str>>,
    /// Resident memory by the last reading before it began.
    pub rss_start: u64,
    /// Resident memory by the last reading before it ended.
    pub rss_end: u64,
    /// The highest reading while it ran.
    pub rss_peak: u64,
    /// How old the last reading was when it ended.
    pub rss_age: Duration,
    /// The heap in use when it began.
    pub heap_start: u64,
    /// The heap in use when it ended.
    pub heap_end: u64,
    /// Calls of the process when it began, itself included.
    pub concurrent_start: u32,
    /// Calls of the process that still ran when it had ended.
    pub concurrent_end: u32,
    /// Whether it ran longer than its timeout.
    pub timeout_reached: bool,
    /// How its slot came back.
    pub ended_by: EndedBy,
    /// How long it waited to be admitted.
    pub waited: Duration,
    /// The wall clock when it began, in milliseconds since the Unix epoch.
    pub wall_ms: i64,
}

/// A record as `getMetrics()` shows it: the fields of the contract, then what was measured besides.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown<'a> {
    call_id: String,
    task_id: &'a str,
    lane: &'a str,
    duration_ms: f64,
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<&'a str>,
    rss_start_mb: f64,
    rss_end_mb: f64,
    rss_delta_mb: f64,
    heap_start_mb: f64,
    heap_end_mb: f64,
    heap_delta_mb: f64,
    concurrent_calls_at_start: u32,
    concurrent_calls_at_end: u32,
    timeout_reached: bool,
    timestamp: String,
    rss_peak_mb: f64,
    rss_age_ms: f64,
    waited_ms: f64,
    ended_by: &'static str,
}

impl CallRecord {
    /// The timestamp is the end of the call: its start by the wall clock and its duration by the monotonic one,
    /// so that a clock step meanwhile cannot put the end before the start. Differences are taken in bytes
    /// and rounded afterwards.
    pub(super) fn shown<'a>(&'a self, lane: &'a str, call_id: String) -> Shown<'a> {
        let duration_ms = i64::try_from(self.duration.as_millis()).unwrap_or(i64::MAX);
        Shown {
            call_id,
            task_id: &self.task,
            lane,
            duration_ms: milliseconds(self.duration),
            success: self.success,
            error_type: self.error_type.as_deref(),
            rss_start_mb: megabytes(i128::from(self.rss_start)),
            rss_end_mb: megabytes(i128::from(self.rss_end)),
            rss_delta_mb: megabytes(difference(self.rss_start, self.rss_end)),
            heap_start_mb: megabytes(i128::from(self.heap_start)),
            heap_end_mb: megabytes(i128::from(self.heap_end)),
            heap_delta_mb: megabytes(difference(self.heap_start, self.heap_end)),
            concurrent_calls_at_start: self.concurrent_start,
            concurrent_calls_at_end: self.concurrent_end,
            timeout_reached: self.timeout_reached,
            timestamp: iso_time(self.wall_ms.saturating_add(duration_ms)),
            rss_peak_mb: megabytes(i128::from(self.rss_peak)),
            rss_age_ms: milliseconds(self.rss_age),
            waited_ms: milliseconds(self.waited),
            ended_by: self.ended_by.name(),
        }
    }
}

pub(super) fn difference(start: u64, end: u64) -> i128 {
    i128::from(end) - i128::from(start)
}

/// Bytes in units of 1,048,576, to 2 decimals, and never the negative zero.
pub(super) fn megabytes(bytes: i128) -> f64 {
    (bytes as f64 / 1_048_576.0 * 100.0).round() / 100.0 + 0.0
}

/// To 3 decimals: whole microseconds.
fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// What `Date.prototype.toISOString` gives; an archive's time has the same digits and other separators.
fn iso_time(time_ms: i64) -> String {
    let mut text = iso_file_time(time_ms);
    for (at, separator) in [(13, ":"), (16, ":"), (19, ".")] {
        text.replace_range(at..=at, separator);
    }
    text
}
