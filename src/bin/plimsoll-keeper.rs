//! The keeper: see `lifecycle::keeper`. Started by the addon, never by hand.
//!
//! It does not link the library but compiles the few modules it needs, those below and no more: one keeper runs
//! for each command, so it must be small (under half a megabyte; with the library, built with `node` in the same
//! run of cargo, it would have the addon in it) and start at once. A module these come to need is added to the list.

// What else is in these modules is the library's.
#![allow(dead_code, unreachable_pub, unused_imports)]

// The tests in these modules are the library's, and need more of it.
#[cfg(not(test))]
#[path = "../lifecycle"]
mod lifecycle {
    pub mod keeper;
    pub mod ledger;
}

#[cfg(not(test))]
#[path = "../platform"]
mod platform {
    pub mod directory_tree;
    pub mod filesystem;
    #[cfg(unix)]
    pub mod fork;
    pub mod process;
    pub mod user;
}

#[cfg(not(test))]
fn main() -> std::process::ExitCode {
    lifecycle::keeper::program::run()
}

#[cfg(test)]
fn main() {}
