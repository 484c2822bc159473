//! Type checkers.

use crate::analysis::dialect::Spec;
use crate::analysis::report::Report;

mod deno;
mod flow;
mod json;
mod mypy;
mod pyright;
mod svelte_check;
mod tsc;
mod ty;

/// In the order of the registry.
pub(super) static SPECS: &[&Spec] = &[
    &tsc::SPEC,
    &mypy::SPEC,
    &pyright::SPEC,
    &json::MYPY,
    &json::PYRIGHT,
    &ty::TY,
    &ty::PYREFLY,
    &flow::SPEC,
    &svelte_check::SPEC,
    &svelte_check::PYRE,
    &deno::SPEC,
];

/// A summary for a report of warnings alone, which the words for errors would misname.
fn warnings_alone(report: &mut Report) {
    if report.errors == 0 && report.warnings > 0 {
        let noun = if report.warnings == 1 { "warning" } else { "warnings" };
        let first = report.problems().first().map_or("", |problem| problem.message.as_str());
        report.summary = Some(format!("{} type {noun}, first: {first}", report.warnings));
    }
}
