//! Ends the calls whose time is over without holding up the deadlines of others.
//!
//! To kill a large tree of processes takes tens of milliseconds: it is stopped, looked through and signalled.
//! So calls that have registered processes or scopes are ended by helpers, short-lived threads named `plimsoll-kill`.
//!
//! - At most [`MOST_HELPERS`] run for a manager. Each ends one call after the other and goes when none is
//!   left; so with more calls than helpers the later ones wait in line, in the order of their deadlines.
//! - The line holds each running call once at most, and is bounded by their number.
//! - Where the system gives no thread the timer's own does it, and other deadlines are late by that much.

use super::ending::Due;
use super::manager::Manager;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most threads that kill at once. Each is busy with the scheduler and `/proc`, so more would only compete.
pub(super) const MOST_HELPERS: usize = 4;

/// Calls to be ended, and who does it.
#[derive(Default)]
pub(super) struct Killing {
    line: Mutex<Line>,
    #[cfg(test)]
    pub(super) without_threads: std::sync::atomic::AtomicBool,
}

#[derive(Default)]
struct Line {
    due: VecDeque<Due>,
    helpers: usize,
}

impl Killing {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start_helper(&self, manager: Option<Arc<Manager>>) -> bool {
        #[cfg(test)]
        if self.without_threads.load(std::sync::atomic::Ordering::Relaxed) {
            return false;
        }
        let Some(manager) = manager else { return false };
        let thread = std::thread::Builder::new().name("plimsoll-kill".to_owned());
        thread.spawn(move || manager.end_those_in_line()).is_ok()
    }
}

impl Manager {
    /// Ends calls: at once those without processes and scopes, the others by helpers.
    pub(super) fn end_all(&self, due: Vec<Due>) {
        let (at_once, slow): (Vec<Due>, Vec<Due>) =
            due.into_iter().partition(|due| due.processes.is_empty() && due.scopes.is_empty());
        at_once.into_iter().for_each(|due| self.end(due));
        for due in slow {
            let mut line = self.killing.line();
            line.due.push_back(due);
            if line.helpers == MOST_HELPERS {
                continue;
            }
            line.helpers += 1;
            drop(line);
            if !self.killing.start_helper(self.this.upgrade()) {
                self.do_without_helper();
            }
        }
    }

    /// Another thread looks at the line before it goes, if there is one; else this thread does its work.
    fn do_without_helper(&self) {
        let mut line = self.killing.line();
        if line.helpers > 1 {
            line.helpers -= 1;
            return;
        }
        drop(line);
        self.end_those_in_line();
    }

    fn end_those_in_line(&self) {
        loop {
            let mut line = self.killing.line();
            let Some(due) = line.due.pop_front() else {
                line.helpers -= 1;
                return;
            };
            drop(line);
            self.end(due);
        }
    }
}
