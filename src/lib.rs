//! # Plimsoll
//!
//! The load line of a long-running Node orchestrator. The crate is three layers, each compiled
//! without the one above:
//!
//! | Module | What is in it |
//! |---|---|
//! | [`analysis`] | `ErrorAnalysisWorker`: what failing tools print, in 500 characters and a fix |
//! | [`compression`] | gzip and zstd as streams, in constant memory |
//! | [`telemetry`] | `TelemetryManager`: bounded JSONL logs that survive the death of their process |
//! | [`platform`] | the operating system: clock, files, locks, memory maps, thread priority, process exit |
//! | `bindings` | the Node addon: data in, data out, no policy (feature `node`) |
//!
//! The JavaScript facade above the bindings lives in `js/`.

pub mod analysis;
pub mod compression;
pub mod platform;
pub mod telemetry;

#[cfg(feature = "node")]
mod bindings;
