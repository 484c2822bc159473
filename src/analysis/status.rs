//! How a command ended, where that is known. It outweighs every word of the text.

/// How it ended. Nothing known is the default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// The exit code.
    pub exit_code: Option<i32>,
    /// The signal that ended it, as `SIGKILL`.
    pub signal: Option<String>,
    /// Whether it was ended because it took too long.
    pub timed_out: bool,
    /// Whether somebody wanted it ended.
    pub cancelled: bool,
}

/// What is known of success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It failed.
    Failed,
    /// It ended well.
    Succeeded,
    /// Only the text can tell.
    Unknown,
}

impl Status {
    /// What is known of success.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        if self.timed_out || self.cancelled || self.signal.is_some() {
            return Outcome::Failed;
        }
        match self.exit_code {
            Some(0) => Outcome::Succeeded,
            Some(_) => Outcome::Failed,
            None => Outcome::Unknown,
        }
    }

    /// The signal that ended it: stated, or as shells report it (128 and the signal's number; POSIX
    /// 2.8.2 and bash).
    #[must_use]
    pub fn ending_signal(&self) -> Option<&str> {
        if let Some(signal) = &self.signal {
            return Some(signal);
        }
        let name = match self.exit_code? {
            130 => "SIGINT",
            131 => "SIGQUIT",
            132 => "SIGILL",
            134 => "SIGABRT",
            135 => "SIGBUS",
            136 => "SIGFPE",
            137 => "SIGKILL",
            139 => "SIGSEGV",
            141 => "SIGPIPE",
            143 => "SIGTERM",
            _ => return None,
        };
        Some(name)
    }

    /// In words, for a summary; `None` when nothing is known.
    #[must_use]
    pub fn words(&self) -> Option<String> {
        if self.timed_out {
            return Some("timed out".to_owned());
        }
        if let Some(signal) = &self.signal {
            return Some(format!("ended by {signal}"));
        }
        self.exit_code.map(|code| format!("exit code {code}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_outweighs() {
        let of = |exit_code| Status { exit_code, ..Status::default() };
        assert_eq!(of(Some(0)).outcome(), Outcome::Succeeded);
        assert_eq!(of(Some(-1)).outcome(), Outcome::Failed);
        assert_eq!(of(None).outcome(), Outcome::Unknown);
        assert_eq!(Status { timed_out: true, ..of(Some(0)) }.outcome(), Outcome::Failed);
        assert_eq!(of(Some(137)).ending_signal(), Some("SIGKILL"));
        assert_eq!(of(Some(1)).ending_signal(), None);
    }
}
