//! What owner and keeper say to each other: records of 24 bytes, little endian, on a stream socket.
//!
//! ```text
//! offset  0        1..4     4..8     8..16    16..24
//!         kind u8  zero     a i32    b u64    c u64
//! ```
//!
//! A record of an unknown kind is the end of the conversation: both sides come from one build.

/// Bytes of a record.
pub const LENGTH: usize = 24;

/// What could not be done for a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Step {
    /// The order could not be read.
    Order = 1,
    /// The keeper could not be set up.
    Prepare = 2,
    /// No process could be forked.
    Fork = 3,
    /// The working directory could not be entered.
    Directory = 4,
    /// The program was not found or could not be executed.
    Execute = 5,
}

impl Step {
    fn from_byte(byte: u64) -> Option<Step> {
        [Step::Order, Step::Prepare, Step::Fork, Step::Directory, Step::Execute]
            .into_iter()
            .find(|step| *step as u64 == byte)
    }
}

/// What a keeper tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToOwner {
    /// The process of the command exists and waits: its number and its start time (clock ticks since boot).
    Ready {
        /// Its number.
        pid: i32,
        /// Field 22 of `proc_pid_stat(5)`.
        start: u64,
    },
    /// The command is being executed.
    Running,
    /// It is not, and will not be; the keeper goes: this is its last message, no `Gone` follows. `ECANCELED`:
    /// it was ended, or killed by somebody, before the word.
    NotRun {
        /// What failed.
        step: Step,
        /// The system's reason.
        errno: i32,
    },
    /// The command ended by itself.
    Exited {
        /// Its exit code.
        code: i32,
        /// Processor time of it and of the descendants it waited for, in microseconds.
        cpu_us: u64,
        /// The most memory it had at once, in KiB.
        max_rss_kib: u64,
    },
    /// A signal ended the command.
    Signalled {
        /// Which.
        signal: i32,
        /// As above.
        cpu_us: u64,
        /// As above.
        max_rss_kib: u64,
    },
    /// Nothing of the tree is left, but what `refused` counts; the keeper goes.
    Gone {
        /// Processes beside the command that were sent a signal to end, because the tree or what the command
        /// left behind was to end.
        ended: u64,
        /// Processes that could not be signalled: another user's.
        refused: u64,
    },
}

/// What a keeper is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToKeeper {
    /// The command may be executed.
    Go,
    /// A signal for the command alone, or for its whole tree. Before `Go` it waits for the command; what is no
    /// signal is ignored. The tree is stopped and sent on its way for it, also what had been stopped before.
    Signal {
        /// Which.
        signal: i32,
        /// Descendants too.
        tree: bool,
    },
    /// The tree is to end: `signal` to all of it, and KILL after the grace. Said again, a shorter grace counts.
    End {
        /// The first signal.
        signal: i32,
        /// Milliseconds until KILL; 0 is at once.
        grace_ms: u64,
    },
}

fn record(kind: u8, a: i32, b: u64, c: u64) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    bytes[0] = kind;
    bytes[4..8].copy_from_slice(&a.to_le_bytes());
    bytes[8..16].copy_from_slice(&b.to_le_bytes());
    bytes[16..24].copy_from_slice(&c.to_le_bytes());
    bytes
}

fn fields(bytes: &[u8; LENGTH]) -> (u8, i32, u64, u64) {
    let word = |at: usize| {
        let mut word = [0; 8];
        word.copy_from_slice(&bytes[at..at + 8]);
        u64::from_le_bytes(word)
    };
    let a = i32::from_le_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]);
    (bytes[0], a, word(8), word(16))
}

impl ToOwner {
    /// As it is sent.
    #[must_use]
    pub fn encode(self) -> [u8; LENGTH] {
        match self {
            ToOwner::Ready { pid, start } => record(1, pid, start, 0),
            ToOwner::Running => record(2, 0, 0, 0),
            ToOwner::NotRun { step, errno } => record(3, errno, step as u64, 0),
            ToOwner::Exited { code, cpu_us, max_rss_kib } => record(4, code, cpu_us, max_rss_kib),
            ToOwner::Signalled { signal, cpu_us, max_rss_kib } => {
                record(5, signal, cpu_us, max_rss_kib)
            }
            ToOwner::Gone { ended, refused } => record(6, 0, ended, refused),
        }
    }

    /// As it was received; `None` for what no keeper says.
    #[must_use]
    pub fn decode(bytes: &[u8; LENGTH]) -> Option<ToOwner> {
        let (kind, a, b, c) = fields(bytes);
        Some(match kind {
            1 => ToOwner::Ready { pid: a, start: b },
            2 => ToOwner::Running,
            3 => ToOwner::NotRun { step: Step::from_byte(b)?, errno: a },
            4 => ToOwner::Exited { code: a, cpu_us: b, max_rss_kib: c },
            5 => ToOwner::Signalled { signal: a, cpu_us: b, max_rss_kib: c },
            6 => ToOwner::Gone { ended: b, refused: c },
            _ => return None,
        })
    }
}

impl ToKeeper {
    /// As it is sent.
    #[must_use]
    pub fn encode(self) -> [u8; LENGTH] {
        match self {
            ToKeeper::Go => record(65, 0, 0, 0),
            ToKeeper::Signal { signal, tree } => record(66, signal, u64::from(tree), 0),
            ToKeeper::End { signal, grace_ms } => record(67, signal, grace_ms, 0),
        }
    }

    /// As it was received; `None` for what no owner says.
    #[must_use]
    pub fn decode(bytes: &[u8; LENGTH]) -> Option<ToKeeper> {
        let (kind, a, b, _) = fields(bytes);
        Some(match kind {
            65 => ToKeeper::Go,
            66 => ToKeeper::Signal { signal: a, tree: b != 0 },
            67 => ToKeeper::End { signal: a, grace_ms: b },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_what_is_heard() {
        let to_owner = [
            ToOwner::Ready { pid: 4711, start: u64::MAX },
            ToOwner::Running,
            ToOwner::NotRun { step: Step::Execute, errno: 2 },
            ToOwner::Exited { code: 255, cpu_us: 1, max_rss_kib: 2 },
            ToOwner::Signalled { signal: 9, cpu_us: 3, max_rss_kib: u64::MAX },
            ToOwner::Gone { ended: 5, refused: 6 },
        ];
        for message in to_owner {
            assert_eq!(ToOwner::decode(&message.encode()), Some(message));
            assert_eq!(ToKeeper::decode(&message.encode()), None);
        }
        let to_keeper = [
            ToKeeper::Go,
            ToKeeper::Signal { signal: 15, tree: true },
            ToKeeper::End { signal: 15, grace_ms: 5000 },
        ];
        for message in to_keeper {
            assert_eq!(ToKeeper::decode(&message.encode()), Some(message));
            assert_eq!(ToOwner::decode(&message.encode()), None);
        }
        assert_eq!(ToOwner::decode(&record(3, 2, 99, 0)), None);
        assert_eq!(ToOwner::decode(&[0; LENGTH]), None);
    }
}
