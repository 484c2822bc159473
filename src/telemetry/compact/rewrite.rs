//! What becomes of one line.
//!
//! - A line of ours, `{"timestamp":…,"level":…,"data":…}` with any further members: `data` is sanitised,
//!   `hash` is added when it has an error and none yet, everything else stays as it is.
//! - Any other JSON: sanitised as a whole.
//! - What is no JSON: kept byte for byte and counted.
//!
//! Deduplication is about lines of ours with an error text, and with nothing beyond `hash` behind the data:
//! the text is written once, entries identical in everything but their time are counted, and the counts
//! follow at the end. What is remembered is bounded; what is forgotten is written again.
//!
//! A line that nothing has to change in is kept byte for byte.

use super::super::dedup::{Dedup, Verdict, entry_key};
use super::super::level::Level;
use super::super::ring::EntryKey;
use super::super::sanitize::Sanitizer;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;

/// Identical entries counted at a time; one more is written without its text.
const MAX_COUNTED: usize = 1024;
/// Data longer than this is written again rather than remembered for its count.
const MAX_COUNTED_BODY: usize = 4096;

/// What was done to the lines.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Rewritten {
    /// Lines read.
    pub lines: u64,
    /// Lines kept byte for byte because they are no JSON.
    pub malformed: u64,
    /// Lines kept byte for byte because they are too long to be looked at.
    pub too_long: u64,
    /// Error texts shortened.
    pub truncated: u64,
    /// Values blackened.
    pub redacted: u64,
    /// Lines counted instead of written.
    pub deduplicated: u64,
}

struct Counted {
    level: Level,
    data: Vec<u8>,
    hash: Vec<u8>,
    count: u64,
    first_ms: i64,
    last_ms: i64,
}

/// Sanitises and deduplicates lines, one after another.
pub struct Rewriter {
    sanitizer: Sanitizer,
    dedup: Option<Dedup>,
    order: Vec<Counted>,
    counted: HashMap<EntryKey, usize>,
    reduced: Vec<u8>,
    /// What was done so far.
    pub done: Rewritten,
}

/// Members a line of ours may have.
const MAX_MEMBERS: usize = 64;

/// The members of an object, in order, as they are written; [`MAX_MEMBERS`] and one at most.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(key) = map.next_key::<Key<'de>>()? {
                    let value = map.next_value()?;
                    if members.len() <= MAX_MEMBERS {
                        members.push((key.0, value));
                    }
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

#[derive(Deserialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// A line of ours, taken apart.
struct Entry<'a> {
    time_ms: i64,
    level: Level,
    data: &'a str,
    hash: Option<&'a str>,
    others: bool,
    /// Where `data` begins in the line.
    start: usize,
}

impl<'a> Entry<'a> {
    fn of(line: &'a [u8]) -> Option<Entry<'a>> {
        let Members(members) = serde_json::from_slice(line).ok()?;
        if members.len() > MAX_MEMBERS {
            return None;
        }
        let one = |name: &str| {
            let mut found = members.iter().filter(|(key, _)| key == name);
            let (_, value) = found.next()?;
            found.next().is_none().then(|| value.get())
        };
        let level: Cow<'_, str> = serde_json::from_str(one("level")?).ok()?;
        let data = one("data")?;
        Some(Entry {
            time_ms: one("timestamp")?.parse().ok()?,
            level: Level::from_name(&level)?,
            data,
            hash: one("hash"),
            others: members
                .iter()
                .any(|(key, _)| !["timestamp", "level", "data", "hash"].contains(&&**key)),
            // `data` is borrowed from the line.
            start: data.as_ptr() as usize - line.as_ptr() as usize,
        })
    }
}

impl Rewriter {
    /// Sanitises with `sanitizer`; deduplicates when `dedup` says so.
    #[must_use]
    pub fn new(sanitizer: Sanitizer, dedup: bool) -> Rewriter {
        Rewriter {
            sanitizer,
            dedup: dedup.then(Dedup::default),
            order: Vec::new(),
            counted: HashMap::new(),
            reduced: Vec::new(),
            done: Rewritten::default(),
        }
    }

    /// Rewrites a line (without its line feed) to the end of `out`. Returns `false` when there is nothing
    /// to write of it: it was counted.
    pub fn line(&mut self, line: &[u8], out: &mut Vec<u8>) -> bool {
        self.done.lines += 1;
        let Some(entry) = Entry::of(line) else {
            self.other(line, out);
            return true;
        };
        let Ok(sanitized) = self.sanitizer.sanitize_untrusted(entry.data.as_bytes(), false) else {
            self.done.malformed += 1;
            out.extend_from_slice(line);
            return true;
        };
        self.done.truncated += u64::from(sanitized.truncated);
        self.done.redacted += u64::from(sanitized.redacted);
        let primary = sanitized.primary_hash();
        let mut body = sanitized.body;
        if let (Some(dedup), Some(primary), false) = (&mut self.dedup, primary, entry.others) {
            self.reduced.clear();
            sanitized.without_error_text(&mut self.reduced);
            let key = entry_key(entry.level as u8, &self.reduced);
            match dedup.judge(key, sanitized.errors.iter().map(|error| error.hash)) {
                Verdict::New => {}
                Verdict::KnownText => body = &self.reduced,
                Verdict::Identical => {
                    let hash = hash_member(entry.hash, &primary);
                    if count(&mut self.order, &mut self.counted, key, &entry, &self.reduced, hash) {
                        self.done.deduplicated += 1;
                        return false;
                    }
                    body = &self.reduced;
                }
            }
        }
        let end = entry.start + entry.data.len();
        out.extend_from_slice(&line[..entry.start]);
        out.extend_from_slice(body);
        match primary {
            Some(primary) if entry.hash.is_none() => {
                // Behind the data, where ours is.
                out.extend_from_slice(b",\"hash\":\"");
                out.extend_from_slice(&primary);
                out.push(b'"');
            }
            _ => {}
        }
        out.extend_from_slice(&line[end..]);
        true
    }

    /// A line that is not ours.
    fn other(&mut self, line: &[u8], out: &mut Vec<u8>) {
        match self.sanitizer.sanitize_untrusted(line, false) {
            Ok(sanitized) => {
                self.done.truncated += u64::from(sanitized.truncated);
                self.done.redacted += u64::from(sanitized.redacted);
                out.extend_from_slice(sanitized.body);
            }
            Err(_) => {
                self.done.malformed += u64::from(!line.iter().all(u8::is_ascii_whitespace));
                out.extend_from_slice(line);
            }
        }
    }

    /// Appends the lines of what was counted, in the order of the first one left out.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        for counted in self.order.drain(..) {
            let Counted { level, data, hash, count, first_ms, last_ms } = counted;
            // Writing to a vector cannot fail.
            write!(out, "{{\"timestamp\":{last_ms},\"level\":\"{}\",\"data\":", level.name()).ok();
            out.extend_from_slice(&data);
            out.extend_from_slice(b",\"hash\":");
            out.extend_from_slice(&hash);
            writeln!(
                out,
                ",\"repeats\":{count},\"firstTimestamp\":{first_ms},\"lastTimestamp\":{last_ms}}}"
            )
            .ok();
        }
        self.counted.clear();
    }
}

fn hash_member(stated: Option<&str>, primary: &[u8; 16]) -> Vec<u8> {
    match stated {
        Some(stated) => stated.as_bytes().to_vec(),
        None => [b"\"", &primary[..], b"\""].concat(),
    }
}

/// Counts an identical entry; `false` when there is no room for one more.
fn count(
    order: &mut Vec<Counted>,
    index: &mut HashMap<EntryKey, usize>,
    key: EntryKey,
    entry: &Entry<'_>,
    data: &[u8],
    hash: Vec<u8>,
) -> bool {
    if let Some(counted) = index.get(&key).and_then(|place| order.get_mut(*place)) {
        // The stated hash is that of the whole text, of which only the same start may be here.
        if counted.hash != hash {
            return false;
        }
        counted.count += 1;
        counted.first_ms = counted.first_ms.min(entry.time_ms);
        counted.last_ms = counted.last_ms.max(entry.time_ms);
        return true;
    }
    if order.len() >= MAX_COUNTED || data.len() > MAX_COUNTED_BODY {
        return false;
    }
    index.insert(key, order.len());
    order.push(Counted {
        level: entry.level,
        data: data.to_vec(),
        hash,
        count: 1,
        first_ms: entry.time_ms,
        last_ms: entry.time_ms,
    });
    true
}
