//! Work of the lifecycle that may block: creating and removing files, ending processes that somebody else started.
//!
//! At most [`MOST_THREADS`] threads named `plimsoll-lifecycle`, started when there is work and gone when there was
//! none for [`IDLE`]. Jobs begin in order; at most [`MOST_JOBS`] wait, one more is refused and counted. A panic in a
//! job is caught and counted; whoever waits for it is told by the guard the job holds.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Most threads.
pub const MOST_THREADS: usize = 4;
/// Most jobs that wait.
pub const MOST_JOBS: usize = 16_384;
/// How long a thread waits for more.
pub const IDLE: Duration = Duration::from_secs(5);

/// A piece of work.
pub type Job = Box<dyn FnOnce() + Send>;

/// The threads and what waits for them. Cheap to copy.
#[derive(Clone, Default)]
pub struct Jobs(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    threads: usize,
    idle: usize,
    counts: JobCounts,
}

/// What became of jobs so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JobCounts {
    /// Refused, as too many waited or no thread could be started.
    pub refused: u64,
    /// Panics that were caught.
    pub faults: u64,
}

impl Jobs {
    /// Has a job done. Returns whether it will be; if not it is dropped.
    #[must_use]
    pub fn submit(&self, job: Job) -> bool {
        let mut state = self.0.state();
        if state.waiting.len() >= MOST_JOBS {
            state.counts.refused += 1;
            return false;
        }
        state.waiting.push_back(job);
        if state.idle >= state.waiting.len() || state.threads == MOST_THREADS {
            drop(state);
            self.0.wake.notify_one();
            return true;
        }
        state.threads += 1;
        drop(state);
        let shared = Arc::clone(&self.0);
        let thread = std::thread::Builder::new().name("plimsoll-lifecycle".to_owned());
        if thread.spawn(move || shared.run()).is_ok() {
            return true;
        }
        let mut state = self.0.state();
        state.threads -= 1;
        if state.threads > 0 {
            return true;
        }
        // The one just put there: nobody could have taken it.
        let refused = state.waiting.pop_back();
        state.counts.refused += 1;
        drop(state);
        drop(refused);
        false
    }

    /// See [`JobCounts`].
    #[must_use]
    pub fn counts(&self) -> JobCounts {
        self.0.state().counts
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut state = self.state();
        loop {
            if let Some(job) = state.waiting.pop_front() {
                drop(state);
                let faulted = catch_unwind(AssertUnwindSafe(job)).is_err();
                state = self.state();
                state.counts.faults += u64::from(faulted);
                continue;
            }
            state.idle += 1;
            let (woken, waited) =
                self.wake.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if waited.timed_out() && state.waiting.is_empty() {
                state.threads -= 1;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn jobs_are_done_on_few_threads_and_one_that_blocks_holds_up_no_other() {
        let jobs = Jobs::default();
        let (done, finished) = mpsc::channel();
        let (open, closed) = mpsc::channel::<()>();
        assert!(jobs.submit(Box::new(move || assert!(closed.recv().is_err()))));
        for number in 0..100 {
            let done = done.clone();
            let name = move || std::thread::current().name().unwrap_or_default().to_owned();
            assert!(jobs.submit(Box::new(move || done.send((number, name())).unwrap())));
        }
        let mut numbers: Vec<i32> = (0..100)
            .map(|_| finished.recv().unwrap())
            .inspect(|(_, name)| assert_eq!(name, "plimsoll-lifecycle"))
            .map(|(number, _)| number)
            .collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..100).collect::<Vec<_>>());
        assert!(jobs.0.state().threads <= MOST_THREADS);
        drop(open);
    }

    #[test]
    fn a_panic_is_counted_and_the_next_job_is_done() {
        let jobs = Jobs::default();
        assert!(jobs.submit(Box::new(|| panic!("of the test"))));
        let (done, finished) = mpsc::channel();
        // One after the other on all threads there may be: the panicked one is over by then.
        for _ in 0..2 * MOST_THREADS {
            let done = done.clone();
            assert!(jobs.submit(Box::new(move || done.send(()).unwrap())));
        }
        (0..2 * MOST_THREADS).for_each(|_| finished.recv().unwrap());
        while jobs.counts().faults == 0 {
            std::thread::yield_now();
        }
        assert_eq!(jobs.counts(), JobCounts { refused: 0, faults: 1 });
    }

    #[test]
    fn what_does_not_fit_is_refused_and_counted() {
        let jobs = Jobs::default();
        let gate = Arc::new(Mutex::new(()));
        let closed = gate.lock().unwrap();
        let mut accepted = 0;
        loop {
            let gate = Arc::clone(&gate);
            if !jobs.submit(Box::new(move || drop(gate.lock()))) {
                break;
            }
            accepted += 1;
        }
        assert!((MOST_JOBS..=MOST_JOBS + MOST_THREADS).contains(&accepted));
        assert_eq!(jobs.counts().refused, 1);
        drop(closed);
    }
}
