//! What the core has to tell the holders of a manager, each in its own outbox.
//!
//! A holder (one manager object of one JavaScript thread) takes its events when it is woken or when a call
//! of its own says that there are some. Each running call has at most two events on the way and each
//! waiter one, so the bounds of the table and of the queue bound the outbox.

use super::calls::CallKey;
use super::refusal::Refusal;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// What happened to a call or a waiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The call is over its timeout.
    Warned(CallKey),
    /// The call's time is over: its processes were killed, its slot waits to be released.
    Ended(CallKey),
    /// A waiter, by its holder's own number for it, has its slot.
    Granted(u64, CallKey),
    /// A waiter will get none.
    Refused(u64, Refusal),
}

/// Wakes a holder; called from any thread, never with a lock held.
pub type Wake = Box<dyn Fn() + Send + Sync>;

/// The events of one holder.
pub struct Outbox {
    events: Mutex<VecDeque<Event>>,
    unheard: AtomicBool,
    wake: Wake,
}

impl Outbox {
    /// An empty one.
    pub fn new(wake: Wake) -> Outbox {
        Outbox { events: Mutex::default(), unheard: AtomicBool::new(false), wake }
    }

    /// Adds an event; [`Outbox::wake`] tells the holder of it.
    pub(super) fn push(&self, event: Event) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push_back(event);
        self.unheard.store(true, Ordering::Release);
    }

    /// Whether there is something to take.
    pub fn has_events(&self) -> bool {
        self.unheard.load(Ordering::Acquire)
    }

    /// Wakes the holder if there is something to take.
    pub(super) fn wake(&self) {
        if self.has_events() {
            (self.wake)();
        }
    }

    /// Takes everything there is.
    pub fn take(&self) -> VecDeque<Event> {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        self.unheard.store(false, Ordering::Release);
        std::mem::take(&mut events)
    }
}

impl std::fmt::Debug for Outbox {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Outbox").field("events", &self.events).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn nobody_is_woken_for_nothing() {
        let woken = Arc::new(AtomicUsize::new(0));
        let outbox = {
            let woken = Arc::clone(&woken);
            Outbox::new(Box::new(move || {
                woken.fetch_add(1, Ordering::Relaxed);
            }))
        };
        outbox.wake();
        assert_eq!(woken.load(Ordering::Relaxed), 0);
        let event = Event::Refused(7, Refusal::Shed);
        outbox.push(event);
        outbox.wake();
        assert_eq!((woken.load(Ordering::Relaxed), outbox.has_events()), (1, true));
        assert_eq!(outbox.take(), [event]);
        outbox.wake();
        assert_eq!((woken.load(Ordering::Relaxed), outbox.has_events()), (1, false));
    }
}
