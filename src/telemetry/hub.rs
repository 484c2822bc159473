//! How handles reach the writer: a mailbox with a bell.
//!
//! What a handle may leave in it is bounded: one arming and one wake at a time (flags in the handle and
//! the map here), one large entry, one closing; flushes by the facade, which has at most two under way
//! for a handle.

use super::handle::{Handle, LargeEntry};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a handle asks of the writer.
#[derive(Debug)]
pub(super) enum Request {
    /// Flush, and tell with this number.
    Flush { handle: u64, token: u32 },
    /// Write this entry, then tell.
    Large { handle: u64, entry: LargeEntry },
    /// Flush what is there and give the handle up.
    Close { handle: u64 },
    /// Flush everything of everybody: the process ends.
    Exit,
}

/// How soon a handle's entries are to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Urgency {
    /// Within the flush interval.
    Armed,
    /// Now: the ring is filling.
    Woken,
}

#[derive(Default)]
pub(super) struct Mail {
    pub(super) urgent: BTreeMap<u64, Urgency>,
    pub(super) requests: VecDeque<Request>,
    pub(super) opening: Vec<Arc<Handle>>,
}

impl Mail {
    fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.requests.is_empty() && self.opening.is_empty()
    }
}

/// The writer's mailbox.
#[derive(Default)]
pub struct Hub {
    mail: Mutex<Mail>,
    bell: Condvar,
}

impl Hub {
    fn put(&self, change: impl FnOnce(&mut Mail)) {
        change(&mut self.lock());
        self.bell.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Mail> {
        // Every change to the mail is a single push or insert: a panic cannot leave half of one.
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn arm(&self, handle: u64) {
        self.put(|mail| {
            mail.urgent.entry(handle).or_insert(Urgency::Armed);
        });
    }

    pub(super) fn wake(&self, handle: u64) {
        self.put(|mail| {
            mail.urgent.insert(handle, Urgency::Woken);
        });
    }

    pub(super) fn flush(&self, handle: u64, token: u32) {
        self.put(|mail| mail.requests.push_back(Request::Flush { handle, token }));
    }

    pub(super) fn write_large(&self, handle: u64, entry: LargeEntry) {
        self.put(|mail| mail.requests.push_back(Request::Large { handle, entry }));
    }

    pub(super) fn close(&self, handle: u64) {
        self.put(|mail| mail.requests.push_back(Request::Close { handle }));
    }

    pub(super) fn exit(&self) {
        self.put(|mail| mail.requests.push_back(Request::Exit));
    }

    pub(super) fn open(&self, handle: Arc<Handle>) {
        self.put(|mail| mail.opening.push(handle));
    }

    /// Takes the mail, waiting for it up to `timeout` (`None`: as long as it takes).
    pub(super) fn take(&self, timeout: Option<Duration>) -> Mail {
        let mut mail = self.lock();
        if mail.is_empty() {
            mail = match timeout {
                Some(timeout) => {
                    self.bell
                        .wait_timeout_while(mail, timeout, |mail| mail.is_empty())
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
                None => self
                    .bell
                    .wait_while(mail, |mail| mail.is_empty())
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
        std::mem::take(&mut *mail)
    }
}
