//! The file: its lines, its bound, and everything a disk can do to it.

use super::*;
use crate::export::fixtures::{full_span, span};
use crate::platform::faulty::{Call, Fault, FaultyFileSystem};
use crate::platform::filesystem::RealFileSystem;
use serde_json::{Value, json};
use tempfile::TempDir;

struct Bench {
    home: TempDir,
    fs: Arc<FaultyFileSystem>,
    destination: FileDestination,
}

impl Bench {
    fn new(max_bytes: u64) -> Bench {
        let home = tempfile::tempdir().unwrap();
        let fs = Arc::new(FaultyFileSystem::new());
        let settings = FileSettings { path: home.path().join("traces.jsonl"), max_bytes };
        let destination = FileDestination::new(settings, Arc::clone(&fs) as _).unwrap();
        Bench { home, fs, destination }
    }

    fn path(&self) -> PathBuf {
        self.home.path().join("traces.jsonl")
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.path()).unwrap()
    }

    fn deliver(&mut self, numbers: std::ops::Range<u64>) -> Delivery {
        self.destination.deliver(&numbers.map(span).collect::<Vec<_>>())
    }
}

fn delivered() -> Delivery {
    Delivery::Done { rejected: 0, complaint: None }
}

fn names(text: &str) -> Vec<String> {
    let name =
        |line| serde_json::from_str::<Value>(line).unwrap()["name"].as_str().unwrap().to_owned();
    text.lines().map(name).collect()
}

fn numbered(numbers: std::ops::Range<u64>) -> Vec<String> {
    numbers.map(|n| format!("span {n}")).collect()
}

#[test]
fn a_line_says_what_the_span_says_exact_to_the_nanosecond() {
    let mut line = Vec::new();
    write_line(&full_span(), &mut line).unwrap();
    let text = String::from_utf8(line).unwrap();
    assert!(text.ends_with("}\n") && text.matches('\n').count() == 1);
    assert!(text.contains("\"startTimeUnixNano\":1763726264000000130,"), "{text}");
    assert!(text.contains("\"timeUnixNano\":18446744073709551615,"), "{text}");
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        value,
        json!({
            "traceId": "00000000000000000000000000000008",
            "spanId": "0000000000000008",
            "parentSpanId": "abababababababab",
            "name": "worker_call:critic \"ü\" 𝄞",
            "startTimeUnixNano": 1_763_726_264_000_000_130_u64,
            "endTimeUnixNano": 1_763_726_264_001_500_130_u64,
            "durationMs": 1.5,
            "status": { "code": "ERROR", "message": "it\nfailed" },
            "attributes": {
                "str": "text", "bool": true, "i64": i64::MIN, "f64": 1.25, "nan": "NaN",
                "strs": ["a", ""], "bools": [true, false], "i64s": [1, i64::MAX],
                "f64s": [0.5, "-Infinity"], "none": [],
            },
            "events": [
                {
                    "name": "timeout", "timeUnixNano": 1_763_726_264_001_000_001_u64,
                    "attributes": { "escalated": false }, "droppedAttributesCount": 2,
                },
                { "name": "end", "timeUnixNano": u64::MAX, "attributes": {} },
            ],
            "droppedAttributesCount": 3,
            "droppedEventsCount": 4,
        })
    );
}

#[test]
fn a_root_has_no_parent_and_a_clock_that_went_back_no_negative_duration() {
    let mut line = Vec::new();
    write_line(&SpanRecord { end_unix_nanos: 1, ..span(0) }, &mut line).unwrap();
    let value: Value = serde_json::from_slice(&line).unwrap();
    assert_eq!((&value["parentSpanId"], &value["durationMs"]), (&Value::Null, &json!(0.0)));
    assert_eq!(value["status"], json!({ "code": "UNSET" }));
    assert_eq!(value["droppedEventsCount"], Value::Null);
}

#[test]
fn a_batch_is_one_write_and_the_missing_directory_is_made() {
    let mut bench = Bench::new(DEFAULT_MAX_BYTES);
    let path = bench.home.path().join("state/telemetry/traces.jsonl");
    let fs = Arc::clone(&bench.fs);
    bench.destination = FileDestination::new(FileSettings::new(&path), fs as _).unwrap();
    assert_eq!(bench.deliver(0..100), delivered());
    assert_eq!(bench.deliver(100..101), delivered());
    assert_eq!(bench.fs.count(Call::Write), 2);
    assert_eq!(bench.fs.count(Call::OpenAppend), 2, "once in vain, then it stays open");
    assert_eq!(names(&std::fs::read_to_string(path).unwrap()), numbered(0..101));
}

#[test]
fn past_its_bound_the_file_becomes_the_predecessor() {
    let mut bench = Bench::new(LEAST_MAX_BYTES);
    let mut all = Vec::new();
    for n in 0..60 {
        assert_eq!(bench.deliver(n..n + 1), delivered());
        let length = std::fs::metadata(bench.path()).unwrap().len();
        assert!(length <= LEAST_MAX_BYTES, "{length}");
        all.push(format!("span {n}"));
    }
    let previous = std::fs::read_to_string(bench.home.path().join("traces.jsonl.1")).unwrap();
    let kept = [names(&previous), names(&bench.text())].concat();
    assert!(kept.len() >= 15 && all.ends_with(&kept), "the newest, without a gap: {kept:?}");
    assert_eq!(std::fs::read_dir(bench.home.path()).unwrap().count(), 2);
}

#[test]
fn a_batch_larger_than_the_bound_is_written_whole() {
    let mut bench = Bench::new(LEAST_MAX_BYTES);
    assert_eq!(bench.deliver(0..500), delivered());
    assert_eq!(bench.deliver(500..501), delivered());
    assert_eq!(names(&bench.text()), numbered(500..501));
}

#[test]
fn a_full_disk_leaves_no_part_of_a_line_and_loses_and_doubles_nothing() {
    let mut bench = Bench::new(DEFAULT_MAX_BYTES);
    assert_eq!(bench.deliver(0..2), delivered());
    let before = bench.text();
    bench.fs.limit_space(300);
    for _ in 0..3 {
        let Delivery::Later { after: None, error } = bench.deliver(2..10) else { panic!() };
        assert_eq!((error.code, error.cause.as_deref()), (WRITE, Some("ENOSPC")));
        assert!(error.message.contains("traces.jsonl cannot be written: "), "{}", error.message);
        assert_eq!(bench.text(), before);
    }
    bench.fs.heal();
    assert_eq!(bench.deliver(2..10), delivered());
    assert_eq!(names(&bench.text()), numbered(0..10));
}

#[test]
fn what_could_not_be_cut_off_is_cut_off_later() {
    let mut bench = Bench::new(DEFAULT_MAX_BYTES);
    assert_eq!(bench.deliver(0..2), delivered());
    bench.fs.limit_space(300);
    bench.fs.fail_nth(Call::Truncate, 1, Fault::Error(libc::EIO));
    assert!(matches!(bench.deliver(2..10), Delivery::Later { .. }));
    assert!(!bench.text().ends_with('\n'), "the part is still there");
    bench.fs.heal();
    assert_eq!(bench.deliver(2..10), delivered());
    assert_eq!(names(&bench.text()), numbered(0..10));
}

#[test]
fn a_part_that_somebody_wrote_after_is_ended_and_not_cut() {
    let mut bench = Bench::new(DEFAULT_MAX_BYTES);
    bench.fs.limit_space(300);
    bench.fs.fail_nth(Call::Truncate, 1, Fault::Error(libc::EIO));
    assert!(matches!(bench.deliver(0..10), Delivery::Later { .. }));
    bench.fs.heal();
    let fs = Arc::new(RealFileSystem);
    let mut other = FileDestination::new(FileSettings::new(bench.path()), fs as _).unwrap();
    assert_eq!(other.deliver(&[span(77)]), delivered());
    assert_eq!(bench.deliver(0..2), delivered());
    let text = bench.text();
    let whole: Vec<_> =
        text.lines().filter(|line| serde_json::from_str::<Value>(line).is_ok()).collect();
    // The first line may have been whole before the disk was full.
    assert_eq!(text.lines().count(), whole.len() + 1);
    assert!(
        names(&whole.join("\n"))
            .ends_with(&numbered(77..78).into_iter().chain(numbered(0..2)).collect::<Vec<_>>())
    );
}

#[test]
fn a_line_a_dead_process_left_unfinished_swallows_none_of_ours() {
    let mut bench = Bench::new(DEFAULT_MAX_BYTES);
    std::fs::write(bench.path(), "{\"name\":\"whole\"}\n{\"na").unwrap();
    assert_eq!(bench.deliver(0..2), delivered());
    let text = bench.text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!((lines[0], lines[1]), ("{\"name\":\"whole\"}", "{\"na"));
    assert_eq!(names(&lines[2..].join("\n")), numbered(0..2));
}

#[test]
fn short_writes_are_continued() {
    let mut bench = Bench::new(DEFAULT_MAX_BYTES);
    bench.fs.fail_nth(Call::Write, 1, Fault::Short(10));
    bench.fs.fail_nth(Call::Write, 1, Fault::Error(libc::EINTR));
    assert_eq!(bench.deliver(0..5), delivered());
    assert_eq!(names(&bench.text()), numbered(0..5));
}

#[test]
fn a_file_taken_away_is_made_again() {
    let mut bench = Bench::new(DEFAULT_MAX_BYTES);
    assert_eq!(bench.deliver(0..1), delivered());
    std::fs::remove_file(bench.path()).unwrap();
    assert_eq!(bench.deliver(1..2), delivered());
    assert_eq!(names(&bench.text()), numbered(1..2));
    let away = bench.home.path().join("away");
    std::fs::rename(bench.path(), &away).unwrap();
    assert_eq!(bench.deliver(2..3), delivered());
    assert_eq!(names(&std::fs::read_to_string(away).unwrap()), numbered(1..2));
    assert_eq!(names(&bench.text()), numbered(2..3));
}

#[test]
fn a_file_locked_by_another_is_looked_at_again_soon_then_less_often() {
    let mut bench = Bench::new(DEFAULT_MAX_BYTES);
    let fs = RealFileSystem;
    let holder = fs.open_append(&bench.path()).unwrap();
    assert!(fs.try_lock(&holder).unwrap());
    let mut pauses = Vec::new();
    for _ in 0..8 {
        let Delivery::Later { after: Some(after), error } = bench.deliver(0..1) else { panic!() };
        assert_eq!(error.cause.as_deref(), Some("EAGAIN"));
        pauses.push(after.as_millis());
    }
    assert_eq!(pauses, [20, 40, 80, 160, 320, 640, 1000, 1000]);
    drop(holder);
    assert_eq!(bench.deliver(0..1), delivered());
    assert_eq!(names(&bench.text()), numbered(0..1));
}

#[test]
fn every_call_on_the_disk_may_fail_once_and_each_span_is_there_once() {
    for call in [
        Call::OpenAppend,
        Call::TryLock,
        Call::Status,
        Call::StatusAt,
        Call::ReadAt,
        Call::Write,
        Call::Rename,
        Call::Unlock,
        Call::CreateDirectory,
    ] {
        for nth in 1..6 {
            let mut bench = Bench::new(LEAST_MAX_BYTES);
            bench.fs.fail_nth(call, nth, Fault::Error(libc::EIO));
            for batch in 0..5 {
                let numbers = batch * 7..batch * 7 + 7;
                while bench.deliver(numbers.clone()) != delivered() {}
            }
            let previous = std::fs::read_to_string(bench.home.path().join("traces.jsonl.1"));
            let text = previous.unwrap_or_default() + &bench.text();
            let kept = names(&text);
            assert!(numbered(0..35).ends_with(&kept), "{call:?} {nth}: {kept:?}");
            assert!(kept.len() >= 14, "{call:?} {nth}: {kept:?}");
        }
    }
}

#[test]
fn two_that_share_a_file_lose_and_tear_nothing() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("traces.jsonl");
    std::thread::scope(|scope| {
        for writer in 0..2 {
            let settings = FileSettings { path: path.clone(), max_bytes: 1 << 20 };
            let mut destination = FileDestination::new(settings, Arc::new(RealFileSystem)).unwrap();
            scope.spawn(move || {
                for n in 0..200 {
                    let batch: Vec<_> =
                        (0..3).map(|part| span(writer * 1000 + n * 3 + part)).collect();
                    while destination.deliver(&batch) != delivered() {
                        std::thread::yield_now();
                    }
                }
            });
        }
    });
    let mut all = names(&std::fs::read_to_string(&path).unwrap());
    let mut expected = [numbered(0..600), numbered(1000..1600)].concat();
    all.sort();
    expected.sort();
    assert_eq!(all, expected);
}

#[test]
#[cfg(unix)]
fn a_planted_link_is_not_followed() {
    let mut bench = Bench::new(DEFAULT_MAX_BYTES);
    let target = bench.home.path().join("target");
    std::fs::write(&target, "").unwrap();
    std::os::unix::fs::symlink(&target, bench.path()).unwrap();
    let Delivery::Later { error, .. } = bench.deliver(0..1) else { panic!() };
    assert_eq!(error.cause.as_deref(), Some("ELOOP"));
    assert_eq!(std::fs::read_to_string(target).unwrap(), "");
}

#[test]
fn a_path_that_names_no_file_and_a_bound_too_small_are_refused() {
    let refused = |path: &str, max_bytes| {
        let settings = FileSettings { path: path.into(), max_bytes };
        FileDestination::new(settings, Arc::new(RealFileSystem)).map(|_| ()).unwrap_err()
    };
    for path in ["", "/", "..", "a\0b"] {
        assert_eq!(refused(path, DEFAULT_MAX_BYTES).code(), "ERR_PLIMSOLL_CONFIG", "{path:?}");
    }
    assert!(refused("a", LEAST_MAX_BYTES - 1).to_string().starts_with("file.maxBytes: "));
}
