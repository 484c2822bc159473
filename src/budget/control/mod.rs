//! What moves limits and timeouts: latency and resource controllers, circuit breakers, histories.
//!
//! # What it promises
//!
//! - No threads, locks or clocks: every call is told the time, so that a trace of hours is a unit test of
//!   milliseconds. Times that run backwards count as no time passed; none of the calls can panic or give a
//!   figure that is not a number.
//! - Fixed memory a lane: what is kept of the past is windows, buckets and histograms of a stated size,
//!   never the calls themselves.
//! - A call that ends costs a few dozen nanoseconds; what is dearer happens once a window.
//!
//! | Module | Question it answers |
//! |---|---|
//! | [`adaptive`] | how many may run |
//! | [`breaker`] | whether any may run |
//! | [`history`] | how long one may run before somebody is warned |

pub mod adaptive;
pub mod breaker;
pub mod history;

use std::time::Duration;

/// How a call ended, as far as limits and timeouts care.
///
/// A call its caller gave up says nothing about the lane and is not reported to any controller; its permit
/// of the breaker is given back with [`breaker::CircuitBreaker::abandon`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It succeeded.
    Ok,
    /// It failed of itself.
    Error,
    /// It was ended because its time was up: how long it would have taken is unknown.
    TimedOut,
}

/// Nanoseconds as the controllers count them; 584 years and more are the same.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A share between `least` and `most`, or `otherwise` if it is not a number.
fn share(value: f64, least: f64, most: f64, otherwise: f64) -> f64 {
    if value.is_nan() { otherwise } else { value.clamp(least, most) }
}
