//! Reading archives of every kind as the plain lines they hold.
//!
//! Memory is constant: 64 KiB of input, and for zstd the window the file asks for, which the decoder
//! refuses above 128 MiB (its own files ask for 1 MiB). A compressed file that ends early is an error,
//! never a shorter file.

use super::Compression;
use crate::platform::filesystem::FileSystem;
use flate2::bufread::MultiGzDecoder;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::sync::Arc;

const INPUT_BUFFER: usize = 65_536;

/// An open file as a [`Read`], through a [`FileSystem`], from its current position.
pub struct FileReader<F> {
    fs: F,
    file: File,
}

impl<F> FileReader<F> {
    /// Reads `file`.
    pub fn new(fs: F, file: File) -> Self {
        FileReader { fs, file }
    }

    /// The file.
    pub fn file(&self) -> &File {
        &self.file
    }
}

impl Read for FileReader<&dyn FileSystem> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.fs.read(&self.file, buffer)
    }
}

impl Read for FileReader<Arc<dyn FileSystem>> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.fs.read(&self.file, buffer)
    }
}

/// The plain bytes of what `source` holds, a file compressed as `compression` says: any number of gzip
/// members or zstd frames one after another.
///
/// # Errors
/// When the zstd decoder cannot be made. Reading gives [`io::ErrorKind::UnexpectedEof`] for a file that
/// ends early and [`io::ErrorKind::InvalidData`] or [`io::ErrorKind::InvalidInput`] for one that is
/// damaged.
pub fn decode<'a>(
    source: impl Read + Send + 'a,
    compression: Compression,
) -> io::Result<Box<dyn Read + Send + 'a>> {
    let buffered = BufReader::with_capacity(INPUT_BUFFER, source);
    Ok(match compression {
        Compression::None => Box::new(buffered),
        Compression::Gzip => Box::new(MultiGzDecoder::new(buffered)),
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(buffered)?),
    })
}

/// Fills as much of `buffer` as there is, going on after short reads and interruptions.
pub(crate) fn read_full(
    mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
    buffer: &mut [u8],
) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
