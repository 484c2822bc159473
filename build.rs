//! Tells the linker which Node-API symbols the addon resolves at load time.

fn main() {
    #[cfg(feature = "node")]
    napi_build::setup();
}
