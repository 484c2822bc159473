//! Looking into a ring without owning it: for readers of the log.
//!
//! Plain reads of the file, no mapping and no write: a ring that is cut meanwhile is an early end, not a
//! SIGBUS. The owner may move on at any moment; frames are checked by their CRC, so what was overwritten
//! under the reader is missing, never wrong. Memory: the chunk asked for, or the largest frame.

use super::file::{
    HEAD, HEADER_LENGTH, IDENTITY_LENGTH, INTENT, MAGIC, MAX_PROFILE, PROFILE, RingError, TAIL,
    TAIL_INVERSE, VERSION,
};
use super::frame::{Frame, FrameReader};
use super::intent::{INTENT_LENGTH, Intent};
use super::producer::Geometry;
use crate::platform::filesystem::FileSystem;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// The header up to the repeats.
const HEAD_LENGTH: usize = PROFILE + 8 + MAX_PROFILE;
/// Bytes of frames read at a time.
const CHUNK: u64 = 65_536;
/// How often a header that changes while it is read is read again.
const ATTEMPTS: usize = 16;

/// What of a ring is not in the log yet: the frames from `tail` to `head`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Position of the first frame.
    pub tail: u64,
    /// Position behind the last frame.
    pub head: u64,
    /// The batch that is being appended, or was when the owner died: up to `Intent::tail` the frames
    /// are in the log if the file says so.
    pub intent: Option<Intent>,
}

/// A ring as a reader sees it.
#[derive(Debug)]
pub struct RingView {
    file: File,
    path: PathBuf,
    geometry: Geometry,
    id: u64,
    profile: Option<Vec<u8>>,
}

impl RingView {
    /// Opens the ring at `path`; `None` when there is none any more.
    ///
    /// # Errors
    /// [`RingError`], as for adopting it.
    pub fn open(fs: &dyn FileSystem, path: &Path) -> Result<Option<RingView>, RingError> {
        let failed = |source| RingError::Io { action: "open", path: path.to_owned(), source };
        let foreign = || RingError::Foreign { path: path.to_owned() };
        match fs.status_at(path) {
            Ok(status) if status.is_file => {}
            Ok(_) => return Err(foreign()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(failed(source)),
        }
        let file = match fs.open_read(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(failed(source)),
        };
        let mut header = [0; HEAD_LENGTH];
        read_exact_at(fs, &file, &mut header, 0).map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => foreign(),
            _ => failed(source),
        })?;
        if header[0..8] != MAGIC {
            return Err(foreign());
        }
        let version = half(&header, 8);
        if version != VERSION {
            return Err(RingError::Version { path: path.to_owned(), version });
        }
        let geometry = Geometry { capacity: word(&header, 16), max_entries: word(&header, 24) };
        let identity = &header[..IDENTITY_LENGTH - 4];
        if half(&header, IDENTITY_LENGTH - 4) != crc32fast::hash(identity) || !geometry.is_valid() {
            return Err(foreign());
        }
        let length = half(&header, PROFILE) as usize;
        let profile = header
            .get(PROFILE + 8..PROFILE + 8 + length.min(MAX_PROFILE))
            .filter(|bytes| !bytes.is_empty())
            .filter(|bytes| crc32fast::hash(bytes) == half(&header, PROFILE + 4))
            .map(<[u8]>::to_vec);
        let id = word(&header, 32);
        Ok(Some(RingView { file, path: path.to_owned(), geometry, id, profile }))
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Its size.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// How its owner wants its entries treated, as [`super::Ring::profile`] gives it.
    #[must_use]
    pub fn profile(&self) -> Option<&[u8]> {
        self.profile.as_deref()
    }

    /// Whether the ring still has its name; without it, everything in it is in the log.
    ///
    /// # Errors
    /// [`RingError::Io`].
    pub fn is_named(&self, fs: &dyn FileSystem) -> Result<bool, RingError> {
        fs.status(&self.file).map(|status| status.links > 0).map_err(self.failed("look at"))
    }

    /// Whether a living process owns it. Asking takes the ring's lock for a moment, in which another
    /// process would take a dead ring for a living one and leave it to the start after.
    ///
    /// # Errors
    /// [`RingError::Io`].
    pub fn is_living(&self, fs: &dyn FileSystem) -> Result<bool, RingError> {
        let free = fs.try_lock(&self.file).map_err(self.failed("lock"))?;
        if free {
            fs.unlock(&self.file).map_err(self.failed("unlock"))?;
        }
        Ok(!free)
    }

    /// What is not in the log yet, as the header says now.
    ///
    /// # Errors
    /// [`RingError::Io`].
    pub fn window(&self, fs: &dyn FileSystem) -> Result<Window, RingError> {
        let mut window = self.read_window(fs)?;
        for _ in 0..ATTEMPTS {
            let again = self.read_window(fs)?;
            // The head moves all the time; tail and intent only for moments.
            if (again.tail, again.intent) == (window.tail, window.intent) {
                return Ok(again);
            }
            window = again;
        }
        Ok(window)
    }

    fn read_window(&self, fs: &dyn FileSystem) -> Result<Window, RingError> {
        let mut header = [0; INTENT + INTENT_LENGTH];
        read_exact_at(fs, &self.file, &mut header, 0).map_err(self.failed("read"))?;
        let mut bytes = [0; INTENT_LENGTH];
        bytes.copy_from_slice(&header[INTENT..]);
        let intent = Intent::decode(&bytes);
        let (head, tail) = (word(&header, HEAD), word(&header, TAIL));
        let sound = tail == !word(&header, TAIL_INVERSE)
            || intent.is_some_and(|intent| intent.tail == tail);
        let capacity = self.geometry.capacity;
        let near = head.checked_sub(tail).is_some_and(|length| length <= capacity);
        let tail = if sound && near { tail } else { head.saturating_sub(capacity) };
        Ok(Window { tail, head, intent })
    }

    /// Reads the frames from `position` on, up to `head`.
    #[must_use]
    pub fn frames(self, position: u64, head: u64) -> FrameCursor {
        FrameCursor {
            view: self,
            position,
            head,
            expected: None,
            buffer: Vec::new(),
            start: position,
        }
    }

    fn failed(&self, action: &'static str) -> impl FnOnce(io::Error) -> RingError + use<> {
        let path = self.path.clone();
        move |source| RingError::Io { action, path, source }
    }

    /// Appends the bytes between two positions to `out`; what a cut file lacks is zeros.
    fn read(&self, fs: &dyn FileSystem, from: u64, to: u64, out: &mut Vec<u8>) -> io::Result<()> {
        let mut position = from;
        while position < to {
            let place = position % self.geometry.capacity;
            let count = (to - position).min(self.geometry.capacity - place);
            let start = out.len();
            out.resize(start + count as usize, 0);
            match read_exact_at(fs, &self.file, &mut out[start..], HEADER_LENGTH as u64 + place) {
                Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
                _ => position += count,
            }
        }
        Ok(())
    }
}

/// The frames of a window, one after another.
#[derive(Debug)]
pub struct FrameCursor {
    view: RingView,
    position: u64,
    head: u64,
    expected: Option<u64>,
    buffer: Vec<u8>,
    start: u64,
}

impl FrameCursor {
    /// The ring.
    #[must_use]
    pub fn view(&self) -> &RingView {
        &self.view
    }

    /// The position behind the last frame given.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Lets it read up to a later head.
    pub fn extend(&mut self, head: u64) {
        self.head = self.head.max(head);
    }

    /// Passes over everything before `position`.
    pub fn skip_to(&mut self, position: u64) {
        if position > self.position {
            self.position = position;
            self.expected = None;
            self.buffer.clear();
            self.start = position;
        }
    }

    /// Gives the next whole frame to `take`; `None` at the end. What is damaged is stepped over.
    ///
    /// # Errors
    /// [`RingError::Io`].
    pub fn next<T>(
        &mut self,
        fs: &dyn FileSystem,
        take: impl FnOnce(&Frame<'_>) -> T,
    ) -> Result<Option<T>, RingError> {
        loop {
            let unread = (self.position - self.start) as usize;
            let have = self.start + self.buffer.len() as u64;
            let complete = have >= self.head;
            let capacity = self.view.geometry.capacity;
            let bytes = &self.buffer[unread.min(self.buffer.len())..];
            let mut reader =
                FrameReader::new(bytes, self.position, capacity, complete).expecting(self.expected);
            if let Some(frame) = reader.next() {
                self.expected = Some(frame.sequence + 1);
                self.position = frame.end;
                return Ok(Some(take(&frame)));
            }
            if complete {
                self.position = self.position.max(self.head);
                return Ok(None);
            }
            let want = CHUNK.max(reader.needed().unwrap_or(0) as u64);
            self.position = reader.position();
            self.buffer.drain(..(self.position - self.start) as usize);
            self.buffer.shrink_to(2 * CHUNK as usize);
            self.start = self.position;
            let to = self.head.min(have.max(self.start + want).max(have + 8));
            self.view.read(fs, have, to, &mut self.buffer).map_err(self.view.failed("read"))?;
        }
    }
}

fn read_exact_at(
    fs: &dyn FileSystem,
    file: &File,
    mut buffer: &mut [u8],
    mut offset: u64,
) -> io::Result<()> {
    while !buffer.is_empty() {
        match fs.read_at(file, buffer, offset) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                buffer = &mut buffer[count..];
                offset += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn half(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn word(bytes: &[u8], at: usize) -> u64 {
    u64::from(half(bytes, at)) | u64::from(half(bytes, at + 4)) << 32
}
