//! Linters.

use crate::analysis::dialect::Spec;

mod annotations;
mod ansible;
mod bandit;
mod biome;
mod checkstyle;
mod checkstyle_lines;
mod clippy;
mod commitlint;
mod common;
mod dart;
mod deno;
mod eslint_crash;
mod eslint_json;
mod eslint_lines;
mod eslint_tap;
mod flake8;
mod generic;
mod golangci;
mod hadolint;
mod htmlhint;
mod json_reports;
mod markdownlint;
mod oxlint;
mod phpcs;
mod phpstan;
mod pretty;
mod pydocstyle;
mod pyflakes;
mod pylint;
mod rubocop;
mod ruff;
mod semgrep;
mod shellcheck;
mod spelling;
mod sqlfluff;
mod stylelint;
mod stylish;
mod tflint;
mod yamllint;

/// In the order of the registry.
pub(super) static SPECS: &[&Spec] = &[
    &ruff::SPEC,
    &flake8::SPEC,
    &pylint::SPEC,
    &pydocstyle::SPEC,
    &eslint_crash::SPEC,
    &stylish::SPEC,
    &eslint_lines::SPEC,
    &eslint_json::SPEC,
    &biome::SPEC,
    &oxlint::SPEC,
    &stylelint::SPEC,
    &stylelint::CONFIGURATION,
    &shellcheck::SPEC,
    &hadolint::SPEC,
    &yamllint::SPEC,
    &clippy::SPEC,
    &golangci::SPEC,
    &rubocop::SPEC,
    &markdownlint::SPEC,
    &deno::SPEC,
    &commitlint::SPEC,
    &phpcs::SPEC,
    &sqlfluff::SPEC,
    &checkstyle::SPEC,
    &json_reports::SPEC,
    &dart::SPEC,
    &ansible::SPEC,
    &htmlhint::SPEC,
    &semgrep::SPEC,
    &bandit::SPEC,
    &phpstan::SPEC,
    &pyflakes::SPEC,
    &spelling::SPEC,
    &pretty::SPEC,
    &eslint_tap::SPEC,
    &checkstyle_lines::SPEC,
    &tflint::SPEC,
    &annotations::SPEC,
    &generic::SPEC,
];
