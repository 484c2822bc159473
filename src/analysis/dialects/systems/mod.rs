//! The operating system and what is used like it.

use crate::analysis::dialect::Spec;

mod crashes;
mod daemons;
mod errno;
mod sanitizers;
mod shell;
mod sqlite;

/// In the order of the registry.
pub(super) static SPECS: &[&Spec] =
    &[&sanitizers::SPEC, &crashes::SPEC, &shell::SPEC, &errno::SPEC, &sqlite::SPEC, &daemons::SPEC];
