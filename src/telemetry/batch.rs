//! From frames to lines: what one append will write.
//!
//! A batch is composed with the log's lock held, so that its length is known to fit before the rotation
//! threshold and the seen-sets speak of the file it goes to. Nothing outside the batch changes while
//! it is composed, except the seen-sets, which a failed append empties.

use super::counters::Counters;
use super::dedup::{Dedup, Verdict, entry_key};
use super::level::Level;
use super::ring::{Encoding, EntryKey, Frame, Repeat, RepeatTable};
use super::sanitize::{Sanitized, Sanitizer};
use std::collections::HashMap;
use std::io::Write;

/// What one append writes, and what it changes once it is written.
#[derive(Debug, Default)]
pub struct Batch {
    /// Whole lines.
    pub lines: Vec<u8>,
    /// Where the ring's tail goes.
    pub tail: u64,
    /// The sequence number of the last entry in it, if it holds one.
    pub last_sequence: Option<u64>,
    /// Repeat slots whose counts are in `lines`.
    pub slots: u64,
    /// Entries from the ring in it.
    pub entries: u64,
    /// Lines in it.
    pub written: u64,
    /// Entries it counts instead of writing.
    pub deduplicated: u64,
    /// Error texts shortened in it.
    pub truncated: u64,
    /// Values blackened in it.
    pub redacted: u64,
    repeats: HashMap<EntryKey, Repeat>,
    text: String,
    body: Vec<u8>,
    reduced: Vec<u8>,
}

/// A buffer that grew beyond this for one large entry is given back after it.
const KEPT_BUFFER: usize = 1 << 20;

impl Batch {
    /// Makes it empty, keeping its buffers.
    pub fn clear(&mut self, tail: u64) {
        for buffer in [&mut self.lines, &mut self.body, &mut self.reduced] {
            buffer.clear();
            buffer.shrink_to(KEPT_BUFFER);
        }
        self.text.clear();
        self.text.shrink_to(KEPT_BUFFER);
        self.repeats.clear();
        self.tail = tail;
        self.last_sequence = None;
        (self.slots, self.entries, self.written, self.deduplicated) = (0, 0, 0, 0);
        (self.truncated, self.redacted) = (0, 0);
    }

    /// Whether there is nothing to append and nothing to count.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.repeats.is_empty()
    }

    /// Adds the entry of a frame.
    pub fn add_frame(
        &mut self,
        frame: &Frame<'_>,
        sanitizer: &mut Sanitizer,
        dedup: &mut Dedup,
        counted: &RepeatTable,
    ) {
        let mut text = std::mem::take(&mut self.text);
        let json = match frame.encoding {
            Encoding::Utf8 => frame.payload,
            Encoding::Utf16 => {
                transcode(frame.payload, &mut text);
                text.as_bytes()
            }
        };
        let entry = Entry {
            level: frame.level,
            time_ms: frame.time_ms,
            sequence: Some(frame.sequence),
            json,
            error_records: frame.error_records,
        };
        self.add_entry(&entry, sanitizer, dedup, counted);
        self.text = text;
        self.tail = frame.end;
        self.last_sequence = Some(frame.sequence);
        self.entries += 1;
    }

    /// Adds an entry that came on another way than through the ring.
    pub fn add_entry(
        &mut self,
        entry: &Entry<'_>,
        sanitizer: &mut Sanitizer,
        dedup: &mut Dedup,
        counted: &RepeatTable,
    ) {
        let Ok(sanitized) = sanitizer.sanitize(entry.json, entry.error_records) else {
            self.add_unreadable(entry, sanitizer);
            return;
        };
        self.truncated += u64::from(sanitized.truncated);
        self.redacted += u64::from(sanitized.redacted);
        let Some(hash) = sanitized.primary_hash() else {
            write_line(&mut self.lines, entry.time_ms, entry.level, sanitized.body, None);
            self.written += 1;
            return;
        };
        self.reduced.clear();
        sanitized.without_error_text(&mut self.reduced);
        let key = entry_key(entry.level as u8, &self.reduced);
        let Sanitized { body, errors, .. } = sanitized;
        let body = match dedup.judge(key, errors.iter().map(|error| error.hash)) {
            Verdict::New => body,
            Verdict::Identical if self.count_repeat(entry, key, hash, counted) => return,
            Verdict::Identical | Verdict::KnownText => &self.reduced,
        };
        write_line(&mut self.lines, entry.time_ms, entry.level, body, Some(hash));
        self.written += 1;
    }

    /// Counts an identical entry. `false` when it cannot be: it is written instead, without its text.
    fn count_repeat(
        &mut self,
        entry: &Entry<'_>,
        key: EntryKey,
        error_hash: [u8; 16],
        counted: &RepeatTable,
    ) -> bool {
        let Some(sequence) = entry.sequence else { return false };
        if let Some(repeat) = self.repeats.get_mut(&key) {
            repeat.count += 1;
            repeat.last_ms = entry.time_ms;
            repeat.last_sequence = sequence;
        } else {
            if self.repeats.len() >= counted.free() {
                return false;
            }
            let repeat = Repeat {
                key,
                level: entry.level,
                count: 1,
                first_ms: entry.time_ms,
                last_ms: entry.time_ms,
                last_sequence: sequence,
                error_hash,
                body: self.reduced.clone(),
            };
            self.repeats.insert(key, repeat);
        }
        self.deduplicated += 1;
        true
    }

    /// Keeps what is no JSON as a text: no path can be blackened in it, but shapes of secrets are.
    fn add_unreadable(&mut self, entry: &Entry<'_>, sanitizer: &mut Sanitizer) {
        let text = String::from_utf8_lossy(entry.json);
        let note = serde_json::json!({ "plimsoll": "unreadable", "text": text }).to_string();
        if let Ok(Sanitized { body, .. }) = sanitizer.sanitize(note.as_bytes(), false) {
            write_line(&mut self.lines, entry.time_ms, entry.level, body, None);
            self.written += 1;
        }
    }

    /// Adds an entry of Plimsoll's own.
    pub fn add_note(&mut self, time_ms: i64, level: Level, note: &serde_json::Value) {
        write_line(&mut self.lines, time_ms, level, note.to_string().as_bytes(), None);
        self.written += 1;
    }

    /// Adds a line for every count that is not in the log yet.
    pub fn add_repeats(&mut self, counted: &RepeatTable) {
        for (slot, repeat) in counted.pending() {
            let hash = repeat.error_hash;
            let shown = if repeat.body.is_empty() {
                [&b"{\"errorHash\":\""[..], &hash, b"\"}"].concat()
            } else {
                repeat.body.clone()
            };
            write_line(&mut self.lines, repeat.last_ms, repeat.level, &shown, Some(hash));
            self.lines.truncate(self.lines.len() - 2);
            // Writing to a vector cannot fail.
            writeln!(
                self.lines,
                ",\"repeats\":{},\"firstTimestamp\":{},\"lastTimestamp\":{}}}",
                repeat.count, repeat.first_ms, repeat.last_ms
            )
            .ok();
            self.written += 1;
            self.slots |= 1 << slot;
        }
    }

    /// The repeats it counts; to be put into the ring before the lines are appended.
    pub fn take_repeats(&mut self) -> Vec<Repeat> {
        self.repeats.drain().map(|(_, repeat)| repeat).collect()
    }

    /// Puts its numbers into the counters, once it is written.
    pub fn count(&self, counters: &Counters) {
        counters.written.add(self.written);
        counters.written_bytes.add(self.lines.len() as u64);
        counters.deduplicated.add(self.deduplicated);
        counters.truncated.add(self.truncated);
        counters.redacted.add(self.redacted);
    }
}

/// An entry on its way into a line.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Its level.
    pub level: Level,
    /// When it was logged.
    pub time_ms: i64,
    /// Its sequence number in the ring; `None` when it came on another way. Such an entry is never
    /// counted, since the states of a count are ordered by it.
    pub sequence: Option<u64>,
    /// The JSON text of its data.
    pub json: &'a [u8],
    /// Whether that may hold error records.
    pub error_records: bool,
}

/// Appends one line: see the contract's line format.
fn write_line(out: &mut Vec<u8>, time_ms: i64, level: Level, body: &[u8], hash: Option<[u8; 16]>) {
    out.reserve(body.len() + 96);
    // Writing to a vector cannot fail.
    write!(out, "{{\"timestamp\":{time_ms},\"level\":\"{}\",\"data\":", level.name()).ok();
    out.extend_from_slice(body);
    if let Some(hash) = hash {
        out.extend_from_slice(b",\"hash\":\"");
        out.extend_from_slice(&hash);
        out.push(b'"');
    }
    out.extend_from_slice(b"}\n");
}

fn transcode(utf16: &[u8], out: &mut String) {
    out.clear();
    out.reserve(utf16.len() / 2);
    let units = utf16.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    out.extend(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)));
}
