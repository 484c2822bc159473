//! The Node addon: data in, data out. No defaults, no policy, no validation beyond types.
//!
//! Every type that crosses is named `Binding…`. Defaults, error classes and promises are the facade's
//! (`js/`), which validates before it calls: a number that is no `u32` would be wrapped silently.

#![allow(unsafe_code)] // napi-derive generates the glue of every exported function
#![allow(missing_docs)] // ... and items beside it that have no documentation
#![allow(unreachable_pub)] // it wants its items `pub`; the module itself is not
#![cfg_attr(test, allow(dead_code))] // under test nothing registers the exports

mod addon;
mod analysis;
mod budget;
mod command_line;
mod fast;
mod handles;
mod holders;
#[cfg(unix)]
mod lifecycle;
mod numbered;
mod telemetry;
mod tracing;
