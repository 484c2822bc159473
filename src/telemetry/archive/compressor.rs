//! The thread that looks after archives: compression, leftovers, retention.
//!
//! Started by the first job that needs it, at the lowest priority, one for the process. A job that is
//! waiting already is not queued twice. The queue holds [`MAX_WAITING`] jobs; when it is full, a waiting
//! job of the same log is widened to all of that log's archives, so nothing is forgotten; where there is
//! none the job is dropped and counted, and the next job of that log finds the archive by itself.
//!
//! A panic in a job is caught and told as that job's error; the thread goes on.

use super::super::counters::Counter;
use super::super::paths::LogPaths;
use super::compress::{Outcome, compress_archive};
use super::error::ArchiveError;
use super::leftovers::finish_leftovers;
use super::retention::{Retention, enforce};
use crate::compression::Compression;
use crate::platform::clock::Clock;
use crate::platform::filesystem::FileSystem;
use crate::platform::thread::lower_priority;
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Jobs that may wait.
pub const MAX_WAITING: usize = 256;
/// Age is a matter of days: where it alone decides, a job for one archive looks through the directory
/// no more often than this.
const AGE_EVERY: Duration = Duration::from_secs(60);
/// Logs whose last look is remembered.
const MAX_REMEMBERED: usize = 256;
/// How long dropping the compressor waits for its thread.
const DROP_BOUND: Duration = Duration::from_secs(5);

/// Something to be done for the archives of one log. Afterwards `retention` is enforced.
pub struct Job {
    /// The log.
    pub paths: LogPaths,
    /// The file name of the plain archive to compress; `None` for every plain archive there is, and
    /// whatever else a crash left behind.
    pub archive: Option<String>,
    /// How to compress.
    pub compression: Compression,
    /// Which archives to keep.
    pub retention: Retention,
    /// Told once, from the compressor's thread, when the job is done. Not called for a job that was
    /// merged into one that waited already.
    pub done: Box<dyn Fn(Report) + Send>,
}

impl Job {
    fn is_like(&self, other: &Job) -> bool {
        self.paths == other.paths
            && self.archive == other.archive
            && self.compression == other.compression
            && self.retention == other.retention
    }
}

/// What became of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Archives compressed.
    pub compressed: u64,
    /// Bytes of them before.
    pub bytes_in: u64,
    /// Bytes of them after.
    pub bytes_out: u64,
    /// Archives deleted by retention.
    pub deleted: u64,
    /// Bytes they took.
    pub deleted_bytes: u64,
    /// The first thing that went wrong.
    pub error: Option<String>,
}

/// What the compressor has done since it was made.
#[derive(Debug, Default)]
pub struct CompressorCounters {
    /// Archives compressed.
    pub compressions: Counter,
    /// Jobs in which something failed.
    pub failures: Counter,
    /// Archives deleted.
    pub deletions: Counter,
    /// Jobs that found the queue full.
    pub overflows: Counter,
    /// Jobs in which our own code panicked.
    pub panics: Counter,
}

/// A moment in the order of jobs: those submitted before it are told from those after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(u64);

/// Owner of the thread; dropping it stops the thread.
pub struct Compressor {
    shared: Arc<Shared>,
}

struct Shared {
    fs: Arc<dyn FileSystem>,
    clock: Arc<dyn Clock>,
    counters: CompressorCounters,
    last_error: Mutex<Option<String>>,
    state: Mutex<State>,
    /// Rung for the thread.
    work: Condvar,
    /// Rung for those who wait for the thread.
    done: Condvar,
    stop: AtomicBool,
}

#[derive(Default)]
struct State {
    looked: HashMap<LogPaths, Duration>,
    queue: VecDeque<(Mark, Job)>,
    current: Option<(Mark, LogPaths)>,
    next: u64,
    alive: bool,
}

impl Compressor {
    /// A compressor without a thread yet.
    #[must_use]
    pub fn new(fs: Arc<dyn FileSystem>, clock: Arc<dyn Clock>) -> Self {
        Compressor {
            shared: Arc::new(Shared {
                fs,
                clock,
                counters: CompressorCounters::default(),
                last_error: Mutex::default(),
                state: Mutex::default(),
                work: Condvar::new(),
                done: Condvar::new(),
                stop: AtomicBool::new(false),
            }),
        }
    }

    /// Hands a job over. Never waits for one. After [`Compressor::shutdown`], and when the thread cannot
    /// be started, the job is dropped and its `done` told so, here and now.
    pub fn submit(&self, job: Job) {
        let nothing = job.compression == Compression::None && job.retention.is_unlimited();
        if nothing && job.archive.is_some() {
            (job.done)(Report::default());
            return;
        }
        let mut state = self.shared.lock();
        let refused = if self.shared.stop.load(Ordering::Relaxed) {
            Some("the compressor was stopped")
        } else if !state.alive && !self.start(&mut state) {
            Some("the compressor's thread could not be started")
        } else {
            None
        };
        if let Some(reason) = refused {
            drop(state);
            self.shared.refuse(&job, reason);
            return;
        }
        if state.queue.iter().any(|(_, waiting)| waiting.is_like(&job)) {
            return;
        }
        if state.queue.len() < MAX_WAITING {
            let mark = Mark(state.next);
            state.next += 1;
            state.queue.push_back((mark, job));
            self.shared.work.notify_one();
            return;
        }
        self.shared.counters.overflows.add(1);
        match state.queue.iter_mut().find(|(_, waiting)| waiting.paths == job.paths) {
            Some((_, waiting)) => waiting.archive = None,
            None => {
                drop(state);
                self.shared.refuse(&job, "too many archives wait to be compressed");
            }
        }
    }

    /// This moment in the order of jobs.
    #[must_use]
    pub fn mark(&self) -> Mark {
        Mark(self.shared.lock().next)
    }

    /// Whether everything submitted for a log before `mark` is done.
    #[must_use]
    pub fn is_done(&self, paths: &LogPaths, mark: Mark) -> bool {
        let state = self.shared.lock();
        let before = |at: &Mark, of: &LogPaths| *at < mark && of == paths;
        !state.current.as_ref().is_some_and(|(at, of)| before(at, of))
            && !state.queue.iter().any(|(at, job)| before(at, &job.paths))
    }

    /// Waits until nothing is waiting or being done for a log, at most `bound`. Returns whether it is so.
    #[must_use]
    pub fn wait_idle(&self, paths: &LogPaths, bound: Duration) -> bool {
        let (state, _) = self
            .shared
            .done
            .wait_timeout_while(self.shared.lock(), bound, |state| !state.is_idle(paths))
            .unwrap_or_else(PoisonError::into_inner);
        state.is_idle(paths)
    }

    /// Its counters.
    #[must_use]
    pub fn counters(&self) -> &CompressorCounters {
        &self.shared.counters
    }

    /// The last thing that went wrong.
    #[must_use]
    pub fn last_error(&self) -> Option<String> {
        self.shared.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops for good: what is being compressed is given up and stays plain, what waits is dropped. Both
    /// are finished by the next start. Waits at most `bound`; returns whether the thread has ended.
    pub fn shutdown(&self, bound: Duration) -> bool {
        self.shared.stop.store(true, Ordering::Relaxed);
        let mut state = self.shared.lock();
        state.queue.clear();
        self.shared.work.notify_all();
        let (state, _) = self
            .shared
            .done
            .wait_timeout_while(state, bound, |state| state.alive)
            .unwrap_or_else(PoisonError::into_inner);
        !state.alive
    }

    fn start(&self, state: &mut State) -> bool {
        let shared = Arc::clone(&self.shared);
        let work = move || {
            // A thread of ordinary priority does the work as well.
            lower_priority();
            shared.run();
        };
        let spawned = std::thread::Builder::new().name("plimsoll-compress".to_owned()).spawn(work);
        state.alive = spawned.is_ok();
        state.alive
    }
}

impl Drop for Compressor {
    fn drop(&mut self) {
        self.shutdown(DROP_BOUND);
    }
}

impl State {
    fn is_idle(&self, paths: &LogPaths) -> bool {
        self.current.as_ref().is_none_or(|(_, of)| of != paths)
            && self.queue.iter().all(|(_, job)| job.paths != *paths)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is a single assignment, push or pop: a panic cannot leave half of one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refuse(&self, job: &Job, reason: &str) {
        let error = Some(format!("{reason}; the next start does it"));
        self.counters.failures.add(1);
        self.note(error.as_ref());
        (job.done)(Report { error, ..Report::default() });
    }

    fn note(&self, error: Option<&String>) {
        if let Some(error) = error {
            *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
        }
    }

    fn run(&self) {
        loop {
            let job = {
                let waiting = |state: &mut State| {
                    state.queue.is_empty() && !self.stop.load(Ordering::Relaxed)
                };
                let mut state = self
                    .work
                    .wait_while(self.lock(), waiting)
                    .unwrap_or_else(PoisonError::into_inner);
                let Some((mark, job)) = state.queue.pop_front() else {
                    state.alive = false;
                    self.done.notify_all();
                    return;
                };
                state.current = Some((mark, job.paths.clone()));
                job
            };
            self.finish(&job);
            drop(job);
            self.lock().current = None;
            self.done.notify_all();
        }
    }

    fn finish(&self, job: &Job) {
        let report = catch_unwind(AssertUnwindSafe(|| self.work(job))).unwrap_or_else(|_| {
            self.counters.panics.add(1);
            let error = "a fault of Plimsoll's own was caught; please report it".to_owned();
            Report { error: Some(error), ..Report::default() }
        });
        self.counters.compressions.add(report.compressed);
        self.counters.deletions.add(report.deleted);
        self.counters.failures.add(u64::from(report.error.is_some()));
        self.note(report.error.as_ref());
        if catch_unwind(AssertUnwindSafe(|| (job.done)(report))).is_err() {
            self.counters.panics.add(1);
        }
    }

    fn retention_is_due(&self, job: &Job) -> bool {
        let by_age_alone =
            job.retention.max_archives.is_none() && job.retention.max_total_bytes.is_none();
        let now = self.clock.monotonic();
        let mut state = self.lock();
        let looked = state.looked.get(&job.paths);
        if by_age_alone && job.archive.is_some() && looked.is_some_and(|at| now - *at < AGE_EVERY) {
            return false;
        }
        if state.looked.len() >= MAX_REMEMBERED {
            state.looked.clear();
        }
        state.looked.insert(job.paths.clone(), now);
        true
    }

    fn work(&self, job: &Job) -> Report {
        let mut report = Report::default();
        let note = |report: &mut Report, error: Option<ArchiveError>| {
            // Stopping is what was asked for.
            if let Some(error) = error.filter(|error| !matches!(error, ArchiveError::Stopped)) {
                report.error.get_or_insert_with(|| error.to_string());
            }
        };
        match &job.archive {
            Some(name) => {
                match compress_archive(&*self.fs, &job.paths, name, job.compression, &self.stop) {
                    Ok(Outcome::Compressed { bytes_in, bytes_out }) => {
                        report = Report { compressed: 1, bytes_in, bytes_out, ..Report::default() };
                    }
                    Ok(_) => {}
                    Err(error) => note(&mut report, Some(error)),
                }
            }
            None => {
                let left = finish_leftovers(&*self.fs, &job.paths, job.compression, &self.stop);
                report.compressed = left.compressed;
                report.bytes_in = left.bytes_in;
                report.bytes_out = left.bytes_out;
                note(&mut report, left.error);
            }
        }
        if !self.stop.load(Ordering::Relaxed) && self.retention_is_due(job) {
            let now_ms = self.clock.wall_ms();
            let kept = enforce(&*self.fs, &job.paths, &job.retention, now_ms);
            report.deleted = kept.deleted;
            report.deleted_bytes = kept.bytes;
            note(&mut report, kept.error);
        }
        report
    }
}
