//! Killing processes holds up nobody's deadline.

use super::*;
use crate::budget::killing::MOST_HELPERS;
use crate::platform::process::{Descendants, KillReport, ProcessHandle, Signal};
use std::io;
use std::sync::Condvar;

/// Processes whose killing takes as long as the test wants.
#[derive(Default)]
struct SlowProcesses {
    fake: FakeProcesses,
    gate: Mutex<(bool, usize, usize)>,
    changed: Condvar,
    panics: bool,
}

impl SlowProcesses {
    fn with(pids: impl IntoIterator<Item = i32>) -> SlowProcesses {
        let slow = SlowProcesses::default();
        pids.into_iter().for_each(|pid| slow.fake.start(pid, 1));
        slow
    }

    fn open_gate(&self) {
        self.gate.lock().unwrap().0 = true;
        self.changed.notify_all();
    }

    /// Waits until as many are being killed.
    fn await_killing(&self, number: usize) {
        let gate = self.gate.lock().unwrap();
        let waited = self.changed.wait_timeout_while(gate, PATIENCE, |gate| gate.1 < number);
        assert!(!waited.unwrap().1.timed_out(), "fewer are being killed");
    }

    /// The most that were being killed at once.
    fn most_at_once(&self) -> usize {
        self.gate.lock().unwrap().2
    }
}

impl Processes for SlowProcesses {
    fn open(&self, pid: i32) -> io::Result<ProcessHandle> {
        self.fake.open(pid)
    }

    fn is_alive(&self, process: &ProcessHandle) -> bool {
        self.fake.is_alive(process)
    }

    fn wait(&self, process: &ProcessHandle, longest: Duration) -> bool {
        self.fake.wait(process, longest)
    }

    fn kill_tree(&self, process: &ProcessHandle, signal: Signal) -> KillReport {
        if self.panics {
            std::panic::resume_unwind(Box::new("thrown in a test"));
        }
        let mut gate = self.gate.lock().unwrap();
        gate.1 += 1;
        gate.2 = gate.2.max(gate.1);
        self.changed.notify_all();
        let (mut gate, timeout) =
            self.changed.wait_timeout_while(gate, PATIENCE, |gate| !gate.0).unwrap();
        assert!(!timeout.timed_out(), "nobody let the killing go on");
        gate.1 -= 1;
        drop(gate);
        self.fake.kill_tree(process, signal)
    }

    fn descendants(&self, process: &ProcessHandle) -> Descendants {
        self.fake.descendants(process)
    }
}

fn bench(processes: &Arc<SlowProcesses>) -> Bench {
    let processes = Arc::clone(processes) as Arc<dyn Processes>;
    Bench::with(|settings| settings.global = 32, None, Some(processes))
}

fn acquire(client: &Client<'_>, timeout: f64, pid: Option<i32>) -> CallKey {
    let bench = client.bench;
    let timeout = Timeout::Milliseconds(timeout);
    let request = Request { timeout, ..client.request("free") };
    let call = bench.manager.acquire(&client.holder, request).unwrap();
    if let Some(pid) = pid {
        bench.manager.register_process(&client.holder, call, pid).unwrap();
    }
    call
}

#[test]
fn the_deadlines_of_others_are_kept_while_processes_are_killed() {
    let processes = Arc::new(SlowProcesses::with([10]));
    let bench = bench(&processes);
    let (slow, other, waits) = (bench.client(), bench.client(), bench.client());
    let killed = acquire(&slow, 100.0, Some(10));
    let warned = acquire(&other, 120.0, None);
    let in_lane = waits.acquire("b").unwrap();
    let waiting = waits.wait_as(waits.request("b"), Priority::Normal, ms(170)).0;
    bench.pass(ms(150));
    processes.await_killing(1);
    assert_eq!(slow.events(), [Event::Warned(killed)], "not told before its process is dead");
    assert_eq!(other.events(), [Event::Warned(warned)]);
    bench.pass(ms(30));
    assert_eq!(other.events(), [Event::Ended(warned)]);
    let told = [
        Event::Warned(in_lane),
        Event::Ended(in_lane),
        Event::Refused(waiting, Refusal::WaitExpired),
    ];
    assert_eq!(waits.events(), told);
    assert_eq!(slow.release_ended(killed), Released::OverTime, "its process may still run");
    assert_eq!(slow.release(killed), Released::OverTime);
    assert!(!slow.holder.outbox.has_events());
    processes.open_gate();
    assert_eq!(slow.await_events(), [Event::Ended(killed)]);
    assert_eq!(slow.release_ended(killed), Released::Done);
    assert_eq!(bench.counts("killedProcesses"), 1);
    let records = bench.metrics();
    let of_killed = records.iter().find(|record| record["durationMs"] == 150.0).unwrap();
    assert_eq!(of_killed["endedBy"], "deadline");
}

#[test]
fn as_many_as_may_kill_at_once_and_every_call_gets_its_end() {
    let number = 3 * MOST_HELPERS as i32;
    let processes = Arc::new(SlowProcesses::with(10..10 + number));
    let bench = bench(&processes);
    let client = bench.client();
    let calls: Vec<CallKey> =
        (10..10 + number).map(|pid| acquire(&client, 100.0, Some(pid))).collect();
    bench.pass(ms(150));
    processes.await_killing(MOST_HELPERS);
    processes.open_gate();
    let mut ended = vec![];
    while ended.len() < calls.len() {
        for event in client.await_events() {
            if let Event::Ended(call) = event {
                ended.push(call);
            }
        }
    }
    ended.sort();
    assert_eq!(ended, calls);
    assert_eq!(processes.most_at_once(), MOST_HELPERS);
    assert_eq!((bench.counts("deadlines"), bench.counts("killedProcesses")), (12, 12));
    for call in calls {
        assert_eq!(client.release_ended(call), Released::Done);
    }
    assert_eq!(bench.load(), (0, 0));
}

#[test]
fn without_threads_the_timer_kills_itself() {
    let processes = Arc::new(SlowProcesses::with([10, 11]));
    processes.open_gate();
    let bench = bench(&processes);
    bench.manager.killing.without_threads.store(true, std::sync::atomic::Ordering::Relaxed);
    let client = bench.client();
    let calls = [acquire(&client, 100.0, Some(10)), acquire(&client, 100.0, Some(11))];
    bench.pass(ms(150));
    let warned = calls.map(Event::Warned);
    let ended = calls.map(Event::Ended);
    assert_eq!(client.events(), [warned, ended].concat(), "when the turn is over all is done");
    assert_eq!(processes.most_at_once(), 1);
}

#[test]
fn a_panic_while_killing_leaves_no_call_without_an_end() {
    let mut processes = SlowProcesses::with([10]);
    processes.panics = true;
    let processes = Arc::new(processes);
    let bench = bench(&processes);
    let client = bench.client();
    let call = acquire(&client, 0.0, Some(10));
    bench.pass(ms(1));
    client.await_end(call);
    assert_eq!((bench.counts("unkilledProcesses"), bench.counts("deadlines")), (1, 1));
    assert_eq!(client.release_ended(call), Released::Done);
}

#[test]
fn a_holder_that_goes_while_its_processes_are_killed_leaves_one_record_of_the_deadline() {
    let processes = Arc::new(SlowProcesses::with([10]));
    let bench = bench(&processes);
    let (client, other) = (bench.client(), bench.client());
    let call = acquire(&client, 100.0, Some(10));
    bench.pass(ms(150));
    processes.await_killing(1);
    bench.manager.detach(&client.holder);
    assert_eq!(bench.load(), (0, 0));
    assert_eq!(client.events(), [Event::Warned(call)]);
    let record = bench.metrics();
    assert_eq!((record.len(), &record[0]["endedBy"]), (1, &"deadline".into()));
    processes.open_gate();
    // The same helper, or one after it, ends this: then it is through with the first.
    processes.fake.start(11, 1);
    let next = acquire(&other, 0.0, Some(11));
    bench.pass(ms(1));
    other.await_end(next);
    assert_eq!((client.events(), bench.metrics().len()), (vec![], 2));
    assert_eq!(bench.counts("deadlines"), 2);
}
