//! Processes that exist only in a test: what was asked of them is written down, and the test says what happens.

use super::*;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// What was asked of a process, beside starting it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Asked {
    Written(Vec<u8>),
    InputClosed,
    Taken(Stream, usize),
    Ignored(Stream),
    Signalled(i32, bool),
    Ended(EndedBy, Option<Duration>),
}

struct Known {
    request: Request,
    listener: Arc<dyn Listener>,
    asked: Vec<Asked>,
    ended: bool,
}

#[derive(Default)]
struct Table {
    processes: BTreeMap<ProcessId, Known>,
    refusal: Option<Refusal>,
}

/// See the module.
#[derive(Default)]
pub(crate) struct FakeProcesses {
    table: Mutex<Table>,
}

impl FakeProcesses {
    fn table(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on nothing is started.
    pub(crate) fn refuse(&self, refusal: Option<Refusal>) {
        self.table().refusal = refusal;
    }

    /// Those that were started and did not end, the oldest first.
    pub(crate) fn running(&self) -> Vec<ProcessId> {
        let table = self.table();
        table.processes.iter().filter(|(_, known)| !known.ended).map(|(id, _)| *id).collect()
    }

    /// What one was started with.
    pub(crate) fn request(&self, process: ProcessId) -> Request {
        self.table().processes[&process].request.clone()
    }

    /// What was asked of one since this was asked last.
    pub(crate) fn asked(&self, process: ProcessId) -> Vec<Asked> {
        let mut table = self.table();
        std::mem::take(&mut table.processes.get_mut(&process).unwrap().asked)
    }

    /// Something happens to one. Never called with the table locked: the listener asks for more.
    pub(crate) fn happen(&self, process: ProcessId, event: Event) {
        let listener = {
            let mut table = self.table();
            let known = table.processes.get_mut(&process).unwrap();
            assert!(!known.ended, "nothing happens after the end");
            known.ended = matches!(event, Event::Ended(_));
            Arc::clone(&known.listener)
        };
        listener.hear(process, event);
    }

    /// It ends in this way, having printed nothing that was kept.
    pub(crate) fn end_with(&self, process: ProcessId, outcome: Outcome) {
        self.happen(
            process,
            Event::Ended(Box::new(Ending {
                outcome,
                ended_by: None,
                output: Captured::default(),
                error: Captured::default(),
                pid: 1000 + i32::try_from(process).unwrap(),
                duration: Duration::ZERO,
                cpu_us: 0,
                max_rss_kib: 0,
                leftovers_ended: 0,
                refused: 0,
            })),
        );
    }

    fn ask(&self, process: ProcessId, asked: Asked) {
        if let Some(known) = self.table().processes.get_mut(&process) {
            known.asked.push(asked);
        }
    }
}

impl Processes for FakeProcesses {
    fn start(&self, request: Request, listener: Arc<dyn Listener>) -> Result<ProcessId, Refusal> {
        let mut table = self.table();
        if let Some(refusal) = table.refusal {
            return Err(refusal);
        }
        let id = table.processes.len() as ProcessId + 1;
        let known = Known { request, listener, asked: Vec::new(), ended: false };
        table.processes.insert(id, known);
        Ok(id)
    }

    fn write(&self, process: ProcessId, bytes: Vec<u8>) -> Result<(), Refusal> {
        self.ask(process, Asked::Written(bytes));
        Ok(())
    }

    fn close_input(&self, process: ProcessId) {
        self.ask(process, Asked::InputClosed);
    }

    fn taken(&self, process: ProcessId, stream: Stream, bytes: usize) {
        self.ask(process, Asked::Taken(stream, bytes));
    }

    fn ignore(&self, process: ProcessId, stream: Stream) {
        self.ask(process, Asked::Ignored(stream));
    }

    fn signal(&self, process: ProcessId, signal: i32, tree: bool) {
        self.ask(process, Asked::Signalled(signal, tree));
    }

    fn end(&self, process: ProcessId, by: EndedBy, grace: Option<Duration>) {
        self.ask(process, Asked::Ended(by, grace));
    }

    fn end_group(&self, group: GroupId, by: EndedBy, grace: Option<Duration>) -> usize {
        let mut count = 0;
        for known in self.table().processes.values_mut() {
            if known.request.group == group && !known.ended {
                known.asked.push(Asked::Ended(by, grace));
                count += 1;
            }
        }
        count
    }
}
