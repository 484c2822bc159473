//! Which values are blackened because of where they stand.
//!
//! A path leads from the root of an entry's `data` to a value, in the notation of pino's `redact`
//! (<https://getpino.io/#/docs/redaction>):
//!
//! | Path | Blackens |
//! |---|---|
//! | `password` | the member `password` of `data` itself |
//! | `headers.authorization` | the member `authorization` of `data.headers` |
//! | `headers["x-api-key"]` | a key that is no identifier; `'` and `` ` `` quote as well |
//! | `*.token` | `token` one level down, whatever the key or index above it |
//! | `users[*].email` | `email` of every element; `[0]` is one element |
//! | `headers.*` | every member of `data.headers` |
//! | `**.password` | `password` at any depth, `data` itself included (beyond pino) |
//!
//! A blackened value of any type, object and array included, becomes `"[redacted]"`. A path that leads
//! nowhere does nothing. A `null` member is left out all the same.
//!
//! Bounds: [`MAX_PATHS`] paths of at most [`MAX_SEGMENTS`] parts; more are refused.

use super::{json, prefilter};

/// Paths in one [`Redaction`].
pub const MAX_PATHS: usize = 256;
/// Parts in one path.
pub const MAX_SEGMENTS: usize = 64;

/// A path to redact that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("redact path {path:?}: expected {expected} at character {position}, found {found}")]
pub struct InvalidPath {
    /// The path as given.
    pub path: String,
    /// Where it goes wrong: the number of characters before that.
    pub position: usize,
    /// What stands there, quoted; or `its end`.
    pub found: String,
    /// What would be right there.
    pub expected: &'static str,
}

/// What is blackened: values at paths, and secrets by their shape wherever they stand.
///
/// [`Default`] has no paths and looks for secrets.
#[derive(Debug, Clone)]
pub struct Redaction {
    /// All paths, one after the other; each ends in a segment with `last`.
    segments: Vec<Segment>,
    starts: Vec<u16>,
    needles: Vec<Vec<u8>>,
    everywhere: bool,
    pub(super) secrets: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Segment {
    step: Step,
    last: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// A member by its key, or an element by its index.
    Key(String),
    /// Any member or element.
    Any,
    /// Any number of levels, none included.
    Deep,
}

impl Default for Redaction {
    fn default() -> Self {
        Redaction {
            segments: Vec::new(),
            starts: Vec::new(),
            needles: Vec::new(),
            everywhere: false,
            secrets: true,
        }
    }
}

impl Redaction {
    /// Blackens the values at `paths` and, with `secrets`, everything that has the shape of a secret
    /// (see [`super::secrets`]).
    ///
    /// # Errors
    /// [`InvalidPath`] for the first path that is not in the notation above.
    pub fn new(paths: &[String], secrets: bool) -> Result<Redaction, InvalidPath> {
        let mut redaction = Redaction { secrets, ..Redaction::default() };
        for (index, path) in paths.iter().enumerate() {
            let parser = Parser { path, at: 0 };
            if index >= MAX_PATHS {
                return Err(parser.error("no more than 256 paths"));
            }
            let steps = parser.parse()?;
            // The most specific key that only an object can have; without it the path matches arrays
            // too, and only walking tells.
            let key = steps.iter().rev().find_map(|step| match step {
                Step::Key(key) if key.parse::<u32>().is_err() => Some(key),
                _ => None,
            });
            match key {
                Some(key) => redaction.needles.push(prefilter::key_needle(key)),
                None => redaction.everywhere = true,
            }
            redaction.starts.extend(u16::try_from(redaction.segments.len()));
            let last = steps.len() - 1;
            redaction.segments.extend(
                steps
                    .into_iter()
                    .enumerate()
                    .map(|(index, step)| Segment { step, last: index == last }),
            );
        }
        Ok(redaction)
    }

    /// How a key that can lead to a blackened value stands in JSON text, for each path.
    pub(super) fn needles(&self) -> &[Vec<u8>] {
        &self.needles
    }

    /// Whether there is a path without such a key.
    pub(super) fn everywhere(&self) -> bool {
        self.everywhere
    }

    pub(super) fn has_paths(&self) -> bool {
        !self.starts.is_empty()
    }

    /// Puts the places at the root into `active`.
    pub(super) fn enter_root(&self, active: &mut Vec<u16>) {
        for &start in &self.starts {
            self.arrive(start, 0, active);
        }
    }

    /// Steps from the places `active[from..to]` into the member or element `key`: whether it is
    /// blackened. The places below it are put behind `to`, in place of those of the one before.
    pub(super) fn step(
        &self,
        active: &mut Vec<u16>,
        (from, to): (usize, usize),
        key: Key<'_>,
    ) -> bool {
        let mut redacted = false;
        active.truncate(to);
        let below = to;
        for index in from..to {
            let Some(&place) = active.get(index) else { break };
            let Some(segment) = self.segments.get(usize::from(place)) else { break };
            let matches = match &segment.step {
                Step::Key(wanted) => key.is(wanted),
                Step::Any => true,
                Step::Deep => {
                    self.arrive(place, below, active);
                    continue;
                }
            };
            if matches && segment.last {
                redacted = true;
            } else if matches {
                self.arrive(place + 1, below, active);
            }
        }
        redacted
    }

    /// Adds the place `place`, and the one behind it when it may stand for no level at all.
    fn arrive(&self, mut place: u16, below: usize, active: &mut Vec<u16>) {
        loop {
            if active.get(below..).is_some_and(|present| present.contains(&place)) {
                return;
            }
            active.push(place);
            match self.segments.get(usize::from(place)) {
                Some(Segment { step: Step::Deep, last: false }) => place += 1,
                _ => return,
            }
        }
    }
}

/// A member's key as it stands in the text, or an element's index.
#[derive(Debug, Clone, Copy)]
pub(super) enum Key<'a> {
    Member { raw: &'a [u8], escaped: bool },
    Element(usize),
}

impl Key<'_> {
    fn is(self, wanted: &str) -> bool {
        match self {
            Key::Member { raw, escaped: false } => raw == wanted.as_bytes(),
            Key::Member { raw, escaped: true } => json::decode(raw, true) == wanted,
            Key::Element(index) => wanted.parse() == Ok(index),
        }
    }
}

struct Parser<'a> {
    path: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn parse(mut self) -> Result<Vec<Step>, InvalidPath> {
        let mut steps = Vec::new();
        loop {
            let step = match self.peek() {
                Some('[') => self.bracket()?,
                Some('.') if !steps.is_empty() => {
                    self.at += 1;
                    self.name()?
                }
                _ if steps.is_empty() => self.name()?,
                _ => return Err(self.error("`.` or `[`")),
            };
            if step == Step::Deep && steps.last() == Some(&Step::Deep) {
                return Err(self.error("a key after `**`"));
            }
            steps.push(step);
            if steps.len() > MAX_SEGMENTS {
                return Err(self.error("no more than 64 parts"));
            }
            if self.peek().is_none() {
                break;
            }
        }
        match steps.last() {
            Some(Step::Deep) => Err(self.error("a key after `**`")),
            _ => Ok(steps),
        }
    }

    fn name(&mut self) -> Result<Step, InvalidPath> {
        let rest = self.rest();
        let end = rest
            .find(|c: char| matches!(c, '.' | '[' | ']' | '"' | '\'' | '`') || c.is_whitespace())
            .unwrap_or(rest.len());
        let name = rest.get(..end).unwrap_or_default();
        let step = match name {
            "" => return Err(self.error("a key, `*` or `**`")),
            "*" => Step::Any,
            "**" => Step::Deep,
            _ => match name.find('*') {
                Some(star) => {
                    self.at += star;
                    return Err(self.error("`*` to stand alone between dots"));
                }
                None => Step::Key(name.to_owned()),
            },
        };
        self.at += end;
        Ok(step)
    }

    fn bracket(&mut self) -> Result<Step, InvalidPath> {
        self.at += 1;
        let step = match self.peek() {
            Some('*') => {
                self.at += 1;
                Step::Any
            }
            Some(quote @ ('"' | '\'' | '`')) => {
                self.at += 1;
                let rest = self.rest();
                let Some(end) = rest.find(quote) else {
                    self.at = self.path.len();
                    return Err(self.error("a closing quote"));
                };
                let key = rest.get(..end).unwrap_or_default().to_owned();
                self.at += end + 1;
                Step::Key(key)
            }
            Some('0'..='9') => {
                let rest = self.rest();
                let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
                let index = rest.get(..end).unwrap_or_default().to_owned();
                self.at += end;
                Step::Key(index)
            }
            _ => return Err(self.error("`*`, an index or a quoted key")),
        };
        if self.peek() != Some(']') {
            return Err(self.error("`]`"));
        }
        self.at += 1;
        Ok(step)
    }

    fn rest(&self) -> &str {
        self.path.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn error(&self, expected: &'static str) -> InvalidPath {
        InvalidPath {
            path: self.path.to_owned(),
            position: self.path.get(..self.at).unwrap_or_default().chars().count(),
            found: self.peek().map_or_else(|| "its end".to_owned(), |found| format!("{found:?}")),
            expected,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(path: &str) -> String {
        Redaction::new(&[path.to_owned()], true).unwrap_err().to_string()
    }

    #[test]
    fn paths_that_cannot_be_understood_say_where_and_why() {
        for (path, why) in [
            ("", "expected a key, `*` or `**` at character 0, found its end"),
            ("a.", "expected a key, `*` or `**` at character 2, found its end"),
            (".a", "expected a key, `*` or `**` at character 0, found '.'"),
            ("a..b", "expected a key, `*` or `**` at character 2, found '.'"),
            ("a[", "expected `*`, an index or a quoted key at character 2, found its end"),
            ("a[b]", "expected `*`, an index or a quoted key at character 2, found 'b'"),
            ("a[\"b]", "expected a closing quote at character 5, found its end"),
            ("a[0", "expected `]` at character 3, found its end"),
            ("a[*]b", "expected `.` or `[` at character 4, found 'b'"),
            ("a b", "expected `.` or `[` at character 1, found ' '"),
            ("é.b*", "expected `*` to stand alone between dots at character 3, found '*'"),
            ("a.**", "expected a key after `**` at character 4, found its end"),
            ("**.**.a", "expected a key after `**` at character 5, found '.'"),
        ] {
            assert_eq!(error(path), format!("redact path {path:?}: {why}"));
        }
    }

    #[test]
    fn numbers_of_paths_and_parts_are_bounded() {
        assert!(error(&vec!["a"; MAX_SEGMENTS + 1].join(".")).contains("64 parts"));
        let paths = vec!["a".to_owned(); MAX_PATHS + 1];
        assert!(Redaction::new(&paths, true).unwrap_err().to_string().contains("256 paths"));
        assert!(Redaction::new(&paths[1..], true).is_ok());
    }

    #[test]
    fn a_needle_is_the_key_as_it_stands_in_json() {
        let paths = ["a[0]", "*", "[\"q\\\"\n\"]"].map(str::to_owned);
        let redaction = Redaction::new(&paths[..1], false).unwrap();
        assert_eq!(
            (redaction.needles(), redaction.everywhere()),
            (&[b"\"a\":".to_vec()][..], false)
        );
        assert!(Redaction::new(&paths[1..2], false).unwrap().everywhere());
        let quoted = Redaction::new(&["['q\"\n']".to_owned()], false).unwrap();
        assert_eq!(quoted.needles(), [br#""q\"\n":"#.to_vec()]);
    }

    #[test]
    fn active_places_do_not_grow_with_depth() {
        let paths = ["**.a.**.b", "**.**x"].map(str::to_owned);
        assert!(Redaction::new(&paths, false).is_err());
        let redaction = Redaction::new(&paths[..1], false).unwrap();
        let mut active = Vec::new();
        redaction.enter_root(&mut active);
        let mut range = (0, active.len());
        for _ in 0..1000 {
            let key = Key::Member { raw: b"a", escaped: false };
            assert!(!redaction.step(&mut active, range, key));
            range = (range.1, active.len());
            assert!(range.1 - range.0 <= 4);
        }
        assert!(redaction.step(&mut active, range, Key::Member { raw: b"\\u0062", escaped: true }));
    }
}
