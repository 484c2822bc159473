//! TelemetryManager: bounded JSONL logs.

pub mod archive;
pub mod batch;
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
mod writer;
