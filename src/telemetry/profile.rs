//! How the owner of a ring wants its entries treated.
//!
//! Whoever drains a dead owner's ring, another program or the command line, must blacken what the
//! owner would have blackened. So the profile lies in the ring itself.

use super::sanitize::{Redaction, Sanitizer};
use serde::{Deserialize, Serialize};

/// What of a handle's settings shapes its lines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// Error texts longer than this many UTF-16 units are shortened.
    pub max_error_length: usize,
    /// Key paths to blacken.
    pub redact_paths: Vec<String>,
    /// Whether shapes of secrets are blackened.
    pub redact_secrets: bool,
    /// The log is rotated at this many bytes.
    pub rotation_threshold: u64,
}

impl Default for Profile {
    /// The defaults of the contract, for a ring whose profile is damaged.
    fn default() -> Self {
        Profile {
            max_error_length: 500,
            redact_paths: Vec::new(),
            redact_secrets: true,
            rotation_threshold: 10_000_000,
        }
    }
}

impl Profile {
    /// Its bytes in a ring.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads what [`Profile::encode`] wrote; `None` for anything else.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Profile> {
        serde_json::from_slice(bytes).ok()
    }

    /// The sanitiser it asks for. `None` when one of its paths is not valid.
    #[must_use]
    pub fn sanitizer(&self) -> Option<Sanitizer> {
        let redaction = Redaction::new(&self.redact_paths, self.redact_secrets).ok()?;
        Some(Sanitizer::new(self.max_error_length, redaction))
    }
}
