//! `/proc` as the source of memory figures.

use super::cgroup::Cgroups;
use super::processes::Processes;
use super::{
    CgroupReading, HostReading, MemoryReadingError, MemoryReadings, TreeReading, page_size,
};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A file of `/proc` kept open, and read anew from its start: a sixth of the cost of opening it each time.
#[derive(Debug)]
struct KeptOpen {
    path: PathBuf,
    file: OnceLock<File>,
}

impl KeptOpen {
    fn new(path: PathBuf) -> Self {
        Self { path, file: OnceLock::new() }
    }

    /// Reads the beginning of the file into the buffer.
    fn read<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], MemoryReadingError> {
        let read = match self.file.get() {
            Some(file) => file.read_at(buffer, 0),
            // Two threads may both open it; one handle is kept, the other closed.
            None => File::open(&self.path)
                .and_then(|file| self.file.get_or_init(|| file).read_at(buffer, 0)),
        };
        match read {
            Ok(length) => Ok(&buffer[..length]),
            Err(source) => Err(MemoryReadingError::Io { path: self.path.clone(), source }),
        }
    }

    fn malformed(&self, what: &'static str) -> MemoryReadingError {
        MemoryReadingError::Malformed { path: self.path.clone(), what }
    }
}

/// The machine's own figures.
#[derive(Debug)]
pub struct SystemMemory {
    page: u64,
    statm: KeptOpen,
    meminfo: KeptOpen,
    processes: Processes,
    cgroups: Cgroups,
}

impl Default for SystemMemory {
    fn default() -> Self {
        Self::new()
    }
}

impl SystemMemory {
    /// Opens nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::at(Path::new("/proc"))
    }

    /// The same of another directory with the shape of `/proc`.
    pub(super) fn at(root: &Path) -> Self {
        let page = page_size();
        Self {
            page,
            statm: KeptOpen::new(root.join("self/statm")),
            meminfo: KeptOpen::new(root.join("meminfo")),
            processes: Processes::new(root, page),
            cgroups: Cgroups::new(root),
        }
    }
}

impl SystemMemory {
    /// Bytes resident in a process and all its descendants, the process counted; no process when it is gone.
    ///
    /// # Errors
    /// [`MemoryReadingError`].
    pub fn tree(&self, pid: u64) -> Result<TreeReading, MemoryReadingError> {
        self.processes.tree(pid)
    }
}

impl MemoryReadings for SystemMemory {
    fn resident(&self) -> Result<u64, MemoryReadingError> {
        let mut buffer = [0; 256];
        let pages = resident_pages(self.statm.read(&mut buffer)?);
        let pages = pages.ok_or_else(|| self.statm.malformed("resident pages"))?;
        Ok(pages.saturating_mul(self.page))
    }

    fn descendants(&self) -> Result<TreeReading, MemoryReadingError> {
        self.processes.descendants()
    }

    fn cgroup(&self) -> Result<Option<CgroupReading>, MemoryReadingError> {
        self.cgroups.reading()
    }

    fn host(&self) -> Result<HostReading, MemoryReadingError> {
        // Both lines are among the first three.
        let mut buffer = [0; 512];
        let text = self.meminfo.read(&mut buffer)?;
        let bytes = |name: &'static str| {
            let line = text
                .split(|byte| *byte == b'\n')
                .find_map(|line| line.strip_prefix(name.as_bytes()));
            let kibibytes =
                line.and_then(|rest| number(rest.trim_ascii().split(|byte| *byte == b' ').next()?));
            kibibytes
                .map(|kibibytes| kibibytes.saturating_mul(1024))
                .ok_or_else(|| self.meminfo.malformed(name))
        };
        Ok(HostReading { total: bytes("MemTotal:")?, available: bytes("MemAvailable:")? })
    }
}

/// The second field of a `statm` file.
pub(super) fn resident_pages(statm: &[u8]) -> Option<u64> {
    number(statm.split(|byte| *byte == b' ').nth(1)?)
}

/// A decimal number and nothing else.
pub(super) fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text.trim_ascii()).ok()?.parse().ok()
}

/// Reads a file whole, up to `limit` bytes.
pub(super) fn read_up_to(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::with_capacity(512);
    File::open(path)?.take(limit).read_to_end(&mut content)?;
    Ok(content)
}

/// Whether the file, or the process it speaks of, is no longer there.
pub(super) fn vanished(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_real_figures_of_this_process_agree_with_what_the_kernel_says_elsewhere() {
        let memory = SystemMemory::new();
        let resident = memory.resident().unwrap();
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let other = number(line.trim().trim_end_matches(" kB").as_bytes()).unwrap() * 1024;
        assert!(resident.abs_diff(other) < 64 << 20, "{resident} and {other}");
        let host = memory.host().unwrap();
        assert!(host.available <= host.total && resident < host.total, "{host:?}");
    }

    #[test]
    fn memory_that_is_touched_is_seen_at_the_next_reading() {
        let memory = SystemMemory::new();
        let before = memory.resident().unwrap();
        let block = std::hint::black_box(vec![1u8; 128 << 20]);
        let after = memory.resident().unwrap();
        assert!(after >= before + (64 << 20), "{before} to {after} with {}", block.len());
    }

    #[test]
    fn a_scripted_proc_is_read_in_pages_and_kibibytes() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("self")).unwrap();
        fs::write(root.path().join("self/statm"), "500 20 3 1 0 9 0\n").unwrap();
        fs::write(
            root.path().join("meminfo"),
            "MemTotal:   100 kB\nMemFree: 1 kB\nMemAvailable:  40 kB\n",
        )
        .unwrap();
        let memory = SystemMemory::at(root.path());
        assert_eq!(memory.resident().unwrap(), 20 * page_size());
        fs::write(root.path().join("self/statm"), "500 21 3 1 0 9 0\n").unwrap();
        assert_eq!(memory.resident().unwrap(), 21 * page_size());
        assert_eq!(memory.host().unwrap(), HostReading { total: 102_400, available: 40_960 });
    }

    #[test]
    fn what_is_missing_or_nonsense_is_an_error_and_never_a_zero() {
        let root = tempfile::tempdir().unwrap();
        let memory = SystemMemory::at(root.path());
        assert!(!memory.resident().unwrap_err().is_unsupported());
        assert!(memory.host().is_err());
        fs::create_dir(root.path().join("self")).unwrap();
        for nonsense in ["", "12", "12 ", "12 x 4", "12 -4 4", "12 99999999999999999999999 1"] {
            fs::write(root.path().join("self/statm"), nonsense).unwrap();
            assert!(memory.resident().is_err(), "{nonsense:?}");
        }
        fs::write(root.path().join("self/statm"), format!("1 {} 1", u64::MAX)).unwrap();
        assert_eq!(memory.resident().unwrap(), u64::MAX);
        fs::write(root.path().join("meminfo"), "MemTotal: 100 kB\n").unwrap();
        let message = memory.host().unwrap_err().to_string();
        assert!(message.contains("MemAvailable"), "{message}");
    }
}
