//! What one handle was asked for. The facade fills in every default; the core has none.

use super::archive::Retention;
use super::profile::Profile;
use super::ring::Geometry;
use crate::compression::Compression;
use std::path::PathBuf;
use std::time::Duration;

/// What happens when the ring is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// `log` waits for room.
    Wait,
    /// The lowest level is dropped first: see [`Overflow::share`].
    DropLowest,
}

impl Overflow {
    /// How much of the ring, in per cent, entries of a level may fill. Under
    /// [`Overflow::DropLowest`] the last tenth is kept for errors, the tenth before for errors and
    /// warnings, and so on: whatever is dropped, something less important was dropped before it.
    #[must_use]
    pub fn share(self, level: super::level::Level) -> u64 {
        match self {
            Overflow::Wait => 100,
            Overflow::DropLowest => 70 + 10 * level as u64,
        }
    }
}

/// What an acknowledged entry survives once it was flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// The death of the process.
    Process,
    /// The death of the machine as well: flushing ends with `fdatasync`.
    Disk,
}

/// The settings of one handle.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The log.
    pub path: PathBuf,
    /// Entries after which the writer is woken.
    pub wake_entries: u64,
    /// The longest an entry rests in the ring.
    pub flush_interval: Duration,
    /// How archives are compressed.
    pub compression: Compression,
    /// Which archives are kept.
    pub retention: Retention,
    /// The size of the ring.
    pub ring: Geometry,
    /// What happens when it is full.
    pub overflow: Overflow,
    /// What flushing means.
    pub durability: Durability,
    /// What becomes of an entry's contents.
    pub profile: Profile,
}
