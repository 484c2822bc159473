//! What `/proc` says of a process (`proc_pid_stat(5)`, `proc_tid_children(5)`).

use std::collections::HashMap;
use std::fs;
use std::io;
use std::sync::LazyLock;

/// The fields of `/proc/<pid>/stat` that are used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    /// Field 3: `R`, `S`, `D`, `T` (stopped), `t` (stopped by a tracer), `Z` (ended), `X`.
    pub(super) state: u8,
    /// Field 4: the parent.
    pub(super) parent: i32,
    /// Field 22: the start in clock ticks since boot.
    pub(super) start: u64,
    /// Field 23: the size of its address space in bytes.
    pub(super) size: u64,
}

/// Reads the fields; the name of the program, field 2, may hold anything, parentheses and line ends too.
pub(super) fn parse(text: &[u8]) -> Option<Stat> {
    let behind = memchr::memrchr(b')', text)?;
    let text = std::str::from_utf8(text.get(behind + 1..)?).ok()?;
    let mut fields = text.split_ascii_whitespace();
    let state = *fields.next()?.as_bytes().first()?;
    let parent = fields.next()?.parse().ok()?;
    let start = fields.nth(22 - 5)?.parse().ok()?;
    let size = fields.next()?.parse().ok()?;
    Some(Stat { state, parent, start, size })
}

/// What `/proc` says of a process now.
pub(super) fn read(pid: i32) -> io::Result<Stat> {
    read_file(&format!("/proc/{pid}/stat"))
}

fn read_file(path: &str) -> io::Result<Stat> {
    parse(&fs::read(path)?)
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("{path} is unreadable")))
}

/// Whether the thing asked for is simply no more.
pub(super) fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH)
}

/// What the threads of a process are at.
#[derive(Debug, Default)]
pub(super) struct Threads {
    /// None of them runs: each is stopped or has ended.
    pub(super) at_rest: bool,
    /// None of them runs, but some wait where no signal reaches them (state `D`).
    pub(super) waiting: bool,
    /// The size of their address space.
    pub(super) size: u64,
    /// The children of the process; each thread has those it started itself.
    pub(super) children: Vec<i32>,
}

/// Reads all threads of a process. Their states are read before their children, so that what rests had
/// finished every fork by then. Without `with_children` these stay empty.
pub(super) fn threads(pid: i32, with_children: bool) -> io::Result<Threads> {
    let mut seen = Threads { at_rest: true, waiting: true, ..Threads::default() };
    for entry in fs::read_dir(format!("/proc/{pid}/task"))?.collect::<io::Result<Vec<_>>>()? {
        let directory = entry.path();
        match read_file(&directory.join("stat").to_string_lossy()) {
            Ok(stat) => {
                let at_rest = matches!(stat.state, b'T' | b't' | b'Z' | b'X');
                seen.at_rest &= at_rest;
                seen.waiting &= at_rest || stat.state == b'D';
                seen.size = seen.size.max(stat.size);
            }
            Err(error) if is_gone(&error) => continue,
            Err(error) => return Err(error),
        }
        if !with_children {
            continue;
        }
        match fs::read_to_string(directory.join("children")) {
            Ok(text) => {
                let listed = text.split_ascii_whitespace().flat_map(str::parse::<i32>);
                seen.children.extend(listed);
            }
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(seen)
}

/// Whether this kernel lists children (`CONFIG_PROC_CHILDREN`).
pub(super) fn lists_children() -> bool {
    static LISTS: LazyLock<bool> = LazyLock::new(|| fs::read("/proc/thread-self/children").is_ok());
    *LISTS
}

/// All parents and their children, by looking at every process of the machine.
pub(super) fn all_children() -> io::Result<HashMap<i32, Vec<i32>>> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for entry in fs::read_dir("/proc")?.collect::<io::Result<Vec<_>>>()? {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        match read(pid) {
            Ok(stat) => children.entry(stat.parent).or_default().push(pid),
            Err(error) if is_gone(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(children)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_program_cannot_forge_the_fields_behind_it() {
        let line =
            b"42 (a) Z 1 (\n) S 7 42 42 0 -1 4194304 2837 6583 16 1 5 2 4 3 20 0 1 0 2407859 16 3";
        assert_eq!(parse(line), Some(Stat { state: b'S', parent: 7, start: 2_407_859, size: 16 }));
    }

    #[test]
    fn a_torn_or_foreign_text_is_no_stat() {
        let line =
            b"42 (sh) S 7 42 42 0 -1 4194304 2837 6583 16 1 5 2 4 3 20 0 1 0 2407859 16961536";
        assert!(parse(line).is_some());
        for end in 0..line.len() - "16961536".len() {
            assert_eq!(parse(&line[..end]), None, "{end}");
        }
        assert_eq!(parse(b"42 (sh) S x 42 42 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 1 0 9 9"), None);
        assert_eq!(parse(&[0xff; 64]), None);
    }

    #[test]
    fn our_own_stat_is_what_the_system_calls_say() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let stat = read(pid).unwrap();
        let parent = rustix::process::getppid().unwrap().as_raw_nonzero().get();
        assert_eq!(stat.parent, parent);
        assert!(stat.start > 0);
        assert!(!threads(pid, true).unwrap().at_rest);
        assert!(all_children().unwrap()[&parent].contains(&pid));
        if lists_children() {
            assert!(threads(parent, true).unwrap().children.contains(&pid));
        }
        assert!(is_gone(&threads(i32::MAX, true).unwrap_err()));
    }
}
