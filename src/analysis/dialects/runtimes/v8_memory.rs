//! V8 out of memory (`src/api/api.cc` and Node's `src/node_errors.cc`,
//! <https://nodejs.org/api/cli.html#--max-old-space-sizesize-in-mib>).
//!
//! ```text
//! <--- Last few GCs --->
//! FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory
//! ```

use crate::analysis::dialect::{Dialect, Spec, always};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Fix, Rank, Report};

pub(super) static SPEC: Spec = Spec {
    name: "v8 memory",
    markers: &["FATAL ERROR: ", "Fatal JavaScript out of memory", "Fatal process out of memory"],
    recognises: always,
    start: || Box::new(Memory),
};

struct Memory;

impl Dialect for Memory {
    fn report(&self) -> Report {
        Report::new("node", Kind::ResourceExhaustion, Rank::Runtime)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if report.failed || !line.starts_with(['F', '#']) {
            return;
        }
        let text = line.trim_start_matches(['#', ' ']);
        let exhausted = text.contains("out of memory") || text.contains("Allocation failed");
        let fatal = text.starts_with("FATAL ERROR: ")
            || text.starts_with("Fatal JavaScript ")
            || text.starts_with("Fatal process out of memory");
        if !fatal {
            return;
        }
        report.failed = true;
        report.errors = 1;
        report.quote(text);
        if !exhausted {
            report.kind = Kind::RuntimeError;
            return;
        }
        // It outweighs what the wrappers and tools it ran under say of it.
        report.suggestion = Some(
            "Raise the heap: run it as NODE_OPTIONS=--max-old-space-size=4096 node …; look for a leak if it fills again"
                .to_owned(),
        );
        report.fix = Some(Fix {
            command: "export NODE_OPTIONS=--max-old-space-size=4096".to_owned(),
            title: "Raise the heap's limit".to_owned(),
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn a_full_heap_is_raised() {
        let text = "\n<--- JS stacktrace --->\n\nFATAL ERROR: Ineffective mark-compacts near heap limit Allocation failed - JavaScript heap out of memory\n----- Native stack trace -----\n";
        let answer = analyze(text, &Status::default(), None, 0);
        assert_eq!(answer.kind, Kind::ResourceExhaustion);
        assert!(answer.suggestion.contains("NODE_OPTIONS=--max-old-space-size=4096 node"));
    }
}
