//! What a pool asks and tells, written down.

use super::super::*;
use crate::lifecycle::group::GroupId;
use crate::lifecycle::process::{EndedBy, Listener, Refusal, Request};
use std::collections::BTreeSet;

/// What the pool did, in its order.
pub(super) enum Done {
    Started(ProcessId),
    Written(ProcessId, Vec<u8>),
    NotWritten(Vec<u8>),
    Told(ProcessId),
    Finished(RequestId, Outcome),
    Closed,
}

/// Processes that write down what is asked of them, some of which do not read.
#[derive(Default)]
pub(super) struct Recorder {
    pub(super) processes: Arc<FakeProcesses>,
    pub(super) done: Mutex<Vec<Done>>,
    pub(super) deaf: Mutex<BTreeSet<ProcessId>>,
}

impl Recorder {
    fn note(&self, done: Done) {
        self.done.lock().unwrap().push(done);
    }
}

impl Processes for Recorder {
    fn start(&self, request: Request, listener: Arc<dyn Listener>) -> Result<ProcessId, Refusal> {
        let process = self.processes.start(request, listener)?;
        self.note(Done::Started(process));
        Ok(process)
    }

    fn write(&self, process: ProcessId, bytes: Vec<u8>) -> Result<(), Refusal> {
        let gone = !self.processes.running().contains(&process);
        if gone || self.deaf.lock().unwrap().contains(&process) {
            self.note(Done::NotWritten(bytes));
            return Err(Refusal::NoInput);
        }
        self.note(Done::Written(process, bytes));
        Ok(())
    }

    fn close_input(&self, process: ProcessId) {
        self.note(Done::Told(process));
    }

    fn taken(&self, _: ProcessId, _: Stream, _: usize) {}

    fn ignore(&self, _: ProcessId, _: Stream) {}

    fn signal(&self, _: ProcessId, _: i32, _: bool) {}

    fn end(&self, process: ProcessId, _: EndedBy, _: Option<Duration>) {
        self.note(Done::Told(process));
    }

    fn end_group(&self, _: GroupId, _: EndedBy, _: Option<Duration>) -> usize {
        unreachable!("a pool ends its workers one by one")
    }
}

impl PoolListener for Recorder {
    fn finished(&self, request: RequestId, outcome: Outcome) {
        self.note(Done::Finished(request, outcome));
    }

    fn notified(&self) {}

    fn closed(&self) {
        self.note(Done::Closed);
    }
}
