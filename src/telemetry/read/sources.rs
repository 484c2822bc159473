//! Which files a log is read from.

use super::super::paths::{ArchiveName, LogPaths};
use super::reader::ReadError;
use crate::compression::Compression;
use crate::compression::decode::{FileReader, decode};
use crate::platform::filesystem::FileSystem;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How often a directory that changes while it is looked at is looked at again.
const ATTEMPTS: usize = 8;

/// A log somebody named by its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The log and what lies around it.
    pub paths: LogPaths,
    /// How the named file itself is compressed, by its suffix: an archive may be read like a log.
    pub compression: Compression,
}

/// Finds the log at `path`, following symbolic links. The log itself need not exist, its directory must.
///
/// # Errors
/// [`ReadError::NotAFile`] and [`ReadError::Io`].
pub fn resolve(fs: &dyn FileSystem, path: &Path) -> Result<Named, ReadError> {
    let not_a_file = || ReadError::NotAFile(path.to_owned());
    let real = match fs.canonical(path) {
        Ok(real) => {
            let status = fs.status_at(&real).map_err(ReadError::io("look at", &real))?;
            if !status.is_file {
                return Err(not_a_file());
            }
            real
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let name = path.file_name().ok_or_else(not_a_file)?;
            let parent = match path.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent,
                _ => Path::new("."),
            };
            fs.canonical(parent).map_err(ReadError::io("find", parent))?.join(name)
        }
        Err(error) => return Err(ReadError::io("find", path)(error)),
    };
    let name = real.file_name().and_then(|name| name.to_str()).ok_or_else(not_a_file)?.to_owned();
    let compression = compression_of(&name);
    let directory = real.parent().unwrap_or(Path::new("/")).to_owned();
    Ok(Named { paths: LogPaths::new(directory, name), compression })
}

/// How a file is compressed, by its name.
fn compression_of(name: &str) -> Compression {
    match name.rsplit_once('.') {
        Some((_, "gz")) => Compression::Gzip,
        Some((_, "zst")) => Compression::Zstd,
        _ => Compression::None,
    }
}

/// The archives of a log, oldest first, one for each time: where a plain one stands beside a compressed
/// one, the plain one, which is whole.
pub(in super::super) fn archives(
    fs: &dyn FileSystem,
    paths: &LogPaths,
) -> Result<Vec<ArchiveName>, ReadError> {
    let directory = paths.directory();
    let names = fs.list(directory).map_err(ReadError::io("list", directory))?;
    let mut archives: Vec<ArchiveName> =
        names.iter().filter_map(|name| paths.parse_archive(name)).collect();
    // A plain name is the start of the compressed ones and sorts before them.
    archives.sort_unstable();
    archives.dedup_by_key(|archive| archive.time_ms);
    Ok(archives)
}

/// The rings of a log, by path.
pub(in super::super) fn rings(
    fs: &dyn FileSystem,
    paths: &LogPaths,
) -> Result<Vec<PathBuf>, ReadError> {
    let directory = paths.directory();
    let mut names = fs.list(directory).map_err(ReadError::io("list", directory))?;
    names.retain(|name| paths.parse_ring(name).is_some());
    names.sort_unstable();
    Ok(names.iter().map(|name| directory.join(name)).collect())
}

/// Opens an archive for reading its lines, as whatever it has become since it was listed; `None` when
/// it was deleted.
pub(in super::super) fn open_archive(
    fs: &Arc<dyn FileSystem>,
    paths: &LogPaths,
    archive: &ArchiveName,
) -> Result<Option<Box<dyn Read + Send>>, ReadError> {
    let mut archive = archive.clone();
    for _ in 0..ATTEMPTS {
        let path = paths.directory().join(&archive.file_name);
        match open_regular(&**fs, &path) {
            Ok(file) => {
                return decode(FileReader::new(Arc::clone(fs), file), archive.compression())
                    .map(Some)
                    .map_err(ReadError::io("read", &path));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Compressed meanwhile, perhaps.
                let now = archives(&**fs, paths)?;
                match now.into_iter().find(|other| other.time_ms == archive.time_ms) {
                    Some(other) => archive = other,
                    None => return Ok(None),
                }
            }
            Err(error) => return Err(ReadError::io("open", &path)(error)),
        }
    }
    Ok(None)
}

/// Opens a regular file; a pipe or a device is an error, not a wait.
pub(in super::super) fn open_regular(
    fs: &dyn FileSystem,
    path: &Path,
) -> io::Result<std::fs::File> {
    if !fs.status_at(path)?.is_file {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    fs.open_read(path)
}
