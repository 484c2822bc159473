//! Test runners.

use crate::analysis::dialect::Spec;

mod ava;
mod bun_test;
mod cargo_test;
mod deno_test;
mod dotnet_test;
mod failures;
mod go_test;
mod googletest;
mod gradle_test;
mod jest;
mod minitest;
mod mocha;
mod nextest;
mod node_test;
mod phpunit;
mod playwright;
mod pytest;
mod rspec;
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
    &ava::SPEC,
    &playwright::SPEC,
    &bun_test::SPEC,
    &deno_test::SPEC,
    &node_test::SPEC,
    &tap::SPEC,
    &nextest::SPEC,
    &cargo_test::SPEC,
    &go_test::SPEC,
    &surefire::SPEC,
    &gradle_test::SPEC,
    &googletest::SPEC,
    &rspec::SPEC,
    &minitest::SPEC,
    &phpunit::SPEC,
    &dotnet_test::SPEC,
];
