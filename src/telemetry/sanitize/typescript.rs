//! TypeScript compiler output: recognised by its diagnostics, summed up by code.
//!
//! Plain (`src/a.ts(1,16): error TS2724: …`), pretty (`src/a.ts:1:16 - error TS2724: …`) and global
//! (`error TS18003: …`) diagnostics are counted, as many as the text holds; the trailing total of a
//! pretty report is not, since the text may be a part of it. The formats are those of the compiler's
//! `formatDiagnostic` and `formatDiagnosticsWithColorAndContext`
//! (<https://github.com/microsoft/TypeScript/blob/main/src/compiler/program.ts>).

use super::linter::without_timestamp;
use regex::Regex;
use std::sync::LazyLock;

/// Codes named in the summary.
const NAMED: usize = 3;

static DIAGNOSTIC: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"(^|\(\d+,\d+\): |:\d+:\d+ - )error (TS\d{4,5}): \S").ok());
static FOREIGN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let patterns = concat!(
        r"^\s+at \S.*:\d+|^Traceback \(most recent call last\)|panicked at",
        r"|^\s*(?:FAIL|FAILED|✕|✗|not ok)\s|^(?:Tests|Test Suites):\s",
        r"|^✖ \d+ problems? \(|^\S[^:]*:\d+:\d+: [A-Z]{1,5}\d{3,5} "
    );
    Regex::new(patterns).ok()
});

/// The summary of TypeScript output; `None` when `text`, which is without terminal colours, is
/// something else.
pub(super) fn summarise(text: &str) -> Option<String> {
    let mut count = 0_usize;
    let mut codes: Vec<&str> = Vec::with_capacity(NAMED + 1);
    for line in text.lines().map(without_timestamp) {
        if FOREIGN.as_ref()?.is_match(line) {
            return None;
        }
        let Some(code) = DIAGNOSTIC.as_ref()?.captures(line).and_then(|found| found.get(2)) else {
            continue;
        };
        count += 1;
        if codes.len() <= NAMED && !codes.contains(&code.as_str()) {
            codes.push(code.as_str());
        }
    }
    let more = if codes.len() > NAMED { ", ..." } else { "" };
    codes.truncate(NAMED);
    (count > 0).then(|| format!("{count} type errors: {}{more}", codes.join(", ")))
}
