//! The host as its users meet it: real keepers, real commands.
//!
//! Each test has its own host. However a test ends, its host goes, its keepers lose their owner, and they end
//! everything below themselves: no test leaves a process behind.

#![cfg(target_os = "linux")]
#![cfg(test)]

mod commands;
mod endings;
mod fixtures;
mod streams;
