//! What strangers do to files.

use super::*;
use crate::budget::refusal::Refusal;
use crate::budget::shared::segment::{LENGTH, identity};
use crate::platform::faulty::{Call, Fault, FaultyFileSystem};
use proptest::prelude::*;
use std::fs::OpenOptions;

fn cut(path: &Path, length: u64) {
    OpenOptions::new().write(true).open(path).unwrap().set_len(length).unwrap();
}

#[test]
fn what_is_no_segment_is_refused_and_left_as_it_is() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("lanes");
    let mut zeros_but_one = vec![0; LENGTH];
    zeros_but_one[20] = 1;
    for foreign in [
        b"SQLite format 3\0".to_vec(),
        b"x".to_vec(),
        vec![0; 100],
        vec![0xff; 70_000],
        zeros_but_one,
    ] {
        std::fs::write(&path, &foreign).unwrap();
        let error = SharedLanes::attach(&path, &[("a", 1)], None).err().unwrap();
        assert_eq!(error.code(), UNSUPPORTED_SEGMENT, "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), foreign);
    }
    let mut newer = identity().to_vec();
    newer[8] = 2;
    newer.resize(LENGTH, 0);
    std::fs::write(&path, &newer).unwrap();
    let error = SharedLanes::attach(&path, &[("a", 1)], None).err().unwrap();
    assert!(matches!(error, SharedError::Version { version: 2, .. }), "{error}");
    assert_eq!(error.code(), UNSUPPORTED_SEGMENT);
    assert_eq!(std::fs::read(&path).unwrap(), newer);
}

#[test]
fn an_empty_file_becomes_a_segment() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("lanes");
    std::fs::write(&path, b"").unwrap();
    let (lanes, opening) = SharedLanes::attach(&path, &[("a", 1)], None).unwrap();
    assert_eq!((opening.fresh, opening.repaired), (true, None));
    drop(lanes.try_acquire(lanes.lane("a").unwrap()).unwrap());
}

#[cfg(unix)]
#[test]
fn the_file_is_private_and_no_link_is_followed() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("lanes");
    drop(attach(&path, &[("a", 1)], None));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let link = home.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for path in [link, home.path().to_owned()] {
        let error = SharedLanes::attach(&path, &[("a", 1)], None).err().unwrap();
        assert_eq!(error.code(), OPEN, "{error}");
        assert!(error.cause().is_some());
    }
}

#[test]
fn a_full_disk_is_an_error_when_attaching_and_never_later() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("lanes");
    let fs = Arc::new(FaultyFileSystem::new());
    fs.fail_nth(Call::Reserve, 1, Fault::Error(libc::ENOSPC));
    let clock = Arc::new(HastyClock::default());
    let error = SharedLanes::attach_with(Arc::clone(&fs) as _, clock, &path, &[("a", 1)], None)
        .err()
        .unwrap();
    assert_eq!((error.code(), error.cause().as_deref()), (OPEN, Some("ENOSPC")), "{error}");
    drop(attach(&path, &[("a", 1)], None));
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        assert!(std::fs::metadata(&path).unwrap().blocks() * 512 >= LENGTH as u64);
    }
}

#[test]
fn every_failing_call_of_the_disk_is_an_error_and_the_next_attempt_succeeds() {
    for nth in 1.. {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("lanes");
        let fs = Arc::new(FaultyFileSystem::new());
        fs.fail_nth(Call::Any, nth, Fault::Error(libc::EIO));
        let clock = Arc::new(HastyClock::default());
        let attached =
            SharedLanes::attach_with(Arc::clone(&fs) as _, clock, &path, &[("a", 1)], None);
        let struck = fs.count(Call::Any) >= nth;
        match attached {
            Ok((lanes, _)) => {
                lanes.sweep();
                drop(lanes.try_acquire(lanes.lane("a").unwrap()).unwrap());
            }
            Err(error) => assert_eq!(error.code(), OPEN, "{error}"),
        }
        fs.heal();
        let after = attach(&path, &[("a", 1)], None);
        drop(after.try_acquire(after.lane("a").unwrap()).unwrap());
        if !struck {
            assert!(nth > 5, "{nth}");
            return;
        }
    }
}

#[test]
fn a_file_cut_under_two_processes_is_taken_up_again_with_what_they_hold() {
    for length in [0, 1, 11, 24, 100, 4096, LENGTH as u64 - 1] {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("lanes");
        let lanes = [(); 2].map(|()| attach(&path, &[("a", 3), ("b", 1)], Some(4)));
        let [mut one, other] = lanes
            .each_ref()
            .map(|lanes| vec![lanes.try_acquire(lanes.lane("a").unwrap()).unwrap()]);
        one.push(lanes[0].try_acquire(lanes[0].lane("b").unwrap()).unwrap());
        cut(&path, length);
        let lane = lanes[0].lane("a").unwrap();
        assert_eq!(lanes[0].try_acquire(lane).err(), Some(Refusal::SharedUnavailable));
        assert_eq!(lanes[0].status().lost, Some(Loss::Cut));
        one.pop();
        assert!(lanes.iter().all(|lanes| lanes.sweep().reattached), "cut to {length}");
        assert!(lanes.iter().all(|lanes| lanes.sweep() == Sweep::default()), "cut to {length}");
        let status = lanes[1].status();
        assert_eq!((status.global.active, status.global.limit), (2, 4));
        assert_eq!((active(&lanes[1], "a"), active(&lanes[1], "b")), (2, 0));
        let last = lanes[0].try_acquire(lane).unwrap();
        assert_eq!(lanes[1].try_acquire(lane).err(), Some(Refusal::LaneFull));
        drop((one, other, last));
        assert_eq!(lanes[0].status().global.active, 0);
        assert_eq!(lanes[0].status().processes.len(), 2);
    }
}

#[test]
fn a_file_removed_or_replaced_is_left_for_the_one_at_the_path() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("deeper/lanes");
    let lanes = [(); 2].map(|()| attach(&path, &[("a", 2)], None));
    let slots = lanes.each_ref().map(|lanes| lanes.try_acquire(lanes.lane("a").unwrap()).unwrap());
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    assert!(lanes.iter().all(|lanes| lanes.sweep().reattached));
    let lane = lanes[0].lane("a").unwrap();
    assert_eq!(lanes[0].try_acquire(lane).err(), Some(Refusal::LaneFull));
    // Replaced by rename: the old file keeps a name, so only the path tells.
    std::fs::rename(&path, home.path().join("aside")).unwrap();
    let newcomer = attach(&path, &[("a", 2)], None);
    assert!(lanes.iter().all(|lanes| lanes.sweep().reattached));
    assert_eq!(active(&newcomer, "a"), 2);
    drop(slots);
    assert_eq!(active(&newcomer, "a"), 0);
    assert_eq!(newcomer.status().processes.len(), 3);
}

#[test]
fn a_strangers_file_at_the_path_is_never_overwritten_and_the_reason_is_told() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("lanes");
    let lanes = attach(&path, &[("a", 2)], None);
    let slot = lanes.try_acquire(lanes.lane("a").unwrap()).unwrap();
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "notes").unwrap();
    assert!(!lanes.sweep().reattached);
    let status = lanes.status();
    assert_eq!(status.lost, Some(Loss::Removed));
    assert!(status.failure.unwrap().contains("not a segment"));
    assert_eq!(std::fs::read(&path).unwrap(), b"notes");
    std::fs::remove_file(&path).unwrap();
    assert!(lanes.sweep().reattached);
    assert_eq!((active(&lanes, "a"), lanes.status().failure), (1, None));
    drop(slot);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Anything is written anywhere into the segment while three processes use it.
    #[test]
    fn no_garbage_in_a_segment_crashes_anybody_or_outlives_two_sweeps(
        words in proptest::collection::vec(
            (0..LENGTH / 8, prop_oneof![Just(u64::MAX), Just(0), any::<u64>()]), 1..40),
        head in any::<bool>(),
    ) {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("lanes");
        let lanes = [(); 3].map(|()| attach_hastily(&path, &[("a", 2), ("b", 2)], Some(3)));
        let first = lanes[0].try_acquire(lanes[0].lane("a").unwrap()).unwrap();
        let attachment = lanes[0].attachment();
        for (at, word) in &words {
            // The first words decide most; half of the cases strike there.
            let at = if head { at % 64 } else { *at };
            attachment.segment_unchecked().mapping().word(8 * at).store(*word, Ordering::SeqCst);
        }
        drop(attachment);
        for lanes in &lanes {
            for name in ["a", "b"] {
                drop(lanes.try_acquire(lanes.lane(name).unwrap()));
            }
            assert!(lanes.status().processes.len() <= MAX_PROCESSES);
        }
        // The first notices, the second round lets each of them take up what the others repaired.
        for _ in 0..3 {
            for lanes in &lanes {
                lanes.sweep();
            }
        }
        if let Some(failure) = lanes[0].status().failure {
            // The first twelve bytes are gone: this is no file of ours any more.
            prop_assert!(
                failure.contains("is not a segment") || failure.contains("is a segment of version"),
                "{failure}"
            );
            return Ok(());
        }
        let status = lanes[2].status();
        prop_assert_eq!((status.global.active, status.lost), (1, None));
        let second = lanes[1].try_acquire(lanes[1].lane("a").unwrap()).unwrap();
        prop_assert_eq!(lanes[2].try_acquire(lanes[2].lane("a").unwrap()).err(), Some(Refusal::LaneFull));
        let third = lanes[2].try_acquire(lanes[2].lane("b").unwrap()).unwrap();
        prop_assert_eq!(lanes[2].try_acquire(lanes[2].lane("b").unwrap()).err(), Some(Refusal::GlobalFull));
        drop((first, second, third));
        prop_assert_eq!(lanes[2].status().global.active, 0);
        prop_assert_eq!(lanes[2].status().processes.len(), 3);
    }
}
