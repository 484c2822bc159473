//! The end, by whichever way it comes.

use super::{Child, LEAVE_PATIENCE, Phase};
use crate::lifecycle::process::host::Context;
use crate::lifecycle::process::host::killing::Kill;
use crate::lifecycle::process::{Ending, Event, Outcome};
use std::time::Duration;

impl Child {
    /// It cannot be launched.
    pub(in super::super) fn not_launched(
        &mut self,
        errno: i32,
        context: &mut Context,
        now: Duration,
    ) {
        self.teller.count(|counters| &counters.lost, 1);
        self.status = Some(Outcome::Lost { errno });
        self.tell_end(context, now, false);
        self.phase = Phase::Departed;
    }

    /// Nothing of the tree is left, or nothing that can be reached.
    pub(super) fn complete(&mut self, context: &mut Context, now: Duration) {
        self.phase = Phase::Leaving;
        self.times_out = None;
        self.gives_up = now.checked_add(LEAVE_PATIENCE);
        self.strike(context);
        if self.told {
            self.outputs.iter_mut().for_each(|output| {
                output.finish(false, &self.teller);
            });
            context.shared.forget(self.id);
        } else {
            self.tell_end(context, now, false);
        }
    }

    fn strike(&mut self, context: &Context) {
        if let Some(record) = self.record.take() {
            context.settings.journal.strike(record);
        }
    }

    /// Tells the end; never called again. `lingers`: what the command left behind goes on.
    pub(super) fn tell_end(&mut self, context: &mut Context, now: Duration, lingers: bool) {
        self.told = true;
        let outcome = match self.verdict.or(self.status) {
            Some(outcome @ (Outcome::NotRecorded { .. } | Outcome::Lost { .. })) => outcome,
            _ if self.executed.is_none() && self.ending.ended_by.is_some() => Outcome::Cancelled,
            outcome => outcome.unwrap_or(Outcome::Lost { errno: 0 }),
        };
        if self.status.is_none() {
            self.ending.duration = now.saturating_sub(self.executed.unwrap_or(now));
        }
        if self.executed.is_some() {
            for output in &mut self.outputs {
                output.drain(&mut context.buffer, &self.teller);
            }
        }
        self.input.end(&context.shared, &self.teller);
        let [output, error] =
            self.outputs.each_mut().map(|output| output.finish(lingers, &self.teller));
        match outcome {
            Outcome::Cancelled => self.teller.count(|counters| &counters.cancelled, 1),
            Outcome::NotRun { .. } => self.teller.count(|counters| &counters.not_run, 1),
            _ => {}
        }
        self.teller.count(|counters| &counters.ended, 1);
        if lingers {
            context.shared.lingers(self.id);
        } else {
            context.shared.forget(self.id);
        }
        let ending = Ending { outcome, output, error, ..self.ending.clone() };
        self.teller.tell(Event::Ended(Box::new(ending)));
    }

    pub(super) fn misunderstand(&mut self, context: &mut Context) {
        self.teller.count(|counters| &counters.nonsense, 1);
        self.lose(libc::EPROTO, context);
    }

    /// There is no talking to the keeper any more.
    pub(super) fn lose(&mut self, errno: i32, context: &mut Context) {
        self.control = None;
        self.times_out = None;
        self.gives_up = None;
        if self.phase == Phase::Leaving {
            self.phase = Phase::Departed;
            return;
        }
        self.teller.count(|counters| &counters.lost, 1);
        if self.verdict.is_none() && self.status.is_none() {
            self.status = Some(Outcome::Lost { errno });
        }
        self.phase = Phase::Killing;
        // From here to the end of the killing it is collected by nobody, so that its number stays its own.
        self.keeper = self.keeper.take_if(|keeper| !context.settings.keepers.collect(*keeper));
        let kill = Kill { process: self.id, keeper: self.keeper, command: self.identity };
        context.killer.kill(kill);
    }

    /// What was known of the tree was killed; so many of it could not be.
    pub(in super::super) fn killed(&mut self, refused: u64, context: &mut Context, now: Duration) {
        if self.phase == Phase::Killing {
            self.ending.refused += refused;
            self.teller.count(|counters| &counters.not_signalled, refused);
            self.complete(context, now);
            self.phase = Phase::Departed;
        }
    }

    /// The watching thread has lost its way: everything is let go of, so that the keepers end their trees.
    pub(in super::super) fn abandon(&mut self, context: &mut Context, now: Duration) {
        self.control = None;
        if self.phase != Phase::Departed {
            self.status.get_or_insert(Outcome::Lost { errno: 0 });
            self.complete(context, now);
            self.phase = Phase::Departed;
        }
    }
}
