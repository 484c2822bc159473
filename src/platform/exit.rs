//! The last moment of the process.
//!
//! Node runs neither class destructors nor environment cleanup hooks on `process.exit`, on an uncaught
//! exception and on an unhandled rejection, but the C library still runs its `atexit` handlers there.
//! Nothing runs after SIGKILL, after the default action of a signal, or after an abort: what must
//! survive those may not depend on this module.

#![allow(unsafe_code)] // the fence: the C library's atexit

use std::sync::OnceLock;

/// One a component is all there ever are.
const MAX_HANDLERS: usize = 8;

/// Filled from the front. No lock: the process may exit while another thread would hold it.
static HANDLERS: [OnceLock<fn()>; MAX_HANDLERS] = [const { OnceLock::new() }; MAX_HANDLERS];
static REGISTERED: OnceLock<bool> = OnceLock::new();

extern "C" fn run() {
    for handler in HANDLERS.iter().rev().filter_map(OnceLock::get) {
        // A panic may not cross into C; there is nobody left to tell.
        drop(std::panic::catch_unwind(*handler));
    }
}

/// Has `handler` run when the process exits, the one registered last first. Registered again it changes
/// nothing. Returns whether it will run: the C library may refuse, and there is room for eight.
pub fn at_exit(handler: fn()) -> bool {
    // SAFETY: `run` is a function of this image, which the addon pins before any thread of ours
    // starts, and it never unwinds.
    let registered = *REGISTERED.get_or_init(|| unsafe { libc::atexit(run) } == 0);
    // Two functions are compared by address: should the compiler merge equal ones, running one is enough.
    let place =
        |slot: &OnceLock<fn()>| std::ptr::fn_addr_eq(*slot.get_or_init(|| handler), handler);
    registered && HANDLERS.iter().any(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const STARTED: &str = "PLIMSOLL_TEST_EXIT";

    fn say(what: &[u8]) {
        std::io::stdout().write_all(what).unwrap();
    }

    #[test]
    #[ignore = "the process that ends in the test below"]
    fn a_process_that_ends() {
        if std::env::var_os(STARTED).is_none() {
            return println!("left out: {STARTED} is not set, nobody started this process to end");
        }
        for handler in [|| say(b"<first>"), || say(b"<second>"), || panic!("not heard")] {
            let handler: fn() = handler;
            assert!(at_exit(handler) && at_exit(handler));
        }
        std::process::exit(0);
    }

    #[test]
    fn handlers_run_once_the_last_first_and_a_panic_stops_none() {
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "platform::exit::tests::a_process_that_ends",
                "--ignored",
                "--nocapture",
            ])
            .env(STARTED, "1")
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", output.status);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.ends_with("<second><first>"), "{said}");
    }
}
