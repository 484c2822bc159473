//! The turn of the watching thread: what was asked, what can be started, what is due, what can be read.

use super::child::Child;
use super::launch::is_passing;
use super::mailbox::Command;
use super::{Context, Kind};
use crate::lifecycle::process::{ProcessId, Stream};
use crate::platform::poller::Found;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Attempts to start a keeper for want of descriptors, processes or memory.
const MOST_ATTEMPTS: u32 = 8;
/// Before the second attempt; doubled for each one more, so that the last is 2.5 s after the first.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// Between looks at a keeper that is not gone yet: the first, doubled up to the last.
const FIRST_LOOK: Duration = Duration::from_millis(1);
const LAST_LOOK: Duration = Duration::from_millis(100);
/// How long a keeper may take to end when its socket is closed.
const LONGEST_DEPARTURE: Duration = Duration::from_secs(10);

/// A keeper whose exit status is to be collected.
struct Leaving {
    keeper: i32,
    at: Duration,
    pause: Duration,
    until: Duration,
}

/// All processes, and what is due when.
pub(super) struct Reactor {
    pub(super) context: Context,
    /// Taken and not done yet.
    commands: VecDeque<Command>,
    children: HashMap<ProcessId, Child>,
    /// Those that were not launched; numbers are given in the order of the requests.
    line: BTreeSet<ProcessId>,
    /// Nothing is launched before.
    paused_until: Option<Duration>,
    timers: BTreeSet<(Duration, ProcessId)>,
    leaving: Vec<Leaving>,
    occupied: usize,
    found: Found,
}

impl Reactor {
    pub(super) fn new(context: Context) -> Reactor {
        Reactor {
            context,
            commands: VecDeque::new(),
            children: HashMap::new(),
            line: BTreeSet::new(),
            paused_until: None,
            timers: BTreeSet::new(),
            leaving: Vec::new(),
            occupied: 0,
            found: Found::default(),
        }
    }

    /// Whether there is nothing to watch.
    pub(super) fn is_idle(&self) -> bool {
        self.children.is_empty() && self.leaving.is_empty()
    }

    /// Does what can be done, then waits for more, at most so long, and does that.
    ///
    /// # Errors
    ///
    /// The poller cannot wait.
    pub(super) fn turn(&mut self, most_wait: Duration) -> io::Result<()> {
        self.take_commands();
        self.launch();
        self.tick();
        self.collect();
        self.count_occupied();
        let wait = self.wait().map_or(most_wait, |wait| wait.min(most_wait));
        self.context.poller.wait(&mut self.found, Some(wait))?;
        let found = std::mem::take(&mut self.found);
        for ready in found.iter() {
            let (kind, id) = Kind::from(ready.key);
            self.with(id, |child, context, now| match kind {
                Kind::Control => child.control_ready(context, now),
                Kind::Input => child.input_ready(context),
                Kind::Output => child.output_ready(Stream::Output, context),
                Kind::Error => child.output_ready(Stream::Error, context),
            });
        }
        self.found = found;
        Ok(())
    }

    fn now(&self) -> Duration {
        self.context.settings.clock.monotonic()
    }

    /// Does something with a process, if there is one, and sees to what follows from it.
    fn with(&mut self, id: ProcessId, act: impl FnOnce(&mut Child, &mut Context, Duration)) {
        let now = self.now();
        let Some(child) = self.children.get_mut(&id) else { return };
        act(child, &mut self.context, now);
        let due = child.due();
        if child.has_departed() {
            if let Some(at) = child.scheduled {
                self.timers.remove(&(at, id));
            }
            let keeper = child.take_keeper();
            self.children.remove(&id);
            self.line.remove(&id);
            self.await_keeper(keeper, now);
        } else if due != child.scheduled {
            if let Some(at) = child.scheduled {
                self.timers.remove(&(at, id));
            }
            self.timers.extend(due.map(|at| (at, id)));
            child.scheduled = due;
        }
    }

    fn await_keeper(&mut self, keeper: Option<i32>, now: Duration) {
        self.leaving.extend(keeper.map(|keeper| Leaving {
            keeper,
            at: now,
            pause: FIRST_LOOK,
            until: now.saturating_add(LONGEST_DEPARTURE),
        }));
    }

    fn take_commands(&mut self) {
        self.commands.extend(self.context.shared.lock().commands.drain(..));
        while let Some(command) = self.commands.pop_front() {
            match command {
                Command::Start(id, request, listener) => {
                    let counters = &self.context.shared.counters;
                    let child = Child::new(id, *request, listener, counters.clone());
                    self.children.insert(id, child);
                    self.line.insert(id);
                }
                Command::Write(id, bytes) => {
                    self.with(id, |child, context, _| child.write(bytes, context))
                }
                Command::CloseInput(id) => {
                    self.with(id, |child, context, _| child.close_input(context))
                }
                Command::Taken(id, stream, bytes) => {
                    self.with(id, |child, _, _| child.taken(stream, bytes));
                }
                Command::Ignore(id, stream) => self.with(id, |child, _, _| child.ignore(stream)),
                Command::Signal(id, signal, tree) => {
                    self.with(id, |child, _, _| child.signal(signal, tree));
                }
                Command::End(id, by, grace) => {
                    self.with(id, |child, context, now| child.end(by, grace, context, now));
                }
                Command::Killed(id, refused) => {
                    self.with(id, |child, context, now| child.killed(refused, context, now));
                }
            }
        }
    }

    fn may_launch(&self) -> bool {
        let launched = self.children.len() - self.line.len() + self.leaving.len();
        !self.line.is_empty() && launched < self.context.settings.most_running
    }

    /// Starts one keeper at most: it takes a fraction of a millisecond, on a busy machine several, and those
    /// that run have their turn in between.
    fn launch(&mut self) {
        let now = self.now();
        if self.paused_until.is_some_and(|until| until > now) || !self.may_launch() {
            return;
        }
        self.paused_until = None;
        let Some(id) = self.line.first().copied() else { return };
        let Some(child) = self.children.get_mut(&id) else { return };
        let Err(error) = child.launch(&self.context, now) else {
            self.line.remove(&id);
            self.context.shared.launched(id);
            self.with(id, |_, _, _| {});
            return;
        };
        child.attempts += 1;
        let attempts = child.attempts;
        let keeper = child.take_keeper();
        self.await_keeper(keeper, now);
        if is_passing(&error) && attempts < MOST_ATTEMPTS {
            self.context.shared.counters.launch_retries.fetch_add(1, Ordering::Relaxed);
            self.paused_until = now.checked_add(FIRST_PAUSE.saturating_mul(1 << (attempts - 1)));
        } else {
            let errno = error.raw_os_error().unwrap_or(libc::EIO);
            self.with(id, |child, context, now| child.not_launched(errno, context, now));
        }
    }

    fn tick(&mut self) {
        let now = self.now();
        while let Some((at, id)) = self.timers.first().copied().filter(|(at, _)| *at <= now) {
            self.timers.remove(&(at, id));
            self.with(id, |child, context, now| {
                child.scheduled = None;
                child.tick(context, now);
            });
        }
    }

    /// Collects keepers that have gone. None is waited for, and no other child of this process is touched.
    fn collect(&mut self) {
        let now = self.now();
        let keepers = &self.context.settings.keepers;
        let counters = &self.context.shared.counters;
        self.leaving.retain_mut(|leaving| {
            if leaving.at > now {
                return true;
            }
            if keepers.collect(leaving.keeper) {
                return false;
            }
            if leaving.until <= now {
                counters.keepers_killed.fetch_add(1, Ordering::Relaxed);
                keepers.kill(leaving.keeper);
                leaving.until = now.saturating_add(LONGEST_DEPARTURE);
            }
            leaving.at = now.saturating_add(leaving.pause);
            leaving.pause = leaving.pause.saturating_mul(2).min(LAST_LOOK);
            true
        });
    }

    fn count_occupied(&mut self) {
        let occupied = self.children.len() - self.line.len() + self.leaving.len();
        if occupied != self.occupied {
            self.occupied = occupied;
            self.context.shared.occupied(occupied);
        }
    }

    /// How long nothing is to be done, as far as is known.
    fn wait(&self) -> Option<Duration> {
        let now = self.now();
        let launch = self.may_launch().then(|| self.paused_until.unwrap_or(now));
        let timer = self.timers.first().map(|(at, _)| *at);
        let look = self.leaving.iter().map(|leaving| leaving.at).min();
        let next = [launch, timer, look].into_iter().flatten().min();
        next.map(|at| at.saturating_sub(now))
    }

    /// Lets go of everything, so that the keepers end their trees, and tells every listener.
    pub(super) fn abandon(&mut self) {
        let now = self.now();
        // Those that were asked for and not looked at yet are told, too.
        self.take_commands();
        for (_, mut child) in std::mem::take(&mut self.children) {
            child.abandon(&mut self.context, now);
            self.await_keeper(child.take_keeper(), now);
        }
        self.line.clear();
        self.timers.clear();
        self.count_occupied();
    }
}
