//! The lanes of a segment as one process uses them.

use super::MAX_NAME;
use super::attachment::{Attachment, PATIENCE};
use super::error::SharedError;
use super::process::{Inner, State};
use super::status::{LimitChange, Opening, SharedStatus, Sweep};
use super::watch::Watch;
use crate::budget::refusal::Refusal;
use crate::platform::clock::{Clock, SystemClock};
use crate::platform::filesystem::{FileSystem, RealFileSystem};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

/// A lane, by its place among those this process configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SharedLane(pub(super) usize);

/// One place in a lane. Dropping it gives it back; so does the death of the process.
#[must_use = "a slot that is dropped is free again"]
pub struct SharedSlot {
    inner: Arc<Inner>,
    lane: SharedLane,
}

impl SharedSlot {
    /// The lane it is in.
    #[must_use]
    pub fn lane(&self) -> SharedLane {
        self.lane
    }
}

impl Drop for SharedSlot {
    fn drop(&mut self) {
        self.inner.give_back(self.lane);
    }
}

/// This process's share of a segment. While slots of it are out, its row stays, even when this is dropped.
pub struct SharedLanes {
    inner: Arc<Inner>,
}

impl SharedLanes {
    /// Attaches to the segment at `path`, which is made if there is none, with its missing directories.
    ///
    /// Limits given here replace those of the segment, for every process, and the returned [`Opening`] names
    /// each one that was another before; lanes and limits not given are left as they are. A limit of
    /// [`u32::MAX`] is none; one of 0 closes the lane. The first process at a segment nobody uses begins
    /// with its own lanes alone.
    ///
    /// # Errors
    /// Every [`SharedError`] but [`SharedError::Lost`]. A file that is no segment is left as it is.
    pub fn attach(
        path: &Path,
        lanes: &[(&str, u32)],
        global: Option<u32>,
    ) -> Result<(SharedLanes, Opening), SharedError> {
        Self::attach_with(Arc::new(RealFileSystem), Arc::new(SystemClock), path, lanes, global)
    }

    /// [`Self::attach`] with another disk and another clock.
    ///
    /// # Errors
    /// As there.
    pub fn attach_with(
        fs: Arc<dyn FileSystem>,
        clock: Arc<dyn Clock>,
        path: &Path,
        lanes: &[(&str, u32)],
        global: Option<u32>,
    ) -> Result<(SharedLanes, Opening), SharedError> {
        check_names(lanes)?;
        let path = absolute(fs.as_ref(), path)?;
        let (attachment, found) = Attachment::open(&fs, &path, PATIENCE)?;
        let mut state = State {
            attachment: Arc::new(attachment),
            places: Vec::new(),
            global: None,
            held: 0,
            lost: None,
            failure: None,
            probed: None,
        };
        let changes = state.configure(lanes, global)?;
        let changes = if found.fresh { Vec::new() } else { changes };
        let opening = Opening { fresh: found.fresh, repaired: found.repaired, changes };
        let inner = Inner {
            fs,
            clock,
            path,
            state: Mutex::new(state),
            sweeping: Mutex::new(()),
            watch: Arc::default(),
            reattached: AtomicU64::new(0),
            restored: AtomicU64::new(0),
        };
        Ok((SharedLanes { inner: Arc::new(inner) }, opening))
    }

    /// Adds lanes, or gives lanes and the whole other limits, for every process. What runs already goes on;
    /// a lowered limit lets nothing in until enough has ended.
    ///
    /// # Errors
    /// [`SharedError::Name`], [`SharedError::TooManyLanes`], [`SharedError::Busy`], [`SharedError::Lost`].
    pub fn configure(
        &self,
        lanes: &[(&str, u32)],
        global: Option<u32>,
    ) -> Result<Vec<LimitChange>, SharedError> {
        check_names(lanes)?;
        self.inner.state().configure(lanes, global)
    }

    /// A lane this process has configured.
    #[must_use]
    pub fn lane(&self, name: &str) -> Option<SharedLane> {
        self.inner.state().places.iter().position(|place| place.name == name).map(SharedLane)
    }

    /// Takes a slot, or says at once why not. Never waits for another process, not even a stopped one.
    ///
    /// # Errors
    /// [`Refusal::LaneFull`] and [`Refusal::GlobalFull`], counted over all processes after the dead ones
    /// were looked for; [`Refusal::SharedUnavailable`] when the segment was cut, removed or made anew under us
    /// and the next [`Self::sweep`] has to take it up again; [`Refusal::TooManyLanes`] for a lane of other
    /// `SharedLanes`.
    pub fn try_acquire(&self, lane: SharedLane) -> Result<SharedSlot, Refusal> {
        self.inner.take(lane)?;
        Ok(SharedSlot { inner: Arc::clone(&self.inner), lane })
    }

    /// Gives a slot back.
    pub fn release(&self, slot: SharedSlot) {
        drop(slot);
    }

    /// Takes back what dead processes held, puts right what a stranger did to our row, and takes up a
    /// segment that was lost. To be called every half second at the latest; bounded, waits for nobody.
    pub fn sweep(&self) -> Sweep {
        self.inner.sweep()
    }

    /// Has `look_again` called on a thread of its own, `plimsoll-shared`, now and each time a slot may have
    /// become free in another process, until [`Self::unwatch`]. The thread sweeps as well, and ends some
    /// seconds after nobody watches. Replaces the callback before. A call too many may come at any time, and
    /// one that had begun may end after `unwatch`.
    ///
    /// # Errors
    /// What the system gives when it can start no thread.
    pub fn watch(&self, look_again: impl Fn() + Send + Sync + 'static) -> std::io::Result<()> {
        Watch::begin(&self.inner, Arc::new(look_again))
    }

    /// Ends what [`Self::watch`] began.
    pub fn unwatch(&self) {
        self.inner.watch.end(&self.inner);
    }

    /// What runs in all processes, and what was noticed.
    #[must_use]
    pub fn status(&self) -> SharedStatus {
        self.inner.status()
    }

    #[cfg(test)]
    pub(super) fn abandon(self) {
        self.inner.state().attachment.abandon();
    }

    #[cfg(test)]
    pub(super) fn attachment(&self) -> Arc<Attachment> {
        self.inner.attachment()
    }
}

impl Drop for SharedLanes {
    fn drop(&mut self) {
        self.inner.watch.stop(&self.inner);
    }
}

fn check_names(lanes: &[(&str, u32)]) -> Result<(), SharedError> {
    match lanes.iter().find(|(name, _)| name.is_empty() || name.len() > MAX_NAME) {
        None => Ok(()),
        Some((name, _)) => Err(SharedError::Name {
            name: name.chars().take(MAX_NAME).collect(),
            length: name.len(),
        }),
    }
}

/// The path made independent of the working directory, its directory made if it is missing.
pub(super) fn absolute(fs: &dyn FileSystem, path: &Path) -> Result<PathBuf, SharedError> {
    let failed = |source| SharedError::Io {
        action: "reach the directory of",
        path: path.to_owned(),
        source,
    };
    let Some(name) = path.file_name() else {
        return Err(SharedError::Foreign { path: path.to_owned() });
    };
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs.create_directory(directory).map_err(failed)?;
    Ok(fs.canonical(directory).map_err(failed)?.join(name))
}
