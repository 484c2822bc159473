//! The thread that analyses what is too long to be read on the caller's: `plimsoll-analyze`.
//!
//! One for the process, started with the first job, and never in its way at the end. Jobs are done in
//! order. At most [`MAX_JOBS`] jobs and [`MAX_BYTES`] of text wait; what is more is refused and counted. A
//! panic in a job is caught, counted and told to whoever asked; the next job is done. What has to be
//! released there, one thing for each text at most, is always accepted: it makes room.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

/// Jobs that wait.
pub const MAX_JOBS: usize = 4096;
/// Bytes of text that wait.
pub const MAX_BYTES: usize = 256 << 20;

/// Work to be done, and what to do when it panics.
pub struct Job {
    /// Bytes of text it carries.
    pub bytes: usize,
    /// The work.
    pub work: Box<dyn FnOnce() + Send>,
    /// Told instead of an outcome when the work panicked.
    pub failed: Box<dyn FnOnce() + Send>,
}

/// Why a job was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// As much waits as may.
    Full,
    /// The thread could not be started.
    NoThread,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    bytes: usize,
}

/// The thread and its queue.
#[derive(Default)]
pub struct Worker {
    queue: Mutex<Queue>,
    wake: Condvar,
    started: OnceLock<bool>,
    faults: AtomicU64,
    refused: AtomicU64,
}

static GLOBAL: OnceLock<Worker> = OnceLock::new();

impl Worker {
    /// The one of this process. Making it starts nothing.
    pub fn global() -> &'static Worker {
        GLOBAL.get_or_init(Worker::default)
    }

    /// Has a job done.
    ///
    /// # Errors
    /// [`Refusal`]; the job is dropped.
    pub fn submit(&'static self, job: Job) -> Result<(), Refusal> {
        let start = || {
            let thread = std::thread::Builder::new().name("plimsoll-analyze".to_owned());
            thread.spawn(move || self.run()).is_ok()
        };
        if !*self.started.get_or_init(start) {
            return Err(Refusal::NoThread);
        }
        let queue = self.queue();
        let full = queue.jobs.len() >= MAX_JOBS || queue.bytes + job.bytes > MAX_BYTES;
        if full && !queue.jobs.is_empty() {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(Refusal::Full);
        }
        self.push(queue, job);
        Ok(())
    }

    /// Has something dropped on the thread, after the jobs that wait. What no job can have worked on, as
    /// the thread was never started, is dropped at once.
    pub fn release(&'static self, what: impl Send + 'static) {
        if self.started.get() == Some(&true) {
            let work = Box::new(move || drop(what));
            self.push(self.queue(), Job { bytes: 0, work, failed: Box::new(|| {}) });
        }
    }

    /// Does work on the calling thread as the thread does it: a panic is caught and counted.
    ///
    /// # Errors
    /// What the work panicked with.
    pub fn caught<R>(&self, work: impl FnOnce() -> R) -> std::thread::Result<R> {
        let done = catch_unwind(AssertUnwindSafe(work));
        self.faults.fetch_add(u64::from(done.is_err()), Ordering::Relaxed);
        done
    }

    /// Panics that were caught.
    pub fn faults(&self) -> u64 {
        self.faults.load(Ordering::Relaxed)
    }

    /// Jobs refused because as much waited as may.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    fn push(&self, mut queue: MutexGuard<'_, Queue>, job: Job) {
        queue.bytes += job.bytes;
        queue.jobs.push_back(job);
        drop(queue);
        self.wake.notify_one();
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        loop {
            let mut queue = self.queue();
            let job = loop {
                if let Some(job) = queue.jobs.pop_front() {
                    queue.bytes -= job.bytes;
                    break job;
                }
                queue = self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
            };
            drop(queue);
            let Job { work, failed, .. } = job;
            if self.caught(work).is_err() {
                // Nobody is left to be told when telling fails too.
                self.caught(failed).ok();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn job(bytes: usize, work: impl FnOnce() + Send + 'static) -> Job {
        Job { bytes, work: Box::new(work), failed: Box::new(|| {}) }
    }

    #[test]
    fn jobs_are_done_in_order_and_a_panic_harms_only_its_own() {
        let worker: &'static Worker = Box::leak(Box::default());
        let (tell, hear) = mpsc::channel();
        let (first, failed, last) = (tell.clone(), tell.clone(), tell);
        worker.submit(job(1, move || first.send("first").unwrap())).unwrap();
        #[allow(clippy::panic)] // the subject of the test
        let work = Box::new(|| std::panic::resume_unwind(Box::new("no")));
        let failed = Box::new(move || failed.send("failed").unwrap());
        worker.submit(Job { bytes: 1, work, failed }).unwrap();
        worker.submit(job(1, move || last.send("last").unwrap())).unwrap();
        assert_eq!(hear.iter().take(3).collect::<Vec<_>>(), ["first", "failed", "last"]);
        assert_eq!(worker.faults(), 1);
    }

    #[test]
    fn a_panic_on_the_callers_thread_is_caught_and_counted_too() {
        let worker = Worker::default();
        assert_eq!(worker.caught(|| 7).unwrap(), 7);
        assert!(worker.caught(|| std::panic::resume_unwind(Box::new("no"))).is_err());
        assert_eq!(worker.faults(), 1);
    }

    #[test]
    fn what_waits_is_bounded() {
        let worker: &'static Worker = Box::leak(Box::default());
        let (release, held) = mpsc::channel::<()>();
        let (started, wait) = mpsc::channel();
        let hold = move || {
            started.send(()).unwrap();
            held.recv().ok();
        };
        worker.submit(job(0, hold)).unwrap();
        wait.recv().unwrap();
        worker.submit(job(MAX_BYTES + 1, || {})).unwrap();
        assert_eq!(worker.submit(job(1, || {})), Err(Refusal::Full));
        assert_eq!(worker.refused(), 1);
        drop(release);
    }

    /// Tells the name of the thread it is dropped on.
    struct Dropped(mpsc::Sender<Option<String>>);

    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.send(std::thread::current().name().map(str::to_owned)).unwrap();
        }
    }

    #[test]
    fn what_is_released_is_dropped_on_the_thread_even_when_the_queue_is_full() {
        let worker: &'static Worker = Box::leak(Box::default());
        let (release, held) = mpsc::channel::<()>();
        let (started, wait) = mpsc::channel();
        let hold = move || {
            started.send(()).unwrap();
            held.recv().ok();
        };
        worker.submit(job(0, hold)).unwrap();
        wait.recv().unwrap();
        worker.submit(job(MAX_BYTES + 1, || {})).unwrap();
        let (tell, hear) = mpsc::channel();
        worker.release(Dropped(tell));
        assert!(hear.try_recv().is_err(), "it waits for the jobs before it");
        drop(release);
        assert_eq!(hear.recv().unwrap().as_deref(), Some("plimsoll-analyze"));
    }

    #[test]
    fn what_is_released_before_any_job_starts_no_thread() {
        let worker: &'static Worker = Box::leak(Box::default());
        let (tell, hear) = mpsc::channel();
        worker.release(Dropped(tell));
        assert_ne!(hear.try_recv().unwrap().as_deref(), Some("plimsoll-analyze"));
    }
}
