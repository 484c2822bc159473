//! Writing compressed files as a stream, in constant memory.
//!
//! gzip: concatenated members (RFC 1952, 2.2) of up to 1 MiB of input each, made by libdeflate at level
//! 6. zstd: one frame (RFC 8878) at level 3 with a checksum. Both take under 4 MiB.

use super::Compression;
use crate::platform::filesystem::FileSystem;
use libdeflater::{CompressionLvl, Compressor as Deflater};
use std::fs::File;
use std::io::{self, Write};
use zstd::stream::raw::CParameter;

/// Input bytes of one gzip member.
pub const MEMBER: usize = 1 << 20;
const GZIP_LEVEL: i32 = 6;
const ZSTD_LEVEL: i32 = 3;
/// A window of 1 MiB: half of what the level would take.
const ZSTD_WINDOW_LOG: u32 = 20;

/// Compresses what is written to it into `W`.
pub enum Encoder<W: Write> {
    /// As it is.
    Plain(W),
    /// gzip.
    Gzip(Box<GzipEncoder<W>>),
    /// zstd.
    Zstd(zstd::stream::write::Encoder<'static, W>),
}

/// See [`Encoder::Gzip`].
pub struct GzipEncoder<W> {
    output: W,
    deflater: Deflater,
    input: Vec<u8>,
    member: Vec<u8>,
    any: bool,
}

impl<W: Write> Encoder<W> {
    /// Compresses into `output`.
    ///
    /// # Errors
    /// When the zstd encoder cannot be made.
    pub fn new(output: W, compression: Compression) -> io::Result<Encoder<W>> {
        Ok(match compression {
            Compression::None => Encoder::Plain(output),
            Compression::Gzip => {
                let level = CompressionLvl::new(GZIP_LEVEL).unwrap_or_default();
                let mut deflater = Deflater::new(level);
                let member = vec![0; deflater.gzip_compress_bound(MEMBER)];
                let input = Vec::with_capacity(MEMBER);
                Encoder::Gzip(Box::new(GzipEncoder { output, deflater, input, member, any: false }))
            }
            Compression::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(output, ZSTD_LEVEL)?;
                encoder.set_parameter(CParameter::WindowLog(ZSTD_WINDOW_LOG))?;
                encoder.include_checksum(true)?;
                Encoder::Zstd(encoder)
            }
        })
    }

    /// Writes what is left and the end. Without this the file is incomplete, and its readers see it.
    ///
    /// # Errors
    /// Those of writing.
    pub fn finish(self) -> io::Result<W> {
        match self {
            Encoder::Plain(output) => Ok(output),
            Encoder::Gzip(mut encoder) => {
                // Also without any input: an empty file is no gzip file.
                if !encoder.input.is_empty() || !encoder.any {
                    encoder.end_member()?;
                }
                Ok(encoder.output)
            }
            Encoder::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> GzipEncoder<W> {
    fn end_member(&mut self) -> io::Result<()> {
        let length =
            self.deflater.gzip_compress(&self.input, &mut self.member).map_err(io::Error::other)?;
        self.input.clear();
        self.any = true;
        self.output.write_all(&self.member[..length])
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Encoder::Plain(output) => output.write(bytes),
            Encoder::Gzip(encoder) => {
                let count = bytes.len().min(MEMBER - encoder.input.len());
                encoder.input.extend_from_slice(&bytes[..count]);
                if encoder.input.len() == MEMBER {
                    encoder.end_member()?;
                }
                Ok(count)
            }
            Encoder::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Encoder::Plain(output) => output.flush(),
            // A member is ended by its size alone: flushing would cost ratio and gain nothing.
            Encoder::Gzip(_) => Ok(()),
            Encoder::Zstd(encoder) => encoder.flush(),
        }
    }
}

/// An open file as a [`Write`], through a [`FileSystem`].
pub struct FileWriter<'a> {
    fs: &'a dyn FileSystem,
    file: &'a File,
    /// Bytes written so far.
    pub written: u64,
}

impl<'a> FileWriter<'a> {
    /// Writes to `file` from where it stands.
    pub fn new(fs: &'a dyn FileSystem, file: &'a File) -> Self {
        FileWriter { fs, file, written: 0 }
    }
}

impl Write for FileWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.fs.write(self.file, bytes)?;
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
