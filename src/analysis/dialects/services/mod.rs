//! Networks, HTTP and the services behind it.

use crate::analysis::dialect::Spec;

mod answers;
mod body;
mod meaning;
mod status;

/// In the order of the registry.
pub(super) static SPECS: &[&Spec] = &[&answers::SPEC];
