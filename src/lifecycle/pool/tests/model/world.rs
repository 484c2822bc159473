//! The record of what must hold.

use super::super::*;
use super::message;
use super::recorder::{Done, Recorder};
use crate::lifecycle::pool::framing::Decoder;
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Asked {
    pub(super) deadline: Option<Duration>,
    pub(super) written: bool,
    pub(super) not_written: u32,
    /// A worker has begun to print its answer.
    pub(super) answered: bool,
    pub(super) cancelled: bool,
    pub(super) finished: bool,
}

#[derive(Default)]
pub(super) struct Process {
    pub(super) started: bool,
    pub(super) told: bool,
    pub(super) output_closed: bool,
    /// What it was asked and did not answer, with its number where it has one.
    pub(super) pending: Vec<(Value, Value)>,
    /// The rest of what it has begun to print.
    pub(super) unsent: Vec<u8>,
}

pub(super) struct World {
    pub(super) settings: Settings,
    pub(super) bench: Bench,
    pub(super) recorder: Arc<Recorder>,
    pub(super) asked: BTreeMap<RequestId, Asked>,
    pub(super) processes: BTreeMap<ProcessId, Process>,
    pub(super) closing: bool,
    pub(super) closed: bool,
}

impl World {
    pub(super) fn new(settings: Settings) -> World {
        let recorder = Arc::new(Recorder::default());
        let (clock, memory) =
            (Arc::new(SetClock(Mutex::new(START))), Arc::new(SetMemory::default()));
        let around = Surroundings {
            processes: Arc::clone(&recorder) as Arc<dyn Processes>,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            memory: Arc::clone(&memory) as Arc<dyn TreeMemory>,
            listener: Arc::clone(&recorder) as Arc<dyn PoolListener>,
        };
        let driver = Driver::manual();
        let pool = Pool::open_on(&driver, settings.clone(), around).unwrap();
        let processes = Arc::clone(&recorder.processes);
        let bench =
            Bench { pool, driver, processes, clock, memory, heard: Arc::new(Heard::default()) };
        let mut world = World {
            settings,
            bench,
            recorder,
            asked: BTreeMap::new(),
            processes: BTreeMap::new(),
            closing: false,
            closed: false,
        };
        world.work();
        world
    }

    pub(super) fn now(&self) -> Duration {
        *self.bench.clock.0.lock().unwrap()
    }

    /// Lets the pool work, and looks at what it did.
    pub(super) fn work(&mut self) {
        let sleep = self.bench.driver.turn();
        assert_ne!(sleep, Some(Duration::ZERO), "something is due and was not done");
        let done = std::mem::take(&mut *self.recorder.done.lock().unwrap());
        done.into_iter().for_each(|done| self.look(done));
        let now = self.now();
        let open: Vec<_> = self.asked.values().filter(|asked| !asked.finished).collect();
        assert!(open.iter().all(|asked| asked.deadline.is_none_or(|deadline| deadline > now)));
        let counts = self.bench.counts();
        assert_eq!(counts.waiting + counts.in_flight, open.len());
        assert_eq!(counts.in_flight, open.iter().filter(|asked| asked.written).count());
        let back = open.iter().filter(|asked| asked.not_written > 0).count();
        assert!(counts.waiting <= self.settings.queue + back);
        assert!(counts.in_flight <= self.settings.max * self.settings.in_flight);
    }

    fn look(&mut self, done: Done) {
        match done {
            Done::Started(process) => {
                assert!(!self.closing);
                self.processes.insert(process, Process::default());
                let running = self.bench.processes.running().len();
                assert!(running <= self.settings.max, "{running} workers");
            }
            Done::Written(process, bytes) => {
                for message in self.messages(&bytes) {
                    if let Some(request) = message["m"].as_u64() {
                        self.written(request);
                    }
                    if !message["m"].is_null() {
                        let pending = (message["m"].clone(), message["id"].clone());
                        self.processes.get_mut(&process).unwrap().pending.push(pending);
                    }
                }
            }
            Done::NotWritten(bytes) => {
                for message in self.messages(&bytes) {
                    if let Some(request) = message["m"].as_u64() {
                        self.asked.get_mut(&request).unwrap().not_written += 1;
                    }
                }
            }
            Done::Told(process) => {
                if let Some(process) = self.processes.get_mut(&process) {
                    process.told = true;
                }
            }
            Done::Finished(request, outcome) => self.finished(request, &outcome),
            Done::Closed => {
                assert!(self.closing && !self.closed && self.bench.processes.running().is_empty());
                self.closed = true;
            }
        }
    }

    fn messages(&self, bytes: &[u8]) -> Vec<Value> {
        let mut decoder = Decoder::new(self.settings.protocol, 1 << 20);
        decoder.push(bytes);
        let messages = std::iter::from_fn(|| decoder.next_message().unwrap());
        messages.map(|message| serde_json::from_slice(&message).unwrap()).collect()
    }

    fn written(&mut self, request: RequestId) {
        let waits = |asked: &Asked| !asked.finished && !asked.written && asked.not_written == 0;
        let earlier = self.asked.range(..request).find(|(_, asked)| waits(asked));
        assert!(earlier.is_none(), "{request} was given before {:?}", earlier.unwrap().0);
        let asked = self.asked.get_mut(&request).unwrap();
        assert!(!asked.written && !asked.finished, "{request} runs twice or too late");
        asked.written = true;
    }

    fn finished(&mut self, request: RequestId, outcome: &Outcome) {
        let now = self.now();
        let asked = self.asked.get_mut(&request).unwrap();
        assert!(!asked.finished, "{request} has two outcomes");
        asked.finished = true;
        let in_time = asked.deadline.is_none_or(|deadline| deadline > now);
        let possible = match outcome {
            Outcome::Answer(text) => {
                let text: Value = serde_json::from_slice(text).unwrap();
                let given = if text["result"].is_null() { &text["a"] } else { &text["result"] };
                asked.answered && given.as_u64() == Some(request)
            }
            Outcome::TimedOut { started } => !in_time && *started == asked.written,
            Outcome::Cancelled => asked.cancelled,
            Outcome::WorkerDied(_) => asked.written || asked.not_written == 3,
            Outcome::ProtocolError(_) => asked.written,
            Outcome::NoWorker(_) => !asked.written,
            Outcome::Refused(Refused::Full { .. }) => !asked.written,
            Outcome::Refused(Refused::Closed) | Outcome::Closed => self.closing,
            Outcome::Refused(_) => false,
        };
        assert!(possible, "request {request}: {outcome}");
    }

    pub(super) fn ask(&mut self, timeout: Option<u64>) {
        let request = self.asked.len() as RequestId + 1;
        let deadline = timeout.map(|timeout| self.now() + ms(timeout));
        match self.bench.pool.request(message(&json!(request)), timeout.map(ms)) {
            Ok(given) => {
                assert_eq!(given, request);
                self.asked.insert(request, Asked { deadline, ..Asked::default() });
            }
            Err(refused) => {
                let full = matches!(refused, Refused::Full { .. });
                assert!(full || (refused == Refused::Closed && self.closing), "{refused}");
            }
        }
    }
}
