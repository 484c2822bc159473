//! The exporter of spans: started, flushed, ended. Spans themselves never come this way.

use crate::export::current::{self, Service, Tracing};
use crate::export::exporter::{ExporterSettings, TraceExporter};
use crate::export::jsonl::FileSettings;
use crate::export::otlp::OtlpSettings;
use crate::export::stats::DestinationStats;
use napi::Result;
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi_derive::napi;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// A collector.
#[napi(object)]
pub struct BindingCollector {
    pub endpoint: Option<String>,
    /// Names and values in turn.
    pub headers: Vec<String>,
    pub timeout_ms: f64,
    pub gzip: bool,
}

/// A file.
#[napi(object)]
pub struct BindingSpanFile {
    pub path: String,
    pub max_bytes: Option<f64>,
}

/// Whose spans go where.
#[napi(object)]
pub struct BindingTracing {
    pub service_name: String,
    pub version: String,
    pub environment: String,
    pub otlp: Option<BindingCollector>,
    pub file: Option<BindingSpanFile>,
}

/// Why an exporter was not started.
#[napi(object)]
pub struct BindingTracingProblem {
    pub code: String,
    pub message: String,
}

/// Has spans go where the settings say; the exporter before is ended once what it has is delivered. Nothing, or
/// why not: the exporter before goes on then.
#[napi(catch_unwind)]
pub fn tracing_start(settings: BindingTracing) -> Option<BindingTracingProblem> {
    let service = Service {
        name: settings.service_name,
        version: settings.version,
        environment: settings.environment,
    };
    let exporter = ExporterSettings {
        otlp: settings.otlp.map(|collector| core_collector(collector, &service)),
        file: settings.file.map(|file| {
            let mut settings = FileSettings::new(file.path);
            if let Some(bytes) = file.max_bytes {
                settings.max_bytes = bytes as u64;
            }
            settings
        }),
        ..ExporterSettings::default()
    };
    match TraceExporter::start(exporter) {
        Ok(exporter) => {
            let tracing = Tracing { exporter, service: Arc::new(service) };
            end(current::replace(Some(Arc::new(tracing))));
            None
        }
        Err(problem) => Some(BindingTracingProblem {
            code: problem.code().to_owned(),
            message: problem.to_string(),
        }),
    }
}

/// Delivers what an exporter has that is not the current one any more; the thread lives as long as that takes.
fn end(tracing: Option<Arc<Tracing>>) {
    let Some(tracing) = tracing else { return };
    // Without a thread, what is left goes with the exporter.
    let _spawned: bool = std::thread::Builder::new()
        .name("plimsoll-export-end".to_owned())
        .spawn(move || tracing.exporter.shutdown(Duration::from_secs(30)))
        .is_ok();
}

fn core_collector(given: BindingCollector, service: &Service) -> OtlpSettings {
    let defaults = OtlpSettings::default();
    let known = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    OtlpSettings {
        endpoint: given.endpoint.unwrap_or(defaults.endpoint),
        headers: given
            .headers
            .chunks_exact(2)
            .map(|pair| (pair[0].clone(), pair[1].clone()))
            .collect(),
        timeout: Duration::try_from_secs_f64(given.timeout_ms / 1000.0).unwrap_or(defaults.timeout),
        gzip: given.gzip,
        service_name: service.name.clone(),
        service_version: known(&service.version),
        environment: known(&service.environment),
        resource: Vec::new(),
    }
}

/// Whether spans go anywhere.
#[napi(catch_unwind)]
pub fn tracing_is_active() -> bool {
    current::current().is_some()
}

/// Delivers what was submitted so far, and with `end` takes nothing more; `done` hears whether nothing was left.
/// The event loop lives until then.
#[napi(catch_unwind)]
pub fn tracing_flush(bound_ms: f64, end: bool, done: Function<'_, bool, ()>) -> Result<()> {
    let done = done.build_threadsafe_function().callee_handled::<false>().build()?;
    let tracing = if end { current::replace(None) } else { current::current() };
    let bound = Duration::try_from_secs_f64(bound_ms / 1000.0).unwrap_or(Duration::MAX);
    std::thread::Builder::new().name("plimsoll-export-flush".to_owned()).spawn(move || {
        let nothing_left = tracing.is_none_or(|tracing| match end {
            true => tracing.exporter.shutdown(bound),
            false => tracing.exporter.flush(bound),
        });
        let _: napi::Status = done.call(nothing_left, ThreadsafeFunctionCallMode::NonBlocking);
    })?;
    Ok(())
}

/// The counters of the current exporter, as JSON; nothing without one.
#[napi(catch_unwind)]
pub fn tracing_stats() -> Option<String> {
    let stats = current::current()?.exporter.stats();
    let destination = |stats: Option<DestinationStats>| stats.map_or(Value::Null, shown);
    Some(json!({ "otlp": destination(stats.otlp), "file": destination(stats.file) }).to_string())
}

fn shown(stats: DestinationStats) -> Value {
    let dropped = stats.dropped;
    json!({
        "queued": stats.queued,
        "queuedBytes": stats.queued_bytes,
        "accepted": stats.accepted,
        "exported": stats.exported,
        "batches": stats.batches,
        "dropped": {
            "queueFull": dropped.queue_full,
            "rejected": dropped.rejected,
            "tooLarge": dropped.too_large,
            "panicked": dropped.panicked,
            "closed": dropped.closed,
        },
        "retries": stats.retries,
        "lastError": stats.last_error.map(|last| json!({
            "code": last.error.code,
            "message": last.error.message,
            "cause": last.error.cause,
            "timestamp": last.time_ms,
        })),
    })
}
