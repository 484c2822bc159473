//! The addon itself.

use napi_derive::napi;

/// The version of the crate the addon was built from; the facade refuses another one.
#[napi(catch_unwind)]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}

/// What holds acknowledged entries until they are in the file.
#[napi(catch_unwind)]
pub fn ring_kind() -> String {
    "mmap".to_owned()
}
