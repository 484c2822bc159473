//! The pass over an entry's JSON text: one look at every token, with a stack of its own.
//!
//! The text is never changed. The pass notes two lists of edits: those that make the body, and those
//! that make the body without its error texts.

use super::edits::Text;
use super::frame::{ErrorMember, Frame, HashMember, Item, Meaning, Place, Slot};
use super::json::{self, Malformed, expected};
use super::notes::Notes;
use super::prefilter::{Prefilter, Suspects};
use super::redact::{Key, Redaction};
use super::{ErrorHash, ErrorText, MAX_DEPTH, condense, hash_of, secrets};

/// The key of the first member of an error record, as it stands between the quotes.
const MARK: &[u8] = b"\\u0000plimsoll:error";

/// The rules of a pass.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules<'a> {
    /// In UTF-16 units.
    pub(super) max_error_length: usize,
    pub(super) redaction: &'a Redaction,
    pub(super) secrets: &'a Prefilter,
    /// Whether the text may hold error records.
    pub(super) marked: bool,
}

/// The state of a pass that its notes do not show.
#[derive(Debug, Default)]
pub(super) struct Stack {
    frames: Vec<Frame>,
    /// The places of the redaction paths that are active in each frame.
    active: Vec<u16>,
}

impl Stack {
    pub(super) fn clear(&mut self, keep: usize) {
        self.frames.clear();
        self.frames.shrink_to(keep);
        self.active.clear();
        self.active.shrink_to(keep);
    }
}

/// A value as the pass found it.
#[derive(Debug, Clone, Copy)]
enum Value {
    Null,
    String {
        escaped: bool,
    },
    /// A number, `true`, `false`, an array or an object.
    Other,
    /// An error record that is in no other.
    Record(Record),
}

#[derive(Debug, Clone, Copy)]
struct Record {
    hash: ErrorHash,
    shortened: bool,
    /// The reserved edit of the whole record.
    place: usize,
}

/// Where a value ended, or where the first value inside it begins.
enum Step {
    Behind(usize),
    Into(usize),
}

pub(super) struct Walk<'a> {
    json: &'a [u8],
    rules: Rules<'a>,
    notes: &'a mut Notes,
    stack: &'a mut Stack,
    suspects: Suspects<'a>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        json: &'a [u8],
        rules: Rules<'a>,
        notes: &'a mut Notes,
        stack: &'a mut Stack,
    ) -> Self {
        let suspects = Suspects::new(rules.secrets, json);
        Walk { json, rules, notes, stack, suspects }
    }

    /// Reads the whole text.
    pub(super) fn run(mut self) -> Result<(), Malformed> {
        if let Err(error) = std::str::from_utf8(self.json) {
            return expected(error.valid_up_to(), "UTF-8");
        }
        self.rules.redaction.enter_root(&mut self.stack.active);
        let mut at = json::skip_space(self.json, 0);
        loop {
            at = match self.value(at)? {
                Step::Into(first) => {
                    at = first;
                    continue;
                }
                Step::Behind(end) => end,
            };
            loop {
                at = json::skip_space(self.json, at);
                let next = self.json.get(at);
                at = match (self.stack.frames.last().map(|frame| frame.is_object), next) {
                    (None, None) => return Ok(()),
                    (None, Some(_)) => return expected(at, "the end of the text"),
                    (Some(true), Some(b',')) => {
                        at = self.key(json::skip_space(self.json, at + 1))?;
                        break;
                    }
                    (Some(false), Some(b',')) => {
                        at = self.element(json::skip_space(self.json, at + 1));
                        break;
                    }
                    (Some(true), Some(b'}')) | (Some(false), Some(b']')) => self.close(at),
                    (Some(true), _) => return expected(at, "`,` or `}`"),
                    (Some(false), _) => return expected(at, "`,` or `]`"),
                };
            }
        }
    }

    fn value(&mut self, start: usize) -> Result<Step, Malformed> {
        let (end, value) = match self.json.get(start) {
            Some(b'"') => {
                let end = json::string_end(self.json, start)?;
                (end.at, Value::String { escaped: end.escaped })
            }
            Some(b'{') => return self.open(start, true),
            Some(b'[') => return self.open(start, false),
            Some(b'n') => (json::literal_end(self.json, start, "null")?, Value::Null),
            Some(b't') => (json::literal_end(self.json, start, "true")?, Value::Other),
            Some(b'f') => (json::literal_end(self.json, start, "false")?, Value::Other),
            Some(b'-' | b'0'..=b'9') => (json::number_end(self.json, start)?, Value::Other),
            _ => return expected(start, "a value"),
        };
        self.done(start, end, value);
        Ok(Step::Behind(end))
    }

    fn open(&mut self, start: usize, is_object: bool) -> Result<Step, Malformed> {
        let frames = &mut self.stack.frames;
        if frames.len() >= MAX_DEPTH {
            return expected(start, "at most 10000 levels of arrays and objects");
        }
        let active_end = self.stack.active.len();
        let frame = match frames.last() {
            None => Frame::root(start, is_object, active_end),
            Some(parent) => parent.child(start, is_object, active_end, self.notes.errors.len()),
        };
        frames.push(frame);
        let first = json::skip_space(self.json, start + 1);
        match (is_object, self.json.get(first)) {
            (true, Some(b'}')) | (false, Some(b']')) => Ok(Step::Behind(self.close(first))),
            (true, _) => self.key(first).map(Step::Into),
            (false, _) => Ok(Step::Into(self.element(first))),
        }
    }

    /// Reads a member's key and colon: where its value begins.
    fn key(&mut self, start: usize) -> Result<usize, Malformed> {
        let key = json::string_end(self.json, start)?;
        let colon = json::skip_space(self.json, key.at);
        if self.json.get(colon) != Some(&b':') {
            return expected(colon, "`:`");
        }
        let value = json::skip_space(self.json, colon + 1);
        let raw = inside(self.json, start, key.at);
        let suspect = self.suspects.any_in(start, key.at);
        let Some(frame) = self.stack.frames.last_mut() else { return Ok(value) };
        if let Some(from) = frame.drop_from.take() {
            self.notes.both(from, start, Text::EMPTY);
        }
        let mark = self.notes.mark();
        let meaning = if key.escaped && self.rules.marked && frame.index == 0 && raw == MARK {
            Meaning::Mark
        } else if key.escaped {
            frame.meaning(json::decode(raw, true).as_bytes())
        } else {
            frame.meaning(raw)
        };
        frame.index += 1;
        frame.item = Item { start, meaning, mark, ..Item::default() };
        match meaning {
            Meaning::Error(_) => frame.item.reduced = self.notes.reduced.reserve(start),
            Meaning::ErrorHash(_) => {
                frame.item.body = self.notes.body.reserve(value);
                frame.item.reduced = self.notes.reduced.reserve(value);
            }
            _ => {}
        }
        if self.rules.redaction.has_paths() {
            let key = Key::Member { raw, escaped: key.escaped };
            frame.item.redact =
                self.rules.redaction.step(&mut self.stack.active, frame.active, key);
        }
        if suspect {
            let text = json::decode(raw, key.escaped);
            if let Some((clean, count)) = secrets::redact(&text, self.rules.secrets) {
                self.notes.redacted += count;
                let clean = self.quoted(&clean);
                self.notes.both(start, key.at, clean);
            }
        }
        Ok(value)
    }

    /// Begins an element: where its value begins.
    fn element(&mut self, start: usize) -> usize {
        if let Some(frame) = self.stack.frames.last_mut() {
            frame.item = Item { start, mark: self.notes.mark(), ..Item::default() };
            if self.rules.redaction.has_paths() {
                let key = Key::Element(frame.index);
                frame.item.redact =
                    self.rules.redaction.step(&mut self.stack.active, frame.active, key);
            }
            frame.index += 1;
        }
        start
    }

    /// Ends the array or object whose closing bracket is at `at`: the offset behind it.
    fn close(&mut self, at: usize) -> usize {
        let Some(mut frame) = self.stack.frames.pop() else { return at + 1 };
        if let Some(from) = frame.drop_from.take() {
            self.notes.both(from, at, Text::EMPTY);
        }
        let mut value = Value::Other;
        match self.stack.frames.last_mut() {
            Some(parent) if parent.in_record => {
                parent.shortened |= frame.shortened && !parent.item.redact;
            }
            parent if frame.record => {
                let beside = parent.is_some_and(|parent| {
                    parent.is_object && matches!(parent.item.meaning, Meaning::Error(_))
                });
                value = Value::Record(self.close_record(&frame, at, beside));
            }
            _ => {}
        }
        self.done(frame.start, at + 1, value);
        at + 1
    }

    fn close_record(&mut self, frame: &Frame, at: usize, beside: bool) -> Record {
        let hash = hash_of(self.json.get(frame.start..=at).unwrap_or_default());
        self.notes.errors.truncate(frame.errors_before);
        if frame.shortened && !beside {
            if let Some(member) = frame.hash_member(Slot::Plain) {
                let text = self.notes.hash_value(&hash);
                self.notes.body.set(member.body, member.start, member.end, text);
            } else if !frame.error_member(Slot::Plain).is_some_and(|member| member.shortened) {
                let comma = if frame.kept { "," } else { "" };
                let text = self.notes.hash_member(comma, Slot::Plain.hash_key(), &hash, "");
                self.notes.body.push(at, at, text);
            }
        }
        Record { hash, shortened: frame.shortened, place: frame.reduced }
    }

    /// Applies the rules to the value `start..end` of the member or element at hand.
    fn done(&mut self, start: usize, end: usize, value: Value) {
        let depth = self.stack.frames.len();
        let Some(frame) = self.stack.frames.last_mut() else {
            match value {
                Value::String { escaped } => self.plain_text(start, end, escaped),
                Value::Record(record) => self.lone_record(start, end, record, 0, depth),
                _ => {}
            }
            return;
        };
        let item = frame.item;
        let drops_null = frame.plain && frame.is_object;
        match (value, item.meaning) {
            (Value::Null, _) if drops_null => return self.leave_out(end),
            _ if item.redact => self.blacken(start, end),
            (Value::Other, Meaning::Mark) if self.json.get(start..end) == Some(b"1") => {
                return self.begin_record(end);
            }
            (Value::String { escaped }, Meaning::RecordText) => {
                let text = json::decode(inside(self.json, start, end), escaped);
                let (shown, shortened) = self.shown(&text, start, end);
                if let Some(shown) = shown {
                    self.notes.both(start, end, shown);
                }
                if let Some(frame) = self.stack.frames.last_mut() {
                    frame.shortened |= shortened;
                }
            }
            (Value::String { escaped }, Meaning::Error(slot)) if frame.plain => {
                let text = json::decode(inside(self.json, start, end), escaped);
                let hash = hash_of(text.as_bytes());
                let (shown, shortened) = self.shown(&text, start, end);
                if let Some(shown) = shown {
                    self.notes.both(start, end, shown);
                }
                self.error(slot, end, ErrorMember { hash, shortened, reduced: item.reduced });
            }
            (Value::Record(record), Meaning::Error(slot)) => {
                let Record { hash, shortened, .. } = record;
                self.error(slot, end, ErrorMember { hash, shortened, reduced: item.reduced });
            }
            (Value::Record(record), _) => self.lone_record(start, end, record, 2, depth),
            (Value::String { escaped }, _) => self.plain_text(start, end, escaped),
            _ => {}
        }
        if let Meaning::ErrorHash(slot) = item.meaning {
            self.error_hash(slot, start, end);
        }
        if let Some(frame) = self.stack.frames.last_mut() {
            frame.kept = true;
            frame.previous_end = end;
        }
    }

    /// Takes the object at hand, whose mark ends at `end`, for an error record.
    fn begin_record(&mut self, end: usize) {
        self.leave_out(end);
        if let Some(frame) = self.stack.frames.last_mut() {
            frame.record = true;
            frame.in_record = true;
            frame.reduced = self.notes.reduced.reserve(frame.start);
        }
    }

    /// Leaves the member at hand out.
    fn leave_out(&mut self, end: usize) {
        let Some(frame) = self.stack.frames.last_mut() else { return };
        self.notes.rewind(frame.item.mark);
        if frame.kept {
            self.notes.both(frame.previous_end, end, Text::EMPTY);
        } else {
            frame.drop_from = Some(frame.item.start);
        }
        frame.previous_end = end;
    }

    /// Blackens the value at hand because of its path.
    fn blacken(&mut self, start: usize, end: usize) {
        let Some(frame) = self.stack.frames.last_mut() else { return };
        self.notes.rewind(frame.item.mark);
        frame.item.body = self.notes.body.len();
        frame.item.reduced = self.notes.reduced.len();
        let text = self.notes.texts.add(|out| out.extend_from_slice(b"\"[redacted]\""));
        self.notes.both(start, end, text);
        self.notes.redacted += 1;
    }

    fn plain_text(&mut self, start: usize, end: usize, escaped: bool) {
        if !self.suspects.any_in(start, end) {
            return;
        }
        let text = json::decode(inside(self.json, start, end), escaped);
        if let Some((clean, count)) = secrets::redact(&text, self.rules.secrets) {
            self.notes.redacted += count;
            let clean = self.quoted(&clean);
            self.notes.both(start, end, clean);
        }
    }

    /// What is shown of an error text, when that is not the text itself, and whether it was shortened.
    /// Secrets go first: one that is cut would no longer be recognised.
    fn shown(&mut self, text: &str, start: usize, end: usize) -> (Option<Text>, bool) {
        let clean = if self.suspects.any_in(start, end) {
            secrets::redact(text, self.rules.secrets)
        } else {
            None
        };
        let text = match &clean {
            Some((clean, count)) => {
                self.notes.redacted += count;
                clean
            }
            None => text,
        };
        match condense::condense(text, self.rules.max_error_length) {
            std::borrow::Cow::Owned(short) => {
                self.notes.truncated += 1;
                (Some(self.quoted(&short)), true)
            }
            std::borrow::Cow::Borrowed(_) if clean.is_some() => (Some(self.quoted(text)), false),
            std::borrow::Cow::Borrowed(_) => (None, false),
        }
    }

    /// Notes an error that is a member of the object at hand and ends at `end`.
    fn error(&mut self, slot: Slot, end: usize, error: ErrorMember) {
        let depth = self.stack.frames.len();
        let Some(frame) = self.stack.frames.last_mut() else { return };
        let hash = error.hash;
        match frame.hash_member(slot) {
            // The hash stands before the text: it is set there.
            Some(member) if error.shortened => {
                let text = self.notes.hash_value(&hash);
                self.notes.body.set(member.body, member.start, member.end, text);
                self.notes.reduced.set(member.reduced, member.start, member.end, text);
                self.notes.reduced.set(error.reduced, frame.previous_end, end, Text::EMPTY);
            }
            Some(member) if is_hash(self.json, member.start, member.end, &hash) => {
                self.notes.reduced.set(error.reduced, frame.previous_end, end, Text::EMPTY);
            }
            // Somebody else's hash: leaving the text out would leave nothing that names it.
            Some(_) => {}
            None => {
                if error.shortened {
                    let text = self.notes.hash_member(",", slot.hash_key(), &hash, "");
                    self.notes.body.push(end, end, text);
                }
                let text = self.notes.hash_member("", slot.hash_key(), &hash, "");
                self.notes.reduced.set(error.reduced, frame.item.start, end, text);
                frame.set_error_member(slot, Some(error));
            }
        }
        let rank = match (frame.place, slot) {
            (Place::Root, Slot::Plain) => 0,
            (Place::Root, Slot::Dotted) | (Place::Meta, Slot::Plain) => 1,
            _ => 2,
        };
        self.notes.errors.push(ErrorText { hash, rank, depth });
    }

    /// Notes the hash of an error that came with the entry.
    fn error_hash(&mut self, slot: Slot, start: usize, end: usize) {
        let Some(frame) = self.stack.frames.last_mut() else { return };
        let Item { body, reduced, .. } = frame.item;
        match frame.error_member(slot) {
            None => frame.set_hash_member(slot, HashMember { start, end, body, reduced }),
            Some(error) if error.shortened => {
                self.notes.body.set(body, frame.previous_end, end, Text::EMPTY);
                self.notes.reduced.set(reduced, frame.previous_end, end, Text::EMPTY);
            }
            Some(error) if is_hash(self.json, start, end, &error.hash) => {
                self.notes.reduced.set(reduced, frame.previous_end, end, Text::EMPTY);
            }
            // Somebody else's hash: the text stays with it.
            Some(error) => {
                self.notes.reduced.unset(error.reduced);
                frame.set_error_member(slot, None);
                frame.set_hash_member(slot, HashMember { start, end, body, reduced });
            }
        }
    }

    /// Notes an error record that is not under the key of an error.
    fn lone_record(&mut self, start: usize, end: usize, record: Record, rank: u8, depth: usize) {
        let Record { hash, place, .. } = record;
        let text = self.notes.hash_member("{", Slot::Plain.hash_key(), &hash, "}");
        self.notes.reduced.set(place, start, end, text);
        self.notes.errors.push(ErrorText { hash, rank, depth });
    }

    fn quoted(&mut self, text: &str) -> Text {
        self.notes.texts.add(|out| {
            out.push(b'"');
            json::encode(text, out);
            out.push(b'"');
        })
    }
}

/// What is between the quotes of the string `start..end`.
fn inside(json: &[u8], start: usize, end: usize) -> &[u8] {
    json.get(start + 1..end.saturating_sub(1)).unwrap_or_default()
}

/// Whether the value `start..end` is the string `hash`.
fn is_hash(json: &[u8], start: usize, end: usize, hash: &ErrorHash) -> bool {
    end - start == hash.len() + 2 && inside(json, start, end) == hash
}
