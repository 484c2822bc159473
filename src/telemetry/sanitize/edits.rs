//! Changes to a text, noted while it is read and made afterwards in one copy.

/// What is to stand in place of `start..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Edit {
    start: usize,
    end: usize,
    text_start: usize,
    text_end: usize,
}

impl Edit {
    fn nothing(at: usize) -> Edit {
        Edit { start: at, end: at, text_start: 0, text_end: 0 }
    }
}

/// A stretch of [`Texts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Text {
    start: usize,
    end: usize,
}

impl Text {
    /// Nothing: what is replaced by it is left out.
    pub(super) const EMPTY: Text = Text { start: 0, end: 0 };
}

/// What is put in, all in one buffer.
#[derive(Debug, Default)]
pub(super) struct Texts(Vec<u8>);

impl Texts {
    pub(super) fn clear(&mut self, keep: usize) {
        self.0.clear();
        self.0.shrink_to(keep);
    }

    pub(super) fn add(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Text {
        let start = self.0.len();
        write(&mut self.0);
        Text { start, end: self.0.len() }
    }
}

/// Edits in the order of where they begin. One that begins inside another is not made, so a value can
/// be replaced after the edits inside it were noted.
#[derive(Debug, Default)]
pub(super) struct Edits(Vec<Edit>);

impl Edits {
    pub(super) fn clear(&mut self, keep: usize) {
        self.0.clear();
        self.0.shrink_to(keep);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn truncate(&mut self, len: usize) {
        self.0.truncate(len);
    }

    /// Notes an edit behind all others.
    pub(super) fn push(&mut self, start: usize, end: usize, text: Text) {
        self.0.push(Edit { start, end, text_start: text.start, text_end: text.end });
    }

    /// Notes that there may be an edit from `at` on. The place is for [`Edits::set`].
    pub(super) fn reserve(&mut self, at: usize) -> usize {
        self.0.push(Edit::nothing(at));
        self.0.len() - 1
    }

    /// Makes the edit in a reserved place.
    pub(super) fn set(&mut self, place: usize, start: usize, end: usize, text: Text) {
        if let Some(edit) = self.0.get_mut(place) {
            *edit = Edit { start, end, text_start: text.start, text_end: text.end };
        }
    }

    /// Takes the edit in a reserved place back, so that those inside it are made.
    pub(super) fn unset(&mut self, place: usize) {
        if let Some(edit) = self.0.get_mut(place) {
            *edit = Edit::nothing(edit.start);
        }
    }

    /// Whether they leave every text as it is.
    pub(super) fn is_empty(&self) -> bool {
        self.0.iter().all(|edit| edit.start == edit.end && edit.text_start == edit.text_end)
    }

    /// Appends `source` with the edits made.
    pub(super) fn apply(&self, source: &[u8], texts: &Texts, out: &mut Vec<u8>) {
        let mut at = 0;
        for edit in &self.0 {
            if let Some(kept) = source.get(at..edit.start) {
                out.extend_from_slice(kept);
                out.extend_from_slice(texts.0.get(edit.text_start..edit.text_end).unwrap_or(b""));
                at = edit.end;
            }
        }
        out.extend_from_slice(source.get(at..).unwrap_or_default());
    }
}
