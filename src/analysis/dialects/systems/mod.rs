//! The operating system and what is used like it.

use crate::analysis::dialect::Spec;

/// In the order of the registry.
pub(super) static SPECS: &[&Spec] = &[];
