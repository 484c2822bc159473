//! TelemetryManager: bounded JSONL logs.

pub mod paths;
