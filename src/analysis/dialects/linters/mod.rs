//! Linters.

use crate::analysis::dialect::Spec;

mod ruff;

/// In the order of the registry.
pub(super) static SPECS: &[&Spec] = &[&ruff::SPEC];
