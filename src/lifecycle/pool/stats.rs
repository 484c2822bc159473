//! What a pool counts.

use hdrhistogram::Histogram;
use serde::Serialize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The longest time that is told apart from longer ones.
const LONGEST: Duration = Duration::from_secs(3600);

/// Workers by what they do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkerCounts {
    /// Ordered, running but not ready.
    pub starting: usize,
    /// Ready, with nothing to do.
    pub idle: usize,
    /// With a request, or a health check.
    pub busy: usize,
    /// With a request, and to be replaced after it.
    pub draining: usize,
    /// On their way out.
    pub ending: usize,
}

/// Why workers were replaced that did not fail.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecycledCounts {
    /// Nobody needed them.
    pub idle: u64,
    /// They had answered as many requests as they may.
    pub requests: u64,
    /// They had lived as long as they may.
    pub age: u64,
    /// Their process tree had more memory than it may.
    pub memory: u64,
    /// A request was cancelled or timed out, and an answer to it would have been taken for another's.
    pub unsynchronised: u64,
    /// They left too many abandoned requests unanswered.
    pub unresponsive: u64,
    /// They closed their standard input with requests in flight.
    pub input_closed: u64,
}

/// Totals and gauges of one pool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Workers now.
    pub workers: WorkerCounts,
    /// The most at once.
    pub most_workers: usize,
    /// Requests that wait.
    pub waiting: usize,
    /// Their bytes.
    pub waiting_bytes: usize,
    /// The most that waited at once.
    pub most_waiting: usize,
    /// Requests that a worker has.
    pub in_flight: usize,
    /// The most at once.
    pub most_in_flight: usize,
    /// Requests that were answered.
    pub answered: u64,
    /// Requests whose worker died, broke the protocol or could not be started.
    pub failed: u64,
    /// Requests whose time was over.
    pub timed_out: u64,
    /// Requests that were cancelled.
    pub cancelled: u64,
    /// Requests that were not taken.
    pub refused: u64,
    /// Requests that the closing of the pool ended.
    pub closed: u64,
    /// Requests that were given to another worker because the first had not taken them.
    pub passed_on: u64,
    /// Workers started.
    pub started: u64,
    /// Those of them that were started after one had failed.
    pub restarted: u64,
    /// Workers that ended before they were ready.
    pub failed_starts: u64,
    /// Workers that ended by themselves after they were ready.
    pub crashes: u64,
    /// Workers that printed what is no message, or was not asked for.
    pub protocol_errors: u64,
    /// Workers that did not answer a health check.
    pub failed_checks: u64,
    /// See [`RecycledCounts`].
    pub recycled: RecycledCounts,
    /// Answers to requests that were cancelled or timed out.
    pub late_answers: u64,
    /// Notifications and requests of workers.
    pub notifications: u64,
    /// Times the resident memory of a worker could not be read.
    pub unread_memory: u64,
}

/// Times in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Latency {
    /// How many.
    pub count: u64,
    /// The mean.
    pub mean: f64,
    /// Half took no longer.
    pub p50: f64,
    /// 90 of 100 took no longer.
    pub p90: f64,
    /// 99 of 100 took no longer.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

/// What [`super::Pool::stats`] tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// See [`Counts`].
    #[serde(flatten)]
    pub counts: Counts,
    /// From the asking to the moment a worker had it; of requests that were answered.
    pub wait: Latency,
    /// From then to the answer.
    pub service: Latency,
    /// Notifications that nobody took in time.
    pub notifications_dropped: u64,
    /// Panics that were caught.
    pub panics: u64,
}

/// Durations by how often they were, to about 1 %.
#[derive(Debug)]
pub(super) struct Durations(Mutex<Histogram<u64>>);

impl Default for Durations {
    fn default() -> Self {
        // Always a valid range; one that resizes itself stands in should that ever change.
        let longest = u64::try_from(LONGEST.as_micros()).unwrap_or(u64::MAX);
        let histogram = Histogram::new_with_bounds(1, longest, 2)
            .or_else(|_| Histogram::new(2))
            .unwrap_or_else(|_| unreachable!("two significant digits are supported"));
        Durations(Mutex::new(histogram))
    }
}

impl Durations {
    fn histogram(&self) -> MutexGuard<'_, Histogram<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one; what is longer than an hour counts as an hour.
    pub(super) fn add(&self, duration: Duration) {
        let microseconds = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.histogram().saturating_record(microseconds.max(1));
    }

    pub(super) fn latency(&self) -> Latency {
        let histogram = self.histogram();
        let ms = |microseconds: u64| microseconds as f64 / 1e3;
        Latency {
            count: histogram.len(),
            mean: histogram.mean() / 1e3,
            p50: ms(histogram.value_at_quantile(0.5)),
            p90: ms(histogram.value_at_quantile(0.9)),
            p99: ms(histogram.value_at_quantile(0.99)),
            max: ms(histogram.max()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_told_to_a_percent_and_the_longest_is_an_hour() {
        let durations = Durations::default();
        assert_eq!(durations.latency(), Latency::default());
        for ms in 1..=100 {
            durations.add(Duration::from_millis(ms));
        }
        let latency = durations.latency();
        assert_eq!(latency.count, 100);
        for (is, should) in [(latency.p50, 50.0), (latency.p90, 90.0), (latency.p99, 99.0)] {
            assert!((is / should - 1.0_f64).abs() < 0.011, "{is} for {should}");
        }
        durations.add(Duration::ZERO);
        durations.add(Duration::MAX);
        let hour = LONGEST.as_secs_f64() * 1e3;
        assert!((durations.latency().max / hour - 1.0).abs() < 0.02);
    }
}
