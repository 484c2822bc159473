//! The ring against damage: what is cut, flipped or foreign.

use super::*;
use crate::platform::filesystem::{FileSystem, RealFileSystem};
use crate::telemetry::level::Level;
use proptest::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const GEOMETRY: Geometry = Geometry { capacity: 65_536, max_entries: 1000 };

fn create(home: &Path) -> (PathBuf, Producer) {
    let path = home.join(".log.jsonl.0000000000000001.ring");
    let ring = Ring::create(&RealFileSystem, &path, 1, GEOMETRY, 7, b"{}").unwrap();
    (path, Producer::new(Arc::new(ring)))
}

fn store(producer: &mut Producer, payload: &[u8]) -> Result<u64, Refusal> {
    let room = producer.reserve(payload.len(), 100)?;
    producer.write(&room, payload);
    Ok(producer.commit(&room, payload.len(), Level::Warn, Encoding::Utf8, false, 42))
}

fn bytes_of(ring: &Ring) -> (u64, Vec<u8>) {
    let (tail, mut bytes) = (ring.tail().unwrap(), Vec::new());
    ring.read(tail, ring.head(), &mut bytes);
    (tail, bytes)
}

fn payloads(ring: &Ring) -> Vec<Vec<u8>> {
    let (tail, bytes) = bytes_of(ring);
    let mut reader = FrameReader::new(&bytes, tail, GEOMETRY.capacity, true);
    let found = reader.by_ref().map(|frame| frame.payload.to_vec()).collect();
    assert_eq!((reader.damaged_bytes(), reader.lost_entries()), (0, 0));
    assert_eq!(reader.position(), ring.head());
    found
}

fn adopt(path: &Path) -> Result<Adoption, RingError> {
    Ring::adopt(&RealFileSystem, path)
}

fn adopted(path: &Path) -> Ring {
    match adopt(path).unwrap() {
        Adoption::Adopted(ring) => *ring,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_living_owner_is_never_taken_for_dead() {
    let home = tempfile::tempdir().unwrap();
    let (path, producer) = create(home.path());
    assert!(matches!(adopt(&path).unwrap(), Adoption::Living));
    drop(producer);
    assert!(matches!(adopt(&path).unwrap(), Adoption::Adopted(_)));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(adopt(&path).unwrap(), Adoption::Gone));
}

#[test]
fn what_is_no_ring_or_of_another_version_is_refused_and_left_as_it_is() {
    let home = tempfile::tempdir().unwrap();
    let (path, mut producer) = create(home.path());
    store(&mut producer, b"1").unwrap();
    drop(producer);
    let good = std::fs::read(&path).unwrap();
    let refused = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        let error = adopt(&path).unwrap_err();
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
        error
    };
    assert!(matches!(refused(b"not a ring"), RingError::Foreign { .. }));
    assert!(matches!(refused(b""), RingError::Foreign { .. }));
    assert!(matches!(refused(&vec![0; good.len()]), RingError::Foreign { .. }));
    let mut newer = good.clone();
    newer[8] = 2;
    assert!(matches!(refused(&newer), RingError::Version { version: 2, .. }));
    for at in (12..56).filter(|at| !(32..40).contains(at)) {
        let mut flipped = good.clone();
        flipped[at] ^= 0x10;
        assert!(matches!(refused(&flipped), RingError::Foreign { .. }), "byte {at}");
    }
}

#[test]
fn a_truncated_ring_loses_only_what_was_cut() {
    let home = tempfile::tempdir().unwrap();
    let (path, mut producer) = create(home.path());
    for number in 0..100_u8 {
        store(&mut producer, &[number; 100]).unwrap();
    }
    let header = std::fs::metadata(&path).unwrap().len() - GEOMETRY.capacity;
    drop(producer);
    // 136 bytes a frame: fifty and a half of them are left.
    std::fs::OpenOptions::new()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(header + 136 * 50 + 60)
        .unwrap();
    let ring = adopted(&path);
    let (tail, bytes) = bytes_of(&ring);
    let mut reader = FrameReader::new(&bytes, tail, GEOMETRY.capacity, true);
    assert_eq!(reader.by_ref().count(), 50);
    assert_eq!(reader.damaged_bytes(), 136 * 50);
}

#[test]
fn any_flipped_byte_costs_one_frame_and_is_measured() {
    let home = tempfile::tempdir().unwrap();
    let (_path, mut producer) = create(home.path());
    for number in 0..5_u8 {
        store(&mut producer, &[number; 20]).unwrap();
    }
    let (tail, good) = bytes_of(producer.ring());
    let frame = good.len() / 5;
    for at in 0..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 0x20;
        let mut reader = FrameReader::new(&bytes, tail, GEOMETRY.capacity, true).expecting(Some(1));
        let found: Vec<u8> = reader.by_ref().map(|frame| frame.payload[0]).collect();
        let struck = at / frame;
        // The last four bytes of a frame of 52 only pad it to a multiple of 8.
        if at % frame >= 52 {
            assert_eq!(found.len(), 5, "byte {at}");
            continue;
        }
        let expected: Vec<u8> = (0..5).filter(|number| usize::from(*number) != struck).collect();
        assert_eq!(found, expected, "byte {at}");
        assert_eq!(reader.damaged_bytes(), frame as u64, "byte {at}");
        assert_eq!(reader.lost_entries(), u64::from(struck < 4), "byte {at}");
    }
}

#[test]
fn a_damaged_head_or_tail_is_repaired_towards_losing_nothing() {
    let home = tempfile::tempdir().unwrap();
    let (path, mut producer) = create(home.path());
    for number in 0..10_u8 {
        store(&mut producer, &[number; 20]).unwrap();
    }
    drop(producer);
    let good = std::fs::read(&path).unwrap();
    for (at, what) in [(64 + 7, "head"), (128 + 3, "tail")] {
        let mut bytes = good.clone();
        bytes[at] ^= 0x40;
        std::fs::write(&path, &bytes).unwrap();
        let ring = adopted(&path);
        assert_eq!(ring.repair(), GEOMETRY.capacity, "{what}");
        let (tail, bytes) = bytes_of(&ring);
        let reader = FrameReader::new(&bytes, tail, GEOMETRY.capacity, true);
        assert_eq!(reader.count(), 10, "{what}");
        drop(ring);
    }
}

#[test]
fn a_payload_longer_than_half_the_ring_is_too_large_and_one_as_long_always_fits_an_empty_one() {
    let home = tempfile::tempdir().unwrap();
    let (_path, mut producer) = create(home.path());
    let longest = vec![b'x'; GEOMETRY.max_payload()];
    for _ in 0..50 {
        store(&mut producer, &longest).unwrap();
        let ring = Arc::clone(producer.ring());
        ring.set_tail(ring.head());
        store(&mut producer, b"a few bytes to move the start").unwrap();
        ring.set_tail(ring.head());
    }
    assert_eq!(store(&mut producer, &[&longest[..], b"x"].concat()), Err(Refusal::TooLarge));
}

#[test]
fn the_profile_reads_back_and_one_too_long_is_left_out() {
    let home = tempfile::tempdir().unwrap();
    let (path, producer) = create(home.path());
    drop(producer);
    assert_eq!(adopted(&path).profile().as_deref(), Some(&b"{}"[..]));
    let long = home.path().join("other");
    let profile = vec![b' '; MAX_PROFILE + 1];
    let ring = Ring::create(&RealFileSystem, &long, 2, GEOMETRY, 0, &profile).unwrap();
    assert_eq!(ring.profile(), None);
}

#[test]
fn a_ring_that_cannot_be_made_leaves_nothing_behind() {
    let home = tempfile::tempdir().unwrap();
    let (path, _producer) = create(home.path());
    let error = Ring::create(&RealFileSystem, &path, 1, GEOMETRY, 0, b"").unwrap_err();
    assert!(matches!(error, RingError::Io { action: "name", .. }), "{error}");
    assert_eq!(RealFileSystem.list(home.path()).unwrap().len(), 1);
}

#[derive(Debug, Clone)]
enum Act {
    Store(usize),
    Consume(usize),
    /// The machine dies and pages that were not yet on the device are as they were at the last sync:
    /// the bits choose which.
    Sync,
    LoseWriteback(u64),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => (0..9000_usize).prop_map(Act::Store),
        3 => (1..20_usize).prop_map(Act::Consume),
        1 => Just(Act::Sync),
        1 => any::<u64>().prop_map(Act::LoseWriteback),
    ];
    proptest::collection::vec(act, 1..80)
}

/// A payload that tells its number and can be checked.
fn payload(number: u64, length: usize) -> Vec<u8> {
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.resize(8 + length, number as u8);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Against a queue as the model: while no writeback is lost, the ring holds exactly what was stored
    /// and not consumed, in order. After a loss, what is read is a subset of what was ever stored, whole
    /// and in order, whatever pages came back old.
    #[test]
    fn the_ring_is_a_queue_and_a_lost_writeback_never_invents_an_entry(history in acts()) {
        let home = tempfile::tempdir().unwrap();
        let (path, mut producer) = create(home.path());
        let mut model: Vec<Vec<u8>> = Vec::new();
        let mut stored: Vec<Vec<u8>> = Vec::new();
        let mut synced = std::fs::read(&path).unwrap();
        for act in history {
            match act {
                Act::Store(length) => {
                    let bytes = payload(stored.len() as u64, length);
                    if store(&mut producer, &bytes).is_ok() {
                        stored.push(bytes.clone());
                        model.push(bytes);
                    }
                }
                Act::Consume(count) => {
                    let ring = Arc::clone(producer.ring());
                    let (tail, bytes) = bytes_of(&ring);
                    let reader = FrameReader::new(&bytes, tail, GEOMETRY.capacity, true);
                    if let Some(last) = reader.take(count).last() {
                        ring.set_tail(last.end);
                    }
                    model.drain(..count.min(model.len()));
                }
                Act::Sync => synced = std::fs::read(&path).unwrap(),
                Act::LoseWriteback(lost) => {
                    let mut bytes = std::fs::read(&path).unwrap();
                    let mut random = lost;
                    for page in 0..bytes.len() / 4096 {
                        random = random.rotate_left(7).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                        // The first page holds the identity, which was synced when the file was made.
                        if random & 1 == 1 {
                            let range = page * 4096..(page + 1) * 4096;
                            bytes[range.clone()].copy_from_slice(&synced[range]);
                        }
                    }
                    drop(producer);
                    std::fs::write(&path, &bytes).unwrap();
                    let ring = adopted(&path);
                    ring.repair();
                    let (tail, bytes) = bytes_of(&ring);
                    let mut last = None;
                    for frame in FrameReader::new(&bytes, tail, GEOMETRY.capacity, true) {
                        let number = (frame.sequence - 1) as usize;
                        prop_assert_eq!(Some(frame.payload), stored.get(number).map(|bytes| &bytes[..]));
                        prop_assert!(last < Some(number));
                        last = Some(number);
                    }
                    return Ok(());
                }
            }
            prop_assert_eq!(&payloads(producer.ring()), &model);
        }
        drop(producer);
        prop_assert_eq!(&payloads(&adopted(&path)), &model);
    }

    /// The reader on arbitrary bytes, at arbitrary positions: it ends, stays inside, and never panics.
    #[test]
    fn the_reader_takes_any_bytes(
        bytes in proptest::collection::vec(any::<u8>(), 0..3000),
        start in any::<u32>(),
        complete in any::<bool>(),
        magic_every in 1..200_usize,
    ) {
        let mut bytes = bytes;
        // Plant what looks like frames, so that the deeper checks are reached.
        for at in (0..bytes.len()).step_by(magic_every * 8) {
            if let Some(magic) = bytes.get_mut(at + 28..at + 32) {
                magic.copy_from_slice(b"FRM1");
            }
        }
        let start = u64::from(start) & !7;
        let mut reader = FrameReader::new(&bytes, start, GEOMETRY.capacity, complete);
        prop_assert!(reader.by_ref().count() <= bytes.len() / 32);
        prop_assert!(reader.position() <= start + bytes.len() as u64);
        prop_assert!(reader.damaged_bytes() <= bytes.len() as u64);
    }
}

#[test]
fn a_ring_taken_away_while_it_is_made_is_made_anew() {
    use crate::platform::faulty::{Call, Fault, FaultyFileSystem};
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(".log.jsonl.0000000000000001.ring");
    let fs = FaultyFileSystem::new();
    fs.fail_nth(Call::RenameNew, 1, Fault::Error(libc::ENOENT));
    let ring = Ring::create(&fs, &path, 1, GEOMETRY, 7, b"{}").unwrap();
    assert_eq!(fs.count(Call::RenameNew), 2);
    drop(ring);
    fs.fail_from(Call::RenameNew, 1, Fault::Error(libc::ENOENT));
    let never = home.path().join(".log.jsonl.0000000000000002.ring");
    let error = Ring::create(&fs, &never, 2, GEOMETRY, 7, b"{}").unwrap_err();
    assert!(error.to_string().contains("0000000000000002"), "{error}");
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1, "only the first ring is there");
}
