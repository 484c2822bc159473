//! What is in the rings of a log and not in its file.

use super::super::batch::Batch;
use super::super::dedup::Dedup;
use super::super::paths::LogPaths;
use super::super::profile::Profile;
use super::super::ring::{FrameCursor, RepeatTable, RingError, RingView, Window};
use super::super::sanitize::Sanitizer;
use super::reader::ReadError;
use super::sources::rings;
use crate::platform::filesystem::FileSystem;
use std::path::Path;

/// An entry as the line it will be in the log.
pub(super) struct RingLine {
    /// When it was logged.
    pub(super) time_ms: i64,
    /// The line, without its line feed.
    pub(super) line: Vec<u8>,
    /// Whose ring it is in.
    pub(super) ring: u64,
    /// The ring position behind it.
    pub(super) end: u64,
}

struct Open {
    cursor: FrameCursor,
    sanitizer: Sanitizer,
    tail: u64,
    next: Option<RingLine>,
}

/// The rings of one log.
#[derive(Default)]
pub(super) struct Rings {
    open: Vec<Open>,
    batch: Batch,
    dedup: Dedup,
    /// Rings that cannot be read, and why.
    pub(super) unreadable: Vec<(String, String)>,
}

impl Rings {
    /// Looks at every ring again. `log` is the active file and how far it was read: a batch that
    /// ends there is no longer in a ring, even when its tail does not say so yet.
    pub(super) fn refresh(
        &mut self,
        fs: &dyn FileSystem,
        paths: &LogPaths,
        log: Option<((u64, u64), u64)>,
    ) -> Result<(), ReadError> {
        let mut before: Vec<Open> = std::mem::take(&mut self.open);
        self.unreadable.clear();
        for path in rings(fs, paths)? {
            let id = path.file_name().and_then(|name| paths.parse_ring(name.to_str()?));
            let known = before
                .iter()
                .position(|open| Some(open.cursor.view().id()) == id)
                .map(|place| before.swap_remove(place));
            match look(fs, &path, known, log) {
                Ok(Some(open)) => self.open.push(open),
                Ok(None) => {}
                Err(error) => {
                    let name = path.file_name().unwrap_or_default().to_string_lossy();
                    self.unreadable.push((name.into_owned(), error.to_string()));
                }
            }
        }
        Ok(())
    }

    /// How far each ring has been moved into the log, by id.
    pub(super) fn tails(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.open.iter().map(|open| (open.cursor.view().id(), open.tail))
    }

    /// The next entry by time; within a ring in the order of logging.
    pub(super) fn next(&mut self, fs: &dyn FileSystem) -> Option<RingLine> {
        for open in &mut self.open {
            if open.next.is_none()
                && let Err(error) = open.fill(fs, &mut self.batch, &mut self.dedup)
            {
                let name = format!("{:016x}", open.cursor.view().id());
                self.unreadable.push((name, error.to_string()));
            }
        }
        let earliest = self
            .open
            .iter_mut()
            .filter(|open| open.next.is_some())
            .min_by_key(|open| open.next.as_ref().map(|line| line.time_ms))?;
        earliest.next.take()
    }
}

impl Open {
    fn fill(
        &mut self,
        fs: &dyn FileSystem,
        batch: &mut Batch,
        dedup: &mut Dedup,
    ) -> Result<(), RingError> {
        let sanitizer = &mut self.sanitizer;
        let ring = self.cursor.view().id();
        self.next = self.cursor.next(fs, |frame| {
            batch.clear(0);
            // Nothing was seen before: every entry is shown with its text.
            dedup.forget();
            batch.add_frame(frame, sanitizer, dedup, &RepeatTable::default());
            let mut line = batch.lines.clone();
            line.truncate(line.len().saturating_sub(1));
            RingLine { time_ms: frame.time_ms, line, ring, end: frame.end }
        })?;
        Ok(())
    }
}

/// Opens a ring, or looks again at one that is open; `None` when there is nothing to show of it.
fn look(
    fs: &dyn FileSystem,
    path: &Path,
    known: Option<Open>,
    log: Option<((u64, u64), u64)>,
) -> Result<Option<Open>, RingError> {
    let shown = known.as_ref().map(|open| open.cursor.position());
    if let Some(mut open) = known
        && open.cursor.view().is_named(fs)?
    {
        let window = open.cursor.view().window(fs)?;
        open.tail = tail(&window, log);
        if open.next.as_ref().is_some_and(|line| line.end <= open.tail) {
            open.next = None;
        }
        open.cursor.skip_to(open.tail);
        open.cursor.extend(window.head);
        return Ok(Some(open));
    }
    // New, or made again under the same id because its directory was deleted.
    let Some(view) = RingView::open(fs, path)? else { return Ok(None) };
    let window = view.window(fs)?;
    let profile = view.profile().and_then(Profile::decode).unwrap_or_default();
    let Some(sanitizer) = profile.sanitizer().or_else(|| Profile::default().sanitizer()) else {
        return Ok(None);
    };
    let tail = tail(&window, log);
    let start = shown.unwrap_or(0).max(tail);
    let cursor = view.frames(start, window.head);
    Ok(Some(Open { cursor, sanitizer, tail, next: None }))
}

/// Where the entries begin that are not in the log.
fn tail(window: &Window, log: Option<((u64, u64), u64)>) -> u64 {
    let appended = window.intent.zip(log).filter(|(intent, (identity, offset))| {
        intent.file == *identity && intent.offset + intent.length <= *offset
    });
    appended.map_or(window.tail, |(intent, _)| intent.tail.max(window.tail))
}
