//! Pools with processes, time and memory that the test makes up.

mod ends;
mod limits;
mod model;
mod requests;
mod rpc;
mod starts;
mod threads;

use super::super::keeper::order::Order;
use super::super::process::fake::{Asked, FakeProcesses};
use super::super::process::{self, Event, ProcessId, Stream};
use super::driver::Driver;
use super::inner::{PoolListener, Surroundings};
use super::*;
use std::collections::HashMap;
use std::sync::Mutex;

const START: Duration = Duration::from_secs(1000);

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Stands until it is moved.
struct SetClock(Mutex<Duration>);

impl Clock for SetClock {
    fn wall_ms(&self) -> i64 {
        0
    }

    fn monotonic(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}

/// Everything a pool told.
#[derive(Default)]
struct Heard {
    outcomes: Mutex<Vec<(RequestId, Outcome)>>,
    rings: Mutex<u32>,
    closed: Mutex<u32>,
}

impl PoolListener for Heard {
    fn finished(&self, request: RequestId, outcome: Outcome) {
        self.outcomes.lock().unwrap().push((request, outcome));
    }

    fn notified(&self) {
        *self.rings.lock().unwrap() += 1;
    }

    fn closed(&self) {
        *self.closed.lock().unwrap() += 1;
    }
}

/// The memory of processes by their numbers.
#[derive(Default)]
struct SetMemory(Mutex<HashMap<i32, u64>>);

impl TreeMemory for SetMemory {
    fn resident(&self, pid: i32) -> Option<u64> {
        self.0.lock().unwrap().get(&pid).copied()
    }
}

fn settings(protocol: Protocol) -> Settings {
    Settings::new(Order { program: b"worker".to_vec(), ..Order::default() }, protocol)
}

/// A pool that is worked by its test.
struct Bench {
    pool: Pool,
    driver: Arc<Driver>,
    processes: Arc<FakeProcesses>,
    clock: Arc<SetClock>,
    memory: Arc<SetMemory>,
    heard: Arc<Heard>,
}

impl Bench {
    fn new(settings: Settings) -> Bench {
        let processes = Arc::new(FakeProcesses::default());
        Bench::on(settings, Arc::clone(&processes) as Arc<dyn Processes>, processes)
    }

    fn on(settings: Settings, asked: Arc<dyn Processes>, processes: Arc<FakeProcesses>) -> Bench {
        let clock = Arc::new(SetClock(Mutex::new(START)));
        let memory = Arc::new(SetMemory::default());
        let heard = Arc::new(Heard::default());
        let around = Surroundings {
            processes: asked,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            memory: Arc::clone(&memory) as Arc<dyn TreeMemory>,
            listener: Arc::clone(&heard) as Arc<dyn PoolListener>,
        };
        let driver = Driver::manual();
        let pool = Pool::open_on(&driver, settings, around).unwrap();
        driver.turn();
        Bench { pool, driver, processes, clock, memory, heard }
    }

    /// Asks something that may take for ever.
    fn ask(&self, text: &str) -> RequestId {
        self.ask_for(text, None)
    }

    fn ask_for(&self, text: &str, timeout: Option<Duration>) -> RequestId {
        let request = self.pool.request(text.as_bytes().to_vec(), timeout).unwrap();
        self.driver.turn();
        request
    }

    fn cancel(&self, request: RequestId) {
        self.pool.cancel(request);
        self.driver.turn();
    }

    fn close(&self, grace: Duration) {
        self.pool.close(grace);
        self.driver.turn();
    }

    fn pass(&self, time: Duration) {
        *self.clock.0.lock().unwrap() += time;
        self.driver.turn();
    }

    /// The only process that runs.
    fn worker(&self) -> ProcessId {
        let running = self.processes.running();
        assert_eq!(running.len(), 1);
        running[0]
    }

    fn happen(&self, process: ProcessId, event: Event) {
        self.processes.happen(process, event);
        self.driver.turn();
    }

    /// Every process that was ordered runs.
    fn start(&self, process: ProcessId) {
        self.happen(process, Event::Started { pid: pid(process) });
    }

    fn print(&self, process: ProcessId, bytes: impl AsRef<[u8]>) {
        let event = Event::Bytes { stream: Stream::Output, bytes: bytes.as_ref().to_vec() };
        self.happen(process, event);
    }

    fn complain(&self, process: ProcessId, text: &str) {
        let event = Event::Bytes { stream: Stream::Error, bytes: text.as_bytes().to_vec() };
        self.happen(process, event);
    }

    fn end(&self, process: ProcessId, outcome: process::Outcome) {
        self.processes.end_with(process, outcome);
        self.driver.turn();
    }

    fn exit(&self, process: ProcessId, code: i32) {
        self.end(process, process::Outcome::Exited(code));
    }

    /// What was written to a process since this was asked last, and whether it was told to end.
    fn told(&self, process: ProcessId) -> (String, bool) {
        let (mut written, mut ended) = (Vec::new(), false);
        for asked in self.processes.asked(process) {
            match asked {
                Asked::Written(bytes) => written.extend(bytes),
                Asked::Ended(..) => ended = true,
                _ => {}
            }
        }
        (String::from_utf8(written).unwrap(), ended)
    }

    fn written(&self, process: ProcessId) -> String {
        self.told(process).0
    }

    fn is_told_to_end(&self, process: ProcessId) -> bool {
        self.told(process).1
    }

    /// What the pool told since this was asked last.
    fn outcomes(&self) -> Vec<(RequestId, Outcome)> {
        std::mem::take(&mut self.heard.outcomes.lock().unwrap())
    }

    fn counts(&self) -> Counts {
        self.pool.inner.counts()
    }
}

/// The numbers that the fake gives.
fn pid(process: ProcessId) -> i32 {
    1000 + i32::try_from(process).unwrap()
}

fn answer(request: RequestId, text: &str) -> (RequestId, Outcome) {
    (request, Outcome::Answer(text.as_bytes().to_vec()))
}
