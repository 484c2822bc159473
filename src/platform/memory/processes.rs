//! The processes descended from this one.
//!
//! Children are asked of the kernel, `/proc/<pid>/task/*/children`, which costs what the tree costs; a
//! kernel without that list (`CONFIG_PROC_CHILDREN`) has its processes gone through once. Either way a
//! snapshot is no transaction: a process that comes or goes meanwhile may be missing, and is in the next.

use super::linux::{number, read_up_to, resident_pages, vanished};
use super::{MAX_DESCENDANTS, MemoryReadingError, TreeReading};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Processes of the machine gone through at most where the kernel keeps no lists of children.
const MAX_SCANNED: usize = 32_768;
/// Bytes read of a list of children: the numbers of more than [`MAX_DESCENDANTS`] of them.
const MAX_LIST: u64 = 64 << 10;

#[derive(Debug)]
pub(super) struct Processes {
    root: PathBuf,
    page: u64,
    most: usize,
    lists: OnceLock<bool>,
}

/// A process of the machine: its parent and its resident pages.
struct Stat {
    parent: u64,
    pages: u64,
}

impl Processes {
    pub(super) fn new(root: &Path, page: u64) -> Self {
        Self { root: root.to_owned(), page, most: MAX_DESCENDANTS, lists: OnceLock::new() }
    }

    pub(super) fn descendants(&self) -> Result<TreeReading, MemoryReadingError> {
        let own = self.own()?;
        if self.has_lists(own) { self.walk(own) } else { self.scan(own) }
    }

    /// A process and its descendants; nothing when it is gone.
    pub(super) fn tree(&self, root: u64) -> Result<TreeReading, MemoryReadingError> {
        let Some(pages) = self.pages(root)? else { return Ok(TreeReading::default()) };
        let below = if self.has_lists(self.own()?) { self.walk(root) } else { self.scan(root) };
        let mut tree = match below {
            Ok(tree) => tree,
            // It ended meanwhile.
            Err(MemoryReadingError::Io { source, .. }) if vanished(&source) => {
                TreeReading::default()
            }
            Err(error) => return Err(error),
        };
        tree.processes += 1;
        tree.resident = tree.resident.saturating_add(pages.saturating_mul(self.page));
        Ok(tree)
    }

    /// Our number as this `/proc` has it, which in a container may not be the one `getpid` gives.
    fn own(&self) -> Result<u64, MemoryReadingError> {
        let path = self.root.join("self");
        match fs::read_link(&path) {
            Ok(target) => number(target.as_os_str().as_encoded_bytes())
                .ok_or(MemoryReadingError::Malformed { path, what: "process number" }),
            Err(source) => Err(MemoryReadingError::Io { path, source }),
        }
    }

    fn has_lists(&self, own: u64) -> bool {
        // The first thread has the number of its process.
        let list = || self.root.join(format!("{own}/task/{own}/children")).exists();
        *self.lists.get_or_init(list)
    }

    fn walk(&self, own: u64) -> Result<TreeReading, MemoryReadingError> {
        let mut tree = TreeReading::default();
        let mut seen = HashSet::from([own]);
        let mut waiting = vec![own];
        while let Some(parent) = waiting.pop() {
            let children = match self.children(parent) {
                Ok(children) => children,
                Err(error) if parent == own => {
                    let path = self.root.join(format!("{own}/task"));
                    return Err(MemoryReadingError::Io { path, source: error });
                }
                // It ended, or is another's since: then so are its children, which go to init.
                Err(_) => continue,
            };
            for child in children {
                // Numbers are reused: a tree read over time may seem to hold a circle.
                if !seen.insert(child) {
                    continue;
                }
                if tree.processes as usize >= self.most {
                    tree.cut = true;
                    return Ok(tree);
                }
                if let Some(pages) = self.pages(child)? {
                    tree.processes += 1;
                    tree.resident = tree.resident.saturating_add(pages.saturating_mul(self.page));
                    waiting.push(child);
                }
            }
        }
        Ok(tree)
    }

    fn children(&self, parent: u64) -> io::Result<Vec<u64>> {
        let mut children = Vec::new();
        for thread in fs::read_dir(self.root.join(format!("{parent}/task")))? {
            let list = match read_up_to(&thread?.path().join("children"), MAX_LIST) {
                Ok(list) => list,
                Err(error) if vanished(&error) => continue,
                Err(error) => return Err(error),
            };
            children.extend(list.split(|byte| *byte == b' ').filter_map(number));
        }
        Ok(children)
    }

    /// Resident pages of a process; `None` once it is gone.
    fn pages(&self, process: u64) -> Result<Option<u64>, MemoryReadingError> {
        let path = self.root.join(format!("{process}/statm"));
        match read_up_to(&path, 256) {
            Ok(statm) => resident_pages(&statm)
                .map(Some)
                .ok_or(MemoryReadingError::Malformed { path, what: "resident pages" }),
            Err(error) if vanished(&error) => Ok(None),
            Err(source) => Err(MemoryReadingError::Io { path, source }),
        }
    }

    fn scan(&self, own: u64) -> Result<TreeReading, MemoryReadingError> {
        let listed = fs::read_dir(&self.root)
            .map_err(|source| MemoryReadingError::Io { path: self.root.clone(), source })?;
        let mut tree = TreeReading::default();
        let mut by_parent: HashMap<u64, Vec<(u64, u64)>> = HashMap::new();
        let mut scanned = 0;
        for entry in listed.flatten() {
            let name = entry.file_name();
            let Some(process) = number(name.as_encoded_bytes()) else { continue };
            scanned += 1;
            if scanned > MAX_SCANNED {
                tree.cut = true;
                break;
            }
            // Gone meanwhile, or not ours to see: then it is no child of ours.
            let Ok(stat) = read_up_to(&entry.path().join("stat"), 4096) else { continue };
            let Some(stat) = parse_stat(&stat) else { continue };
            by_parent.entry(stat.parent).or_default().push((process, stat.pages));
        }
        // Parents taken out as they are visited, no circle can hold us.
        let mut waiting = vec![own];
        while let Some(children) = waiting.pop().map(|parent| by_parent.remove(&parent)) {
            for (child, pages) in children.into_iter().flatten() {
                if tree.processes as usize >= self.most {
                    tree.cut = true;
                    return Ok(tree);
                }
                tree.processes += 1;
                tree.resident = tree.resident.saturating_add(pages.saturating_mul(self.page));
                waiting.push(child);
            }
        }
        Ok(tree)
    }
}

/// Fields 4 and 24 of a `stat` file, `proc_pid_stat(5)`. The second, the name, may hold anything.
fn parse_stat(stat: &[u8]) -> Option<Stat> {
    let behind_name = stat.iter().rposition(|byte| *byte == b')')?;
    let mut fields = stat.get(behind_name + 2..)?.split(|byte| *byte == b' ');
    let parent = number(fields.nth(1)?)?;
    let pages = number(fields.nth(24 - 5)?)?;
    Some(Stat { parent, pages })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::process::{Command, Stdio};

    /// A `/proc` in which each process has the given parent and resident pages.
    fn machine(processes: &[(u64, u64, u64)], lists: bool) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("10", root.path().join("self")).unwrap();
        for (process, parent, pages) in processes {
            let directory = root.path().join(process.to_string());
            let task = directory.join("task").join(process.to_string());
            fs::create_dir_all(&task).unwrap();
            fs::write(directory.join("statm"), format!("900 {pages} 1 1 0 1 0\n")).unwrap();
            let middle = "0 ".repeat(24 - 5);
            let stat = format!("{process} (a) b (c) S {parent} {middle}{pages} 0 0\n");
            fs::write(directory.join("stat"), stat).unwrap();
            if lists {
                let children = processes.iter().filter(|(_, of, _)| of == process);
                let text: String = children.map(|(child, _, _)| format!("{child} ")).collect();
                fs::write(task.join("children"), text).unwrap();
            }
        }
        root
    }

    const FAMILY: [(u64, u64, u64); 6] =
        [(1, 0, 1000), (10, 1, 500), (11, 10, 7), (12, 10, 20), (13, 12, 300), (99, 1, 4000)];

    #[test]
    fn both_ways_find_children_and_their_children_and_no_stranger() {
        for lists in [true, false] {
            let root = machine(&FAMILY, lists);
            let processes = Processes::new(root.path(), 10);
            let expected = TreeReading { resident: 3270, processes: 3, cut: false };
            assert_eq!(processes.descendants().unwrap(), expected, "lists: {lists}");
        }
    }

    #[test]
    fn a_tree_is_its_root_and_what_is_below_it() {
        for lists in [true, false] {
            let root = machine(&FAMILY, lists);
            let processes = Processes::new(root.path(), 10);
            let tree = |pid| processes.tree(pid).unwrap();
            assert_eq!(tree(12), TreeReading { resident: 3200, processes: 2, cut: false });
            assert_eq!(tree(13), TreeReading { resident: 3000, processes: 1, cut: false });
            assert_eq!(tree(77), TreeReading::default());
            fs::remove_dir_all(root.path().join("12/task")).unwrap();
            assert!(tree(12).resident >= 200, "{lists}");
        }
    }

    #[test]
    fn children_of_every_thread_are_found() {
        let root = machine(&FAMILY, true);
        let thread = root.path().join("10/task/15");
        fs::create_dir(&thread).unwrap();
        fs::write(thread.join("children"), "99 ").unwrap();
        let tree = Processes::new(root.path(), 1).descendants().unwrap();
        assert_eq!((tree.resident, tree.processes), (4327, 4));
    }

    #[test]
    fn a_process_that_vanished_is_left_out() {
        let root = machine(&FAMILY, true);
        fs::remove_dir_all(root.path().join("12")).unwrap();
        let tree = Processes::new(root.path(), 1).descendants().unwrap();
        assert_eq!(tree, TreeReading { resident: 7, processes: 1, cut: false });
        // Its threads gone, but not yet its figures.
        fs::remove_dir_all(root.path().join("11/task")).unwrap();
        let tree = Processes::new(root.path(), 1).descendants().unwrap();
        assert_eq!(tree.processes, 1);
    }

    #[test]
    fn a_circle_of_reused_numbers_ends() {
        for lists in [true, false] {
            let root = machine(&[(10, 12, 1), (11, 10, 2), (12, 11, 4)], lists);
            let tree = Processes::new(root.path(), 1).descendants().unwrap();
            assert!(tree.processes <= 3, "{tree:?}");
        }
    }

    #[test]
    fn a_tree_beyond_its_bound_is_cut_and_says_so() {
        let mut many = vec![(10, 1, 1)];
        many.extend((0..12).map(|index| (1000 + index, 10, 2)));
        for lists in [true, false] {
            let root = machine(&many, lists);
            let mut processes = Processes::new(root.path(), 1);
            processes.most = 12;
            let whole = TreeReading { resident: 24, processes: 12, cut: false };
            assert_eq!(processes.descendants().unwrap(), whole, "lists: {lists}");
            processes.most = 11;
            let cut = TreeReading { resident: 22, processes: 11, cut: true };
            assert_eq!(processes.descendants().unwrap(), cut, "lists: {lists}");
        }
    }

    #[test]
    fn an_unreadable_tree_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        assert!(Processes::new(root.path(), 1).descendants().is_err());
        std::os::unix::fs::symlink("elsewhere", root.path().join("self")).unwrap();
        assert!(Processes::new(root.path(), 1).descendants().is_err());
    }

    #[test]
    fn a_real_child_is_counted_both_ways_until_it_is_gone() {
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("cat(1) is there");
        // Between its birth and its first instruction a process may have no page yet: it answers first.
        let mut answer = [0; 1];
        child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut answer).unwrap();
        let number = u64::from(child.id());
        let listed = Processes::new(Path::new("/proc"), super::super::page_size());
        let scanned = Processes::new(Path::new("/proc"), super::super::page_size());
        scanned.lists.set(false).unwrap();
        let own = listed.own().unwrap();
        let found = |processes: &Processes| processes.descendants().unwrap();
        // Other tests may have children of their own meanwhile.
        for processes in [&listed, &scanned] {
            let tree = found(processes);
            assert!(tree.processes >= 1 && tree.resident > 0 && !tree.cut, "{tree:?}");
        }
        assert!(listed.children(own).unwrap().contains(&number));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!listed.children(own).unwrap().contains(&number));
        assert!(listed.pages(number).unwrap().is_none());
    }
}
