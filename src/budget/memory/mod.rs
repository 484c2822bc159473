//! Whether a call fits into memory.
//!
//! # What it promises
//!
//! - The **plain guard**: while resident memory is over its limit, or the control group over the stated
//!   fraction of its own, no call begins. It knows nothing of what a call will need.
//! - **Prediction**, when asked for: what a kind of call adds to resident memory at its peak is learned,
//!   reserved before such a call begins and given back after. A call begins only if it fits beside what
//!   runs, the promises made to it included.
//! - A refusal leaves its figures in [`Rejection`]; refusals are counted by reason.
//! - No arithmetic here overflows, and none is done in floating point after the settings were checked.
//!
//! # What it cannot promise
//!
//! Resident memory is one number for the whole process: what each of several calls running together has
//! added is an estimate ([`attribution`] says how it is made). The sum is right, its parts may not be.
//! Memory that the application itself takes is seen when it has been taken.
//!
//! # It never deadlocks
//!
//! With prediction on and nothing running, one call is let in however much it is expected to need, unless
//! the plain guard refuses. Nothing that runs could make room for it by ending, so a refusal would stand
//! for ever; and the expectation may be wrong: only a run corrects it. The plain guard does refuse an
//! empty process, for what fills the memory then is not ours and letting more in would not free it.
//!
//! # Limits
//!
//! [`prediction::MAX_KINDS`] kinds, the longest unused forgotten; [`attribution::MAX_TRACKED`] calls
//! attributed memory at once, others hold their reservation without teaching anything;
//! [`attribution::MAX_ENDED`] ended calls between two readings. Each is counted when it is reached.

pub mod attribution;
pub mod guard;
pub mod prediction;
pub mod settings;

pub use guard::{GuardStats, HeldBy, MemoryGuard, Rejection, Reservation};
pub use settings::{MemorySettings, PredictionSettings, SettingError};

/// What is learned together: a lane, or a `kind` within it, as a number the manager gives out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KindKey(pub u64);
