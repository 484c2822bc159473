//! Test runners.

use crate::analysis::dialect::Spec;

mod failures;
mod jest;
mod mocha;
mod node_test;
mod pytest;
mod vitest;

/// In the order of the registry.
pub(super) static SPECS: &[&Spec] =
    &[&pytest::SPEC, &jest::SPEC, &vitest::SPEC, &mocha::SPEC, &node_test::SPEC];
