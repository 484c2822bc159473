//! What leaves the process for others to read: spans to OTLP collectors and JSONL files, metrics as Prometheus
//! text.
//!
//! # What it promises
//!
//! - JavaScript's thread hands a span over and goes on: forming, encoding, sending and writing happen on
//!   threads of the exporter's own, one for each destination, so that a dead collector never holds up the file.
//! - Within the bounds of its queue a destination loses nothing to an outage: what could be delivered later
//!   is tried again, with growing pauses, for as long as the process lives.
//! - What is lost is counted, by cause: a full queue, a collector's refusal, a span too large, a panic, the end.
//!
//! ```text
//! submit ──▶ lane (bounded by spans and bytes) ──▶ worker: form, limit, batch ──▶ collector (OTLP/HTTP)
//!       └──▶ lane                              ──▶ worker                     ──▶ file (JSONL)
//! ```
//!
//! # Limits
//!
//! A span is held to OpenTelemetry's default counts and to the sizes in [`limits`]. A lane holds 2048 spans
//! and 16 MiB, what is being sent included; what comes when it is full is dropped and counted. Delivery is
//! at least once: when a connection breaks after the collector took a batch and before it said so, the batch
//! is sent again. SIGKILL takes what is still in the lanes.

pub mod current;
pub mod exporter;
pub mod ids;
pub mod jsonl;
mod lane;
pub mod limits;
pub mod otlp;
pub mod prometheus;
pub mod retry;
pub mod sampling;
pub mod span;
pub mod stats;
pub mod trace_context;
mod worker;

#[cfg(test)]
mod exporter_tests;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod worker_tests;
