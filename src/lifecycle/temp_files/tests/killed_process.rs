//! A process of its own that is killed while it creates and deletes.

use super::*;
use crate::lifecycle::ledger::sweep::sweep_directory;
use crate::platform::process::SystemProcesses;
use std::io::{Read, Write};
use std::process::{Child, ChildStderr, Command, Stdio};

const STARTED: &str = "PLIMSOLL_TEST_TEMP_FILES";
/// It says a dot each round.
const OWNER: &str = "lifecycle::temp_files::tests::killed_process::a_process_that_is_killed";
const DEATHS: u64 = 200;

#[test]
#[ignore = "the process that is killed in the test below"]
fn a_process_that_is_killed() {
    let Some(root) = std::env::var_os(STARTED).map(PathBuf::from) else {
        return println!("left out: {STARTED} is not set, nobody started this process to kill it");
    };
    let fs: Arc<dyn FileSystem> = Arc::new(RealFileSystem);
    let ledger = Arc::new(Ledger::open(Arc::clone(&fs), Ok(root.join("state/ledger"))));
    let clock = Arc::new(Standing::default());
    let files = TempFiles::new(fs, ledger, clock, root.join("files"));
    // Ends when nobody listens any more, should the test have died.
    while std::io::stderr().write_all(b".").is_ok() {
        let directory = files.create_directory("directory", "", None, WHOLE_PROCESS).unwrap();
        std::fs::create_dir(directory.join("below")).unwrap();
        std::fs::write(directory.join("below/file"), "x").unwrap();
        let file = files.create_file("file", "", None, WHOLE_PROCESS).unwrap();
        if files.list().len() > 20 {
            files.delete_all();
        }
        files.delete(&file).unwrap();
    }
}

/// The process above, killed with this value at the latest.
struct Doomed(Child, ChildStderr);

impl Doomed {
    fn start(root: &Path) -> Doomed {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", OWNER, "--ignored", "--nocapture"]).env(STARTED, root);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = child.stderr.take().unwrap();
        Doomed(child, said)
    }

    /// Waits for so many rounds of it.
    fn watch(&mut self, rounds: usize) {
        let mut said = vec![0; rounds];
        self.1.read_exact(&mut said).unwrap();
        assert!(said.iter().all(|byte| *byte == b'.'), "{}", String::from_utf8_lossy(&said));
    }
}

impl Drop for Doomed {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn two_hundred_processes_killed_while_they_create_and_delete_leave_nothing() {
    let home = Home::new();
    let living = Owner::new(&home);
    let held = living.file(WHOLE_PROCESS);
    let mut left = 0;
    for _ in 0..DEATHS {
        let mut doomed = Doomed::start(home.root.path());
        // Somewhere within one of its rounds, but not the first, which begins the ledger.
        doomed.watch(2 + (random() % 30) as usize);
        for spin in 0..random() % 100_000 {
            std::hint::black_box(spin);
        }
        drop(doomed);
        left += home.file_count() - 1;
        let report = sweep_directory(&RealFileSystem, &SystemProcesses, &home.ledgers);
        assert_eq!((report.ledgers, report.living, &report.kept[..]), (1, 1, &[][..]));
        assert_eq!((home.file_count(), home.ledger_count()), (1, 1));
    }
    assert!(held.exists());
    assert!(left > 0, "no death ever left anything to sweep");
}
