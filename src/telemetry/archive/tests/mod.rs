//! A directory with archives in it, and what is true of it.

mod compressing;
mod compressor;
mod keeping;

use super::super::paths::LogPaths;
use crate::compression::Compression;
use crate::compression::decode::{FileReader, decode};
use crate::platform::filesystem::{FileSystem, RealFileSystem};
use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

pub(super) static GO_ON: AtomicBool = AtomicBool::new(false);
/// 2025-10-23T12:00:00.000Z
pub(super) const NOON: i64 = 1_761_220_800_000;

pub(super) struct Home {
    directory: tempfile::TempDir,
    pub(super) paths: LogPaths,
}

impl Home {
    pub(super) fn new() -> Home {
        let directory = tempfile::tempdir().unwrap();
        let paths = LogPaths::new(directory.path().to_owned(), "policy.jsonl".to_owned());
        Home { directory, paths }
    }

    /// The file name of the plain archive rotated `ms` after [`NOON`].
    pub(super) fn name(&self, ms: i64) -> String {
        let path = self.paths.archive(NOON + ms);
        path.file_name().unwrap().to_str().unwrap().to_owned()
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn put(&self, name: &str, contents: &[u8]) {
        std::fs::write(self.path(name), contents).unwrap();
    }

    pub(super) fn names(&self) -> Vec<String> {
        let mut names = RealFileSystem.list(self.directory.path()).unwrap();
        names.sort_unstable();
        names
    }

    /// The lines an archive of any kind holds.
    pub(super) fn contents(&self, name: &str) -> std::io::Result<Vec<u8>> {
        let compression = self.paths.parse_archive(name).unwrap().compression();
        let fs: &dyn FileSystem = &RealFileSystem;
        let file = fs.open_read(&self.path(name))?;
        let mut contents = Vec::new();
        decode(FileReader::new(fs, file), compression)?.read_to_end(&mut contents)?;
        Ok(contents)
    }
}

/// Lines that compress like a log's.
pub(super) fn lines(bytes: usize) -> Vec<u8> {
    let mut lines = Vec::with_capacity(bytes + 100);
    let mut number = 0_u64;
    while lines.len() < bytes {
        let noise = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        lines.extend_from_slice(
            format!(
                "{{\"timestamp\":{},\"level\":\"info\",\"data\":{{\"n\":{number},\"x\":\"{noise:x}\"}}}}\n",
                NOON + number as i64
            )
            .as_bytes(),
        );
        number += 1;
    }
    lines
}

pub(super) fn suffixed(name: &str, compression: Compression) -> String {
    format!("{name}{}", compression.suffix())
}
