//! # Plimsoll
//!
//! The load line of a long-running Node orchestrator. The crate is three layers, each compiled
//! without the one above:
//!
//! | Module | What is in it |
//! |---|---|
//! | [`analysis`] | `ErrorAnalysisWorker`: what failing tools print, in 500 characters and a fix |
//! | [`budget`] | `ResourceBudgetManager`: lanes, deadlines, memory guards, call metrics |
//! | [`compression`] | gzip and zstd as streams, in constant memory |
//! | [`export`] | spans to OTLP collectors and JSONL files, metrics as Prometheus text |
//! | [`lifecycle`] | `ResourceLifecycleManager`: processes, pools, temporary files, the crash ledger |
//! | [`resources`] | readings of memory, taken by one sampler thread |
//! | [`telemetry`] | `TelemetryManager`: bounded JSONL logs that survive the death of their process |
//! | [`platform`] | the operating system: clock, files, locks, memory maps, thread priority, process exit |
//! | `bindings` | the Node addon: data in, data out, no policy (feature `node`) |
//!
//! The JavaScript facade above the bindings lives in `js/`.

pub mod analysis;
pub mod budget;
pub mod compression;
pub mod export;
pub mod lifecycle;
pub mod platform;
pub mod resources;
pub mod telemetry;

#[cfg(feature = "node")]
mod bindings;
