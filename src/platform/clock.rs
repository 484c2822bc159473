//! Wall time and monotonic time behind one trait.

use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A source of time. Intervals are measured on [`Clock::monotonic`], which no clock step moves;
/// [`Clock::wall_ms`] is only ever written down or compared with what was written down.
pub trait Clock: Send + Sync {
    /// Milliseconds since the Unix epoch; negative before 1970.
    fn wall_ms(&self) -> i64;
    /// Time since an arbitrary fixed point of this process; never goes back.
    fn monotonic(&self) -> Duration;
}

/// The machine's own clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

static PROCESS_START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Clock for SystemClock {
    fn wall_ms(&self) -> i64 {
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
        }
    }

    fn monotonic(&self) -> Duration {
        PROCESS_START.elapsed()
    }
}
