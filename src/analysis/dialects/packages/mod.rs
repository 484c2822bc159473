//! Package managers.

use crate::analysis::dialect::Spec;

/// In the order of the registry.
pub(super) static SPECS: &[&Spec] = &[];
