//! Any history of owners that live, die, and sweep.

use super::*;
use crate::lifecycle::ledger::tests::identity;
use crate::platform::faulty::{Call, Fault, FaultyFileSystem};
use crate::platform::process::fake::FakeProcesses;
use proptest::prelude::*;
use std::collections::BTreeSet;

#[derive(Debug, Clone)]
enum Act {
    Birth,
    Create(usize),
    CreateDirectory(usize),
    Delete(usize, usize),
    /// A process is started, recorded, and may be a recycled number.
    Start(usize, i32),
    /// It ends by itself.
    Exit(i32),
    Kill(usize),
    /// It will die at so many calls of the disk from now.
    Doom(usize, u64),
    Sweep,
    /// A sweep that dies at this call.
    TornSweep(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let owner = 0..4_usize;
    let act = prop_oneof![
        2 => Just(Act::Birth),
        6 => owner.clone().prop_map(Act::Create),
        3 => owner.clone().prop_map(Act::CreateDirectory),
        4 => (owner.clone(), 0..8_usize).prop_map(|(owner, file)| Act::Delete(owner, file)),
        4 => (owner.clone(), 10..16_i32).prop_map(|(owner, pid)| Act::Start(owner, pid)),
        2 => (10..16_i32).prop_map(Act::Exit),
        1 => owner.clone().prop_map(Act::Kill),
        2 => (owner, 1..20_u64).prop_map(|(owner, nth)| Act::Doom(owner, nth)),
        2 => Just(Act::Sweep),
        2 => (1..40_u64).prop_map(Act::TornSweep),
    ];
    proptest::collection::vec(act, 1..80)
}

struct Life {
    owner: Owner,
    fs: Arc<FaultyFileSystem>,
    processes: Vec<(i32, u64)>,
}

#[derive(Default)]
struct World {
    lives: Vec<Life>,
    processes: FakeProcesses,
    /// Running processes that were recorded by owners now dead.
    orphans: Vec<(i32, u64)>,
    /// Running processes nobody recorded.
    strangers: Vec<(i32, u64)>,
}

impl World {
    fn act(&mut self, home: &Home, act: Act) {
        let of = |number: usize| self.lives.get(number.checked_rem(self.lives.len())?);
        match act {
            Act::Birth => {
                let fs = Arc::new(FaultyFileSystem::new());
                let owner = Owner::on(home, fs.clone());
                self.lives.push(Life { owner, fs, processes: Vec::new() });
            }
            Act::Create(number) => {
                if let Some(life) = of(number) {
                    life.owner.files.create_file("file", "", None, WHOLE_PROCESS).ok();
                }
            }
            Act::CreateDirectory(number) => {
                let created = of(number).map(|life| {
                    life.owner.files.create_directory("directory", "", None, WHOLE_PROCESS)
                });
                if let Some(Ok(directory)) = created {
                    std::fs::write(directory.join("inside"), "x").unwrap();
                }
            }
            Act::Delete(number, file) => {
                if let Some(life) = of(number)
                    && let Some(file) = life.owner.files.list().get(file)
                {
                    life.owner.files.delete(&file.path).ok();
                }
            }
            Act::Start(number, pid) => self.start(number, pid),
            Act::Exit(pid) => {
                self.processes.exit(pid);
                let all = self.lives.iter_mut().map(|life| &mut life.processes);
                for list in all.chain([&mut self.orphans, &mut self.strangers]) {
                    list.retain(|process| process.0 != pid);
                }
            }
            Act::Kill(number) => self.bury(number),
            Act::Doom(number, nth) => {
                if let Some(life) = of(number) {
                    life.fs.fail_nth(Call::Any, nth, Fault::Crash);
                }
            }
            Act::Sweep => {
                let report = home.sweep(&self.processes);
                assert_eq!((&report.kept[..], report.garbage > 5), (&[][..], false));
            }
            Act::TornSweep(nth) => {
                let fs = FaultyFileSystem::new();
                fs.fail_nth(Call::Any, nth, Fault::Crash);
                home.sweep_on(&fs, &self.processes);
            }
        }
    }

    fn start(&mut self, number: usize, pid: i32) {
        let count = self.lives.len();
        if count == 0 || self.processes.running(pid).is_some() {
            return;
        }
        self.processes.start(pid, 1);
        let start = self.processes.running(pid).unwrap();
        let life = &mut self.lives[number % count];
        if life.owner.ledger.record_process(identity(pid, start), b"sh").is_ok() {
            life.processes.push((pid, start));
        } else {
            self.strangers.push((pid, start));
        }
    }

    fn bury(&mut self, number: usize) {
        if number < self.lives.len() {
            self.orphans.append(&mut self.lives.remove(number).processes);
        }
    }

    fn bury_the_dead(&mut self) {
        for number in (0..self.lives.len()).rev() {
            if self.lives[number].fs.crashed() {
                self.bury(number);
            }
        }
    }

    /// What lives is there, whatever happened.
    fn check(&self) -> Result<(), TestCaseError> {
        for file in self.lives.iter().flat_map(|life| life.owner.files.list()) {
            prop_assert!(file.path.exists(), "{} of a living owner is gone", file.path.display());
        }
        let held = self.lives.iter().flat_map(|life| &life.processes);
        for (pid, start) in held.chain(&self.strangers) {
            prop_assert_eq!(self.processes.running(*pid), Some(*start), "process {}", pid);
        }
        Ok(())
    }

    /// What is dead is gone, after a whole sweep.
    fn check_dead(&self, home: &Home) -> Result<(), TestCaseError> {
        let lists = self.lives.iter().flat_map(|life| life.owner.files.list());
        let held: BTreeSet<PathBuf> = lists.map(|file| file.path).collect();
        let entries = std::fs::read_dir(&home.files).unwrap();
        let there: BTreeSet<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        prop_assert_eq!(there, held);
        for (pid, start) in &self.orphans {
            prop_assert_ne!(self.processes.running(*pid), Some(*start), "process {}", pid);
        }
        prop_assert!(home.ledger_count() <= self.lives.len());
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn in_any_history_the_dead_leave_nothing_and_the_living_lose_nothing(history in acts()) {
        let home = Home::new();
        let mut world = World::default();
        for act in history.into_iter().chain([Act::Sweep]) {
            let whole = matches!(act, Act::Sweep);
            world.act(&home, act);
            world.bury_the_dead();
            world.check()?;
            if whole {
                world.check_dead(&home)?;
            }
        }
    }
}
