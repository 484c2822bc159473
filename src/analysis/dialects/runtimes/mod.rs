//! What language runtimes print when a program fails.

use crate::analysis::dialect::Spec;

pub(super) mod classes;
mod header;
mod node;
mod python;
mod thrown;

/// In the order of the registry.
pub(super) static SPECS: &[&Spec] = &[&python::SPEC, &node::SPEC];
