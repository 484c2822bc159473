//! Deaths at every call of the disk, and what a sweep makes of them.

use super::*;
use crate::lifecycle::group::Groups;
use crate::platform::faulty::{Call, Fault, FaultyFileSystem};
use crate::platform::process::fake::FakeProcesses;

/// Fewer calls than this would prove nothing.
const LEAST_CALLS: u64 = 40;

/// Everything an owner does; errors are what its death looks like from within.
fn live(owner: &Owner, home: &Home, fs: &FaultyFileSystem) {
    let groups = Groups::default();
    let group = groups.open(WHOLE_PROCESS).unwrap();
    let files = &owner.files;
    let first = files.create_file("one", "", None, WHOLE_PROCESS);
    let directory = files.create_directory("two", "", None, group);
    if let Ok(directory) = &directory {
        std::fs::create_dir(directory.join("below")).unwrap();
        std::fs::write(directory.join("below/file"), "x").unwrap();
    }
    files.create_file("three", "", None, group).ok();
    let tracked = home.files.join("four");
    let recorded = files.track(&tracked, "", PathKind::File, WHOLE_PROCESS).is_ok();
    // The dead write no files.
    if recorded && !fs.crashed() {
        std::fs::write(&tracked, "x").unwrap();
    }
    if let Ok(first) = first {
        files.delete(&first).ok();
    }
    files.create_file("five", "", None, WHOLE_PROCESS).ok();
    files.delete_group(group, &groups);
    files.create_directory("six", "", None, WHOLE_PROCESS).ok();
    files.cleanup_older_than(Duration::ZERO);
    files.create_file("seven", "", None, WHOLE_PROCESS).ok();
}

fn dies(fs: &Arc<FaultyFileSystem>, what: &str) {
    let home = Home::new();
    let living = Owner::new(&home);
    let held = [living.file(0), living.file(0)];
    let owner = Owner::on(&home, fs.clone());
    live(&owner, &home, fs);
    drop(owner);
    let report = home.sweep(&FakeProcesses::default());
    assert_eq!((report.living, &report.kept[..]), (1, &[][..]), "{what}");
    assert_eq!((home.file_count(), home.ledger_count()), (2, 1), "{what}");
    assert!(held.iter().all(|path| path.exists()), "{what}");
}

#[test]
fn a_death_at_any_call_of_the_disk_leaves_nothing_and_touches_nobody() {
    for nth in 1.. {
        let fs = Arc::new(FaultyFileSystem::new());
        fs.fail_nth(Call::Any, nth, Fault::Crash);
        dies(&fs, &format!("killed at call {nth}"));
        if !fs.crashed() {
            assert!(nth > LEAST_CALLS, "{nth}");
            return;
        }
    }
}

#[test]
fn a_death_after_any_few_bytes_of_any_record_leaves_nothing_and_touches_nobody() {
    for bytes in [1, 3, 5, 6, 7, 8, 20, 40] {
        for nth in 1.. {
            let fs = Arc::new(FaultyFileSystem::new());
            // The write takes these bytes, and the one for the rest does not happen.
            fs.fail_nth(Call::WriteAt, nth, Fault::Short(bytes));
            fs.fail_nth(Call::WriteAt, nth + 1, Fault::Crash);
            dies(&fs, &format!("killed after {bytes} bytes of write {nth}"));
            if !fs.crashed() {
                assert!(nth > 10, "{nth}");
                break;
            }
        }
    }
}

#[test]
fn an_error_at_any_call_of_the_disk_leaves_nothing_after_the_end() {
    for errno in [libc::EIO, libc::ENOSPC, libc::EACCES, libc::EMFILE] {
        for nth in 1.. {
            let fs = Arc::new(FaultyFileSystem::new());
            fs.fail_nth(Call::Any, nth, Fault::Error(errno));
            let home = Home::new();
            let owner = Owner::on(&home, fs.clone());
            live(&owner, &home, &fs);
            let calls = fs.count(Call::Any);
            owner.files.delete_all();
            owner.files.delete_all();
            assert_eq!(home.file_count(), 0, "errno {errno} at call {nth}");
            assert_eq!(owner.ledger.stats().records, 0, "errno {errno} at call {nth}");
            if calls < nth {
                assert!(nth > LEAST_CALLS, "{nth}");
                break;
            }
        }
    }
}
