//! The telemetry of this process: one writer thread, started with the first handle, for all handles.

use super::archive::Compressor;
use super::handle::{EventSink, Handle};
use super::hub::Hub;
use super::settings::Settings;
use super::writer::Writer;
use crate::platform::clock::{Clock, SystemClock};
use crate::platform::exit::at_exit;
use crate::platform::filesystem::{FileSystem, RealFileSystem};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// How long the end of the process may be held up by writing what is left. What takes longer waits in
/// its ring for the next start.
pub const EXIT_BOUND: Duration = Duration::from_secs(2);

/// Everything the handles of this process share.
pub struct Runtime {
    hub: Arc<Hub>,
    fs: Arc<dyn FileSystem>,
    clock: Arc<dyn Clock>,
    compressor: Arc<Compressor>,
    started: OnceLock<bool>,
    finished: Arc<(Mutex<bool>, Condvar)>,
}

static GLOBAL: OnceLock<Runtime> = OnceLock::new();

impl Runtime {
    /// The one of this process. Making it starts nothing.
    pub fn global() -> &'static Runtime {
        GLOBAL.get_or_init(|| Runtime::new(Arc::new(RealFileSystem), Arc::new(SystemClock)))
    }

    /// A runtime of its own, for tests.
    #[must_use]
    pub fn new(fs: Arc<dyn FileSystem>, clock: Arc<dyn Clock>) -> Runtime {
        let compressor = Arc::new(Compressor::new(Arc::clone(&fs), Arc::clone(&clock)));
        Runtime {
            hub: Arc::default(),
            fs,
            clock,
            compressor,
            started: OnceLock::new(),
            finished: Arc::default(),
        }
    }

    /// Makes a handle. It takes entries once [`super::handle::Event::Opened`] was told.
    ///
    /// Returns `None` when the writer thread could not be started.
    pub fn open(&self, settings: Settings, events: EventSink) -> Option<Arc<Handle>> {
        if !*self.started.get_or_init(|| self.start()) {
            return None;
        }
        // Random ids keep the rings of many processes apart without asking anyone; the standard
        // library seeds each `RandomState` differently.
        let id = RandomState::new().build_hasher().finish();
        let (hub, clock) = (Arc::clone(&self.hub), Arc::clone(&self.clock));
        let handle = Arc::new(Handle::new(id, settings, hub, clock, events));
        self.hub.open(Arc::clone(&handle));
        Some(handle)
    }

    fn start(&self) -> bool {
        let (hub, fs) = (Arc::clone(&self.hub), Arc::clone(&self.fs));
        let (clock, compressor) = (Arc::clone(&self.clock), Arc::clone(&self.compressor));
        let finished = Arc::clone(&self.finished);
        let work = move || {
            let mut writer = Writer::new(hub, fs, clock, compressor);
            let finished = || {
                *finished.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
                finished.1.notify_all();
            };
            // Work for a handle catches its own panics; this is for what lies between.
            while catch_unwind(AssertUnwindSafe(|| writer.run(&finished))).is_err() {}
        };
        std::thread::Builder::new().name("plimsoll-writer".to_owned()).spawn(work).is_ok()
    }

    /// Writes out and closes every handle, waiting at most `bound`. Returns whether all was written.
    /// For the end of the process: archives being compressed are left to the next start.
    pub fn finish(&self, bound: Duration) -> bool {
        if self.started.get() != Some(&true) {
            return true;
        }
        let (flag, bell) = &*self.finished;
        *flag.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.hub.exit();
        let waiting = flag.lock().unwrap_or_else(PoisonError::into_inner);
        let (done, _) = bell
            .wait_timeout_while(waiting, bound, |done| !*done)
            .unwrap_or_else(PoisonError::into_inner);
        *done
    }

    /// Has [`Runtime::finish`] run when the process exits.
    pub fn finish_at_exit() -> bool {
        at_exit(|| {
            Runtime::global().finish(EXIT_BOUND);
        })
    }
}
