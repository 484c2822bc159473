//! What several linters' formats share.

use super::super::location::number;
use crate::analysis::report::Report;

/// The first warning: what is quoted when there is no error.
#[derive(Default)]
pub(super) struct FirstWarning(Option<(String, u64)>);

impl FirstWarning {
    /// Remembers the first.
    pub(super) fn note(&mut self, message: &str, report: &Report) {
        if self.0.is_none() && report.first.is_none() {
            self.0 = Some((message.to_owned(), report.line_number()));
        }
    }

    /// Quotes it unless an error is quoted.
    pub(super) fn quote(&mut self, report: &mut Report) {
        if let Some((message, line)) = self.0.take()
            && report.first.is_none()
        {
            report.requote(&message);
            report.first_line = line;
        }
    }
}

/// `path:12 rest`: places without a column, as hadolint, markdownlint and pydocstyle write them.
pub(super) fn numbered(line: &str) -> Option<(&str, u32, &str)> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr(b':', line.as_bytes().get(from..)?)?;
        if let Some((row, rest)) = number(&line[at + 1..])
            && at > 0
        {
            return rest.strip_prefix(' ').map(|rest| (&line[..at], row, rest));
        }
        from = at + 1;
    }
}

/// The name of a rule as most linters of the web form it: `no-var`, `@scope/no-x`, `react/jsx-key`.
pub(super) fn is_rule(text: &str) -> bool {
    if !(2..=120).contains(&text.len()) || text.ends_with(['.', ':']) {
        return false;
    }
    let mut letters = false;
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => letters = true,
            b'0'..=b'9' | b'-' | b'_' | b'/' | b'@' | b'.' | b':' => {}
            _ => return false,
        }
    }
    letters
}

/// `message (rule)`, split; the rule must pass the test.
pub(super) fn in_parentheses(text: &str, is_rule: fn(&str) -> bool) -> Option<(&str, &str)> {
    let (message, rule) = text.strip_suffix(')')?.rsplit_once(" (")?;
    (is_rule(rule) && !message.trim().is_empty()).then(|| (message.trim(), rule))
}

/// `message [rule]`, split; the rule must pass the test.
pub(super) fn in_brackets(text: &str, is_rule: fn(&str) -> bool) -> Option<(&str, &str)> {
    let (message, rule) = text.strip_suffix(']')?.rsplit_once('[')?;
    (is_rule(rule) && !message.trim().is_empty()).then(|| (message.trim(), rule))
}

/// A code of some capitals and some digits, such as `DL3006`: its length at the start of a text.
pub(super) fn code_length(text: &str, letters: usize, digits: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let upper = bytes.iter().take(letters + 1).take_while(|byte| byte.is_ascii_uppercase()).count();
    let all = bytes.iter().skip(upper).take(digits + 1).take_while(|byte| byte.is_ascii_digit());
    let count = all.count();
    ((1..=letters).contains(&upper) && (1..=digits).contains(&count)).then_some(upper + count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_rules_are_told_apart_from_words() {
        assert_eq!(numbered("a/Dockerfile:3 DL3006 x"), Some(("a/Dockerfile", 3, "DL3006 x")));
        assert_eq!(numbered("a:b"), None);
        assert!(is_rule("@typescript-eslint/no-unused-vars"));
        assert!(!is_rule("two words") && !is_rule("12") && !is_rule("end."));
        assert_eq!(in_parentheses("Say it (no-x)", is_rule), Some(("Say it", "no-x")));
        assert_eq!(code_length("DL3006 x", 2, 4), Some(6));
        assert_eq!(code_length("ÄDL3006", 2, 4), None);
    }
}
