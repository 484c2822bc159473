//! The memory of workers.

use crate::platform::memory::SystemMemory;

/// Reads the memory of process trees.
pub trait TreeMemory: Send + Sync {
    /// Bytes resident in a process and all its descendants; pages they share count in each. `None` when it
    /// cannot be read, as when the process has gone.
    fn resident(&self, pid: i32) -> Option<u64>;
}

impl TreeMemory for SystemMemory {
    fn resident(&self, pid: i32) -> Option<u64> {
        let tree = self.tree(u64::try_from(pid).ok().filter(|pid| *pid > 0)?).ok()?;
        // With nothing below it, not even the process itself was there.
        (tree.processes > 0).then_some(tree.resident)
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn a_tree_that_is_there_has_memory_and_others_have_none() {
        let memory = SystemMemory::new();
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(memory.resident(own).unwrap() > 1 << 20);
        for nobody in [0, -1, i32::MIN, i32::MAX] {
            assert_eq!(memory.resident(nobody), None, "{nobody}");
        }
    }
}
