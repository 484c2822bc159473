//! ErrorAnalysisWorker's native half.
//!
//! Analyzers and streams are numbers in tables of the environment's thread. What is done on the analysing
//! thread is answered through the environment's one listener, by token (see [`answers`]).

mod answers;
mod streams;

use crate::analysis::analyzer::{Analyzer, Request, Session};
use crate::analysis::kind::Kind;
use crate::analysis::patterns::{Pattern, PatternError};
use crate::analysis::raw_store::{Range, RawStore, RawStoreError};
use crate::analysis::status::Status;
use crate::analysis::worker::Worker;
use crate::platform::clock::SystemClock;
use crate::platform::filesystem::RealFileSystem;
use crate::platform::system_error::system_name;
use answers::{json_of, submit};
use napi::bindgen_prelude::{Buffer, Latin1String, Utf16String};
use napi::{Error, Result};
use napi_derive::napi;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Where full texts are kept.
#[napi(object)]
pub struct BindingRawStore {
    pub dir: String,
    pub max_bytes: f64,
    pub max_age_ms: f64,
}

/// What is asked of one analysis.
#[napi(object)]
pub struct BindingAnalysisRequest {
    pub exit_code: Option<i32>,
    pub signal: Option<String>,
    pub timed_out: bool,
    pub cancelled: bool,
    pub problems: u32,
    pub time_ms: Option<f64>,
}

impl From<BindingAnalysisRequest> for Request {
    fn from(request: BindingAnalysisRequest) -> Self {
        let BindingAnalysisRequest { exit_code, signal, timed_out, cancelled, problems, time_ms } =
            request;
        Request {
            status: Status { exit_code, signal, timed_out, cancelled },
            problems: problems as usize,
            time_ms: time_ms.map(|ms| ms as i64),
            remember: true,
        }
    }
}

/// A custom pattern, complete and validated but for its expression.
#[napi(object)]
pub struct BindingPattern {
    pub name: String,
    pub expression: String,
    pub literal: bool,
    pub ignore_case: bool,
    #[napi(js_name = "type")]
    pub kind: String,
    pub code: String,
    pub summary: String,
    pub suggestion: String,
    pub fix_command: String,
}

/// What is wrong with a pattern.
#[napi(object)]
pub struct BindingPatternProblem {
    pub message: String,
    /// The offending part of the expression, where it is that.
    pub part: Option<String>,
    /// Where it begins, in characters from 0.
    pub start: Option<u32>,
}

/// The answer to a token: an analysis as JSON, bytes, or an error.
#[napi(object)]
pub struct BindingAnalysisEvent {
    pub token: u32,
    pub json: Option<String>,
    pub data: Option<Buffer>,
    pub code: Option<String>,
    pub message: Option<String>,
    pub cause: Option<String>,
}

thread_local! {
    static ANALYZERS: RefCell<HashMap<u32, Arc<Analyzer>>> = RefCell::default();
    static LAST: Cell<u32> = const { Cell::new(0) };
}

fn next_number() -> u32 {
    LAST.set(LAST.get().wrapping_add(1));
    LAST.get()
}

/// Forgets everything of an environment that ends.
fn forget_all() {
    streams::forget_all();
    drop(ANALYZERS.take());
}

fn analyzer(handle: u32) -> Result<Arc<Analyzer>> {
    ANALYZERS
        .with_borrow(|analyzers| analyzers.get(&handle).cloned())
        .ok_or_else(|| Error::from_reason("no such analyzer"))
}

/// Makes an analyzer that remembers this many failures. Returns its number.
#[napi(catch_unwind)]
pub fn analysis_open(max_failures: u32, raw_store: Option<BindingRawStore>) -> u32 {
    let clock = Arc::new(SystemClock);
    let most = NonZeroUsize::new(max_failures as usize).unwrap_or(NonZeroUsize::MIN);
    let analyzer = Analyzer::new(clock, most, raw_store.map(core_store));
    let number = next_number();
    ANALYZERS.with_borrow_mut(|analyzers| analyzers.insert(number, Arc::new(analyzer)));
    number
}

fn core_store(BindingRawStore { dir, max_bytes, max_age_ms }: BindingRawStore) -> RawStore {
    let age = Duration::try_from_secs_f64(max_age_ms / 1000.0).unwrap_or(Duration::MAX);
    let (fs, clock) = (Arc::new(RealFileSystem), Arc::new(SystemClock));
    RawStore::new(fs, clock, PathBuf::from(dir), max_bytes as u64, age)
}

/// Forgets an analyzer.
#[napi(catch_unwind)]
pub fn analysis_drop(handle: u32) {
    ANALYZERS.with_borrow_mut(|analyzers| analyzers.remove(&handle));
}

/// Analyses a text on the calling thread; returns the answer as JSON.
#[napi(catch_unwind)]
pub fn analysis_inline(
    handle: u32,
    text: String,
    request: BindingAnalysisRequest,
) -> Result<String> {
    let (analyzer, request) = (analyzer(handle)?, request.into());
    let analyzed = Worker::global().caught(|| analyzer.analyze(&text, &request));
    // Counted, it goes on: to the guard of this function, which makes it an error.
    json_of(&analyzed.unwrap_or_else(|panic| resume_unwind(panic)))
}

/// Analyses a text on the analysing thread.
#[napi(catch_unwind)]
pub fn analysis_submit(
    handle: u32,
    token: u32,
    text: Utf16String,
    request: BindingAnalysisRequest,
) -> Result<()> {
    let (analyzer, request) = (analyzer(handle)?, request.into());
    submit(token, text.len() * 2, move || {
        // Without a copy of the whole in between: the text may be large.
        let mut session = analyzer.begin(true);
        feed_utf16(&mut session, &text);
        BindingAnalysisEvent::answer(token, &analyzer.finish(session, &request))
    });
    Ok(())
}

/// The same with a text of ASCII characters alone: half the memory, and nothing to transcode.
#[napi(catch_unwind)]
pub fn analysis_submit_ascii(
    handle: u32,
    token: u32,
    text: Latin1String,
    request: BindingAnalysisRequest,
) -> Result<()> {
    let (analyzer, request) = (analyzer(handle)?, request.into());
    submit(token, text.len(), move || {
        BindingAnalysisEvent::answer(token, &analyzer.analyze_bytes(&text, &request))
    });
    Ok(())
}

/// UTF-16 units transcoded at once.
const TRANSCODED: usize = 256 << 10;

fn feed_utf16(session: &mut Session, mut units: &[u16]) {
    let mut text = "\0".repeat(units.len().min(TRANSCODED) * 3);
    while !units.is_empty() {
        let mut length = units.len().min(TRANSCODED);
        if length < units.len() && (0xd800..0xdc00).contains(&units[length - 1]) {
            length -= 1;
        }
        let (part, rest) = units.split_at(length.max(1));
        let written = encoding_rs::mem::convert_utf16_to_str(part, &mut text);
        session.feed(&text[..written]);
        units = rest;
    }
}

/// The same with bytes.
#[napi(catch_unwind)]
pub fn analysis_submit_bytes(
    handle: u32,
    token: u32,
    bytes: Buffer,
    request: BindingAnalysisRequest,
) -> Result<()> {
    let (analyzer, request) = (analyzer(handle)?, request.into());
    // Copied: JavaScript may change its buffer meanwhile.
    let bytes = bytes.to_vec();
    submit(token, bytes.len(), move || {
        BindingAnalysisEvent::answer(token, &analyzer.analyze_bytes(&bytes, &request))
    });
    Ok(())
}

/// Adds a custom pattern. Returns what is wrong with it, if anything.
#[napi(catch_unwind)]
pub fn analysis_add_pattern(
    handle: u32,
    pattern: BindingPattern,
) -> Result<Option<BindingPatternProblem>> {
    let kind = Kind::parse(&pattern.kind).ok_or_else(|| Error::from_reason("no such type"))?;
    let BindingPattern { name, expression, literal, ignore_case, .. } = pattern;
    let BindingPattern { code, summary, suggestion, fix_command, .. } = pattern;
    let added = analyzer(handle)?.add_pattern(Pattern {
        name,
        expression,
        literal,
        ignore_case,
        kind,
        code,
        summary,
        suggestion,
        fix_command,
    });
    Ok(added.err().map(|error| {
        let message = error.to_string();
        match error {
            PatternError::Syntax { part, start, .. } => {
                BindingPatternProblem { message, part: Some(part), start: Some(start as u32) }
            }
            _ => BindingPatternProblem { message, part: None, start: None },
        }
    }))
}

/// Removes a custom pattern. Returns whether there was one of this name.
#[napi(catch_unwind)]
pub fn analysis_remove_pattern(handle: u32, name: String) -> Result<bool> {
    Ok(analyzer(handle)?.remove_pattern(&name))
}

/// The custom patterns' names.
#[napi(catch_unwind)]
pub fn analysis_patterns(handle: u32) -> Result<Vec<String>> {
    Ok(analyzer(handle)?.pattern_names())
}

/// The failures seen and the counters, as JSON.
#[napi(catch_unwind)]
pub fn analysis_statistics(handle: u32) -> Result<String> {
    Ok(analyzer(handle)?.statistics(Worker::global()).to_string())
}

/// Forgets the failures seen.
#[napi(catch_unwind)]
pub fn analysis_clear(handle: u32) -> Result<()> {
    analyzer(handle)?.clear();
    Ok(())
}

/// Reads a kept text: `lines` from 1, both included, or bytes, the end excluded. Answers with bytes.
#[napi(catch_unwind)]
pub fn analysis_read_raw(
    token: u32,
    store: BindingRawStore,
    id: String,
    lines: bool,
    from: f64,
    to: f64,
) {
    let store = core_store(store);
    let (from, to) = (from as u64, to as u64);
    let range = if lines { Range::Lines(from, to) } else { Range::Bytes(from, to) };
    submit(token, 0, move || match store.read(&id, range) {
        Ok(bytes) => {
            BindingAnalysisEvent { data: Some(bytes.into()), ..BindingAnalysisEvent::empty(token) }
        }
        Err(error) => {
            let (code, cause) = match &error {
                RawStoreError::Io { source, .. } | RawStoreError::Damaged { source, .. } => {
                    ("ERR_PLIMSOLL_OPEN", Some(system_name(source)))
                }
                RawStoreError::Absent(_) => ("ERR_PLIMSOLL_ABSENT", None),
                _ => ("ERR_PLIMSOLL_ARGUMENT", None),
            };
            BindingAnalysisEvent {
                cause,
                ..BindingAnalysisEvent::failure(token, code, error.to_string())
            }
        }
    });
}
