//! Files without a name, to hand something of any size to another program.

use std::fs::File;
use std::io::{self, Seek, Write};

/// A file with these bytes, to be read from its beginning, closed on exec. It has no name, so nothing is left of
/// it when the last descriptor is closed.
///
/// Linux: in memory (`memfd_create(2)`). Elsewhere: in the temporary directory, readable by this user alone,
/// its name removed before anything is written.
///
/// # Errors
///
/// `EMFILE`, `ENOMEM`, `ENOSPC`; elsewhere than on Linux what creating a file may say.
pub fn anonymous_file(bytes: &[u8]) -> io::Result<File> {
    let mut file = create()?;
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

#[cfg(target_os = "linux")]
fn create() -> io::Result<File> {
    let flags = rustix::fs::MemfdFlags::CLOEXEC;
    Ok(rustix::fs::memfd_create(c"plimsoll-order", flags)?.into())
}

#[cfg(not(target_os = "linux"))]
fn create() -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    // A name that is taken, by whomever, is passed over; this many in a row is an attack, or no accident.
    let mut tries = 0;
    loop {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!(".plimsoll-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut options = File::options();
        match options.read(true).write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => {
                std::fs::remove_file(&path)?;
                return Ok(file);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < 100 => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn what_is_put_in_is_read_from_the_beginning() {
        for bytes in [Vec::new(), vec![7; 1 << 20]] {
            let mut read = Vec::new();
            anonymous_file(&bytes).unwrap().read_to_end(&mut read).unwrap();
            assert_eq!(read, bytes);
        }
    }
}
