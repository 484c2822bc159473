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

/// How far processes are followed here: `subreaper`, all descendants; `group`, those in the process group of the
/// command; `none`, commands cannot be started.
#[napi(catch_unwind)]
pub fn process_reach() -> String {
    let reach = match () {
        () if cfg!(target_os = "linux") => "subreaper",
        () if cfg!(unix) => "group",
        () => "none",
    };
    reach.to_owned()
}
