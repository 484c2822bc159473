//! Languages whose failures are one telling line and a trace: Lua, Elixir, Swift, Julia, R, Dart, OCaml,
//! Haskell, C++'s `terminate`.
//!
//! ```text
//! lua: a.lua:3: attempt to index a nil value            ** (RuntimeError) message
//! stack traceback:                                          lib/a.ex:3: A.f/1
//! main/a.swift:3: Fatal error: Index out of range       ERROR: LoadError: UndefVarError: `x` not defined
//! Error in f(1) : message                               Unhandled exception:
//! Execution halted                                      terminate called after throwing an instance of 'T'
//! ```
//! References: Lua `lua.c` (msghandler), Elixir `Exception.format`, Swift `AssertCommon.swift`, Julia
//! `showerror`, R `errors.c`, Dart VM, OCaml `printexc.ml`, GHC `TopHandler`, libstdc++ `vterminate.cc`.

use super::super::location::{colons, number, whole};
use super::thrown::{Named, Thrown, install};
use crate::analysis::dialect::{Dialect, Spec, always};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Fix, Rank, Report};

pub(super) static SPEC: Spec = Spec {
    name: "other languages",
    markers: &[
        "stack traceback:",
        "** (",
        ": Fatal error: ",
        "ERROR: LoadError: ",
        "Stacktrace:\n",
        "Execution halted",
        "Unhandled exception:\n",
        "Fatal error: exception ",
        "CallStack (from HasCallStack):",
        "terminate called ",
        "libc++abi: terminating",
    ],
    recognises: always,
    start: || Box::new(Others::default()),
};

#[derive(Default)]
struct Others {
    thrown: Option<Thrown>,
    /// The last line that may turn out to be the message.
    before: String,
    before_at: u64,
    /// The message stands in the next line.
    next: bool,
}

impl Dialect for Others {
    fn report(&self) -> Report {
        Report::new("", Kind::RuntimeError, Rank::Runtime)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if line.is_empty() {
            return;
        }
        if std::mem::take(&mut self.next) {
            if self.thrown.is_none() {
                self.raise("", line, line, report);
            }
            return;
        }
        if self.thrown.is_some() {
            self.trace(line);
            return;
        }
        self.search(line, report);
    }

    fn finish(&mut self, report: &mut Report) {
        let Some(thrown) = self.thrown.take() else { return };
        thrown.count(report);
        let exhausted = thrown.error.message.contains("bad_alloc");
        let kind = match report.kind {
            Kind::BuildFailure => Kind::BuildFailure,
            _ if exhausted => Kind::ResourceExhaustion,
            _ => thrown.kind(),
        };
        thrown.tell_as(kind, report);
        if let Some((_, rest)) = thrown.error.message.split_once("there is no package called ")
            && let Some(name) = rest.split(['‘', '’', '\'', '"']).nth(1)
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '.')
        {
            report.kind = Kind::Dependency;
            report.suggestion = None;
            report.fix = Some(Fix {
                command: format!("Rscript -e 'install.packages(\"{name}\")'"),
                title: format!("Install {name}"),
            });
        }
        if let Some((_, rest)) = thrown.error.message.split_once("module '")
            && let Some((module, _)) = rest.split_once("' not found")
        {
            report.kind = Kind::Dependency;
            report.suggestion = None;
            report.fix = install("luarocks install", module);
        }
    }
}

impl Others {
    fn raise(&mut self, class: &str, message: &str, quote: &str, report: &Report) {
        let thrown = Thrown::new(Named::new(class, message, quote), report.line_number());
        self.thrown = Some(thrown);
    }

    fn remember(&mut self, line: &str, report: &Report) {
        self.before.clear();
        self.before.push_str(line);
        self.before_at = report.line_number();
    }

    fn before(&mut self) -> Option<(String, u64)> {
        let text = std::mem::take(&mut self.before);
        (!text.is_empty()).then_some((text, self.before_at))
    }

    fn search(&mut self, line: &str, report: &mut Report) {
        match line.as_bytes().first() {
            Some(b'*') if line.starts_with("** (") => {
                // ** (RuntimeError) message, ** (Mix) message
                let Some((class, message)) =
                    line.strip_prefix("** (").and_then(|rest| rest.split_once(") "))
                else {
                    return;
                };
                let exit = class == "Mix" || class == "EXIT from" || class.contains(' ');
                self.raise(if exit { "" } else { class }, message, line, report);
                // Those of the compiler name the source: `lib/a.ex:3: undefined function f/1`.
                if matches!(class, "CompileError" | "SyntaxError" | "TokenMissingError") {
                    report.kind = Kind::BuildFailure;
                    let source = colons(message).filter(|place| place.file.contains(".ex"));
                    if let (Some(place), Some(thrown)) = (source, &mut self.thrown) {
                        thrown.frame(place.file, place.line, 0);
                    }
                }
            }
            Some(b't' | b'l')
                if line.starts_with("terminate called ") || line.starts_with("libc++abi: ") =>
            {
                let class = line.split('\'').nth(1).unwrap_or_default();
                self.raise(class, class, line, report);
            }
            Some(b's') if line == "stack traceback:" => {
                if let Some((text, at)) = self.before() {
                    let words = text.split_once(": ").map_or(text.as_str(), |(_, words)| words);
                    self.raise("", words, &text, report);
                    if let Some(thrown) = &mut self.thrown {
                        thrown.at = at;
                        if let Some(place) = colons(words) {
                            thrown.frame(place.file, place.line, 0);
                        }
                    }
                }
            }
            Some(b'E') if line.starts_with("ERROR: LoadError: ") => {
                let text = line.strip_prefix("ERROR: LoadError: ").unwrap_or(line);
                let (class, message) = text.split_once(':').unwrap_or(("", text));
                self.raise(class, message.trim(), text, report);
            }
            Some(b'E') if line.starts_with("Error in ") || line.starts_with("Error: ") => {
                self.remember(line, report);
            }
            Some(b'E') if line == "Execution halted" => {
                if let Some((text, at)) = self.before() {
                    let words = text.split_once(": ").map_or(text.as_str(), |(_, words)| words);
                    self.raise("", words, &text, report);
                    if let Some(thrown) = &mut self.thrown {
                        thrown.at = at;
                    }
                }
            }
            Some(b'U') if line == "Unhandled exception:" => self.next = true,
            Some(b'F') if line.starts_with("Fatal error: exception ") => {
                self.raise("", line, line, report);
            }
            Some(b'C') if line == "CallStack (from HasCallStack):" => {
                if let Some((text, _)) = self.before() {
                    self.raise("", &text, &text, report);
                }
            }
            Some(b' ' | b'\t') => {}
            _ => {
                if let Some((place, words)) = line.split_once(": Fatal error: ") {
                    let quote = format!("Fatal error: {words}");
                    self.raise("", words, &quote, report);
                    if let (Some(place), Some(thrown)) = (colons_end(place), &mut self.thrown) {
                        thrown.frame(place.0, place.1, 0);
                    }
                } else if line.contains(": ") && line.len() < 1000 {
                    self.remember(line, report);
                }
            }
        }
    }

    /// `    a.ex:3: A.f/1`, `    a.lua:3: in function 'f'`, `#0 main (file:///a.dart:3:5)`, `  what():  x`.
    fn trace(&mut self, line: &str) {
        let Some(thrown) = &mut self.thrown else { return };
        let text = line.trim_start();
        if let Some(words) = text.strip_prefix("what():") {
            thrown.error.message = format!("{} {}", thrown.error.message, words.trim());
            thrown.error.quote = format!("{}: {}", thrown.error.quote, words.trim());
            return;
        }
        if !line.starts_with([' ', '\t', '#']) {
            return;
        }
        // `   @ Main ~/app/a.jl:3` of Julia, `main, called at app/Main.hs:5:8 in main:Main` of GHC.
        let place = match text.split_once(", called at ") {
            Some((_, rest)) => rest.split_once(" in main:").map(|(place, _)| place),
            None => text.strip_prefix("@ ").and_then(|rest| rest.rsplit(' ').next()),
        };
        if let Some(place) = place.and_then(whole) {
            if place.file.contains('/') && !place.file.starts_with("./") {
                thrown.frame(place.file, place.line, 0);
            }
            return;
        }
        let text = match text.strip_prefix('(') {
            // (app 1.0) lib/a.ex:3: dependencies are named so as well
            Some(rest) => rest.split_once(") ").map_or(text, |(_, rest)| rest),
            None => text,
        };
        if let Some((_, place)) = text.rsplit_once("(file://") {
            if let Some(place) = colons(place.trim_end_matches(')')) {
                thrown.frame(place.file, place.line, place.column);
            }
        } else if let Some(place) = colons(text)
            && [".ex", ".exs", ".lua", ".jl", ".hs", ".swift"]
                .iter()
                .any(|end| place.file.ends_with(end))
            && !place.file.contains(' ')
            && !place.file.contains("/deps/")
        {
            thrown.frame(place.file, place.line, 0);
        }
    }
}

/// `main/a.swift:3`.
fn colons_end(text: &str) -> Option<(&str, u32)> {
    let (file, row) = text.rsplit_once(':')?;
    let (row, rest) = number(row)?;
    (rest.is_empty() && !file.is_empty()).then_some((file, row))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn the_line_before_or_after_the_trace_is_quoted() {
        let lua = "lua: game.lua:3: attempt to index a nil value (global 'x')\nstack traceback:\n\tgame.lua:3: in main chunk\n\t[C]: in ?\n";
        let elixir = "** (ArgumentError) no key\n    (shop 0.1.0) lib/shop.ex:3: Shop.find/1\n";
        let cpp = "terminate called after throwing an instance of 'std::out_of_range'\n  what():  vector::_M_range_check\n";
        let swift = "main/a.swift:3: Fatal error: Index out of range\n";
        for (text, first) in [
            (lua, "lua: game.lua:3: attempt to index a nil value (global 'x')"),
            (elixir, "** (ArgumentError) no key"),
            (
                cpp,
                "terminate called after throwing an instance of 'std::out_of_range': vector::_M_range_check",
            ),
            (swift, "Fatal error: Index out of range"),
        ] {
            let answer = analyze(text, &Status::default(), None, 0);
            assert_eq!(answer.kind, Kind::RuntimeError, "{text}");
            assert_eq!(answer.details.first_error.as_deref(), Some(first));
        }
        let answer = analyze(elixir, &Status::default(), None, 0);
        assert_eq!(answer.details.affected_files, ["lib/shop.ex"]);
    }
}
