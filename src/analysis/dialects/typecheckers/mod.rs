//! Type checkers.

use crate::analysis::dialect::Spec;

mod mypy;
mod pyright;
mod tsc;

/// In the order of the registry.
pub(super) static SPECS: &[&Spec] = &[&tsc::SPEC, &mypy::SPEC, &pyright::SPEC];
