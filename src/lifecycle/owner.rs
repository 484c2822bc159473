//! The owner: this process, and everything it holds that must not outlive it.
//!
//! One for the process, made when the first thing is held ([`Owner::global`]); making it opens no file and starts
//! no thread. Its parts are found here, so that ending a group ends what is in all of them.

use super::group::{GroupId, Groups, WHOLE_PROCESS};
use super::jobs::Jobs;
use super::keeper::order::Order;
use super::ledger::state_directory::state_directory;
use super::ledger::sweep::{self, SweepReport};
use super::ledger::{Journal, Ledger, LedgerError};
use super::pool::{OpenError, Pool, PoolListener, Settings};
use super::process::host::{Host, HostSettings, Keepers, SystemKeepers};
use super::process::{EndedBy, Processes};
use super::temp_files::TempFiles;
use super::tracked::{TrackedId, TrackedProcesses, Untracked};
use crate::budget::scopes::Scopes;
use crate::platform::clock::{Clock, SystemClock};
use crate::platform::exit::at_exit;
use crate::platform::filesystem::{FileSystem, RealFileSystem};
use crate::platform::image;
use crate::platform::memory::SystemMemory;
use crate::platform::process::{KillReport, SystemProcesses};
use serde_json::{Value, json};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::sync::{Arc, Once, OnceLock};
use std::time::Duration;

/// Between TERM and KILL where nobody says otherwise: long enough for a tool to remove its own files.
pub const GRACE: Duration = Duration::from_secs(2);
/// How much longer than the grace is waited for what was killed.
const AFTER_KILL: Duration = Duration::from_secs(5);

/// See the module.
pub struct Owner {
    clock: Arc<dyn Clock>,
    fs: Arc<dyn FileSystem>,
    groups: Arc<Groups>,
    ledger: Arc<Ledger>,
    host: Arc<Host>,
    tracked: TrackedProcesses,
    temp_files: TempFiles,
    jobs: Jobs,
    /// Where the ledgers are.
    directory: Option<PathBuf>,
    /// What is done when the first thing is held.
    first: Once,
    keepers: Arc<dyn Keepers>,
    /// What is done when the first process of others is tracked.
    tracks: Once,
    /// The socket of the keeper without a command, or why there is none.
    watch: OnceLock<io::Result<OwnedFd>>,
}

/// What became of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupEnding {
    /// Processes that were ended, those below tracked ones included.
    pub processes: u32,
    /// Files and directories that were removed.
    pub files: u64,
    /// What could not be removed or ended, each with the reason.
    pub failures: Vec<(String, String)>,
}

static GLOBAL: OnceLock<Owner> = OnceLock::new();

impl Owner {
    /// That of this process.
    pub fn global() -> &'static Owner {
        GLOBAL.get_or_init(|| {
            let directory = state_directory(|name| std::env::var_os(name));
            Owner::new(directory, keeper_program(), std::env::temp_dir())
        })
    }

    fn new(directory: Result<PathBuf, LedgerError>, keeper: PathBuf, temporary: PathBuf) -> Owner {
        let fs: Arc<dyn FileSystem> = Arc::new(RealFileSystem);
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let groups = Arc::new(Groups::default());
        let known = directory.as_ref().ok().cloned();
        let ledger = Arc::new(Ledger::open(Arc::clone(&fs), directory));
        let journal: Arc<dyn Journal> = ledger.clone();
        let keepers: Arc<dyn Keepers> = Arc::new(SystemKeepers::new(keeper));
        let host = Host::new(HostSettings::new(keepers.clone(), journal.clone(), groups.clone()));
        let tracked =
            TrackedProcesses::new(Arc::new(SystemProcesses), journal.clone(), clock.clone());
        let temp_files = TempFiles::new(fs.clone(), journal, clock.clone(), temporary);
        Owner {
            clock,
            fs,
            groups,
            ledger,
            host: Arc::new(host),
            tracked,
            temp_files,
            jobs: Jobs::default(),
            directory: known,
            first: Once::new(),
            keepers,
            tracks: Once::new(),
            watch: OnceLock::new(),
        }
    }

    /// What is done once, when something is about to be held: what dead owners left is finished in the
    /// background, and our own files are removed when this process exits.
    fn begin(&'static self) {
        self.first.call_once(|| {
            // Where no handler can be registered the next sweep removes them.
            let _registered: bool = at_exit(|| {
                if let Some(owner) = GLOBAL.get() {
                    owner.temp_files.delete_all();
                    owner.ledger.remove_if_empty();
                }
            });
            let Some(directory) = self.directory.clone() else { return };
            // Refused, there is more urgent work: the next start sweeps.
            let _accepted: bool = self.jobs.submit(Box::new(move || {
                drop(sweep::sweep_directory(&*self.fs, &SystemProcesses, &directory));
            }));
        });
    }

    /// Commands.
    pub fn host(&'static self) -> &'static Arc<Host> {
        self.begin();
        &self.host
    }

    /// Takes hold of a process that somebody else started.
    ///
    /// # Errors
    ///
    /// [`Untracked`].
    pub fn track(
        &'static self,
        pid: i32,
        command: &str,
        group: GroupId,
    ) -> Result<TrackedId, Untracked> {
        self.begin();
        let tracked = self.tracked.track(pid, command, group)?;
        self.tracks.call_once(|| {
            // Refused, they are left to the next sweep as when no keeper can be started.
            let _accepted: bool =
                self.jobs.submit(Box::new(|| drop(self.watch.set(self.start_watch()))));
        });
        Ok(tracked)
    }

    /// The processes that somebody else started.
    pub fn tracked(&self) -> &TrackedProcesses {
        &self.tracked
    }

    /// Starts a keeper without a command: it sweeps our ledger should we die.
    fn start_watch(&self) -> io::Result<OwnedFd> {
        let ledger = self.ledger.path().map(PathBuf::into_os_string).unwrap_or_default();
        let order = Order { ledger: ledger.into_vec(), ..Order::default() };
        let null = File::options().read(true).write(true).open("/dev/null")?;
        let launched = self.keepers.launch(&order.encode(), [null.as_fd(); 3])?;
        Ok(launched.control)
    }

    /// Temporary files.
    pub fn temp_files(&'static self) -> &'static TempFiles {
        self.begin();
        &self.temp_files
    }

    /// The groups of all of these.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// Work that may block.
    pub fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// Opens a pool of workers.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open_pool(
        &'static self,
        settings: Settings,
        listener: Arc<dyn PoolListener>,
    ) -> Result<Pool, OpenError> {
        let processes: Arc<dyn Processes> = self.host().clone();
        Pool::open(settings, processes, self.clock.clone(), Arc::new(SystemMemory::new()), listener)
    }

    /// Ends what is in a group and in those within it: commands, tracked processes, temporary files. Blocks for the
    /// grace, [`GRACE`] where none is given, and a bounded time after it.
    pub fn end_group(&self, group: GroupId, by: EndedBy, grace: Option<Duration>) -> GroupEnding {
        let longest = grace.unwrap_or(GRACE);
        let commands = self.host.end_group(group, by, grace);
        let tracked = self.tracked.of_group(group, &self.groups);
        let report = self.tracked.end(&tracked, longest);
        // Before the files, which they may still write.
        let left = self.host.wait_for_group(group, longest.saturating_add(AFTER_KILL));
        let removed = match group {
            WHOLE_PROCESS => self.temp_files.delete_all(),
            _ => self.temp_files.delete_group(group, &self.groups),
        };
        let mut failures: Vec<(String, String)> = removed
            .kept
            .into_iter()
            .map(|kept| (kept.path.display().to_string(), kept.reason))
            .collect();
        if left > 0 {
            let reason = format!("{left} processes did not end within {AFTER_KILL:?} after KILL");
            failures.push((String::new(), reason));
        }
        if report.refused > 0 {
            let reason = format!("{} processes may not be signalled by this user", report.refused);
            failures.push((String::new(), reason));
        }
        let commands = u32::try_from(commands).unwrap_or(u32::MAX);
        GroupEnding {
            processes: report.signalled.saturating_add(commands),
            files: removed.count,
            failures,
        }
    }

    /// Ends tracked processes with their trees; blocks for the grace.
    pub fn end_tracked(&self, ids: &[TrackedId], grace: Option<Duration>) -> KillReport {
        self.tracked.end(ids, grace.unwrap_or(GRACE))
    }

    /// Finishes what dead owners left in a state directory, or in that of the user. Blocks.
    ///
    /// # Errors
    ///
    /// `Unavailable`: there is no such directory.
    pub fn sweep(&self, state: Option<PathBuf>) -> Result<(PathBuf, SweepReport), LedgerError> {
        let named = |name: &str| {
            let given = (name == "PLIMSOLL_STATE_DIR").then_some(state.as_ref()).flatten();
            given.map(|path| path.as_os_str().to_owned()).or_else(|| std::env::var_os(name))
        };
        let directory = state_directory(named)?;
        let report = sweep::sweep_directory(&*self.fs, &SystemProcesses, &directory);
        Ok((directory, report))
    }

    /// All counters.
    pub fn counts(&self) -> Value {
        let (groups, groups_refused) = self.groups.counts();
        let (host, ledger, files) =
            (self.host.stats(), self.ledger.stats(), self.temp_files.stats());
        let jobs = self.jobs.counts();
        json!({
            "groups": groups,
            "groupsRefused": groups_refused,
            "commands": {
                "running": host.running, "waiting": host.waiting, "mostRunning": host.most_running,
                "limit": host.limit, "started": host.started, "ended": host.ended,
                "lost": host.lost, "cancelled": host.cancelled, "refused": host.refused,
                "notRun": host.not_run, "timeouts": host.timeouts,
                "launchRetries": host.launch_retries,
                "droppedOutputBytes": host.dropped_output_bytes,
            },
            "tracked": self.tracked.list().len(),
            "watch": self.watch.get().map(|watch| match watch {
                Ok(_) => "running".to_owned(),
                Err(error) => format!("not started: {error}"),
            }),
            "tempFiles": {
                "registered": files.registered, "most": files.most_registered,
                "created": files.created, "tracked": files.tracked, "removed": files.removed,
                "alreadyGone": files.already_gone, "failures": files.failures,
                "refused": files.refused, "unrecorded": files.unrecorded,
            },
            "ledger": {
                "records": ledger.records, "most": ledger.most_records, "written": ledger.written,
                "struck": ledger.struck, "writeFailures": ledger.write_failures,
                "refused": ledger.refused, "unrecorded": ledger.unrecorded,
                "unavailable": ledger.unavailable,
            },
            "work": { "refused": jobs.refused, "faults": jobs.faults },
        })
    }
}

/// The scopes of the owner of this process, for worker calls.
pub struct OwnScopes;

impl Scopes for OwnScopes {
    fn end(&self, scope: u32) -> u32 {
        let Some(owner) = GLOBAL.get().filter(|_| scope != WHOLE_PROCESS) else { return 0 };
        owner.end_group(scope, EndedBy::Deadline, Some(Duration::ZERO)).processes
    }
}

/// The keeper lies beside the addon and is named like it: `plimsoll.<platform>.node`, `plimsoll-keeper.<platform>`.
fn keeper_program() -> PathBuf {
    let addon = image::path().unwrap_or_default();
    let name = addon.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    let platform = name.strip_prefix("plimsoll").unwrap_or_default();
    addon.with_file_name(format!("plimsoll-keeper{platform}"))
}
