//! RSpec (<https://rspec.info/features/3-13/rspec-core/formatters/>,
//! `rspec-core/lib/rspec/core/notifications.rb`).
//!
//! ```text
//! Failures:
//!
//!   1) Calculator adds
//!      Failure/Error: expect(1).to eq(2)
//!
//!        expected: 2
//!             got: 1
//!      # ./spec/calc_spec.rb:5:in `block (2 levels) in <top (required)>'
//!
//! 3 examples, 1 failure, 1 error occurred outside of examples
//!
//! rspec ./spec/calc_spec.rb:4 # Calculator adds
//! ```

use super::failures::{Cause, Failures, number_before, seen, settle, state};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::dialects::location::number;
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "rspec",
    markers: &[" examples, ", "1 example, ", "Failure/Error: ", "\nrspec ./"],
    recognises,
    start: || Box::new(Rspec::default()),
};

fn recognises(sample: &Sample) -> bool {
    sample.lines().any(|line| {
        total(line).is_some()
            || line.trim_start().starts_with("Failure/Error: ")
            || line.starts_with("rspec ./") && line.contains(" # ")
    })
}

#[derive(Default)]
struct Rspec {
    detailed: Failures,
    /// `rspec ./spec/calc_spec.rb:4 # Calculator adds`
    listed: Failures,
    /// Files that could not be loaded.
    outside: Failures,
    cause: Cause,
}

impl Dialect for Rspec {
    fn report(&self) -> Report {
        Report::new("rspec", Kind::TestFailure, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        let Some(first) = line.bytes().next() else { return };
        match first {
            b' ' => self.indented(line, report),
            b'r' => {
                if let Some((place, name)) =
                    line.strip_prefix("rspec ").and_then(|rest| rest.split_once(" # "))
                {
                    let file = place.split([':', '[']).next().unwrap_or(place);
                    self.listed.add(name, file, report);
                }
            }
            b'A' => {
                if let Some(file) = line.strip_prefix("An error occurred while loading ") {
                    let file = file.trim_end_matches('.');
                    self.outside.add(file, file, report);
                    self.cause.begin(line, report);
                }
            }
            b'F' if line.starts_with("Failure/Error: ") => self.message(line),
            b'0'..=b'9' => {
                if let Some(count) = total(line) {
                    state(report, count);
                    self.cause.close();
                    if count > 0 {
                        report.failed = true;
                        seen(report);
                    }
                }
            }
            // Of a file that could not be loaded: `LoadError:` and its message below.
            _ if self.cause.is_open() && line.ends_with("Error:") => self.cause.piece(line),
            _ => {}
        }
    }

    fn finish(&mut self, report: &mut Report) {
        Failures::tell_best(&[&self.listed, &self.detailed, &self.outside], report);
        self.cause.tell(report);
        settle(report);
    }
}

impl Rspec {
    fn indented(&mut self, line: &str, report: &mut Report) {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        if indent <= 4
            && let Some((_, rest)) = number(text)
            && let Some(name) = rest.strip_prefix(") ")
        {
            self.detailed.add(name, "", report);
            self.cause.begin(name, report);
        } else if self.cause.is_open() {
            self.message(text);
        }
    }

    fn message(&mut self, text: &str) {
        if !self.cause.is_open() {
            return;
        }
        let told = text.starts_with("Failure/Error: ")
            || text.starts_with("expected")
            || text.starts_with("got: ");
        if text.starts_with("# ") {
            self.cause.close();
        } else if told || text.split(':').next().is_some_and(|name| name.ends_with("Error")) {
            self.cause.piece(text);
        } else if !self.cause.is_bare() && text.starts_with("cannot load such file") {
            self.cause.rest_of_piece(text);
        }
    }
}

/// Failures and errors of `3 examples, 1 failure, 2 pending, 1 error occurred outside of examples`.
fn total(line: &str) -> Option<u64> {
    let (_, rest) = number(line)?;
    if !rest.starts_with(" example, ") && !rest.starts_with(" examples, ") {
        return None;
    }
    Some(number_before(rest, " failure")? + number_before(rest, " error").unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};

    #[test]
    fn failures_are_named_with_their_files() {
        let found = analyze(
            "..F\n\nFailures:\n\n  1) Cart adds\n     Failure/Error: expect(cart.total).to eq(3)\n\n       expected: 3\n            got: 2\n\n     # ./spec/cart_spec.rb:5:in `block'\n\n\
             Finished in 0.01 seconds (files took 0.1 seconds to load)\n3 examples, 1 failure\n\nFailed examples:\n\nrspec ./spec/cart_spec.rb:4 # Cart adds\n",
            &Status::default(),
            None,
            0,
        );
        assert_eq!(found.details.error_count, Some(1));
        assert_eq!(found.details.affected_files, ["./spec/cart_spec.rb"]);
        assert_eq!(
            found.details.first_error.as_deref(),
            Some("Cart adds - Failure/Error: expect(cart.total).to eq(3), expected: 3, got: 2")
        );
    }
}
