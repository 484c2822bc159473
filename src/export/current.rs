//! The exporter of this process: where the spans of every manager go.

use super::exporter::TraceExporter;
use std::sync::{Arc, PoisonError, RwLock};

/// What service the spans are of; these are attributes of every span too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Where it runs: `production`, `development`.
    pub environment: String,
}

/// An exporter and the service it exports for.
pub struct Tracing {
    /// Where spans go.
    pub exporter: Arc<TraceExporter>,
    /// Whose they are.
    pub service: Arc<Service>,
}

static CURRENT: RwLock<Option<Arc<Tracing>>> = RwLock::new(None);

/// The tracing set up last, if it was not taken away again.
#[must_use]
pub fn current() -> Option<Arc<Tracing>> {
    CURRENT.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Has spans go to another exporter, or nowhere; gives back the one before.
pub fn replace(tracing: Option<Arc<Tracing>>) -> Option<Arc<Tracing>> {
    std::mem::replace(&mut *CURRENT.write().unwrap_or_else(PoisonError::into_inner), tracing)
}
