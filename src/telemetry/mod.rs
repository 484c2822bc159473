//! TelemetryManager: bounded JSONL logs that survive the death of their process.
//!
//! What it promises, its bounds and what happens when they are reached stand in `docs/telemetry.md`. An entry
//! moves through these rooms, and only forward:
//!
//! | Room | What happens there |
//! |---|---|
//! | [`handle`] | [`handle::Handle::store`] puts the entry into its handle's ring: the acknowledgement |
//! | [`ring`] | the memory-mapped file it is safe in, whatever becomes of the process |
//! | [`hub`] | how handles reach the writer |
//! | `writer` | the thread that decides whose turn it is, and what to do when the disk refuses |
//! | [`drain`] | takes a batch from a ring: a living handle's, or (in [`recovery`]) a dead owner's |
//! | [`batch`] | turns entries into lines, with [`sanitize`] and [`dedup`] |
//! | [`log_file`] | appends them and rotates, under the lock that many processes share |
//! | [`archive`] | compresses and deletes what was rotated away |
//!
//! [`runtime`] owns the threads; [`settings`] and [`profile`] say what was asked for; [`counters`] and
//! [`failure`] what is told; [`paths`] and [`location`] what the files are called and where they may lie.
//! [`read`], [`survey`] and [`compact`] are for the command line.

pub mod archive;
pub mod batch;
pub mod compact;
pub mod counters;
pub mod dedup;
pub mod drain;
pub mod failure;
pub mod handle;
pub mod hub;
#[cfg(test)]
mod kill_tests;
pub mod level;
pub mod location;
pub mod log_file;
pub mod paths;
pub mod profile;
pub mod read;
pub mod recovery;
pub mod ring;
pub mod runtime;
#[cfg(test)]
mod runtime_tests;
pub mod sanitize;
pub mod settings;
pub mod survey;
mod writer;
