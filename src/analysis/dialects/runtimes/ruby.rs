//! Ruby's uncaught exceptions (`Exception#full_message`,
//! <https://docs.ruby-lang.org/en/master/Exception.html#method-i-full_message>).
//!
//! ```text
//! lib/cart.rb:3:in `sum': undefined method `price' for 1:Integer (NoMethodError)
//!     from lib/cart.rb:3:in 'Cart#total'
//! app.rb:3: syntax error, unexpected end-of-input
//! ```
//! A cause follows as a block of its own; the first is the one that was raised last.

use super::super::location::number;
use super::classes;
use super::thrown::{Named, Thrown, install};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};

pub(super) static SPEC: Spec = Spec {
    name: "ruby",
    markers: &[":in `", ":in '", ".rb:", ".rb --> "],
    recognises: |sample| {
        sample.lines().any(|line| raised(line).is_some() || syntax(line).is_some())
    },
    start: || Box::new(Ruby::default()),
};

#[derive(Default)]
struct Ruby {
    thrown: Option<Thrown>,
    /// Frames are those of a cause.
    cause: bool,
}

impl Dialect for Ruby {
    fn report(&self) -> Report {
        Report::new("ruby", Kind::RuntimeError, Rank::Runtime)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if let Some(frame) = line.strip_prefix("\tfrom ").or_else(|| numbered(line)) {
            if let (Some((file, row, _)), Some(thrown)) = (place(frame), &mut self.thrown)
                && is_own(file)
            {
                thrown.frame(file, row, 0);
            }
            return;
        }
        if line.starts_with([' ', '\t']) || !line.contains(':') {
            return;
        }
        if let Some((file, row, message, class)) = raised(line) {
            let text = line.get(line.len() - message.len()..).unwrap_or(line);
            let words = message.strip_suffix(')').and_then(|text| text.rsplit_once(" ("));
            let words = words.map_or(message, |(words, _)| words);
            let error = Named::new(class, words, text);
            match &mut self.thrown {
                Some(thrown) => {
                    thrown.cause = Some(error);
                    self.cause = true;
                    if is_own(file) {
                        thrown.frame(file, row, 0);
                    }
                }
                None => {
                    let mut thrown = Thrown::new(error, report.line_number());
                    if is_own(file) {
                        thrown.frame(file, row, 0);
                    }
                    self.thrown = Some(thrown);
                }
            }
        } else if self.thrown.is_none()
            && let Some((file, row, message)) = syntax(line)
        {
            let error = Named::new("SyntaxError", message, line);
            let mut thrown = Thrown::new(error, report.line_number());
            thrown.frame(file, row, 0);
            self.thrown = Some(thrown);
        }
    }

    fn finish(&mut self, report: &mut Report) {
        let Some(thrown) = self.thrown.take() else { return };
        thrown.count(report);
        thrown.tell(report);
        if thrown.error.class == "LoadError" || thrown.error.class == "Gem::LoadError" {
            let Some((_, name)) = thrown.error.message.split_once("cannot load such file -- ")
            else {
                return;
            };
            if !name.starts_with(['/', '.']) {
                report.kind = Kind::Dependency;
                report.suggestion = None;
                let gem = name.split('/').next().unwrap_or(name);
                report.fix = install("gem install", gem);
            }
        } else if thrown.error.class.starts_with("Bundler::GemNotFound") {
            report.kind = Kind::Dependency;
            report.suggestion = Some("Run: bundle install".to_owned());
        } else if let Some(code) = thrown.error.class.strip_prefix("Errno::")
            && let Some(kind) = classes::of_code(code)
        {
            report.kind = kind;
        }
    }
}

/// `     3: from a.rb:3:in …`, the order of Ruby 2.5 to 2.7 on a terminal.
fn numbered(line: &str) -> Option<&str> {
    let (_, rest) = number(line.strip_prefix('\t')?.trim_start())?;
    rest.strip_prefix(": from ")
}

/// `a.rb:3:in …`: file, line, rest.
fn place(text: &str) -> Option<(&str, u32, &str)> {
    // `<internal:kernel>:187:in 'loop'` is a place as well.
    let at = if text.starts_with('<') {
        text.find(">:").map(|at| at + 1)
    } else {
        text.find(".rb:").map(|at| at + 3).or_else(|| text.find(':'))
    }?;
    let (file, rest) = text.split_at_checked(at)?;
    let (row, rest) = number(rest.strip_prefix(':')?)?;
    (!file.is_empty() && !file.contains(' ')).then_some((file, row, rest))
}

/// `a.rb:3:in 'm': message (Class)`: file, line, message with class, class.
fn raised(line: &str) -> Option<(&str, u32, &str, &str)> {
    let (file, row, rest) = place(line)?;
    let rest = match rest.strip_prefix(":in ") {
        Some(rest) => rest.split_once("': ")?.1,
        // At the top level of older versions there is no method.
        None if file.ends_with(".rb") || file == "-e" => rest.strip_prefix(": ")?,
        None => return None,
    };
    let open = rest.rfind(" (")?;
    let class = rest.get(open + 2..)?.strip_suffix(')')?;
    let named = class.starts_with(|c: char| c.is_ascii_uppercase())
        && class.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
    named.then_some((file, row, rest, class))
}

/// `a.rb:3: syntax error, …`.
fn syntax(line: &str) -> Option<(&str, u32, &str)> {
    let (file, row, rest) = place(line)?;
    let message = rest.strip_prefix(": ")?;
    (file.ends_with(".rb") && message.starts_with("syntax error")).then_some((file, row, message))
}

fn is_own(file: &str) -> bool {
    !file.starts_with('<')
        && !["/gems/", "/lib/ruby/", "/rubygems/", "/rbenv/", "/.rvm/", "<internal:"]
            .iter()
            .any(|part| file.contains(part))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn what_was_raised_last_is_quoted_with_its_cause() {
        let text = "lib/job.rb:5:in 'Job#fetch': job 7 is bad (JobError)\n\tfrom app.rb:7:in '<main>'\nlib/job.rb:3:in 'Kernel#Integer': invalid value (ArgumentError)\n\tfrom /usr/lib/ruby/3.4.0/x.rb:3:in 'y'\n";
        let answer = analyze(text, &Status::default(), None, 0);
        assert_eq!(answer.kind, Kind::RuntimeError);
        assert_eq!(answer.details.errors_by_type.get("JobError"), Some(&1));
        assert_eq!(answer.details.affected_files, ["lib/job.rb", "app.rb"]);
    }

    #[test]
    fn a_missing_gem_is_installed() {
        let text = "<internal:/usr/lib/ruby/rubygems.rb>:136:in 'require': cannot load such file -- rack/test (LoadError)\n\tfrom app.rb:1:in '<main>'\n";
        let answer = analyze(text, &Status::default(), None, 0);
        assert_eq!(answer.fix.unwrap().command, "gem install rack");
    }
}
