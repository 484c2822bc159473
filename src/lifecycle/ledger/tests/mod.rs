//! Tests of the ledger and its sweep that need more than one of its parts.

mod owners;
mod races;
mod real_processes;
mod sweeps;

use super::place::Place;
use super::sweep::{Sweep, SweepReport};
use super::{Journal, Ledger, PathKind};
use crate::platform::faulty::FaultyFileSystem;
use crate::platform::filesystem::{FileSystem, RealFileSystem};
use crate::platform::process::ProcessIdentity;
use crate::platform::process::fake::{Asked, FakeProcesses};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A state directory and a place for files, both gone with it.
pub(crate) struct Home {
    pub(crate) root: tempfile::TempDir,
    pub(crate) ledgers: PathBuf,
    pub(crate) files: PathBuf,
}

impl Home {
    pub(crate) fn new() -> Home {
        let root = tempfile::tempdir().unwrap();
        let (ledgers, files) = (root.path().join("state/ledger"), root.path().join("files"));
        std::fs::create_dir(&files).unwrap();
        Home { root, ledgers, files }
    }

    pub(crate) fn ledger(&self) -> Ledger {
        self.ledger_on(Arc::new(RealFileSystem))
    }

    pub(crate) fn ledger_on(&self, fs: Arc<dyn FileSystem>) -> Ledger {
        Ledger::open(fs, Ok(self.ledgers.clone()))
    }

    /// Creates a file that is recorded, as its owner would.
    fn file(&self, ledger: &Ledger, name: &str) -> PathBuf {
        let path = self.files.join(name);
        ledger.record_path(&path, PathKind::File).unwrap();
        std::fs::write(&path, name).unwrap();
        path
    }

    pub(crate) fn sweep(&self, processes: &FakeProcesses) -> SweepReport {
        self.sweep_on(&RealFileSystem, processes)
    }

    pub(crate) fn sweep_on(&self, fs: &dyn FileSystem, processes: &FakeProcesses) -> SweepReport {
        let mut sweep = Sweep::new(fs, processes, Place::here());
        sweep.directory(&self.ledgers);
        sweep.report
    }

    /// How many files there are in the state directory.
    pub(crate) fn ledger_count(&self) -> usize {
        std::fs::read_dir(&self.ledgers).map_or(0, Iterator::count)
    }

    pub(crate) fn file_count(&self) -> usize {
        std::fs::read_dir(&self.files).unwrap().count()
    }
}

/// The same processes for several owners, starts counted from 1.
pub(crate) fn identity(pid: i32, start: u64) -> ProcessIdentity {
    ProcessIdentity { pid, start }
}

pub(crate) fn kills(processes: &FakeProcesses) -> Vec<i32> {
    let kill = |asked: &Asked| match asked {
        Asked::Killed(pid, _) => Some(*pid),
        Asked::Opened(_) => None,
    };
    processes.asked().iter().filter_map(kill).collect()
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn faulty() -> Arc<FaultyFileSystem> {
    Arc::new(FaultyFileSystem::new())
}
