//! A stream: a text that comes in parts, read on the thread that gives them.
//!
//! Making one costs nothing and touches no disk: the reading begins with the first part, or with the end
//! of a text that has none. Patterns count as they are then. Dropped before its end it leaves nothing; that
//! removes a file when there is a raw store, so it is best dropped where the parts were read. It holds what
//! one reading does (see [`Engine`](super::engine::Engine)).

use super::analyzer::{Analyzer, Answer, Request, Session};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// See the module.
pub struct Stream {
    analyzer: Arc<Analyzer>,
    session: Mutex<Option<Session>>,
}

impl Stream {
    /// One for this analyzer.
    #[must_use]
    pub fn new(analyzer: Arc<Analyzer>) -> Stream {
        Stream { analyzer, session: Mutex::default() }
    }

    /// Reads on bytes cut anywhere.
    pub fn feed(&self, bytes: &[u8]) {
        self.session().get_or_insert_with(|| self.analyzer.begin(true)).feed_bytes(bytes);
    }

    /// Ends the text.
    #[must_use]
    pub fn end(&self, request: &Request) -> Answer {
        let session = self.session().take();
        self.analyzer.finish(session.unwrap_or_else(|| self.analyzer.begin(true)), request)
    }

    fn session(&self) -> MutexGuard<'_, Option<Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::raw_store::RawStore;
    use crate::platform::clock::SystemClock;
    use crate::platform::filesystem::RealFileSystem;
    use std::num::NonZeroUsize;
    use std::path::Path;
    use std::time::Duration;

    fn stream(home: &Path) -> Stream {
        let (fs, clock) = (Arc::new(RealFileSystem), Arc::new(SystemClock));
        let store = RawStore::new(fs, clock, home.join("raw"), 1 << 20, Duration::from_secs(60));
        let most = NonZeroUsize::new(10).unwrap();
        Stream::new(Arc::new(Analyzer::new(Arc::new(SystemClock), most, Some(store))))
    }

    fn files(home: &Path) -> Vec<String> {
        std::fs::read_dir(home.join("raw"))
            .map(|all| all.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect())
            .unwrap_or_default()
    }

    fn remembered() -> Request {
        Request { remember: true, ..Request::default() }
    }

    #[test]
    fn the_disk_is_not_touched_before_the_first_part_and_clean_after_a_drop() {
        let home = tempfile::tempdir().unwrap();
        let stream = stream(home.path());
        assert!(!home.path().join("raw").exists());
        stream.feed(b"error: half");
        assert_eq!(files(home.path()).len(), 1);
        drop(stream);
        assert_eq!(files(home.path()), [""; 0]);
    }

    #[test]
    fn parts_are_one_text() {
        let home = tempfile::tempdir().unwrap();
        let stream = stream(home.path());
        stream.feed(b"error: the wid");
        stream.feed(b"get is lost");
        let answer = stream.end(&remembered());
        assert_eq!(
            answer.analysis.details.first_error.as_deref(),
            Some("error: the widget is lost")
        );
        assert!(answer.raw_ref.is_some());
    }

    #[test]
    fn a_text_without_parts_is_an_empty_one() {
        let home = tempfile::tempdir().unwrap();
        let answer = stream(home.path()).end(&remembered());
        assert_eq!(answer.analysis.summary, "unknown: no text");
        assert!(answer.raw_ref.is_some());
    }
}
