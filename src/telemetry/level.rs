//! Levels of an entry.

/// How important an entry is; orders from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    /// Detail for whoever hunts a fault.
    Debug = 0,
    /// What happened.
    Info = 1,
    /// What ought not to have happened.
    Warn = 2,
    /// What failed.
    Error = 3,
}

impl Level {
    /// Every level, the least first.
    pub const ALL: [Level; 4] = [Level::Debug, Level::Info, Level::Warn, Level::Error];

    /// The level a byte stands for.
    #[must_use]
    pub fn from_byte(byte: u8) -> Option<Level> {
        Level::ALL.get(usize::from(byte)).copied()
    }

    /// The name in the log.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        }
    }

    /// The level with a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Level> {
        Level::ALL.into_iter().find(|level| level.name() == name)
    }
}
