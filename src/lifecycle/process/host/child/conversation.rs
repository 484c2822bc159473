//! What the keeper says, and what follows from it.

use super::{Child, END_PATIENCE, LEFTOVER_PATIENCE, Phase};
use crate::lifecycle::keeper::messages::{ToKeeper, ToOwner};
use crate::lifecycle::keeper::order::Leftovers;
use crate::lifecycle::ledger::LedgerError;
use crate::lifecycle::process::host::Context;
use crate::lifecycle::process::host::control::Heard;
use crate::lifecycle::process::{Event, Outcome};
use crate::platform::process::ProcessIdentity;
use std::time::Duration;

impl Child {
    /// Hears what the keeper says.
    pub(in super::super) fn control_ready(&mut self, context: &mut Context, now: Duration) {
        while let Some(control) = &mut self.control {
            match control.hear() {
                Heard::Message(message) => self.hear(message, context, now),
                Heard::Nothing => {
                    control.send();
                    if !control.arm() {
                        self.lose(libc::ENOMEM, context);
                    }
                    return;
                }
                Heard::End => self.lose(0, context),
                Heard::Nonsense => self.misunderstand(context),
            }
        }
    }

    fn hear(&mut self, message: ToOwner, context: &mut Context, now: Duration) {
        let cancelled = self.verdict.is_some();
        match (message, self.phase) {
            (ToOwner::Ready { pid, start }, Phase::AwaitReady) if pid > 1 => {
                self.identity = Some(ProcessIdentity { pid, start });
                self.ending.pid = pid;
                self.phase = Phase::AwaitRunning;
                if !cancelled {
                    self.let_go(context, now);
                }
            }
            (ToOwner::Running, Phase::AwaitRunning) if !cancelled => self.run(context, now),
            (ToOwner::NotRun { step, errno }, Phase::AwaitReady | Phase::AwaitRunning) => {
                self.status = Some(Outcome::NotRun { step, errno });
                self.complete(context, now);
            }
            (ToOwner::Exited { code, cpu_us, max_rss_kib }, phase) if self.may_end(phase) => {
                self.exited(Outcome::Exited(code), cpu_us, max_rss_kib, context, now);
            }
            (ToOwner::Signalled { signal, cpu_us, max_rss_kib }, phase) if self.may_end(phase) => {
                self.exited(Outcome::Signalled(signal), cpu_us, max_rss_kib, context, now);
            }
            (ToOwner::Gone { ended, refused }, phase) if phase != Phase::Leaving => {
                self.ending.leftovers_ended = ended;
                self.ending.refused = refused;
                self.teller.count(|counters| &counters.leftovers_ended, ended);
                self.teller.count(|counters| &counters.not_signalled, refused);
                self.complete(context, now);
            }
            _ => self.misunderstand(context),
        }
    }

    fn may_end(&self, phase: Phase) -> bool {
        match phase {
            Phase::AwaitRunning | Phase::Running => true,
            Phase::AwaitReady => self.verdict.is_some(),
            _ => false,
        }
    }

    /// Records the process that waits, then lets it execute the command.
    fn let_go(&mut self, context: &mut Context, now: Duration) {
        let Some(identity) = self.identity else { return };
        let command = context.shared.command_of(self.id);
        match context.settings.journal.record_process(identity, &command) {
            Ok(record) => self.record = Some(record),
            Err(LedgerError::Unavailable { .. }) => {
                self.teller.count(|counters| &counters.unrecorded, 1);
            }
            Err(error) => {
                self.teller.count(|counters| &counters.ledger_failures, 1);
                let errno = match error {
                    LedgerError::Write { cause, .. } => cause.raw_os_error().unwrap_or(libc::EIO),
                    LedgerError::BadPath => libc::ENAMETOOLONG,
                    LedgerError::Full | LedgerError::Unavailable { .. } => libc::ENOSPC,
                };
                return self.prevent(Outcome::NotRecorded { errno }, now);
            }
        }
        self.say(ToKeeper::Go);
    }

    /// The command is not to be executed; the process that waits for it is killed.
    pub(super) fn prevent(&mut self, verdict: Outcome, now: Duration) {
        if self.verdict.is_none() {
            self.verdict = Some(verdict);
            self.say(ToKeeper::End { signal: libc::SIGKILL, grace_ms: 0 });
            self.gives_up = now.checked_add(END_PATIENCE);
        }
    }

    fn run(&mut self, context: &mut Context, now: Duration) {
        let Context { shared, settings, .. } = context;
        self.phase = Phase::Running;
        self.executed = Some(now);
        self.times_out = self.request.timeout.and_then(|timeout| now.checked_add(timeout));
        self.gives_up = self.kills_at.and_then(|at| at.checked_add(END_PATIENCE));
        self.teller.count(|counters| &counters.started, 1);
        shared.started(self.id, self.ending.pid, settings.clock.wall_ms());
        self.teller.tell(Event::Started { pid: self.ending.pid });
        for (signal, tree) in std::mem::take(&mut self.early_signals) {
            self.say(ToKeeper::Signal { signal, tree });
        }
        self.input.pump(&context.shared, &self.teller);
        self.outputs.iter_mut().for_each(|output| output.arm(&self.teller));
    }

    fn exited(
        &mut self,
        status: Outcome,
        cpu_us: u64,
        max_rss_kib: u64,
        context: &mut Context,
        now: Duration,
    ) {
        self.phase = Phase::Exited;
        self.status = Some(status);
        self.ending.cpu_us = cpu_us;
        self.ending.max_rss_kib = max_rss_kib;
        self.ending.duration = now.saturating_sub(self.executed.unwrap_or(now));
        let keep = self.request.order.leftovers == Leftovers::Keep;
        if keep && self.executed.is_some() && self.ending.ended_by.is_none() {
            // What is left behind, if anything, is nobody's timeout.
            self.times_out = None;
            self.gives_up = None;
            self.tell_end(context, now, true);
        } else if self.gives_up.is_none() {
            self.gives_up = now.checked_add(LEFTOVER_PATIENCE);
        }
    }

    pub(super) fn say(&mut self, message: ToKeeper) {
        if self.control.as_mut().is_some_and(|control| !control.say(message)) {
            self.teller.count(|counters| &counters.dropped_signals, 1);
        }
    }
}
