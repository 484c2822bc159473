//! Package managers that fail in one sentence. The source of each one's wording stands beside its book.

use crate::analysis::dialect::Spec;
use crate::analysis::dialects::phrases::{Book, Phrase};
use crate::analysis::kind::Kind::{
    Auth, Dependency, NetworkError, Permission, ResourceExhaustion, RuntimeError,
};
use crate::analysis::report::Rank;

/// Poetry (`poetry/console`, `poetry/mixology`) and Pipenv; also Dart's pub, which words it alike.
static POETRY_BOOK: Book = Book {
    tool: "poetry",
    rank: Rank::Tool,
    phrases: &[
        Phrase::new("Because ", Dependency).with("version solving failed"),
        Phrase::new("So, because ", Dependency).with("version solving failed"),
        Phrase::new("And because ", Dependency).with("version solving failed"),
        Phrase::new("Because ", Dependency).with(" which doesn't match any versions"),
        Phrase::new("Could not find a matching version of package ", Dependency),
        Phrase::new("Unable to find installation candidates for ", Dependency),
        Phrase::new("pyproject.toml changed significantly since poetry.lock", Dependency)
            .fix("poetry lock", "Bring the lock file up to date"),
        Phrase::new("Error: pyproject.toml changed significantly since", Dependency)
            .fix("poetry lock", "Bring the lock file up to date"),
        Phrase::new("Poetry could not find a pyproject.toml file", Dependency),
        Phrase::new("The current project's supported Python range", Dependency),
        Phrase::new("Your Pipfile.lock (", Dependency)
            .of("pipenv")
            .with(") is out of date")
            .fix("pipenv lock", "Bring the lock file up to date"),
        Phrase::new("ERROR:: Your Pipfile.lock", Dependency)
            .of("pipenv")
            .fix("pipenv lock", "Bring the lock file up to date"),
        Phrase::new("[pipenv.exceptions.ResolutionFailure]: ", Dependency).of("pipenv").wrapper(),
        Phrase::new("✘ Locking Failed!", Dependency).of("pipenv").wrapper(),
        Phrase::new("Locking Failed!", Dependency).of("pipenv").wrapper(),
    ],
};

pub(super) static POETRY: Spec = Spec {
    name: "poetry",
    markers: &[
        "version solving failed",
        "which doesn't match any versions",
        "a matching version of package",
        "installation candidates for",
        "pyproject.toml changed significantly",
        "find a pyproject.toml file",
        "supported Python range",
        "Pipfile.lock",
        "ResolutionFailure",
        "Locking Failed!",
    ],
    recognises: |sample| POETRY_BOOK.recognises(sample),
    start: || POETRY_BOOK.start(),
};

/// Cargo before it compiles: its resolver, registries and manifests (`cargo/src/cargo/core/resolver`,
/// `sources/registry`, `util/toml`).
static CARGO_BOOK: Book = Book {
    tool: "cargo",
    rank: Rank::Tool,
    phrases: &[
        Phrase::new("error: no matching package named `", Dependency),
        Phrase::new("error: no matching package found", Dependency).more(),
        Phrase::new("error: failed to select a version for ", Dependency),
        Phrase::new("error: failed to get `", Dependency),
        Phrase::new("error: failed to download from `", NetworkError),
        Phrase::new("error: failed to download `", Dependency),
        Phrase::new("error: failed to query replaced source registry", NetworkError),
        Phrase::new("error: unable to update registry", NetworkError),
        Phrase::new("error: failed to fetch `", NetworkError),
        Phrase::new("error: failed to load source for dependency `", Dependency),
        Phrase::new("error: failed to parse manifest at `", Dependency),
        Phrase::new("error: failed to parse lock file at", Dependency),
        Phrase::new("error: failed to read `", Dependency).with("Cargo.toml"),
        Phrase::new("error: failed to load manifest for ", Dependency),
        Phrase::new("error: could not find `Cargo.toml` in ", Dependency),
        Phrase::new("error: could not find `", Dependency).with("in registry `"),
        Phrase::new("error: the lock file ", Dependency)
            .with("needs to be updated but --")
            .fix("cargo update --workspace", "Bring the lock file up to date"),
        Phrase::new("error: cannot update the lock file ", Dependency)
            .fix("cargo update --workspace", "Bring the lock file up to date"),
        Phrase::new("error: package `", Dependency)
            .with("` cannot be built because it requires rustc"),
        Phrase::new("error: rustc ", Dependency).with(" is not supported by the following package"),
        Phrase::new("error: the package `", Dependency).with("` depends on `"),
        Phrase::new("error: package collision in the lockfile", Dependency),
        Phrase::new("error: cyclic package dependency", Dependency),
        Phrase::new("error: checksum for `", Dependency),
        Phrase::new("error: unable to verify that `", Dependency),
        Phrase::new("error: the crate `", Dependency).with("could not be found in registry index"),
        Phrase::new("error: no such command: `", Dependency),
        Phrase::new("error: failed to publish to registry", Auth).with("401"),
        // cargo-deny's advisories, bans and licences
        // (<https://embarkstudios.github.io/cargo-deny/checks/index.html>).
        Phrase::new("error[vulnerability]: ", Dependency),
        Phrase::new("error[unmaintained]: ", Dependency),
        Phrase::new("error[yanked]: ", Dependency),
        Phrase::new("error[banned]: ", Dependency),
        Phrase::new("error[rejected]: ", Dependency),
        Phrase::new("error[unlicensed]: ", Dependency),
        Phrase::new("error[duplicate]: ", Dependency),
    ],
};

pub(super) static CARGO: Spec = Spec {
    name: "cargo-resolver",
    markers: &[
        "no matching package ",
        "failed to select a version",
        "error: failed to ",
        "unable to update registry",
        "error: could not find `",
        "error: the lock file ",
        "error[vulnerability]",
        "error[unmaintained]",
        "error[yanked]",
        "error[banned]",
        "error[rejected]",
        "error[unlicensed]",
        "error[duplicate]",
        "cannot update the lock file",
        "because it requires rustc",
        "is not supported by the following",
        "` depends on `",
        "package collision in",
        "cyclic package dep",
        "error: checksum for `",
        "unable to verify that `",
        "in registry index",
        "error: no such command",
    ],
    recognises: |sample| CARGO_BOOK.recognises(sample),
    start: || CARGO_BOOK.start(),
};

/// Bundler and RubyGems (`bundler/errors.rb`, `bundler/resolver.rb`).
static BUNDLER_BOOK: Book = Book {
    tool: "bundler",
    rank: Rank::Tool,
    phrases: &[
        Phrase::new("Could not find gem '", Dependency),
        Phrase::new("Could not find compatible versions", Dependency).more(),
        Phrase::new("Bundler could not find compatible versions for gem ", Dependency),
        Phrase::new("Could not find ", Dependency)
            .with(" in locally installed gems")
            .fix("bundle install", "Install the gems that are missing"),
        Phrase::new("Could not find ", Dependency)
            .with(" in any of the sources")
            .fix("bundle install", "Install the gems that are missing"),
        Phrase::new("bundler: command not found: ", Dependency)
            .fix("bundle install", "Install the gems that are missing"),
        Phrase::new("bundler: failed to load command: ", RuntimeError).wrapper(),
        Phrase::new("Could not locate Gemfile", Dependency),
        Phrase::new("Gem::Ext::BuildError: ", Dependency),
        Phrase::new("An error occurred while installing ", Dependency)
            .with("Bundler cannot continue"),
        Phrase::new("Could not reach host ", NetworkError),
        Phrase::new("Could not fetch specs from ", NetworkError),
        Phrase::new("Authentication is required for ", Auth),
        Phrase::new("Your Ruby version is ", Dependency).with("but your Gemfile specified"),
        Phrase::new("The gemspecs for path gems changed", Dependency),
        Phrase::new("Your bundle is locked to ", Dependency),
        Phrase::new("ERROR:  Could not find a valid gem '", Dependency),
        Phrase::new("ERROR:  Error installing ", Dependency),
        Phrase::new("ERROR:  While executing gem ... ", Dependency),
    ],
};

pub(super) static BUNDLER: Spec = Spec {
    name: "bundler",
    markers: &[
        "Could not find gem '",
        "find compatible versions",
        "in locally installed gems",
        "in any of the sources",
        "bundler: ",
        "Could not locate Gemfile",
        "Gem::Ext::BuildError",
        "Bundler cannot continue",
        "Could not reach host ",
        "Could not fetch specs",
        "your Gemfile specified",
        "gemspecs for path gems",
        "Your bundle is locked",
        "a valid gem '",
        "ERROR:  Error installing ",
        "executing gem ...",
        "Authentication is required for ",
    ],
    recognises: |sample| BUNDLER_BOOK.recognises(sample),
    start: || BUNDLER_BOOK.start(),
};

/// Composer (`Composer\DependencyResolver\SolverProblemsException`, `src/Composer/Command`).
static COMPOSER_BOOK: Book = Book {
    tool: "composer",
    rank: Rank::Tool,
    phrases: &[
        Phrase::new("    - Root composer.json requires ", Dependency),
        Phrase::new("    - ", Dependency).with(" conflicts with "),
        Phrase::new("    - ", Dependency).with(" -> satisfiable by "),
        Phrase::new("    - ", Dependency).with("your php version ("),
        Phrase::new("    - ", Dependency).with(" is missing from your system"),
        Phrase::new("Your requirements could not be resolved to an installable set", Dependency)
            .wrapper(),
        Phrase::new("Your lock file does not contain a compatible set of packages", Dependency)
            .fix("composer update", "Resolve the packages anew"),
        Phrase::new("Could not find package ", Dependency),
        Phrase::new("  Could not find a matching version of package ", Dependency),
        Phrase::new("  Could not find package ", Dependency),
        Phrase::new("Composer could not find a composer.json file", Dependency),
        Phrase::new("curl error ", NetworkError),
        Phrase::new("  The \"http", NetworkError).with("file could not be downloaded"),
        Phrase::new("The \"http", NetworkError).with("file could not be downloaded"),
    ],
};

pub(super) static COMPOSER: Spec = Spec {
    name: "composer",
    markers: &[
        "Your requirements could not be resolved",
        "compatible set of packages",
        "composer.json",
        "a matching version of package",
        "  Could not find package",
        "file could not be downloaded",
    ],
    recognises: |sample| {
        let own = sample.has("omposer") || sample.has("Your requirements could not be resolved");
        own && COMPOSER_BOOK.recognises(sample)
    },
    start: || COMPOSER_BOOK.start(),
};

/// Systems' own: APT (`apt-pkg`), dpkg, dnf and yum, apk, Homebrew, conda and NuGet.
static SYSTEM_BOOK: Book = Book {
    tool: "apt",
    rank: Rank::Tool,
    phrases: &[
        Phrase::new("E: Could not open lock file ", Permission),
        Phrase::new("E: Could not get lock ", Permission),
        Phrase::new("E: Unable to lock ", Permission).wrapper(),
        Phrase::new("E: Unable to acquire the dpkg frontend lock", Permission),
        Phrase::new("E: List directory /var/lib/apt/lists/partial is missing", Permission),
        Phrase::new("E: You don't have enough free space ", ResourceExhaustion),
        Phrase::new("E: Unable to locate package ", Dependency)
            .fix("apt-get update", "Fetch the lists of packages"),
        Phrase::new("E: Package '", Dependency).with("has no installation candidate"),
        Phrase::new("E: Version '", Dependency),
        Phrase::new("E: Couldn't find any package by ", Dependency).wrapper(),
        Phrase::new("E: Unable to correct problems, you have held broken", Dependency),
        Phrase::new("E: Unmet dependencies", Dependency)
            .fix("apt-get --fix-broken install", "Repair what is half installed"),
        Phrase::new("E: dpkg was interrupted", Dependency)
            .fix("dpkg --configure -a", "Finish what was interrupted"),
        Phrase::new("E: Sub-process ", Dependency).wrapper(),
        Phrase::new("E: Failed to fetch ", NetworkError),
        Phrase::new("E: Unable to fetch some archives", NetworkError).wrapper(),
        Phrase::new("E: The repository '", Dependency),
        Phrase::new("dpkg: error processing ", Dependency),
        Phrase::new("dpkg: dependency problems prevent ", Dependency),
        Phrase::new("dpkg: error: requested operation requires superuser", Permission),
        Phrase::new("Error: Unable to find a match: ", Dependency).of("dnf"),
        Phrase::new("Error: This command has to be run with superuser", Permission).of("dnf"),
        Phrase::new("No package ", Dependency).of("dnf").with(" available."),
        Phrase::new("ERROR: unable to select packages:", Dependency).of("apk").more(),
        Phrase::new("ERROR: Unable to lock database: Permission denied", Permission).of("apk"),
        Phrase::new("Error: No available formula with the name ", Dependency).of("brew"),
        Phrase::new("Warning: No available formula with the name ", Dependency).of("brew"),
        Phrase::new("PackagesNotFoundError: ", Dependency).of("conda").more(),
        Phrase::new("ResolvePackageNotFound:", Dependency).of("conda").more(),
        Phrase::new("LibMambaUnsatisfiableError: ", Dependency).of("conda").more(),
        Phrase::new("UnsatisfiableError: ", Dependency).of("conda"),
        Phrase::new("CondaHTTPError: ", NetworkError).of("conda"),
        Phrase::new("", Dependency).of("nuget").with("error NU1101: "),
        Phrase::new("", Dependency).of("nuget").with("error NU1102: "),
        Phrase::new("", Dependency).of("nuget").with("error NU1107: "),
        Phrase::new("", NetworkError).of("nuget").with("error NU1301: "),
    ],
};

pub(super) static SYSTEM: Spec = Spec {
    name: "system-packages",
    markers: &[
        "E: Could not ",
        "E: Unable to ",
        "E: List directory ",
        "E: You don't have",
        "E: Package '",
        "E: Version '",
        "E: Couldn't find",
        "E: Unmet dep",
        "E: dpkg was",
        "E: Sub-process ",
        "E: Failed to fetch",
        "E: The repository ",
        "dpkg: ",
        "Unable to find a match: ",
        "run with superuser",
        "No package ",
        "unable to select packages",
        "Unable to lock database",
        "No available formula",
        "PackagesNotFoundError",
        "ResolvePackageNotFound",
        "nsatisfiableError: ",
        "CondaHTTPError",
        "error NU1",
    ],
    recognises: |sample| SYSTEM_BOOK.recognises(sample),
    start: || SYSTEM_BOOK.start(),
};

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::kind::Kind;
    use crate::analysis::status::Status;

    #[test]
    fn each_sentence_has_its_kind_and_repair() {
        for (text, kind, fix) in [
            (
                "    Updating crates.io index\nerror: no matching package named `x` found\n",
                Kind::Dependency,
                "",
            ),
            (
                "Because a depends on b (^9) which doesn't match any versions, version solving failed.",
                Kind::Dependency,
                "",
            ),
            (
                "Could not find rack-3.0.0 in locally installed gems\n",
                Kind::Dependency,
                "bundle install",
            ),
            (
                "Your requirements could not be resolved to an installable set of packages.\n\n  Problem 1\n    - Root composer.json requires x/y ^9, found x/y[1.0] but it does not match the constraint.\n",
                Kind::Dependency,
                "",
            ),
            (
                "Reading package lists...\nE: Unable to locate package x\n",
                Kind::Dependency,
                "apt-get update",
            ),
            (
                "E: Could not open lock file /var/lib/dpkg/lock-frontend - open (13: Permission denied)\nE: Unable to acquire the dpkg frontend lock (/x), are you root?",
                Kind::Permission,
                "",
            ),
        ] {
            let analysis = analyze(text, &Status::default(), None, 0);
            assert_eq!(analysis.kind, kind, "{text}");
            assert_eq!(analysis.fix.map(|fix| fix.command).unwrap_or_default(), fix, "{text}");
            assert_eq!(analysis.details.error_count, Some(1));
        }
    }
}
