//! ErrorAnalysisWorker's core: 50 KB of tool output in, a summary of at most 500 characters out.
//!
//! ```text
//! text ─► engine ── cleaner ─► lines ─► dialects (those the sample calls for) ─► reports ─┐
//!           └─ sample ─► watch (lines that look like a cause) ───────────────────────────┤
//! exit code, signal ─────────────────────────────────────────────────────────────────────┴► verdict
//! ```
//!
//! # What it promises
//!
//! 1. **It never contradicts the exit status.** A failed command is never summarised in words of success,
//!    whatever its text says; one that ended well is no failure.
//! 2. **It never invents.** Counts are what a tool states or what was counted; a text that is not
//!    understood is called so.
//! 3. **It is bounded.** One pass, time linear in the text; memory is one part of it (1 MiB) and bounded
//!    reports. See [`engine`], [`report`] and [`sample`] for the bounds.
//!
//! A dialect is one file under [`dialects`]; to add one, write it, name it in the registry there, and
//! put an output of the tool with its truth into the corpus.

pub mod analyzer;
pub mod clean;
pub mod dialect;
pub mod dialects;
pub mod engine;
pub mod fingerprint;
pub mod kind;
pub mod occurrences;
pub mod patterns;
pub mod raw_store;
pub mod report;
pub mod sample;
pub mod status;
pub mod stream;
pub mod summary;
pub mod verdict;
pub mod watch;
pub mod worker;

#[cfg(test)]
mod linearity_tests;
#[cfg(test)]
mod property_tests;

use engine::Engine;
use patterns::PatternSet;
use status::Status;
use std::sync::Arc;
use verdict::Analysis;

/// Analyses a whole text. `problems` is how many problems are told with their places.
#[must_use]
pub fn analyze(
    text: &str,
    status: &Status,
    patterns: Option<&Arc<PatternSet>>,
    problems: usize,
) -> Analysis {
    let mut engine = Engine::new(patterns);
    engine.feed(text);
    verdict::decide(engine.finish(), status, problems)
}
