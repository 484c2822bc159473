use super::super::compress::{Outcome, compress_archive};
use super::super::error::ArchiveError;
use super::super::leftovers::finish_leftovers;
use super::*;
use crate::platform::faulty::{Call, Fault, FaultyFileSystem};
use std::sync::atomic::AtomicBool;

const KINDS: [Compression; 2] = [Compression::Gzip, Compression::Zstd];

fn compress(
    fs: &dyn FileSystem,
    home: &Home,
    name: &str,
    compression: Compression,
) -> Result<Outcome, ArchiveError> {
    compress_archive(fs, &home.paths, name, compression, &GO_ON)
}

#[test]
fn an_archive_of_any_size_comes_back_byte_for_byte() {
    for compression in KINDS {
        for size in [0, 1, 1 << 20, (1 << 20) + 1, 3_500_000] {
            let home = Home::new();
            let name = home.name(0);
            let contents = lines(size)[..size].to_vec();
            home.put(&name, &contents);
            let outcome = compress(&RealFileSystem, &home, &name, compression).unwrap();
            let compressed = suffixed(&name, compression);
            let bytes_out = home.path(&compressed).metadata().unwrap().len();
            assert_eq!(outcome, Outcome::Compressed { bytes_in: size as u64, bytes_out });
            assert_eq!(home.names(), std::slice::from_ref(&compressed));
            assert!(home.contents(&compressed).unwrap() == contents, "{compression:?} {size}");
        }
    }
}

#[test]
fn a_gzip_archive_is_made_of_members_of_one_mebibyte() {
    let home = Home::new();
    let contents = lines(2_500_000);
    home.put(&home.name(0), &contents);
    compress(&RealFileSystem, &home, &home.name(0), Compression::Gzip).unwrap();
    let file = std::fs::read(home.path(&suffixed(&home.name(0), Compression::Gzip))).unwrap();
    let mut rest = &file[..];
    let mut members = Vec::new();
    while !rest.is_empty() {
        let mut member = Vec::new();
        let mut decoder = flate2::bufread::GzDecoder::new(rest);
        decoder.read_to_end(&mut member).unwrap();
        rest = decoder.into_inner();
        members.push(member.len());
    }
    assert_eq!(members, [1 << 20, 1 << 20, contents.len() - (2 << 20)]);
}

#[test]
fn the_compressed_file_has_the_permissions_of_the_plain_one() {
    use std::os::unix::fs::PermissionsExt;
    let home = Home::new();
    home.put(&home.name(0), b"{}\n");
    let plain = home.path(&home.name(0));
    std::fs::set_permissions(&plain, std::fs::Permissions::from_mode(0o640)).unwrap();
    compress(&RealFileSystem, &home, &home.name(0), Compression::Gzip).unwrap();
    let compressed = home.path(&suffixed(&home.name(0), Compression::Gzip));
    assert_eq!(compressed.metadata().unwrap().permissions().mode() & 0o777, 0o640);
}

/// Whatever happened: the lines are there, in a plain archive or in a compressed one, and every file
/// under a compressed archive's name is whole.
fn assert_complete_or_absent(home: &Home, name: &str, contents: &[u8], when: &str) {
    let plain = home.path(name).exists();
    let mut whole = plain;
    if plain {
        assert!(std::fs::read(home.path(name)).unwrap() == contents, "plain, {when}");
    }
    for compression in KINDS {
        let compressed = suffixed(name, compression);
        if home.path(&compressed).exists() {
            assert!(home.contents(&compressed).unwrap() == contents, "{compression:?}, {when}");
            whole = true;
        }
    }
    assert!(whole, "{when}: the archive is gone");
}

fn number_of_calls(contents: &[u8], compression: Compression) -> u64 {
    let home = Home::new();
    home.put(&home.name(0), contents);
    let fs = FaultyFileSystem::new();
    compress(&fs, &home, &home.name(0), compression).unwrap();
    fs.count(Call::Any)
}

#[test]
fn a_death_at_any_call_leaves_whole_archives_and_the_next_start_finishes() {
    let contents = lines(1_200_000);
    for compression in KINDS {
        let calls = number_of_calls(&contents, compression);
        assert!(calls > 12, "{calls}");
        for nth in 1..=calls {
            let home = Home::new();
            let name = home.name(0);
            home.put(&name, &contents);
            let fs = FaultyFileSystem::new();
            fs.fail_nth(Call::Any, nth, Fault::Crash);
            compress(&fs, &home, &name, compression).unwrap_err();
            let when = format!("{compression:?} died at call {nth} of {calls}");
            assert_complete_or_absent(&home, &name, &contents, &when);
            let left = finish_leftovers(&RealFileSystem, &home.paths, compression, &GO_ON);
            assert!(left.error.is_none(), "{when}: {:?}", left.error);
            assert_eq!(home.names(), [suffixed(&name, compression)], "{when}");
            assert_complete_or_absent(&home, &name, &contents, &when);
        }
    }
}

#[test]
fn a_failure_of_any_call_is_told_and_tidied_up() {
    let contents = lines(1_200_000);
    for compression in KINDS {
        for nth in 1..=number_of_calls(&contents, compression) {
            let home = Home::new();
            let name = home.name(0);
            home.put(&name, &contents);
            let fs = FaultyFileSystem::new();
            fs.fail_nth(Call::Any, nth, Fault::Error(libc::EIO));
            let error = compress(&fs, &home, &name, compression).unwrap_err();
            assert!(error.to_string().contains("(os error 5)"), "{error}");
            assert_complete_or_absent(&home, &name, &contents, &error.to_string());
            let temporaries = home.names().iter().filter(|name| name.ends_with(".tmp")).count();
            assert_eq!(temporaries, 0, "{error}");
            assert!(home.path(&name).exists(), "{error}");
        }
    }
}

#[test]
fn a_full_disk_keeps_the_plain_archive_and_ends_the_round() {
    let home = Home::new();
    let contents = lines(3_000_000);
    for ms in 0..3 {
        home.put(&home.name(ms), &contents);
    }
    let fs = FaultyFileSystem::new();
    fs.limit_space(100_000);
    let left = finish_leftovers(&fs, &home.paths, Compression::Gzip, &GO_ON);
    assert!(left.error.unwrap().is_disk_full());
    assert_eq!((left.compressed, left.failed), (0, 1));
    assert_eq!(home.names(), [home.name(0), home.name(1), home.name(2)]);
    assert_eq!(fs.count(Call::CreateNew), 1, "a full disk was tried again");
}

#[test]
fn short_writes_and_interruptions_change_nothing() {
    for compression in KINDS {
        let home = Home::new();
        let contents = lines(1_200_000);
        home.put(&home.name(0), &contents);
        let fs = FaultyFileSystem::new();
        fs.fail_from(Call::Write, 2, Fault::Short(777));
        fs.fail_nth(Call::Write, 1, Fault::Error(libc::EINTR));
        fs.fail_nth(Call::Read, 1, Fault::Error(libc::EINTR));
        compress(&fs, &home, &home.name(0), compression).unwrap();
        let compressed = suffixed(&home.name(0), compression);
        assert!(home.contents(&compressed).unwrap() == contents);
    }
}

#[test]
fn an_archive_somebody_else_compresses_is_left_to_him_with_his_temporary_file() {
    let home = Home::new();
    let name = home.name(0);
    home.put(&name, b"{}\n");
    let temporary = home.paths.temporary(&suffixed(&name, Compression::Gzip));
    std::fs::write(&temporary, b"half").unwrap();
    let other = RealFileSystem.open_read(&home.path(&name)).unwrap();
    assert!(RealFileSystem.try_lock(&other).unwrap());
    let busy = compress(&RealFileSystem, &home, &name, Compression::Gzip).unwrap();
    assert_eq!(busy, Outcome::Busy);
    let left = finish_leftovers(&RealFileSystem, &home.paths, Compression::Gzip, &GO_ON);
    assert_eq!((left.busy, left.temporaries), (1, 0));
    assert!(temporary.exists());
    drop(other);
    let left = finish_leftovers(&RealFileSystem, &home.paths, Compression::Gzip, &GO_ON);
    assert_eq!((left.compressed, left.temporaries), (1, 1));
    assert_eq!(home.names(), [suffixed(&name, Compression::Gzip)]);
}

#[test]
fn many_at_once_make_one_whole_archive() {
    let home = Home::new();
    let name = home.name(0);
    let contents = lines(2_000_000);
    home.put(&name, &contents);
    let compressed = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..6)
            .map(|_| {
                scope.spawn(|| compress(&RealFileSystem, &home, &name, Compression::Gzip).unwrap())
            })
            .collect();
        let outcomes = workers.into_iter().map(|worker| worker.join().unwrap());
        outcomes.filter(|outcome| matches!(outcome, Outcome::Compressed { .. })).count()
    });
    assert_eq!(compressed, 1);
    assert_eq!(home.names(), [suffixed(&name, Compression::Gzip)]);
    assert!(home.contents(&home.names()[0]).unwrap() == contents);
}

#[test]
fn a_plain_archive_beside_its_compressed_self_goes_even_with_compression_off() {
    for (made, wanted) in [
        (Compression::Gzip, Compression::None),
        (Compression::Gzip, Compression::Zstd),
        (Compression::Zstd, Compression::Gzip),
    ] {
        let home = Home::new();
        let name = home.name(0);
        let contents = lines(200_000);
        home.put(&name, &contents);
        compress(&RealFileSystem, &home, &name, made).unwrap();
        home.put(&name, &contents);
        let left = finish_leftovers(&RealFileSystem, &home.paths, wanted, &GO_ON);
        assert_eq!((left.duplicates, left.compressed), (1, 0));
        assert_eq!(home.names(), [suffixed(&name, made)]);
    }
}

#[test]
fn a_damaged_or_cut_compressed_archive_is_made_anew_from_the_plain_one() {
    for made in KINDS {
        let contents = lines(1_500_000);
        let home = Home::new();
        let name = home.name(0);
        home.put(&name, &contents);
        compress(&RealFileSystem, &home, &name, made).unwrap();
        let sound = std::fs::read(home.path(&suffixed(&name, made))).unwrap();
        let mut flipped = sound.clone();
        flipped[sound.len() / 2] ^= 0x10;
        let cuts = [0, 1, sound.len() / 2, sound.len() - 1];
        let damaged = cuts.iter().map(|cut| sound[..*cut].to_vec()).chain([flipped]);
        for (case, damaged) in damaged.enumerate() {
            home.put(&name, &contents);
            home.put(&suffixed(&name, made), &damaged);
            let left = finish_leftovers(&RealFileSystem, &home.paths, Compression::None, &GO_ON);
            assert_eq!(left.compressed, 1, "{made:?}, case {case}: {:?}", left.error);
            assert_eq!(home.names(), [suffixed(&name, made)]);
            assert!(home.contents(&home.names()[0]).unwrap() == contents);
        }
    }
}

#[test]
fn archives_of_one_time_that_differ_are_both_kept_and_told_of() {
    let home = Home::new();
    let name = home.name(0);
    home.put(&name, &lines(300_000));
    compress(&RealFileSystem, &home, &name, Compression::Gzip).unwrap();
    for other in [&b"other lines\n"[..], &lines(299_000)] {
        home.put(&name, other);
        let left = finish_leftovers(&RealFileSystem, &home.paths, Compression::Gzip, &GO_ON);
        assert!(matches!(left.error, Some(ArchiveError::Conflict { .. })), "{:?}", left.error);
        assert_eq!(home.names(), [name.clone(), suffixed(&name, Compression::Gzip)]);
    }
}

#[test]
fn being_stopped_leaves_the_plain_archive() {
    let home = Home::new();
    home.put(&home.name(0), &lines(100_000));
    let stop = AtomicBool::new(true);
    let name = home.name(0);
    let stopped = compress_archive(&RealFileSystem, &home.paths, &name, Compression::Gzip, &stop);
    assert!(matches!(stopped, Err(ArchiveError::Stopped)));
    assert_eq!(home.names(), [name]);
}

#[test]
fn only_plain_archives_of_this_log_are_compressed() {
    let home = Home::new();
    let strangers = [
        "policy.jsonl",
        "other.2025-10-23T12-00-00-000Z.jsonl",
        "policy.2025-10-23T12-00-00-000Z.jsonl.bak",
        ".other.2025-10-23T12-00-00-000Z.jsonl.gz.tmp",
    ];
    for name in strangers {
        home.put(name, b"{}\n");
        let refused = compress(&RealFileSystem, &home, name, Compression::Gzip);
        assert!(matches!(refused, Err(ArchiveError::NotAnArchive(_))), "{name}");
    }
    let before = home.names();
    finish_leftovers(&RealFileSystem, &home.paths, Compression::Gzip, &GO_ON);
    assert_eq!(home.names(), before);
    let gone = compress(&RealFileSystem, &home, &home.name(5), Compression::Gzip).unwrap();
    assert_eq!(gone, Outcome::Gone);
}

#[test]
fn a_link_a_directory_or_a_pipe_under_an_archives_name_is_not_touched() {
    let home = Home::new();
    home.put("precious", b"precious");
    std::os::unix::fs::symlink(home.path("precious"), home.path(&home.name(0))).unwrap();
    std::fs::create_dir(home.path(&home.name(1))).unwrap();
    let pipe = std::process::Command::new("mkfifo").arg(home.path(&home.name(2))).status();
    assert!(pipe.unwrap().success());
    let before = home.names();
    let left = finish_leftovers(&RealFileSystem, &home.paths, Compression::Gzip, &GO_ON);
    assert_eq!((left.failed, left.compressed), (3, 0));
    assert_eq!(home.names(), before);
    assert_eq!(std::fs::read(home.path("precious")).unwrap(), b"precious");
}
