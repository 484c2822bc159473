//! Archives: what becomes of a log's file once it was rotated away.
//!
//! | Module | What it does |
//! |---|---|
//! | [`compress`] | makes a plain archive a compressed one |
//! | [`leftovers`] | finishes what a crash interrupted |
//! | [`retention`] | deletes what is too old or too much |
//! | [`compressor`] | the thread that does all this |
//!
//! # What holds at any moment, whatever call fails and wherever a process dies
//!
//! 1. A file named `<archive>.gz` or `<archive>.zst` that came from here is complete and on the disk:
//!    it is written under a temporary name, synced, then renamed.
//! 2. The plain archive goes only after that. Beside a complete compressed one it is a leftover.
//! 3. One process compresses an archive at a time: it holds the `flock` of the plain file, which ends
//!    with it. Nothing is deleted under a lock somebody else holds.

pub mod compress;
pub mod compressor;
mod error;
pub mod leftovers;
pub mod retention;
#[cfg(test)]
mod tests;

pub use compressor::{Compressor, Job, Mark, Report};
pub use error::ArchiveError;
pub use retention::Retention;
