//! The sweep: finishing what dead owners left.
//!
//! # What it promises
//!
//! - Nothing is done without the lock of a ledger, which a living owner never gives away; two sweeps at once take
//!   turns, and the second finds the file gone. Should a file system give a lock to everybody, an owner that can be
//!   seen to live here still keeps what it has.
//! - A process is killed, with its tree, only when boot, PID namespace, number and start time are those recorded.
//!   The ledger of an earlier boot names no process that could still live; that of another PID namespace names
//!   some that cannot be reached from here: they are told, and the ledger stays as long as it names any.
//! - Files and directories are removed by the rules of [`super::removal`], only this user's own. A lock that is
//!   free means a dead owner in any boot and any namespace: locks hold across all of them that share the disk.
//!   A path that is not there counts as gone, although it may be in another mount namespace.
//! - What is done is struck out at once; what cannot be done stays, and is told. A sweep may be interrupted
//!   anywhere and another goes on.
//! - A file that is not a ledger of this user is left alone.
//!
//! # Limits
//!
//! - The state directory must be on a disk whose `flock` holds between all who use it.
//! - [`MOST_LEDGERS`] ledgers a sweep, beginning anywhere among them; the others are counted.
//! - [`MOST_PROBLEMS`] problems are told, the others counted.
//! - After a kill the end of the process is waited for, at most [`MOST_PAUSES`] milliseconds a ledger.

use super::place::Place;
use super::removal::{self, Removal};
use super::slots::{self, Entry, Header, MAGIC, STRUCK, Slot};
use super::state_directory;
use super::{MOST_RECORDS, PathKind, SLOT, random};
use crate::platform::filesystem::{FileStatus, FileSystem};
use crate::platform::process::{ProcessIdentity, Processes, Signal, start_of};
use crate::platform::user;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Most ledgers of one sweep.
pub const MOST_LEDGERS: usize = 1024;
/// Most problems that are told.
pub const MOST_PROBLEMS: usize = 256;
/// Most pauses of [`PAUSE`] for killed processes to end.
pub const MOST_PAUSES: u32 = 1000;

const PAUSE: Duration = Duration::from_millis(1);

/// Something that could not be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file or directory; the ledger where it is about a process or the ledger itself.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// What a sweep did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SweepReport {
    /// Ledgers of dead owners that are finished and removed.
    pub ledgers: u32,
    /// Ledgers whose owner lives, or that another sweep is at.
    pub living: u32,
    /// Processes killed, those below the recorded ones included.
    pub processes_killed: u64,
    /// Files and links removed.
    pub files_removed: u64,
    /// Directories removed, each with what was in it.
    pub directories_removed: u64,
    /// What could not be done, at most [`MOST_PROBLEMS`].
    pub kept: Vec<Problem>,
    /// How many more there were.
    pub kept_untold: u64,
    /// Ledgers of an earlier boot.
    pub foreign_boot: u32,
    /// Ledgers of another PID namespace.
    pub foreign_namespace: u32,
    /// Records that were half-written or damaged.
    pub garbage: u64,
    /// Files of a ledger's name that are none, or another user's; they were left alone.
    pub strangers: u32,
    /// Ledgers beyond [`MOST_LEDGERS`].
    pub left_for_later: u64,
}

/// Sweeps all ledgers of a directory. One that is not there is no problem; one that is not safe to trust
/// (see [`state_directory`]) is, and nothing in it is touched.
#[must_use]
pub fn sweep_directory(
    fs: &dyn FileSystem,
    processes: &dyn Processes,
    directory: &Path,
) -> SweepReport {
    let mut sweep = Sweep::new(fs, processes, Place::here());
    sweep.directory(directory);
    sweep.report
}

/// Sweeps one ledger. Its owner may just be dying: the lock is tried again each millisecond, as long as
/// `patience` lasts.
#[must_use]
pub fn sweep_one(
    fs: &dyn FileSystem,
    processes: &dyn Processes,
    ledger: &Path,
    patience: Duration,
) -> SweepReport {
    let mut sweep = Sweep::new(fs, processes, Place::here());
    let directory = ledger.parent().unwrap_or(Path::new("/"));
    match state_directory::check(fs, directory) {
        Ok(()) => sweep.ledger(ledger, patience),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => sweep.tell(directory, error.to_string()),
    }
    sweep.report
}

pub(super) struct Sweep<'a> {
    fs: &'a dyn FileSystem,
    processes: &'a dyn Processes,
    here: Place,
    pub(super) report: SweepReport,
}

/// What may be done to the processes of a ledger.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// They can be proven.
    Proven,
    /// They are no more, or nobody can ever prove them.
    Never(&'static str),
    /// Somebody else may.
    Elsewhere,
}

impl<'a> Sweep<'a> {
    pub(super) fn new(
        fs: &'a dyn FileSystem,
        processes: &'a dyn Processes,
        here: Place,
    ) -> Sweep<'a> {
        Sweep { fs, processes, here, report: SweepReport::default() }
    }

    pub(super) fn directory(&mut self, directory: &Path) {
        let listed =
            state_directory::check(self.fs, directory).and_then(|()| self.fs.list(directory));
        let mut names = match listed {
            Ok(names) => names,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => return self.tell(directory, error.to_string()),
        };
        names.retain(|name| is_name_of_ledger(name));
        names.sort_unstable();
        if names.len() > MOST_LEDGERS {
            // Anywhere: what cannot be finished at the front must not hide the rest for ever.
            let start = random() % names.len() as u64;
            names.rotate_left(start as usize);
            self.report.left_for_later = (names.len() - MOST_LEDGERS) as u64;
            names.truncate(MOST_LEDGERS);
        }
        for name in names {
            self.ledger(&directory.join(name), Duration::ZERO);
        }
    }

    fn tell(&mut self, path: &Path, reason: String) {
        if self.report.kept.len() < MOST_PROBLEMS {
            self.report.kept.push(Problem { path: path.to_owned(), reason });
        } else {
            self.report.kept_untold += 1;
        }
    }

    fn ledger(&mut self, path: &Path, patience: Duration) {
        match self.try_ledger(path, patience) {
            Ok(()) => {}
            // Another sweep finished it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.tell(path, format!("the ledger cannot be swept: {error}")),
        }
    }

    fn try_ledger(&mut self, path: &Path, patience: Duration) -> io::Result<()> {
        if !is_own_file(&self.fs.status_at(path)?) {
            self.report.strangers += 1;
            return Ok(());
        }
        let file = self.fs.open_existing(path)?;
        if !is_own_file(&self.fs.status(&file)?) {
            self.report.strangers += 1;
            return Ok(());
        }
        let mut pauses = patience.as_millis();
        if !wait(&mut pauses, || self.fs.try_lock(&file))? {
            self.report.living += 1;
            return Ok(());
        }
        let finished = self.locked(&file, path, &mut pauses);
        // Closing alone keeps the lock while a process that is being started here has a copy of the descriptor.
        self.fs.unlock(&file).ok();
        finished
    }

    fn locked(&mut self, file: &File, path: &Path, pauses: &mut u128) -> io::Result<()> {
        let status = self.fs.status(file)?;
        if status.links == 0 {
            return Ok(());
        }
        let mut first = vec![0; SLOT];
        let length = self.read_slot(file, 0, &mut first)?;
        let known = length.min(MAGIC.len());
        if first[..known] != MAGIC[..known] {
            self.report.strangers += 1;
            return Ok(());
        }
        // Without a whole first slot nothing was ever recorded.
        if length == SLOT {
            let header = Header::decode(&first);
            if !wait(pauses, || Ok(!header.is_some_and(|header| self.sees_alive(header))))? {
                self.report.living += 1;
                return Ok(());
            }
            if !self.records(file, path, header, status.length)? {
                return Ok(());
            }
        }
        self.fs.remove(path)?;
        self.report.ledgers += 1;
        Ok(())
    }

    /// Whether the owner runs here, whatever its lock says. This very process is told by its locks alone.
    fn sees_alive(&self, header: Header) -> bool {
        header.place == self.here
            && self.here.is_known()
            && u32::try_from(header.owner.pid) != Ok(std::process::id())
            && start_of(header.owner.pid) == Some(header.owner.start)
    }

    /// Finishes all records, processes first, so that they create nothing more. `false`: some stay.
    fn records(
        &mut self,
        file: &File,
        path: &Path,
        header: Option<Header>,
        length: u64,
    ) -> io::Result<bool> {
        let reach = self.reach(path, header);
        let last = length.div_ceil(SLOT as u64).saturating_sub(1).min(MOST_RECORDS as u64);
        let mut pauses = MOST_PAUSES;
        let mut finished = true;
        for with_processes in [true, false] {
            let mut bytes = vec![0; SLOT];
            for slot in 1..=last {
                let count = self.read_slot(file, slot * SLOT as u64, &mut bytes)?;
                let done = match (slots::decode(&bytes[..count]), with_processes) {
                    (Slot::Garbage, true) => {
                        self.report.garbage += 1;
                        continue;
                    }
                    (Slot::Entry(Entry::Process { identity, command }), true) => {
                        let command = String::from_utf8_lossy(&command).into_owned();
                        self.process(path, reach, identity, &command, &mut pauses)
                    }
                    (Slot::Entry(Entry::Path { path, kind }), false) => self.path(&path, kind),
                    _ => continue,
                };
                finished &= done;
                if done {
                    // Should this fail, the next sweep finds its thing gone.
                    self.fs.write_at(file, &STRUCK, slot * SLOT as u64).ok();
                }
            }
        }
        Ok(finished)
    }

    fn reach(&mut self, path: &Path, header: Option<Header>) -> Reach {
        let Some(header) = header else {
            self.tell(path, "the header is damaged".to_owned());
            return Reach::Never("nothing proves that it is the one recorded");
        };
        if header.place.boot != self.here.boot {
            self.report.foreign_boot += 1;
            return Reach::Never("");
        }
        if header.place.namespace != self.here.namespace {
            self.report.foreign_namespace += 1;
            return Reach::Elsewhere;
        }
        if self.here.is_known() {
            return Reach::Proven;
        }
        Reach::Never("this system does not tell processes apart for good")
    }

    /// Whether the record is done with.
    fn process(
        &mut self,
        ledger: &Path,
        reach: Reach,
        identity: ProcessIdentity,
        command: &str,
        pauses: &mut u32,
    ) -> bool {
        let pid = identity.pid;
        let reason = match reach {
            Reach::Never("") => return true,
            Reach::Never(why) => {
                self.tell(ledger, format!("process {pid} ({command}) was not killed: {why}"));
                return true;
            }
            Reach::Elsewhere => "it is in another PID namespace; sweep there".to_owned(),
            Reach::Proven => match self.kill(ledger, identity, pauses) {
                Ok(()) => return true,
                Err(reason) => reason,
            },
        };
        self.tell(ledger, format!("process {pid} ({command}) was not killed: {reason}"));
        false
    }

    fn kill(
        &mut self,
        ledger: &Path,
        identity: ProcessIdentity,
        pauses: &mut u32,
    ) -> Result<(), String> {
        let process = match self.processes.open(identity.pid) {
            Ok(process) => process,
            Err(error) if is_no_process(&error) => return Ok(()),
            Err(error) => return Err(error.to_string()),
        };
        if process.identity() != identity || !self.processes.is_alive(&process) {
            return Ok(());
        }
        let killed = self.processes.kill_tree(&process, Signal::Kill);
        self.report.processes_killed += u64::from(killed.signalled);
        while self.processes.is_alive(&process) {
            if *pauses == 0 {
                return Err("it does not end".to_owned());
            }
            *pauses -= 1;
            std::thread::sleep(PAUSE);
        }
        if killed.refused > 0 || killed.cut > 0 {
            let (pid, refused, cut) = (identity.pid, killed.refused, killed.cut);
            let reason = format!(
                "of the tree of process {pid} {refused} could not be signalled, {cut} may have got away"
            );
            self.tell(ledger, reason);
        }
        Ok(())
    }

    fn path(&mut self, path: &Path, kind: PathKind) -> bool {
        match removal::remove(self.fs, path, kind, Some(user::effective())) {
            Ok(Removal::AlreadyGone) => {}
            Ok(Removal::File) => self.report.files_removed += 1,
            Ok(Removal::Directory) => self.report.directories_removed += 1,
            Err(error) => {
                self.tell(path, error.to_string());
                return false;
            }
        }
        true
    }

    /// Reads until the slot is full or the file ends.
    fn read_slot(&self, file: &File, at: u64, bytes: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while read < bytes.len() {
            match self.fs.read_at(file, &mut bytes[read..], at + read as u64) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }
}

/// Asks again each millisecond, as long as there are pauses left. Whether the answer was yes.
fn wait(pauses: &mut u128, mut asked: impl FnMut() -> io::Result<bool>) -> io::Result<bool> {
    while !asked()? {
        if *pauses == 0 {
            return Ok(false);
        }
        *pauses -= 1;
        std::thread::sleep(PAUSE);
    }
    Ok(true)
}

fn is_own_file(status: &FileStatus) -> bool {
    status.is_file && status.owner == user::effective()
}

/// No such process, or the number is that of a thread now.
#[cfg(unix)]
fn is_no_process(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ESRCH | libc::EINVAL | libc::ENOENT))
}

#[cfg(not(unix))]
fn is_no_process(_: &io::Error) -> bool {
    false
}

/// `<pid>-<16 hexadecimal digits>.ledger`.
fn is_name_of_ledger(name: &str) -> bool {
    let parts = name.strip_suffix(".ledger").and_then(|name| name.split_once('-'));
    parts.is_some_and(|(pid, number)| {
        !pid.is_empty()
            && pid.bytes().all(|byte| byte.is_ascii_digit())
            && number.len() == 16
            && number.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}
