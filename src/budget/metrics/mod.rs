//! What calls took: records, statistics, histograms, counters.
//!
//! # What it promises
//!
//! - One [`Metrics::record`] for each call that ends, in about 20 ns (freeing what it overwrites included) and
//!   without allocating once the ring and the lane's histograms are there.
//! - Totals and averages are over all calls since [`Metrics::clear`], not over the records still kept, and
//!   exact: they are sums of whole nanoseconds and bytes in 128 bits, which no number of calls overflows.
//! - [`Metrics::clear`] empties the records, the statistics and the high-water marks. Histograms and counters go
//!   on, because what scrapes them takes a counter that falls for a restart of the process
//!   (<https://prometheus.io/docs/concepts/metric_types/#counter>).
//!
//! # Limits
//!
//! | What | Bound | When reached |
//! |---|---|---|
//! | records | [`KEPT_RECORDS`] | the oldest is overwritten, counted in [`Counters::overwritten_records`] |
//! | lanes with histograms | [`MEASURED_LANES`] | calls of further lanes count everywhere but there, and in [`Counters::unmeasured_calls`] |
//!
//! It is owned by whoever holds the lock of the gate; nothing here locks.

mod counters;
mod histogram;
mod record;
mod records;
mod snapshot;
mod statistics;
#[cfg(test)]
mod tests;

pub use counters::{Counters, HighWater};
pub use histogram::{BUCKETS, Histogram, UPPER_BOUNDS};
pub use record::{CallRecord, EndedBy};
pub use records::KEPT_RECORDS;
pub use snapshot::{
    BreakerGauge, BudgetSnapshot, LaneSnapshot, LoadSnapshot, MemorySnapshot, MetricsSnapshot,
};
pub use statistics::Statistics;

use crate::budget::refusal::Refusal;
use crate::platform::process::KillReport;
use records::Records;
use statistics::Sums;

/// How many lanes have histograms: the first ones, by index.
pub const MEASURED_LANES: usize = 128;

/// How long the calls of one lane waited and ran.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LaneHistograms {
    /// From admission to release.
    pub duration: Histogram,
    /// From the request to admission; calls that did not wait are in the first bucket.
    pub waited: Histogram,
}

/// All that is kept about calls.
#[derive(Debug, Default)]
pub struct Metrics {
    records: Records,
    sums: Sums,
    lanes: Vec<LaneHistograms>,
    counters: Counters,
    high: HighWater,
}

impl Metrics {
    /// Nothing happened yet.
    #[must_use]
    pub fn new() -> Metrics {
        Metrics::default()
    }

    /// Takes in a call that has ended.
    pub fn record(&mut self, record: CallRecord) {
        self.sums.add(&record);
        self.high.active = self.high.active.max(record.concurrent_start).max(record.concurrent_end);
        self.high.rss = self.high.rss.max(record.rss_peak);
        self.counters.count_call(record.success, record.ended_by);
        let lane = record.lane as usize;
        if lane < MEASURED_LANES {
            if lane >= self.lanes.len() {
                self.lanes.resize_with(lane + 1, LaneHistograms::default);
            }
            let lane = &mut self.lanes[lane];
            lane.duration.add(record.duration);
            lane.waited.add(record.waited);
        } else {
            self.counters.unmeasured_calls += 1;
        }
        self.counters.overwritten_records += u64::from(self.records.push(record));
    }

    /// A call was not let in.
    pub fn count_refusal(&mut self, reason: Refusal) {
        self.counters.refusals[Counters::place(reason)] += 1;
    }

    /// A call was warned that its time is over.
    pub fn count_warning(&mut self) {
        self.counters.warnings += 1;
    }

    /// A call was ended by its deadline.
    pub fn count_end(&mut self) {
        self.counters.ends += 1;
    }

    /// A call was ended, and what it runs goes on all the same.
    pub fn count_abandoned(&mut self) {
        self.counters.abandoned += 1;
    }

    /// The children of a call were ended.
    pub fn count_kill(&mut self, report: &KillReport) {
        self.counters.processes.signalled += u64::from(report.signalled);
        self.counters.processes.already_gone += u64::from(report.already_gone);
        self.counters.processes.refused += u64::from(report.refused);
        self.counters.processes.cut += u64::from(report.cut);
    }

    /// So many calls run.
    pub fn observe_active(&mut self, calls: u32) {
        self.high.active = self.high.active.max(calls);
    }

    /// So many callers wait.
    pub fn observe_waiting(&mut self, callers: u32) {
        self.high.waiting = self.high.waiting.max(callers);
    }

    /// So many bytes are resident.
    pub fn observe_rss(&mut self, bytes: u64) {
        self.high.rss = self.high.rss.max(bytes);
    }

    /// The latest `limit` calls, the first of them first: the end of the list is what ended last, as with
    /// `slice(-limit)`. Zero gives none.
    pub fn latest(&self, limit: usize) -> impl ExactSizeIterator<Item = &CallRecord> {
        self.records.latest(limit)
    }

    /// [`Metrics::latest`] as a JSON array of `WorkerCallMetrics`; `lane` and `call` give the names of lanes
    /// and the ids of calls.
    ///
    /// # Errors
    ///
    /// Those of `serde_json`, which strings and finite numbers do not cause.
    pub fn latest_json<'a>(
        &self,
        limit: usize,
        lane: impl Fn(u32) -> &'a str,
        call: impl Fn(u64) -> String,
    ) -> serde_json::Result<String> {
        let shown: Vec<_> = self
            .latest(limit)
            .map(|record| record.shown(lane(record.lane), call(record.call)))
            .collect();
        serde_json::to_string(&shown)
    }

    /// What the calls since [`Metrics::clear`] come to.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.sums.statistics(self.high.active)
    }

    /// What was counted since the start.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The highest values since [`Metrics::clear`].
    #[must_use]
    pub fn high_water(&self) -> HighWater {
        self.high
    }

    /// The histograms of a lane; `None` before its first call has ended, and beyond [`MEASURED_LANES`].
    #[must_use]
    pub fn lane(&self, lane: u32) -> Option<&LaneHistograms> {
        self.lanes.get(lane as usize)
    }

    /// A copy of counters, marks and histograms, to be written out without holding a lock.
    #[must_use]
    pub fn snapshot(&self) -> MetricsSnapshot {
        MetricsSnapshot {
            counters: self.counters.clone(),
            high_water: self.high,
            lanes: self.lanes.clone(),
        }
    }

    /// Forgets records, statistics and high-water marks; see the module for what stays.
    pub fn clear(&mut self) {
        self.records.clear();
        self.sums = Sums::default();
        self.high = HighWater::default();
    }
}
