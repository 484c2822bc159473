use super::super::paths::LogPaths;
use super::super::ring::{Geometry, Ring};
use super::file::{Input, open_temporary};
use super::stream::compression_of;
use super::*;
use crate::compression::Compression;
use crate::compression::decode;
use crate::compression::encode::Encoder;
use crate::platform::faulty::{Call, Fault, FaultyFileSystem};
use crate::platform::filesystem::{FileSystem, RealFileSystem};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::atomic::Ordering;

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Home {
        Home(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(name)
    }

    fn put(&self, name: &str, contents: &[u8]) -> PathBuf {
        std::fs::write(self.path(name), contents).unwrap();
        self.path(name)
    }

    fn put_compressed(&self, name: &str, contents: &[u8], compression: Compression) -> PathBuf {
        let mut encoder = Encoder::new(Vec::new(), compression).unwrap();
        encoder.write_all(contents).unwrap();
        self.put(name, &encoder.finish().unwrap())
    }

    fn names(&self) -> Vec<String> {
        let mut names = RealFileSystem.list(self.0.path()).unwrap();
        names.sort_unstable();
        names
    }
}

fn settings() -> CompactSettings {
    CompactSettings {
        max_error_length: 100,
        redaction: Redaction::new(&["password".to_owned()], true).unwrap(),
        dedup: true,
        in_place: false,
        force: false,
    }
}

fn in_place() -> CompactSettings {
    CompactSettings { in_place: true, ..settings() }
}

fn compact(path: &Path, settings: &CompactSettings) -> Result<CompactReport, CompactError> {
    compact_file(&RealFileSystem, path, settings, &Progress::default())
}

fn stream(input: &str) -> (String, CompactReport) {
    let mut out = Vec::new();
    let progress = Progress::default();
    let report = compact_stream(input.as_bytes(), &mut out, &settings(), &progress).unwrap();
    (String::from_utf8(out).unwrap(), report)
}

fn plain(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap();
    let compression = compression_of(&bytes);
    let mut text = String::new();
    decode::decode(&bytes[..], compression).unwrap().read_to_string(&mut text).unwrap();
    text
}

fn entry(time: i64, data: &str) -> String {
    format!("{{\"timestamp\":{time},\"level\":\"error\",\"data\":{data}}}\n")
}

#[test]
fn a_long_error_is_shortened_and_its_hash_stands_beside_the_data() {
    let (out, report) =
        stream(&entry(1, &format!("{{\"a\":null,\"error\":\"{}\"}}", "x".repeat(5000))));
    let line: serde_json::Value = serde_json::from_str(&out).unwrap();
    let error = line["data"]["error"].as_str().unwrap();
    assert!(error.len() <= 100, "{error}");
    assert_eq!(line["data"]["errorHash"], line["hash"]);
    assert_eq!(line["timestamp"], 1);
    assert!(line["data"].get("a").is_none());
    assert_eq!((report.rewritten.lines, report.rewritten.truncated), (1, 1));
    assert!(report.plain_bytes_out < report.plain_bytes_in / 10);
}

#[test]
fn what_needs_no_change_is_kept_byte_for_byte() {
    let same = concat!(
        "{\"timestamp\":1,\"level\":\"info\",\"data\":{\"n\":1.50}}\n",
        "{\"timestamp\" : 1, \"level\":\"info\" ,\"data\": {\"n\" :1e3}, \"more\":null}\r\n",
        "{\"timestamp\":1,\"level\":\"error\",\"data\":{\"error\":\"x\"},\"hash\":\"stated\"}\n",
        "\n",
        "  \t\n",
        "[1, 2]\n",
        "{\"any\":\"object\"}\n",
        "{\"timestamp\":1,\"level\":\"info\",\"data\":5}",
    );
    let (out, report) = stream(same);
    assert_eq!(out, same);
    assert_eq!(report.rewritten, Rewritten { lines: 8, ..Rewritten::default() });
}

#[test]
fn lines_that_are_no_json_are_kept_byte_for_byte_and_counted() {
    let mut input = b"not json\n{\"torn\":\n".to_vec();
    input.extend_from_slice(b"{\"bad utf-8\":\"\xff\xfe\"}\n{\"a\":1}{\"b\":2}\n\x00\x01\n");
    input.extend_from_slice(b"{\"timestamp\":1,\"level\":\"info\",\"data\":{\"cut");
    let mut out = Vec::new();
    let report = compact_stream(&input[..], &mut out, &settings(), &Progress::default()).unwrap();
    assert_eq!(out, input);
    assert_eq!((report.rewritten.lines, report.rewritten.malformed), (6, 6));
}

#[test]
fn other_objects_are_sanitised_as_a_whole() {
    let (out, report) = stream("{\"msg\":\"m\",\"password\":\"hunter2\",\"gone\":null}\n");
    assert!(!out.contains("hunter2") && !out.contains("gone") && out.contains("\"m\""), "{out}");
    assert_eq!(report.rewritten.redacted, 1);
}

#[test]
fn equal_texts_are_written_once_and_equal_entries_counted() {
    let mut input = String::new();
    for time in 1..=5 {
        input += &entry(time, r#"{"error":"the same"}"#);
    }
    input += &entry(6, r#"{"error":"the same","task":"T2"}"#);
    input += &entry(7, r#"{"error":"another"}"#);
    input += &entry(8, r#"{"no":"error"}"#);
    input += &entry(9, r#"{"no":"error"}"#);
    let (out, report) = stream(&input);
    let lines: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(report.rewritten.deduplicated, 4);
    assert_eq!(lines.len(), 6);
    assert_eq!(lines[0]["data"]["error"], "the same");
    assert_eq!(lines[1]["data"]["task"], "T2");
    assert!(lines[1]["data"].get("error").is_none());
    assert_eq!(lines[1]["data"]["errorHash"], lines[0]["hash"]);
    assert_eq!(lines[2]["data"]["error"], "another");
    let count = &lines[5];
    assert_eq!(
        (&count["repeats"], &count["firstTimestamp"], &count["lastTimestamp"]),
        (&4.into(), &2.into(), &5.into())
    );
    assert_eq!((&count["hash"], &count["timestamp"]), (&lines[0]["hash"], &5.into()));
    let (again, second) = stream(&out);
    assert_eq!(again, out, "compacting twice changes nothing");
    assert_eq!(second.rewritten.deduplicated, 0);
}

#[test]
fn nothing_that_differs_is_counted() {
    let lines = [
        r#"{"timestamp":1,"level":"error","data":{"error":"e"}}"#,
        r#"{"timestamp":1,"level":"warn","data":{"error":"e"}}"#,
        r#"{"timestamp":1,"level":"error","data":{"error":"e"},"pid":7}"#,
        r#"{"timestamp":1,"level":"error","data":{"error":"e"},"pid":8}"#,
        r#"{"timestamp":1,"level":"error","data":{"error":"e"},"hash":"of a longer text"}"#,
        r#"{"timestamp":1,"level":"error","data":{"error":"e","errorHash":"0123456789abcdef"}}"#,
        r#"{"timestamp":"later","level":"error","data":{"error":"e"}}"#,
    ];
    let input = lines.join("\n");
    let (out, report) = stream(&input);
    assert_eq!(report.rewritten.lines, 7);
    let counted = out.lines().filter(|line| line.contains("\"repeats\"")).count() as u64;
    assert_eq!(counted, u64::from(report.rewritten.deduplicated > 0));
    for wanted in ["\"warn\"", "\"pid\":7", "\"pid\":8", "of a longer text", "later"] {
        assert!(out.contains(wanted), "{wanted} is missing in {out}");
    }
}

#[test]
fn more_different_repeats_than_are_counted_are_written() {
    let mut input = String::new();
    for round in 0..2 {
        for number in 0..1100 {
            input += &entry(round, &format!("{{\"error\":\"e{number}\"}}"));
        }
    }
    let (out, report) = stream(&input);
    assert_eq!(report.rewritten.deduplicated, 1024);
    assert_eq!(out.lines().count(), 2200);
}

#[test]
fn the_output_lies_beside_the_input_compressed_alike_with_its_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    let input = entry(1, r#"{"password":"hunter2"}"#);
    for (compression, suffix) in
        [(Compression::None, ""), (Compression::Gzip, ".gz"), (Compression::Zstd, ".zst")]
    {
        let name = format!("old{}.jsonl{suffix}", suffix.len());
        let path = home.put_compressed(&name, input.as_bytes(), compression);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let report = compact(&path, &settings()).unwrap();
        let output = report.output.unwrap();
        let expected = format!("old{}.compact.jsonl{suffix}", suffix.len());
        assert_eq!(output, home.path(&expected));
        assert!(!plain(&output).contains("hunter2"));
        assert_eq!(output.metadata().unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(report.bytes_out, output.metadata().unwrap().len());
        assert!(plain(&path).contains("hunter2"), "the input was changed");
        assert!(matches!(compact(&path, &settings()), Err(CompactError::Exists(_))));
        compact(&path, &CompactSettings { force: true, ..settings() }).unwrap();
    }
    assert_eq!(home.names().len(), 6, "{:?}", home.names());
}

#[test]
fn in_place_replaces_the_file_and_leaves_nothing_beside_it() {
    let home = Home::new();
    let path = home.put("log.jsonl", entry(1, r#"{"password":"hunter2"}"#).as_bytes());
    let report = compact(&path, &in_place()).unwrap();
    assert_eq!(report.output.unwrap(), path);
    assert!(!plain(&path).contains("hunter2"));
    assert_eq!(home.names(), ["log.jsonl"]);
}

#[test]
fn a_log_in_use_is_not_replaced() {
    let home = Home::new();
    let contents = entry(1, r#"{"password":"hunter2"}"#);
    let path = home.put("log.jsonl", contents.as_bytes());
    let paths = LogPaths::new(path.parent().unwrap().to_owned(), "log.jsonl".to_owned());
    let geometry = Geometry { capacity: 65_536, max_entries: 10 };
    let refused = |reason: &str| {
        let error = compact(&path, &in_place()).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), contents);
        assert!(!home.names().iter().any(|name| name.ends_with(".tmp")), "{:?}", home.names());
    };
    let ring = Ring::create(&RealFileSystem, &paths.ring(1), 1, geometry, 0, b"").unwrap();
    refused("a living process logs to it");
    drop(ring);
    refused("waits to be recovered");
    std::fs::remove_file(paths.ring(1)).unwrap();
    let lock = RealFileSystem.open_update(&paths.lock()).unwrap();
    assert!(RealFileSystem.try_lock(&lock).unwrap());
    refused("another process is writing to it");
    drop(lock);
    let archive = RealFileSystem.open_read(&path).unwrap();
    assert!(RealFileSystem.try_lock(&archive).unwrap());
    refused("another process is compressing it");
    drop(archive);
    compact(&path, &in_place()).unwrap();
    assert!(paths.lock().exists(), "a lock that was there stays");
}

#[test]
fn a_file_that_grows_meanwhile_is_not_replaced() {
    struct Growing {
        path: PathBuf,
    }
    impl Write for Growing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            std::fs::OpenOptions::new().append(true).open(&self.path)?.write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let home = Home::new();
    let path = home.put("log.jsonl", b"{}\n");
    let input = Input::open(&RealFileSystem, &path).unwrap();
    Growing { path: path.clone() }.write_all(b"{}\n").unwrap();
    let (temporary, _file) = open_temporary(&RealFileSystem, &path).unwrap();
    let error = input.replace(&RealFileSystem, &temporary).unwrap_err();
    assert!(error.to_string().contains("changed meanwhile"), "{error}");
}

#[test]
fn a_damaged_input_is_kept_in_place_and_read_as_far_as_it_goes_beside() {
    let home = Home::new();
    let lines: String = (0..20_000).map(|time| entry(time, &format!("{{\"n\":{time}}}"))).collect();
    let path = home.put_compressed("a.jsonl.gz", lines.as_bytes(), Compression::Gzip);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 5]).unwrap();
    assert!(matches!(compact(&path, &in_place()), Err(CompactError::Damaged { .. })));
    assert_eq!(home.names(), ["a.jsonl.gz"]);
    let report = compact(&path, &settings()).unwrap();
    assert!(report.damaged.is_some());
    assert!(lines.starts_with(&plain(&report.output.unwrap())));
}

#[test]
fn a_failure_of_any_call_leaves_the_file_as_it_was_or_whole() {
    let contents = entry(1, r#"{"password":"hunter2"}"#).repeat(600);
    let run = |fs: &FaultyFileSystem, home: &Home| {
        let path = home.put("log.jsonl", contents.as_bytes());
        (compact_file(fs, &path, &in_place(), &Progress::default()), path)
    };
    let fs = FaultyFileSystem::new();
    let home = Home::new();
    let (outcome, path) = run(&fs, &home);
    outcome.unwrap();
    let expected = plain(&path);
    for fault in [Fault::Error(libc::ENOSPC), Fault::Crash] {
        for nth in 1..=fs.count(Call::Any) {
            let (fs, home) = (FaultyFileSystem::new(), Home::new());
            fs.fail_nth(Call::Any, nth, fault);
            let (outcome, path) = run(&fs, &home);
            let now = plain(&path);
            assert!(now == contents || now == expected, "call {nth}, {fault:?}");
            if now == contents {
                assert!(outcome.is_err(), "call {nth}, {fault:?}");
            }
            if fault != Fault::Crash {
                let left = home.names();
                assert!(!left.iter().any(|name| name.ends_with(".tmp")), "call {nth}: {left:?}");
            }
            // The next run is not disturbed by what a death left.
            assert!(compact(&path, &in_place()).is_ok(), "call {nth}, {fault:?}");
            assert_eq!(plain(&path), expected);
        }
    }
}

#[test]
fn two_at_once_do_not_disturb_each_other() {
    let home = Home::new();
    let path = home.put("log.jsonl", entry(1, "{}").as_bytes());
    let (temporary, file) = open_temporary(&RealFileSystem, &path).unwrap();
    let error = compact(&path, &in_place()).unwrap_err().to_string();
    assert!(error.contains("another process is compacting it"), "{error}");
    assert!(temporary.exists());
    drop(file);
    compact(&path, &in_place()).unwrap();
}

#[test]
fn being_stopped_changes_nothing() {
    let home = Home::new();
    let path = home.put("log.jsonl", entry(1, "{}").as_bytes());
    let progress = Progress::default();
    progress.stop.store(true, Ordering::Relaxed);
    let stopped = compact_file(&RealFileSystem, &path, &in_place(), &progress);
    assert!(matches!(stopped, Err(CompactError::Stopped)));
    assert_eq!(home.names(), ["log.jsonl"]);
}

#[test]
fn a_compressed_stream_becomes_plain_lines() {
    for compression in [Compression::Gzip, Compression::Zstd] {
        let mut encoder = Encoder::new(Vec::new(), compression).unwrap();
        encoder.write_all(b"{\"a\":1}\n").unwrap();
        let input = encoder.finish().unwrap();
        let mut out = Vec::new();
        let progress = Progress::default();
        let report = compact_stream(&input[..], &mut out, &settings(), &progress).unwrap();
        assert_eq!(out, b"{\"a\":1}\n");
        assert_eq!(report.bytes_in, input.len() as u64);
    }
    let (out, report) = stream("");
    assert_eq!((out.as_str(), report.rewritten.lines), ("", 0));
}
