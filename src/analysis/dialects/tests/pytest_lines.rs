//! Lines of pytest's output: the list of failures and the total at the end.

use super::failures::number_before;

/// `FAILED path::name - reason`, `ERROR path`.
pub(super) fn listed<'l>(line: &'l str, word: &str) -> Option<(&'l str, &'l str)> {
    let rest = line.strip_prefix(word)?;
    let (id, reason) = rest.split_once(" - ").unwrap_or((rest, ""));
    let file = id.split("::").next()?;
    // Log lines begin alike: `ERROR    app:views.py:3 message`.
    let shaped = !file.is_empty()
        && !file.starts_with(' ')
        && (file.ends_with(".py") || !file.contains(' '))
        && file.rsplit(['/', '\\']).next()?.contains('.');
    shaped.then_some((id, reason))
}

/// Failed and errored tests of `6 failed, 4 passed, 1 error in 1.68s` or `no tests ran in 0.65s`.
pub(super) fn total(words: &str) -> Option<u64> {
    let (counts, time) = words.rsplit_once(" in ")?;
    let seconds = time.split_once(" (").map_or(time, |(seconds, _)| seconds).strip_suffix('s')?;
    if !seconds.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') || seconds.is_empty() {
        return None;
    }
    let mut known = false;
    for count in counts.split(", ") {
        let (number, word) = count.split_once(' ')?;
        known = match word {
            "passed" | "failed" | "skipped" | "deselected" | "xfailed" | "xpassed" | "error"
            | "errors" | "warning" | "warnings" | "rerun" | "subtests passed"
            | "subtests failed" => number.bytes().all(|byte| byte.is_ascii_digit()),
            "tests ran" => number == "no",
            _ => false,
        };
        if !known {
            return None;
        }
    }
    known.then(|| {
        let failed = number_before(counts, " failed").unwrap_or(0);
        failed + number_before(counts, " error").unwrap_or(0)
    })
}

/// A run whose every test was left out by `-k` or `-m` fails as one without tests.
pub(super) fn nothing_but_deselected(words: &str) -> bool {
    words.rsplit_once(" in ").is_some_and(|(counts, _)| {
        counts.split(", ").all(|count| count.ends_with(" deselected") || count.contains(" warning"))
            && counts.contains(" deselected")
    })
}
