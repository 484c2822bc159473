//! Every course of events between a lane, its worker and a destination, on a clock that stands still.

use super::fixtures::{ManualClock, span};
use super::lane::{BatchSettings, Lane, Wake};
use super::limits::MAX_TEXT_BYTES;
use super::span::{SpanRecord, SpanSource};
use super::stats::{DeliveryError, Dropped, REJECTED, UNREACHABLE};
use super::worker::{Delivery, Destination, Step, Worker};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Answers from a script, then with success.
#[derive(Clone, Default)]
struct Scripted {
    script: Arc<Mutex<VecDeque<Delivery>>>,
    seen: Arc<Mutex<Vec<Vec<SpanRecord>>>>,
}

impl Destination for Scripted {
    fn deliver(&mut self, spans: &[SpanRecord]) -> Delivery {
        self.seen.lock().unwrap().push(spans.to_vec());
        self.script.lock().unwrap().pop_front().unwrap_or(done(0))
    }
}

fn error(code: &'static str) -> DeliveryError {
    DeliveryError { code, message: "scripted".to_owned(), cause: None }
}

fn done(rejected: u64) -> Delivery {
    Delivery::Done { rejected, complaint: (rejected > 0).then(|| error(REJECTED)) }
}

fn later(after: Option<u64>) -> Delivery {
    Delivery::Later { after: after.map(Duration::from_secs), error: error(UNREACHABLE) }
}

struct Bench {
    lane: Arc<Lane>,
    clock: Arc<ManualClock>,
    destination: Scripted,
    worker: Worker,
}

impl Bench {
    fn new(settings: BatchSettings, script: impl IntoIterator<Item = Delivery>) -> Bench {
        let lane = Arc::new(Lane::new(settings));
        let clock = Arc::new(ManualClock::default());
        let destination = Scripted::default();
        destination.script.lock().unwrap().extend(script);
        let boxed = Box::new(destination.clone());
        let worker = Worker::new(Arc::clone(&lane), boxed, Arc::clone(&clock) as _, 1);
        Bench { lane, clock, destination, worker }
    }

    fn offer(&self, source: impl SpanSource) -> bool {
        let bytes = source.bytes();
        self.lane.offer(Arc::new(source), bytes)
    }

    fn offer_many(&self, numbers: std::ops::Range<u64>) -> usize {
        numbers.filter(|&n| self.offer(span(n))).count()
    }

    /// Steps until there is nothing to do now.
    fn drive(&mut self) -> Step {
        loop {
            let step = self.worker.step();
            if step != Step::Again {
                return step;
            }
        }
    }

    /// Steps, and moves the clock to each retry, until nothing is left.
    fn drive_to_end(&mut self) {
        while let Step::Sleep { until: Some(until), .. } = self.drive() {
            self.clock.set(until);
        }
    }

    fn attempts(&self) -> Vec<usize> {
        self.destination.seen.lock().unwrap().iter().map(Vec::len).collect()
    }

    fn dropped(&self) -> Dropped {
        self.lane.stats().dropped
    }
}

fn sleeping_until(step: Step) -> (Wake, Option<Duration>) {
    match step {
        Step::Sleep { wake, until, .. } => (wake, until),
        other => panic!("{other:?}"),
    }
}

#[test]
fn spans_wait_five_seconds_for_a_batch_and_no_longer() {
    let mut bench = Bench::new(BatchSettings::default(), []);
    assert_eq!(sleeping_until(bench.drive()), (Wake::Span, None));
    bench.offer_many(0..3);
    let due = Some(Duration::from_secs(5));
    assert_eq!(sleeping_until(bench.drive()), (Wake::Batch, due));
    bench.clock.advance(Duration::from_millis(4_999));
    bench.offer_many(3..5);
    assert_eq!(sleeping_until(bench.drive()), (Wake::Batch, due));
    bench.clock.advance(Duration::from_millis(1));
    assert_eq!(sleeping_until(bench.drive()), (Wake::Span, None));
    assert_eq!(bench.attempts(), [5]);
    assert_eq!(bench.destination.seen.lock().unwrap()[0], (0..5).map(span).collect::<Vec<_>>());
    let stats = bench.lane.stats();
    assert_eq!((stats.accepted, stats.exported, stats.batches, stats.queued), (5, 5, 1, 0));
    assert_eq!((stats.queued_bytes, stats.last_error), (0, None));
}

#[test]
fn full_batches_leave_at_once_and_the_rest_after_its_own_delay() {
    let mut bench = Bench::new(BatchSettings::default(), []);
    bench.offer_many(0..1025);
    bench.clock.advance(Duration::from_secs(1));
    let (wake, until) = sleeping_until(bench.drive());
    assert_eq!((wake, until), (Wake::Batch, Some(Duration::from_secs(6))));
    assert_eq!(bench.attempts(), [512, 512]);
    bench.clock.set(Duration::from_secs(6));
    bench.drive();
    assert_eq!(bench.attempts(), [512, 512, 1]);
}

#[test]
fn an_outage_loses_nothing_within_the_queue_and_counts_what_is_over() {
    let mut bench = Bench::new(BatchSettings::default(), vec![later(None); 20]);
    assert_eq!(bench.offer_many(0..600), 600);
    bench.drive();
    // What is being sent is part of the bound.
    assert_eq!(bench.offer_many(600..3000), 2048 - 600);
    assert_eq!(bench.lane.stats().queued, 2048);
    assert_eq!(bench.dropped(), Dropped { queue_full: 952, ..Dropped::default() });
    bench.drive_to_end();
    let stats = bench.lane.stats();
    assert_eq!((stats.exported, stats.retries, stats.queued, stats.queued_bytes), (2048, 20, 0, 0));
    assert_eq!(stats.last_error.unwrap().error.code, UNREACHABLE);
    let seen = bench.destination.seen.lock().unwrap();
    let delivered: Vec<_> = seen[20..].concat();
    assert_eq!(delivered, (0..2048).map(span).collect::<Vec<_>>());
}

#[test]
fn pauses_grow_during_an_outage_and_begin_anew_after_it() {
    let mut bench = Bench::new(
        BatchSettings { delay: Duration::ZERO, ..BatchSettings::default() },
        vec![later(None); 8].into_iter().chain([done(0), later(None)]),
    );
    bench.offer_many(0..1);
    for longest in [1, 2, 4, 8, 16, 30, 30, 30] {
        let now = bench.clock_now();
        let (wake, until) = sleeping_until(bench.drive());
        let pause = until.unwrap() - now;
        let longest = Duration::from_secs(longest);
        assert!(wake == Wake::Request && pause >= longest / 2 && pause <= longest, "{pause:?}");
        bench.clock.set(until.unwrap());
    }
    bench.drive();
    bench.offer_many(1..2);
    let now = bench.clock_now();
    let (_, until) = sleeping_until(bench.drive());
    assert!(until.unwrap() - now <= Duration::from_secs(1));
}

impl Bench {
    fn clock_now(&self) -> Duration {
        use crate::platform::clock::Clock;
        self.clock.monotonic()
    }
}

#[test]
fn a_flush_cuts_our_own_pause_short_and_a_requested_one_not() {
    let settings = BatchSettings::default();
    let mut bench = Bench::new(settings, [later(None), later(None), later(Some(60)), done(0)]);
    bench.offer_many(0..1);
    let target = bench.lane.request_flush();
    bench.drive();
    assert_eq!(bench.attempts(), [1], "a flush does not wait for the batch");
    bench.lane.request_flush();
    bench.drive();
    assert_eq!(bench.attempts(), [1, 1], "one attempt more for one flush");
    bench.lane.request_flush();
    let (wake, until) = sleeping_until(bench.drive());
    assert_eq!((wake, until), (Wake::Request, Some(Duration::from_secs(60))));
    bench.lane.request_flush();
    bench.drive();
    assert_eq!(bench.attempts().len(), 3, "the collector asked to be left alone");
    // Nothing will happen within a minute: whoever waits is told at once.
    assert!(!bench.lane.await_flush(target, Duration::from_secs(600), Duration::from_secs(60)));
    bench.clock.set(Duration::from_secs(60));
    bench.drive();
    assert!(bench.lane.await_flush(target, Duration::ZERO, Duration::ZERO));
}

#[test]
fn a_pause_asked_for_is_kept_but_not_for_days() {
    let settings = BatchSettings { delay: Duration::ZERO, ..BatchSettings::default() };
    let mut bench = Bench::new(settings, [later(Some(7)), later(Some(u64::MAX))]);
    bench.offer_many(0..1);
    assert_eq!(sleeping_until(bench.drive()).1, Some(Duration::from_secs(7)));
    bench.clock.set(Duration::from_secs(7));
    assert_eq!(sleeping_until(bench.drive()).1, Some(Duration::from_secs(307)));
}

#[test]
fn what_is_refused_for_good_makes_room_for_the_next() {
    let mut bench = Bench::new(
        BatchSettings::default(),
        [Delivery::Refused(error(REJECTED)), done(2), done(u64::MAX)],
    );
    bench.offer_many(0..512 * 4);
    bench.drive();
    let stats = bench.lane.stats();
    assert_eq!(stats.dropped, Dropped { rejected: 512 + 2 + 512, ..Dropped::default() });
    assert_eq!((stats.exported, stats.batches, stats.queued), (510 + 512, 2, 0));
    assert_eq!(stats.queued_bytes, 0);
    assert_eq!(stats.last_error.unwrap().error.code, REJECTED);
}

#[test]
fn a_batch_too_large_is_halved_until_the_one_span_to_blame_is_alone() {
    struct NoSeven(Arc<Mutex<Vec<SpanRecord>>>);
    impl Destination for NoSeven {
        fn deliver(&mut self, spans: &[SpanRecord]) -> Delivery {
            if spans.contains(&span(7)) {
                return Delivery::TooLarge(error(REJECTED));
            }
            self.0.lock().unwrap().extend_from_slice(spans);
            done(0)
        }
    }
    let delivered = Arc::default();
    let mut bench = Bench::new(BatchSettings { max_batch: 20, ..BatchSettings::default() }, []);
    let destination = Box::new(NoSeven(Arc::clone(&delivered)));
    bench.worker =
        Worker::new(Arc::clone(&bench.lane), destination, Arc::clone(&bench.clock) as _, 1);
    bench.offer_many(0..20);
    bench.drive();
    let expected: Vec<_> = (0..20).filter(|&n| n != 7).map(span).collect();
    assert_eq!(*delivered.lock().unwrap(), expected);
    assert_eq!(bench.dropped(), Dropped { too_large: 1, ..Dropped::default() });
    assert_eq!(bench.lane.stats().queued_bytes, 0);
}

struct Heavy(usize);

impl SpanSource for Heavy {
    fn bytes(&self) -> usize {
        self.0
    }

    fn span(&self) -> SpanRecord {
        let text = "x".repeat(MAX_TEXT_BYTES);
        let attributes = (0..6).map(|n| (format!("{n}").into(), text.clone().into())).collect();
        SpanRecord { attributes, ..span(0) }
    }
}

#[test]
fn bytes_bound_the_queue_and_each_batch() {
    let settings = BatchSettings {
        max_queue_bytes: 1000,
        max_batch_bytes: 250_000,
        delay: Duration::ZERO,
        ..BatchSettings::default()
    };
    let mut bench = Bench::new(settings, []);
    assert!(!bench.offer(Heavy(1001)));
    assert_eq!((0..12).filter(|_| bench.offer(Heavy(100))).count(), 10);
    assert_eq!(bench.dropped(), Dropped { too_large: 1, queue_full: 2, ..Dropped::default() });
    bench.drive();
    // Some 98 KiB each: the third closes the batch.
    assert_eq!(bench.attempts(), [3, 3, 3, 1]);
    assert_eq!(bench.lane.stats().queued_bytes, 0);
}

#[test]
fn a_span_that_panics_takes_no_other_with_it() {
    struct PanicsLate;
    impl Drop for PanicsLate {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("dropped badly");
            }
        }
    }
    let mut bench = Bench::new(BatchSettings::default(), []);
    bench.offer_many(0..2);
    bench.offer(|| -> SpanRecord { panic!("formed badly") });
    let late = PanicsLate;
    bench.offer(move || {
        let _held = &late;
        span(9)
    });
    bench.offer_many(2..4);
    bench.lane.request_flush();
    bench.drive();
    assert_eq!(bench.destination.seen.lock().unwrap()[0], (0..4).map(span).collect::<Vec<_>>());
    let stats = bench.lane.stats();
    assert_eq!((stats.dropped.panicked, stats.panics, stats.queued), (2, 2, 0));
    assert_eq!(stats.last_error.unwrap().error.code, "ERR_PLIMSOLL_INTERNAL");
}

#[test]
fn a_span_without_ids_spoils_no_batch() {
    let mut bench = Bench::new(BatchSettings::default(), []);
    bench.offer(span(0));
    bench.offer(SpanRecord { trace_id: [0; 16], ..span(1) });
    bench.offer(SpanRecord { span_id: [0; 8], ..span(2) });
    bench.lane.request_flush();
    bench.drive();
    assert_eq!(bench.attempts(), [1]);
    assert_eq!(bench.dropped(), Dropped { rejected: 2, ..Dropped::default() });
}

#[test]
fn a_destination_that_panics_costs_its_batch_and_the_thread_lives() {
    struct PanicsOnce(Option<Scripted>);
    impl Destination for PanicsOnce {
        fn deliver(&mut self, spans: &[SpanRecord]) -> Delivery {
            match self.0.as_mut() {
                Some(scripted) if spans.len() < 512 => scripted.deliver(spans),
                _ => panic!("delivered badly"),
            }
        }
    }
    let mut bench = Bench::new(BatchSettings::default(), []);
    let destination = Box::new(PanicsOnce(Some(bench.destination.clone())));
    let clock = Arc::new(crate::platform::clock::SystemClock);
    bench.worker = Worker::new(Arc::clone(&bench.lane), destination, clock, 1);
    bench.offer_many(0..515);
    let lane = Arc::clone(&bench.lane);
    let thread = std::thread::spawn(move || bench.worker.run());
    let target = lane.request_flush();
    assert!(lane.await_flush(target, Duration::from_secs(60), Duration::MAX));
    let stats = lane.stats();
    assert_eq!((stats.dropped.panicked, stats.panics, stats.exported), (512, 1, 3));
    lane.end();
    thread.join().unwrap();
}

#[test]
fn what_is_left_at_the_end_is_counted_once_and_nothing_comes_after() {
    let mut bench = Bench::new(BatchSettings::default(), vec![later(None); 5]);
    bench.offer_many(0..600);
    bench.drive();
    bench.lane.close();
    assert!(!bench.offer(span(0)));
    bench.lane.end();
    bench.lane.end();
    assert_eq!(bench.drive(), Step::End);
    let stats = bench.lane.stats();
    assert_eq!((stats.dropped.closed, stats.queued, stats.exported), (601, 0, 0));
}

fn any_delivery() -> impl Strategy<Value = Delivery> {
    prop_oneof![
        4 => Just(done(0)),
        2 => (0..20_u64).prop_map(done),
        2 => Just(later(None)),
        1 => (0..400_u64).prop_map(|seconds| later(Some(seconds))),
        1 => Just(Delivery::TooLarge(error(REJECTED))),
        1 => Just(Delivery::Refused(error(REJECTED))),
    ]
}

#[derive(Debug, Clone)]
enum Event {
    Offer(u64),
    Advance(u64),
    Flush,
    Step(u8),
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (1..30_u64).prop_map(Event::Offer),
        (1..10_u64).prop_map(Event::Advance),
        Just(Event::Flush),
        (1..20_u8).prop_map(Event::Step),
    ]
}

proptest! {
    /// Whatever happens in whatever order: every span is accounted for exactly once, at every moment,
    /// the bound holds, and what was delivered came in the order of its submission.
    #[test]
    fn every_span_has_one_fate(
        script in prop::collection::vec(any_delivery(), 0..40),
        events in prop::collection::vec(any_event(), 1..60),
    ) {
        let settings = BatchSettings { max_queue: 50, max_batch: 16, ..BatchSettings::default() };
        let mut bench = Bench::new(settings, script);
        let (mut offered, mut next) = (0, 0);
        for event in events {
            match event {
                Event::Offer(count) => {
                    bench.offer_many(next..next + count);
                    next += count;
                    offered += count;
                }
                Event::Advance(seconds) => bench.clock.advance(Duration::from_secs(seconds)),
                Event::Flush => drop(bench.lane.request_flush()),
                Event::Step(count) => (0..count).for_each(|_| {
                    bench.worker.step();
                }),
            }
            let stats = bench.lane.stats();
            prop_assert_eq!(offered, stats.exported + stats.dropped.total() + stats.queued);
            prop_assert!(stats.queued <= 50);
        }
        bench.lane.request_flush();
        bench.drive_to_end();
        let stats = bench.lane.stats();
        prop_assert_eq!((stats.queued, stats.queued_bytes), (0, 0));
        prop_assert_eq!(offered, stats.exported + stats.dropped.total());
        let seen = bench.destination.seen.lock().unwrap();
        let firsts: Vec<_> = seen.iter().map(|batch| batch[0].span_id).collect();
        prop_assert!(firsts.is_sorted(), "batches in order");
    }
}
