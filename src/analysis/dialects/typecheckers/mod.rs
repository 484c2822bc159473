//! Type checkers.

use crate::analysis::dialect::Spec;

mod tsc;

/// In the order of the registry.
pub(super) static SPECS: &[&Spec] = &[&tsc::SPEC];
