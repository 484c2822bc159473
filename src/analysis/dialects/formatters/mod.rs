//! Formatters that only check.

use crate::analysis::dialect::Spec;

mod black;
mod clang_format;
mod listed;
mod prettier;

/// In the order of the registry.
pub(super) static SPECS: &[&Spec] =
    &[&prettier::SPEC, &black::SPEC, &listed::SPEC, &clang_format::SPEC];
