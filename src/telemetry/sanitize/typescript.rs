//! TypeScript compiler output: recognised by its diagnostics, summed up by code.
//!
//! Plain (`src/a.ts(1,16): error TS2724: …`), pretty (`src/a.ts:1:16 - error TS2724: …`) and global
//! (`error TS18003: …`) diagnostics are counted, as many as the text holds; the trailing total of a
//! pretty report is not, since the text may be a part of it. The formats are those of the compiler's
//! `formatDiagnostic` and `formatDiagnosticsWithColorAndContext`
//! (<https://github.com/microsoft/TypeScript/blob/main/src/compiler/program.ts>).

use super::lines::{Pattern, is_foreign, lines, pattern};
use memchr::memmem;

/// Codes named in the summary.
const NAMED: usize = 3;

static DIAGNOSTIC: Pattern =
    pattern!(r"(?:^|\([0-9]+,[0-9]+\): |:[0-9]+:[0-9]+ - )error (TS[0-9]{4,5}): \S");

/// The summary of TypeScript output; `None` when `text`, which is without terminal colours, is
/// something else.
pub(super) fn summarise(text: &str) -> Option<String> {
    memmem::find(text.as_bytes(), b"error TS")?;
    let mut count = 0_usize;
    let mut codes: Vec<&str> = Vec::with_capacity(NAMED + 1);
    for line in lines(text) {
        match code_of(line) {
            Some(code) => {
                count += 1;
                if codes.len() <= NAMED && !codes.contains(&code) {
                    codes.push(code);
                }
            }
            None if is_foreign(line) || line.starts_with("✖ ".as_bytes()) => return None,
            None => {}
        }
    }
    let more = if codes.len() > NAMED { ", ..." } else { "" };
    codes.truncate(NAMED);
    (count > 0).then(|| format!("{count} type errors: {}{more}", codes.join(", ")))
}

/// Whether the compiler printed this line.
pub(super) fn is_diagnostic(line: &[u8]) -> bool {
    memmem::find(line, b"error TS").is_some() && DIAGNOSTIC.is_match(line)
}

fn code_of(line: &[u8]) -> Option<&str> {
    memmem::find(line, b"error TS")?;
    let found = DIAGNOSTIC.captures(line)?;
    std::str::from_utf8(found.get(1)?.as_bytes()).ok()
}
