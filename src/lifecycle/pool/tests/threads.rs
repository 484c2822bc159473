//! Pools worked by their thread.

use super::*;
use crate::platform::clock::SystemClock;
use std::sync::Condvar;
use std::time::Instant;

/// How long a test waits for what another thread does, before it fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Keeps outcomes and lets a test wait for them; panics when it hears of a request asked to do so.
#[derive(Default)]
struct Waiter {
    outcomes: Mutex<HashMap<RequestId, Outcome>>,
    heard: Condvar,
    panics_at: Option<RequestId>,
}

impl Waiter {
    fn wait(&self, request: RequestId) -> Outcome {
        let outcomes = self.outcomes.lock().unwrap();
        let waiting = |heard: &mut HashMap<_, _>| !heard.contains_key(&request);
        let (outcomes, timed_out) =
            self.heard.wait_timeout_while(outcomes, PATIENCE, waiting).unwrap();
        assert!(!timed_out.timed_out(), "nothing was heard of request {request}");
        outcomes[&request].clone()
    }
}

impl PoolListener for Waiter {
    fn finished(&self, request: RequestId, outcome: Outcome) {
        if self.panics_at == Some(request) {
            std::panic::resume_unwind(Box::new("thrown in a test"));
        }
        assert!(self.outcomes.lock().unwrap().insert(request, outcome).is_none());
        self.heard.notify_all();
    }

    fn notified(&self) {}

    fn closed(&self) {}
}

fn open(settings: Settings, waiter: &Arc<Waiter>, processes: &Arc<FakeProcesses>) -> Pool {
    Pool::open(
        settings,
        Arc::clone(processes) as Arc<dyn Processes>,
        Arc::new(SystemClock),
        Arc::new(SetMemory::default()),
        Arc::clone(waiter) as Arc<dyn PoolListener>,
    )
    .unwrap()
}

/// Waits until a process runs.
fn first(processes: &FakeProcesses) -> ProcessId {
    let since = Instant::now();
    loop {
        if let Some(&process) = processes.running().first() {
            return process;
        }
        assert!(since.elapsed() < PATIENCE, "no worker was started");
        std::thread::yield_now();
    }
}

fn print(processes: &FakeProcesses, process: ProcessId, text: &str) {
    let bytes = text.as_bytes().to_vec();
    processes.happen(process, Event::Bytes { stream: Stream::Output, bytes });
}

#[test]
fn requests_of_many_threads_are_all_answered_once() {
    let (waiter, processes) = (Arc::new(Waiter::default()), Arc::new(FakeProcesses::default()));
    let pool = open(Settings { max: 1, ..settings(Protocol::Line) }, &waiter, &processes);
    std::thread::scope(|scope| {
        let asking: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    (0..50).map(|_| pool.request(b"a".to_vec(), None).unwrap()).collect::<Vec<_>>()
                })
            })
            .collect();
        let requests: Vec<_> = asking.into_iter().flat_map(|all| all.join().unwrap()).collect();
        let worker = first(&processes);
        processes.happen(worker, Event::Started { pid: pid(worker) });
        let mut given = 0;
        let since = Instant::now();
        while given < requests.len() {
            for asked in processes.asked(worker) {
                if matches!(asked, Asked::Written(_)) {
                    given += 1;
                    print(&processes, worker, "A\n");
                }
            }
            assert!(since.elapsed() < PATIENCE, "{given} of {}", requests.len());
            std::thread::yield_now();
        }
        for request in requests {
            assert_eq!(waiter.wait(request), Outcome::Answer(b"A".to_vec()));
        }
    });
}

#[test]
fn time_passes_without_anybody_asking() {
    let (waiter, processes) = (Arc::new(Waiter::default()), Arc::new(FakeProcesses::default()));
    let pool = open(settings(Protocol::Line), &waiter, &processes);
    let late = pool.request(b"a".to_vec(), Some(ms(30))).unwrap();
    let soon = pool.request(b"b".to_vec(), Some(ms(10))).unwrap();
    assert_eq!(waiter.wait(late), Outcome::TimedOut { started: false });
    assert_eq!(waiter.wait(soon), Outcome::TimedOut { started: false });
}

#[test]
fn a_panic_of_who_listens_loses_no_other_answer() {
    let waiter = Arc::new(Waiter { panics_at: Some(1), ..Waiter::default() });
    let processes = Arc::new(FakeProcesses::default());
    let pool = open(settings(Protocol::Line), &waiter, &processes);
    let panics = pool.request(b"a".to_vec(), Some(ms(1))).unwrap();
    let other = pool.request(b"b".to_vec(), Some(ms(2))).unwrap();
    assert_eq!((panics, waiter.wait(other)), (1, Outcome::TimedOut { started: false }));
    assert_eq!(pool.stats().panics, 1);
}
