//! What kind of failure it is. The names are the contract's; callers route by them.

use serde::Serialize;

/// The kind of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Rules of style or correctness are broken.
    Linter,
    /// Types do not agree.
    Typecheck,
    /// Tests failed, or could not be run.
    TestFailure,
    /// Sources could not be built.
    BuildFailure,
    /// A program failed while it ran.
    RuntimeError,
    /// A peer could not be reached, or answered with an error.
    NetworkError,
    /// A package or module is missing, or versions do not agree.
    Dependency,
    /// Files are not formatted as agreed.
    Formatting,
    /// Memory, disk, file descriptors or another bounded resource ran out.
    ResourceExhaustion,
    /// It took longer than it might.
    Timeout,
    /// The system refused access.
    Permission,
    /// A service wants fewer requests.
    RateLimit,
    /// Credentials are missing, wrong or not enough.
    Auth,
    /// Version control refused: a conflict, a rejected push, no repository.
    Vcs,
    /// Somebody ended it.
    Cancelled,
    /// Not understood.
    Unknown,
}

/// Every kind.
pub const KINDS: [Kind; 16] = [
    Kind::Linter,
    Kind::Typecheck,
    Kind::TestFailure,
    Kind::BuildFailure,
    Kind::RuntimeError,
    Kind::NetworkError,
    Kind::Dependency,
    Kind::Formatting,
    Kind::ResourceExhaustion,
    Kind::Timeout,
    Kind::Permission,
    Kind::RateLimit,
    Kind::Auth,
    Kind::Vcs,
    Kind::Cancelled,
    Kind::Unknown,
];

impl Kind {
    /// The name callers see.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Linter => "linter",
            Kind::Typecheck => "typecheck",
            Kind::TestFailure => "test_failure",
            Kind::BuildFailure => "build_failure",
            Kind::RuntimeError => "runtime_error",
            Kind::NetworkError => "network_error",
            Kind::Dependency => "dependency",
            Kind::Formatting => "formatting",
            Kind::ResourceExhaustion => "resource_exhaustion",
            Kind::Timeout => "timeout",
            Kind::Permission => "permission",
            Kind::RateLimit => "rate_limit",
            Kind::Auth => "auth",
            Kind::Vcs => "vcs",
            Kind::Cancelled => "cancelled",
            Kind::Unknown => "unknown",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Kind> {
        KINDS.into_iter().find(|kind| kind.name() == name)
    }

    /// How a summary of this kind begins.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Kind::Linter => "Lint error",
            Kind::Typecheck => "Type error",
            Kind::TestFailure => "Test failed",
            Kind::BuildFailure => "Build failed",
            Kind::RuntimeError => "Runtime error",
            Kind::NetworkError => "Network error",
            Kind::Dependency => "Dependency error",
            Kind::Formatting => "Formatting",
            Kind::ResourceExhaustion => "Resource exhausted",
            Kind::Timeout => "Timed out",
            Kind::Permission => "Permission denied",
            Kind::RateLimit => "Rate limited",
            Kind::Auth => "Not authorised",
            Kind::Vcs => "Version control",
            Kind::Cancelled => "Cancelled",
            Kind::Unknown => "unknown",
        }
    }

    /// Who is best asked to look at it: a name to route by.
    #[must_use]
    pub fn specialist(self) -> &'static str {
        match self {
            Kind::Linter | Kind::Formatting => "linter",
            Kind::Typecheck => "types",
            Kind::TestFailure => "tests",
            Kind::BuildFailure => "build",
            Kind::RuntimeError | Kind::Unknown => "debugger",
            Kind::NetworkError | Kind::Timeout | Kind::RateLimit => "retry",
            Kind::Dependency => "dependencies",
            Kind::ResourceExhaustion => "operations",
            Kind::Permission | Kind::Auth => "access",
            Kind::Vcs => "version-control",
            Kind::Cancelled => "none",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_serialises_and_parse_back() {
        for kind in KINDS {
            assert_eq!(serde_json::to_string(&kind).unwrap(), format!("\"{}\"", kind.name()));
            assert_eq!(Kind::parse(kind.name()), Some(kind));
        }
        assert_eq!(Kind::parse("Linter"), None);
    }
}
