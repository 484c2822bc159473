//! The reader of rings on whatever bytes the fuzzer makes: a whole file first (is it adopted, repaired,
//! read to its end?), then the same bytes as a run of frames at a position taken from them.
//!
//! It must not panic, must end, and must stay inside; the sanitisers watch the memory.
#![no_main]

use libfuzzer_sys::fuzz_target;
use plimsoll::platform::filesystem::RealFileSystem;
use plimsoll::telemetry::ring::{Adoption, FrameReader, RepeatTable, Ring};

const CAPACITY: u64 = 65_536;

fuzz_target!(|data: &[u8]| {
    let home = tempfile::tempdir().expect("a temporary directory");
    let path = home.path().join(".log.jsonl.0000000000000001.ring");
    std::fs::write(&path, data).expect("a temporary file");
    if let Ok(Adoption::Adopted(ring)) = Ring::adopt(&RealFileSystem, &path) {
        ring.repair();
        let (tail, head) = (ring.tail().expect("repaired"), ring.head());
        let mut bytes = Vec::new();
        ring.read(tail, head, &mut bytes);
        let capacity = ring.geometry().capacity;
        let mut reader = FrameReader::new(&bytes, tail, capacity, true);
        while reader.next().is_some() {}
        assert!(reader.position() <= tail + bytes.len() as u64);
        assert!(RepeatTable::load(&ring).len() <= 64);
        ring.intent();
        ring.profile();
    }
    let start = u64::from(data.first().copied().unwrap_or(0)) * 8;
    let mut reader = FrameReader::new(data, start, CAPACITY, data.len() % 2 == 0);
    let found = reader.by_ref().count();
    assert!(found <= data.len() / 32);
    assert!(reader.damaged_bytes() <= data.len() as u64);
});
