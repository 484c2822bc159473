//! The working of one pool: its state, and what is done for it.

use super::super::process::{self, EndedBy, Event, Output, ProcessId, Request};
use super::inner::{Inner, Input, PoolListener, lock};
use super::outcome::{Outcome, Refused, RequestId};
use super::state::{Action, Core, WorkerId};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// What the working thread alone touches.
pub(super) struct Engine {
    core: Core,
    processes: HashMap<WorkerId, ProcessId>,
    due: Option<Duration>,
    broken: bool,
}

impl Engine {
    pub(super) fn new(core: Core) -> Engine {
        // The first workers are to be started at once.
        Engine { core, processes: HashMap::new(), due: Some(Duration::ZERO), broken: false }
    }
}

impl Inner {
    /// Works everything that has happened. Returns when to come again at the latest, and whether there is
    /// anything to come for.
    pub(super) fn turn(self: &Arc<Self>) -> (Option<Duration>, bool) {
        let mut engine = lock(&self.engine);
        let engine = &mut *engine;
        if engine.due.is_some_and(|due| due <= self.now()) {
            self.guarded(engine, |core, now| core.pass(now));
        }
        self.act(engine);
        while let Some(input) = self.next_input() {
            self.take_in(engine, input);
            self.act(engine);
        }
        engine.due = if engine.broken { None } else { engine.core.due() };
        *lock(&self.published) = engine.core.counts();
        (engine.due, !engine.broken && !engine.core.is_closed())
    }

    /// Changes the state; a panic in it ends the pool.
    fn guarded(&self, engine: &mut Engine, change: impl FnOnce(&mut Core, Duration)) {
        if engine.broken {
            return;
        }
        let now = self.now();
        let core = &mut engine.core;
        if catch_unwind(AssertUnwindSafe(|| change(core, now))).is_err() {
            self.panics.fetch_add(1, Ordering::Relaxed);
            self.break_down(engine);
        }
    }

    /// A panic got out of a turn: whatever is open fails.
    pub(super) fn fail(self: &Arc<Self>) {
        self.panics.fetch_add(1, Ordering::Relaxed);
        let mut engine = lock(&self.engine);
        if !engine.broken {
            self.break_down(&mut engine);
        }
    }

    /// The state cannot be trusted any more: every request fails, every worker is ended.
    fn break_down(&self, engine: &mut Engine) {
        engine.broken = true;
        lock(&self.inbox).closing = true;
        let open = std::mem::take(&mut lock(&self.inbox).open);
        for request in open.into_keys() {
            let outcome = Outcome::Refused(Refused::Internal);
            self.tell(|listener| listener.finished(request, outcome));
        }
        for process in engine.processes.values() {
            self.caught(|| self.around.processes.end(*process, EndedBy::Request, None));
        }
        self.tell(|listener| listener.closed());
    }

    fn take_in(self: &Arc<Self>, engine: &mut Engine, input: Input) {
        match input {
            Input::Ask { request, text, at, timeout } => {
                self.guarded(engine, |core, now| core.ask(now, request, text, (at, timeout)));
            }
            Input::Cancel(request) => {
                self.guarded(engine, |core, now| core.cancel(now, request));
            }
            Input::Close(grace) => self.guarded(engine, |core, now| {
                core.close(now, grace);
                core.pass(now);
            }),
            Input::Heard(worker, event) => {
                if matches!(event, Event::Ended(_)) {
                    engine.processes.remove(&worker);
                }
                self.guarded(engine, |core, now| core.hear(now, worker, event));
            }
        }
    }

    /// Does what must be done.
    fn act(self: &Arc<Self>, engine: &mut Engine) {
        while !engine.broken
            && let Some(action) = engine.core.next_action()
        {
            self.do_one(engine, action);
        }
    }

    fn do_one(self: &Arc<Self>, engine: &mut Engine, action: Action) {
        let processes = &self.around.processes;
        let process = |worker: &WorkerId| engine.processes.get(worker).copied();
        match action {
            Action::Start(worker) => self.start(engine, worker),
            Action::Write(worker, request, bytes) => {
                let id = process(&worker);
                let written = id.is_some_and(|id| processes.write(id, bytes).is_ok());
                self.guarded(engine, |core, now| match (written, request) {
                    (true, Some(request)) => core.written(worker, request),
                    (true, None) => {}
                    (false, request) => core.not_written(now, worker, request),
                });
            }
            Action::CloseInput(worker) => {
                process(&worker).into_iter().for_each(|id| processes.close_input(id));
            }
            Action::End(worker, grace) => process(&worker)
                .into_iter()
                .for_each(|id| processes.end(id, EndedBy::Request, grace)),
            Action::Taken(worker, stream, bytes) => {
                process(&worker).into_iter().for_each(|id| processes.taken(id, stream, bytes));
            }
            Action::Ignore(worker, stream) => {
                process(&worker).into_iter().for_each(|id| processes.ignore(id, stream));
            }
            Action::Sample(worker, pid) => {
                let memory = AssertUnwindSafe(&self.around.memory);
                let resident = self.caught(|| memory.resident(pid)).flatten();
                self.guarded(engine, |core, now| core.sampled(now, worker, resident));
            }
            Action::Notify(notification) => {
                if self.notifications.push(notification) {
                    self.tell(|listener| listener.notified());
                }
            }
            Action::Finish(request, outcome) => self.finish(request, outcome),
            Action::Closed => {
                lock(&self.inbox).closing = true;
                self.tell(|listener| listener.closed());
            }
        }
    }

    fn start(self: &Arc<Self>, engine: &mut Engine, worker: WorkerId) {
        let request = Request {
            order: self.settings.order.clone(),
            input: process::Input::Written,
            output: Output::Streamed,
            error: Output::Streamed,
            timeout: None,
            end_signal: self.settings.end_signal,
            grace: self.settings.grace,
            group: self.settings.group,
        };
        let listener = Arc::new(WorkerListener { pool: Arc::clone(self), worker });
        match self.around.processes.start(request, listener) {
            Ok(process) => {
                engine.processes.insert(worker, process);
            }
            Err(refusal) => {
                self.guarded(engine, |core, now| core.not_started(now, worker, refusal));
            }
        }
    }

    fn finish(&self, request: RequestId, outcome: Outcome) {
        let open = lock(&self.inbox).open.remove(&request).is_some();
        if open {
            self.tell(|listener| listener.finished(request, outcome));
        }
    }

    fn tell(&self, what: impl FnOnce(&dyn PoolListener)) {
        self.caught(|| what(&*self.around.listener));
    }

    /// A panic in what is not ours is counted, and loses nothing else.
    fn caught<T>(&self, what: impl FnOnce() -> T) -> Option<T> {
        let result = catch_unwind(AssertUnwindSafe(what));
        self.panics.fetch_add(u64::from(result.is_err()), Ordering::Relaxed);
        result.ok()
    }
}

struct WorkerListener {
    pool: Arc<Inner>,
    worker: WorkerId,
}

impl process::Listener for WorkerListener {
    fn hear(&self, _: ProcessId, event: Event) {
        self.pool.put(Input::Heard(self.worker, event));
    }
}
