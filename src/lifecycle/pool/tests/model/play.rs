//! What happens to a pool, step by step.

use super::super::*;
use super::Step;
use super::world::{Process, World};
use crate::lifecycle::pool::framing::encode;
use crate::lifecycle::process::Refusal;
use proptest::sample::Index;
use serde_json::json;

impl World {
    fn pick(&self, which: Index, fits: impl Fn(&Process) -> bool) -> Option<ProcessId> {
        let running = self.bench.processes.running();
        let fit: Vec<_> = running.into_iter().filter(|id| fits(&self.processes[id])).collect();
        (!fit.is_empty()).then(|| *which.get(&fit))
    }

    fn can_print(process: &Process) -> bool {
        process.started && !process.output_closed
    }

    /// Prints what is to be printed, or only so much of it.
    fn print(
        &mut self,
        id: ProcessId,
        text: &[u8],
        answers: Option<RequestId>,
        cut: Option<Index>,
    ) {
        if let Some(request) = answers {
            self.asked.get_mut(&request).unwrap().answered = true;
        }
        let unsent = &mut self.processes.get_mut(&id).unwrap().unsent;
        unsent.extend_from_slice(text);
        let now = cut.map_or(unsent.len(), |cut| cut.index(unsent.len()));
        let bytes: Vec<u8> = unsent.drain(..now).collect();
        if !bytes.is_empty() {
            self.recorder.processes.happen(id, Event::Bytes { stream: Stream::Output, bytes });
        }
        self.work();
    }

    fn answer(
        &mut self,
        id: ProcessId,
        which: impl Fn(usize) -> usize,
        twice: bool,
        cut: Option<Index>,
    ) {
        let process = self.processes.get_mut(&id).unwrap();
        if process.pending.is_empty() {
            return;
        }
        let (what, wire) = process.pending.remove(which(process.pending.len()));
        let text = if wire.is_null() {
            json!({ "a": what })
        } else {
            json!({ "id": wire, "result": what })
        };
        let text = encode(self.settings.protocol, text.to_string().as_bytes());
        let text = text.repeat(if twice { 2 } else { 1 });
        self.print(id, &text, what.as_u64(), cut);
    }

    fn end(&mut self, id: ProcessId, code: i32) {
        self.recorder.processes.end_with(id, process::Outcome::Exited(code));
        self.work();
    }

    pub(super) fn step(&mut self, step: Step) {
        match step {
            Step::Ask(timeout) => self.ask(timeout),
            Step::AskMany(count) => (0..count).for_each(|_| self.ask(None)),
            Step::Cancel(which) if !self.asked.is_empty() => {
                let request = which.index(self.asked.len()) as RequestId + 1;
                self.asked.get_mut(&request).unwrap().cancelled = true;
                self.bench.pool.cancel(request);
            }
            Step::Start(which) => {
                if let Some(id) = self.pick(which, |process| !process.started) {
                    self.processes.get_mut(&id).unwrap().started = true;
                    self.recorder.processes.happen(id, Event::Started { pid: pid(id) });
                }
            }
            Step::Answer(worker, which, cut) => {
                let id = self.pick(worker, |p| World::can_print(p) && !p.pending.is_empty());
                if let Some(id) = id {
                    self.answer(id, |count| which.index(count), false, cut);
                }
            }
            Step::AnswerTwice(worker) => {
                let id = self.pick(worker, |p| World::can_print(p) && !p.pending.is_empty());
                if let Some(id) = id {
                    self.answer(id, |count| worker.index(count), true, None);
                }
            }
            Step::Garbage(worker) => {
                if let Some(id) = self.pick(worker, World::can_print) {
                    self.print(id, &[b'x'; 5000], None, None);
                }
            }
            Step::Unasked(worker) => {
                let id = self.pick(worker, |p| World::can_print(p) && p.pending.is_empty());
                if let Some(id) = id {
                    let text = encode(self.settings.protocol, br#"{"id":777,"result":1}"#);
                    self.print(id, &text, None, None);
                }
            }
            Step::Notify(worker) if self.settings.protocol == Protocol::ContentLength => {
                if let Some(id) = self.pick(worker, World::can_print) {
                    let text = encode(self.settings.protocol, br#"{"method":"x","id":5}"#);
                    self.print(id, &text, None, None);
                }
            }
            Step::Complain(worker) => {
                if let Some(id) = self.pick(worker, |process| process.started) {
                    let event = Event::Bytes { stream: Stream::Error, bytes: vec![b'e'; 3000] };
                    self.recorder.processes.happen(id, event);
                }
            }
            Step::CloseOutput(worker) => {
                if let Some(id) = self.pick(worker, World::can_print) {
                    self.processes.get_mut(&id).unwrap().output_closed = true;
                    let event = Event::StreamEnded { stream: Stream::Output };
                    self.recorder.processes.happen(id, event);
                }
            }
            Step::StopReading(worker) => {
                if let Some(id) = self.pick(worker, |process| process.started) {
                    self.recorder.deaf.lock().unwrap().insert(id);
                }
            }
            Step::Crash(worker) => {
                if let Some(id) = self.pick(worker, |_| true) {
                    self.end(id, 1);
                }
            }
            Step::Obey(worker) => {
                if let Some(id) = self.pick(worker, |process| process.told) {
                    self.end(id, 0);
                }
            }
            Step::RefuseStarts(refuse) => {
                self.recorder.processes.refuse(refuse.then_some(Refusal::Full));
            }
            Step::Grow(worker, bytes) => {
                if let Some(id) = self.pick(worker, |_| true) {
                    self.bench.memory.0.lock().unwrap().insert(pid(id), bytes);
                }
            }
            Step::Pass(time) => *self.bench.clock.0.lock().unwrap() += ms(time),
            Step::Close(grace) => {
                self.closing = true;
                self.bench.pool.close(ms(grace));
            }
            Step::Cancel(_) | Step::Notify(_) => {}
        }
        self.work();
    }

    fn open(&self) -> usize {
        self.asked.values().filter(|asked| !asked.finished).count()
    }

    /// Everything that can go well does, until nothing is open.
    pub(super) fn heal(&mut self) {
        self.recorder.processes.refuse(None);
        for _ in 0..400 {
            if self.open() == 0 {
                return;
            }
            for id in self.bench.processes.running() {
                let process = &self.processes[&id];
                if process.told {
                    self.end(id, 0);
                } else if !process.started {
                    self.processes.get_mut(&id).unwrap().started = true;
                    self.recorder.processes.happen(id, Event::Started { pid: pid(id) });
                    self.work();
                } else if !process.unsent.is_empty() {
                    self.print(id, b"", None, None);
                } else {
                    self.answer(id, |_| 0, false, None);
                }
            }
            *self.bench.clock.0.lock().unwrap() += ms(90);
            self.work();
        }
        assert_eq!(self.open(), 0, "what could be answered was not");
    }

    pub(super) fn finish(mut self) {
        self.closing = true;
        self.bench.pool.close(Duration::ZERO);
        self.work();
        assert_eq!(self.open(), 0);
        for id in self.bench.processes.running() {
            assert!(self.processes[&id].told);
            self.end(id, 0);
        }
        assert!(self.closed);
        assert_eq!(self.bench.driver.pools(), 0);
        let counts = self.bench.counts();
        let told = counts.answered + counts.failed + counts.timed_out + counts.cancelled;
        let taken = self.asked.len() as u64;
        let refused = self.asked.len() as u64 - told - counts.closed;
        assert!(told + counts.closed <= taken && counts.refused >= refused);
        assert_eq!(counts.workers, WorkerCounts::default());
        assert!(counts.most_workers <= self.settings.max);
        assert_eq!(self.bench.pool.stats().panics, 0);
    }
}
