//! Wall time and monotonic time behind one trait.

#[cfg(not(unix))]
use std::sync::LazyLock;
use std::time::Duration;
#[cfg(not(unix))]
use std::time::Instant;

/// A source of time. Intervals are measured on [`Clock::monotonic`], which no clock step moves;
/// [`Clock::wall_ms`] is only ever written down or compared with what was written down.
pub trait Clock: Send + Sync {
    /// Milliseconds since the Unix epoch; negative before 1970.
    fn wall_ms(&self) -> i64;
    /// Time since an arbitrary fixed point, the same for the whole process; never goes back.
    fn monotonic(&self) -> Duration;
    /// Processor time all threads of this process have used; `None` where that is not known.
    fn processor_time(&self) -> Option<Duration> {
        None
    }
}

/// The machine's own clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[cfg(not(unix))]
static PROCESS_START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl Clock for SystemClock {
    fn wall_ms(&self) -> i64 {
        #[cfg(unix)]
        {
            // Half the cost of the standard library's way, which goes through 128-bit arithmetic; every
            // entry pays it.
            let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
            now.tv_sec * 1000 + now.tv_nsec / 1_000_000
        }
        #[cfg(not(unix))]
        {
            use std::time::{SystemTime, UNIX_EPOCH};
            match SystemTime::now().duration_since(UNIX_EPOCH) {
                Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
                Err(before) => -i64::try_from(before.duration().as_millis()).unwrap_or(i64::MAX),
            }
        }
    }

    fn monotonic(&self) -> Duration {
        #[cfg(unix)]
        {
            // Without the start subtracted, which costs as much as the reading.
            let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
            Duration::new(now.tv_sec.cast_unsigned(), now.tv_nsec.cast_unsigned() as u32)
        }
        #[cfg(not(unix))]
        PROCESS_START.elapsed()
    }

    #[cfg(unix)]
    fn processor_time(&self) -> Option<Duration> {
        let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Duration::try_from(used).ok()
    }
}
