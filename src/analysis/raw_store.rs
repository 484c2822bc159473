//! The raw store: full texts, kept compressed until they expire.
//!
//! ```text
//! <dir>/<expires ms, 15 digits>-<id, 16 hexadecimal digits>.txt.gz
//! <dir>/.<random>.tmp                                              being written
//! ```
//!
//! The id is the start of the text's SHA-256: the same text is kept once, until its latest expiry. Files
//! are complete or absent: written beside, then renamed. They are not synced: the end of a process costs
//! none, but after a power failure what was kept last may be missing or damaged. A damaged file is called
//! so, never read as a shorter text. Any number of processes may share a directory.
//! Expired files go whenever something is stored; then the soonest to expire, until the directory's
//! texts take no more than the bytes given. A text that alone takes more is not kept.

use crate::compression::Compression;
use crate::compression::decode::{FileReader, decode};
use crate::compression::encode::Encoder;
use crate::platform::clock::Clock;
use crate::platform::filesystem::FileSystem;
use memchr::memchr;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// Bytes one reading returns at most.
pub const MAX_READ: usize = 16 << 20;
/// A file that is still being written after this long was left by a process that died.
const UNFINISHED_FOR_MS: i64 = 3_600_000;
const ID_LENGTH: usize = 16;
const SUFFIX: &str = ".txt.gz";

/// Why a text could not be stored or read.
#[derive(Debug, Error)]
pub enum RawStoreError {
    /// The system refused.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The file is not what was written.
    #[error(
        "the text kept in {} is damaged, as by a power failure ({source}); a range before the damage \
         can still be read",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the decoder stumbled on.
        source: io::Error,
    },
    /// Compressed, the text is larger than the store may be.
    #[error("the text takes {bytes} bytes compressed, more than the store may have ({most})")]
    TooLarge {
        /// What it takes.
        bytes: u64,
        /// What the store may have.
        most: u64,
    },
    /// There is no such text: it expired, gave way to newer ones, or never was here.
    #[error("no text {0:?} in the store: it expired, gave way to newer ones, or is kept elsewhere")]
    Absent(String),
    /// What was asked for is more than one reading returns.
    #[error("the range has more than {MAX_READ} bytes; ask for a smaller one")]
    RangeTooLarge,
}

/// A text that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRef {
    /// Its id.
    pub id: String,
    /// Until when it is kept at least, unless newer texts need its room; milliseconds since the epoch.
    pub expires_ms: i64,
    /// Bytes of the text.
    pub bytes: u64,
}

/// What part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Range {
    /// These bytes, the end excluded.
    Bytes(u64, u64),
    /// These lines from 1, both included.
    Lines(u64, u64),
}

/// A directory of texts.
#[derive(Clone)]
pub struct RawStore {
    fs: Arc<dyn FileSystem>,
    clock: Arc<dyn Clock>,
    directory: PathBuf,
    max_bytes: u64,
    max_age: Duration,
}

struct Kept {
    expires_ms: i64,
    id: String,
    path: PathBuf,
}

impl RawStore {
    /// Of this directory, which is made when the first text is stored.
    #[must_use]
    pub fn new(
        fs: Arc<dyn FileSystem>,
        clock: Arc<dyn Clock>,
        directory: PathBuf,
        max_bytes: u64,
        max_age: Duration,
    ) -> RawStore {
        RawStore { fs, clock, directory, max_bytes, max_age }
    }

    /// Begins to store a text.
    ///
    /// # Errors
    /// [`RawStoreError::Io`].
    pub fn begin(&self) -> Result<RawWriter, RawStoreError> {
        let name = format!(".{:016x}.tmp", RandomState::new().build_hasher().finish());
        let path = self.directory.join(name);
        let file = match self.fs.create_new(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let directory = &self.directory;
                self.fs
                    .create_directory(directory)
                    .map_err(|source| io_error("create", directory, source))?;
                self.fs.create_new(&path)
            }
            made => made,
        };
        let file = file.map_err(|source| io_error("create", &path, source))?;
        let output = Output { fs: Arc::clone(&self.fs), file, written: 0 };
        let encoder = Encoder::new(output, Compression::Gzip)
            .map_err(|source| io_error("compress into", &path, source))?;
        Ok(RawWriter {
            store: self.clone(),
            path,
            encoder: Some(encoder),
            hasher: Sha256::new(),
            bytes: 0,
        })
    }

    /// Reads a text back, or a part of it.
    ///
    /// # Errors
    /// [`RawStoreError`].
    pub fn read(&self, id: &str, range: Range) -> Result<Vec<u8>, RawStoreError> {
        let absent = || RawStoreError::Absent(id.to_owned());
        let now = self.clock.wall_ms();
        let kept = self.kept()?;
        let found = kept.into_iter().find(|kept| kept.id == id && kept.expires_ms > now);
        let path = found.ok_or_else(absent)?.path;
        let file = match self.fs.open_read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(absent()),
            opened => opened.map_err(|source| io_error("open", &path, source))?,
        };
        let source = FileReader::new(Arc::clone(&self.fs), file);
        let failed = |source| unreadable(&path, source);
        let mut text = BufReader::new(decode(source, Compression::Gzip).map_err(failed)?);
        match range {
            Range::Bytes(start, end) => {
                let length = end.saturating_sub(start);
                if start > 0 {
                    io::copy(&mut text.by_ref().take(start), &mut io::sink()).map_err(failed)?;
                }
                let mut out = Vec::new();
                text.take(length.min(MAX_READ as u64 + 1)).read_to_end(&mut out).map_err(failed)?;
                if out.len() > MAX_READ { Err(RawStoreError::RangeTooLarge) } else { Ok(out) }
            }
            Range::Lines(first, last) => lines(&mut text, first, last, &failed),
        }
    }

    /// What is kept, the soonest to expire first.
    fn kept(&self) -> Result<Vec<Kept>, RawStoreError> {
        let names = match self.fs.list(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            listed => listed.map_err(|source| io_error("list", &self.directory, source))?,
        };
        let mut kept: Vec<Kept> = names
            .iter()
            .filter_map(|name| {
                let (expires, id) = name.strip_suffix(SUFFIX)?.split_once('-')?;
                let shaped =
                    id.len() == ID_LENGTH && id.bytes().all(|byte| byte.is_ascii_hexdigit());
                let expires_ms = expires.parse().ok()?;
                let path = self.directory.join(name);
                shaped.then(|| Kept { expires_ms, id: id.to_owned(), path })
            })
            .collect();
        kept.sort_unstable_by_key(|kept| kept.expires_ms);
        Ok(kept)
    }

    /// Removes what expired and what is too much; `newest` stays.
    fn retain(&self, newest: &Path) -> Result<(), RawStoreError> {
        let now = self.clock.wall_ms();
        let mut sized: Vec<(PathBuf, u64)> = Vec::new();
        for kept in self.kept()? {
            if kept.expires_ms <= now && kept.path != newest {
                // Another process removing it first is as good.
                self.fs.remove(&kept.path).ok();
            } else if let Ok(status) = self.fs.status_at(&kept.path) {
                sized.push((kept.path, status.length));
            }
        }
        let mut total: u64 = sized.iter().map(|(_, length)| length).sum();
        for (path, length) in sized {
            if total <= self.max_bytes {
                break;
            }
            if path != newest {
                self.fs.remove(&path).ok();
                total -= length;
            }
        }
        self.remove_unfinished(now);
        Ok(())
    }

    fn remove_unfinished(&self, now: i64) {
        for name in self.fs.list(&self.directory).unwrap_or_default() {
            if !(name.starts_with('.') && name.ends_with(".tmp")) {
                continue;
            }
            let path = self.directory.join(name);
            let old = |modified: i64| modified + UNFINISHED_FOR_MS < now;
            if self.fs.status_at(&path).is_ok_and(|status| old(status.modified_ms)) {
                self.fs.remove(&path).ok();
            }
        }
    }
}

fn lines(
    text: &mut impl BufRead,
    first: u64,
    last: u64,
    failed: &impl Fn(io::Error) -> RawStoreError,
) -> Result<Vec<u8>, RawStoreError> {
    let mut out = Vec::new();
    let mut number = 1;
    while number <= last {
        let buffer = text.fill_buf().map_err(failed)?;
        if buffer.is_empty() {
            break;
        }
        let (length, ended) =
            memchr(b'\n', buffer).map_or((buffer.len(), false), |at| (at + 1, true));
        if number >= first {
            out.extend_from_slice(&buffer[..length]);
            if out.len() > MAX_READ {
                return Err(RawStoreError::RangeTooLarge);
            }
        }
        text.consume(length);
        number += u64::from(ended);
    }
    Ok(out)
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> RawStoreError {
    RawStoreError::Io { action, path: path.to_owned(), source }
}

/// What the system did not refuse to read, the decoder did.
fn unreadable(path: &Path, source: io::Error) -> RawStoreError {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    let decoder = source.raw_os_error().is_none()
        && matches!(source.kind(), InvalidData | InvalidInput | UnexpectedEof);
    if decoder {
        return RawStoreError::Damaged { path: path.to_owned(), source };
    }
    io_error("read", path, source)
}

/// A file written through the file system it was opened with.
struct Output {
    fs: Arc<dyn FileSystem>,
    file: File,
    written: u64,
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.fs.write(&self.file, bytes)?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A text that is being stored. Dropped unfinished, it leaves nothing.
pub struct RawWriter {
    store: RawStore,
    path: PathBuf,
    encoder: Option<Encoder<Output>>,
    hasher: Sha256,
    bytes: u64,
}

impl RawWriter {
    /// Stores on.
    ///
    /// # Errors
    /// [`RawStoreError::Io`]; the text cannot be finished then.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), RawStoreError> {
        let Some(encoder) = &mut self.encoder else { return Ok(()) };
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        encoder.write_all(bytes).map_err(|source| io_error("write", &self.path, source))
    }

    /// Ends the text and keeps it.
    ///
    /// # Errors
    /// [`RawStoreError::Io`] and [`RawStoreError::TooLarge`]; nothing is kept then.
    pub fn finish(mut self) -> Result<RawRef, RawStoreError> {
        let failed = |source| io_error("write", &self.path, source);
        let written = match self.encoder.take() {
            Some(encoder) => encoder.finish().map_err(failed)?.written,
            None => 0,
        };
        let most = self.store.max_bytes;
        if written > most {
            return Err(RawStoreError::TooLarge { bytes: written, most });
        }
        let mut id = String::with_capacity(ID_LENGTH);
        for byte in &self.hasher.clone().finalize()[..ID_LENGTH / 2] {
            // Writing to a string cannot fail.
            write!(id, "{byte:02x}").ok();
        }
        let age = i64::try_from(self.store.max_age.as_millis()).unwrap_or(i64::MAX);
        // As many digits as names have: about the year 33,000.
        let expires_ms = self.store.clock.wall_ms().saturating_add(age).min(999_999_999_999_999);
        let path = self.store.directory.join(format!("{expires_ms:015}-{id}{SUFFIX}"));
        let earlier: Vec<PathBuf> = self
            .store
            .kept()?
            .into_iter()
            .filter(|kept| kept.id == id && kept.path != path)
            .map(|kept| kept.path)
            .collect();
        self.store
            .fs
            .rename(&self.path, &path)
            .map_err(|source| io_error("keep", &path, source))?;
        for other in earlier {
            self.store.fs.remove(&other).ok();
        }
        self.store.retain(&path)?;
        Ok(RawRef { id, expires_ms, bytes: self.bytes })
    }
}

impl Drop for RawWriter {
    fn drop(&mut self) {
        // Renamed, it is not there any more.
        self.store.fs.remove(&self.path).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::faulty::{Call, Fault, FaultyFileSystem};
    use std::sync::atomic::{AtomicI64, Ordering};

    /// A clock that is moved by hand.
    #[derive(Default)]
    struct SetClock(AtomicI64);

    impl SetClock {
        fn advance(&self, by: Duration) {
            self.0.fetch_add(by.as_millis() as i64, Ordering::Relaxed);
        }
    }

    impl Clock for SetClock {
        fn wall_ms(&self) -> i64 {
            1_700_000_000_000 + self.0.load(Ordering::Relaxed)
        }

        fn monotonic(&self) -> Duration {
            Duration::from_millis(self.0.load(Ordering::Relaxed) as u64)
        }
    }

    fn store(home: &Path, max_bytes: u64) -> (RawStore, Arc<SetClock>, Arc<FaultyFileSystem>) {
        let clock = Arc::new(SetClock::default());
        let fs = Arc::new(FaultyFileSystem::new());
        let age = Duration::from_secs(60);
        let store = RawStore::new(
            Arc::clone(&fs) as Arc<dyn FileSystem>,
            Arc::clone(&clock) as Arc<dyn Clock>,
            home.join("raw"),
            max_bytes,
            age,
        );
        (store, clock, fs)
    }

    fn keep(store: &RawStore, text: &[u8]) -> Result<RawRef, RawStoreError> {
        let mut writer = store.begin()?;
        for part in text.chunks(1000) {
            writer.write(part)?;
        }
        writer.finish()
    }

    fn names(home: &Path) -> Vec<String> {
        std::fs::read_dir(home.join("raw"))
            .map(|entries| {
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
            })
            .unwrap_or_default()
    }

    #[test]
    fn what_was_stored_is_read_back_by_range() {
        let home = tempfile::tempdir().unwrap();
        let (store, _, _) = store(home.path(), 1 << 20);
        let text: String = (1..=5000).map(|n| format!("line {n}\n")).collect();
        let kept = keep(&store, text.as_bytes()).unwrap();
        assert_eq!(kept.bytes, text.len() as u64);
        let read = |range| String::from_utf8(store.read(&kept.id, range).unwrap()).unwrap();
        assert_eq!(read(Range::Bytes(0, u64::MAX)), text);
        assert_eq!(read(Range::Bytes(5, 8)), &text[5..8]);
        assert_eq!(read(Range::Lines(2, 3)), "line 2\nline 3\n");
        assert_eq!(read(Range::Lines(4999, u64::MAX)), "line 4999\nline 5000\n");
        assert_eq!(read(Range::Lines(9000, 9001)), "");
        assert_eq!(read(Range::Bytes(9, 3)), "");
    }

    #[test]
    fn the_same_text_is_kept_once_until_its_latest_expiry() {
        let home = tempfile::tempdir().unwrap();
        let (store, clock, _) = store(home.path(), 1 << 20);
        let first = keep(&store, b"same").unwrap();
        clock.advance(Duration::from_secs(30));
        let second = keep(&store, b"same").unwrap();
        assert_eq!(first.id, second.id);
        assert!(second.expires_ms > first.expires_ms);
        assert_eq!(names(home.path()).len(), 1);
        clock.advance(Duration::from_secs(61));
        assert!(matches!(store.read(&first.id, Range::Lines(1, 1)), Err(RawStoreError::Absent(_))));
        keep(&store, b"other").unwrap();
        assert_eq!(names(home.path()).len(), 1, "what expired is gone");
    }

    #[test]
    fn the_oldest_give_way_and_what_is_too_large_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let (store, clock, _) = store(home.path(), 300);
        let noise = |seed: u64| -> Vec<u8> {
            let mut state = seed;
            (0..100)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    (state >> 56) as u8
                })
                .collect()
        };
        let kept: Vec<RawRef> = (1..=4)
            .map(|seed| {
                clock.advance(Duration::from_secs(1));
                keep(&store, &noise(seed)).unwrap()
            })
            .collect();
        assert!(matches!(
            store.read(&kept[0].id, Range::Bytes(0, 1)),
            Err(RawStoreError::Absent(_))
        ));
        assert_eq!(store.read(&kept[3].id, Range::Bytes(0, 1000)).unwrap(), noise(4));
        let large: Vec<u8> = (0..10).flat_map(noise).collect();
        assert!(matches!(keep(&store, &large), Err(RawStoreError::TooLarge { most: 300, .. })));
        assert!(names(home.path()).iter().all(|name| !name.ends_with(".tmp")));
    }

    #[test]
    fn a_disk_that_fails_leaves_nothing_and_says_where() {
        let home = tempfile::tempdir().unwrap();
        let (store, _, fs) = store(home.path(), 1 << 20);
        keep(&store, b"first").unwrap();
        fs.fail_nth(Call::Write, 1, Fault::Error(libc::ENOSPC));
        let error = keep(&store, b"second").unwrap_err();
        assert!(error.to_string().starts_with("write "), "{error}");
        fs.fail_nth(Call::Rename, 1, Fault::Error(libc::EIO));
        assert!(keep(&store, b"third").is_err());
        assert_eq!(names(home.path()).len(), 1);
    }

    #[test]
    fn a_damaged_file_is_called_so_and_never_read_as_a_shorter_text() {
        let home = tempfile::tempdir().unwrap();
        let (store, _, fs) = store(home.path(), 1 << 20);
        let text: String = (1..=20_000_u32)
            .map(|n| format!("line {n} {:08x}\n", n.wrapping_mul(2_654_435_761)))
            .collect();
        let kept = keep(&store, text.as_bytes()).unwrap();
        let path = home.path().join("raw").join(&names(home.path())[0]);
        let whole = std::fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        flipped[whole.len() / 2] ^= 0x40;
        let damages = [
            Vec::new(),
            vec![0; whole.len()],
            whole[..whole.len() / 2].to_vec(),
            whole[..whole.len() - 1].to_vec(),
            [&whole[..whole.len() / 2], &vec![0; whole.len() / 2]].concat(),
            [&whole[..], &[0; 512]].concat(),
            flipped,
        ];
        for (number, damaged) in damages.iter().enumerate() {
            std::fs::write(&path, damaged).unwrap();
            for range in [Range::Lines(1, u64::MAX), Range::Bytes(0, u64::MAX)] {
                let error = store.read(&kept.id, range).unwrap_err();
                assert!(matches!(error, RawStoreError::Damaged { .. }), "{number}: {error}");
                assert!(error.to_string().contains("is damaged"), "{error}");
            }
        }
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        assert_eq!(store.read(&kept.id, Range::Lines(1, 1)).unwrap(), b"line 1 9e3779b1\n");
        fs.fail_nth(Call::Read, 1, Fault::Error(libc::EIO));
        let refused = store.read(&kept.id, Range::Lines(1, 1)).unwrap_err();
        assert!(matches!(refused, RawStoreError::Io { action: "read", .. }), "{refused}");
        keep(&store, text.as_bytes()).unwrap();
        let whole = store.read(&kept.id, Range::Bytes(0, u64::MAX)).unwrap();
        assert_eq!(whole, text.as_bytes(), "kept again it is whole again");
    }

    #[test]
    fn an_id_is_never_a_path() {
        let home = tempfile::tempdir().unwrap();
        let (store, _, _) = store(home.path(), 1 << 20);
        keep(&store, b"x").unwrap();
        for id in ["", "..", "../../etc/passwd", "zzzzzzzzzzzzzzzz"] {
            assert!(matches!(store.read(id, Range::Lines(1, 1)), Err(RawStoreError::Absent(_))));
        }
    }
}
