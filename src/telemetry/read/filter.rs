//! Which lines are shown.

use super::super::level::Level;
use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;
use std::borrow::Cow;
use thiserror::Error;

/// Bytes a compiled pattern may take.
const PATTERN_BYTES: usize = 1 << 20;

/// What a line of ours says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// When it was logged, milliseconds since the Unix epoch.
    pub time_ms: i64,
    /// Its level.
    pub level: Level,
}

impl Meta {
    /// Reads a line's time and level; `None` when it has not both.
    #[must_use]
    pub fn of(line: &[u8]) -> Option<Meta> {
        Meta::of_ours(line).or_else(|| Meta::of_any(line))
    }

    /// The form we write: `{"timestamp":1761220800123,"level":"info","data":`.
    fn of_ours(line: &[u8]) -> Option<Meta> {
        let rest = line.strip_prefix(b"{\"timestamp\":")?;
        let comma = rest.iter().take(24).position(|byte| *byte == b',')?;
        let time_ms = std::str::from_utf8(&rest[..comma]).ok()?.parse().ok()?;
        let rest = rest[comma..].strip_prefix(b",\"level\":\"")?;
        let quote = rest.iter().take(8).position(|byte| *byte == b'"')?;
        let level = Level::from_name(std::str::from_utf8(&rest[..quote]).ok()?)?;
        Some(Meta { time_ms, level })
    }

    /// Any JSON object with both members.
    fn of_any(line: &[u8]) -> Option<Meta> {
        #[derive(Deserialize)]
        struct Members<'a> {
            timestamp: i64,
            #[serde(borrow)]
            level: Cow<'a, str>,
        }
        if line.first() != Some(&b'{') {
            return None;
        }
        let members: Members<'_> = serde_json::from_slice(line).ok()?;
        Some(Meta { time_ms: members.timestamp, level: Level::from_name(&members.level)? })
    }
}

/// A regular expression, matched in time linear in the line (<https://docs.rs/regex>).
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

/// A pattern that cannot be used.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct PatternError(String);

impl Pattern {
    /// Compiles `pattern`.
    ///
    /// # Errors
    /// [`PatternError`] for one that is not valid or grows too large.
    pub fn new(pattern: &str, ignore_case: bool) -> Result<Pattern, PatternError> {
        RegexBuilder::new(pattern)
            .case_insensitive(ignore_case)
            .size_limit(PATTERN_BYTES)
            .dfa_size_limit(PATTERN_BYTES)
            .build()
            .map(Pattern)
            .map_err(|error| PatternError(error.to_string()))
    }
}

/// Which lines are shown: those that pass every test that is set.
///
/// A line without a time and a level of its own, such as the second line of a stack trace somebody
/// appended, passes `level` and `since` when the line before it in the same file did; at the start of a
/// file it passes. `pattern` is matched against every line by itself.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// The least level.
    pub level: Option<Level>,
    /// The earliest time, milliseconds since the Unix epoch.
    pub since_ms: Option<i64>,
    /// What the line's text must match.
    pub pattern: Option<Pattern>,
}

impl Filter {
    /// Whether a line passes. `inherited` is the file's state, `true` at its start.
    pub(super) fn admits(&self, line: &[u8], inherited: &mut bool) -> bool {
        if (self.level.is_some() || self.since_ms.is_some())
            && let Some(meta) = Meta::of(line)
        {
            *inherited = self.level.is_none_or(|least| meta.level >= least)
                && self.since_ms.is_none_or(|since| meta.time_ms >= since);
        }
        *inherited && self.pattern.as_ref().is_none_or(|pattern| pattern.0.is_match(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(filter: &Filter, lines: &[&str]) -> Vec<usize> {
        let mut inherited = true;
        let admitted = lines.iter().enumerate();
        admitted
            .filter(|(_, line)| filter.admits(line.as_bytes(), &mut inherited))
            .map(|(number, _)| number)
            .collect()
    }

    const LINES: [&str; 6] = [
        "a stranger's first line",
        r#"{"timestamp":100,"level":"info","data":{"a":1}}"#,
        "  at a stack trace",
        r#"{ "level" : "error", "data":{}, "timestamp": 200 }"#,
        "  at another",
        r#"{"timestamp":300,"level":"debug","data":{"A":1}}"#,
    ];

    #[test]
    fn lines_of_others_go_with_the_line_before_them() {
        let errors = Filter { level: Some(Level::Warn), ..Filter::default() };
        assert_eq!(shown(&errors, &LINES), [0, 3, 4]);
        let late = Filter { since_ms: Some(200), ..Filter::default() };
        assert_eq!(shown(&late, &LINES), [0, 3, 4, 5]);
    }

    #[test]
    fn a_pattern_is_matched_by_itself_and_with_the_others() {
        let pattern = |text, ignore_case| Some(Pattern::new(text, ignore_case).unwrap());
        let at = Filter { pattern: pattern("^ +at", false), ..Filter::default() };
        assert_eq!(shown(&at, &LINES), [2, 4]);
        let any_case = Filter { pattern: pattern("\"a\":1", true), ..Filter::default() };
        assert_eq!(shown(&any_case, &LINES), [1, 5]);
        let both = Filter { level: Some(Level::Info), ..any_case };
        assert_eq!(shown(&both, &LINES), [1]);
    }

    #[test]
    fn what_only_looks_like_ours_has_no_time_and_level() {
        for line in [
            "",
            "{}",
            "{\"timestamp\":",
            r#"{"timestamp":1,"level":"info""#.trim_end_matches('"'),
            r#"{"timestamp":1,"level":"loud","data":{}}"#,
            r#"{"timestamp":"1","level":"info","data":{}}"#,
            r#"{"timestamp":1.5,"level":"info"}"#,
            r#"[{"timestamp":1,"level":"info"}]"#,
        ] {
            assert_eq!(Meta::of(line.as_bytes()), None, "{line}");
        }
        let negative = Meta::of(br#"{"timestamp":-5,"level":"warn","data":{}}"#);
        assert_eq!(negative, Some(Meta { time_ms: -5, level: Level::Warn }));
    }

    #[test]
    fn a_hostile_pattern_is_refused_or_takes_linear_time() {
        assert!(Pattern::new("(", false).is_err());
        assert!(Pattern::new("(((a{100}){100}){100}){100}", false).is_err());
        let evil =
            Filter { pattern: Some(Pattern::new("(a+)+$", false).unwrap()), ..Filter::default() };
        let line = format!("{}b", "a".repeat(1 << 20));
        assert!(!evil.admits(line.as_bytes(), &mut true));
    }
}
