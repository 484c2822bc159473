//! What a pass does about a value once it has read it.

use super::edits::Text;
use super::frame::{ErrorMember, HashMember, Item, Meaning, Place, Slot};
use super::json;
use super::walk::{Record, Value, Walk, inside};
use super::{ErrorHash, ErrorText, condense, hash_of, secrets};
use std::borrow::Cow;

impl Walk<'_> {
    /// Applies the rules to the value `start..end` of the member or element at hand.
    pub(super) fn done(&mut self, start: usize, end: usize, value: Value) {
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
            (Value::Other, Meaning::Mark) if self.json.get(start..end) == Some(b"1") => {
                return self.begin_record(end);
            }
            _ if item.redact => self.blacken(start, end),
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
    pub(super) fn leave_out(&mut self, end: usize) {
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
            Cow::Owned(short) => {
                self.notes.truncated += 1;
                (Some(self.quoted(&short)), true)
            }
            Cow::Borrowed(_) if clean.is_some() => (Some(self.quoted(text)), false),
            Cow::Borrowed(_) => (None, false),
        }
    }

    /// Notes an error that is a member of the object at hand and ends at `end`.
    fn error(&mut self, slot: Slot, end: usize, error: ErrorMember) {
        let depth = self.stack.frames.len();
        let Some(frame) = self.stack.frames.last_mut() else { return };
        let hash = error.hash;
        let theirs = frame.hash_member(slot);
        // A hash that stands before the text is set there.
        if let (true, Some(member)) = (error.shortened, theirs) {
            let text = self.notes.hash_value(&hash);
            self.notes.body.set(member.body, member.start, member.end, text);
            self.notes.reduced.set(member.reduced, member.start, member.end, text);
        } else if error.shortened {
            let text = self.notes.hash_member(",", slot.hash_key(), &hash, "");
            self.notes.body.push(end, end, text);
            if frame.in_record {
                self.notes.reduced.push(end, end, text);
            }
        }
        if theirs.is_none() {
            frame.set_error_member(slot, Some(error));
        }
        // What is inside an error record goes or stays with it.
        if frame.in_record {
            return;
        }
        match theirs {
            None => {
                let text = self.notes.hash_member("", slot.hash_key(), &hash, "");
                self.notes.reduced.set(error.reduced, frame.item.start, end, text);
            }
            Some(member)
                if error.shortened || is_hash(self.json, member.start, member.end, &hash) =>
            {
                self.notes.reduced.set(error.reduced, frame.previous_end, end, Text::EMPTY);
            }
            // Somebody else's hash: leaving the text out would leave nothing that names it.
            Some(_) => {}
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
            Some(_) if frame.in_record => {}
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

    pub(super) fn quoted(&mut self, text: &str) -> Text {
        self.notes.texts.add(|out| {
            out.push(b'"');
            json::encode(text, out);
            out.push(b'"');
        })
    }
}

/// Whether the value `start..end` is the string `hash`.
fn is_hash(json: &[u8], start: usize, end: usize, hash: &ErrorHash) -> bool {
    end - start == hash.len() + 2 && inside(json, start, end) == hash
}
