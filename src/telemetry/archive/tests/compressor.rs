use super::super::compressor::{Compressor, Job, MAX_WAITING, Report};
use super::super::retention::Retention;
use super::*;
use crate::platform::clock::SystemClock;
use crate::platform::faulty::{Call, Fault, FaultyFileSystem};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

fn compressor(fs: Arc<dyn FileSystem>) -> Compressor {
    Compressor::new(fs, Arc::new(SystemClock))
}

fn job(home: &Home, archive: Option<String>, reports: &Sender<Report>) -> Job {
    let reports = reports.clone();
    Job {
        paths: home.paths.clone(),
        archive,
        compression: Compression::Gzip,
        retention: Retention::default(),
        done: Box::new(move |report| reports.send(report).unwrap()),
    }
}

/// A job of another log whose `done` holds the thread until the returned sender is used or dropped.
fn blocker(started: &Sender<()>) -> (Job, Sender<()>, Home) {
    let home = Home::new();
    let (go, gate) = channel::<()>();
    let started = started.clone();
    let job = Job {
        paths: home.paths.clone(),
        archive: None,
        compression: Compression::Gzip,
        retention: Retention::default(),
        done: Box::new(move |_| {
            started.send(()).unwrap();
            gate.recv().ok();
        }),
    };
    (job, go, home)
}

/// A compressor whose thread stands still.
fn blocked(fs: Arc<dyn FileSystem>) -> (Compressor, Sender<()>, Home) {
    let compressor = compressor(fs);
    let (started, starts): (_, Receiver<()>) = channel();
    let (job, go, home) = blocker(&started);
    compressor.submit(job);
    starts.recv().unwrap();
    (compressor, go, home)
}

#[test]
fn a_rotated_archive_is_compressed_and_told_of() {
    let home = Home::new();
    home.put(&home.name(0), &lines(10_000));
    let compressor = compressor(Arc::new(RealFileSystem));
    let (sender, reports) = channel();
    compressor.submit(job(&home, Some(home.name(0)), &sender));
    let report = reports.recv().unwrap();
    assert_eq!((report.compressed, report.error), (1, None));
    assert!(compressor.wait_idle(&home.paths, LONG));
    assert!(compressor.is_done(&home.paths, compressor.mark()));
    assert_eq!(compressor.counters().compressions.get(), 1);
    assert_eq!(home.names(), [suffixed(&home.name(0), Compression::Gzip)]);
}

#[test]
fn retention_comes_after_compression_in_the_same_job() {
    let home = Home::new();
    for ms in 0..4 {
        home.put(&home.name(ms), &lines(1000));
    }
    let compressor = compressor(Arc::new(RealFileSystem));
    let (sender, reports) = channel();
    let retention = Retention { max_archives: Some(1), ..Retention::default() };
    compressor.submit(Job { retention, ..job(&home, None, &sender) });
    let report = reports.recv().unwrap();
    assert_eq!((report.compressed, report.deleted), (4, 3));
    assert_eq!(home.names(), [suffixed(&home.name(3), Compression::Gzip)]);
}

#[test]
fn with_nothing_to_do_no_thread_is_started_and_the_caller_is_told_at_once() {
    let home = Home::new();
    let compressor = compressor(Arc::new(RealFileSystem));
    let (sender, reports) = channel();
    let plain = Job { compression: Compression::None, ..job(&home, Some(home.name(0)), &sender) };
    compressor.submit(plain);
    assert_eq!(reports.try_recv().unwrap(), Report::default());
}

#[test]
fn a_job_that_waits_already_is_not_queued_twice() {
    let home = Home::new();
    home.put(&home.name(0), b"{}\n");
    let (compressor, go, _other) = blocked(Arc::new(RealFileSystem));
    let (sender, reports) = channel();
    for _ in 0..5 {
        compressor.submit(job(&home, Some(home.name(0)), &sender));
    }
    assert!(!compressor.is_done(&home.paths, compressor.mark()));
    assert!(!compressor.wait_idle(&home.paths, Duration::ZERO));
    drop(go);
    assert!(compressor.wait_idle(&home.paths, LONG));
    drop(sender);
    assert_eq!(reports.iter().count(), 1);
}

#[test]
fn a_full_queue_forgets_no_archive() {
    let home = Home::new();
    let (compressor, go, _other) = blocked(Arc::new(RealFileSystem));
    let (sender, reports) = channel();
    let count = MAX_WAITING as i64 + 20;
    for ms in 0..count {
        home.put(&home.name(ms), b"{}\n");
        compressor.submit(job(&home, Some(home.name(ms)), &sender));
    }
    assert_eq!(compressor.counters().overflows.get(), 20);
    let stranger = Home::new();
    compressor.submit(job(&stranger, Some(stranger.name(0)), &sender));
    let refused = reports.try_recv().unwrap();
    assert!(refused.error.unwrap().contains("too many archives"));
    drop(go);
    assert!(compressor.wait_idle(&home.paths, LONG));
    assert!(home.names().iter().all(|name| name.ends_with(".gz")), "{:?}", home.names());
    assert_eq!(home.names().len(), count as usize);
}

#[test]
fn a_failure_is_told_and_the_next_job_finishes_it() {
    let home = Home::new();
    home.put(&home.name(0), b"{}\n");
    let fs = Arc::new(FaultyFileSystem::new());
    fs.fail_from(Call::Write, 1, Fault::Error(libc::ENOSPC));
    let compressor = compressor(Arc::clone(&fs) as Arc<dyn FileSystem>);
    let (sender, reports) = channel();
    compressor.submit(job(&home, Some(home.name(0)), &sender));
    let error = reports.recv().unwrap().error.unwrap();
    assert!(error.contains("No space left on device"), "{error}");
    assert_eq!(compressor.last_error(), Some(error));
    assert_eq!(compressor.counters().failures.get(), 1);
    fs.heal();
    compressor.submit(job(&home, None, &sender));
    assert_eq!(reports.recv().unwrap().compressed, 1);
}

#[test]
fn a_panic_ends_neither_the_thread_nor_the_next_job() {
    let home = Home::new();
    home.put(&home.name(0), b"{}\n");
    let compressor = compressor(Arc::new(RealFileSystem));
    let (sender, reports) = channel();
    let faulty = Job { done: Box::new(|_| panic!("a test's own")), ..job(&home, None, &sender) };
    compressor.submit(faulty);
    home.put(&home.name(1), b"{}\n");
    compressor.submit(job(&home, Some(home.name(1)), &sender));
    reports.recv().unwrap();
    assert_eq!(compressor.counters().panics.get(), 1);
}

#[test]
fn stopping_is_bounded_and_final() {
    let home = Home::new();
    home.put(&home.name(0), b"{}\n");
    let (compressor, go, _other) = blocked(Arc::new(RealFileSystem));
    let (sender, reports) = channel();
    compressor.submit(job(&home, Some(home.name(0)), &sender));
    assert!(!compressor.shutdown(Duration::ZERO), "the thread stands still");
    drop(go);
    assert!(compressor.shutdown(LONG));
    assert_eq!(home.names(), [home.name(0)], "what waited is left to the next start");
    compressor.submit(job(&home, None, &sender));
    assert!(reports.recv().unwrap().error.unwrap().contains("was stopped"));
}
