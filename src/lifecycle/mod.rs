//! `ResourceLifecycleManager`: nothing outlives its owner.
//!
//! # What it promises
//!
//! - A command started here is the child of a **keeper** ([`keeper`]), a small program of this package that is
//!   a subreaper: whatever the command starts, by whatever means, stays below its keeper. When the owner dies,
//!   by SIGKILL or for want of memory too, the keeper ends everything below it within a second.
//! - Nothing is used before it is in the **ledger** ([`ledger`]): a command runs, and a temporary file is
//!   created, only after their names are on disk. What a dead owner left is finished by its keepers, by the next
//!   start of any Plimsoll process, or by `plimsoll sweep`; what a living owner holds is never touched.
//! - Processes are started and watched by threads of the core ([`process`]), which goes on while the event loop
//!   is blocked: outputs are read, times run out, trees are ended.
//! - A **group** ([`group`]) is the native half of a scope: ending it ends its processes and removes its
//!   temporary files ([`temp_files`]) without JavaScript.
//! - Workers of a **pool** ([`pool`]) are such processes, kept alive and asked again and again.
//!
//! # How a command starts
//!
//! ```text
//! facade ── start ──► plimsoll-process ── posix_spawn ──► keeper ── fork ──► child, waiting
//!                          │ ◄───────────── Ready(pid, start time) ──┘
//!                          │ writes the ledger
//!                          └────────────── Go ──────────► keeper ── lets it exec ──► the command
//! ```
//!
//! The event loop only hands over the order. `posix_spawn` shares the address space of the owner until the
//! keeper is executed, so its size does not matter; the keeper forks from a megabyte of its own.

pub mod group;
pub mod jobs;
pub mod keeper;
pub mod ledger;
#[cfg(unix)]
pub mod owner;
pub mod pool;
pub mod process;
pub mod temp_files;
pub mod tracked;
