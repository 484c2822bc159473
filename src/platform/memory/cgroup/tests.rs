use super::*;
use std::fs;

/// A machine with a `/proc` and a hierarchy of groups.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new(membership: &str, mounts: &[(&str, &str, &str, &str)]) -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        machine.write("proc/self/cgroup", membership);
        let lines: String = mounts.iter().map(|line| machine.mount_line(line)).collect();
        machine.write("proc/self/mountinfo", &lines);
        machine
    }

    fn mount_line(&self, (root, point, kind, options): &(&str, &str, &str, &str)) -> String {
        let point = self.0.path().join(point).display().to_string().replace(' ', "\\040");
        format!("36 25 0:31 {root} {point} rw,relatime shared:9 - {kind} {kind} rw,{options}\n")
    }

    fn second(membership: &str) -> Self {
        let mounts = [("/", "root", "tmpfs", ""), ("/", "cg two", "cgroup2", "nsdelegate")];
        Self::new(membership, &mounts)
    }

    fn write(&self, path: &str, content: &str) {
        let path = self.0.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn group(&self, path: &str, current: u64, max: &str, high: &str, inactive: u64, active: u64) {
        self.write(&format!("{path}/memory.current"), &format!("{current}\n"));
        self.write(&format!("{path}/memory.max"), &format!("{max}\n"));
        self.write(&format!("{path}/memory.high"), &format!("{high}\n"));
        let stat = format!(
            "anon 5\nfile 9999\ninactive_anon 7\ninactive_file {inactive}\nactive_file {active}\nslab 3\n"
        );
        self.write(&format!("{path}/memory.stat"), &stat);
    }

    fn old_group(&self, path: &str, usage: u64, limit: u64, inherited: u64, cache: u64) {
        self.write(&format!("{path}/memory.usage_in_bytes"), &format!("{usage}\n"));
        self.write(&format!("{path}/memory.limit_in_bytes"), &format!("{limit}\n"));
        let stat = format!(
            "cache 1\ninactive_file 77\nactive_file 78\nhierarchical_memory_limit {inherited}\n\
             total_inactive_file {cache}\ntotal_active_file 1\n"
        );
        self.write(&format!("{path}/memory.stat"), &stat);
    }

    fn cgroups(&self) -> Cgroups {
        Cgroups::new(&self.0.path().join("proc"))
    }

    fn reading(&self) -> Option<CgroupReading> {
        self.cgroups().reading().unwrap()
    }
}

fn limited(used: u64, limit: u64) -> Option<CgroupReading> {
    Some(CgroupReading { used, limit: Some(limit) })
}

#[test]
fn page_cache_is_no_use_and_high_counts_when_it_is_lower_than_max() {
    let machine = Machine::second("0::/job\n");
    machine.group("cg two/job", 1000, "2000", "max", 300, 200);
    assert_eq!(machine.reading(), limited(500, 2000));
    machine.group("cg two/job", 1000, "2000", "1500", 300, 200);
    assert_eq!(machine.reading(), limited(500, 1500));
    machine.group("cg two/job", 100, "2000", "1500", 300, 200);
    assert_eq!(machine.reading(), limited(0, 1500));
}

#[test]
fn the_ancestor_with_the_least_room_is_the_tightest() {
    let machine = Machine::second("0::/a/b/c\n");
    machine.group("cg two/a/b/c", 100, "1000", "max", 0, 0);
    machine.group("cg two/a/b", 400, "max", "max", 0, 0);
    machine.group("cg two/a", 5000, "5200", "max", 10, 0);
    assert_eq!(machine.reading(), limited(4990, 5200));
    machine.group("cg two/a/b/c", 900, "1000", "max", 0, 0);
    assert_eq!(machine.reading(), limited(900, 1000));
}

#[test]
fn without_any_limit_the_use_is_the_innermost_groups() {
    let machine = Machine::second("0::/a/b\n");
    machine.group("cg two/a/b", 100, "max", "max", 30, 0);
    machine.group("cg two/a", 5000, "max", "max", 0, 0);
    assert_eq!(machine.reading(), Some(CgroupReading { used: 70, limit: None }));
}

#[test]
fn the_root_group_has_neither_use_nor_limit() {
    let machine = Machine::second("0::/\n");
    machine.write("cg two/memory.stat", "inactive_file 4\n");
    assert_eq!(machine.reading(), None);
}

#[test]
fn a_container_that_sees_its_group_as_the_root_has_its_limit() {
    let machine = Machine::second("0::/\n");
    machine.group("cg two", 800, "1000", "max", 100, 0);
    assert_eq!(machine.reading(), limited(700, 1000));
}

#[test]
fn a_mount_that_shows_a_subtree_is_entered_where_it_begins() {
    let mounts = [
        ("/other", "elsewhere", "cgroup", "memory"),
        ("/docker/abc", "memory", "cgroup", "memory"),
        ("/docker/abc", "cpu", "cgroup", "cpu,cpuacct"),
    ];
    let machine = Machine::new("5:cpu,cpuacct:/x\n4:memory:/docker/abc/in\n0::/\n", &mounts);
    machine.old_group("memory/in", 500, 600, 600, 50);
    machine.old_group("memory", 5000, 9_223_372_036_854_771_712, 9_223_372_036_854_771_712, 0);
    machine.old_group("elsewhere", 1, 2, 2, 0);
    assert_eq!(machine.reading(), limited(449, 600));
}

#[test]
fn a_group_outside_of_every_mount_is_held_by_what_the_mount_shows() {
    for path in ["/kubepods/pod1", "/../../init.scope", "/../x"] {
        let mounts = [("/docker/abc", "memory", "cgroup", "rw,memory")];
        let machine = Machine::new(&format!("4:memory:{path}\n"), &mounts);
        machine.old_group("memory", 500, 600, 600, 50);
        assert_eq!(machine.reading(), limited(449, 600), "{path}");
    }
    let machine = Machine::second("0::/../escaped\n");
    machine.group("cg two", 800, "1000", "max", 100, 0);
    assert_eq!(machine.reading(), limited(700, 1000));
}

#[test]
fn an_invisible_ancestors_limit_counts_in_version_one() {
    let machine = Machine::new("4:memory:/\n", &[("/", "memory", "cgroup", "memory")]);
    machine.old_group("memory", 500, 9_223_372_036_854_771_712, 700, 99);
    assert_eq!(machine.reading(), limited(400, 700));
}

#[test]
fn the_memory_controller_of_version_one_goes_before_an_empty_version_two() {
    let mounts = [("/", "two", "cgroup2", "x"), ("/", "one", "cgroup", "memory")];
    let machine = Machine::new("0::/a\n7:name=systemd:/\n4:hugetlb,memory:/a\n", &mounts);
    machine.old_group("one/a", 500, 600, 600, 0);
    machine.group("two/a", 1, "2", "max", 0, 0);
    assert_eq!(machine.reading(), limited(499, 600));
}

#[test]
fn a_process_that_is_moved_is_followed() {
    let machine = Machine::second("0::/a\n");
    machine.group("cg two/a", 100, "1000", "max", 0, 0);
    machine.group("cg two/b", 200, "300", "max", 0, 0);
    let cgroups = machine.cgroups();
    assert_eq!(cgroups.reading().unwrap(), limited(100, 1000));
    machine.write("proc/self/cgroup", "0::/b\n");
    assert_eq!(cgroups.reading().unwrap(), limited(200, 300));
}

#[test]
fn a_machine_without_groups_has_no_reading_and_a_broken_one_an_error() {
    let machine = Machine::new("", &[]);
    assert_eq!(machine.reading(), None);
    fs::remove_file(machine.0.path().join("proc/self/cgroup")).unwrap();
    assert_eq!(machine.reading(), None);

    let machine = Machine::second("garbage\n0::/a\n::\n");
    assert_eq!(machine.reading(), None, "the group's files are gone");
    machine.group("cg two/a", 100, "nonsense", "max", 0, 0);
    assert!(matches!(machine.cgroups().reading(), Err(MemoryReadingError::Malformed { .. })));
    machine.group("cg two/a", 100, "0", "max", 0, 0);
    assert_eq!(machine.reading(), limited(100, 0));
    fs::remove_file(machine.0.path().join("cg two/a/memory.max")).unwrap();
    fs::create_dir(machine.0.path().join("cg two/a/memory.max")).unwrap();
    assert!(matches!(machine.cgroups().reading(), Err(MemoryReadingError::Io { .. })));
}

#[test]
fn levels_are_bounded() {
    let path = "/x".repeat(3 * MAX_LEVELS);
    let (_, levels) = locate(
        format!("0::{path}\n").as_bytes(),
        b"1 2 3:4 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
    )
    .unwrap();
    assert_eq!(levels.len(), MAX_LEVELS);
}

#[test]
fn escapes_of_mounts_are_undone_and_other_backslashes_kept() {
    assert_eq!(unescape(b"/a\\040b\\134c\\9"), Path::new("/a b\\c\\9"));
}

#[test]
fn the_real_groups_of_this_process_can_be_read() {
    let reading = Cgroups::new(Path::new("/proc")).reading().unwrap();
    println!("this process is in {reading:?}");
    let member = read_up_to(Path::new("/proc/self/cgroup"), MAX_FILE).map(|text| member_of(&text));
    if member.is_ok_and(|member| matches!(member, Some((Version::One, _)))) {
        assert!(reading.is_some(), "version 1 counts every group's use");
    }
}
