//! The memory controller of the control groups this process is in.
//!
//! Where the process is stands in `/proc/self/cgroup`; where that is in the file system, in
//! `/proc/self/mountinfo` (`cgroups(7)`). The first is read every time, for a process may be moved; the
//! second only when the first has changed.

use super::linux::{number, read_up_to, vanished};
use super::{CgroupReading, MAX_LEVELS, MemoryReadingError};
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Bytes read of a file of a group, and of the list of groups.
const MAX_FILE: u64 = 64 << 10;
/// Bytes read of the list of mounts, which a host of many containers makes long.
const MAX_MOUNTS: u64 = 4 << 20;
/// From here on a limit is none: version 1 writes the largest number of pages it can count.
const NO_LIMIT: u64 = 1 << 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

/// The groups from the innermost to the topmost visible, and what `/proc/self/cgroup` said then.
#[derive(Debug)]
struct Located {
    membership: Vec<u8>,
    groups: Option<(Version, Vec<PathBuf>)>,
}

#[derive(Debug)]
pub(super) struct Cgroups {
    membership: PathBuf,
    mounts: PathBuf,
    located: Mutex<Option<Located>>,
}

fn io_error(path: &Path, source: io::Error) -> MemoryReadingError {
    MemoryReadingError::Io { path: path.to_owned(), source }
}

impl Cgroups {
    pub(super) fn new(root: &Path) -> Self {
        Self {
            membership: root.join("self/cgroup"),
            mounts: root.join("self/mountinfo"),
            located: Mutex::new(None),
        }
    }

    pub(super) fn reading(&self) -> Result<Option<CgroupReading>, MemoryReadingError> {
        let membership = match read_up_to(&self.membership, MAX_FILE) {
            Ok(membership) => membership,
            // A kernel without control groups.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error(&self.membership, error)),
        };
        let mut located = self.located.lock().unwrap_or_else(PoisonError::into_inner);
        if located.as_ref().is_none_or(|located| located.membership != membership) {
            let mounts = read_up_to(&self.mounts, MAX_MOUNTS);
            let mounts = mounts.map_err(|error| io_error(&self.mounts, error))?;
            let groups = locate(&membership, &mounts);
            *located = Some(Located { membership, groups });
        }
        match located.as_ref().and_then(|located| located.groups.as_ref()) {
            Some((version, levels)) => tightest(*version, levels),
            None => Ok(None),
        }
    }
}

/// The directories of our groups, innermost first.
fn locate(membership: &[u8], mounts: &[u8]) -> Option<(Version, Vec<PathBuf>)> {
    let (version, path) = member_of(membership)?;
    let mut candidates =
        mounts.split(|byte| *byte == b'\n').filter_map(|line| mount(version, line));
    let first = candidates.next()?;
    // Of several mounts the one that shows our group; else any: its topmost directory is what we may see.
    let within = |mount: &Mount| path.strip_prefix(&mount.root).is_ok();
    let mount = if within(&first) { first } else { candidates.find(within).unwrap_or(first) };
    let inside = path.strip_prefix(&mount.root).unwrap_or(Path::new(""));
    let plain = inside.components().all(|part| matches!(part, Component::Normal(_)));
    let inside = if plain { inside } else { Path::new("") };
    let levels = inside.ancestors().take(MAX_LEVELS).map(|level| mount.point.join(level));
    Some((version, levels.collect()))
}

/// Which controller counts our memory, and the group's path. A line is `number:controllers:path`; version
/// 2 has number 0 and no controllers, and counts memory only where version 1 does not.
fn member_of(membership: &[u8]) -> Option<(Version, PathBuf)> {
    let mut second = None;
    for line in membership.split(|byte| *byte == b'\n') {
        let mut fields = line.splitn(3, |byte| *byte == b':');
        let (Some(number), Some(controllers), Some(path)) =
            (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let path = PathBuf::from(OsStr::from_bytes(path));
        if controllers.split(|byte| *byte == b',').any(|controller| controller == b"memory") {
            return Some((Version::One, path));
        }
        if number == b"0" && controllers.is_empty() {
            second = Some((Version::Two, path));
        }
    }
    second
}

struct Mount {
    /// The group shown at the mount point.
    root: PathBuf,
    point: PathBuf,
}

/// A line of `mountinfo`: `… … … root point options optional* - type source super-options`.
fn mount(version: Version, line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let root = unescape(fields.nth(3)?);
    let point = unescape(fields.next()?);
    fields.find(|field| *field == b"-")?;
    let kind = fields.next()?;
    let options = fields.nth(1)?;
    let wanted = match version {
        Version::Two => kind == b"cgroup2",
        Version::One => {
            kind == b"cgroup"
                && options.split(|byte| *byte == b',').any(|option| option == b"memory")
        }
    };
    wanted.then_some(Mount { root, point })
}

/// Spaces and their like are written as a backslash and three octal digits.
fn unescape(field: &[u8]) -> PathBuf {
    let mut path = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let digits =
            after.get(..3).filter(|digits| digits.iter().all(|d| (b'0'..b'8').contains(d)));
        match digits {
            Some(digits) if *first == b'\\' => {
                let value =
                    digits.iter().fold(0u32, |value, digit| value * 8 + u32::from(digit - b'0'));
                path.push(value as u8);
                rest = &after[3..];
            }
            _ => {
                path.push(*first);
                rest = after;
            }
        }
    }
    PathBuf::from(OsStr::from_bytes(&path))
}

fn tightest(
    version: Version,
    levels: &[PathBuf],
) -> Result<Option<CgroupReading>, MemoryReadingError> {
    let mut found: Option<CgroupReading> = None;
    let mut innermost = None;
    for level in levels {
        // What the kernel keeps for a level costs some ten microseconds; asked only where it may matter.
        let mut limit = match version {
            Version::Two => lower(bytes(level, "memory.max")?, bytes(level, "memory.high")?),
            Version::One => bytes(level, "memory.limit_in_bytes")?,
        };
        if limit.is_none() && innermost.is_some() {
            continue;
        }
        let Some(usage) = bytes_of(level, version.usage())? else { continue };
        let (cache, inherited) = statistics(version, level)?;
        limit = lower(limit, inherited);
        let reading = CgroupReading { used: usage.saturating_sub(cache), limit };
        innermost.get_or_insert(reading);
        let room = |reading: &CgroupReading| {
            reading.limit.map_or(u64::MAX, |limit| limit.saturating_sub(reading.used))
        };
        if limit.is_some() && found.is_none_or(|found| room(&reading) < room(&found)) {
            found = Some(reading);
        }
    }
    Ok(found.or(innermost))
}

impl Version {
    fn usage(self) -> &'static str {
        match self {
            Version::One => "memory.usage_in_bytes",
            Version::Two => "memory.current",
        }
    }
}

fn lower(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// A file's content; `None` where the group has no such file: the topmost of all has neither limit nor use.
fn content(level: &Path, name: &str) -> Result<Option<(PathBuf, Vec<u8>)>, MemoryReadingError> {
    let path = level.join(name);
    match read_up_to(&path, MAX_FILE) {
        Ok(content) => Ok(Some((path, content))),
        // ENODEV: the group is being removed under us.
        Err(error) if vanished(&error) || error.raw_os_error() == Some(libc::ENODEV) => Ok(None),
        Err(error) => Err(io_error(&path, error)),
    }
}

fn bytes_of(level: &Path, name: &str) -> Result<Option<u64>, MemoryReadingError> {
    let Some((path, content)) = content(level, name)? else { return Ok(None) };
    let what = "number of bytes";
    number(&content).map(Some).ok_or(MemoryReadingError::Malformed { path, what })
}

/// A limit; `None` where there is none.
fn bytes(level: &Path, name: &str) -> Result<Option<u64>, MemoryReadingError> {
    let Some((path, content)) = content(level, name)? else { return Ok(None) };
    if content.trim_ascii() == b"max" {
        return Ok(None);
    }
    match number(&content) {
        Some(limit) => Ok((limit < NO_LIMIT).then_some(limit)),
        None => Err(MemoryReadingError::Malformed { path, what: "limit" }),
    }
}

/// Page cache of a level, and the limit its ancestors, also invisible ones, set to it.
fn statistics(version: Version, level: &Path) -> Result<(u64, Option<u64>), MemoryReadingError> {
    let Some((_, content)) = content(level, "memory.stat")? else { return Ok((0, None)) };
    let names: [&[u8]; 2] = match version {
        Version::One => [b"total_inactive_file", b"total_active_file"],
        Version::Two => [b"inactive_file", b"active_file"],
    };
    let (mut cache, mut inherited) = (0u64, None);
    for line in content.split(|byte| *byte == b'\n') {
        let mut fields = line.splitn(2, |byte| *byte == b' ');
        let (Some(name), Some(value)) = (fields.next(), fields.next().and_then(number)) else {
            continue;
        };
        if names.contains(&name) {
            cache = cache.saturating_add(value);
        } else if version == Version::One && name == b"hierarchical_memory_limit" {
            inherited = Some(value).filter(|limit| *limit < NO_LIMIT);
        }
    }
    Ok((cache, inherited))
}

#[cfg(test)]
mod tests;
