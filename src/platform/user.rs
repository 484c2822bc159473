//! Who we are.

/// The effective user id; 0 where the system has none.
#[must_use]
pub fn effective() -> u32 {
    #[cfg(unix)]
    return rustix::process::geteuid().as_raw();
    #[cfg(not(unix))]
    return 0;
}
