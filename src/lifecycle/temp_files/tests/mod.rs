//! Tests of temporary files: what they promise, and what is left after deaths.

mod behaviour;
mod histories;
mod killed_process;
mod kills;
mod threads;

use super::*;
use crate::lifecycle::group::WHOLE_PROCESS;
use crate::lifecycle::ledger::tests::Home;
use crate::lifecycle::ledger::{Ledger, LedgerStats};
use crate::platform::clock::Clock;
use crate::platform::filesystem::RealFileSystem;
use std::sync::atomic::{AtomicU64, Ordering};

/// A clock that stands until it is moved.
#[derive(Default)]
struct Standing(AtomicU64);

impl Standing {
    fn pass(&self, ms: u64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for Standing {
    fn wall_ms(&self) -> i64 {
        1_000_000 + self.0.load(Ordering::Relaxed) as i64
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// A process with temporary files; its death is to be dropped.
struct Owner {
    files: TempFiles,
    ledger: Arc<Ledger>,
    clock: Arc<Standing>,
}

impl Owner {
    fn new(home: &Home) -> Owner {
        Owner::on(home, Arc::new(RealFileSystem))
    }

    fn on(home: &Home, fs: Arc<dyn FileSystem>) -> Owner {
        let ledger = Arc::new(home.ledger_on(Arc::clone(&fs)));
        let clock = Arc::new(Standing::default());
        let files = TempFiles::new(fs, ledger.clone(), clock.clone(), home.files.clone());
        Owner { files, ledger, clock }
    }

    fn file(&self, group: GroupId) -> PathBuf {
        self.files.create_file("test", "a test", None, group).unwrap()
    }
}

/// What a ledger held when it holds nothing any more.
fn is_empty(stats: &LedgerStats) -> bool {
    stats.records == 0 && stats.written == stats.struck
}
