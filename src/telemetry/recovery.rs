//! What a dead owner left: its ring is drained into the log it belongs to, then removed.
//!
//! A ring whose owner lives is locked and left alone. A ring of another version, or a file that is none,
//! is left as it is and told of. Entries are treated as their owner asked (the ring's profile).

use super::counters::Counters;
use super::dedup::Dedup;
use super::drain::{Drain, SharedLog, Terms};
use super::failure::Failure;
use super::log_file::{LogError, LogFile};
use super::paths::{LogPaths, split_ring_name};
use super::profile::Profile;
use super::ring::{Adoption, Ring};
use crate::platform::clock::Clock;
use crate::platform::filesystem::FileSystem;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long the command line tries a busy lock.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(1);

/// What was done for one log.
#[derive(Debug, Default)]
pub struct Recovery {
    /// Rings drained and removed.
    pub rings: u64,
    /// Rings left alone because their owner lives.
    pub living: u64,
    /// Entries that were in the drained rings.
    pub entries: u64,
    /// Bytes of them in which no whole entry was found.
    pub damaged_bytes: u64,
    /// Entries known to be missing.
    pub damaged: u64,
    /// Whether the log was locked by another process for longer than the patience given. Some rings
    /// are still there.
    pub busy: bool,
    /// What went wrong; the rings concerned are still there.
    pub failures: Vec<Failure>,
}

/// Drains every ring of one log whose owner is dead, trying a busy lock for `patience`.
pub fn recover_log(
    fs: &Arc<dyn FileSystem>,
    clock: &Arc<dyn Clock>,
    log: &mut SharedLog,
    terms: Option<Terms>,
    counters: &Counters,
    patience: Duration,
) -> Recovery {
    let mut recovery = Recovery::default();
    let paths = log.file.paths().clone();
    let names = match fs.list(paths.directory()) {
        Ok(names) => names,
        Err(source) => {
            let path = paths.directory().to_owned();
            let error = LogError::Io { action: "list", path, source };
            recovery.failures.push(Failure::of_log(&error, 0));
            return recovery;
        }
    };
    let mut rings: Vec<&String> = names.iter().filter(|name| is_ring(&paths, name)).collect();
    rings.sort_unstable();
    for name in rings {
        let path = paths.directory().join(name);
        if name.ends_with(".new") {
            remove_unborn(&**fs, &path);
            continue;
        }
        match Ring::adopt(&**fs, &path) {
            Ok(Adoption::Living) => recovery.living += 1,
            Ok(Adoption::Gone) => {}
            Ok(Adoption::Adopted(ring)) => {
                let drained =
                    drain(fs, clock, log, terms, *ring, counters, &mut recovery, patience);
                match drained {
                    Ok(()) => {}
                    Err(LogError::Busy) => {
                        recovery.busy = true;
                        return recovery;
                    }
                    Err(error) => recovery.failures.push(Failure::of_log(&error, 0)),
                }
            }
            Err(error) => recovery.failures.push(Failure::of_ring(&error)),
        }
    }
    recovery
}

/// Drains every ring in a directory whose owner is dead, whatever its log. The result has a line for
/// each log that has rings, by its file name.
///
/// # Errors
/// When the directory cannot be listed.
pub fn recover_directory(
    fs: &Arc<dyn FileSystem>,
    clock: &Arc<dyn Clock>,
    directory: &Path,
) -> io::Result<Vec<(String, Recovery)>> {
    let directory = fs.canonical(directory)?;
    let names = fs.list(&directory)?;
    let logs: BTreeSet<&str> =
        names.iter().filter_map(|name| split_ring_name(name)).map(|(log, _)| log).collect();
    let mut recoveries = Vec::new();
    for name in logs {
        let paths = LogPaths::new(directory.clone(), name.to_owned());
        let file = LogFile::new(Arc::clone(fs), Arc::clone(clock), paths);
        let mut log = SharedLog { file, dedup: Dedup::default() };
        let recovery = recover_log(fs, clock, &mut log, None, &Counters::default(), PATIENCE);
        recoveries.push((name.to_owned(), recovery));
    }
    Ok(recoveries)
}

fn is_ring(paths: &LogPaths, name: &str) -> bool {
    paths.parse_ring(name.strip_suffix(".new").unwrap_or(name)).is_some()
}

/// Removes a ring whose maker died before it had its name: nothing was ever stored in it.
fn remove_unborn(fs: &dyn FileSystem, path: &Path) {
    let dead = fs.open_existing(path).and_then(|file| fs.try_lock(&file));
    if dead.unwrap_or(false) {
        // Somebody else removing it first is as good.
        fs.remove(path).ok();
    }
}

#[allow(clippy::too_many_arguments)] // one caller, and a structure would only rename them
fn drain(
    fs: &Arc<dyn FileSystem>,
    clock: &Arc<dyn Clock>,
    log: &mut SharedLog,
    terms: Option<Terms>,
    ring: Ring,
    counters: &Counters,
    recovery: &mut Recovery,
    patience: Duration,
) -> Result<(), LogError> {
    let path = ring.path().to_owned();
    let profile = ring.profile().and_then(|bytes| Profile::decode(&bytes)).unwrap_or_default();
    let sanitizer = profile.sanitizer().or_else(|| Profile::default().sanitizer());
    let Some(sanitizer) = sanitizer else { return Ok(()) };
    let terms =
        terms.unwrap_or(Terms { rotation_threshold: profile.rotation_threshold, sync: false });
    let own = Counters::default();
    let mut drain = Drain::new(Arc::new(ring), sanitizer, Arc::clone(clock));
    let start = clock.monotonic();
    let drained = loop {
        match drain.step(log, terms, &own, true) {
            Ok(_) if drain.is_done() => break Ok(()),
            Ok(_) => {}
            Err(LogError::Busy) if clock.monotonic().saturating_sub(start) < patience => {
                std::thread::sleep(PAUSE);
            }
            Err(error) => break Err(error),
        }
    };
    let entries = drain.entries();
    recovery.entries += entries;
    recovery.damaged += own.damaged.get();
    recovery.damaged_bytes += own.damaged_bytes.get();
    counters.recovered.add(entries);
    counters.damaged.add(own.damaged.get());
    counters.damaged_bytes.add(own.damaged_bytes.get());
    drained?;
    recovery.rings += 1;
    match fs.remove(&path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(LogError::Io { action: "remove", path, source })
        }
        _ => Ok(()),
    }
}
