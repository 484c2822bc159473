//! Real processes, really killed. The test binary starts itself again; [`child`] is what runs there.
//!
//! The witness is a file of its own, apart from the segment: one word with a byte for each of eight
//! children, in which each counts what it holds. Adding to it tells the exact state of all of them at one
//! moment. Who is about to be killed is marked with the top bit and not counted from then on, because the
//! segment may take its slots back before anybody can empty its byte.

use super::{SharedLanes, attach};
use crate::budget::shared::steps;
use crate::platform::mmap::SharedMapping;
use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::time::{Duration, Instant};

const CHILDREN: usize = 8;
const LANES: [(&str, u32); 2] = [("tool_call", 3), ("critic", 2)];
const GLOBAL: u32 = 4;
const ROLE: &str = "PLIMSOLL_TEST_ROLE";
const HOME: &str = "PLIMSOLL_TEST_HOME";
const NUMBER: &str = "PLIMSOLL_TEST_NUMBER";
/// Far beyond what any machine needs; a lost slot would never come back.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn start(role: &str, home: &Path, number: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["budget::shared::tests::kills::child", "--exact", "--ignored", "--nocapture"])
        .env(ROLE, role)
        .env(HOME, home)
        .env(NUMBER, number.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "is what the processes of the other tests here run"]
fn child() {
    let Ok(role) = std::env::var(ROLE) else {
        println!("nothing to do without {ROLE}");
        return;
    };
    let home = std::env::var(HOME).unwrap();
    let number = std::env::var(NUMBER).unwrap().parse().unwrap();
    match role.as_str() {
        "holder" => hold_and_release(Path::new(&home), number),
        "busy" => super::costs::be_busy(Path::new(&home), number),
        "steps" => live_a_short_life(Path::new(&home), number),
        other => panic!("{other}"),
    }
}

fn witness(home: &Path) -> SharedMapping {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(home.join("witness"))
        .unwrap();
    file.set_len(4096).unwrap();
    SharedMapping::new(&file, 4096).unwrap()
}

/// Slots counted in a word of the witness, without those of who is about to be killed.
fn counted(word: u64) -> u64 {
    word.to_le_bytes().into_iter().filter(|byte| byte & 0x80 == 0).map(u64::from).sum()
}

/// Takes and gives back at random until it is killed. Says `OVER` if it ever was one too many.
fn hold_and_release(home: &Path, number: u64) {
    let lanes = attach(&home.join("lanes"), &LANES, Some(GLOBAL));
    // A test that was itself killed leaves nobody behind.
    std::thread::spawn(|| {
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).ok();
        std::process::exit(1);
    });
    let witness = witness(home);
    let places = LANES.map(|(name, _)| lanes.lane(name).unwrap());
    let mut random = u64::from(std::process::id()) | 1;
    let mut held = Vec::new();
    println!("READY");
    loop {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let which = (random >> 20) as usize % 2;
        let one = 1_u64 << (8 * number);
        if held.len() < 3 && random & 3 != 0 {
            let Ok(slot) = lanes.try_acquire(places[which]) else {
                std::thread::yield_now();
                continue;
            };
            let in_lane = counted(witness.word(8 * which).fetch_add(one, Ordering::SeqCst) + one);
            let in_all = counted(witness.word(16).fetch_add(one, Ordering::SeqCst) + one);
            witness.word(24).fetch_add(1, Ordering::Relaxed);
            if in_lane > u64::from(LANES[which].1) || in_all > u64::from(GLOBAL) {
                println!("OVER {in_lane} in {which}, {in_all} in all");
            }
            held.push((which, slot));
        } else if !held.is_empty() {
            let (which, slot) = held.swap_remove((random >> 30) as usize % held.len());
            witness.word(16).fetch_sub(one, Ordering::SeqCst);
            witness.word(8 * which).fetch_sub(one, Ordering::SeqCst);
            drop(slot);
        }
        if random.is_multiple_of(64) {
            std::thread::yield_now();
        }
    }
}

/// A process that is running, and a thread that reads what it says.
struct Holder {
    process: Child,
    ready: mpsc::Receiver<()>,
    is_ready: bool,
}

fn holder(home: &Path, number: u64, complaints: &mpsc::Sender<String>) -> Holder {
    let mut process = start("holder", home, number);
    let output = process.stdout.take().unwrap();
    let complaints = complaints.clone();
    let (is_ready, ready) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if line.contains("READY") {
                is_ready.send(()).ok();
            } else if line.contains("OVER") || line.contains("panicked") {
                complaints.send(line).unwrap();
            }
        }
    });
    Holder { process, ready, is_ready: false }
}

/// The first from `next` on that holds something.
fn who_holds(witness: &SharedMapping, next: usize) -> usize {
    let begun = Instant::now();
    loop {
        let word = witness.word(16).load(Ordering::SeqCst).to_le_bytes();
        let holds = (next..next + CHILDREN).find(|number| word[number % CHILDREN] > 0);
        match holds {
            Some(number) => return number % CHILDREN,
            None => assert!(begun.elapsed() < PATIENCE, "nobody gets a slot any more"),
        }
        std::thread::yield_now();
    }
}

/// Whether the segment knows a process with this id.
fn is_known(lanes: &SharedLanes, pid: u32) -> bool {
    lanes.status().processes.iter().any(|process| process.pid == pid)
}

#[test]
fn eight_processes_killed_five_hundred_times_never_overshoot_and_lose_no_slot() {
    const KILLS: usize = 500;
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let observer = attach(&home.join("lanes"), &LANES, Some(GLOBAL));
    let witness = witness(home);
    let (changed, changes) = mpsc::channel();
    observer
        .watch(move || {
            changed.send(()).ok();
        })
        .unwrap();
    let (complaints, complained) = mpsc::channel();
    let mut holders: Vec<Holder> =
        (0..CHILDREN as u64).map(|number| holder(home, number, &complaints)).collect();
    let mut delays = Vec::new();
    let mut holding = 0;
    for kill in 0..KILLS {
        // Each in turn; seven times of eight the next one that holds something.
        let next = kill % CHILDREN;
        let anybody = kill % 64 / CHILDREN == 0;
        let number = if anybody { next } else { who_holds(&witness, next) };
        let victim = &mut holders[number];
        if !std::mem::replace(&mut victim.is_ready, true) {
            victim.ready.recv_timeout(PATIENCE).expect("the process started");
        }
        for word in [0, 8, 16] {
            witness.word(word).fetch_or(0x80 << (8 * number), Ordering::SeqCst);
        }
        victim.process.kill().unwrap();
        let pid = victim.process.id();
        victim.process.wait().unwrap();
        let dead = Instant::now();
        let held = witness.word(16).load(Ordering::SeqCst) >> (8 * number) & 0x7f;
        holding += usize::from(held > 0);
        while is_known(&observer, pid) {
            assert!(dead.elapsed() < PATIENCE, "the slots of {pid} did not come back");
            changes.recv_timeout(Duration::from_millis(5)).ok();
        }
        delays.push(dead.elapsed());
        for word in [0, 8, 16] {
            witness.word(word).fetch_and(!(0xff << (8 * number)), Ordering::SeqCst);
        }
        holders[number] = holder(home, number as u64, &complaints);
    }
    for word in [0, 8, 16] {
        witness.word(word).fetch_or(u64::from_le_bytes([0x80; 8]), Ordering::SeqCst);
    }
    for holder in &mut holders {
        holder.process.kill().unwrap();
        holder.process.wait().unwrap();
    }
    let begun = Instant::now();
    while observer.status().processes.len() > 1 {
        assert!(begun.elapsed() < PATIENCE);
        observer.sweep();
    }
    let status = observer.status();
    assert_eq!(status.global.active, 0, "{status:?}");
    assert!(status.lanes.iter().all(|lane| lane.active == 0), "{status:?}");
    let all = [(); 3].map(|()| observer.try_acquire(observer.lane("tool_call").unwrap()).unwrap());
    drop(all);
    drop(complaints);
    assert_eq!(complained.iter().collect::<Vec<_>>(), Vec::<String>::new());
    let admissions = witness.word(24).load(Ordering::SeqCst);
    delays.sort();
    println!(
        "{KILLS} kills, {holding} of them holding slots, {admissions} admissions; slots back after {:?} \
         (median), {:?} (worst)",
        delays[KILLS / 2],
        delays[KILLS - 1],
    );
    assert!(holding > KILLS / 4, "too few died holding a slot to prove anything: {holding}");
    assert!(admissions > 10 * KILLS as u64, "too little happened to prove anything: {admissions}");
}

/// Passes every step once: makes, takes, is refused, gives back, changes limits, reclaims, detaches.
fn live_a_short_life(home: &Path, dies_at: u64) {
    steps::die_at(dies_at);
    let path = home.join("lanes");
    let lanes = attach(&path, &LANES, Some(GLOBAL));
    let other = attach(&path, &LANES, Some(GLOBAL));
    let lane = lanes.lane("tool_call").unwrap();
    let slots: Vec<_> = std::iter::from_fn(|| lanes.try_acquire(lane).ok()).collect();
    other.configure(&[("tool_call", 2), ("late", 1)], Some(3)).unwrap();
    drop(slots);
    let left = other.try_acquire(other.lane("tool_call").unwrap());
    other.abandon();
    std::mem::forget(left);
    lanes.sweep();
    lanes.configure(&LANES, Some(GLOBAL)).unwrap();
    drop(lanes);
    println!("LIVED");
}

#[test]
fn a_death_between_any_two_stores_leaves_a_segment_in_which_everything_is_free() {
    let mut lived = HashMap::new();
    for witnessed in [false, true] {
        for nth in 1.. {
            let home = tempfile::tempdir().unwrap();
            let path = home.path().join("lanes");
            let witness = witnessed.then(|| attach(&path, &LANES, Some(GLOBAL)));
            let output = start("steps", home.path(), nth).wait_with_output().unwrap();
            let whole = String::from_utf8_lossy(&output.stdout).contains("LIVED");
            assert_eq!(whole, output.status.success(), "{output:?}");
            // Whoever was there notices, and whoever comes begins well.
            let survivor = witness.unwrap_or_else(|| attach(&path, &LANES, Some(GLOBAL)));
            survivor.sweep();
            survivor.configure(&LANES, Some(GLOBAL)).unwrap();
            let status = survivor.status();
            assert_eq!((status.global.active, status.processes.len()), (0, 1), "step {nth}");
            for (name, limit) in LANES {
                let lane = survivor.lane(name).unwrap();
                let slots: Vec<_> =
                    std::iter::from_fn(|| survivor.try_acquire(lane).ok()).collect();
                assert_eq!(slots.len(), limit as usize, "{name} after step {nth}");
            }
            let (newcomer, opening) = SharedLanes::attach(&path, &LANES, Some(GLOBAL)).unwrap();
            assert_eq!((opening.repaired, opening.changes), (None, Vec::new()), "step {nth}");
            drop(newcomer);
            if whole {
                lived.insert(witnessed, nth - 1);
                break;
            }
        }
    }
    println!("steps died at: {lived:?}");
    assert!(lived.values().all(|steps| *steps > 40), "too few steps to prove anything: {lived:?}");
}
