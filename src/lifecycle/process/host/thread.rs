//! The thread that watches processes.

use super::mailbox::Shared;
use super::reactor::Reactor;
use crate::platform::thread::block_broken_pipe_signal;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How long the thread waits for another request when nothing is left to watch.
pub const IDLE: Duration = Duration::from_secs(5);
/// How long it waits at once: nothing needs it, and a lost word is an error of a minute, not for ever.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How long the keepers are collected after the host is gone.
const LAST_COLLECTION: Duration = Duration::from_secs(2);

/// The thread. Its reactor is kept through a panic, so that everybody can be told and every keeper collected.
pub(super) fn watch(mut reactor: Reactor) {
    block_broken_pipe_signal();
    let shared = Arc::clone(&reactor.context.shared);
    let clock = Arc::clone(&reactor.context.settings.clock);
    let mut idle_since = None;
    loop {
        let wait = if reactor.is_idle() { IDLE } else { LONGEST_WAIT };
        let turned = catch_unwind(AssertUnwindSafe(|| reactor.turn(wait)));
        let failed = !matches!(turned, Ok(Ok(())));
        if failed {
            shared.counters.panics.fetch_add(1, Ordering::Relaxed);
            abandon(&mut reactor, &shared);
        }
        if !reactor.is_idle() {
            idle_since = None;
        }
        let mut mailbox = shared.lock();
        if mailbox.closed {
            drop(mailbox);
            break;
        }
        let now = clock.monotonic();
        let since = *idle_since.get_or_insert(now);
        let rested = reactor.is_idle() && (failed || now.saturating_sub(since) >= IDLE);
        if rested && mailbox.commands.is_empty() {
            mailbox.poller = None;
            return;
        }
    }
    abandon(&mut reactor, &shared);
    let end = clock.monotonic().saturating_add(LAST_COLLECTION);
    while !reactor.is_idle() && clock.monotonic() < end {
        if reactor.turn(LAST_COLLECTION).is_err() {
            return;
        }
    }
}

fn abandon(reactor: &mut Reactor, shared: &Shared) {
    if catch_unwind(AssertUnwindSafe(|| reactor.abandon())).is_err() {
        shared.counters.panics.fetch_add(1, Ordering::Relaxed);
    }
}
