//! The host: the owner's half of every command.
//!
//! # What it promises
//!
//! - One thread, `plimsoll-process`, starts keepers, hears what they say, passes inputs and outputs on and keeps
//!   times, whatever the event loop does. It starts with the first request, ends [`IDLE`] after the last process
//!   has gone, and starts again when needed.
//! - Every request that is accepted is told its end, exactly once: also when the keeper cannot be started,
//!   vanishes, says nonsense or does not answer, and when the thread itself panics (all keepers then lose their
//!   owner and end their trees).
//! - When a keeper vanishes, what is known of its tree is killed: the command, if its number still has its start
//!   time, with all below it. The outcome is [`Outcome::Lost`](super::Outcome::Lost), unless the command's own
//!   end was told before; both are counted ([`HostStats::lost`]).
//! - A command is executed only after its process is in the ledger; the record is struck before the end is told.
//!   Without a ledger it is executed all the same and counted ([`HostStats::unrecorded`]); when the ledger
//!   refuses it is not ([`Outcome::NotRecorded`](super::Outcome::NotRecorded)).
//! - No exit status but those of the keepers is collected, each by its number, so Node's own children are not
//!   disturbed. `SIGCHLD` may be ignored: the command's status comes from its keeper.
//! - The end is told when nothing of the tree is left; what its outputs hold then is passed on before, whatever
//!   the credit. With [`Leftovers::Keep`] it is told when the command itself has ended; the keeper stays with
//!   what was left behind, drops what that prints, and is ended with its group.
//!
//! # Limits
//!
//! - Each process costs four descriptors here, so at most as many run as fill half of `RLIMIT_NOFILE`, and
//!   [`MOST_RUNNING`](super::MOST_RUNNING) at most. The others wait in line in their order.
//! - For want of descriptors, processes or memory the start of a keeper is tried eight times in 2.5 s, during
//!   which everybody in line waits; then its request has ended with [`Outcome::Lost`](super::Outcome::Lost).
//! - A keeper has 60 s to have the command executed, 10 s beyond the grace to end its tree, and 30 s to end what a
//!   command has left behind; then it is killed with everything below it (`errno` is `ETIMEDOUT`).
//! - One that prints without end is read 128 KiB, then the others have their turn; between two starts of keepers
//!   everybody has.
//!
//! [`Leftovers::Keep`]: crate::lifecycle::keeper::order::Leftovers::Keep

mod child;
mod control;
mod input;
mod killing;
mod launch;
mod mailbox;
mod output;
mod pipes;
mod reactor;
mod settings;
mod stats;
mod teller;
#[cfg(test)]
mod tests;
mod thread;

pub use launch::{Keepers, Launched, SystemKeepers};
pub use mailbox::Listed;
pub use settings::HostSettings;
pub use stats::HostStats;
pub use thread::IDLE;

use super::{
    EndedBy, Input, Listener, MOST_WAITING, ProcessId, Processes, Refusal, Request, Stream,
};
use crate::lifecycle::group::{GroupId, WHOLE_PROCESS};
use crate::lifecycle::keeper::order::{MOST_BYTES, Order};
use crate::platform::poller::Poller;
use killing::Killer;
use mailbox::{Command, Known, Mailbox, Shared};
use reactor::Reactor;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Bytes read at once, as many as a pipe holds.
const BUFFER: usize = 64 * 1024;
/// Bytes of a command that are kept to be shown.
const SHOWN_COMMAND: usize = 512;

/// What the watching thread works with.
struct Context {
    settings: Arc<HostSettings>,
    shared: Arc<Shared>,
    killer: Arc<Killer>,
    poller: Poller,
    buffer: Vec<u8>,
}

/// What of a process is watched; with its id, the key in the poller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Control,
    Input,
    Output,
    Error,
}

impl Kind {
    // Ids count processes: two bits more do not overflow.
    fn of(self, id: ProcessId) -> usize {
        (id as usize) << 2 | self as usize
    }

    fn from(key: usize) -> (Kind, ProcessId) {
        let kind = match key & 3 {
            0 => Kind::Control,
            1 => Kind::Input,
            2 => Kind::Output,
            _ => Kind::Error,
        };
        (kind, (key >> 2) as ProcessId)
    }
}

/// Starts commands and watches them; see the module. Dropped, it ends them all.
pub struct Host {
    settings: Arc<HostSettings>,
    shared: Arc<Shared>,
    killer: Arc<Killer>,
    threaded: bool,
}

impl Host {
    /// One that has started nothing yet.
    #[must_use]
    pub fn new(settings: HostSettings) -> Host {
        Host::with(settings, true)
    }

    fn with(settings: HostSettings, threaded: bool) -> Host {
        let shared = Arc::<Shared>::default();
        let killer = Killer::new(Arc::clone(&settings.processes), Arc::clone(&shared), threaded);
        Host { settings: Arc::new(settings), shared, killer, threaded }
    }

    /// What was done, and what is there.
    #[must_use]
    pub fn stats(&self) -> HostStats {
        let mailbox = self.shared.lock();
        let launched = mailbox.known.values().filter(|known| known.launched).count();
        HostStats {
            running: launched as u64,
            waiting: (mailbox.known.len() - launched) as u64,
            most_running: mailbox.most_occupied as u64,
            limit: self.settings.most_running as u64,
            ..self.shared.counters.read()
        }
    }

    /// Every process whose request has not ended, and those that linger, the oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<Listed> {
        self.shared.lock().known.values().map(|known| known.listed.clone()).collect()
    }

    /// How many processes belong to a group or to one within it; those that wait count.
    #[must_use]
    pub fn count_in(&self, group: GroupId) -> usize {
        self.count_of(group, &self.shared.lock())
    }

    fn count_of(&self, group: GroupId, mailbox: &Mailbox) -> usize {
        mailbox.known.values().filter(|known| self.is_in(known, group)).count()
    }

    /// Waits until no process of a group, or of one within it, is left, at most so long. Returns how many are.
    /// Never called by a listener, which would wait for itself.
    pub fn wait_for_group(&self, group: GroupId, wait: Duration) -> usize {
        self.shared.wait_settled(wait, |mailbox| self.count_of(group, mailbox))
    }

    fn is_in(&self, known: &Known, group: GroupId) -> bool {
        // Also what belongs to a group that was closed.
        group == WHOLE_PROCESS || self.settings.groups.is_within(known.listed.group, group)
    }

    /// Ends every process and waits until they and their keepers are gone, at most so long. Returns how many are
    /// left. Never called by a listener, which would wait for itself.
    pub fn end_all(&self, by: EndedBy, grace: Option<Duration>, wait: Duration) -> usize {
        self.end_group(WHOLE_PROCESS, by, grace);
        self.wait_until_settled(wait)
    }

    /// Waits until no process is left and no keeper, at most so long. Returns how many are left. Never called
    /// by a listener, which would wait for itself.
    pub fn wait_until_settled(&self, wait: Duration) -> usize {
        self.shared.wait_settled(wait, Mailbox::left)
    }

    fn context(&self, poller: Poller) -> Context {
        Context {
            settings: Arc::clone(&self.settings),
            shared: Arc::clone(&self.shared),
            killer: Arc::clone(&self.killer),
            poller,
            buffer: vec![0; BUFFER],
        }
    }

    /// Has the thread run, if it does not.
    fn run(&self, mailbox: &mut Mailbox) -> io::Result<()> {
        if mailbox.poller.is_some() {
            return Ok(());
        }
        let poller = Poller::new()?;
        if self.threaded {
            let reactor = Reactor::new(self.context(poller.clone()));
            let builder = std::thread::Builder::new().name("plimsoll-process".to_owned());
            builder.spawn(move || thread::watch(reactor))?;
        }
        mailbox.poller = Some(poller);
        Ok(())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let mut mailbox = self.shared.lock();
        mailbox.closed = true;
        if let Some(poller) = &mailbox.poller {
            // It cannot fail for a poller that exists.
            poller.wake().ok();
        }
    }
}

/// Bytes of the order when it is encoded, but for a few.
fn size_of_order(order: &Order) -> usize {
    let texts = [&order.program, &order.directory].into_iter();
    let texts = texts.chain(&order.arguments).chain(&order.environment);
    texts.map(|text| text.len() + size_of::<u32>()).sum()
}

/// The command as it is shown.
fn shown(order: &Order) -> Arc<[u8]> {
    let mut text = order.program.clone();
    for argument in &order.arguments {
        if text.len() >= SHOWN_COMMAND {
            break;
        }
        text.push(b' ');
        text.extend_from_slice(&argument[..argument.len().min(SHOWN_COMMAND)]);
    }
    text.truncate(SHOWN_COMMAND);
    text.into()
}

impl Processes for Host {
    fn start(&self, request: Request, listener: Arc<dyn Listener>) -> Result<ProcessId, Refusal> {
        let mut mailbox = self.shared.lock();
        let accepted = if size_of_order(&request.order) > MOST_BYTES {
            Err(Refusal::TooLarge)
        } else if mailbox.known.len() >= self.settings.most_running + MOST_WAITING {
            Err(Refusal::Full)
        } else {
            self.run(&mut mailbox)
                .map_err(|error| Refusal::NoThread(error.raw_os_error().unwrap_or(libc::EIO)))
        };
        if let Err(refusal) = accepted {
            self.shared.counters.refused.fetch_add(1, Ordering::Relaxed);
            return Err(refusal);
        }
        mailbox.last_id += 1;
        let id = mailbox.last_id;
        let listed = Listed {
            id,
            pid: 0,
            command: shown(&request.order),
            group: request.group,
            started_ms: None,
            lingers: false,
        };
        let unread = (request.input == Input::Written).then_some(0);
        mailbox.known.insert(id, Known { listed, unread, launched: false });
        mailbox.push(Command::Start(id, Box::new(request), listener));
        Ok(id)
    }

    fn write(&self, process: ProcessId, bytes: Vec<u8>) -> Result<(), Refusal> {
        self.shared.write(process, bytes)
    }

    fn close_input(&self, process: ProcessId) {
        self.shared.close_input(process);
    }

    fn taken(&self, process: ProcessId, stream: Stream, bytes: usize) {
        self.shared.command(process, Command::Taken(process, stream, bytes));
    }

    fn ignore(&self, process: ProcessId, stream: Stream) {
        self.shared.command(process, Command::Ignore(process, stream));
    }

    fn signal(&self, process: ProcessId, signal: i32, tree: bool) {
        self.shared.command(process, Command::Signal(process, signal, tree));
    }

    fn end(&self, process: ProcessId, by: EndedBy, grace: Option<Duration>) {
        self.shared.command(process, Command::End(process, by, grace));
    }

    fn end_group(&self, group: GroupId, by: EndedBy, grace: Option<Duration>) -> usize {
        let mut mailbox = self.shared.lock();
        let within = mailbox.known.values().filter(|known| self.is_in(known, group));
        let ids: Vec<ProcessId> = within.map(|known| known.listed.id).collect();
        for &id in &ids {
            mailbox.push(Command::End(id, by, grace));
        }
        ids.len()
    }
}
