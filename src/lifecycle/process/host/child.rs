//! One process from its request to the end of its keeper.
//!
//! ```text
//! Waiting ─ launched ─► AwaitReady ─ Ready, recorded, Go ─► AwaitRunning ─ Running ─► Running
//!    │                      │  └───────────── NotRun ───────────┴──────┐                │
//!    │ ended               socket ends, nonsense, no answer in time    │       Exited, Signalled
//!    ▼                      ▼ (from anywhere)                          ▼                ▼
//! Departed ◄── killed ── Killing                     Departed ◄── Leaving ◄── Gone ── Exited
//! ```
//!
//! Whatever happens, the listener is told the end once, and the record in the ledger is struck once, after the
//! last word of the keeper or after what it left was killed.

mod conversation;
mod ending;

use super::super::{EndedBy, Ending, Listener, Outcome, ProcessId, Request, Stream};
use super::Context;
use super::control::Control;
use super::input::InputPump;
use super::output::OutputPump;
use super::pipes;
use super::stats::Counters;
use super::teller::Teller;
use crate::lifecycle::keeper::messages::ToKeeper;
use crate::lifecycle::keeper::order::Order;
use crate::lifecycle::ledger::Record;
use crate::platform::process::ProcessIdentity;
use rustix::io::Errno;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::sync::Arc;
use std::time::Duration;

/// How long a keeper may take to answer with a command that waits, and to execute it.
const START_PATIENCE: Duration = Duration::from_secs(60);
/// How long a keeper may take beyond the grace until nothing of its tree is left.
const END_PATIENCE: Duration = Duration::from_secs(10);
/// How long a keeper may take, after the command has ended by itself, to end what that left behind; two seconds
/// of it are its grace for them.
const LEFTOVER_PATIENCE: Duration = Duration::from_secs(30);
/// How long a keeper may take to go after its last word.
const LEAVE_PATIENCE: Duration = Duration::from_secs(5);
/// Signals kept for a command that is not executed yet; the same one is kept once.
const MOST_EARLY_SIGNALS: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Waiting,
    AwaitReady,
    AwaitRunning,
    Running,
    /// The command has ended, its tree perhaps not.
    Exited,
    /// The keeper has failed; what is known of the tree is being killed.
    Killing,
    /// Nothing is left but the keeper.
    Leaving,
    Departed,
}

/// See the module.
pub(super) struct Child {
    id: ProcessId,
    request: Request,
    teller: Teller,
    phase: Phase,
    control: Option<Control>,
    keeper: Option<i32>,
    identity: Option<ProcessIdentity>,
    record: Option<Record>,
    input: InputPump,
    outputs: [OutputPump; 2],
    early_signals: Vec<(i32, bool)>,
    /// Decided before the command was executed: it is not to be.
    verdict: Option<Outcome>,
    /// As the keeper told it.
    status: Option<Outcome>,
    ending: Ending,
    executed: Option<Duration>,
    times_out: Option<Duration>,
    /// When the keeper was told to use KILL.
    kills_at: Option<Duration>,
    /// When the keeper is not waited for any longer.
    gives_up: Option<Duration>,
    told: bool,
    /// Attempts to launch it that failed.
    pub(super) attempts: u32,
    /// Where the reactor has it among its timers.
    pub(super) scheduled: Option<Duration>,
}

impl Child {
    pub(super) fn new(
        id: ProcessId,
        mut request: Request,
        listener: Arc<dyn Listener>,
        counters: Arc<Counters>,
    ) -> Child {
        let input = InputPump::new(id, &mut request.input);
        let outputs = [
            OutputPump::new(Stream::Output, request.output),
            OutputPump::new(Stream::Error, request.error),
        ];
        Child {
            id,
            request,
            teller: Teller::new(id, listener, counters),
            phase: Phase::Waiting,
            control: None,
            keeper: None,
            identity: None,
            record: None,
            input,
            outputs,
            early_signals: Vec::new(),
            verdict: None,
            status: None,
            ending: Ending {
                outcome: Outcome::Cancelled,
                ended_by: None,
                output: super::super::Captured::default(),
                error: super::super::Captured::default(),
                pid: 0,
                duration: Duration::ZERO,
                cpu_us: 0,
                max_rss_kib: 0,
                leftovers_ended: 0,
                refused: 0,
            },
            executed: None,
            times_out: None,
            kills_at: None,
            gives_up: None,
            told: false,
            attempts: 0,
            scheduled: None,
        }
    }

    pub(super) fn has_departed(&self) -> bool {
        self.phase == Phase::Departed
    }

    /// The keeper, to be collected by whom it is given to.
    pub(super) fn take_keeper(&mut self) -> Option<i32> {
        self.keeper.take()
    }

    /// When it is to be looked at, whatever happens until then.
    pub(super) fn due(&self) -> Option<Duration> {
        [self.times_out, self.gives_up].into_iter().flatten().min()
    }

    /// Starts its keeper.
    ///
    /// # Errors
    ///
    /// What the system says; nothing was started then, or its end is in sight and it is to be collected.
    pub(super) fn launch(&mut self, context: &Context, now: Duration) -> io::Result<()> {
        let ledger = context.settings.journal.path();
        self.request.order.ledger =
            ledger.map_or(Vec::new(), |path| path.into_os_string().into_vec());
        let order = self.request.order.encode();
        let (input, their_input) = pipes::input(&self.request.input)?;
        let (output, their_output) = pipes::output(self.request.output, Stream::Output)?;
        let (error, their_error) = pipes::output(self.request.error, Stream::Error)?;
        let watch = |end: Option<OwnedFd>, kind: super::Kind| {
            end.map(|end| context.poller.watch(end, kind.of(self.id))).transpose()
        };
        let input = watch(input, super::Kind::Input)?;
        let output = watch(output, super::Kind::Output)?;
        let error = watch(error, super::Kind::Error)?;
        let standard = [their_input.as_fd(), their_output.as_fd(), their_error.as_fd()];
        let launched = context.settings.keepers.launch(&order, standard)?;
        self.keeper = Some(launched.keeper);
        let control =
            Control::new(context.poller.watch(launched.control, super::Kind::Control.of(self.id))?);
        if !control.arm() {
            return Err(Errno::NOMEM.into());
        }
        self.control = Some(control);
        input.into_iter().for_each(|end| self.input.open(end));
        output.into_iter().for_each(|end| self.outputs[0].open(end));
        error.into_iter().for_each(|end| self.outputs[1].open(end));
        let leftovers = self.request.order.leftovers;
        self.request.order = Order { leftovers, ..Order::default() };
        self.phase = Phase::AwaitReady;
        self.gives_up = now.checked_add(START_PATIENCE);
        Ok(())
    }

    pub(super) fn tick(&mut self, context: &mut Context, now: Duration) {
        if self.times_out.take_if(|at| *at <= now).is_some() {
            self.teller.count(|counters| &counters.timeouts, 1);
            self.end(EndedBy::Timeout, None, context, now);
        }
        if self.gives_up.take_if(|at| *at <= now).is_some() {
            if self.phase != Phase::Leaving {
                self.teller.count(|counters| &counters.keepers_killed, 1);
            }
            self.lose(libc::ETIMEDOUT, context);
        }
    }

    pub(super) fn end(
        &mut self,
        by: EndedBy,
        grace: Option<Duration>,
        context: &mut Context,
        now: Duration,
    ) {
        match self.phase {
            Phase::Waiting => {
                self.ending.ended_by = Some(by);
                self.verdict = Some(Outcome::Cancelled);
                self.tell_end(context, now, false);
                self.phase = Phase::Departed;
            }
            Phase::AwaitReady => {
                self.ending.ended_by.get_or_insert(by);
                self.prevent(Outcome::Cancelled, now);
            }
            // Killed already, for want of a record or because it was cancelled before.
            Phase::AwaitRunning if self.verdict.is_some() => {}
            Phase::AwaitRunning | Phase::Running | Phase::Exited => {
                if self.status.is_none() {
                    self.ending.ended_by.get_or_insert(by);
                }
                self.end_by(grace.unwrap_or(self.request.grace), now);
            }
            Phase::Killing | Phase::Leaving | Phase::Departed => {}
        }
    }

    fn end_by(&mut self, grace: Duration, now: Duration) {
        let kills_at = now.saturating_add(grace);
        if self.kills_at.is_none_or(|before| kills_at < before) {
            self.kills_at = Some(kills_at);
            let gives_up = kills_at.saturating_add(END_PATIENCE);
            self.gives_up = Some(self.gives_up.map_or(gives_up, |before| before.min(gives_up)));
            let grace_ms = u64::try_from(grace.as_millis()).unwrap_or(u64::MAX);
            self.say(ToKeeper::End { signal: self.request.end_signal, grace_ms });
        }
    }

    pub(super) fn signal(&mut self, signal: i32, tree: bool) {
        match self.phase {
            Phase::Waiting | Phase::AwaitReady | Phase::AwaitRunning => {
                if self.early_signals.contains(&(signal, tree)) {
                } else if self.early_signals.len() < MOST_EARLY_SIGNALS {
                    self.early_signals.push((signal, tree));
                } else {
                    self.teller.count(|counters| &counters.dropped_signals, 1);
                }
            }
            Phase::Running | Phase::Exited => self.say(ToKeeper::Signal { signal, tree }),
            Phase::Killing | Phase::Leaving | Phase::Departed => {}
        }
    }

    pub(super) fn write(&mut self, bytes: Vec<u8>, context: &Context) {
        self.input.write(bytes, &context.shared, &self.teller);
    }

    pub(super) fn close_input(&mut self, context: &Context) {
        self.input.close(&context.shared, &self.teller);
    }

    pub(super) fn input_ready(&mut self, context: &Context) {
        if !self.told && self.executed.is_some() {
            self.input.pump(&context.shared, &self.teller);
        }
    }

    pub(super) fn output_ready(&mut self, stream: Stream, context: &mut Context) {
        if self.executed.is_some() {
            self.outputs[stream as usize].ready(&mut context.buffer, &self.teller);
        }
    }

    pub(super) fn taken(&mut self, stream: Stream, bytes: usize) {
        self.outputs[stream as usize].taken(bytes, &self.teller);
    }

    pub(super) fn ignore(&mut self, stream: Stream) {
        self.outputs[stream as usize].ignore(&self.teller);
    }
}
