//! Compilers, linkers, bundlers and what drives them.
//!
//! A compiler's own lines and a build that says it failed are [`Rank::Build`](Rank); what only says that
//! a step failed (`make: *** [all] Error 1`) is [`Rank::Wrapper`](Rank).

use crate::analysis::dialect::Spec;
use crate::analysis::report::{Fix, Problem, Report, Severity};
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

mod cmake;
mod compile;
mod docker;
mod esbuild;
mod gnu;
mod golang;
mod gradle;
mod haskell;
mod infrastructure;
mod javac;
mod jvm;
mod languages;
mod linker;
mod make;
mod maven;
mod msbuild;
mod ninja;
mod python_build;
mod rollup;
mod rustc;
mod scripts;
mod statement;
mod webpack;

/// In the order of the registry; what only repeats a statement stands last.
pub(super) static SPECS: &[&Spec] = &[
    &rustc::SPEC,
    &gnu::SPEC,
    &linker::SPEC,
    &javac::SPEC,
    &jvm::SPEC,
    &golang::SPEC,
    &haskell::SPEC,
    &languages::SPEC,
    &msbuild::SPEC,
    &esbuild::SPEC,
    &webpack::SPEC,
    &rollup::SPEC,
    &compile::SPEC,
    &maven::SPEC,
    &gradle::SPEC,
    &cmake::SPEC,
    &ninja::SPEC,
    &make::SPEC,
    &docker::SPEC,
    &python_build::SPEC,
    &scripts::SPEC,
    &infrastructure::SPEC,
    &statement::SPEC,
];

/// Lines remembered to know a repetition by.
const MAX_SEEN: usize = 10_000;

/// Lines that were counted already, by their hashes: several tools print every error twice.
#[derive(Default)]
struct Seen(HashSet<u64>);

impl Seen {
    /// Whether this comes for the first time.
    fn is_new(&mut self, text: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let hash = hasher.finish();
        if self.0.len() >= MAX_SEEN {
            return !self.0.contains(&hash);
        }
        self.0.insert(hash)
    }
}

/// Counts an error, or a warning that stands beside the errors.
fn count(problem: &Problem<'_>, report: &mut Report) {
    match problem.severity {
        Severity::Error => report.problem(problem),
        Severity::Warning => report.aside(problem),
    }
}

/// Ends a report that may have warnings alone: those are not called a failed build.
fn conclude(report: &mut Report) {
    if report.is_failure() || report.warnings == 0 {
        return;
    }
    let places: Vec<String> = report.problems().iter().map(|found| found.file.clone()).collect();
    for file in &places {
        report.file(file);
    }
    let Some(first) = report.problems().first().map(|found| found.message.clone()) else { return };
    let first = format!("warning: {first}");
    report.quote(&first);
    let noun = if report.warnings == 1 { "warning" } else { "warnings" };
    report.summary = Some(format!("{} compiler {noun}, no error", report.warnings));
    report.suggestion = Some(format!("First warning: {first}"));
}

/// Joins a wrapped message to the one line it was, as long as it stays quotable.
fn join(text: &mut String, more: &str) {
    if text.len() < 1000 {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(more.trim());
    }
}

/// The package to install for an import that is not a path: `lodash/fp` is of `lodash`.
fn npm_package(import: &str) -> Option<String> {
    let path = import.starts_with(['.', '/', '#', '~', '\\', '$', '\0'])
        || import.starts_with("@/")
        || import.starts_with("virtual:")
        || import.starts_with("node:")
        || import.contains([' ', ':', '!', '?', '"', '\'', '`', ';', '&', '|']);
    if path || import.is_empty() || import.len() > 200 {
        return None;
    }
    let parts = if import.starts_with('@') { 2 } else { 1 };
    let name: Vec<&str> = import.split('/').take(parts).collect();
    (name.len() == parts && name.iter().all(|part| !part.is_empty())).then(|| name.join("/"))
}

/// The packages that imports of a bundled program lack, and whether they explain every error.
#[derive(Default)]
struct Missing {
    packages: Vec<String>,
    others: bool,
}

impl Missing {
    /// Notes an error: the import it could not resolve, if it is of that sort.
    fn note(&mut self, import: Option<&str>) {
        match import.and_then(npm_package) {
            Some(package) if self.packages.contains(&package) => {}
            Some(package) if self.packages.len() < 20 => self.packages.push(package),
            _ => self.others = true,
        }
    }

    /// What repairs it, when nothing else is wrong.
    fn fix(&self) -> Option<Fix> {
        let all = self.packages.join(" ");
        (!self.others && !all.is_empty())
            .then(|| Fix { command: format!("npm install {all}"), title: format!("Install {all}") })
    }
}

/// What stands between the first `open` and the next `close` after it.
fn between<'t>(text: &'t str, open: &str, close: char) -> Option<&'t str> {
    let (_, rest) = text.split_once(open)?;
    rest.split_once(close).map(|(inner, _)| inner)
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, status::Status};
    use proptest::prelude::*;

    /// What the formats are made of, put together in any order.
    const PARTS: [&str; 62] = [
        "error",
        "error[E0308]: ",
        "error: ",
        "warning: ",
        " --> ",
        "a.rs:",
        "1:",
        "2",
        ":",
        "\n",
        "\n\n",
        " ",
        "    ",
        "é漢",
        "main.c:",
        "fatal error: ",
        "undefined reference to `",
        "/usr/bin/ld: ",
        "A.java:",
        "e: ",
        "A.kt: (3, 5): ",
        "./a.go:",
        "# pkg",
        "a.cs(",
        "5,13): ",
        "error CS0103: ",
        " [a.csproj]",
        "✘ [ERROR] ",
        "Could not resolve \"",
        "\"",
        "ERROR in ",
        "./src/a.js ",
        "[tsl] ERROR in ",
        "[!] ",
        "RollupError: ",
        "error during build:",
        "Build failed with ",
        " errors:",
        "[PARSE_ERROR] Error: ",
        "╭─[ ",
        " ]",
        "Failed to compile.",
        "Line ",
        "[ERROR] ",
        "[INFO] ",
        "/app/A.java:[",
        "7,8] ",
        "* What went wrong:",
        "FAILURE: Build ",
        "> ",
        "CMake Error at ",
        "make: *** ",
        "Stop.",
        "FAILED: ",
        "ninja: error: ",
        "#8 3.0 ",
        "ERROR: failed to solve",
        "Parse error: ",
        " on line ",
        " at ",
        " line ",
        "99999999999",
    ];

    proptest! {
        #[test]
        fn any_mixture_of_the_formats_is_read_without_harm(parts in proptest::collection::vec(0usize..PARTS.len(), 0..80)) {
            let text: String = parts.iter().filter_map(|part| PARTS.get(*part).copied()).collect();
            let found = analyze(&text, &Status::default(), None, 10);
            prop_assert!(found.summary.chars().count() <= 500);
        }
    }
}
