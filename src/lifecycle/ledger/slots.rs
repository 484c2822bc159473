//! The slots of a ledger as bytes; drawn in the [module above](super).

use super::place::Place;
use super::{PathKind, SLOT};
use crate::platform::process::ProcessIdentity;
use std::path::{Path, PathBuf};

/// The beginning of every ledger.
pub(super) const MAGIC: &[u8; 8] = b"PLIMLED1";
/// Written over the beginning of a record to strike it out: its state and its checksum.
pub(super) const STRUCK: [u8; 5] = [0; 5];
/// Most bytes of a command that are kept, for people to recognise it.
pub(super) const MOST_COMMAND: usize = 512;

/// Bytes before the payload of a record.
const HEAD: usize = 7;
const HEADER_LENGTH: usize = 48;

/// Slot 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) place: Place,
    pub(super) owner: ProcessIdentity,
}

impl Header {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; SLOT];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[12..28].copy_from_slice(&self.place.boot);
        bytes[28..36].copy_from_slice(&self.place.namespace.to_le_bytes());
        bytes[36..40].copy_from_slice(&self.owner.pid.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.owner.start.to_le_bytes());
        let checksum = crc32fast::hash(&bytes[12..HEADER_LENGTH]);
        bytes[8..12].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// `None` when it is damaged; the magic is the caller's to look at.
    pub(super) fn decode(bytes: &[u8]) -> Option<Header> {
        let bytes = bytes.get(..HEADER_LENGTH)?;
        if number::<4>(bytes, 8)? != crc32fast::hash(&bytes[12..]).to_le_bytes() {
            return None;
        }
        let place =
            Place { boot: number(bytes, 12)?, namespace: u64::from_le_bytes(number(bytes, 28)?) };
        let owner = ProcessIdentity {
            pid: i32::from_le_bytes(number(bytes, 36)?),
            start: u64::from_le_bytes(number(bytes, 40)?),
        };
        Some(Header { place, owner })
    }
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    Process { identity: ProcessIdentity, command: Vec<u8> },
    Path { path: PathBuf, kind: PathKind },
}

impl Entry {
    /// As it is written; `None` when it does not fit a slot or is no absolute path.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        let (state, payload) = match self {
            Entry::Process { identity, command } => {
                let command = &command[..command.len().min(MOST_COMMAND)];
                let (pid, start) = (identity.pid.to_le_bytes(), identity.start.to_le_bytes());
                (1, [&pid[..], &start[..], command].concat())
            }
            Entry::Path { path, kind } => {
                let bytes = path.as_os_str().as_encoded_bytes();
                if !path.is_absolute() || bytes.contains(&0) {
                    return None;
                }
                let state = if *kind == PathKind::File { 2 } else { 3 };
                (state, bytes.to_vec())
            }
        };
        if payload.len() > SLOT - HEAD {
            return None;
        }
        let length = u16::try_from(payload.len()).ok()?.to_le_bytes();
        let checksum = checksum(state, length, &payload).to_le_bytes();
        Some([&[state][..], &checksum, &length, &payload].concat())
    }
}

fn checksum(state: u8, length: [u8; 2], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[state]);
    hasher.update(&length);
    hasher.update(payload);
    hasher.finalize()
}

/// What a slot holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Slot {
    Free,
    Entry(Entry),
    /// Half-written or damaged.
    Garbage,
}

/// Reads a slot; the last of a file may be shorter than the others.
pub(super) fn decode(bytes: &[u8]) -> Slot {
    match bytes.first() {
        None | Some(0) => Slot::Free,
        Some(_) => decode_entry(bytes).map_or(Slot::Garbage, Slot::Entry),
    }
}

fn decode_entry(bytes: &[u8]) -> Option<Entry> {
    let length = number::<2>(bytes, 5)?;
    let payload = bytes.get(HEAD..)?.get(..usize::from(u16::from_le_bytes(length)))?;
    if number::<4>(bytes, 1)? != checksum(bytes[0], length, payload).to_le_bytes() {
        return None;
    }
    match bytes[0] {
        1 => {
            let identity = ProcessIdentity {
                pid: i32::from_le_bytes(number(payload, 0)?),
                start: u64::from_le_bytes(number(payload, 4)?),
            };
            Some(Entry::Process { identity, command: payload[12..].to_vec() })
        }
        2 => Some(Entry::Path { path: path(payload)?, kind: PathKind::File }),
        3 => Some(Entry::Path { path: path(payload)?, kind: PathKind::Directory }),
        _ => None,
    }
}

fn path(bytes: &[u8]) -> Option<PathBuf> {
    #[cfg(unix)]
    let text = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes);
    #[cfg(not(unix))]
    let text = std::str::from_utf8(bytes).ok()?;
    let path = Path::new(text);
    path.is_absolute().then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entries() -> Vec<Entry> {
        let identity = ProcessIdentity { pid: 4711, start: u64::MAX };
        vec![
            Entry::Process { identity, command: b"sh -c \xff".to_vec() },
            Entry::Process { identity, command: Vec::new() },
            Entry::Path { path: "/tmp/a".into(), kind: PathKind::File },
            Entry::Path { path: "/tmp/b".into(), kind: PathKind::File },
            Entry::Path {
                path: format!("/{}", "x".repeat(SLOT - HEAD - 1)).into(),
                kind: PathKind::Directory,
            },
        ]
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        for entry in entries() {
            let bytes = entry.encode().unwrap();
            assert!(bytes.len() <= SLOT);
            assert_eq!(decode(&bytes), Slot::Entry(entry.clone()));
            let padded = [bytes, vec![0xff; 9]].concat();
            assert_eq!(decode(&padded), Slot::Entry(entry), "what a longer record left behind");
        }
        let header = Header {
            place: Place { boot: [7; 16], namespace: 9 },
            owner: ProcessIdentity { pid: 3, start: 4 },
        };
        assert_eq!(Header::decode(&header.encode()), Some(header));
        assert_eq!(header.encode().len(), SLOT);
    }

    #[test]
    fn what_does_not_fit_or_is_relative_is_not_written_and_a_command_is_cut() {
        for path in ["a", "", "/a\0b", &format!("/{}", "x".repeat(SLOT - HEAD))] {
            let entry = Entry::Path { path: path.into(), kind: PathKind::File };
            assert_eq!(entry.encode(), None, "{} bytes", path.len());
        }
        let identity = ProcessIdentity { pid: 2, start: 1 };
        let long = Entry::Process { identity, command: vec![b'x'; 1 << 20] };
        let Slot::Entry(Entry::Process { command, .. }) = decode(&long.encode().unwrap()) else {
            panic!("no process");
        };
        assert_eq!(command.len(), MOST_COMMAND);
    }

    #[test]
    fn no_torn_record_over_a_free_or_struck_slot_brings_back_what_was_there() {
        let entries = entries();
        let pairs = entries.iter().flat_map(|old| entries.iter().map(move |new| (old, new)));
        for (old, entry) in pairs.filter(|(old, entry)| old != entry) {
            let (old, new) = (old.encode().unwrap(), entry.encode().unwrap());
            let mut struck = old.clone();
            struck[..STRUCK.len()].copy_from_slice(&STRUCK);
            for before in [Vec::new(), struck] {
                for torn in 0..new.len() {
                    let behind = before.get(torn..).unwrap_or_default();
                    let slot = decode(&[&new[..torn], behind].concat());
                    // Where what is missing happens to be there already, the record is whole.
                    let revived = matches!(&slot, Slot::Entry(read) if read != entry);
                    assert!(!revived, "torn after {torn} bytes: {slot:?}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_reading_fail(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            decode(&bytes);
            Header::decode(&bytes);
        }

        #[test]
        fn a_flipped_bit_is_never_read_as_a_record(which in 0..5_usize, bit in 0..400_usize) {
            let mut bytes = entries()[which].encode().unwrap();
            let bit = bit % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!matches!(decode(&bytes), Slot::Entry(_)));
        }
    }
}
