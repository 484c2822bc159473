//! TelemetryManager's native half.

use super::{fast, handles};
use crate::compression::Compression;
use crate::telemetry::archive::Retention;
use crate::telemetry::failure::Failure;
use crate::telemetry::handle::Event;
use crate::telemetry::level::Level;
use crate::telemetry::profile::Profile;
use crate::telemetry::ring::Geometry;
use crate::telemetry::runtime::Runtime;
use crate::telemetry::sanitize::Redaction;
use crate::telemetry::settings::{Durability, Overflow, Settings};
use napi::bindgen_prelude::{Function, Object};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Error, JsValue, Result};
use napi_derive::napi;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Troubles on their way to a blocked event loop; more are counted in the statistics and not told.
const MAX_UNHEARD_TROUBLES: usize = 64;

/// The settings of a handle, complete and validated.
#[napi(object)]
pub struct BindingTelemetrySettings {
    pub path: String,
    pub rotation_threshold: f64,
    pub wake_entries: f64,
    pub flush_interval_ms: f64,
    pub max_error_length: f64,
    /// `none`, `gzip` or `zstd`.
    pub compression: String,
    pub retention_ms: Option<f64>,
    pub max_archives: Option<u32>,
    pub max_total_bytes: Option<f64>,
    pub ring_bytes: f64,
    pub ring_entries: f64,
    pub drop_lowest: bool,
    pub sync: bool,
    pub redact_paths: Vec<String>,
    pub redact_secrets: bool,
}

/// What a handle tells: `kind` is `opened`, `flushed`, `closed`, `room`, `large` or `trouble`.
#[napi(object)]
pub struct BindingTelemetryEvent {
    pub kind: String,
    pub token: u32,
    pub code: Option<String>,
    pub message: Option<String>,
    pub cause: Option<String>,
}

impl From<Event> for BindingTelemetryEvent {
    fn from(event: Event) -> Self {
        let (kind, token, outcome) = match event {
            Event::Opened(outcome) => ("opened", 0, outcome),
            Event::Flushed(token, outcome) => ("flushed", token, outcome),
            Event::Closed(outcome) => ("closed", 0, outcome),
            Event::Room => ("room", 0, Ok(())),
            Event::LargeWritten(token, outcome) => ("large", token, outcome),
            Event::Trouble(failure) => ("trouble", 0, Err(failure)),
        };
        let (code, message, cause) = match outcome {
            Ok(()) => (None, None, None),
            Err(Failure { code, message, cause }) => (Some(code.to_owned()), Some(message), cause),
        };
        BindingTelemetryEvent { kind: kind.to_owned(), token, code, message, cause }
    }
}

type Listener = ThreadsafeFunction<
    BindingTelemetryEvent,
    (),
    BindingTelemetryEvent,
    napi::Status,
    false,
    true,
    0,
>;

thread_local! {
    static LISTENERS: RefCell<HashMap<u32, Arc<Listener>>> = RefCell::new(HashMap::new());
    static HOOKED: Cell<bool> = const { Cell::new(false) };
}

/// Opens a handle; `listener` hears `opened` when it takes entries. Returns its number.
#[napi(catch_unwind)]
pub fn telemetry_open(
    env: Env,
    settings: BindingTelemetrySettings,
    listener: Function<'_, BindingTelemetryEvent, ()>,
) -> Result<u32> {
    let listener: Arc<Listener> = Arc::new(
        listener.build_threadsafe_function().weak::<true>().callee_handled::<false>().build()?,
    );
    let unheard = Arc::new(AtomicUsize::new(0));
    let events = {
        let listener = Arc::clone(&listener);
        Box::new(move |event: Event| {
            let trouble = matches!(event, Event::Trouble(_));
            if trouble && unheard.fetch_add(1, Ordering::Relaxed) >= MAX_UNHEARD_TROUBLES {
                unheard.fetch_sub(1, Ordering::Relaxed);
                return;
            }
            let unheard = Arc::clone(&unheard);
            // A loop that has ended hears nothing any more, and nobody is left to mind.
            let _: napi::Status = listener.call_with_return_value(
                event.into(),
                ThreadsafeFunctionCallMode::NonBlocking,
                move |_, _| {
                    if trouble {
                        unheard.fetch_sub(1, Ordering::Relaxed);
                    }
                    Ok(())
                },
            );
        })
    };
    let handle = Runtime::global()
        .open(core_settings(settings)?, events)
        .ok_or_else(|| Error::from_reason("the writer thread could not be started"))?;
    if !HOOKED.replace(true) {
        Runtime::finish_at_exit();
        env.add_env_cleanup_hook((), |()| {
            LISTENERS.with_borrow_mut(HashMap::clear);
            handles::close_all_of_this_thread();
            HOOKED.set(false);
        })?;
    }
    let number = handles::insert(handle);
    LISTENERS.with_borrow_mut(|listeners| listeners.insert(number, listener));
    Ok(number)
}

fn core_settings(settings: BindingTelemetrySettings) -> Result<Settings> {
    let compression = match settings.compression.as_str() {
        "none" => Compression::None,
        "gzip" => Compression::Gzip,
        "zstd" => Compression::Zstd,
        other => return Err(Error::from_reason(format!("no such compression: {other}"))),
    };
    let duration = |ms: f64| Duration::try_from_secs_f64(ms / 1000.0).unwrap_or(Duration::MAX);
    Ok(Settings {
        path: PathBuf::from(settings.path),
        wake_entries: settings.wake_entries as u64,
        flush_interval: duration(settings.flush_interval_ms),
        compression,
        retention: Retention {
            max_age: settings.retention_ms.map(duration),
            max_archives: settings.max_archives,
            max_total_bytes: settings.max_total_bytes.map(|bytes| bytes as u64),
        },
        ring: Geometry {
            capacity: settings.ring_bytes as u64,
            max_entries: settings.ring_entries as u64,
        },
        overflow: if settings.drop_lowest { Overflow::DropLowest } else { Overflow::Wait },
        durability: if settings.sync { Durability::Disk } else { Durability::Process },
        profile: Profile {
            max_error_length: settings.max_error_length as usize,
            redact_paths: settings.redact_paths,
            redact_secrets: settings.redact_secrets,
            rotation_threshold: settings.rotation_threshold as u64,
        },
    })
}

/// What is wrong with these paths to redact; `null` when nothing is.
#[napi(catch_unwind)]
pub fn telemetry_check_redaction(paths: Vec<String>) -> Option<String> {
    Redaction::new(&paths, false).err().map(|error| error.to_string())
}

/// Lets the handle hold the event loop open, or no longer. Calls are not counted.
#[napi(catch_unwind)]
pub fn telemetry_hold(env: Env, handle: u32, hold: bool) -> Result<()> {
    LISTENERS.with_borrow(|listeners| match listeners.get(&handle) {
        Some(listener) => fast::hold_loop(&env, listener.raw(), hold),
        None => Ok(()),
    })
}

/// Asks for `flushed` with this token.
#[napi(catch_unwind)]
pub fn telemetry_flush(handle: u32, token: u32) {
    handles::with(handle, |handle| handle.flush(token));
}

/// Asks for `closed`; nothing is stored any more.
#[napi(catch_unwind)]
pub fn telemetry_close(handle: u32) {
    handles::with(handle, |handle| handle.close());
}

/// Forgets the number. To be called after `closed` was heard, or when nobody is left to hear it.
#[napi(catch_unwind)]
pub fn telemetry_release(handle: u32) {
    if let Some(handle) = handles::release(handle) {
        handle.close();
    }
    LISTENERS.with_borrow_mut(|listeners| listeners.remove(&handle));
}

/// Asks for `room`. `true`: there is room already, and no event comes.
#[napi(catch_unwind)]
pub fn telemetry_want_room(handle: u32) -> bool {
    handles::with(handle, |handle| handle.want_room()).unwrap_or(false)
}

/// Begins an entry that is too long for the ring; `false` while another one is on its way.
#[napi(catch_unwind)]
pub fn telemetry_begin_large(
    handle: u32,
    token: u32,
    level: u32,
    error_records: bool,
    length: f64,
) -> Result<bool> {
    let level = u8::try_from(level).ok().and_then(Level::from_byte);
    let level = level.ok_or_else(|| Error::from_reason("no such level"))?;
    let begun = handles::with(handle, |handle| {
        handle.begin_large(token, level, error_records, length as usize)
    });
    Ok(begun.unwrap_or(false))
}

/// Adds a piece to it, which must not end between the halves of a surrogate pair.
#[napi(catch_unwind)]
pub fn telemetry_extend_large(handle: u32, piece: String) {
    handles::with(handle, |handle| {
        handle.extend_large(|json| json.extend_from_slice(piece.as_bytes()));
    });
}

/// Hands it to the writer; `large` with its token is the acknowledgement.
#[napi(catch_unwind)]
pub fn telemetry_end_large(handle: u32) {
    handles::with(handle, |handle| handle.end_large());
}

/// What a handle has done so far.
#[napi(object)]
pub struct BindingTelemetryStats {
    pub accepted: f64,
    pub accepted_bytes: f64,
    pub written: f64,
    pub written_bytes: f64,
    pub deduplicated: f64,
    pub truncated: f64,
    pub redacted: f64,
    pub waiting: f64,
    pub waiting_bytes: f64,
    pub dropped: Vec<f64>,
    pub recovered: f64,
    pub damaged: f64,
    pub damaged_bytes: f64,
    pub rotations: f64,
    pub compressions: f64,
    pub failures: f64,
    pub panics: f64,
    pub last_error_code: Option<String>,
    pub last_error_message: Option<String>,
    pub last_error_ms: Option<f64>,
    /// p50, p90, p99 and the longest, in milliseconds.
    pub flush_latency_ms: Vec<f64>,
}

/// Reads the statistics; `null` when the number is not in use.
#[napi(catch_unwind)]
pub fn telemetry_stats(handle: u32) -> Option<BindingTelemetryStats> {
    handles::with(handle, |handle| {
        let (counters, accepted, fill) = (&handle.counters, handle.accepted(), handle.fill());
        let latency = counters.latency();
        let last = counters.last_error();
        BindingTelemetryStats {
            accepted: accepted.entries as f64,
            accepted_bytes: accepted.bytes as f64,
            written: counters.written.get() as f64,
            written_bytes: counters.written_bytes.get() as f64,
            deduplicated: counters.deduplicated.get() as f64,
            truncated: counters.truncated.get() as f64,
            redacted: counters.redacted.get() as f64,
            waiting: fill.entries as f64,
            waiting_bytes: fill.bytes as f64,
            dropped: counters.dropped.iter().map(|count| count.get() as f64).collect(),
            recovered: counters.recovered.get() as f64,
            damaged: counters.damaged.get() as f64,
            damaged_bytes: counters.damaged_bytes.get() as f64,
            rotations: counters.rotations.get() as f64,
            compressions: counters.compressions.get() as f64,
            failures: counters.failures.get() as f64,
            panics: counters.panics.get() as f64,
            last_error_code: last.as_ref().map(|last| last.code.to_owned()),
            last_error_message: last.as_ref().map(|last| last.message.clone()),
            last_error_ms: last.map(|last| last.time_ms as f64),
            flush_latency_ms: vec![latency.p50, latency.p90, latency.p99, latency.max],
        }
    })
}

/// Adds the functions that do not go through `#[napi]`.
#[napi(module_exports)]
pub fn register(exports: Object<'_>, env: Env) -> Result<()> {
    fast::register(&env, exports.raw())
}
