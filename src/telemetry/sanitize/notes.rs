//! What a pass over an entry found, for the two texts made of it.

use super::edits::{Edits, Text, Texts};
use super::{ErrorHash, ErrorText};

/// The findings of one pass.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// The edits that make the body.
    pub(super) body: Edits,
    /// The edits that make the body without its error texts.
    pub(super) reduced: Edits,
    pub(super) texts: Texts,
    pub(super) errors: Vec<ErrorText>,
    pub(super) truncated: u32,
    pub(super) redacted: u32,
}

/// A point of a pass to which its notes can be taken back.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mark {
    body: usize,
    reduced: usize,
    errors: usize,
    truncated: u32,
    redacted: u32,
}

impl Notes {
    /// Forgets everything; buffers that grew beyond `keep` entries are given back.
    pub(super) fn clear(&mut self, keep: usize) {
        self.body.clear(keep);
        self.reduced.clear(keep);
        self.texts.clear(keep);
        self.errors.clear();
        self.errors.shrink_to(keep);
        (self.truncated, self.redacted) = (0, 0);
    }

    pub(super) fn mark(&self) -> Mark {
        Mark {
            body: self.body.len(),
            reduced: self.reduced.len(),
            errors: self.errors.len(),
            truncated: self.truncated,
            redacted: self.redacted,
        }
    }

    pub(super) fn rewind(&mut self, mark: Mark) {
        self.body.truncate(mark.body);
        self.reduced.truncate(mark.reduced);
        self.errors.truncate(mark.errors);
        (self.truncated, self.redacted) = (mark.truncated, mark.redacted);
    }

    pub(super) fn both(&mut self, start: usize, end: usize, text: Text) {
        self.body.push(start, end, text);
        self.reduced.push(start, end, text);
    }

    /// `"<hash>"`
    pub(super) fn hash_value(&mut self, hash: &ErrorHash) -> Text {
        self.texts.add(|out| quote_hash(hash, out))
    }

    /// `<before>"<key>":"<hash>"<after>`
    pub(super) fn hash_member(
        &mut self,
        before: &str,
        key: &str,
        hash: &ErrorHash,
        after: &str,
    ) -> Text {
        self.texts.add(|out| {
            out.extend_from_slice(before.as_bytes());
            out.push(b'"');
            out.extend_from_slice(key.as_bytes());
            out.extend_from_slice(b"\":");
            quote_hash(hash, out);
            out.extend_from_slice(after.as_bytes());
        })
    }
}

fn quote_hash(hash: &ErrorHash, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(hash);
    out.push(b'"');
}
