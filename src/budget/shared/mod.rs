//! Lanes shared by the processes of one machine.
//!
//! # What it promises
//!
//! - Over all processes that attach to one file, never more slots are out in a lane, or in all lanes, than
//!   the limits in that file allow.
//! - A process that ends gives its slots back, however it ends: at once when somebody finds a lane full (who
//!   looks for the dead then, every 50 ms at most), else at the next [`SharedLanes::sweep`] of any process,
//!   which is to come every half second.
//! - Taking and giving back never waits for another process, not even for one that was stopped.
//! - Whatever a file holds, nothing crashes or overflows: what is not ours is refused and left as it is,
//!   what is ours and damaged begins anew, and all processes enter again what they hold.
//!
//! Liveness is a lock, not a number: each process holds the byte lock of its row
//! ([`crate::platform::byte_lock`]), and the system takes it away when the process is gone. Process ids are
//! in the segment for people to read. So processes in different PID namespaces may share a volume.
//!
//! # Limits, and what happens at them
//!
//! | Limit | Reached |
//! |---|---|
//! | 64 processes ([`MAX_PROCESSES`]) | attaching gives [`SharedError::TooManyProcesses`] |
//! | 64 lanes ([`MAX_LANES`]), names of 64 bytes ([`MAX_NAME`]) | [`SharedError::TooManyLanes`], [`SharedError::Name`] |
//! | limits up to 2³² − 2; 2³² − 1 is none | sums are counted in 64 bits |
//! | 2 s of waiting for another process that attaches or changes limits | [`SharedError::Busy`] |
//!
//! Limits belong to the segment. Who attaches with other ones, or changes them, changes them for all: the
//! latest explicit configuration wins, is counted, and is told to its author ([`Opening::changes`]). Between
//! processes nobody queues: who looks first after a release gets the slot.
//!
//! # The segment
//!
//! A file of 32 KiB, mode 0600, its blocks reserved, on any local file system (ext4, tmpfs). Numbers are in the
//! byte order of the machine, except where text says how long it is.
//!
//! ```text
//!      0  "PLIMLANE"
//!      8  version u32 ── length u32 ── byte order 0x01020304 ── CRC-32 of the bytes before it
//!     32  instance u64        another number each time the segment begins anew; 0 while it is being made
//!     64  generation u32      counts wake-ups; the futex
//!     72  waiting u64         one bit for each row whose process wants to be woken
//!    128  live u64            one bit for each row in use
//!    136  reclaimed u64       dead processes noticed
//!    144  global limit u32 ── its complement u32, in one word
//!    152  lanes in use u32 ── its complement u32, in one word
//!    160  configuration u64   counts changes of limits
//!    256  64 lanes of 128 bytes, one a lane:
//!           0  limit u32 ── its complement u32, in one word
//!           8  length of the name u32 ── CRC-32 of the name ── name
//!   8448  64 rows of 320 bytes, one a process:
//!           0  pid u32 ── slots in all lanes u32 ── undecided u32
//!          64  slots in each lane, 64 × u32
//! ```
//!
//! | Byte lock | Held by |
//! |---|---|
//! | 0 to 63 | the process in that row, as long as it lives |
//! | 64 | whoever lets rows begin or end, or changes limits; for microseconds |
//!
//! **Admission** takes no lock. A process writes one more into its own row, then counts all rows in use; over a
//! limit, it takes it back. Of those that run at any moment the one that counted last had all the others in its
//! sum, so the sum never was over the limit. Two that announce themselves for the last slot at the same time
//! both count too many; the lower row stays and looks again, the other gives way. In a lane that is full without
//! them nobody announces anything. Each row has one writer, each change is one aligned store of an absolute
//! number, and a process that dies between two of them leaves a row that is void as a whole.
//!
//! **Wake-ups**: whoever gives something back looks whether a bit in `waiting` is set; only then it counts the
//! generation up and wakes ([`crate::platform::futex`]; 20 ms polling where the system has no such thing).
//!
//! # What remains
//!
//! A file that is cut while it is mapped kills who touches it. Every operation therefore looks at the file's
//! length first; a stranger who cuts it in the some hundred nanoseconds between that look and the last access
//! still ends the process with SIGBUS. After a cut, a removal or a replacement of the file, processes refuse
//! ([`crate::budget::refusal::Refusal::SharedUnavailable`]) until their next sweep took up the file anew; in
//! that half second the segment does not know everything that runs, and more may run than the limits say. A
//! process forked without an `exec` keeps the locks of its parent, and so its slots, until it ends too.

mod admission;
mod attachment;
mod error;
mod lanes;
mod process;
mod recovery;
mod segment;
mod status;
mod steps;
mod watch;

#[cfg(test)]
mod tests;

pub use error::{ARGUMENT, OPEN, SEGMENT_FULL, SharedError, UNSUPPORTED_SEGMENT};
pub use lanes::{SharedLane, SharedLanes, SharedSlot};
pub use status::{
    GlobalStatus, LaneStatus, LimitChange, Opening, ProcessStatus, SharedStatus, Sweep,
};

use std::fmt;

/// Version of the segment's layout.
pub const VERSION: u32 = 1;
/// Processes that can share a segment.
pub const MAX_PROCESSES: usize = 64;
/// Lanes of a segment.
pub const MAX_LANES: usize = 64;
/// Bytes of a lane's name.
pub const MAX_NAME: usize = 64;

/// What was wrong with a segment's file and made it begin anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repair {
    /// It was shorter than a segment.
    Cut,
    /// It was never finished, or was overwritten with zeros.
    Unfinished,
    /// What is in it contradicts itself or its checksums.
    Damaged,
}

/// How a segment in use was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The file was made shorter.
    Cut,
    /// The file was deleted or replaced.
    Removed,
    /// Another process had to begin it anew.
    Renewed,
    /// The system does not answer for the file.
    Unreadable,
}

impl fmt::Display for Loss {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Loss::Cut => "cut",
            Loss::Removed => "removed",
            Loss::Renewed => "made anew",
            Loss::Unreadable => "unreadable",
        })
    }
}
