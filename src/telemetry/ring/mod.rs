//! The ring: where an entry is safe the moment `log` returns.
//!
//! One memory-mapped file a handle, beside the log. Storing an entry is a copy into the page cache,
//! which the kernel keeps whatever becomes of the process; the writer thread moves entries on into the
//! log. What a dead owner left is drained by the next start.
//!
//! # Invariants
//!
//! 1. A frame is visible only after it is whole: the producer writes the frame, then publishes
//!    `head` past it. A process that dies before that has acknowledged nothing.
//! 2. `tail` passes a frame only after the line it became is in the log (or the frame was counted).
//!    Together with 1: every acknowledged entry is in the log or between `tail` and `head`.
//! 3. Never both: before a batch is appended, the intent says which bytes go where; whoever next
//!    holds the log's lock looks whether they are there, and moves `tail` or cuts the file back.
//! 4. One process owns a ring at a time: it holds the file's `flock`, which ends with it. The file gets
//!    its name only after it is locked and initialised, so a living owner is never taken for dead.
//! 5. `head - tail` never exceeds the capacity, and the entries between them never exceed the
//!    maximum number of entries; a full ring refuses.
//! 6. Every frame carries a CRC and a sequence number one above its predecessor's: what is damaged is
//!    recognised, skipped, and measured.
//!
//! These hold against the death of any process at any instruction. A power failure may bring back an
//! older page of the ring: entries then may be missing or doubled, but never torn (6).
//!
//! # Format (version 1, little endian)
//!
//! ```text
//! 0      magic "PLIMRING"      8 version u32       12 header length u32 (69632)
//! 16     capacity u64 (bytes of the data area)     24 maximum entries u64
//! 32     ring id u64           40 created, ms i64  48 process id u32   52 CRC-32 of bytes 0..52
//! 64     head u64              position after the last committed frame
//! 128    tail u64              136 !tail u64       a torn or flipped tail shows
//! 256    intent (80 bytes)     the batch being appended, see `intent.rs`
//! 512    profile               length u32, CRC-32 u32, JSON: how the owner wants entries treated
//! 4096   repeats (64 × 1024)   identical entries counted but not yet written, see `repeats.rs`
//! 69632  data area             frames; position p lies at 69632 + p mod capacity
//! ```
//!
//! A position counts bytes since the ring was made and only grows. A frame never wraps: where it
//! does not fit before the end of the data area a pad frame fills the rest (fewer than 32 bytes are
//! skipped without one).
//!
//! ```text
//! frame  0 payload length u32  4 CRC-32 of bytes 0..4, 8..32 and the payload
//!        8 sequence u64       16 time, ms since the Unix epoch, i64
//!        24 level u8          25 encoding u8 (0 UTF-8, 1 UTF-16LE)   26 kind u8 (0 entry, 1 pad)
//!        27 flags u8 (1: holds error records)     28 magic "FRM1"
//!        32 payload, padded with arbitrary bytes to a multiple of 8
//! ```

mod file;
mod frame;
mod intent;
mod peek;
mod producer;
mod repeats;
#[cfg(test)]
mod tests;

pub use file::{Adoption, MAX_PROFILE, Ring, RingError};
pub use frame::{Encoding, Frame, FrameReader};
pub use intent::Intent;
pub use peek::{FrameCursor, RingView, Window};
pub use producer::{Geometry, Producer, Refusal, Reservation};
pub use repeats::{EntryKey, MAX_PENDING_REPEATS, Repeat, RepeatTable};
