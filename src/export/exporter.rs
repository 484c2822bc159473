//! The exporter: takes finished spans and gives them to its destinations.
//!
//! Nothing starts before [`TraceExporter::start`], which starts one thread, `plimsoll-export`, for each
//! destination. At the end of the process what is left is delivered for at most [`EXIT_BOUND`].

use super::jsonl::{FileDestination, FileSettings};
use super::lane::Lane;
use super::otlp::{OtlpDestination, OtlpSettings};
use super::span::SpanSource;
use super::stats::ExporterStats;
use super::worker::{Destination, Worker};
use crate::platform::clock::{Clock, SystemClock};
use crate::platform::exit::at_exit;
use crate::platform::filesystem::{FileSystem, RealFileSystem};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use thiserror::Error;

pub use super::lane::BatchSettings;

/// How long the end of the process may be held up by delivering what is left, over all exporters. It is
/// shorter when nothing will be tried before then: a collector that is down costs one more attempt or two.
pub const EXIT_BOUND: Duration = Duration::from_millis(1500);

/// The name of the threads.
pub const THREAD_NAME: &str = "plimsoll-export";

/// What an exporter is to do.
#[derive(Debug, Clone, Default)]
pub struct ExporterSettings {
    /// How spans are gathered, for each destination.
    pub batch: BatchSettings,
    /// The collector, if any.
    pub otlp: Option<OtlpSettings>,
    /// The file, if any.
    pub file: Option<FileSettings>,
}

/// Why an exporter cannot be started.
#[derive(Debug, Error)]
pub enum StartError {
    /// A setting that cannot be followed. The message says what to write instead.
    #[error("{setting}: {message}")]
    Config {
        /// The setting, `otlp.endpoint` and its like.
        setting: &'static str,
        /// What is wrong and what to do.
        message: String,
    },
    /// The system refused a thread.
    #[error("no thread for the exporter: {0}; raise the limit of processes (ulimit -u)")]
    Thread(#[source] io::Error),
}

impl StartError {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            StartError::Config { .. } => "ERR_PLIMSOLL_CONFIG",
            StartError::Thread(_) => "ERR_PLIMSOLL_NATIVE",
        }
    }
}

/// Takes finished spans and gives them to its destinations. Dropped, it gives up what is still waiting;
/// [`TraceExporter::shutdown`] before that delivers it.
pub struct TraceExporter {
    otlp: Option<Arc<Lane>>,
    file: Option<Arc<Lane>>,
    clock: Arc<dyn Clock>,
}

static STARTED: Mutex<Vec<Weak<TraceExporter>>> = Mutex::new(Vec::new());

impl TraceExporter {
    /// Starts the threads. Nothing is connected or opened here: a collector that is down and a directory
    /// that is missing show in [`TraceExporter::stats`] and are tried again.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running then.
    pub fn start(settings: ExporterSettings) -> Result<Arc<TraceExporter>, StartError> {
        let (fs, clock) = (Arc::new(RealFileSystem), Arc::new(SystemClock));
        let exporter = Arc::new(TraceExporter::start_with(settings, fs, clock)?);
        let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
        started.retain(|exporter| exporter.strong_count() > 0);
        started.push(Arc::downgrade(&exporter));
        at_exit(flush_all);
        Ok(exporter)
    }

    /// [`TraceExporter::start`] on a disk and a clock of the caller's; the end of the process does not
    /// flush this one.
    ///
    /// # Errors
    /// As [`TraceExporter::start`].
    pub fn start_with(
        settings: ExporterSettings,
        fs: Arc<dyn FileSystem>,
        clock: Arc<dyn Clock>,
    ) -> Result<TraceExporter, StartError> {
        let ExporterSettings { batch, otlp, file } = settings;
        let collector = |otlp| OtlpDestination::new(otlp, Arc::clone(&clock));
        let otlp = otlp.map(collector).transpose()?;
        let file = file.map(|file| FileDestination::new(file, fs)).transpose()?;
        let lane = |wanted: bool| wanted.then(|| Arc::new(Lane::new(batch)));
        let exporter = TraceExporter {
            otlp: lane(otlp.is_some()),
            file: lane(file.is_some()),
            clock: Arc::clone(&clock),
        };
        // Should the second thread be refused, dropping the exporter ends the first.
        if let (Some(lane), Some(destination)) = (&exporter.otlp, otlp) {
            spawn(lane, Box::new(destination), &clock)?;
        }
        if let (Some(lane), Some(destination)) = (&exporter.file, file) {
            spawn(lane, Box::new(destination), &clock)?;
        }
        Ok(exporter)
    }

    /// Hands a span over. Returns whether every destination took it; one that did not has counted it.
    ///
    /// Never waits for a destination. Without destinations the span is gone and the answer `true`.
    pub fn submit(&self, span: impl SpanSource) -> bool {
        let bytes = span.bytes();
        match (&self.otlp, &self.file) {
            (Some(only), None) | (None, Some(only)) => only.offer(Arc::new(span), bytes),
            (Some(otlp), Some(file)) => {
                let span: Arc<dyn SpanSource> = Arc::new(span);
                otlp.offer(Arc::clone(&span), bytes) & file.offer(span, bytes)
            }
            (None, None) => true,
        }
    }

    fn lanes(&self) -> impl Iterator<Item = &Arc<Lane>> {
        self.otlp.iter().chain(&self.file)
    }

    /// Has everything submitted so far delivered now, waiting at most `bound`. Returns whether every
    /// destination is done with it, be it delivered or dropped and counted. Ends early when what is
    /// left will not be tried again before the bound.
    pub fn flush(&self, bound: Duration) -> bool {
        let deadline = self.clock.monotonic().saturating_add(bound);
        let targets: Vec<_> = self.lanes().map(|lane| (lane, lane.request_flush())).collect();
        let wait = |(lane, target): (&Arc<Lane>, u64)| {
            let left = deadline.saturating_sub(self.clock.monotonic());
            lane.await_flush(target, left, deadline)
        };
        // Each is waited for, also after one that was not done in time.
        targets.into_iter().map(wait).fold(true, |all, one| all & one)
    }

    /// Takes nothing more, flushes for at most `bound`, and ends the threads; what is then left is dropped
    /// and counted. Returns whether nothing was left. The threads end by themselves, one in the midst of a
    /// request when its timeout has come. Further calls change nothing.
    pub fn shutdown(&self, bound: Duration) -> bool {
        self.lanes().for_each(|lane| lane.close());
        let done = self.flush(bound);
        self.lanes().for_each(|lane| lane.end());
        done
    }

    /// The counters.
    #[must_use]
    pub fn stats(&self) -> ExporterStats {
        ExporterStats {
            otlp: self.otlp.as_ref().map(|lane| lane.stats()),
            file: self.file.as_ref().map(|lane| lane.stats()),
        }
    }
}

impl Drop for TraceExporter {
    fn drop(&mut self) {
        self.lanes().for_each(|lane| lane.end());
    }
}

fn spawn(
    lane: &Arc<Lane>,
    destination: Box<dyn Destination>,
    clock: &Arc<dyn Clock>,
) -> Result<(), StartError> {
    // The standard library seeds each `RandomState` differently.
    let seed = RandomState::new().build_hasher().finish();
    let mut worker = Worker::new(Arc::clone(lane), destination, Arc::clone(clock), seed);
    let work = move || worker.run();
    let thread = std::thread::Builder::new().name(THREAD_NAME.to_owned()).spawn(work);
    thread.map(|_| ()).map_err(StartError::Thread)
}

/// Flushes every exporter that is still there, all within one bound.
fn flush_all() {
    let exporters: Vec<Arc<TraceExporter>> = STARTED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .iter()
        .filter_map(Weak::upgrade)
        .collect();
    let clock = SystemClock;
    let deadline = clock.monotonic() + EXIT_BOUND;
    for exporter in exporters {
        exporter.flush(deadline.saturating_sub(clock.monotonic()));
    }
}
