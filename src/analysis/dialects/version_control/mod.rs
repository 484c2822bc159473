//! Version control.

use crate::analysis::dialect::Spec;

mod git;

/// In the order of the registry.
pub(super) static SPECS: &[&Spec] = &[&git::SPEC];
