//! Waiting for many descriptors at once: epoll on Linux, kqueue on macOS and the BSDs.
//!
//! A descriptor is owned by what watches it ([`Watched`]) and leaves the poller before it is closed. Each is
//! reported once and then only after it was armed again: what is not wanted for a while costs nothing, whatever
//! happens to it meanwhile.

#![allow(unsafe_code)] // the fence: a poller knows descriptors by their number

use polling::{Event, Events};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

/// Something happened to what is watched under `key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// See [`Poller::watch`].
    pub key: usize,
    /// It can be read, or has ended.
    pub readable: bool,
    /// It can be written, or nobody reads it.
    pub writable: bool,
}

/// What a wait found, used again for the next one.
#[derive(Debug, Default)]
pub struct Found(Events);

impl Found {
    /// Each that is ready, once.
    pub fn iter(&self) -> impl Iterator<Item = Ready> + '_ {
        self.0.iter().map(|event| Ready {
            key: event.key,
            readable: event.readable,
            writable: event.writable,
        })
    }
}

/// Waits for many descriptors; a copy waits for the same ones.
#[derive(Debug, Clone)]
pub struct Poller(Arc<polling::Poller>);

impl Poller {
    /// One that watches nothing.
    ///
    /// # Errors
    ///
    /// `EMFILE`, `ENFILE`, `ENOMEM`.
    pub fn new() -> io::Result<Poller> {
        Ok(Poller(Arc::new(polling::Poller::new()?)))
    }

    /// Watches a descriptor, which is made non-blocking, and is not armed yet. The largest key is the poller's
    /// own.
    ///
    /// # Errors
    ///
    /// `EPERM` for a regular file, `ENOMEM`, `ENOSPC` (`/proc/sys/fs/epoll/max_user_watches`).
    pub fn watch(&self, source: impl Into<OwnedFd>, key: usize) -> io::Result<Watched> {
        let source = source.into();
        rustix::io::ioctl_fionbio(&source, true)?;
        // SAFETY: `Watched` owns the source and takes it out of the poller before it is closed. A `Watched` that
        // is leaked keeps it open.
        unsafe { self.0.add(&source, Event::none(key))? };
        Ok(Watched { source, key, poller: Arc::clone(&self.0) })
    }

    /// Waits until something is ready, the time is over (never, when there is none) or [`Poller::wake`] was
    /// called since.
    ///
    /// # Errors
    ///
    /// What the system says; an interruption is no error.
    pub fn wait(&self, found: &mut Found, timeout: Option<Duration>) -> io::Result<()> {
        found.0.clear();
        self.0.wait(&mut found.0, timeout)?;
        Ok(())
    }

    /// Ends the wait of another thread, or the next one.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn wake(&self) -> io::Result<()> {
        self.0.notify()
    }
}

/// A descriptor under watch. Dropped, it is no longer watched, then closed.
#[derive(Debug)]
pub struct Watched {
    source: OwnedFd,
    key: usize,
    poller: Arc<polling::Poller>,
}

impl Watched {
    /// Has it reported once, when it can be read or written, or when its other side has gone.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn arm(&self, readable: bool, writable: bool) -> io::Result<()> {
        self.poller.modify(&self.source, Event::new(self.key, readable, writable))
    }
}

impl AsFd for Watched {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.as_fd()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        // It was added, and is open still: what could not be taken out would be a mistake of the caller's.
        self.poller.delete(&self.source).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn keys(poller: &Poller) -> Vec<usize> {
        let mut found = Found::default();
        poller.wait(&mut found, Some(Duration::ZERO)).unwrap();
        found.iter().map(|ready| ready.key).collect()
    }

    #[test]
    fn what_is_ready_is_reported_once_for_each_time_it_is_armed() {
        let poller = Poller::new().unwrap();
        let (reader, mut writer) = std::io::pipe().unwrap();
        let watched = poller.watch(reader, 7).unwrap();
        writer.write_all(b"x").unwrap();
        assert!(keys(&poller).is_empty());
        watched.arm(true, false).unwrap();
        assert_eq!(keys(&poller), [7]);
        assert!(keys(&poller).is_empty());
        watched.arm(true, false).unwrap();
        assert_eq!(keys(&poller), [7]);
        let mut byte = [0];
        assert_eq!(rustix::io::read(&watched, &mut byte), Ok(1));
        watched.arm(true, false).unwrap();
        assert!(keys(&poller).is_empty());
        drop(writer);
        assert_eq!(keys(&poller), [7]);
    }

    #[test]
    fn what_is_dropped_is_neither_watched_nor_open() {
        let poller = Poller::new().unwrap();
        let (reader, mut writer) = std::io::pipe().unwrap();
        let watched = poller.watch(reader, 1).unwrap();
        watched.arm(true, false).unwrap();
        drop(watched);
        assert_eq!(writer.write(b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert!(keys(&poller).is_empty());
    }

    #[test]
    fn a_wait_without_end_is_ended_by_a_word_of_another_thread() {
        let poller = Poller::new().unwrap();
        let other = poller.clone();
        let thread = std::thread::spawn(move || other.wake().unwrap());
        let mut found = Found::default();
        poller.wait(&mut found, None).unwrap();
        assert_eq!(found.iter().count(), 0);
        thread.join().unwrap();
    }
}
