//! The pass over an entry's JSON text: one look at every token, with a stack of its own.
//!
//! The text is never changed. The pass notes two lists of edits: those that make the body, and those
//! that make the body without its error texts.

use super::edits::Text;
use super::frame::{Frame, Item, Meaning, Slot};
use super::json::{self, Malformed, expected};
use super::notes::Notes;
use super::prefilter::{Prefilter, Suspects};
use super::redact::{Key, Redaction};
use super::{ErrorHash, MAX_DEPTH, hash_of, secrets};

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
    pub(super) frames: Vec<Frame>,
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
pub(super) enum Value {
    Null,
    String {
        escaped: bool,
    },
    /// A number, `true`, `false`, an array or an object.
    Other,
    /// An error record that is in no other.
    Record(Record),
}

/// An error record that was read to its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    pub(super) hash: ErrorHash,
    pub(super) shortened: bool,
    /// The reserved edit of the whole record.
    pub(super) place: usize,
}

/// Where a value ended, or where the first value inside it begins.
enum Step {
    Behind(usize),
    Into(usize),
}

/// One pass over one text. What is done about a value is in [`super::rules`].
pub(super) struct Walk<'a> {
    pub(super) json: &'a [u8],
    pub(super) rules: Rules<'a>,
    pub(super) notes: &'a mut Notes,
    pub(super) stack: &'a mut Stack,
    /// Where secrets may be.
    pub(super) suspects: Suspects<'a>,
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
            Some(parent) => parent.child(start, is_object, active_end),
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
}

/// What is between the quotes of the string `start..end`.
pub(super) fn inside(json: &[u8], start: usize, end: usize) -> &[u8] {
    json.get(start + 1..end.saturating_sub(1)).unwrap_or_default()
}
