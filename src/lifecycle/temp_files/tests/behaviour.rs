//! What creating, registering and removing promise.

use super::*;
use crate::lifecycle::group::Groups;
use crate::platform::faulty::{Call, Fault, FaultyFileSystem};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn what_is_created_is_private_empty_recorded_and_of_a_name_of_its_own() {
    let home = Home::new();
    let owner = Owner::new(&home);
    owner.clock.pass(5);
    let file = owner.file(7);
    let directory = owner.files.create_directory("test", "more", None, 8).unwrap();
    assert_eq!((mode(&file), mode(&directory)), (0o600, 0o700));
    assert_eq!(fs::metadata(&file).unwrap().len(), 0);
    assert_ne!(file, directory);
    let name = file.file_name().unwrap().to_str().unwrap();
    let start = format!("test-{}-", std::process::id());
    assert!(name.starts_with(&start) && name.len() == start.len() + 16, "{name}");
    let listed = owner.files.list();
    assert_eq!(
        listed[0],
        TempFile {
            path: file,
            kind: PathKind::File,
            purpose: "a test".to_owned(),
            created_ms: 1_000_005,
            group: 7,
        }
    );
    assert_eq!((listed.len(), listed[1].kind, listed[1].group), (2, PathKind::Directory, 8));
    assert_eq!(owner.ledger.stats().records, 2);
}

#[test]
fn another_directory_may_be_named_and_nothing_is_created_where_there_is_none() {
    let home = Home::new();
    let owner = Owner::new(&home);
    let other = home.root.path().join("other");
    let missing = owner.files.create_file("a", "", Some(&other), 0).unwrap_err();
    assert_eq!(missing.code(), "ERR_PLIMSOLL_OPEN");
    assert!(missing.to_string().contains("other/a-"), "{missing}");
    fs::create_dir(&other).unwrap();
    let path = owner.files.create_file("a", "", Some(&other), 0).unwrap();
    assert_eq!(path.parent(), Some(&*other));
    let relative = owner.files.create_file("a", "", Some(Path::new("b")), 0).unwrap_err();
    assert_eq!(relative.code(), "ERR_PLIMSOLL_ARGUMENT");
    assert_eq!((owner.files.list().len(), owner.ledger.stats().records), (1, 1));
}

#[test]
fn a_prefix_is_a_part_of_a_name_and_nothing_else() {
    let home = Home::new();
    let owner = Owner::new(&home);
    let long = "x".repeat(MOST_PREFIX + 1);
    for prefix in ["a/b", "/", "a\\b", "..", "a..b", "a\0", &long] {
        let refused = owner.files.create_file(prefix, "", None, 0).unwrap_err();
        assert_eq!(refused.code(), "ERR_PLIMSOLL_ARGUMENT", "{prefix:?}");
    }
    assert!(is_empty(&owner.ledger.stats()));
    for prefix in ["", ".", "a b", "ü\n", &long[1..]] {
        let path = owner.files.create_file(prefix, "", None, 0).unwrap();
        assert!(path.to_str().unwrap().contains(&format!("{prefix}-")), "{prefix:?}");
    }
}

#[test]
fn deleting_is_done_once_and_may_be_said_again() {
    let home = Home::new();
    let owner = Owner::new(&home);
    let directory = owner.files.create_directory("test", "", None, 0).unwrap();
    fs::write(directory.join("inside"), "x").unwrap();
    for path in [owner.file(0), directory] {
        owner.files.delete(&path).unwrap();
        assert!(!path.exists());
        owner.files.delete(&path).unwrap();
    }
    let gone = owner.file(0);
    fs::remove_file(&gone).unwrap();
    owner.files.delete(&gone).unwrap();
    let stats = owner.files.stats();
    assert_eq!((stats.registered, stats.removed, stats.already_gone), (0, 2, 1));
    assert_eq!((stats.created, stats.most_registered), (3, 2));
    assert!(is_empty(&owner.ledger.stats()));
}

#[test]
fn a_path_that_is_not_registered_is_removed_if_it_is_a_file_and_left_if_a_directory() {
    let home = Home::new();
    let owner = Owner::new(&home);
    let (file, directory) = (home.files.join("file"), home.files.join("directory"));
    fs::write(&file, "").unwrap();
    fs::create_dir(&directory).unwrap();
    owner.files.delete(&file).unwrap();
    let kept = owner.files.delete(&directory).unwrap_err();
    assert_eq!(kept.code(), "ERR_PLIMSOLL_WRITE");
    assert!(!file.exists() && directory.exists());
}

#[test]
fn a_path_that_became_a_link_is_removed_and_what_it_points_to_stays() {
    let home = Home::new();
    let owner = Owner::new(&home);
    let treasure = home.root.path().join("treasure");
    fs::create_dir(&treasure).unwrap();
    let file = owner.file(0);
    fs::remove_file(&file).unwrap();
    symlink(&treasure, &file).unwrap();
    let directory = owner.files.create_directory("test", "", None, 0).unwrap();
    fs::remove_dir(&directory).unwrap();
    symlink(&treasure, &directory).unwrap();
    assert_eq!(owner.files.delete_all().count, 2);
    assert_eq!((home.file_count(), treasure.exists()), (0, true));
}

#[test]
fn cleaning_up_takes_what_is_old_enough_and_with_zero_everything() {
    let home = Home::new();
    let owner = Owner::new(&home);
    let old = owner.file(0);
    owner.clock.pass(1000);
    let young = owner.file(0);
    assert_eq!(owner.files.cleanup_older_than(Duration::from_millis(1001)), Removed::default());
    assert_eq!(owner.files.cleanup_older_than(Duration::from_millis(1000)).count, 1);
    assert!(!old.exists() && young.exists());
    let gone = owner.file(0);
    fs::remove_file(gone).unwrap();
    assert_eq!(owner.files.cleanup_older_than(Duration::ZERO).count, 1);
    assert_eq!((owner.files.list(), home.file_count()), (Vec::new(), 0));
}

#[test]
fn a_group_takes_what_is_within_it_and_nothing_else() {
    let home = Home::new();
    let owner = Owner::new(&home);
    let groups = Groups::default();
    let outer = groups.open(WHOLE_PROCESS).unwrap();
    let inner = groups.open(outer).unwrap();
    let other = groups.open(WHOLE_PROCESS).unwrap();
    let [in_outer, in_inner, in_other, in_none] =
        [outer, inner, other, WHOLE_PROCESS].map(|group| owner.file(group));
    assert_eq!(owner.files.delete_group(outer, &groups).count, 2);
    assert_eq!(
        [in_outer, in_inner, in_other, in_none].map(|path| path.exists()),
        [false, false, true, true]
    );
    assert_eq!(owner.files.delete_group(outer, &groups), Removed::default());
    assert_eq!(owner.files.delete_all().count, 2);
    assert!(is_empty(&owner.ledger.stats()));
}

#[test]
fn what_others_made_is_registered_recorded_and_removed_and_may_change_its_scope() {
    let home = Home::new();
    let owner = Owner::new(&home);
    let path = home.files.join("of the user");
    fs::write(&path, "").unwrap();
    owner.files.track(&path, "one", PathKind::File, 1).unwrap();
    owner.files.track(&path, "two", PathKind::File, 2).unwrap();
    let listed = owner.files.list();
    assert_eq!((listed.len(), listed[0].purpose.as_str(), listed[0].group), (1, "two", 2));
    assert_eq!((owner.ledger.stats().written, owner.files.stats().tracked), (1, 1));
    let relative = owner.files.track(Path::new("a"), "", PathKind::File, 0).unwrap_err();
    assert_eq!(relative.code(), "ERR_PLIMSOLL_ARGUMENT");
    let long = home.files.join("x".repeat(4096));
    let long = owner.files.track(&long, "", PathKind::File, 0).unwrap_err();
    assert_eq!(long.code(), "ERR_PLIMSOLL_ARGUMENT");
    assert_eq!(owner.files.delete_all().count, 1);
    assert!(is_empty(&owner.ledger.stats()));
}

#[test]
fn what_cannot_be_removed_stays_registered_and_is_told() {
    let home = Home::new();
    let fs = Arc::new(FaultyFileSystem::new());
    let owner = Owner::on(&home, fs.clone());
    let (path, other) = (owner.file(0), owner.file(0));
    fs.fail_nth(Call::Remove, 2, Fault::Error(libc::EBUSY));
    let removed = owner.files.delete_all();
    assert_eq!((removed.count, removed.kept.len(), removed.kept[0].path == path), (1, 1, true));
    assert!(removed.kept[0].reason.contains("busy"), "{removed:?}");
    assert!(path.exists() && !other.exists());
    assert_eq!((owner.files.list().len(), owner.ledger.stats().records), (1, 1));
    fs.fail_nth(Call::Remove, 1, Fault::Error(libc::EBUSY));
    let failed = owner.files.delete(&path).unwrap_err();
    assert_eq!((failed.code(), owner.files.stats().failures), ("ERR_PLIMSOLL_WRITE", 2));
    owner.files.delete(&path).unwrap();
    assert!(is_empty(&owner.ledger.stats()));
}

#[test]
fn with_a_full_ledger_disk_nothing_is_created_and_it_is_said_why() {
    let home = Home::new();
    let fs = Arc::new(FaultyFileSystem::new());
    let owner = Owner::on(&home, fs.clone());
    owner.file(0);
    fs.limit_space(0);
    for _ in 0..3 {
        let full = owner.files.create_file("a", "", None, 0).unwrap_err();
        assert_eq!(full.code(), "ERR_PLIMSOLL_WRITE");
        assert!(full.to_string().contains("make room on its disk"), "{full}");
        owner.files.track(&home.files.join("b"), "", PathKind::File, 0).unwrap_err();
    }
    assert_eq!((home.file_count(), owner.files.list().len()), (1, 1));
    fs.heal();
    owner.file(0);
}

#[test]
fn on_a_full_disk_for_files_nothing_stays_recorded() {
    let home = Home::new();
    let fs = Arc::new(FaultyFileSystem::new());
    let owner = Owner::on(&home, fs.clone());
    owner.file(0);
    for (call, directory) in [(Call::CreateNew, false), (Call::CreateNewDirectory, true)] {
        fs.fail_nth(call, 1, Fault::Error(libc::ENOSPC));
        let full = if directory {
            owner.files.create_directory("a", "", None, 0)
        } else {
            owner.files.create_file("a", "", None, 0)
        };
        let full = full.unwrap_err();
        assert_eq!(full.code(), "ERR_PLIMSOLL_OPEN");
        assert!(full.to_string().contains("No space left"), "{full}");
    }
    assert_eq!((home.file_count(), owner.ledger.stats().records), (1, 1));
}

#[test]
fn a_name_that_is_taken_is_not_touched_and_another_one_is_tried_some_times() {
    let home = Home::new();
    let fs = Arc::new(FaultyFileSystem::new());
    let owner = Owner::on(&home, fs.clone());
    owner.file(0);
    fs.fail_nth(Call::CreateNew, 1, Fault::Error(libc::EEXIST));
    owner.file(0);
    fs.fail_from(Call::CreateNew, 1, Fault::Error(libc::EEXIST));
    let before = fs.count(Call::CreateNew);
    let taken = owner.files.create_file("a", "", None, 0).unwrap_err();
    assert_eq!(taken.code(), "ERR_PLIMSOLL_OPEN");
    assert_eq!(fs.count(Call::CreateNew) - before, u64::from(TRIES));
    assert_eq!((owner.files.list().len(), owner.ledger.stats().records), (2, 2));
}

#[test]
fn without_a_ledger_work_goes_on_and_it_is_counted() {
    let home = Home::new();
    fs::create_dir_all(&home.ledgers).unwrap();
    fs::set_permissions(&home.ledgers, PermissionsExt::from_mode(0o777)).unwrap();
    let owner = Owner::new(&home);
    let path = owner.file(0);
    owner.files.track(&home.files.join("b"), "", PathKind::File, 0).unwrap();
    assert_eq!((owner.files.stats().unrecorded, owner.ledger.stats().unrecorded), (2, 2));
    assert_eq!((owner.files.delete_all().count, path.exists()), (1, false));
}

#[test]
fn one_file_too_many_is_refused_and_counted() {
    let home = Home::new();
    let owner = Owner::new(&home);
    for number in 0..MOST_FILES {
        let path = home.files.join(number.to_string());
        owner.files.track(&path, "", PathKind::File, 0).unwrap();
    }
    let full = owner.files.create_file("a", "", None, 0).unwrap_err();
    assert_eq!(full.code(), "ERR_PLIMSOLL_OVERFLOW");
    let stats = owner.files.stats();
    assert_eq!((stats.refused, stats.registered, home.file_count()), (1, MOST_FILES, 0));
    assert_eq!(owner.files.delete_all(), Removed::default());
    assert_eq!(owner.files.stats().already_gone as usize, MOST_FILES);
    owner.file(0);
}

#[test]
fn a_long_purpose_is_cut_at_a_character() {
    let home = Home::new();
    let owner = Owner::new(&home);
    let purpose = format!("x{}", "ü".repeat(MOST_PURPOSE));
    owner.files.create_file("a", &purpose, None, 0).unwrap();
    assert_eq!(owner.files.list()[0].purpose.len(), MOST_PURPOSE - 1);
}

#[test]
fn a_file_whose_scope_ends_while_it_is_created_is_removed_again() {
    for nth in 1.. {
        let home = Home::new();
        let fs = Arc::new(FaultyFileSystem::new());
        let owner = Arc::new(Owner::on(&home, fs.clone()));
        let other = Arc::downgrade(&owner);
        fs.before_nth(nth, move || {
            if let Some(owner) = other.upgrade() {
                owner.files.delete_group(5, &Groups::default());
            }
        });
        let created = owner.files.create_file("a", "", None, 5);
        if !fs.has_acted() {
            assert!(nth > 5 && created.is_ok(), "{nth}");
            return;
        }
        assert_eq!(created.unwrap_err().code(), "ERR_PLIMSOLL_CLOSED", "{nth}");
        assert_eq!((home.file_count(), owner.files.list().len()), (0, 0), "{nth}");
        assert!(is_empty(&owner.ledger.stats()), "{nth}");
    }
}
