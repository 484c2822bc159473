//! Networks, HTTP and the services behind it.

use crate::analysis::dialect::Spec;

/// In the order of the registry.
pub(super) static SPECS: &[&Spec] = &[];
