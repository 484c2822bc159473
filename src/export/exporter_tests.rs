//! The exporter as a whole, with its threads, a real collector and a real file.

use super::exporter::{EXIT_BOUND, ExporterSettings, StartError, TraceExporter};
use super::fixtures::span;
use super::jsonl::FileSettings;
use super::lane::BatchSettings;
use super::otlp::OtlpSettings;
use super::otlp::receiver::{Receiver, Reply};
use crate::platform::clock::SystemClock;
use crate::platform::faulty::{Call, Fault, FaultyFileSystem};
use crate::platform::filesystem::{FileSystem, RealFileSystem};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(60);

fn start(settings: ExporterSettings, fs: Arc<dyn FileSystem>) -> TraceExporter {
    TraceExporter::start_with(settings, fs, Arc::new(SystemClock)).unwrap()
}

fn to_collector(receiver: &Receiver) -> ExporterSettings {
    let otlp = OtlpSettings { endpoint: receiver.endpoint(), ..OtlpSettings::default() };
    ExporterSettings { otlp: Some(otlp), ..ExporterSettings::default() }
}

fn lines(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn both_destinations_get_every_span() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("state/telemetry/traces.jsonl");
    let receiver = Receiver::start(vec![]);
    let file = Some(FileSettings::new(&path));
    let settings = ExporterSettings { file, ..to_collector(&receiver) };
    let exporter = start(settings, Arc::new(RealFileSystem));
    for n in 0..1000 {
        assert!(exporter.submit(move || span(n)));
    }
    assert!(exporter.flush(LONG));
    let sent: Vec<_> = receiver.requests().iter().flat_map(|request| request.spans()).collect();
    let names: Vec<_> = sent.iter().map(|span| span.name.clone()).collect();
    let expected: Vec<_> = (0..1000).map(|n| format!("span {n}")).collect();
    assert_eq!(names, expected);
    assert_eq!(lines(&path).iter().map(|line| line["name"].clone()).collect::<Vec<_>>(), expected);
    let stats = exporter.stats();
    assert_eq!((stats.otlp.unwrap().exported, stats.file.unwrap().exported), (1000, 1000));
}

#[test]
fn a_dead_collector_does_not_stop_the_file_and_loses_nothing_until_it_is_back() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("traces.jsonl");
    let receiver = Receiver::start(vec![]);
    let address = receiver.address();
    let settings =
        ExporterSettings { file: Some(FileSettings::new(&path)), ..to_collector(&receiver) };
    drop(receiver);
    let exporter = start(settings, Arc::new(RealFileSystem));
    (0..2048).for_each(|n| assert!(exporter.submit(span(n))));
    // Shorter than the first pause: it ends when the attempt has failed.
    assert!(!exporter.flush(Duration::from_millis(400)));
    while exporter.stats().file.unwrap().exported < 2048 {
        std::thread::yield_now();
    }
    assert!(!exporter.submit(span(2048)), "the collector's queue is full");
    let stats = exporter.stats();
    assert_eq!(stats.otlp.as_ref().unwrap().queued, 2048);
    assert_eq!(stats.otlp.unwrap().dropped.queue_full, 1);
    assert_eq!(stats.file.unwrap().dropped.total(), 0);

    let receiver = Receiver::start_at(address, vec![]);
    assert!(exporter.flush(LONG));
    let sent: usize = receiver.requests().iter().map(|request| request.spans().len()).sum();
    assert_eq!((sent, lines(&path).len()), (2048, 2049));
}

#[test]
fn a_slow_collector_holds_up_neither_submission_nor_file() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("traces.jsonl");
    let (telling, told) = channel();
    let receiver = Receiver::start(vec![Reply::Held(told)]);
    let mut settings = to_collector(&receiver);
    settings.file = Some(FileSettings::new(&path));
    settings.otlp.as_mut().unwrap().timeout = Duration::from_secs(120);
    settings.batch = BatchSettings { max_batch: 64, ..BatchSettings::default() };
    let exporter = start(settings, Arc::new(RealFileSystem));
    (0..64).for_each(|n| assert!(exporter.submit(span(n))));
    let first = receiver.request();
    // The collector has the first batch and says nothing.
    (64..2048).for_each(|n| assert!(exporter.submit(span(n))));
    while exporter.stats().file.unwrap().exported < 2048 {
        std::thread::yield_now();
    }
    assert_eq!(lines(&path).len(), 2048);
    assert_eq!(exporter.stats().otlp.unwrap().queued, 2048);
    telling.send(()).unwrap();
    assert!(exporter.flush(LONG));
    let rest: usize = receiver.requests().iter().map(|request| request.spans().len()).sum();
    assert_eq!(first.spans().len() + rest, 2048);
}

#[test]
fn a_flush_ends_at_its_bound() {
    let (telling, told) = channel();
    let receiver = Receiver::start(vec![Reply::Held(told)]);
    let exporter = start(to_collector(&receiver), Arc::new(RealFileSystem));
    exporter.submit(span(0));
    let begun = Instant::now();
    assert!(!exporter.flush(Duration::from_millis(50)));
    assert!(begun.elapsed() >= Duration::from_millis(50), "it was still being sent");
    drop(telling);
    assert!(exporter.shutdown(LONG));
    assert!(!exporter.submit(span(1)));
    assert_eq!(exporter.stats().otlp.unwrap().dropped.closed, 1);
}

#[test]
fn the_end_drops_and_counts_what_cannot_be_delivered() {
    let receiver = Receiver::start(vec![]);
    let settings = to_collector(&receiver);
    drop(receiver);
    let exporter = start(settings, Arc::new(RealFileSystem));
    (0..10).for_each(|n| assert!(exporter.submit(span(n))));
    assert!(!exporter.shutdown(Duration::from_millis(100)));
    let stats = exporter.stats().otlp.unwrap();
    assert_eq!((stats.dropped.closed, stats.queued), (10, 0));
    // Once more changes nothing.
    exporter.shutdown(LONG);
    assert_eq!(exporter.stats().otlp.unwrap().dropped.closed, 10);
}

#[test]
fn the_threads_end_with_the_exporter() {
    let fs = Arc::new(RealFileSystem);
    let weak = Arc::downgrade(&fs);
    let home = tempfile::tempdir().unwrap();
    let file = Some(FileSettings::new(home.path().join("t")));
    let exporter = start(ExporterSettings { file, ..ExporterSettings::default() }, fs);
    exporter.submit(span(0));
    drop(exporter);
    while weak.strong_count() > 0 {
        std::thread::yield_now();
    }
}

#[test]
fn trouble_with_the_disk_is_counted_and_outlived() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("traces.jsonl");
    let fs = Arc::new(FaultyFileSystem::new());
    fs.fail_from(Call::OpenAppend, 1, Fault::Error(libc::EACCES));
    let file = Some(FileSettings::new(&path));
    let exporter =
        start(ExporterSettings { file, ..ExporterSettings::default() }, Arc::clone(&fs) as _);
    exporter.submit(span(0));
    assert!(!exporter.flush(Duration::from_millis(400)));
    while exporter.stats().file.unwrap().retries == 0 {
        std::thread::yield_now();
    }
    let error = exporter.stats().file.unwrap().last_error.unwrap().error;
    assert_eq!((error.code, error.cause.as_deref()), ("ERR_PLIMSOLL_WRITE", Some("EACCES")));
    fs.heal();
    assert!(exporter.flush(LONG));
    assert_eq!(lines(&path).len(), 1);
}

#[test]
fn settings_that_cannot_be_followed_start_nothing() {
    let otlp = OtlpSettings { endpoint: "https://c".to_owned(), ..OtlpSettings::default() };
    let settings = ExporterSettings { otlp: Some(otlp), ..ExporterSettings::default() };
    let refused = TraceExporter::start(settings).map(|_| ()).unwrap_err();
    assert_eq!(refused.code(), "ERR_PLIMSOLL_CONFIG");
    assert!(matches!(refused, StartError::Config { setting: "otlp.endpoint", .. }), "{refused}");
}

#[test]
fn without_destinations_nothing_is_kept() {
    let exporter = start(ExporterSettings::default(), Arc::new(RealFileSystem));
    assert!(exporter.submit(span(0)));
    assert!(exporter.flush(Duration::ZERO));
    assert_eq!(exporter.stats(), super::stats::ExporterStats::default());
}

#[test]
fn many_threads_submit_and_every_span_is_accounted_for() {
    let receiver = Receiver::start(vec![]);
    let exporter = start(to_collector(&receiver), Arc::new(RealFileSystem));
    let taken: u64 = std::thread::scope(|scope| {
        let submitting = || (0..3000).filter(|&n| exporter.submit(move || span(n))).count() as u64;
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(submitting)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert!(exporter.flush(LONG));
    let stats = exporter.stats().otlp.unwrap();
    assert_eq!((stats.accepted, stats.exported, stats.queued), (taken, taken, 0));
    assert_eq!(stats.dropped.queue_full, 12_000 - taken);
    let sent: usize = receiver.requests().iter().map(|request| request.spans().len()).sum();
    assert_eq!(sent as u64, taken);
}

const REQUEST_TIMEOUT: Duration = Duration::from_secs(300);
const ENDPOINT: &str = "PLIMSOLL_TEST_ENDPOINT";

#[test]
#[ignore = "the process that ends in the test below"]
fn a_process_that_ends() {
    let Ok(endpoint) = std::env::var(ENDPOINT) else {
        return println!("left out: {ENDPOINT} is not set, nobody started this process to end");
    };
    let otlp = OtlpSettings { endpoint, timeout: REQUEST_TIMEOUT, ..OtlpSettings::default() };
    let settings = ExporterSettings { otlp: Some(otlp), ..ExporterSettings::default() };
    let exporter = TraceExporter::start(settings).unwrap();
    (0..3).for_each(|n| assert!(exporter.submit(span(n))));
    std::process::exit(0);
}

fn end_a_process(endpoint: &str) -> Duration {
    let begun = Instant::now();
    let status = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "export::exporter_tests::a_process_that_ends",
            "--ignored",
            "--nocapture",
        ])
        .env(ENDPOINT, endpoint)
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
    begun.elapsed()
}

#[test]
fn the_end_of_the_process_delivers_what_is_left() {
    let receiver = Receiver::start(vec![]);
    end_a_process(&receiver.endpoint());
    let sent: usize = receiver.requests().iter().map(|request| request.spans().len()).sum();
    assert_eq!(sent, 3);
}

#[test]
fn a_collector_that_never_answers_holds_up_the_end_for_its_bound_and_no_longer() {
    let (telling, told) = channel();
    let receiver = Receiver::start(vec![Reply::Held(told)]);
    let took = end_a_process(&receiver.endpoint());
    assert!(took >= EXIT_BOUND && took < REQUEST_TIMEOUT, "{took:?}");
    drop(telling);
}
