//! Compilers, linkers, bundlers and what drives them.

use crate::analysis::dialect::Spec;

/// In the order of the registry.
pub(super) static SPECS: &[&Spec] = &[];
