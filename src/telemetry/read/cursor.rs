//! A place in the log that stays right across rotations.

use super::super::paths::{ArchiveName, LogPaths};
use super::reader::ReadError;
use super::sources::{Named, archives, open_regular};
use crate::compression::Compression;
use crate::compression::decode::{FileReader, decode};
use crate::platform::filesystem::FileSystem;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

/// How often a log that is rotated while it is opened is opened again.
const ATTEMPTS: usize = 64;

/// Where reading stands in the active file.
pub(super) struct LogCursor {
    fs: Arc<dyn FileSystem>,
    paths: LogPaths,
    compression: Compression,
    active: Option<Active>,
    /// The archives that were read, or need not be. Compared by time and not by order: a clock that
    /// stepped back may name a later archive before them.
    known: HashSet<i64>,
}

struct Active {
    identity: (u64, u64),
    offset: u64,
    source: Source,
}

enum Source {
    Plain(File),
    Compressed(Box<dyn Read + Send>),
}

/// What became of the active file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing: it may grow.
    None,
    /// It was cut shorter; it is read again from its start.
    Cut,
    /// It was rotated, or replaced. These archives were made after it and have not been read.
    Rotated(Vec<ArchiveName>),
}

impl LogCursor {
    /// Opens the log at its start, with the archives that were there before it.
    pub(super) fn open(
        fs: &Arc<dyn FileSystem>,
        named: &Named,
    ) -> Result<(LogCursor, Vec<ArchiveName>), ReadError> {
        let mut cursor = LogCursor {
            fs: Arc::clone(fs),
            paths: named.paths.clone(),
            compression: named.compression,
            active: None,
            known: HashSet::new(),
        };
        let archives = cursor.open_active()?;
        Ok((cursor, archives))
    }

    /// Opens the active file and lists the archives of before that were not known. Between the two a
    /// rotation may come: the file is then already an archive.
    fn open_active(&mut self) -> Result<Vec<ArchiveName>, ReadError> {
        let path = self.paths.log();
        for _ in 0..ATTEMPTS {
            let opened = match open_regular(&*self.fs, &path) {
                Ok(file) => Some(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                Err(error) => return Err(ReadError::io("open", &path)(error)),
            };
            let Some(file) = opened else {
                let archives = archives(&*self.fs, &self.paths)?;
                if self.named_identity()?.is_none() {
                    self.active = None;
                    return Ok(self.unknown(archives));
                }
                continue;
            };
            let status = self.fs.status(&file).map_err(ReadError::io("look at", &path))?;
            let archives = archives(&*self.fs, &self.paths)?;
            if self.named_identity()? != Some(status.identity) {
                continue;
            }
            let archives = self.unknown(archives);
            let source = match self.compression {
                Compression::None => Source::Plain(file),
                compression => Source::Compressed(
                    decode(FileReader::new(Arc::clone(&self.fs), file), compression)
                        .map_err(ReadError::io("read", &path))?,
                ),
            };
            self.active = Some(Active { identity: status.identity, offset: 0, source });
            return Ok(archives);
        }
        Err(ReadError::io("open", &path)(io::ErrorKind::ResourceBusy.into()))
    }

    /// Device and inode of the file that has the log's name now.
    fn named_identity(&self) -> Result<Option<(u64, u64)>, ReadError> {
        match self.fs.status_at(&self.paths.log()) {
            Ok(status) => Ok(Some(status.identity)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ReadError::io("look at", self.paths.log())(error)),
        }
    }

    /// Whether there is a log at all.
    pub(super) fn exists(&self) -> bool {
        self.active.is_some()
    }

    /// The file being read and how far.
    pub(super) fn position(&self) -> Option<((u64, u64), u64)> {
        self.active.as_ref().map(|active| (active.identity, active.offset))
    }

    /// Reads on; 0 at the end of what is there.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(active) = &mut self.active else { return Ok(0) };
        let count = match &mut active.source {
            Source::Plain(file) => self.fs.read_at(file, buffer, active.offset)?,
            Source::Compressed(decoder) => decoder.read(buffer)?,
        };
        active.offset += count as u64;
        Ok(count)
    }

    /// Looks, at the end of what is there, whether another file is active now. After
    /// [`Change::Rotated`] the caller reads once more to the end, since lines may have been appended
    /// before the rename, then the archives, then calls [`LogCursor::enter_next`].
    pub(super) fn look(&mut self) -> Result<Change, ReadError> {
        let named = self.named_identity()?;
        let Some(active) = &mut self.active else {
            return Ok(match named {
                // The log was made since; archives that came with it are new as well.
                Some(_) => Change::Rotated(self.newer(None)?),
                None => Change::None,
            });
        };
        if named == Some(active.identity) {
            if let Source::Plain(file) = &active.source {
                let path = self.paths.log();
                let length = self.fs.status(file).map_err(ReadError::io("look at", &path))?.length;
                if length < active.offset {
                    active.offset = 0;
                    return Ok(Change::Cut);
                }
            }
            return Ok(Change::None);
        }
        if named.is_none() {
            // Between the two steps of a rotation, or deleted: wait for the next file.
            return Ok(Change::None);
        }
        let identity = active.identity;
        Ok(Change::Rotated(self.newer(Some(identity))?))
    }

    /// Those of `archives` that were not known; they are now.
    fn unknown(&mut self, mut archives: Vec<ArchiveName>) -> Vec<ArchiveName> {
        let gone = self.known.len() > 2 * archives.len();
        if gone {
            self.known.retain(|time| archives.iter().any(|archive| archive.time_ms == *time));
        }
        archives.retain(|archive| self.known.insert(archive.time_ms));
        archives
    }

    /// The archives that were not known, without the one the file `read` has become.
    fn newer(&mut self, read: Option<(u64, u64)>) -> Result<Vec<ArchiveName>, ReadError> {
        let archives = archives(&*self.fs, &self.paths)?;
        let mut newer = self.unknown(archives);
        let Some(read) = read else { return Ok(newer) };
        let identity = |archive: &ArchiveName| {
            let path = self.paths.directory().join(&archive.file_name);
            self.fs.status_at(&path).ok().map(|status| status.identity)
        };
        let became =
            newer.iter().position(|archive| identity(archive) == Some(read)).or_else(|| {
                // Once compressed it cannot be recognised any more, but archives are in order.
                newer.first().filter(|first| first.compression() != Compression::None).map(|_| 0)
            });
        if let Some(place) = became {
            newer.remove(place);
        }
        Ok(newer)
    }

    /// Goes on in the file that is active now. Returns archives made since [`LogCursor::look`].
    pub(super) fn enter_next(&mut self) -> Result<Vec<ArchiveName>, ReadError> {
        self.open_active()
    }
}
