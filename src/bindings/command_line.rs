//! The command line's native half: each command is a task on a thread of its own.
//!
//! JavaScript starts a task, polls it, and releases it. What a task prints waits in a bounded queue
//! ([`MAX_QUEUED`]); a task that meets a full queue waits until JavaScript has taken some. Releasing a
//! task, or the end of its environment, stops it.

use crate::compression::Compression;
use crate::platform::clock::{Clock, SystemClock};
use crate::platform::filesystem::{FileSystem, RealFileSystem};
use crate::platform::system_error::system_name;
use crate::telemetry::compact::{
    CompactError, CompactReport, CompactSettings, Progress, compact_file, compact_stream,
};
use crate::telemetry::failure::{self, Failure};
use crate::telemetry::level::Level;
use crate::telemetry::read::{
    Filter, Pattern, ReadError, ReadReport, ReadSettings, read_log, resolve,
};
use crate::telemetry::recovery::{Recovery, recover_directory};
use crate::telemetry::sanitize::Redaction;
use crate::telemetry::survey::{Survey, SurveyedFile, SurveyedRing, survey};
use napi::bindgen_prelude::{Buffer, retain_current_module_for_unload_safety};
use napi::{Error, Result};
use napi_derive::napi;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes of output that wait for JavaScript before the task waits.
const MAX_QUEUED: usize = 4 << 20;
/// Bytes of output gathered before they are queued.
const GATHERED: usize = 64 << 10;
/// How often a followed log is looked at.
const FOLLOW_EVERY: Duration = Duration::from_millis(100);

/// How to compact.
#[napi(object)]
pub struct BindingCompactSettings {
    pub max_error_length: f64,
    pub redact_paths: Vec<String>,
    pub redact_secrets: bool,
    pub dedup: bool,
    pub in_place: bool,
    pub force: bool,
}

/// Which lines to show.
#[napi(object)]
pub struct BindingTailSettings {
    /// The least level.
    pub level: Option<String>,
    pub since_ms: Option<f64>,
    /// A regular expression.
    pub pattern: Option<String>,
    pub ignore_case: bool,
    /// Only the last ones; all without it.
    pub last: Option<f64>,
    pub follow: bool,
}

/// Where a task stands.
#[napi(object)]
pub struct BindingTaskState {
    /// Output since the last poll.
    pub output: Option<Buffer>,
    /// Bytes of input done, and of all input; 0 when unknown.
    pub done_bytes: f64,
    pub total_bytes: f64,
    /// Whether the task has ended and all its output was given.
    pub ended: bool,
    /// The report as JSON text, once it has ended well.
    pub report: Option<String>,
    pub code: Option<String>,
    pub message: Option<String>,
    pub cause: Option<String>,
}

#[derive(Default)]
struct Task {
    progress: Progress,
    state: Mutex<State>,
    room: Condvar,
}

#[derive(Default)]
struct State {
    output: VecDeque<Vec<u8>>,
    queued: usize,
    outcome: Option<std::result::Result<Value, Failure>>,
}

impl Task {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues output, waiting for room; `false` when the task is to stop.
    fn put(&self, bytes: Vec<u8>) -> bool {
        let full = |state: &mut State| state.queued >= MAX_QUEUED && !self.is_stopped();
        let mut state =
            self.room.wait_while(self.lock(), full).unwrap_or_else(PoisonError::into_inner);
        if self.is_stopped() {
            return false;
        }
        state.queued += bytes.len();
        state.output.push_back(bytes);
        true
    }

    fn is_stopped(&self) -> bool {
        self.progress.stop.load(Ordering::Relaxed)
    }

    fn stop(&self) {
        // Under the lock, so that nobody goes to sleep between looking and this.
        let state = self.lock();
        self.progress.stop.store(true, Ordering::Relaxed);
        drop(state);
        self.room.notify_all();
    }

    /// Pauses, unless stopped; returns whether to go on.
    fn pause(&self, time: Duration) -> bool {
        let waiting = |_: &mut State| !self.is_stopped();
        let paused = self.room.wait_timeout_while(self.lock(), time, waiting);
        drop(paused);
        !self.is_stopped()
    }
}

/// Stops its task when it goes.
struct Owner(Arc<Task>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.stop();
    }
}

#[derive(Default)]
struct Table {
    tasks: HashMap<u32, Owner>,
    last: u32,
}

thread_local! {
    static TABLE: RefCell<Table> = RefCell::default();
}

fn start(
    work: impl FnOnce(&Task) -> std::result::Result<Value, Failure> + Send + 'static,
) -> Result<u32> {
    let task = Arc::new(Task::default());
    let run = {
        let task = Arc::clone(&task);
        move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| work(&task)));
            let outcome = outcome.unwrap_or_else(|_| {
                let message = "a fault of Plimsoll's own was caught; please report it".to_owned();
                Err(Failure { code: failure::INTERNAL, message, cause: None })
            });
            task.lock().outcome = Some(outcome);
        }
    };
    // The thread runs code of this image, which must not go with the environment.
    retain_current_module_for_unload_safety();
    std::thread::Builder::new()
        .name("plimsoll-command".to_owned())
        .spawn(run)
        .map_err(|error| Error::from_reason(format!("no thread could be started: {error}")))?;
    Ok(TABLE.with_borrow_mut(|table| {
        table.last = table.last.wrapping_add(1);
        table.tasks.insert(table.last, Owner(task));
        table.last
    }))
}

/// Where a task stands; takes its output. `null` when there is no such task.
#[napi(catch_unwind)]
pub fn command_line_poll(task: u32) -> Option<BindingTaskState> {
    let task =
        TABLE.with_borrow(|table| table.tasks.get(&task).map(|owner| Arc::clone(&owner.0)))?;
    let mut state = task.lock();
    let ended = state.outcome.is_some();
    let output: Vec<u8> = state.output.drain(..).flatten().collect();
    state.queued = 0;
    let mut polled = BindingTaskState {
        output: (!output.is_empty()).then(|| output.into()),
        done_bytes: task.progress.done.load(Ordering::Relaxed) as f64,
        total_bytes: task.progress.total.load(Ordering::Relaxed) as f64,
        ended,
        report: None,
        code: None,
        message: None,
        cause: None,
    };
    match &state.outcome {
        Some(Ok(report)) => polled.report = Some(report.to_string()),
        Some(Err(Failure { code, message, cause })) => {
            polled.code = Some((*code).to_owned());
            polled.message = Some(message.clone());
            polled.cause.clone_from(cause);
        }
        None => {}
    }
    drop(state);
    task.room.notify_all();
    Some(polled)
}

/// Asks a task to end soon; what it has begun is tidied up before it has ended.
#[napi(catch_unwind)]
pub fn command_line_stop(task: u32) {
    TABLE.with_borrow(|table| {
        if let Some(owner) = table.tasks.get(&task) {
            owner.0.stop();
        }
    });
}

/// Forgets a task, stopping it.
#[napi(catch_unwind)]
pub fn command_line_release(task: u32) {
    TABLE.with_borrow_mut(|table| table.tasks.remove(&task));
}

/// Starts compacting a file, or standard input (`-`) to the task's output.
#[napi(catch_unwind)]
pub fn command_line_compact(path: String, settings: BindingCompactSettings) -> Result<u32> {
    let redaction = Redaction::new(&settings.redact_paths, settings.redact_secrets)
        .map_err(|error| Error::from_reason(error.to_string()))?;
    let settings = CompactSettings {
        max_error_length: settings.max_error_length as usize,
        redaction,
        dedup: settings.dedup,
        in_place: settings.in_place,
        force: settings.force,
    };
    start(move |task| {
        let report = if path == "-" {
            let mut output = TaskOutput(task);
            compact_stream(io::stdin(), &mut output, &settings, &task.progress)
        } else {
            compact_file(&RealFileSystem, Path::new(&path), &settings, &task.progress)
        };
        report.map(|report| compact_json(&report)).map_err(|error| of_compact(&error))
    })
}

/// Starts reading a log.
#[napi(catch_unwind)]
pub fn command_line_tail(path: String, settings: BindingTailSettings) -> Result<u32> {
    let pattern = settings
        .pattern
        .map(|pattern| Pattern::new(&pattern, settings.ignore_case))
        .transpose()
        .map_err(|error| Error::from_reason(error.to_string()))?;
    let level = settings
        .level
        .map(|name| Level::from_name(&name).ok_or_else(|| Error::from_reason("no such level")))
        .transpose()?;
    let since_ms = settings.since_ms.map(|ms| ms as i64);
    let read = ReadSettings {
        filter: Filter { level, since_ms, pattern },
        last: settings.last.map(|count| count as u64),
    };
    let follow = settings.follow;
    start(move |task| tail(task, Path::new(&path), &read, follow))
}

fn tail(
    task: &Task,
    path: &Path,
    settings: &ReadSettings,
    follow: bool,
) -> std::result::Result<Value, Failure> {
    let fs: Arc<dyn FileSystem> = Arc::new(RealFileSystem);
    let named = resolve(&*fs, path).map_err(|error| of_read(&error))?;
    let gathered = RefCell::new(Vec::with_capacity(2 * GATHERED));
    let put = || match gathered.take() {
        bytes if bytes.is_empty() => true,
        bytes => task.put(bytes),
    };
    let mut show = |line: &[u8]| {
        let full = {
            let mut gathered = gathered.borrow_mut();
            gathered.extend_from_slice(line);
            gathered.push(b'\n');
            gathered.len() >= GATHERED
        };
        if !full || put() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let mut wait = || put() && task.pause(FOLLOW_EVERY);
    let wait: Option<&mut dyn FnMut() -> bool> = if follow { Some(&mut wait) } else { None };
    let stop: &AtomicBool = &task.progress.stop;
    let report = read_log(&fs, &named, settings, stop, wait, &mut show);
    put();
    report.map(|report| read_json(&report)).map_err(|error| of_read(&error))
}

/// Starts looking at everything there is of a log.
#[napi(catch_unwind)]
pub fn command_line_stats(path: String) -> Result<u32> {
    start(move |task| {
        let fs: Arc<dyn FileSystem> = Arc::new(RealFileSystem);
        let Progress { done, stop, .. } = &task.progress;
        resolve(&*fs, Path::new(&path))
            .and_then(|named| survey(&fs, &named, done, stop))
            .map(|survey| survey_json(&survey))
            .map_err(|error| of_read(&error))
    })
}

/// Starts draining the rings dead processes left in a directory.
#[napi(catch_unwind)]
pub fn command_line_recover(directory: String) -> Result<u32> {
    start(move |_| {
        let fs: Arc<dyn FileSystem> = Arc::new(RealFileSystem);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let directory = PathBuf::from(directory);
        let recovered = recover_directory(&fs, &clock, &directory).map_err(|source| {
            of_read(&ReadError::Io { action: "list", path: directory.clone(), source })
        })?;
        let logs: Vec<Value> =
            recovered.iter().map(|(log, recovery)| recovery_json(log, recovery)).collect();
        Ok(json!({ "directory": directory.display().to_string(), "logs": logs }))
    })
}

struct TaskOutput<'a>(&'a Task);

impl Write for TaskOutput<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.put(bytes.to_vec()) {
            Ok(bytes.len())
        } else {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn of_read(error: &ReadError) -> Failure {
    let cause = match error {
        ReadError::Io { source, .. } => Some(system_name(source)),
        ReadError::NotAFile(_) | ReadError::NoLog(_) => None,
    };
    Failure { code: failure::OPEN, message: error.to_string(), cause }
}

fn of_compact(error: &CompactError) -> Failure {
    let (code, cause) = match error {
        CompactError::Io { action: "find" | "look at" | "open" | "read", source, .. } => {
            (failure::OPEN, Some(system_name(source)))
        }
        CompactError::Io { source, .. } => (failure::WRITE, Some(system_name(source))),
        CompactError::NotAFile(_) => (failure::OPEN, None),
        _ => (failure::WRITE, None),
    };
    Failure { code, message: error.to_string(), cause }
}

fn compact_json(report: &CompactReport) -> Value {
    json!({
        "output": report.output.as_ref().map(|path| path.display().to_string()),
        "bytesIn": report.bytes_in,
        "bytesOut": report.bytes_out,
        "plainBytesIn": report.plain_bytes_in,
        "plainBytesOut": report.plain_bytes_out,
        "lines": report.rewritten.lines,
        "malformed": report.rewritten.malformed,
        "tooLong": report.rewritten.too_long,
        "truncated": report.rewritten.truncated,
        "redacted": report.rewritten.redacted,
        "deduplicated": report.rewritten.deduplicated,
        "damaged": report.damaged,
    })
}

fn read_json(report: &ReadReport) -> Value {
    let damaged: Vec<Value> = report
        .damaged
        .iter()
        .map(|(file, reason)| json!({ "file": file, "reason": reason }))
        .collect();
    json!({
        "shown": report.shown,
        "cut": report.cut,
        "vanished": report.vanished,
        "damaged": damaged,
        "damagedCount": report.damaged_count,
    })
}

fn file_json(file: &SurveyedFile) -> Value {
    let compression = match file.compression {
        Compression::None => "none",
        Compression::Gzip => "gzip",
        Compression::Zstd => "zstd",
    };
    json!({
        "name": file.name,
        "compression": compression,
        "bytes": file.bytes,
        "plainBytes": file.plain_bytes,
        "lines": file.lines,
        "damaged": file.damaged,
    })
}

fn ring_json(ring: &SurveyedRing) -> Value {
    json!({
        "name": ring.name,
        "living": ring.living,
        "entries": ring.entries,
        "bytes": ring.bytes,
        "damaged": ring.damaged,
    })
}

fn survey_json(survey: &Survey) -> Value {
    let levels: serde_json::Map<String, Value> = Level::ALL
        .into_iter()
        .map(|level| (level.name().to_owned(), survey.levels[level as usize].into()))
        .collect();
    json!({
        "log": survey.log.as_ref().map(file_json),
        "archives": survey.archives.iter().map(file_json).collect::<Vec<_>>(),
        "rings": survey.rings.iter().map(ring_json).collect::<Vec<_>>(),
        "levels": levels,
        "otherLines": survey.other_lines,
        "repeats": survey.repeats,
        "oldest": survey.oldest_ms,
        "newest": survey.newest_ms,
    })
}

fn recovery_json(log: &str, recovery: &Recovery) -> Value {
    let failures: Vec<Value> = recovery
        .failures
        .iter()
        .map(|failure| {
            json!({ "code": failure.code, "message": failure.message, "cause": failure.cause })
        })
        .collect();
    json!({
        "log": log,
        "rings": recovery.rings,
        "living": recovery.living,
        "entries": recovery.entries,
        "damagedBytes": recovery.damaged_bytes,
        "damaged": recovery.damaged,
        "failures": failures,
    })
}
