//! The thread that keeps deadlines, `plimsoll-timer`: one for all managers of the process.
//!
//! It sleeps until the earliest time a manager has named and then lets every manager look at its clock. A
//! manager that names an earlier time wakes it. It starts with the first manager that has something to
//! wait for, holds managers only weakly, and a panic in one manager's turn is caught and counted: the
//! others' deadlines are kept, and its own are looked at again a second later. When the system gives no
//! thread, whoever names a time next tries again.

use crate::platform::clock::Clock;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// The longest sleep, so that a lost wake-up is an error of a minute and not for ever.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// When one whose turn panicked has its next: what it would have said of its deadlines is lost.
const AFTER_PANIC: Duration = Duration::from_secs(1);

/// Something with deadlines.
pub trait Timed: Send + Sync {
    /// Does what is due and says when to come again, if ever.
    fn tick(&self, now: Duration) -> Option<Duration>;
}

#[derive(Default)]
struct Shared {
    timed: Mutex<Vec<Weak<dyn Timed>>>,
    /// The earliest time anybody has named since the thread last looked.
    earliest: Mutex<Option<Duration>>,
    named: Condvar,
    panics: AtomicU64,
}

/// See the module.
pub struct Timer {
    shared: Arc<Shared>,
    clock: Arc<dyn Clock>,
    threaded: bool,
    started: AtomicBool,
    starting: Mutex<()>,
}

impl Timer {
    /// A timer that has not started.
    pub fn new(clock: Arc<dyn Clock>) -> Timer {
        Timer {
            shared: Arc::default(),
            clock,
            threaded: true,
            started: AtomicBool::new(false),
            starting: Mutex::default(),
        }
    }

    /// One without a thread: its owner calls [`Timer::step`].
    pub fn manual(clock: Arc<dyn Clock>) -> Timer {
        Timer { threaded: false, ..Timer::new(clock) }
    }

    /// Lets everybody look at the clock, as the thread does when the time has come that was named. Returns
    /// when to do it next.
    pub fn step(&self, now: Duration) -> Option<Duration> {
        *self.shared.earliest() = None;
        self.shared.turn(now);
        self.next()
    }

    /// The earliest time that was named.
    pub fn next(&self) -> Option<Duration> {
        *self.shared.earliest()
    }

    /// Has something looked at whenever the thread wakes.
    pub fn add(&self, timed: Weak<dyn Timed>) {
        let mut all = self.shared.timed.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|other| other.strong_count() > 0);
        all.push(timed);
    }

    /// Has the thread awake no later than `at`. Returns whether there is a thread.
    pub fn wake_at(&self, at: Duration) -> bool {
        let mut earliest = self.shared.earliest();
        if earliest.is_none_or(|earlier| at < earlier) {
            *earliest = Some(at);
            self.shared.named.notify_one();
        }
        drop(earliest);
        !self.threaded || self.started.load(Ordering::Acquire) || self.start()
    }

    /// Panics that were caught.
    pub fn panics(&self) -> u64 {
        self.shared.panics.load(Ordering::Relaxed)
    }

    fn start(&self) -> bool {
        let _starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        if self.started.load(Ordering::Acquire) {
            return true;
        }
        let (shared, clock) = (Arc::clone(&self.shared), Arc::clone(&self.clock));
        let started = std::thread::Builder::new()
            .name("plimsoll-timer".to_owned())
            .spawn(move || {
                loop {
                    shared.sleep(&*clock);
                    shared.turn(clock.monotonic());
                }
            })
            .is_ok();
        self.started.store(started, Ordering::Release);
        started
    }
}

impl Shared {
    fn earliest(&self) -> MutexGuard<'_, Option<Duration>> {
        self.earliest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps until the earliest time that was named.
    fn sleep(&self, clock: &dyn Clock) {
        let mut earliest = self.earliest();
        loop {
            let sleep = match *earliest {
                Some(at) => at.saturating_sub(clock.monotonic()),
                None => LONGEST_SLEEP,
            };
            if sleep.is_zero() {
                *earliest = None;
                return;
            }
            let (guard, timeout) = self
                .named
                .wait_timeout(earliest, sleep.min(LONGEST_SLEEP))
                .unwrap_or_else(PoisonError::into_inner);
            earliest = guard;
            if timeout.timed_out() && earliest.is_none() {
                return;
            }
        }
    }

    /// Lets everybody look at the clock.
    fn turn(&self, now: Duration) {
        let timed: Vec<_> = {
            let mut all = self.timed.lock().unwrap_or_else(PoisonError::into_inner);
            all.retain(|one| one.strong_count() > 0);
            all.iter().filter_map(Weak::upgrade).collect()
        };
        let mut next: Option<Duration> = None;
        for one in timed {
            match catch_unwind(AssertUnwindSafe(|| one.tick(now))) {
                Ok(Some(at)) => next = Some(next.map_or(at, |earlier| earlier.min(at))),
                Ok(None) => {}
                Err(_) => {
                    self.panics.fetch_add(1, Ordering::Relaxed);
                    let again = now.saturating_add(AFTER_PANIC);
                    next = Some(next.map_or(again, |earlier| earlier.min(again)));
                }
            }
        }
        if let Some(at) = next {
            let mut earliest = self.earliest();
            *earliest = Some(earliest.map_or(at, |earlier| earlier.min(at)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::clock::SystemClock;
    use std::sync::mpsc::{Sender, channel};

    struct Once {
        at: Duration,
        told: Mutex<Option<Sender<Duration>>>,
    }

    impl Timed for Once {
        fn tick(&self, now: Duration) -> Option<Duration> {
            if now < self.at {
                return Some(self.at);
            }
            if let Some(told) = self.told.lock().unwrap().take() {
                told.send(now).unwrap();
            }
            None
        }
    }

    fn once(timer: &Timer, after: Duration) -> (Arc<Once>, std::sync::mpsc::Receiver<Duration>) {
        let (told, heard) = channel();
        let at = SystemClock.monotonic() + after;
        let once = Arc::new(Once { at, told: Mutex::new(Some(told)) });
        let weak: Weak<dyn Timed> = Arc::downgrade(&once) as Weak<dyn Timed>;
        timer.add(weak);
        assert!(timer.wake_at(at));
        (once, heard)
    }

    #[test]
    fn a_later_time_does_not_hide_an_earlier_one() {
        let timer = Timer::new(Arc::new(SystemClock));
        let (_late, late) = once(&timer, Duration::from_millis(40));
        let (_early, early) = once(&timer, Duration::from_millis(5));
        let (early, late) = (early.recv().unwrap(), late.recv().unwrap());
        assert!(early < late);
    }

    #[test]
    fn a_panic_of_one_does_not_keep_the_others_from_their_time() {
        struct Panics;
        impl Timed for Panics {
            fn tick(&self, _: Duration) -> Option<Duration> {
                std::panic::resume_unwind(Box::new("thrown in a test"));
            }
        }
        let timer = Timer::new(Arc::new(SystemClock));
        let panics = Arc::new(Panics);
        timer.add(Arc::downgrade(&panics) as Weak<dyn Timed>);
        let (_once, heard) = once(&timer, Duration::from_millis(1));
        heard.recv().unwrap();
        assert!(timer.panics() >= 1);
    }

    #[test]
    fn one_that_panics_is_looked_at_again_because_its_deadlines_are_unknown() {
        struct PanicsOnce(AtomicBool);
        impl Timed for PanicsOnce {
            fn tick(&self, now: Duration) -> Option<Duration> {
                if !self.0.swap(true, Ordering::Relaxed) {
                    std::panic::resume_unwind(Box::new("thrown in a test"));
                }
                Some(now + Duration::from_secs(7))
            }
        }
        let timer = Timer::manual(Arc::new(SystemClock));
        let panics = Arc::new(PanicsOnce(AtomicBool::new(false)));
        timer.add(Arc::downgrade(&panics) as Weak<dyn Timed>);
        let now = Duration::from_secs(100);
        assert_eq!(timer.step(now), Some(now + AFTER_PANIC));
        assert_eq!(timer.step(now + AFTER_PANIC), Some(now + Duration::from_secs(8)));
        assert_eq!(timer.panics(), 1);
    }

    #[test]
    fn one_without_a_thread_keeps_the_earliest_time_that_was_named() {
        let timer = Timer::manual(Arc::new(SystemClock));
        for seconds in [9, 3, 5] {
            assert!(timer.wake_at(Duration::from_secs(seconds)));
        }
        assert_eq!(timer.next(), Some(Duration::from_secs(3)));
        assert_eq!(timer.step(Duration::from_secs(3)), None);
        assert!(!timer.started.load(Ordering::Relaxed));
    }

    #[test]
    fn what_is_gone_is_forgotten() {
        let timer = Timer::new(Arc::new(SystemClock));
        let (gone, _) = once(&timer, Duration::from_secs(3600));
        drop(gone);
        let (_once, heard) = once(&timer, Duration::ZERO);
        heard.recv().unwrap();
        assert_eq!(timer.shared.timed.lock().unwrap().len(), 1);
    }
}
