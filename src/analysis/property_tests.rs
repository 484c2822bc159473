//! What holds for every text and every ending, whatever dialects make of it.

use super::dialects::all_markers;
use super::report::MAX_QUOTE;
use super::status::{Outcome, Status};
use super::summary::{MAX_SUGGESTION, MAX_SUMMARY};
use super::verdict::Analysis;
use super::watch::claims_success;
use super::{analyze, kind::Kind};
use proptest::collection::vec;
use proptest::prelude::*;

/// Lines that wake dialects, cut and mixed in ways no tool prints, between noise.
fn hostile_text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => proptest::sample::select(all_markers()).prop_map(|marker| marker.as_bytes().to_vec()),
        2 => proptest::sample::select(vec![
            "src/a.ts(1,2): ", "a.py:3:4: ", ":1:1:", "  --> x.rs:1:1", "    at f (/app/a.js:1:2)", "[", "]", "(", ")", ": ", "1 ", "99999999999999999999 ",
            "\u{1b}[31m", "\r", "\t", "é", "●", "✖ ", "❯ ", "'", "\"", "`", "{\"", "}", "error", "Error: ", "0 errors", "All checks passed!", "FAIL ", "not ok ",
            "│", "╭", "×", "⎯", "\u{200b}", "\u{0}", "#", "-", "--", "...", "/", "\\",
        ]).prop_map(|text| text.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..12),
        3 => Just(b"\n".to_vec()),
        1 => "[a-zA-Z0-9 ]{0,20}".prop_map(String::into_bytes),
    ];
    vec(piece, 0..120).prop_map(|pieces| pieces.concat())
}

fn any_status() -> impl Strategy<Value = Status> {
    let signals = vec!["SIGKILL", "SIGTERM", "SIGSEGV", "SIGINT", "SIGODD"];
    (
        proptest::option::of(prop_oneof![Just(0), Just(1), -5..300, any::<i32>()]),
        proptest::option::of(proptest::sample::select(signals).prop_map(str::to_owned)),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(exit_code, signal, timed_out, cancelled)| Status {
            exit_code,
            signal,
            timed_out: timed_out && cancelled,
            cancelled,
        })
}

fn check(text: &str, status: &Status) -> Result<(), TestCaseError> {
    let Analysis { kind, summary, suggestion, actionable, hash, details, .. } =
        analyze(text, status, None, 10);
    prop_assert!(!summary.is_empty() && summary.chars().count() <= MAX_SUMMARY);
    prop_assert!(suggestion.chars().count() <= MAX_SUGGESTION);
    prop_assert_eq!(hash.len(), 16);
    if let Some(first) = &details.first_error {
        prop_assert!(first.chars().count() <= MAX_QUOTE);
    }
    if status.outcome() == Outcome::Failed {
        prop_assert!(!claims_success(&summary), "{}", summary);
        prop_assert!(!claims_success(&suggestion), "{}", suggestion);
    }
    prop_assert!(kind != Kind::Unknown || !actionable);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_and_any_ending_give_a_bounded_truthful_answer(text in hostile_text(), status in any_status()) {
        check(&String::from_utf8_lossy(&text), &status)?;
    }
}

proptest! {
    #[test]
    fn any_bytes_give_an_answer(bytes in vec(any::<u8>(), 0..5000), status in any_status()) {
        check(&String::from_utf8_lossy(&bytes), &status)?;
    }

    #[test]
    fn a_text_of_success_is_never_told_of_a_failed_command(
        lines in vec(proptest::sample::select(vec![
            "All checks passed!", "Success: no issues found in 3 source files", "0 errors, 0 warnings", "✔ All done, no problems",
            "Build completed successfully", "test result: ok. 5 passed; 0 failed", "Everything is all good", "Finished in 2.1s",
        ]), 0..6),
        code in 1..256i32,
    ) {
        let status = Status { exit_code: Some(code), ..Status::default() };
        let summary = analyze(&lines.join("\n"), &status, None, 0).summary;
        prop_assert!(!claims_success(&summary) && !summary.to_lowercase().contains("success"), "{}", summary);
    }
}

#[test]
fn the_longest_texts_are_read_to_their_end() {
    let long_line = format!("{}\nerror: here\n", "x".repeat(3 << 20));
    assert_eq!(analyze(&long_line, &Status::default(), None, 0).summary, "unknown: error: here");
    let many: String =
        (0..200_000).map(|n| format!("a{n}.py:1:1: F401 [*] `os` imported but unused\n")).collect();
    assert_eq!(analyze(&many, &Status::default(), None, 0).details.error_count, Some(200_000));
}
