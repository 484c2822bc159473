//! Reading a log as one text: its archives from the oldest to the newest, then the log, then what is in
//! the rings of living and dead handles and not in the log yet.
//!
//! Nothing is written, and no lock is held that a writer waits for. Memory is constant: one line (cut at
//! [`LINE_BOUND`]), the decoder of one archive, 64 KiB or the largest entry for each ring, and the names of
//! the archives. Only following remembers more: a hash for each entry that was shown from a ring and is
//! not in the log yet.
//!
//! A rotation while reading loses and doubles nothing: the file is known by its identity, and what was
//! rotated behind the reader's back is read from the archives. Entries of a ring are shown as the line
//! they will be in the log, blackened as their owner asked.

mod cursor;
mod expected;
mod filter;
mod lines;
mod reader;
mod rings;
mod sources;
#[cfg(test)]
mod tests;

pub use filter::{Filter, Meta, Pattern, PatternError};
pub use lines::{LINE_BOUND, LineSplitter, Piece};
pub use reader::{ReadError, ReadReport, ReadSettings, read_log};
pub use sources::{Named, resolve};
pub(super) use sources::{archives, open_archive, open_regular, rings};
