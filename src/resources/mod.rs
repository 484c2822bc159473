//! Readings of the machine and of the process, taken by one thread and read by all.
//!
//! - [`reading`]: the figures, published so that reading them takes nanoseconds and no lock.
//! - [`sampler`]: the thread `plimsoll-sampler`, which takes them while somebody watches.

pub mod reading;
pub mod sampler;

pub use reading::Reading;
pub use sampler::{Interest, Sampler, SamplerStats, SubscribeError, Subscription};
