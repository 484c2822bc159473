//! One command, from its order to the last of its descendants.
//!
//! One thread, one loop: it waits for the owner's words, the owner's end, the ends of children and the time, and
//! does what follows. Nothing in it blocks: what is said to the owner fits the socket many times over, and the
//! child whose outcome is read has ended or become its program.
//!
//! # Limits
//!
//! - Everything below is stopped, killed and collected again and again until there is no child. Only processes
//!   that may not be signalled, another user's, make it give up, after [`MOST_REFUSED`]; they are counted.
//! - Of the processes ended by force at most [`MOST_COUNTED`] are told apart; above, one that is signalled twice
//!   counts twice.
//! - Not Linux, or Linux without `/proc` or pidfds: what is ended is the process group of the command, as long as
//!   the command itself is not collected; descendants that left the group are missed.

use super::messages::{LENGTH, Step, ToKeeper, ToOwner};
use super::order::{Leftovers, MOST_BYTES, Order};
use super::owner::{After, Owner};
use super::watch;
use crate::platform::fork::{self, Collected, End, Program, Waiting, Wakeups};
use crate::platform::process::{ProcessHandle, ProcessIdentity, signal_descendants};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Resource, Rlimit};
use std::collections::HashSet;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Between TERM and KILL for what a command leaves behind.
const LEFTOVER_GRACE: Duration = Duration::from_secs(2);
/// How long processes are tried to be killed that all refuse.
const MOST_REFUSED: Duration = Duration::from_secs(1);
/// Between two rounds of killing: doubled from the first to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(2), Duration::from_millis(64));
/// Longest grace: what does not fit a clock is not waited for.
const MOST_GRACE: Duration = Duration::from_secs(366 * 24 * 3600);
/// Descriptors wanted, one a process below.
const DESCRIPTORS: u64 = 65_536;
const MOST_COUNTED: usize = 65_536;
/// Records read at once.
const MOST_HEARD: usize = 16;

/// Does all there is to do; what is left is the ledger of an owner that is gone.
pub(super) fn serve(control: OwnedFd, order: OwnedFd) -> Option<After> {
    let control = UnixStream::from(control);
    let owner = Owner::watched();
    let prepared = match read_order(order) {
        Ok(order) if order.program.is_empty() => {
            return Some(watch::wait(control, owner, order.ledger));
        }
        Ok(order) => Session::prepare(control, order),
        Err(error) => Err((control, Step::Order, error)),
    };
    match prepared {
        Ok((mut session, ledger)) => {
            session.run(&owner);
            session.owner_gone.then(|| After::new(owner, ledger))
        }
        Err((mut control, step, error)) => {
            let errno = error.raw_os_error().unwrap_or(libc::EINVAL);
            // An owner that does not hear it is gone.
            control.write_all(&ToOwner::NotRun { step, errno }.encode()).ok();
            None
        }
    }
}

/// Kills everything below this process, the best that can be done after a fault.
pub(super) fn kill_everything() {
    let end = Instant::now() + MOST_REFUSED;
    loop {
        signal_descendants(libc::SIGKILL).ok();
        loop {
            match fork::collect() {
                Ok(Some(_)) => {}
                Ok(None) if Instant::now() < end => break,
                Ok(None) | Err(_) => return,
            }
        }
        std::thread::sleep(PAUSES.0);
    }
}

enum Ending {
    No,
    /// KILL follows.
    Asked {
        until: Instant,
    },
    Killing {
        since: Instant,
        next: Instant,
        pause: Duration,
    },
}

struct Session {
    control: UnixStream,
    /// The beginning of a record whose rest is still to come.
    heard: Vec<u8>,
    wakeups: Wakeups,
    command: ProcessIdentity,
    /// Until it has become its program or failed to.
    waiting: Option<Waiting>,
    let_go: bool,
    collected: bool,
    leftovers: Leftovers,
    ending: Ending,
    owner_gone: bool,
    last_word: Option<ToOwner>,
    ended: HashSet<ProcessIdentity>,
    ended_beyond: u64,
    refused: u64,
}

type Failure = (UnixStream, Step, io::Error);

impl Session {
    fn prepare(control: UnixStream, order: Order) -> Result<(Session, Vec<u8>), Failure> {
        let (order, wakeups, waiting) = match fork_command(&control, order) {
            Ok(prepared) => prepared,
            Err((step, error)) => return Err((control, step, error)),
        };
        let pid = waiting.pid();
        // Without /proc its start time is not known.
        let command = ProcessHandle::open(pid)
            .map_or(ProcessIdentity { pid, start: 0 }, |handle| handle.identity());
        let mut session = Session {
            control,
            heard: Vec::new(),
            wakeups,
            command,
            waiting: Some(waiting),
            let_go: false,
            collected: false,
            leftovers: order.leftovers,
            ending: Ending::No,
            owner_gone: false,
            last_word: None,
            ended: HashSet::new(),
            ended_beyond: 0,
            refused: 0,
        };
        session.say(ToOwner::Ready { pid, start: command.start });
        Ok((session, order.ledger))
    }

    fn run(&mut self, owner: &Owner) {
        while self.collect() {
            if self.collected
                && matches!(self.ending, Ending::No)
                && self.leftovers == Leftovers::End
            {
                self.end(libc::SIGTERM, LEFTOVER_GRACE);
            }
            if !self.keep_time() {
                break;
            }
            self.wait(owner);
        }
        let ended = self.ended.len() as u64 + self.ended_beyond;
        let gone = ToOwner::Gone { ended, refused: self.refused };
        self.say(self.last_word.unwrap_or(gone));
    }

    /// Waits for something to happen, and hears what the owner says.
    fn wait(&mut self, owner: &Owner) {
        let timeout = self.next_time().map(|at| {
            let left = at.saturating_duration_since(Instant::now());
            // Rounded up: a millisecond early would be a turn for nothing.
            let left = left + Duration::from_micros(100);
            Timespec {
                tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            }
        });
        let mut descriptors = vec![PollFd::new(&self.wakeups, PollFlags::IN)];
        let status = self.waiting.as_ref().map(|waiting| {
            descriptors.push(PollFd::new(waiting.status(), PollFlags::IN));
            descriptors.len() - 1
        });
        let mut words = None;
        let mut death = None;
        if !self.owner_gone {
            words = Some(descriptors.len());
            descriptors.push(PollFd::new(&self.control, PollFlags::IN));
            if let Some(pidfd) = owner.pidfd() {
                death = Some(descriptors.len());
                descriptors.push(PollFd::new(pidfd, PollFlags::IN));
            }
        }
        let ready = poll(&mut descriptors, timeout.as_ref()).is_ok();
        let is_ready =
            |at: Option<usize>| ready && at.is_some_and(|at| !descriptors[at].revents().is_empty());
        let (status, words, death) = (is_ready(status), is_ready(words), is_ready(death));
        drop(descriptors);
        if status {
            self.learn_outcome();
        }
        if words {
            self.hear();
        }
        if death {
            self.lose_owner();
        }
    }

    fn next_time(&self) -> Option<Instant> {
        match self.ending {
            Ending::No => None,
            Ending::Asked { until } => Some(until),
            Ending::Killing { next, .. } => Some(next),
        }
    }

    /// Does what its time has come for; false when there is nothing more that could be done.
    fn keep_time(&mut self) -> bool {
        let now = Instant::now();
        match self.ending {
            Ending::Asked { until } if now >= until => self.kill_from(now),
            _ => {}
        }
        let Ending::Killing { since, next, pause } = self.ending else { return true };
        if now < next {
            return true;
        }
        let (reached, refused) = self.signal_tree(libc::SIGKILL, true);
        if reached == 0 && refused > 0 && now >= since + MOST_REFUSED {
            return false;
        }
        let next = Instant::now() + pause;
        self.ending = Ending::Killing { since, next, pause: (pause * 2).min(PAUSES.1) };
        true
    }

    fn kill_from(&mut self, now: Instant) {
        if !matches!(self.ending, Ending::Killing { .. }) {
            self.ending = Ending::Killing { since: now, next: now, pause: PAUSES.0 };
            // Where sessions share the processor evenly (`sched(7)`, autogroups), those that fled into many have
            // the most of it. Refused, or no such system: it takes longer then.
            std::fs::write("/proc/self/autogroup", "-20").ok();
        }
    }

    /// Collects all that have ended. False when there is no child any more.
    fn collect(&mut self) -> bool {
        self.wakeups.forget();
        loop {
            match fork::collect() {
                Ok(Some(child)) if child.pid == self.command.pid && !self.collected => {
                    self.command_ended(child);
                }
                Ok(Some(_)) => {}
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }

    fn command_ended(&mut self, child: Collected) {
        self.learn_outcome();
        self.collected = true;
        if self.last_word.is_some() {
            return;
        }
        let (cpu_us, max_rss_kib) = (child.cpu_us, child.max_rss_kib);
        self.say(match child.end {
            End::Exited(code) => ToOwner::Exited { code, cpu_us, max_rss_kib },
            End::Signalled(signal) => ToOwner::Signalled { signal, cpu_us, max_rss_kib },
        });
    }

    /// The child has become its program, or failed to, or has ended.
    fn learn_outcome(&mut self) {
        let Some(waiting) = self.waiting.take() else { return };
        let failed = |errno| ToOwner::NotRun { step: Step::Execute, errno };
        if !self.let_go {
            self.last_word = Some(failed(libc::ECANCELED));
            return;
        }
        match waiting.outcome() {
            Ok(()) => self.say(ToOwner::Running),
            Err(error) => {
                self.last_word = Some(failed(error.raw_os_error().unwrap_or(libc::EIO)));
            }
        }
    }

    /// Reads what the owner says, at most so much that everything else has its turn.
    fn hear(&mut self) {
        let mut bytes = [0; LENGTH * MOST_HEARD];
        match self.control.read(&mut bytes) {
            Ok(0) => self.lose_owner(),
            Ok(count) => self.heard.extend_from_slice(&bytes[..count]),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.lose_owner(),
        }
        let heard = std::mem::take(&mut self.heard);
        let (records, rest) = heard.as_chunks::<LENGTH>();
        self.heard = rest.to_vec();
        for record in records {
            match ToKeeper::decode(record) {
                Some(message) => self.obey(message),
                None => return self.lose_owner(),
            }
        }
    }

    fn obey(&mut self, message: ToKeeper) {
        match message {
            ToKeeper::Go => {
                if let (Some(waiting), Ending::No) = (&mut self.waiting, &self.ending) {
                    self.let_go = true;
                    // One that has ended meanwhile is collected soon.
                    waiting.go().ok();
                }
            }
            ToKeeper::Signal { signal, tree: true } => {
                self.signal_tree(signal, false);
            }
            ToKeeper::Signal { signal, tree: false } => self.signal_command(signal),
            ToKeeper::End { signal, grace_ms } => self.end(signal, Duration::from_millis(grace_ms)),
        }
    }

    /// Begins the end of the tree, or hastens it.
    fn end(&mut self, signal: i32, grace: Duration) {
        if !self.let_go
            && let Some(waiting) = &mut self.waiting
        {
            waiting.cancel();
        }
        let now = Instant::now();
        let until = now + grace.min(MOST_GRACE);
        match self.ending {
            Ending::No => self.ending = Ending::Asked { until },
            Ending::Asked { until: before } => {
                self.ending = Ending::Asked { until: until.min(before) };
            }
            Ending::Killing { .. } => return,
        }
        hurry();
        if grace.is_zero() {
            self.kill_from(now);
        } else {
            self.signal_tree(signal, true);
        }
    }

    /// The owner is dead, or wants to hear no more: nothing below may live.
    fn lose_owner(&mut self) {
        self.owner_gone = true;
        if !self.let_go
            && let Some(waiting) = &mut self.waiting
        {
            waiting.cancel();
        }
        // The most of it in one call, which no fork escapes; what left the group is looked for then.
        self.signal_group(libc::SIGKILL);
        hurry();
        self.kill_from(Instant::now());
    }

    fn signal_command(&self, signal: i32) {
        if !self.collected {
            // Refused: there is no such signal, or it has become another user's. It is still watched.
            fork::signal_child(self.command.pid, signal).ok();
        }
    }

    /// Signals all below; how many took it, and how many refused.
    fn signal_tree(&mut self, signal: i32, ends: bool) -> (usize, u64) {
        let Ok(reached) = signal_descendants(signal) else {
            self.signal_group(signal);
            return (1, 0);
        };
        let refused = reached.refused.into();
        if ends {
            self.refused = refused;
            for process in reached.processes.iter().filter(|&&process| process != self.command) {
                if self.ended.len() < MOST_COUNTED {
                    self.ended.insert(*process);
                } else {
                    self.ended_beyond += u64::from(!self.ended.contains(process));
                }
            }
        }
        (reached.processes.len(), refused)
    }

    /// What can be done without finding descendants.
    fn signal_group(&self, signal: i32) {
        if self.collected || signal <= 0 {
            return;
        }
        self.signal_command(signal);
        let group = Pid::from_raw(self.command.pid);
        let signal = rustix::process::Signal::from_named_raw(signal);
        if let (Some(group), Some(signal)) = (group, signal) {
            // Nobody is in it, or nobody may be signalled.
            rustix::process::kill_process_group(group, signal).ok();
        }
    }

    /// An owner that cannot be told anything is gone.
    fn say(&mut self, message: ToOwner) {
        if !self.owner_gone && self.control.write_all(&message.encode()).is_err() {
            self.lose_owner();
        }
    }
}

/// Before hundreds that want the processor as well, where it may: there is no more than their end to be done.
fn hurry() {
    rustix::process::setpriority_process(None, -20).ok();
}

fn read_order(order: OwnedFd) -> io::Result<Order> {
    let file = File::from(order);
    let length = file.metadata()?.len();
    let length = usize::try_from(length).ok().filter(|&length| length <= MOST_BYTES);
    let mut bytes = vec![0; length.ok_or_else(|| io::Error::from_raw_os_error(libc::E2BIG))?];
    file.read_exact_at(&mut bytes, 0)?;
    Order::decode(&bytes).ok_or_else(|| io::Error::from_raw_os_error(libc::EINVAL))
}

/// Everything until the child waits.
fn fork_command(
    control: &UnixStream,
    mut order: Order,
) -> Result<(Order, Wakeups, Waiting), (Step, io::Error)> {
    let prepare = |error| (Step::Prepare, error);
    control.set_nonblocking(true).map_err(prepare)?;
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(|error| prepare(error.into()))?;
    let wakeups = fork::catch_children().map_err(prepare)?;
    if !order.directory.is_empty() {
        rustix::process::chdir(order.directory.as_slice())
            .map_err(|error| (Step::Directory, error.into()))?;
    }
    let program = program(&mut order).map_err(|error| (Step::Order, error))?;
    let waiting = fork::fork(&program, &[control]).map_err(|error| (Step::Fork, error))?;
    drop(program);
    // The child waits: its group is its own before anybody hears of it.
    let group = Pid::from_raw(waiting.pid());
    rustix::process::setpgid(group, group).map_err(|error| prepare(error.into()))?;
    fork::leave_standard_streams().map_err(prepare)?;
    // So that the keeper holds no directory; where it is does not matter to it.
    rustix::process::chdir("/").ok();
    let limit = rustix::process::getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(DESCRIPTORS, |most| most.min(DESCRIPTORS));
    if limit.current.is_some_and(|current| current < wanted) {
        let raised = Rlimit { current: Some(wanted), maximum: limit.maximum };
        // With fewer, more rounds are needed.
        rustix::process::setrlimit(Resource::Nofile, raised).ok();
    }
    Ok((order, wakeups, waiting))
}

fn program(order: &mut Order) -> io::Result<Program> {
    let text = |text| CString::new(text).map_err(io::Error::from);
    let list = |list: &mut Vec<Vec<u8>>| {
        std::mem::take(list).into_iter().map(text).collect::<io::Result<Vec<CString>>>()
    };
    Ok(Program {
        name: text(std::mem::take(&mut order.program))?,
        arguments: list(&mut order.arguments)?,
        environment: list(&mut order.environment)?,
    })
}
