//! The operating system as the core sees it.
//!
//! Time and files reach the components through the traits of this module, so that a full disk, a
//! clock step or a torn write is an ordinary unit test. `unsafe` lives here and nowhere else in the
//! core, each block with the reason why it is sound.

#[cfg(unix)]
pub mod anonymous_file;
pub mod byte_lock;
pub mod clock;
pub mod directory_tree;
pub mod exit;
#[cfg(test)]
pub(crate) mod faulty;
pub mod filesystem;
#[cfg(unix)]
pub mod fork;
pub mod futex;
pub mod image;
pub mod memory;
pub mod mmap;
#[cfg(unix)]
pub mod poller;
pub mod process;
#[cfg(unix)]
pub mod spawn;
pub mod system_error;
pub mod thread;
pub mod user;
