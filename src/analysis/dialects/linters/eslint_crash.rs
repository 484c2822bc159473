//! ESLint that could not begin: a configuration, a plugin or a parser it cannot load
//! (<https://github.com/eslint/eslint/blob/main/bin/eslint.js>, its `messages` folder).
//!
//! ```text
//! Oops! Something went wrong! :(
//!
//! ESLint: 9.39.5
//!
//! Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'eslint-plugin-x' imported from /app/eslint.config.js
//! ESLint couldn't find the plugin "eslint-plugin-x".
//! ESLint couldn't find the config "x" to extend from.
//! ```

use crate::analysis::dialect::{Dialect, Spec, always};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Fix, Problem, Rank, Report};

pub(super) static SPEC: Spec = Spec {
    name: "eslint-crash",
    markers: &["Oops! Something went wrong! :("],
    recognises: always,
    start: || Box::new(Crash::default()),
};

#[derive(Default)]
struct Crash {
    state: State,
}

#[derive(Default, PartialEq)]
enum State {
    #[default]
    Before,
    /// The version and then the cause come next.
    Begun,
    Told,
}

impl Dialect for Crash {
    fn report(&self) -> Report {
        Report::new("eslint", Kind::Linter, Rank::Diagnostics)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        match self.state {
            State::Told => {}
            State::Before => {
                if line.starts_with("Oops! Something went wrong! :(") {
                    self.state = State::Begun;
                }
            }
            State::Begun => {
                if !line.is_empty() && !line.starts_with("ESLint: ") {
                    self.state = State::Told;
                    tell(line, report);
                }
            }
        }
    }
}

fn tell(line: &str, report: &mut Report) {
    let code = line
        .split_once('[')
        .and_then(|(_, rest)| rest.split_once(']'))
        .map_or("", |(code, _)| code);
    let code = if code.starts_with("ERR_") { code } else { "" };
    let file = line.rsplit_once(" imported from ").map_or("", |(_, file)| file.trim());
    report.problem(&Problem { code, message: line, file, ..Problem::ERROR });
    if let Some(name) = missing(line) {
        report.kind = Kind::Dependency;
        if !name.starts_with(['.', '/', '\\', '#']) && !name.contains(":\\") {
            report.fix = Some(Fix {
                command: format!("npm install --save-dev {name}"),
                title: format!("Install {name}"),
            });
        }
    } else {
        report.suggestion = Some("Correct ESLint's configuration: it did not begin".to_owned());
    }
}

/// The package that is not there.
fn missing(line: &str) -> Option<String> {
    let quoted = |start: &str, quote: char| {
        let (_, rest) = line.split_once(start)?;
        rest.split(quote).next().filter(|name| !name.is_empty())
    };
    if let Some(name) = quoted("Cannot find package '", '\'')
        .or_else(|| quoted("Cannot find module '", '\''))
        .or_else(|| quoted("Failed to load parser '", '\''))
    {
        return Some(package(name));
    }
    if let Some(name) = quoted("couldn't find the plugin \"", '"') {
        return Some(name.to_owned());
    }
    if let Some(name) = quoted("Failed to load plugin '", '\'') {
        return Some(prefixed(name, "eslint-plugin"));
    }
    quoted("couldn't find the config \"", '"')
        .or_else(|| quoted("Failed to load config \"", '"'))
        .map(|name| match name.strip_prefix("plugin:") {
            Some(plugin) => prefixed(plugin.split('/').next().unwrap_or(plugin), "eslint-plugin"),
            None => prefixed(name, "eslint-config"),
        })
}

/// The package of a module: its scope and name without the path inside.
fn package(name: &str) -> String {
    if name.starts_with(['.', '/']) {
        return name.to_owned();
    }
    let parts = if name.starts_with('@') { 2 } else { 1 };
    name.split('/').take(parts).collect::<Vec<_>>().join("/")
}

/// Short names stand for packages (<https://eslint.org/docs/v8.x/use/configure/plugins>).
fn prefixed(name: &str, prefix: &str) -> String {
    if name.starts_with(prefix) || name.starts_with(['.', '/']) {
        return name.to_owned();
    }
    match name.strip_prefix('@').map(|scoped| scoped.split_once('/').unwrap_or((scoped, ""))) {
        None => format!("{prefix}-{}", name.split('/').next().unwrap_or(name)),
        Some((scope, "")) => format!("@{scope}/{prefix}"),
        Some((scope, rest)) if rest.starts_with(prefix) => format!("@{scope}/{rest}"),
        Some((scope, rest)) => format!("@{scope}/{prefix}-{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::analyze;
    use crate::analysis::status::Status;

    fn crash(cause: &str) -> crate::analysis::verdict::Analysis {
        let text = format!(
            "\nOops! Something went wrong! :(\n\nESLint: 8.57.0\n\n{cause}\n    at f (g.js:1:2)\n"
        );
        analyze(&text, &Status::default(), None, 0)
    }

    #[test]
    fn a_missing_plugin_or_configuration_is_a_dependency_to_install() {
        let command = |cause: &str| crash(cause).fix.map(|fix| fix.command);
        let plugin = command("ESLint couldn't find the plugin \"eslint-plugin-vue\".");
        assert_eq!(plugin.as_deref(), Some("npm install --save-dev eslint-plugin-vue"));
        let config = command(
            "ESLint couldn't find the config \"standard\" to extend from. Please check that the name of the config is correct.",
        );
        assert_eq!(config.as_deref(), Some("npm install --save-dev eslint-config-standard"));
        assert_eq!(command("Error: Cannot find module './rules.js'"), None);
    }

    #[test]
    fn another_failure_is_the_linter_s() {
        let found = crash("ESLint couldn't find an eslint.config.(js|mjs|cjs) file.");
        assert_eq!(found.kind.name(), "linter");
        assert!(found.summary.contains('1') && found.details.error_count == Some(1));
    }
}
