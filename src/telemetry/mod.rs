//! TelemetryManager: bounded JSONL logs.

pub mod level;
pub mod location;
pub mod log_file;
pub mod paths;
pub mod ring;
