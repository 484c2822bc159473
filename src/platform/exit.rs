//! The last moment of the process.
//!
//! Node runs neither class destructors nor environment cleanup hooks on `process.exit`, on an uncaught
//! exception and on an unhandled rejection, but the C library still runs its `atexit` handlers there.
//! Nothing runs after SIGKILL, after the default action of a signal, or after an abort: what must
//! survive those may not depend on this module.

#![allow(unsafe_code)] // the fence: the C library's atexit

use std::sync::OnceLock;

static HANDLER: OnceLock<fn()> = OnceLock::new();

extern "C" fn run() {
    if let Some(handler) = HANDLER.get() {
        // A panic may not cross into C; there is nobody left to tell.
        drop(std::panic::catch_unwind(*handler));
    }
}

/// Has `handler` run when the process exits. The first call counts; later ones change nothing.
/// Returns whether the C library took it.
pub fn at_exit(handler: fn()) -> bool {
    let mut taken = true;
    HANDLER.get_or_init(|| {
        // SAFETY: `run` is a function of this image, which the addon pins before any thread of ours
        // starts, and it never unwinds.
        taken = unsafe { libc::atexit(run) } == 0;
        handler
    });
    taken
}
