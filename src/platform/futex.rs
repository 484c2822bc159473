//! Waiting for a word that processes share to change.
//!
//! Linux: `futex(2)`, non-private, so that the word is found by the page it lies in whatever process mapped
//! it. Elsewhere the word is looked at every [`POLL`].

use std::sync::atomic::AtomicU32;
#[cfg(not(target_os = "linux"))]
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How often the word is looked at where the system cannot wait for it, or refuses to.
pub const POLL: Duration = Duration::from_millis(20);

/// Waits until the word is not `expected`, somebody wakes it, or the time is over; may return early. The
/// caller looks again in any case.
pub fn wait(word: &AtomicU32, expected: u32, timeout: Duration) {
    #[cfg(target_os = "linux")]
    {
        use rustix::io::Errno;
        use rustix::thread::futex::{Flags, Timespec};
        let time = Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        };
        match rustix::thread::futex::wait(word, Flags::empty(), expected, Some(&time)) {
            Ok(()) | Err(Errno::AGAIN | Errno::INTR | Errno::TIMEDOUT) => {}
            // A page cut off under the word (EFAULT), a sandbox (EPERM): not to become a busy loop.
            Err(_) => std::thread::sleep(POLL.min(timeout)),
        }
    }
    #[cfg(not(target_os = "linux"))]
    {
        let begun = std::time::Instant::now();
        while word.load(Ordering::SeqCst) == expected {
            let left = timeout.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(POLL.min(left));
        }
    }
}

/// Wakes everybody who waits for the word, in every process.
pub fn wake_all(word: &AtomicU32) {
    #[cfg(target_os = "linux")]
    {
        use rustix::thread::futex::Flags;
        // It fails only for a page that was cut off, and then nobody can wait there.
        rustix::thread::futex::wake(word, Flags::empty(), i32::MAX as u32).ok();
    }
    #[cfg(not(target_os = "linux"))]
    let _ = word;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    #[test]
    fn a_change_made_before_the_wait_is_not_waited_for() {
        let word = AtomicU32::new(2);
        wait(&word, 1, Duration::from_secs(600));
    }

    #[test]
    fn a_waiter_is_woken_through_another_mapping_of_the_file() {
        use crate::platform::mmap::SharedMapping;
        let file = tempfile::tempfile().unwrap();
        file.set_len(4096).unwrap();
        let here = SharedMapping::new(&file, 4096).unwrap();
        let there = SharedMapping::new(&file, 4096).unwrap();
        let waiter = std::thread::spawn(move || {
            while there.half_word(8).load(Ordering::SeqCst) == 0 {
                wait(there.half_word(8), 0, Duration::from_secs(600));
            }
        });
        here.half_word(8).store(1, Ordering::SeqCst);
        // Whether it waits already or not: the word has changed, or the wake comes after it began.
        while !waiter.is_finished() {
            wake_all(here.half_word(8));
            std::thread::yield_now();
        }
        waiter.join().unwrap();
    }
}
