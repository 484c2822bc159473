//! What language runtimes print when a program fails.

use crate::analysis::dialect::Spec;

pub(super) mod classes;
mod dotnet;
mod go_panic;
mod header;
mod json_log;
mod jvm;
mod messages;
mod node;
mod node_lines;
mod others;
mod perl;
mod php;
mod plain;
mod python;
mod python_modules;
mod ruby;
mod rust_panic;
mod thrown;
mod v8_memory;

pub(super) use messages::of_lone_message as kind_of_lone_message;

/// In the order of the registry.
pub(super) static SPECS: &[&Spec] = &[
    &v8_memory::SPEC,
    &python::SPEC,
    &node::SPEC,
    &rust_panic::SPEC,
    &go_panic::SPEC,
    &jvm::SPEC,
    &dotnet::SPEC,
    &ruby::SPEC,
    &php::SPEC,
    &perl::SPEC,
    &others::SPEC,
    &json_log::SPEC,
    &plain::SPEC,
];
