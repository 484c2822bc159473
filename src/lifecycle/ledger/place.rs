//! Where process numbers mean what they say: one boot of one machine, and one PID namespace of it.

/// A boot and a PID namespace. Only within the same place a number and a start time name a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// `/proc/sys/kernel/random/boot_id` (`random(4)`), zeros where it cannot be read.
    pub boot: [u8; 16],
    /// The inode of `/proc/self/ns/pid` (`namespaces(7)`), 0 where it cannot be read. The number of a
    /// namespace that is gone may be given to another one; the start time, which counts from the boot,
    /// then tells their processes apart.
    pub namespace: u64,
}

impl Place {
    /// Where this process is.
    #[must_use]
    pub fn here() -> Place {
        #[cfg(target_os = "linux")]
        {
            use std::os::unix::fs::MetadataExt;
            let boot = std::fs::read("/proc/sys/kernel/random/boot_id");
            let namespace = std::fs::metadata("/proc/self/ns/pid");
            Place {
                boot: boot.ok().and_then(|text| parse(&text)).unwrap_or_default(),
                namespace: namespace.map_or(0, |status| status.ino()),
            }
        }
        #[cfg(not(target_os = "linux"))]
        Place::default()
    }

    /// Whether both halves are known.
    #[must_use]
    pub fn is_known(self) -> bool {
        self.boot != [0; 16] && self.namespace != 0
    }
}

/// The bytes of an identifier written as `01234567-89ab-cdef-0123-456789abcdef`.
#[cfg(target_os = "linux")]
fn parse(text: &[u8]) -> Option<[u8; 16]> {
    let mut digits = text.trim_ascii().iter().filter(|byte| **byte != b'-');
    let mut digit = || (*digits.next()? as char).to_digit(16);
    let mut bytes = [0; 16];
    for byte in &mut bytes {
        *byte = u8::try_from(digit()? << 4 | digit()?).ok()?;
    }
    digits.next().is_none().then_some(bytes)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_read_whole_or_not_at_all() {
        let whole = parse(b"01234567-89ab-cdef-0123-456789abcdef\n").unwrap();
        assert_eq!(whole[..4], [0x01, 0x23, 0x45, 0x67]);
        for broken in
            [&b"01234567-89ab-cdef-0123-456789abcde"[..], b"", b"0123456789abcdef0123456789abcdef0"]
        {
            assert_eq!(parse(broken), None);
        }
    }

    #[test]
    fn this_process_is_always_in_the_same_known_place() {
        assert!(Place::here().is_known());
        assert_eq!(Place::here(), Place::here());
    }
}
