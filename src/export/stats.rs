//! What became of the spans of one destination.

/// The destination cannot be reached or is busy; it is tried again.
pub const UNREACHABLE: &str = "ERR_PLIMSOLL_EXPORT";
/// The destination refused spans for good; they are dropped.
pub const REJECTED: &str = "ERR_PLIMSOLL_EXPORT_REJECTED";
/// The file cannot be written; it is tried again.
pub const WRITE: &str = "ERR_PLIMSOLL_WRITE";
/// The exporter failed in itself; the spans concerned are dropped and the work goes on.
pub const INTERNAL: &str = "ERR_PLIMSOLL_INTERNAL";

/// Spans lost, by cause.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dropped {
    /// They found the queue full.
    pub queue_full: u64,
    /// The destination refused them for good.
    pub rejected: u64,
    /// Larger than the queue or than the destination takes, each by itself.
    pub too_large: u64,
    /// Forming or encoding them panicked.
    pub panicked: u64,
    /// They came after the end, or were still waiting at it.
    pub closed: u64,
}

impl Dropped {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.queue_full + self.rejected + self.too_large + self.panicked + self.closed
    }
}

/// What went wrong with one delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryError {
    /// `ERR_PLIMSOLL_…`: one of the constants of this module.
    pub code: &'static str,
    /// What happened and what to do.
    pub message: String,
    /// What the system or the collector called it (`ECONNREFUSED`, `503`), where it did.
    pub cause: Option<String>,
}

/// The last thing that went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastError {
    /// What it was.
    pub error: DeliveryError,
    /// When, milliseconds since the Unix epoch.
    pub time_ms: i64,
}

/// The counters of one destination. `accepted = exported + dropped after acceptance + queued` at any time;
/// of the causes only `queue_full` and `closed` also count spans that were never accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DestinationStats {
    /// Spans waiting or being sent now.
    pub queued: u64,
    /// Bytes they were announced with.
    pub queued_bytes: u64,
    /// Spans taken into the queue.
    pub accepted: u64,
    /// Spans delivered.
    pub exported: u64,
    /// Batches delivered.
    pub batches: u64,
    /// Spans lost.
    pub dropped: Dropped,
    /// Attempts that failed and were, or will be, followed by another.
    pub retries: u64,
    /// Times the thread panicked and was carried on.
    pub panics: u64,
    /// The last thing that went wrong; a success does not take it back.
    pub last_error: Option<LastError>,
}

/// The counters of an exporter; `None` for a destination it does not have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExporterStats {
    /// The OTLP collector.
    pub otlp: Option<DestinationStats>,
    /// The file.
    pub file: Option<DestinationStats>,
}
