//! The lines of JavaScript's stacks and what is said of modules, for those who read them.

use super::super::location::number;
use super::classes;

/// What Deno and Bun say of an import, without a stack.
pub(super) fn bundled(line: &str) -> bool {
    line.strip_prefix("error: ").is_some_and(|text| {
        text.starts_with("Cannot find module \"")
            || text.starts_with("Cannot find package '")
            || text.starts_with("Module not found \"")
            || text.starts_with("Relative import path \"")
    })
}

/// The totals of test runners, which stand at the end of their reports.
pub(super) fn is_test_summary(line: &str) -> bool {
    let text = line.trim_start();
    ["Test Suites: ", "Test Files ", "# pass ", "ℹ pass ", "Ran all test suites"]
        .iter()
        .any(|start| text.starts_with(start))
        || (text.contains(" passing (") && text.starts_with(|c: char| c.is_ascii_digit()))
}

/// A module that could not be found.
pub(super) enum Module {
    Package(String),
    /// In `node_modules`, but not whole.
    Broken,
}

/// `Cannot find package 'x' imported from …`, `Cannot find module 'x'`: what to install.
pub(super) fn module(message: &str) -> Option<Module> {
    let rest = message
        .split_once("Cannot find package ")
        .or_else(|| message.split_once("Cannot find module "))?
        .1;
    let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let name = rest.get(1..)?.split(quote).next()?;
    if name.contains("/node_modules/") {
        return Some(Module::Broken);
    }
    classes::npm_package(name).map(Module::Package)
}

/// `/app/a.js:3` alone on a line: the head of a frame of code.
pub(super) fn above(line: &str) -> Option<(String, u32)> {
    if !line.as_bytes().last()?.is_ascii_digit() || line.len() > 1024 {
        return None;
    }
    let (file, row) = line.rsplit_once(':')?;
    let path = file.starts_with('/')
        || file.starts_with("file://")
        || file.starts_with("node:")
        || matches!(file, "[eval]" | "[stdin]" | "<anonymous_script>")
        || file.starts_with("evalmachine.")
        || file.get(1..3).is_some_and(|drive| drive == ":\\" || drive == ":/");
    let row = row.parse().ok()?;
    (path && !file.contains(": ")).then(|| (file.to_owned(), row))
}

/// `    at f (/app/a.js:3:9)`, `    at async file:///app/a.mjs:1:1`: file, line and column.
pub(super) fn frame(line: &str) -> Option<(&str, u32, u32)> {
    let text = line.trim_start().strip_prefix("at ")?;
    let text = text.trim_end_matches([',', '{', ' ']);
    let place = match text.strip_suffix(')') {
        Some(text) => text.rsplit_once('(')?.1,
        None => text.strip_prefix("async ").unwrap_or(text),
    };
    let (rest, column) = place.rsplit_once(':')?;
    let (file, row) = rest.rsplit_once(':')?;
    let column = number(column).filter(|(_, rest)| rest.is_empty())?.0;
    let row = number(row).filter(|(_, rest)| rest.is_empty())?.0;
    (!file.is_empty()).then_some((file, row, column))
}

/// Whether a frame is of the project, not of the runtime or what was installed.
pub(super) fn is_own(file: &str) -> bool {
    let path = file.starts_with('/')
        || file.starts_with("file://")
        || file.contains('/') && !file.contains("://") && !file.starts_with("internal/")
        || file.contains('\\');
    path && !file.starts_with("node:")
        && !file.starts_with("ext:")
        && !file.starts_with("internal:")
        && !file.starts_with("bun:")
        && !file.contains("node_modules")
        && !file.contains("<anonymous>")
}

pub(super) fn strip(file: &str) -> &str {
    let file = file.trim();
    let rest = file.strip_prefix("file://").unwrap_or(file);
    // file:///C:/app/a.js
    let rest = match rest.strip_prefix('/') {
        Some(windows) if windows.get(1..2) == Some(":") => windows,
        _ => rest,
    };
    rest.split('?').next().unwrap_or(rest)
}
