//! What a pass remembers of an array or object it is in.

use super::ErrorHash;
use super::notes::Mark;

/// What a member's key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Meaning {
    /// Nothing.
    #[default]
    Nothing,
    /// Its value is an error.
    Error(Slot),
    /// Its value is the hash of the error beside it.
    ErrorHash(Slot),
    /// `telemetry`
    Telemetry,
    /// `meta`
    Meta,
    /// A text of an error record that is shortened.
    RecordText,
    /// What makes the object an error record.
    Mark,
}

/// The two keys an error goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// `error`
    Plain,
    /// `telemetry.meta.error`, in one key
    Dotted,
}

impl Slot {
    pub(super) fn hash_key(self) -> &'static str {
        match self {
            Slot::Plain => "errorHash",
            Slot::Dotted => "telemetry.meta.errorHash",
        }
    }
}

/// Where an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It is the entry's data.
    Root,
    /// It is `data.telemetry`.
    Telemetry,
    /// It is `data.telemetry.meta`.
    Meta,
    /// Anywhere else.
    Elsewhere,
}

/// The member or element at hand.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Item {
    /// Of the key; of the value in an array.
    pub(super) start: usize,
    pub(super) meaning: Meaning,
    /// The notes before it.
    pub(super) mark: Mark,
    /// Whether a path to redact ends here.
    pub(super) redact: bool,
    /// The reserved edit of an error's whole member, or of the value of its hash.
    pub(super) reduced: usize,
    /// The reserved edit of the value of an error's hash.
    pub(super) body: usize,
}

/// An error in the object at hand, for a hash that comes after it.
#[derive(Debug, Clone, Copy)]
pub(super) struct ErrorMember {
    pub(super) hash: ErrorHash,
    pub(super) shortened: bool,
    /// The reserved edit of the whole member.
    pub(super) reduced: usize,
}

/// The hash of an error in the object at hand, for an error that comes after it.
#[derive(Debug, Clone, Copy)]
pub(super) struct HashMember {
    pub(super) start: usize,
    pub(super) end: usize,
    /// The reserved edits of its value.
    pub(super) body: usize,
    pub(super) reduced: usize,
}

#[derive(Debug)]
pub(super) struct Frame {
    /// Of its opening bracket.
    pub(super) start: usize,
    pub(super) is_object: bool,
    /// Whether no array is above it: nulls are left out and errors shortened.
    pub(super) plain: bool,
    pub(super) place: Place,
    /// Whether it is an error record.
    pub(super) record: bool,
    /// Whether it is an error record or inside one.
    pub(super) in_record: bool,
    /// Whether a text of a record was shortened in it or below it.
    pub(super) shortened: bool,
    /// Whether a member before the one at hand is kept.
    pub(super) kept: bool,
    /// Where the members to be left out begin, as long as none before them is kept.
    pub(super) drop_from: Option<usize>,
    /// Where the member before the one at hand ended.
    pub(super) previous_end: usize,
    pub(super) item: Item,
    /// How many members or elements began.
    pub(super) index: usize,
    /// For a record: the reserved edit of the whole of it.
    pub(super) reduced: usize,
    /// Which stretch of the active redaction places is about it.
    pub(super) active: (usize, usize),
    errors: [Option<ErrorMember>; 2],
    hashes: [Option<HashMember>; 2],
}

impl Frame {
    /// The outermost array or object, with `active` redaction places.
    pub(super) fn root(start: usize, is_object: bool, active: usize) -> Frame {
        Frame {
            start,
            is_object,
            plain: true,
            place: Place::Root,
            record: false,
            in_record: false,
            shortened: false,
            kept: false,
            drop_from: None,
            previous_end: start + 1,
            item: Item::default(),
            index: 0,
            reduced: 0,
            active: (0, active),
            errors: [None; 2],
            hashes: [None; 2],
        }
    }

    /// The array or object that is the value of the member or element at hand.
    pub(super) fn child(&self, start: usize, is_object: bool, active_end: usize) -> Frame {
        Frame {
            plain: self.plain && self.is_object,
            place: match (self.place, self.item.meaning) {
                (Place::Root, Meaning::Telemetry) => Place::Telemetry,
                (Place::Telemetry, Meaning::Meta) => Place::Meta,
                _ => Place::Elsewhere,
            },
            in_record: self.in_record,
            active: (self.active.1, active_end),
            ..Frame::root(start, is_object, 0)
        }
    }

    /// What the key `key` means in it.
    pub(super) fn meaning(&self, key: &[u8]) -> Meaning {
        match key {
            b"error" => Meaning::Error(Slot::Plain),
            b"errorHash" => Meaning::ErrorHash(Slot::Plain),
            b"telemetry.meta.error" => Meaning::Error(Slot::Dotted),
            b"telemetry.meta.errorHash" => Meaning::ErrorHash(Slot::Dotted),
            b"message" | b"stack" | b"cause" if self.record => Meaning::RecordText,
            b"telemetry" => Meaning::Telemetry,
            b"meta" => Meaning::Meta,
            _ => Meaning::Nothing,
        }
    }

    pub(super) fn error_member(&self, slot: Slot) -> Option<ErrorMember> {
        match slot {
            Slot::Plain => self.errors[0],
            Slot::Dotted => self.errors[1],
        }
    }

    pub(super) fn set_error_member(&mut self, slot: Slot, member: Option<ErrorMember>) {
        match slot {
            Slot::Plain => self.errors[0] = member,
            Slot::Dotted => self.errors[1] = member,
        }
    }

    pub(super) fn hash_member(&self, slot: Slot) -> Option<HashMember> {
        match slot {
            Slot::Plain => self.hashes[0],
            Slot::Dotted => self.hashes[1],
        }
    }

    pub(super) fn set_hash_member(&mut self, slot: Slot, member: HashMember) {
        match slot {
            Slot::Plain => self.hashes[0] = Some(member),
            Slot::Dotted => self.hashes[1] = Some(member),
        }
    }
}
