//! What there is of a log: files, lines by level, times, rings. Every file is read to its end, in
//! constant memory; nothing is written.

use super::read::{
    LineSplitter, Meta, Named, Piece, ReadError, archives, open_archive, open_regular, rings,
};
use super::ring::RingView;
use crate::compression::Compression;
use crate::platform::filesystem::FileSystem;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const CHUNK: usize = 65_536;

/// One file of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SurveyedFile {
    /// Its name.
    pub name: String,
    /// How it is compressed.
    pub compression: Compression,
    /// Bytes on the disk.
    pub bytes: u64,
    /// Bytes uncompressed.
    pub plain_bytes: u64,
    /// Lines in it.
    pub lines: u64,
    /// Why it could not be read to its end.
    pub damaged: Option<String>,
}

/// One ring of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SurveyedRing {
    /// Its name.
    pub name: String,
    /// Whether a process owns it; else it waits to be recovered.
    pub living: bool,
    /// Entries in it that are not in the log.
    pub entries: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Why it could not be read.
    pub damaged: Option<String>,
}

/// What there is of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// The log itself; `None` when it is not there.
    pub log: Option<SurveyedFile>,
    /// Its archives, oldest first.
    pub archives: Vec<SurveyedFile>,
    /// Its rings.
    pub rings: Vec<SurveyedRing>,
    /// Lines of ours by level, the least first, counted repeats not included.
    pub levels: [u64; 4],
    /// Lines that are not ours.
    pub other_lines: u64,
    /// Entries that were counted instead of written.
    pub repeats: u64,
    /// Time of the earliest line of ours, milliseconds since the Unix epoch.
    pub oldest_ms: Option<i64>,
    /// Time of the latest.
    pub newest_ms: Option<i64>,
}

/// Looks at everything there is of a log. `done` counts bytes of files read. `stop` ends it early, with
/// what was found so far.
///
/// # Errors
/// [`ReadError`]; [`ReadError::NoLog`] when there is nothing at all.
pub fn survey(
    fs: &Arc<dyn FileSystem>,
    named: &Named,
    done: &AtomicU64,
    stop: &AtomicBool,
) -> Result<Survey, ReadError> {
    let paths = &named.paths;
    let mut survey = Survey::default();
    for archive in archives(&**fs, paths)? {
        let path = paths.directory().join(&archive.file_name);
        let Ok(status) = fs.status_at(&path) else { continue };
        let source = match open_archive(fs, paths, &archive) {
            Ok(Some(source)) => Ok(source),
            Ok(None) => continue,
            Err(error) => Err(error.to_string()),
        };
        let compression = archive.compression();
        let file = survey.read(archive.file_name, compression, status.length, source, stop);
        done.fetch_add(status.length, Ordering::Relaxed);
        survey.archives.push(file);
    }
    let log = paths.log();
    match open_regular(&**fs, &log) {
        Ok(file) => {
            let length = fs.status(&file).map_err(ReadError::io("look at", &log))?.length;
            let source = crate::compression::decode::FileReader::new(Arc::clone(fs), file);
            let source = crate::compression::decode::decode(source, named.compression)
                .map_err(|error| error.to_string());
            let name = paths.file_name().to_owned();
            survey.log = Some(survey.read(name, named.compression, length, source, stop));
            done.fetch_add(length, Ordering::Relaxed);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(ReadError::io("open", &log)(error)),
    }
    for path in rings(&**fs, paths)? {
        survey.rings.extend(look_at_ring(&**fs, &path));
    }
    if survey.log.is_none() && survey.archives.is_empty() && survey.rings.is_empty() {
        return Err(ReadError::NoLog(log));
    }
    Ok(survey)
}

impl Survey {
    fn read(
        &mut self,
        name: String,
        compression: Compression,
        bytes: u64,
        source: Result<Box<dyn Read + Send>, String>,
        stop: &AtomicBool,
    ) -> SurveyedFile {
        let mut file =
            SurveyedFile { name, compression, bytes, plain_bytes: 0, lines: 0, damaged: None };
        let mut source = match source {
            Ok(source) => source,
            Err(reason) => {
                file.damaged = Some(reason);
                return file;
            }
        };
        let mut splitter = LineSplitter::default();
        let mut lines = 0;
        let mut take = |piece: Piece<'_>| {
            if let Piece::Line { bytes, .. } | Piece::Part { bytes, first: true, .. } = piece {
                lines += 1;
                self.add(bytes);
            }
            ControlFlow::Continue(())
        };
        let mut chunk = vec![0; CHUNK];
        while !stop.load(Ordering::Relaxed) {
            match source.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => {
                    file.plain_bytes += count as u64;
                    if splitter.push(&chunk[..count], &mut take).is_break() {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    file.damaged = Some(error.to_string());
                    break;
                }
            }
        }
        if splitter.finish(&mut take).is_continue() {
            file.lines = lines;
        }
        file
    }

    fn add(&mut self, line: &[u8]) {
        let Some(meta) = Meta::of(line) else {
            self.other_lines += 1;
            return;
        };
        self.levels[meta.level as usize] += 1;
        self.repeats += repeats(line);
        self.oldest_ms = Some(self.oldest_ms.map_or(meta.time_ms, |old| old.min(meta.time_ms)));
        self.newest_ms = Some(self.newest_ms.map_or(meta.time_ms, |new| new.max(meta.time_ms)));
    }
}

/// The count at the end of a line that stands for identical entries; 0 for any other.
fn repeats(line: &[u8]) -> u64 {
    const LONGEST: usize = 128;
    const NAME: &[u8] = b"\",\"repeats\":";
    let end = &line[line.len().saturating_sub(LONGEST)..];
    let count = || {
        let rest = &end[memchr::memmem::rfind(end, NAME)? + NAME.len()..];
        let comma = rest.iter().position(|byte| *byte == b',')?;
        rest[comma..].strip_prefix(b",\"firstTimestamp\":")?;
        std::str::from_utf8(&rest[..comma]).ok()?.parse().ok()
    };
    count().unwrap_or(0)
}

fn look_at_ring(fs: &dyn FileSystem, path: &std::path::Path) -> Option<SurveyedRing> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut ring = SurveyedRing { name, living: false, entries: 0, bytes: 0, damaged: None };
    let looked = (|| {
        let Some(view) = RingView::open(fs, path)? else { return Ok(false) };
        ring.living = view.is_living(fs)?;
        let window = view.window(fs)?;
        let mut cursor = view.frames(window.tail, window.head);
        while let Some(bytes) = cursor.next(fs, |frame| frame.payload.len() as u64)? {
            ring.entries += 1;
            ring.bytes += bytes;
        }
        Ok::<bool, super::ring::RingError>(true)
    })();
    match looked {
        Ok(true) => Some(ring),
        // Drained and removed while we looked.
        Ok(false) => None,
        Err(error) => {
            ring.damaged = Some(error.to_string());
            Some(ring)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::archive::compress::compress_archive;
    use super::super::level::Level;
    use super::super::read::resolve;
    use super::super::ring::{Encoding, Geometry, Producer, Ring};
    use super::*;
    use crate::platform::filesystem::RealFileSystem;

    static GO_ON: AtomicBool = AtomicBool::new(false);
    const GEOMETRY: Geometry = Geometry { capacity: 65_536, max_entries: 100 };

    fn look(named: &Named) -> Result<Survey, ReadError> {
        let fs: Arc<dyn FileSystem> = Arc::new(RealFileSystem);
        survey(&fs, named, &AtomicU64::new(0), &GO_ON)
    }

    #[test]
    fn everything_there_is_of_a_log_is_counted() {
        let home = tempfile::tempdir().unwrap();
        let named = resolve(&RealFileSystem, &home.path().join("log.jsonl")).unwrap();
        let paths = &named.paths;
        assert!(matches!(look(&named), Err(ReadError::NoLog(_))));
        let first = "{\"timestamp\":5,\"level\":\"debug\",\"data\":{}}\nnot ours\n";
        std::fs::write(paths.archive(1), first).unwrap();
        let name = paths.archive(1).file_name().unwrap().to_str().unwrap().to_owned();
        compress_archive(&RealFileSystem, paths, &name, Compression::Gzip, &GO_ON).unwrap();
        std::fs::write(paths.archive(2).with_extension("jsonl.gz"), "damaged").unwrap();
        let second = concat!(
            r#"{"timestamp":9,"level":"error","data":{"error":"x"},"hash":"0123456789abcdef"}"#,
            "\n",
            r#"{"timestamp":8,"level":"error","data":{"errorHash":"0123456789abcdef"},"#,
            r#""hash":"0123456789abcdef","repeats":41,"firstTimestamp":6,"lastTimestamp":8}"#,
            "\n"
        );
        std::fs::write(paths.log(), second).unwrap();
        let ring = |id| {
            let path = paths.ring(id);
            let ring = Ring::create(&RealFileSystem, &path, id, GEOMETRY, 0, b"").unwrap();
            let mut producer = Producer::new(Arc::new(ring));
            for _ in 0..id {
                let room = producer.reserve(2, 100).unwrap();
                producer.write(&room, b"{}");
                producer.commit(&room, 2, Level::Info, Encoding::Utf8, false, 7);
            }
            producer
        };
        drop(ring(3));
        let _living = ring(4);
        let survey = look(&named).unwrap();
        let log = survey.log.as_ref().unwrap();
        assert_eq!((log.lines, log.bytes), (2, second.len() as u64));
        assert_eq!(survey.archives.len(), 2);
        assert_eq!(survey.archives[0].plain_bytes, first.len() as u64);
        assert!(survey.archives[0].damaged.is_none());
        assert!(survey.archives[1].damaged.is_some());
        let rings: Vec<_> =
            survey.rings.iter().map(|ring| (ring.living, ring.entries, ring.bytes)).collect();
        assert_eq!(rings, [(false, 3, 6), (true, 4, 8)]);
        assert_eq!(survey.levels, [1, 0, 0, 2]);
        assert_eq!((survey.other_lines, survey.repeats), (1, 41));
        assert_eq!((survey.oldest_ms, survey.newest_ms), (Some(5), Some(9)));
    }
}
