//! The operating system as the core sees it.
//!
//! Time and files reach the components through the traits of this module, so that a full disk, a
//! clock step or a torn write is an ordinary unit test. `unsafe` lives here and nowhere else in the
//! core, each block with the reason why it is sound.

pub mod byte_lock;
pub mod clock;
pub mod exit;
#[cfg(test)]
pub(crate) mod faulty;
pub mod filesystem;
pub mod futex;
pub mod memory;
pub mod mmap;
pub mod process;
pub mod system_error;
pub mod thread;
pub mod user;
