//! The thread that waits for other processes to give something back.

use super::process::Inner;
use super::segment::Segment;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// How long the thread waits before it looks for dead processes itself.
const TICK: Duration = Duration::from_millis(200);
/// How long it stays when nobody watches.
const LINGER: Duration = Duration::from_secs(5);
/// How long it leaves a segment alone that is lost.
const PAUSE: Duration = Duration::from_millis(50);

type Callback = Arc<dyn Fn() + Send + Sync>;

#[derive(Default)]
struct State {
    callback: Option<Callback>,
    running: bool,
    stopped: bool,
}

/// Whether somebody watches, and the thread for it.
#[derive(Default)]
pub(super) struct Watch {
    state: Mutex<State>,
    changed: Condvar,
    failures: AtomicU64,
}

impl Watch {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    pub(super) fn begin(inner: &Arc<Inner>, callback: Callback) -> std::io::Result<()> {
        let mut state = inner.watch.state();
        if !state.running {
            let (watch, weak) = (Arc::clone(&inner.watch), Arc::downgrade(inner));
            std::thread::Builder::new()
                .name("plimsoll-shared".to_owned())
                .spawn(move || run(&watch, &weak))?;
            state.running = true;
        }
        state.callback = Some(callback);
        say_waiting(inner, true);
        inner.watch.changed.notify_all();
        Ok(())
    }

    pub(super) fn end(&self, inner: &Inner) {
        let mut state = self.state();
        state.callback = None;
        say_waiting(inner, false);
    }

    /// We have a row in another segment now.
    pub(super) fn moved(&self, inner: &Inner) {
        let state = self.state();
        say_waiting(inner, state.callback.is_some());
    }

    /// Ends the thread, at the latest after its tick; nobody waits for it.
    pub(super) fn stop(&self, inner: &Inner) {
        self.end(inner);
        self.state().stopped = true;
        self.changed.notify_all();
    }

    /// The callback, when there is one; `None` when the thread is to end.
    fn wait_for_callback(&self) -> Option<Callback> {
        let mut state = self.state();
        loop {
            if state.stopped {
                state.running = false;
                return None;
            }
            if let Some(callback) = &state.callback {
                return Some(Arc::clone(callback));
            }
            let (after, waited) =
                self.changed.wait_timeout(state, LINGER).unwrap_or_else(PoisonError::into_inner);
            state = after;
            if waited.timed_out() && state.callback.is_none() {
                state.running = false;
                return None;
            }
        }
    }
}

fn say_waiting(inner: &Inner, waits: bool) {
    let attachment = inner.attachment();
    // A lost segment is told when it is taken up again.
    if let Ok(segment) = attachment.segment() {
        segment.set_waiting(attachment.row(), waits);
    }
}

/// Holds the row's file while it waits, but not the lanes: dropping those is to end the row at once.
fn run(watch: &Watch, inner: &Weak<Inner>) {
    while let Some(look_again) = watch.wait_for_callback() {
        let Some(attachment) = inner.upgrade().map(|inner| inner.attachment()) else { return };
        // Read before the callback looks: what is given back after its look changes it.
        let seen = attachment.segment().map(Segment::generation);
        if catch_unwind(AssertUnwindSafe(|| look_again())).is_err() {
            watch.failures.fetch_add(1, Ordering::Relaxed);
        }
        drop(look_again);
        let quiet = match (seen, attachment.segment()) {
            (Ok(seen), Ok(segment)) => {
                segment.wait(seen, TICK);
                attachment.segment().map(Segment::generation) == Ok(seen)
            }
            _ => {
                std::thread::sleep(PAUSE);
                true
            }
        };
        if quiet {
            let Some(inner) = inner.upgrade() else { return };
            inner.sweep();
        }
    }
}
