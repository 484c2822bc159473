//! The keeper as its owner meets it: real processes, a real socket.
//!
//! Every test has its keeper behind a socket that ends with the test, however it ends: the keeper then kills
//! everything below itself, so that no test leaves a process behind.

#![cfg(target_os = "linux")]
#![cfg(test)]

mod commands;
mod endings;
mod kept;
mod namespaces;
mod owners;
