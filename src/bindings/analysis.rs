//! ErrorAnalysisWorker's native half.
//!
//! Analyzers and readings under way are numbers in tables of the environment's thread. What is done on
//! the analysing thread is answered through the environment's one listener, by token.

use crate::analysis::analyzer::{Analyzer, Answer, Request, Session};
use crate::analysis::kind::Kind;
use crate::analysis::patterns::{Pattern, PatternError};
use crate::analysis::raw_store::{Range, RawStore, RawStoreError};
use crate::analysis::status::Status;
use crate::analysis::worker::{Job, Refusal, Worker};
use crate::platform::clock::SystemClock;
use crate::platform::filesystem::RealFileSystem;
use crate::platform::system_error::system_name;
use napi::bindgen_prelude::{Buffer, Function, Latin1String, Utf16String};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Error, Result};
use napi_derive::napi;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
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

impl BindingAnalysisEvent {
    fn empty(token: u32) -> Self {
        BindingAnalysisEvent {
            token,
            json: None,
            data: None,
            code: None,
            message: None,
            cause: None,
        }
    }

    fn failure(token: u32, code: &str, message: String) -> Self {
        let (code, message) = (Some(code.to_owned()), Some(message));
        BindingAnalysisEvent { code, message, ..BindingAnalysisEvent::empty(token) }
    }
}

type Listener = ThreadsafeFunction<
    BindingAnalysisEvent,
    (),
    BindingAnalysisEvent,
    napi::Status,
    false,
    true,
    0,
>;

type SharedSession = Arc<Mutex<Option<Session>>>;

#[derive(Default)]
struct Tables {
    listener: Option<Arc<Listener>>,
    analyzers: HashMap<u32, Arc<Analyzer>>,
    sessions: HashMap<u32, (Arc<Analyzer>, SharedSession)>,
}

thread_local! {
    static TABLES: RefCell<Tables> = RefCell::default();
    static LAST: Cell<u32> = const { Cell::new(0) };
}

fn next_number() -> u32 {
    LAST.set(LAST.get().wrapping_add(1));
    LAST.get()
}

fn analyzer(handle: u32) -> Result<Arc<Analyzer>> {
    TABLES
        .with_borrow(|tables| tables.analyzers.get(&handle).cloned())
        .ok_or_else(|| Error::from_reason("no such analyzer"))
}

fn json_of(answer: &Answer) -> Result<String> {
    serde_json::to_string(answer).map_err(|error| Error::from_reason(error.to_string()))
}

/// Says who hears answers in this environment. Does not hold the event loop.
#[napi(catch_unwind)]
pub fn analysis_listen(env: Env, listener: Function<'_, BindingAnalysisEvent, ()>) -> Result<()> {
    let listener =
        listener.build_threadsafe_function().weak::<true>().callee_handled::<false>().build()?;
    TABLES.with_borrow_mut(|tables| tables.listener = Some(Arc::new(listener)));
    env.add_env_cleanup_hook((), |()| {
        TABLES.with_borrow_mut(|tables| *tables = Tables::default())
    })?;
    Ok(())
}

/// Lets answers that are awaited hold the event loop open, or no longer. Calls are not counted.
#[napi(catch_unwind)]
pub fn analysis_hold(env: Env, hold: bool) -> Result<()> {
    TABLES.with_borrow(|tables| match &tables.listener {
        Some(listener) => super::fast::hold_loop(&env, listener.raw(), hold),
        None => Ok(()),
    })
}

/// Makes an analyzer that remembers this many failures. Returns its number.
#[napi(catch_unwind)]
pub fn analysis_open(max_failures: u32, raw_store: Option<BindingRawStore>) -> u32 {
    let clock = Arc::new(SystemClock);
    let most = NonZeroUsize::new(max_failures as usize).unwrap_or(NonZeroUsize::MIN);
    let analyzer = Analyzer::new(clock, most, raw_store.map(core_store));
    let number = next_number();
    TABLES.with_borrow_mut(|tables| tables.analyzers.insert(number, Arc::new(analyzer)));
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
    TABLES.with_borrow_mut(|tables| tables.analyzers.remove(&handle));
}

/// Analyses a text on the calling thread; returns the answer as JSON.
#[napi(catch_unwind)]
pub fn analysis_inline(
    handle: u32,
    text: String,
    request: BindingAnalysisRequest,
) -> Result<String> {
    json_of(&analyzer(handle)?.analyze(&text, &request.into()))
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
        answer(token, &analyzer.finish(session, &request))
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
        let mut session = analyzer.begin(true);
        session.feed_bytes(&text);
        answer(token, &analyzer.finish(session, &request))
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
        let mut session = analyzer.begin(true);
        session.feed_bytes(&bytes);
        answer(token, &analyzer.finish(session, &request))
    });
    Ok(())
}

/// Begins to read a stream. Returns its number.
#[napi(catch_unwind)]
pub fn analysis_stream_open(handle: u32) -> Result<u32> {
    let analyzer = analyzer(handle)?;
    let session = Arc::new(Mutex::new(Some(analyzer.begin(true))));
    let number = next_number();
    TABLES.with_borrow_mut(|tables| tables.sessions.insert(number, (analyzer, session)));
    Ok(number)
}

fn session(stream: u32) -> Result<(Arc<Analyzer>, SharedSession)> {
    TABLES
        .with_borrow(|tables| tables.sessions.get(&stream).cloned())
        .ok_or_else(|| Error::from_reason("no such stream"))
}

/// Reads on; answers with nothing but the token once that is done.
#[napi(catch_unwind)]
pub fn analysis_stream_feed(stream: u32, token: u32, bytes: Buffer) -> Result<()> {
    let (_, session) = session(stream)?;
    let bytes = bytes.to_vec();
    submit(token, bytes.len(), move || {
        let mut session = session.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = session.as_mut() {
            session.feed_bytes(&bytes);
        }
        BindingAnalysisEvent::empty(token)
    });
    Ok(())
}

/// Ends a stream and answers with its analysis.
#[napi(catch_unwind)]
pub fn analysis_stream_end(stream: u32, token: u32, request: BindingAnalysisRequest) -> Result<()> {
    let (analyzer, session) = session(stream)?;
    analysis_stream_drop(stream);
    let request = request.into();
    submit(token, 0, move || {
        let session = session.lock().unwrap_or_else(PoisonError::into_inner).take();
        match session {
            Some(session) => answer(token, &analyzer.finish(session, &request)),
            None => lost(token),
        }
    });
    Ok(())
}

/// Forgets a stream.
#[napi(catch_unwind)]
pub fn analysis_stream_drop(stream: u32) {
    TABLES.with_borrow_mut(|tables| tables.sessions.remove(&stream));
}

fn answer(token: u32, answer: &Answer) -> BindingAnalysisEvent {
    match json_of(answer) {
        Ok(json) => BindingAnalysisEvent { json: Some(json), ..BindingAnalysisEvent::empty(token) },
        Err(error) => BindingAnalysisEvent::failure(token, "ERR_PLIMSOLL_INTERNAL", error.reason),
    }
}

fn lost(token: u32) -> BindingAnalysisEvent {
    let message = "a fault of Plimsoll's own was caught while the text was read; please report it";
    BindingAnalysisEvent::failure(token, "ERR_PLIMSOLL_INTERNAL", message.to_owned())
}

fn submit(token: u32, bytes: usize, work: impl FnOnce() -> BindingAnalysisEvent + Send + 'static) {
    let Some(listener) = TABLES.with_borrow(|tables| tables.listener.clone()) else { return };
    let tell = {
        let listener = Arc::clone(&listener);
        move |event| {
            // A loop that has ended hears nothing any more, and nobody is left to mind.
            let _: napi::Status = listener.call(event, ThreadsafeFunctionCallMode::NonBlocking);
        }
    };
    let refused = tell.clone();
    let failed = tell.clone();
    let job = Job {
        bytes,
        work: Box::new(move || tell(work())),
        failed: Box::new(move || failed(lost(token))),
    };
    if let Err(refusal) = Worker::global().submit(job) {
        let (code, message) = match refusal {
            Refusal::Full => (
                "ERR_PLIMSOLL_OVERFLOW",
                "as many texts wait for analysis as may; wait for earlier ones",
            ),
            Refusal::NoThread => {
                ("ERR_PLIMSOLL_INTERNAL", "the analysing thread could not be started")
            }
        };
        refused(BindingAnalysisEvent::failure(token, code, message.to_owned()));
    }
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
    Ok(analyzer(handle)?.statistics().to_string())
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
                RawStoreError::Io { source, .. } => {
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
