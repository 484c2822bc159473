//! Sanitising of one log entry: what its JSON text becomes before it is written.
//!
//! One pass over the text, without a tree; an entry that needs no change is not even copied. What is
//! done, and in which order:
//!
//! 1. **Redaction.** Values at the configured paths ([`Redaction`]) and everything shaped like a secret
//!    ([`secrets`]) are blackened, anywhere, also in keys and in arrays. This comes before shortening, so
//!    that half a secret is never left.
//! 2. **Nulls.** Members whose value is `null` are left out of objects that are in no array.
//! 3. **Error texts.** A string under `error`, or under the single key `telemetry.meta.error`, in an
//!    object that is in no array. Longer than the limit, it is shortened ([`condense`]) and its hash is
//!    set beside it as `errorHash` (`telemetry.meta.errorHash`); an `errorHash` that is there already is
//!    overwritten.
//! 4. **Error records**, when the entry is marked: the facade writes an `Error` as
//!    `{"\u0000plimsoll:error":1,"name":…,"message":…,"code":…,"stack":…,"cause":…,"errors":…,…}` with
//!    the mark as the first member. The mark is left out; `message`, `stack` and a string `cause` are
//!    shortened, those of inner records too. When something was shortened, `errorHash` is set beside the
//!    record if its key is that of an error text, else as the record's last member. This holds in arrays.
//!
//! **The hash** of an error text is the first 16 lower-case hexadecimal digits of the SHA-256 of the
//! whole text in UTF-8, unredacted (lone surrogates as U+FFFD, like Node's `Buffer.from`). That of an
//! error record is taken over its JSON text as it came, from `{` to `}`, with all fields and causes. So
//! records that differ anywhere differ in their hash.
//!
//! **Leaving texts out.** [`Sanitized::without_error_text`] puts `errorHash` in place of each error. A
//! short text with an `errorHash` beside it that is not its hash stays: leaving it out would lose one.
//!
//! Bounds: [`MAX_DEPTH`] levels; buffers that grew beyond 64 KiB are given back with the next entry. Time
//! is linear in the text. What is not JSON is refused with [`Malformed`]; [`Sanitizer::sanitize`] trusts
//! text without any trace of work to be done, [`Sanitizer::sanitize_untrusted`] trusts nothing.

pub mod condense;
mod edits;
mod frame;
mod json;
mod lines;
mod linter;
mod notes;
mod prefilter;
pub mod redact;
pub mod secrets;
mod typescript;
mod walk;

pub use json::Malformed;
pub use redact::{InvalidPath, Redaction};

use notes::Notes;
use prefilter::Prefilter;
use sha2::{Digest, Sha256};
use walk::{Rules, Stack, Walk};

/// The hash of an error text: the first 16 hexadecimal digits of its SHA-256, as ASCII.
pub type ErrorHash = [u8; 16];

/// Arrays and objects that may be inside one another.
pub const MAX_DEPTH: usize = 10_000;

/// Bytes, or things, a buffer keeps room for from one entry to the next.
const KEPT_BUFFER: usize = 1 << 16;
const KEPT_ITEMS: usize = 1 << 10;

/// An error text or error record of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorText {
    /// Its hash.
    pub hash: ErrorHash,
    /// 0 for `data.error`, 1 for `data.telemetry.meta.error`, 2 for any other.
    rank: u8,
    /// How many objects and arrays it is in.
    depth: usize,
}

/// An entry as it is to be written.
#[derive(Debug)]
pub struct Sanitized<'a> {
    /// The JSON text; the very text given when nothing had to change.
    pub body: &'a [u8],
    /// Its errors, in the order of the text. What is inside an error record is part of that.
    pub errors: &'a [ErrorText],
    /// Texts shortened.
    pub truncated: u32,
    /// Values, or secrets in them, blackened.
    pub redacted: u32,
    json: &'a [u8],
    notes: &'a Notes,
}

/// Sanitises entries, one at a time, under fixed rules.
#[derive(Debug)]
pub struct Sanitizer {
    max_error_length: usize,
    redaction: Redaction,
    any: Prefilter,
    secrets: Prefilter,
    notes: Notes,
    stack: Stack,
    body: Vec<u8>,
}

impl Sanitizer {
    /// Shortens error texts to `max_error_length` UTF-16 units (a JavaScript string's `length`) and
    /// blackens what `redaction` says.
    #[must_use]
    pub fn new(max_error_length: usize, redaction: Redaction) -> Self {
        Sanitizer {
            max_error_length,
            any: Prefilter::any(&redaction),
            secrets: Prefilter::secrets(&redaction),
            redaction,
            notes: Notes::default(),
            stack: Stack::default(),
            body: Vec::new(),
        }
    }

    /// Sanitises the text `JSON.stringify` gave for an entry's data. `marked`: it may hold error
    /// records, which are ordinary data otherwise.
    ///
    /// # Errors
    /// [`Malformed`] for text that is not JSON or is nested deeper than [`MAX_DEPTH`]; it goes unnoticed
    /// where nothing in the text asks for a closer look.
    pub fn sanitize<'a>(
        &'a mut self,
        json: &'a [u8],
        marked: bool,
    ) -> Result<Sanitized<'a>, Malformed> {
        if marked || self.any.is_match(json) {
            return self.sanitize_untrusted(json, marked);
        }
        self.notes.clear(KEPT_ITEMS);
        Ok(self.sanitized(json, json))
    }

    /// Sanitises JSON text of any origin: white space and needless escapes included.
    ///
    /// # Errors
    /// [`Malformed`] for text that is not JSON or is nested deeper than [`MAX_DEPTH`].
    pub fn sanitize_untrusted<'a>(
        &'a mut self,
        json: &'a [u8],
        marked: bool,
    ) -> Result<Sanitized<'a>, Malformed> {
        self.notes.clear(KEPT_ITEMS);
        self.stack.clear(KEPT_ITEMS);
        let rules = Rules {
            max_error_length: self.max_error_length,
            redaction: &self.redaction,
            secrets: &self.secrets,
            marked,
        };
        Walk::new(json, rules, &mut self.notes, &mut self.stack).run()?;
        if self.notes.body.is_empty() {
            return Ok(self.sanitized(json, json));
        }
        self.body.clear();
        self.body.shrink_to(KEPT_BUFFER);
        self.notes.body.apply(json, &self.notes.texts, &mut self.body);
        Ok(self.sanitized(json, &self.body))
    }

    fn sanitized<'a>(&'a self, json: &'a [u8], body: &'a [u8]) -> Sanitized<'a> {
        Sanitized {
            body,
            errors: &self.notes.errors,
            truncated: self.notes.truncated,
            redacted: self.notes.redacted,
            json,
            notes: &self.notes,
        }
    }
}

impl Sanitized<'_> {
    /// The hash that stands for the entry: that of `data.error`, else of `data.telemetry.meta.error`,
    /// else of the first of the outermost errors; `None` without any.
    #[must_use]
    pub fn primary_hash(&self) -> Option<ErrorHash> {
        // Of several that are equal, `min_by_key` gives the first.
        self.errors.iter().min_by_key(|error| (error.rank, error.depth)).map(|error| error.hash)
    }

    /// Appends the body with each error left out and `errorHash` in its place.
    pub fn without_error_text(&self, out: &mut Vec<u8>) {
        self.notes.reduced.apply(self.json, &self.notes.texts, out);
    }
}

/// The hash of a whole text or record.
fn hash_of(text: &[u8]) -> ErrorHash {
    let digest = Sha256::digest(text);
    let mut hash = [0; 16];
    for (pair, byte) in hash.chunks_exact_mut(2).zip(digest) {
        pair.copy_from_slice(
            &[byte >> 4, byte & 15].map(|digit| b"0123456789abcdef"[digit as usize]),
        );
    }
    hash
}

#[cfg(test)]
mod tests;
