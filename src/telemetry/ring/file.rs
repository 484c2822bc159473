//! The ring's file: creating, adopting, and the fields of its header.

use super::intent::{INTENT_LENGTH, Intent};
use super::producer::Geometry;
use super::repeats::{MAX_PENDING_REPEATS, SLOT_LENGTH};
use crate::platform::filesystem::FileSystem;
use crate::platform::mmap::SharedMapping;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use thiserror::Error;

pub(super) const MAGIC: [u8; 8] = *b"PLIMRING";
pub(super) const VERSION: u32 = 1;
pub(super) const IDENTITY_LENGTH: usize = 56;
pub(super) const HEAD: usize = 64;
pub(super) const TAIL: usize = 128;
pub(super) const TAIL_INVERSE: usize = 136;
pub(super) const INTENT: usize = 256;
pub(super) const PROFILE: usize = 512;
pub(super) const REPEATS: usize = 4096;
/// Bytes of a profile a ring can carry.
pub const MAX_PROFILE: usize = REPEATS - PROFILE - 8;
/// How often a ring is made anew when another process's recovery takes the file for a dead one's.
const MAX_ATTEMPTS: u32 = 8;
/// Where the data area starts.
pub(super) const HEADER_LENGTH: usize = REPEATS + MAX_PENDING_REPEATS * SLOT_LENGTH;

/// Why a ring could not be made or read.
#[derive(Debug, Error)]
pub enum RingError {
    /// The system refused.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The file is a ring of a version this build does not know. It is left as it is.
    #[error("{} is a ring of version {version}; this build reads version 1. Drain it with the release that wrote it", path.display())]
    Version {
        /// Which file.
        path: PathBuf,
        /// The version it states.
        version: u32,
    },
    /// The file does not begin with a ring's header. It is left as it is.
    #[error("{} is not a ring, or its header is damaged: nothing in it can be trusted. Move it away after a look", path.display())]
    Foreign {
        /// Which file.
        path: PathBuf,
    },
}

impl RingError {
    /// Whether a file just made was taken away, or held, by somebody else.
    fn is_stolen(&self) -> bool {
        let RingError::Io { source, .. } = self else { return false };
        matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::ResourceBusy)
    }
}

/// What became of the attempt to take over a ring.
#[derive(Debug)]
pub enum Adoption {
    /// Its owner is dead; it is ours now.
    Adopted(Box<Ring>),
    /// Its owner lives.
    Living,
    /// Somebody else has drained and removed it.
    Gone,
}

/// A ring this process owns: the file is locked as long as this lives.
#[derive(Debug)]
pub struct Ring {
    file: File,
    mapping: SharedMapping,
    path: PathBuf,
    id: u64,
    geometry: Geometry,
}

impl Ring {
    /// Makes a ring at `path`, which must not exist, with its disk blocks reserved. `profile` (at most
    /// [`MAX_PROFILE`] bytes, else it is left out) is kept in it for whoever drains it.
    ///
    /// # Errors
    /// [`RingError::Io`]; nothing is left behind then.
    pub fn create(
        fs: &dyn FileSystem,
        path: &Path,
        id: u64,
        geometry: Geometry,
        created_ms: i64,
        profile: &[u8],
    ) -> Result<Ring, RingError> {
        let mut attempt = 1;
        loop {
            match Ring::try_create(fs, path, id, geometry, created_ms, profile) {
                Err(error) if error.is_stolen() && attempt < MAX_ATTEMPTS => attempt += 1,
                made => return made,
            }
        }
    }

    /// Between making the file and locking it, another process's recovery may take it for one whose
    /// maker died: it is locked by a stranger then, or gone.
    fn try_create(
        fs: &dyn FileSystem,
        path: &Path,
        id: u64,
        geometry: Geometry,
        created_ms: i64,
        profile: &[u8],
    ) -> Result<Ring, RingError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let unnamed = path.with_file_name(format!("{name}.new"));
        let failed = |action| {
            let path = path.to_owned();
            move |source| RingError::Io { action, path, source }
        };
        let file = fs.create_new(&unnamed).map_err(failed("create"))?;
        let made = Ring::initialise(fs, file, &unnamed, id, geometry, created_ms)
            .map_err(failed("reserve disk space for"))
            .and_then(|(file, mapping)| {
                let ring = Ring { file, mapping, path: path.to_owned(), id, geometry };
                ring.write_profile(profile);
                fs.rename_new(&unnamed, path).map_err(failed("name"))?;
                Ok(ring)
            });
        if made.is_err() {
            fs.remove(&unnamed).ok();
        }
        made
    }

    fn initialise(
        fs: &dyn FileSystem,
        file: File,
        path: &Path,
        id: u64,
        geometry: Geometry,
        created_ms: i64,
    ) -> io::Result<(File, SharedMapping)> {
        if !fs.try_lock(&file)? {
            let message = format!("{} is locked by a stranger", path.display());
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, message));
        }
        let length = HEADER_LENGTH as u64 + geometry.capacity;
        fs.reserve(&file, length)?;
        let mapping = SharedMapping::new(&file, to_usize(length)?)?;
        let mut identity = [0; IDENTITY_LENGTH];
        identity[0..8].copy_from_slice(&MAGIC);
        identity[8..12].copy_from_slice(&VERSION.to_le_bytes());
        identity[12..16].copy_from_slice(&(HEADER_LENGTH as u32).to_le_bytes());
        identity[16..24].copy_from_slice(&geometry.capacity.to_le_bytes());
        identity[24..32].copy_from_slice(&geometry.max_entries.to_le_bytes());
        identity[32..40].copy_from_slice(&id.to_le_bytes());
        identity[40..48].copy_from_slice(&created_ms.to_le_bytes());
        identity[48..52].copy_from_slice(&std::process::id().to_le_bytes());
        let crc = crc32fast::hash(&identity[..52]);
        identity[52..56].copy_from_slice(&crc.to_le_bytes());
        mapping.write(0, &identity);
        mapping.word(TAIL_INVERSE).store(!0, Ordering::Release);
        Ok((file, mapping))
    }

    /// Takes over the ring at `path` if its owner is dead.
    ///
    /// # Errors
    /// [`RingError::Version`] and [`RingError::Foreign`], with the file untouched; [`RingError::Io`].
    pub fn adopt(fs: &dyn FileSystem, path: &Path) -> Result<Adoption, RingError> {
        match Ring::open_file(fs, path) {
            Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(Adoption::Gone),
            Err(source) => Err(RingError::Io { action: "open", path: path.to_owned(), source }),
            Ok(None) => Ok(Adoption::Living),
            Ok(Some((file, length))) => {
                if length == 0 && fs.status(&file).is_ok_and(|status| status.links == 0) {
                    return Ok(Adoption::Gone);
                }
                Ring::from_file(fs, file, path, length)
                    .map(|ring| Adoption::Adopted(Box::new(ring)))
            }
        }
    }

    /// Opens the ring at `path` without owning it, for settling an intent its dead owner left. Only
    /// whoever holds the log's lock may do this.
    ///
    /// # Errors
    /// As [`Ring::adopt`].
    pub fn visit(fs: &dyn FileSystem, path: &Path) -> Result<Option<Ring>, RingError> {
        let failed = |source| RingError::Io { action: "open", path: path.to_owned(), source };
        match fs.status_at(path) {
            Ok(status) if status.is_file => match fs.open_existing(path) {
                Ok(file) => Ring::from_file(fs, file, path, status.length).map(Some),
                // Drained and removed in this moment.
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(failed(error)),
            },
            Ok(_) => Err(RingError::Foreign { path: path.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(failed(source)),
        }
    }

    fn open_file(fs: &dyn FileSystem, path: &Path) -> io::Result<Option<(File, u64)>> {
        let file = fs.open_existing(path)?;
        if !fs.try_lock(&file)? {
            return Ok(None);
        }
        let status = fs.status(&file)?;
        let length = if status.links == 0 { 0 } else { status.length };
        Ok(Some((file, length)))
    }

    fn from_file(
        fs: &dyn FileSystem,
        file: File,
        path: &Path,
        length: u64,
    ) -> Result<Ring, RingError> {
        let failed = |source| RingError::Io { action: "read", path: path.to_owned(), source };
        let foreign = || RingError::Foreign { path: path.to_owned() };
        let mut identity = [0; IDENTITY_LENGTH];
        if length < HEADER_LENGTH as u64 {
            return Err(foreign());
        }
        read_start(fs, &file, &mut identity).map_err(failed)?;
        let half = |at: usize| {
            u32::from_le_bytes([identity[at], identity[at + 1], identity[at + 2], identity[at + 3]])
        };
        let word = |at: usize| u64::from(half(at)) | u64::from(half(at + 4)) << 32;
        if identity[0..8] != MAGIC {
            return Err(foreign());
        }
        if half(8) != VERSION {
            return Err(RingError::Version { path: path.to_owned(), version: half(8) });
        }
        let geometry = Geometry { capacity: word(16), max_entries: word(24) };
        let sound = half(52) == crc32fast::hash(&identity[..52])
            && half(12) as usize == HEADER_LENGTH
            && geometry.is_valid();
        if !sound {
            return Err(foreign());
        }
        let whole = HEADER_LENGTH as u64 + geometry.capacity;
        if length < whole {
            // A truncated file: what is missing reads as zeros, which no frame begins with.
            fs.truncate(&file, whole).map_err(failed)?;
        }
        let mapping =
            to_usize(whole).and_then(|whole| SharedMapping::new(&file, whole)).map_err(failed)?;
        Ok(Ring { file, mapping, path: path.to_owned(), id: word(32), geometry })
    }

    /// The ring's id, which is in its file name.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Its size.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The open file, for looking whether it still has its name.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn mapping(&self) -> &SharedMapping {
        &self.mapping
    }

    /// Makes its pages present, so that no entry pays for a page fault.
    pub fn populate(&self) {
        self.mapping.populate();
    }

    /// Puts the ring on the device.
    ///
    /// # Errors
    /// Whatever `msync` gives.
    pub fn sync(&self) -> io::Result<()> {
        self.mapping.sync()
    }

    /// The position behind the last committed frame.
    #[must_use]
    pub fn head(&self) -> u64 {
        self.mapping.word(HEAD).load(Ordering::Acquire)
    }

    pub(super) fn publish_head(&self, head: u64) {
        self.mapping.word(HEAD).store(head, Ordering::Release);
    }

    /// The position of the first frame that is not in the log yet; `None` when the field is damaged.
    #[must_use]
    pub fn tail(&self) -> Option<u64> {
        let tail = self.mapping.word(TAIL).load(Ordering::Acquire);
        let inverse = self.mapping.word(TAIL_INVERSE).load(Ordering::Acquire);
        if tail == !inverse {
            return Some(tail);
        }
        // A kill between the two stores: the first one is where the intent was going.
        self.intent().map(|intent| intent.tail).filter(|target| *target == tail)
    }

    /// Moves the tail.
    pub fn set_tail(&self, tail: u64) {
        self.mapping.word(TAIL).store(tail, Ordering::Release);
        self.mapping.word(TAIL_INVERSE).store(!tail, Ordering::Release);
    }

    /// Makes head and tail sound again where a flipped bit or a lost page damaged them, so that every
    /// frame that may not be in the log is read: rather one twice than one never. Returns the bytes
    /// whose state is unknown, 0 when nothing was wrong.
    pub fn repair(&self) -> u64 {
        let capacity = self.geometry.capacity;
        let head = self.head();
        match self.tail().filter(|tail| tail.is_multiple_of(8)) {
            Some(tail) if head.checked_sub(tail).is_some_and(|length| length <= capacity) => {
                self.set_tail(tail);
                0
            }
            Some(tail) => {
                self.publish_head(tail.saturating_add(capacity));
                capacity
            }
            None => {
                let head = head.next_multiple_of(8).max(capacity);
                self.publish_head(head);
                self.set_tail(head - capacity);
                capacity
            }
        }
    }

    /// The batch that was being appended, if any.
    #[must_use]
    pub fn intent(&self) -> Option<Intent> {
        Intent::decode(&self.mapping.array::<INTENT_LENGTH>(INTENT))
    }

    /// Writes down what is about to be appended.
    pub fn set_intent(&self, intent: &Intent) {
        // The state word comes last: an intent counts from the moment it is whole.
        let bytes = intent.encode();
        self.clear_intent();
        self.mapping.write(INTENT + 8, &bytes[8..]);
        self.publish_intent_state(&bytes);
    }

    /// Says that nothing is being appended.
    pub fn clear_intent(&self) {
        self.mapping.word(INTENT).store(0, Ordering::Release);
    }

    fn publish_intent_state(&self, bytes: &[u8; INTENT_LENGTH]) {
        let mut state = [0; 8];
        state.copy_from_slice(&bytes[..8]);
        self.mapping.word(INTENT).store(u64::from_le_bytes(state), Ordering::Release);
    }

    /// Copies the ring's bytes between two positions, at most one lap apart, to the end of `out`.
    pub fn read(&self, from: u64, to: u64, out: &mut Vec<u8>) {
        let capacity = self.geometry.capacity;
        let length = to.saturating_sub(from).min(capacity);
        let start = from % capacity;
        let first = length.min(capacity - start);
        let at = |position: u64| HEADER_LENGTH + position as usize;
        self.mapping.read(at(start)..at(start + first), out);
        self.mapping.read(at(0)..at(length - first), out);
    }

    pub(super) fn repeat_slot(&self, slot: usize) -> [u8; SLOT_LENGTH] {
        self.mapping.array(REPEATS + slot * SLOT_LENGTH)
    }

    pub(super) fn write_repeat_slot(&self, slot: usize, bytes: &[u8; SLOT_LENGTH]) {
        self.mapping.write(REPEATS + slot * SLOT_LENGTH, bytes);
    }

    /// Stores the first word of a slot, which holds its CRC and its state.
    pub(super) fn set_repeat_slot_state(&self, slot: usize, bytes: &[u8; SLOT_LENGTH]) {
        let mut word = [0; 8];
        word.copy_from_slice(&bytes[..8]);
        let word = u64::from_le_bytes(word);
        self.mapping.word(REPEATS + slot * SLOT_LENGTH).store(word, Ordering::Release);
    }

    pub(super) fn clear_repeat_slot(&self, slot: usize) {
        self.mapping.word(REPEATS + slot * SLOT_LENGTH).store(0, Ordering::Release);
    }

    fn write_profile(&self, profile: &[u8]) {
        if profile.len() <= MAX_PROFILE {
            let length = u32::try_from(profile.len()).unwrap_or(0);
            self.mapping.write(PROFILE, &length.to_le_bytes());
            self.mapping.write(PROFILE + 4, &crc32fast::hash(profile).to_le_bytes());
            self.mapping.write(PROFILE + 8, profile);
        }
    }

    /// How its owner wanted its entries treated; `None` when that is damaged or was too long.
    #[must_use]
    pub fn profile(&self) -> Option<Vec<u8>> {
        let length = u32::from_le_bytes(self.mapping.array(PROFILE)) as usize;
        let checksum = u32::from_le_bytes(self.mapping.array(PROFILE + 4));
        let mut profile = Vec::new();
        if length > 0 && length <= MAX_PROFILE {
            self.mapping.read(PROFILE + 8..PROFILE + 8 + length, &mut profile);
        }
        (!profile.is_empty() && crc32fast::hash(&profile) == checksum).then_some(profile)
    }

    /// Copies everything that is in `other` into this ring, which must have the same geometry.
    pub fn copy_from(&self, other: &Ring) {
        let mut bytes = Vec::new();
        other.mapping.read(HEAD..other.mapping.len(), &mut bytes);
        self.mapping.write(HEAD, &bytes);
    }
}

fn to_usize(length: u64) -> io::Result<usize> {
    usize::try_from(length).map_err(|_| io::ErrorKind::OutOfMemory.into())
}

fn read_start(fs: &dyn FileSystem, file: &File, buffer: &mut [u8]) -> io::Result<()> {
    let mut filled = 0;
    while filled < buffer.len() {
        match fs.read(file, &mut buffer[filled..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => filled += count,
        }
    }
    Ok(())
}
