//! An analyzer: what one ErrorAnalysisWorker of JavaScript has natively. It may be used from any thread.
//!
//! It keeps the custom patterns, the failures seen, and the raw store when one is wanted. A reading that
//! fails to store its text still gives its analysis; the failure is counted and told.

use super::engine::Engine;
use super::kind::Kind;
use super::occurrences::Occurrences;
use super::patterns::{Pattern, PatternError, PatternSet};
use super::raw_store::{RawRef, RawStore, RawStoreError, RawWriter};
use super::report::clip;
use super::status::Status;
use super::summary::MAX_SUMMARY;
use super::verdict::{Analysis, decide};
use super::worker::Worker;
use crate::platform::clock::Clock;
use serde::Serialize;
use serde_json::{Value, json};
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// What is asked of one analysis.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// How the command ended.
    pub status: Status,
    /// How many problems are told with their places.
    pub problems: usize,
    /// When it happened, in milliseconds since the Unix epoch; now, when not given.
    pub time_ms: Option<i64>,
    /// Whether this failure counts among those seen, and its text is stored.
    pub remember: bool,
}

/// An analysis with what the analyzer knows beside it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    /// The analysis.
    #[serde(flatten)]
    pub analysis: Analysis,
    /// How often this failure was seen, this time included.
    pub seen: u64,
    /// Where the full text is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_ref: Option<String>,
    /// Until when, in milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_expires_at: Option<i64>,
    /// Why the text is not kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_problem: Option<String>,
}

#[derive(Debug, Default)]
struct Counters {
    analyses: AtomicU64,
    understood: AtomicU64,
    bytes: AtomicU64,
    stored: AtomicU64,
    store_failures: AtomicU64,
}

/// See the module.
pub struct Analyzer {
    clock: Arc<dyn Clock>,
    patterns: RwLock<Arc<PatternSet>>,
    seen: Mutex<Occurrences>,
    raw_store: Option<RawStore>,
    counters: Counters,
}

/// A text that is being read.
pub struct Session {
    engine: Engine,
    bytes: u64,
    /// The beginning of a character whose rest comes with the next bytes.
    partial: Vec<u8>,
    raw: Option<Result<RawWriter, RawStoreError>>,
}

impl Analyzer {
    /// One that remembers this many failures.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, most: NonZeroUsize, raw_store: Option<RawStore>) -> Analyzer {
        Analyzer {
            clock,
            patterns: RwLock::default(),
            seen: Mutex::new(Occurrences::new(most)),
            raw_store,
            counters: Counters::default(),
        }
    }

    /// Begins a reading.
    #[must_use]
    pub fn begin(&self, remember: bool) -> Session {
        let patterns = Arc::clone(&self.patterns.read().unwrap_or_else(PoisonError::into_inner));
        Session {
            engine: Engine::new(Some(&patterns)),
            bytes: 0,
            partial: Vec::new(),
            raw: self.raw_store.as_ref().filter(|_| remember).map(RawStore::begin),
        }
    }

    /// Analyses a whole text.
    #[must_use]
    pub fn analyze(&self, text: &str, request: &Request) -> Answer {
        let mut session = self.begin(request.remember);
        session.store(text.as_bytes());
        self.complete(session, text, request)
    }

    /// Analyses a whole text of bytes; what is no UTF-8 is read as replacement characters.
    #[must_use]
    pub fn analyze_bytes(&self, bytes: &[u8], request: &Request) -> Answer {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return self.analyze(text, request);
        }
        let mut session = self.begin(request.remember);
        session.feed_bytes(bytes);
        self.finish(session, request)
    }

    /// Ends a reading.
    #[must_use]
    pub fn finish(&self, session: Session, request: &Request) -> Answer {
        let rest = String::from_utf8_lossy(&session.partial).into_owned();
        self.complete(session, &rest, request)
    }

    fn complete(&self, session: Session, rest: &str, request: &Request) -> Answer {
        let Session { engine, bytes, raw, .. } = session;
        let reading = engine.finish_with(rest);
        let mut analysis = decide(reading, &request.status, request.problems);
        let add = |counter: &AtomicU64, count| counter.fetch_add(count, Ordering::Relaxed);
        add(&self.counters.analyses, 1);
        add(&self.counters.bytes, bytes);
        add(&self.counters.understood, u64::from(analysis.kind != Kind::Unknown));
        let kept = raw.map(|raw| raw.and_then(RawWriter::finish));
        let (raw_ref, raw_expires_at, raw_problem) = match kept {
            None => (None, None, None),
            Some(Ok(RawRef { id, expires_ms, .. })) => {
                add(&self.counters.stored, 1);
                (Some(id), Some(expires_ms), None)
            }
            Some(Err(error)) => {
                add(&self.counters.store_failures, 1);
                (None, None, Some(error.to_string()))
            }
        };
        let mut seen = 1;
        if request.remember {
            let now = request.time_ms.unwrap_or_else(|| self.clock.wall_ms());
            seen = self.seen().count(&analysis.hash, analysis.kind.name(), &analysis.summary, now);
        }
        if seen > 1 {
            analysis.summary = clip(&format!("{} (seen {seen}x)", analysis.summary), MAX_SUMMARY);
        }
        Answer { analysis, seen, raw_ref, raw_expires_at, raw_problem }
    }

    fn seen(&self) -> MutexGuard<'_, Occurrences> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a custom pattern.
    ///
    /// # Errors
    /// [`PatternError`]; nothing is changed then.
    pub fn add_pattern(&self, pattern: Pattern) -> Result<(), PatternError> {
        let mut patterns = self.patterns.write().unwrap_or_else(PoisonError::into_inner);
        *patterns = Arc::new(patterns.with(pattern)?);
        Ok(())
    }

    /// Removes the custom pattern of this name. Returns whether there was one.
    pub fn remove_pattern(&self, name: &str) -> bool {
        let mut patterns = self.patterns.write().unwrap_or_else(PoisonError::into_inner);
        let fewer = patterns.without(name);
        let found = fewer.is_some();
        if let Some(fewer) = fewer {
            *patterns = Arc::new(fewer);
        }
        found
    }

    /// The custom patterns' names, in the order they are tried.
    #[must_use]
    pub fn pattern_names(&self) -> Vec<String> {
        let patterns = self.patterns.read().unwrap_or_else(PoisonError::into_inner);
        patterns.patterns().map(|pattern| pattern.name.clone()).collect()
    }

    /// The failures seen and the counters, with those of the thread it shares, for JavaScript.
    #[must_use]
    pub fn statistics(&self, worker: &Worker) -> Value {
        let seen = self.seen();
        let failures: Vec<Value> = seen
            .all()
            .into_iter()
            .map(|(hash, seen)| {
                json!({
                    "hash": hash, "count": seen.count, "type": seen.kind, "summary": seen.summary,
                    "firstSeen": seen.first_ms, "lastSeen": seen.last_ms,
                })
            })
            .collect();
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let Counters { analyses, understood, bytes, stored, store_failures } = &self.counters;
        json!({
            "failures": failures, "forgotten": seen.forgotten(), "analyses": read(analyses),
            "understood": read(understood), "bytes": read(bytes), "rawStored": read(stored),
            "rawFailures": read(store_failures), "refused": worker.refused(),
            "faults": worker.faults(),
        })
    }

    /// Forgets the failures seen.
    pub fn clear(&self) {
        self.seen().clear();
    }

    /// Where full texts are kept.
    #[must_use]
    pub fn raw_store(&self) -> Option<&RawStore> {
        self.raw_store.as_ref()
    }
}

impl Session {
    /// Reads on, and stores what was read.
    pub fn feed(&mut self, text: &str) {
        self.store(text.as_bytes());
        self.engine.feed(text);
    }

    /// Reads on bytes cut anywhere; what is no UTF-8 is read as replacement characters.
    pub fn feed_bytes(&mut self, bytes: &[u8]) {
        self.store(bytes);
        let mut joined = std::mem::take(&mut self.partial);
        let bytes = if joined.is_empty() {
            bytes
        } else {
            joined.extend_from_slice(bytes);
            &joined
        };
        let (whole, partial) = bytes.split_at(bytes.len() - unfinished(bytes));
        self.engine.feed(&String::from_utf8_lossy(whole));
        self.partial = partial.to_vec();
    }

    fn store(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let failed = match &mut self.raw {
            Some(Ok(writer)) => writer.write(bytes).err(),
            _ => None,
        };
        if let Some(error) = failed {
            self.raw = Some(Err(error));
        }
    }
}

/// How many bytes at the end begin a character that is not whole (RFC 3629).
fn unfinished(bytes: &[u8]) -> usize {
    for back in 1..=bytes.len().min(3) {
        let needed = match bytes[bytes.len() - back] {
            0x80..=0xbf => continue,
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => return 0,
        };
        return if needed > back { back } else { 0 };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::clock::SystemClock;
    use crate::platform::filesystem::RealFileSystem;
    use std::path::Path;
    use std::time::Duration;

    fn analyzer(home: Option<&Path>) -> Analyzer {
        let store = home.map(|home| {
            let (fs, clock) = (Arc::new(RealFileSystem), Arc::new(SystemClock));
            RawStore::new(fs, clock, home.to_owned(), 1 << 20, Duration::from_secs(60))
        });
        Analyzer::new(Arc::new(SystemClock), NonZeroUsize::new(10).unwrap(), store)
    }

    fn remembered() -> Request {
        Request { remember: true, ..Request::default() }
    }

    #[test]
    fn the_same_failure_again_is_counted_in_the_summary() {
        let analyzer = analyzer(None);
        let once = analyzer.analyze("it broke", &remembered()).analysis;
        let twice = analyzer.analyze("it broke", &remembered()).analysis;
        let other = analyzer.analyze("something else broke", &remembered()).analysis;
        assert_eq!(twice.summary, format!("{} (seen 2x)", once.summary));
        assert_eq!(once.hash, twice.hash);
        assert_ne!(once.hash, other.hash);
        assert_eq!(analyzer.statistics(&Worker::default())["failures"][0]["count"], 2);
        analyzer.clear();
        assert_eq!(analyzer.analyze("it broke", &remembered()).seen, 1);
    }

    #[test]
    fn what_the_shared_thread_refused_and_survived_is_in_the_statistics() {
        let worker = Worker::default();
        assert!(worker.caught(|| std::panic::resume_unwind(Box::new("no"))).is_err());
        let statistics = analyzer(None).statistics(&worker);
        assert_eq!((&statistics["faults"], &statistics["refused"]), (&json!(1), &json!(0)));
    }

    #[test]
    fn characters_cut_between_bytes_are_read_whole() {
        let text = "fehler: größe 漢字 🚢 \u{fffd}";
        for size in 1..6 {
            let analyzer = analyzer(None);
            let mut session = analyzer.begin(true);
            for part in text.as_bytes().chunks(size) {
                session.feed_bytes(part);
            }
            let answer = analyzer.finish(session, &remembered());
            assert_eq!(answer.analysis.summary, format!("unknown: {text}"));
        }
        let mut session = analyzer(None).begin(true);
        session.feed_bytes(b"cut \xf0\x9f");
        session.feed_bytes(b"\xff");
        let answer = analyzer(None).finish(session, &remembered());
        assert!(answer.analysis.summary.starts_with("unknown: cut \u{fffd}"));
    }

    #[test]
    fn the_full_text_is_kept_and_a_failure_to_keep_it_is_told() {
        let home = tempfile::tempdir().unwrap();
        let kept = analyzer(Some(&home.path().join("raw")));
        let answer = kept.analyze("it broke\nbadly", &remembered());
        let id = answer.raw_ref.unwrap();
        let range = super::super::raw_store::Range::Lines(2, 2);
        assert_eq!(kept.raw_store().unwrap().read(&id, range).unwrap(), b"badly");
        std::fs::write(home.path().join("file"), "").unwrap();
        let refused = analyzer(Some(&home.path().join("file/raw")));
        let answer = refused.analyze("it broke", &remembered());
        assert!(answer.raw_ref.is_none() && answer.raw_problem.is_some());
        assert_eq!(refused.statistics(&Worker::default())["rawFailures"], 1);
    }
}
