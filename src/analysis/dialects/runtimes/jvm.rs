//! Exceptions of the Java virtual machine: Java, Kotlin, Scala (`Throwable.printStackTrace`,
//! <https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/lang/Throwable.html#printStackTrace()>).
//!
//! ```text
//! Exception in thread "main" shop.StoreException: cannot load row
//!     at shop.App.load(App.java:4)
//!     at java.base/java.lang.String.substring(String.java:2709)
//! Caused by: java.lang.StringIndexOutOfBoundsException: begin 9
//!     ... 2 more
//! ```

use super::super::location::number;
use super::header::{header, logged};
use super::node_lines::is_test_summary;
use super::thrown::{Named, Thrown};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "jvm",
    markers: &[
        "# A fatal error has been detected by the Java",
        "# There is insufficient memory for the Java",
        "Terminating due to java.lang.",
        "Error: Unable to access jarfile",
        "\n\tat ",
        "\n  at ",
        "\n    at ",
        "Exception in thread ",
        "Error: Could not find or load main class",
    ],
    recognises,
    start: || Box::new(Jvm::default()),
};

fn recognises(sample: &Sample) -> bool {
    sample.has_line_starting("Exception in thread \"")
        || sample.lines().any(|line| launcher(line).is_some())
        || sample.lines().any(|line| line.starts_with(['\t', ' ']) && frame(line).is_some())
            && !sample.lines().rev().take(30).any(is_test_summary)
}

#[derive(Default)]
struct Jvm {
    candidate: Option<(Named, u64, bool)>,
    current: Option<Thrown>,
    uncaught: bool,
    /// The failure that ended a thread, or the first that was logged.
    chosen: Option<(Thrown, bool)>,
}

impl Dialect for Jvm {
    fn report(&self) -> Report {
        Report::new("java", Kind::RuntimeError, Rank::Runtime)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        match line.as_bytes().first() {
            Some(b'\t' | b' ') => {
                let text = line.trim_start();
                if !text.starts_with("at ") {
                    return;
                }
                let Some((name, file, row)) = frame(text) else { return };
                self.confirm();
                if is_own(name)
                    && let Some(thrown) = &mut self.current
                {
                    thrown.frame(file, row, 0);
                }
            }
            Some(b'C') if line.starts_with("Caused by: ") => {
                let text = line.strip_prefix("Caused by: ").unwrap_or(line);
                if self.current.is_none() {
                    self.confirm();
                }
                if let Some(thrown) = &mut self.current {
                    let (class, message) = text.split_once(':').unwrap_or((text, ""));
                    thrown.cause = Some(Named::new(class.trim(), message.trim(), text));
                }
            }
            Some(b'E') if line.starts_with("Exception in thread \"") => {
                self.end(report);
                let text = line.splitn(3, '"').nth(2).unwrap_or_default().trim_start();
                let (class, message) = text.split_once(':').unwrap_or((text, ""));
                let error = Named::new(class.trim(), message.trim(), line);
                self.current = Some(Thrown::new(error, report.line_number()));
                self.uncaught = true;
            }
            Some(b'E' | b'#' | b'T') if launcher(line).is_some() => {
                self.end(report);
                let text = launcher(line).unwrap_or(line);
                let mut error = Named::new("", text, text);
                if text.contains("insufficient memory") || text.contains("OutOfMemoryError") {
                    "ENOMEM".clone_into(&mut error.code);
                }
                self.current = Some(Thrown::new(error, report.line_number()));
                self.uncaught = true;
            }
            Some(_) => {
                let Some(found) = header(line).or_else(|| logged(line)) else { return };
                self.end(report);
                let error = Named::new(found.class, found.message, &found.quote(line));
                self.candidate = Some((error, report.line_number(), false));
            }
            None => {}
        }
    }

    fn finish(&mut self, report: &mut Report) {
        self.end(report);
        let Some((thrown, _)) = self.chosen.take() else { return };
        thrown.tell(report);
        if report.kind == Kind::RuntimeError
            && thrown.cause.as_ref().is_some_and(|cause| cause.kind() == Kind::Dependency)
            && !thrown.error.class.is_empty()
        {
            report.kind = Kind::Dependency;
        }
        if report.kind == Kind::ResourceExhaustion && thrown.error.message == "Java heap space" {
            report.suggestion = Some(
                "Raise the heap: run it with java -Xmx4g, and look for what holds the memory"
                    .to_owned(),
            );
        }
    }
}

impl Jvm {
    fn confirm(&mut self) {
        if let Some((error, at, uncaught)) = self.candidate.take() {
            self.current = Some(Thrown::new(error, at));
            self.uncaught = uncaught;
        }
    }

    fn end(&mut self, report: &mut Report) {
        self.candidate = None;
        let Some(thrown) = self.current.take() else { return };
        let uncaught = std::mem::take(&mut self.uncaught);
        thrown.count(report);
        if self.chosen.as_ref().is_none_or(|(_, ended)| uncaught && !ended) {
            self.chosen = Some((thrown, uncaught));
        }
    }
}

/// What the launcher and the virtual machine itself say before they end.
fn launcher(line: &str) -> Option<&str> {
    let known = line.starts_with("Error: Could not find or load main class")
        || line.starts_with("Error: Unable to access jarfile")
        || line.starts_with("# A fatal error has been detected by the Java")
        || line.starts_with("# There is insufficient memory for the Java")
        || line.starts_with("Terminating due to java.lang.");
    known.then(|| line.trim_start_matches(['#', ' ']))
}

/// `at shop.App.load(App.java:4)`: name, file, line. Native and unknown sources are none.
fn frame(line: &str) -> Option<(&str, &str, u32)> {
    let text = line.trim_start().strip_prefix("at ")?;
    let (name, rest) = text.split_once('(')?;
    let (place, _) = rest.split_once(')')?;
    // `app//shop.App.load`, `java.base/java.lang.String.substring`
    let own = name.rsplit_once("//").map_or(name, |(_, name)| name);
    if let Some((file, row)) = place.rsplit_once(':') {
        let (row, rest) = number(row)?;
        let source = [".java", ".kt", ".scala", ".groovy", ".clj", ".kts"];
        let known = rest.is_empty() && source.iter().any(|end| file.ends_with(end));
        return known.then_some((own, file, row));
    }
    matches!(place, "Native Method" | "Unknown Source").then_some(("java.", place, 0))
}

/// Packages that come with the platform or as frameworks.
const LIBRARIES: [&str; 29] = [
    "java.",
    "javax.",
    "jdk.",
    "sun.",
    "com.sun.",
    "kotlin.",
    "kotlinx.",
    "scala.",
    "groovy.",
    "clojure.",
    "jakarta.",
    "android.",
    "androidx.",
    "dalvik.",
    "org.springframework.",
    "org.apache.",
    "org.junit.",
    "org.hibernate.",
    "org.gradle.",
    "org.eclipse.",
    "org.codehaus.",
    "org.postgresql.",
    "org.slf4j.",
    "com.fasterxml.",
    "com.google.",
    "com.mysql.",
    "com.zaxxer.",
    "io.netty.",
    "reactor.",
];

/// Whether a frame is of the project; modules of the platform have a slash.
fn is_own(name: &str) -> bool {
    !name.contains('/') && !LIBRARIES.iter().any(|library| name.starts_with(library))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn the_failure_of_the_thread_is_quoted_with_its_cause() {
        let text = "Exception in thread \"main\" java.lang.IllegalStateException: no store\n\tat shop.App.open(App.java:9)\n\tat shop.Main.main(Main.kt:3)\nCaused by: java.net.ConnectException: Connection refused\n\tat java.base/sun.nio.ch.Net.connect0(Native Method)\n\tat shop.Store.dial(Store.java:7)\n\t... 1 more\n";
        let answer = analyze(text, &Status::default(), None, 0);
        assert_eq!(answer.kind, Kind::NetworkError);
        assert_eq!(answer.details.affected_files, ["App.java", "Main.kt", "Store.java"]);
        assert_eq!(answer.details.errors_by_type.get("java.lang.IllegalStateException"), Some(&1));
    }

    #[test]
    fn words_about_exceptions_are_none() {
        let text = "The Exception is described in App.java:4\nException handling: done\n";
        assert_eq!(analyze(text, &Status::default(), None, 0).kind, Kind::Unknown);
    }
}
