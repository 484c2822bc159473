//! Test runners.

use crate::analysis::dialect::Spec;

mod cargo_test;
mod failures;
mod go_test;
mod gradle_test;
mod jest;
mod mocha;
mod nextest;
mod node_test;
mod playwright;
mod pytest;
mod surefire;
mod tap;
mod unittest;
mod vitest;

/// In the order of the registry.
pub(super) static SPECS: &[&Spec] = &[
    &pytest::SPEC,
    &unittest::SPEC,
    &jest::SPEC,
    &vitest::SPEC,
    &mocha::SPEC,
    &node_test::SPEC,
    &tap::SPEC,
    &nextest::SPEC,
    &cargo_test::SPEC,
    &go_test::SPEC,
    &surefire::SPEC,
    &gradle_test::SPEC,
    &playwright::SPEC,
];
