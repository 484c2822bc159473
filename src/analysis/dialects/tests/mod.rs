//! Test runners.

use crate::analysis::dialect::Spec;

mod acceptance;
mod ava;
mod bun_test;
mod cargo_test;
mod deno_test;
mod dotnet_test;
mod exunit;
mod failures;
mod go_test;
mod googletest;
mod gradle_test;
mod jasmine;
mod jest;
mod json_reports;
mod junit_xml;
mod minitest;
mod mocha;
mod nextest;
mod node_test;
mod phpunit;
mod playwright;
mod pytest;
mod pytest_lines;
mod rspec;
mod statement;
mod surefire;
mod tap;
mod unittest;
mod uvu;
mod vitest;
mod xctest;

/// In the order of the registry.
pub(super) static SPECS: &[&Spec] = &[
    &pytest::SPEC,
    &unittest::SPEC,
    &jest::SPEC,
    &vitest::SPEC,
    &mocha::SPEC,
    &ava::SPEC,
    &playwright::SPEC,
    &bun_test::SPEC,
    &deno_test::SPEC,
    &node_test::SPEC,
    &tap::SPEC,
    &nextest::SPEC,
    &cargo_test::SPEC,
    &go_test::SPEC,
    &surefire::SPEC,
    &gradle_test::SPEC,
    &googletest::SPEC,
    &rspec::SPEC,
    &minitest::SPEC,
    &phpunit::SPEC,
    &dotnet_test::SPEC,
    &jasmine::SPEC,
    &exunit::SPEC,
    &xctest::SPEC,
    &statement::SPEC,
    &junit_xml::SPEC,
    &json_reports::SPEC,
    &acceptance::SPEC,
    &uvu::SPEC,
];

#[cfg(test)]
mod robustness {
    use super::*;
    use crate::analysis::dialect::Dialect;
    use proptest::prelude::*;

    /// Beginnings and ends that lead deep into the readers.
    const PIECES: &[&str] = &[
        "FAILED ",
        "ERROR ",
        "FAIL ",
        " FAIL  ",
        "  ● ",
        "E   ",
        "---- ",
        " stdout ----",
        "thread '",
        " panicked at ",
        "', ",
        "not ok ",
        "ok 1",
        "  ---",
        "  location: '",
        "C:",
        "error: |-",
        " # time=",
        "--- FAIL: ",
        "    a_test.go:",
        ": ",
        ":1:2",
        "FAIL\t",
        "\t0.1s",
        "  1) ",
        " › ",
        "Tests run: 3",
        ", Failures: 1",
        "[ERROR] ",
        "<<< FAILURE!",
        "(1 ms)",
        " (",
        ")",
        "[",
        "]",
        " [",
        "✖ ",
        "ℹ fail ",
        "× ",
        "❯ ",
        "→ ",
        "⎯⎯",
        "Tests:  ",
        " failed",
        " total",
        "1 failing",
        "test ",
        " ... FAILED",
        "SIGABRT [ 1s] ",
        "Summary [ 1s] ",
        " run: ",
        "=== ",
        "___ ",
        " ___",
        "!!!",
        " in 1.0s",
        "2 failed",
        "[gw0] [ 1%] ",
        "%] ",
        "[100%]",
        "INTERNALERROR> ",
        "FAILED | ",
        " => ",
        "(fail) ",
        "[  FAILED  ] ",
        "rspec ",
        " # ",
        "Failure:",
        "#",
        "There was 1 failure:",
        "Failed!  - Failed: ",
        "é",
        "漢",
        "…",
        " ",
        "'",
        "\"",
        "/",
        ".",
        ":",
        "-",
        "=",
        "_",
        "9999999999999999999999",
        "  ",
        "    ",
        "x",
        "Error",
        "error[",
        "warning[",
        " --> ",
        "a.py:",
        "a.py",
        ": error: ",
        ": note: ",
        " - error: ",
        "Error ┈┈┈┈ ",
        "1590680326807 ERROR \"",
        "\" 3:5 \"",
        "Undefined [10]: ",
        " pip install types-",
        "[code]",
        "(report",
    ];

    proptest! {
        #[test]
        fn no_line_makes_a_reader_panic(
            lines in proptest::collection::vec(proptest::collection::vec(0..PIECES.len(), 0..6), 0..40),
        ) {
            let lines: Vec<String> =
                lines.iter().map(|line| line.iter().map(|at| PIECES[*at]).collect()).collect();
            for spec in SPECS.iter().chain(super::super::typecheckers::SPECS) {
                let mut dialect: Box<dyn Dialect> = (spec.start)();
                let mut report = dialect.report();
                for line in &lines {
                    dialect.line(line.trim_end(), &mut report);
                }
                dialect.finish(&mut report);
            }
            let found = crate::analysis::analyze(
                &lines.join("\n"),
                &crate::analysis::status::Status::default(),
                None,
                3,
            );
            prop_assert!(found.summary.chars().count() <= 500);
        }
    }
}
