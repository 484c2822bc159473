//! Compacting a stream of lines.

use super::super::read::{LINE_BOUND, LineSplitter, Piece};
use super::super::sanitize::Sanitizer;
use super::rewrite::Rewriter;
use super::{CompactError, CompactReport, CompactSettings, Progress};
use crate::compression::Compression;
use crate::compression::decode::decode;
use std::io::{self, Read, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

const CHUNK: usize = 65_536;
/// Bytes gathered before they are written.
const GATHERED: usize = 65_536;

/// Compacts a stream (plain, gzip or zstd) into plain lines.
///
/// # Errors
/// [`CompactError::Io`] when writing fails, [`CompactError::Stopped`]. A stream that cannot be read to its
/// end is told in the report.
pub fn compact_stream(
    input: impl Read + Send,
    output: &mut dyn Write,
    settings: &CompactSettings,
    progress: &Progress,
) -> Result<CompactReport, CompactError> {
    let name = Path::new("the stream");
    let (_, source) = sniff(Counting { source: input, done: &progress.done })
        .map_err(CompactError::io("read", name))?;
    let mut report = rewrite(source, output, name, settings, progress)?;
    report.bytes_in = progress.done.load(Ordering::Relaxed);
    report.bytes_out = report.plain_bytes_out;
    Ok(report)
}

/// How a file is compressed, by its first bytes (RFC 1952, 2.3.1; RFC 8878, 3.1.1).
pub(super) fn compression_of(start: &[u8]) -> Compression {
    match start {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Compression::Zstd,
        _ => Compression::None,
    }
}

/// Looks at the first bytes of a stream.
fn sniff<'a>(
    mut source: impl Read + Send + 'a,
) -> io::Result<(Compression, Box<dyn Read + Send + 'a>)> {
    let mut start = Vec::with_capacity(4);
    Read::by_ref(&mut source).take(4).read_to_end(&mut start)?;
    let compression = compression_of(&start);
    let whole = io::Cursor::new(start).chain(source);
    Ok((compression, decode(whole, compression)?))
}

/// Rewrites every line of `source`.
pub(super) fn rewrite(
    mut source: impl Read,
    output: &mut dyn Write,
    name: &Path,
    settings: &CompactSettings,
    progress: &Progress,
) -> Result<CompactReport, CompactError> {
    let sanitizer = Sanitizer::new(settings.max_error_length, settings.redaction.clone());
    let mut rewriter = Rewriter::new(sanitizer, settings.dedup);
    let mut splitter = LineSplitter::new(LINE_BOUND);
    let mut report = CompactReport::default();
    let mut chunk = vec![0; CHUNK];
    let mut out = Vec::with_capacity(2 * GATHERED);
    let mut ended = true;
    let mut failure = None;
    loop {
        if progress.stop.load(Ordering::Relaxed) {
            return Err(CompactError::Stopped);
        }
        let count = match source.read(&mut chunk) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => {
                report.damaged = Some(error.to_string());
                0
            }
        };
        report.plain_bytes_in += count as u64;
        let mut take = |piece: Piece<'_>| {
            ended = add(&mut rewriter, piece, &mut out);
            if out.len() < GATHERED {
                return ControlFlow::Continue(());
            }
            report.plain_bytes_out += out.len() as u64;
            failure = output.write_all(&out).err();
            out.clear();
            out.shrink_to(2 * GATHERED);
            if failure.is_none() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        let flow = match count {
            0 => splitter.finish(&mut take),
            count => splitter.push(&chunk[..count], &mut take),
        };
        if flow.is_break() || count == 0 {
            break;
        }
    }
    let mut counts = Vec::new();
    rewriter.finish(&mut counts);
    if !counts.is_empty() && !ended {
        out.push(b'\n');
    }
    out.append(&mut counts);
    report.plain_bytes_out += out.len() as u64;
    let failure = failure.or_else(|| output.write_all(&out).err());
    match failure {
        Some(error) => Err(CompactError::io("write", name)(error)),
        None => {
            report.rewritten = rewriter.done;
            Ok(report)
        }
    }
}

/// Adds a piece of the input to the output. Returns whether the output ends with a line feed now.
fn add(rewriter: &mut Rewriter, piece: Piece<'_>, out: &mut Vec<u8>) -> bool {
    let ended = match piece {
        Piece::Line { bytes, ended } => {
            if !rewriter.line(bytes, out) {
                return true;
            }
            ended
        }
        Piece::Part { bytes, first, ended } => {
            rewriter.done.lines += u64::from(first);
            rewriter.done.too_long += u64::from(first);
            out.extend_from_slice(bytes);
            ended
        }
    };
    if ended {
        out.push(b'\n');
    }
    ended
}

pub(super) struct Counting<'a, R> {
    pub(super) source: R,
    pub(super) done: &'a AtomicU64,
}

impl<R: Read> Read for Counting<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.done.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
