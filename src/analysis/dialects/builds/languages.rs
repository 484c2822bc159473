//! Compilers of many languages that fail with a place and a message in one or two lines.
//!
//! ```text
//! dart     lib/main.dart:10:3: Error: Method not found: 'f'.
//! nim      /app/a.nim(3, 1) Error: undeclared identifier: 'f'
//! meson    meson.build:5:0: ERROR: Dependency "x" not found, tried pkgconfig
//! protoc   a.proto:5:3: "Foo" is not defined.
//! buf      a.proto:3:1:Package name "foo" should be suffixed with …            (a linter)
//! erlc     src/a.erl:3:5: function f/0 undefined
//! ocaml    File "bin/main.ml", line 1, characters 9-12:          … Error: Unbound value f
//! solc     Error: Undeclared identifier.                          --> contracts/A.sol:5:9:
//! sass     Error: Undefined variable.                   …          src/a.scss 3:10  root stylesheet
//! prisma   error: Type "Usr" is neither a built-in type …          -->  prisma/schema.prisma:9
//! ```
//! Sources: <https://dart.dev/tools/dart-compile>, <https://nim-lang.org/docs/nimc.html>,
//! <https://protobuf.dev/reference/other/>, <https://www.erlang.org/doc/apps/compiler/compile.html>,
//! <https://ocaml.org/manual/comp.html>, <https://docs.soliditylang.org/en/latest/using-the-compiler.html>,
//! <https://sass-lang.com/documentation/cli/dart-sass/>, <https://www.prisma.io/docs/orm/reference/prisma-cli-reference>.

use super::super::location::{Place, colons, number};
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Problem, Rank, Report};
use crate::analysis::sample::Sample;

pub(super) static SPEC: Spec = Spec {
    name: "languages",
    markers: &[
        ".dart:",
        ".nim(",
        ".proto:",
        ".erl:",
        "\", line ",
        ".sol:",
        "root stylesheet",
        ".scss ",
        ".sass ",
        ".prisma:",
        "meson.build:",
    ],
    recognises: |sample: &Sample| {
        let mut heading = false;
        sample.lines().any(|line| {
            heading |= said(line).is_some();
            one_line(line).is_some() || (heading && below(line).is_some()) || ocaml(line).is_some()
        })
    },
    start: || Box::new(Languages::default()),
};

#[derive(Default)]
struct Languages {
    /// A message whose place comes below it.
    message: Option<String>,
    /// A place whose message comes below it.
    place: Option<(String, u32)>,
}

impl Dialect for Languages {
    fn report(&self) -> Report {
        Report::new("compiler", Kind::BuildFailure, Rank::Build)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if let Some((tool, place)) = one_line(line) {
            report.tool = tool;
            // Buf's linter leaves no blank before what it says.
            let tight = line.strip_suffix(place.rest).is_some_and(|head| head.ends_with(':'));
            if tool == "protoc" && tight {
                report.tool = "buf";
                report.kind = Kind::Linter;
            }
            let Place { file, line, column, rest } = place;
            report.problem(&Problem { message: rest, file, line, column, ..Problem::ERROR });
        } else if let Some(message) = said(line) {
            match self.place.take() {
                Some((file, row)) => {
                    report.tool = "ocaml";
                    report.quote(line);
                    report.problem(&Problem { message, file: &file, line: row, ..Problem::ERROR });
                }
                None => self.message = Some(line.to_owned()),
            }
        } else if let Some(message) = self.message.take_if(|_| below(line).is_some()) {
            if let Some((tool, file, row)) = below(line) {
                report.tool = tool;
                report.problem(&Problem { message: &message, file, line: row, ..Problem::ERROR });
            }
        } else if let Some((file, row)) = ocaml(line) {
            self.place = Some((file.to_owned(), row));
        }
    }
}

/// `Error: message`, `error: message`, also of one kind: `TypeError: message` of solc.
fn said(line: &str) -> Option<&str> {
    if !matches!(line.as_bytes().first(), Some(b'E' | b'e' | b'T' | b'P' | b'D')) {
        return None;
    }
    let starts =
        ["Error: ", "error: ", "TypeError: ", "ParserError: ", "DeclarationError: ", "Error ("];
    let rest = starts.iter().find_map(|start| line.strip_prefix(start))?;
    (!rest.is_empty()).then_some(rest)
}

fn one_line(line: &str) -> Option<(&'static str, Place<'_>)> {
    let first = line.as_bytes().first()?;
    if matches!(first, b' ' | b'\t' | b'+' | b'-') || line.len() > 2000 {
        return None;
    }
    if memchr::memmem::find(line.as_bytes(), b".nim(").is_some() {
        let at = line.find(".nim(")? + ".nim".len();
        let (row, rest) = number(&line[at + 1..])?;
        let (column, rest) = number(rest.strip_prefix(", ")?)?;
        let rest = rest.strip_prefix(") Error: ")?;
        return Some(("nim", Place { file: &line[..at], line: row, column, rest }));
    }
    // `meson.build:5:0: ERROR: Dependency "x" not found`
    if let Some(mut place) = line.contains("meson.build:").then(|| colons(line)).flatten() {
        place.rest = place.rest.strip_prefix("ERROR: ")?;
        return place.file.ends_with("meson.build").then_some(("meson", place));
    }
    // The first dot that begins one of these ends.
    let tool = [(".dart:", "dart"), (".proto:", "protoc"), (".erl:", "erlc")]
        .iter()
        .find(|(end, _)| memchr::memmem::find(line.as_bytes(), end.as_bytes()).is_some())?
        .1;
    let mut place = colons(line).filter(|place| place.column > 0)?;
    match tool {
        "dart" => place.rest = place.rest.strip_prefix("Error: ")?,
        _ if place.rest.is_empty() => return None,
        _ if place.rest.to_ascii_lowercase().starts_with("warning:") => return None,
        // erlc's messages are about functions, variables and such; protoc's are sentences.
        "protoc" if !place.rest.ends_with('.') => return None,
        _ if line.as_bytes().get(place.file.len()) != Some(&b':') => return None,
        _ => {}
    }
    (!place.file.contains(' ')).then_some((tool, place))
}

/// The place below a message.
fn below(line: &str) -> Option<(&'static str, &str, u32)> {
    let text = line.strip_prefix(' ')?.trim_start();
    if let Some(place) = text.strip_prefix("--> ") {
        let (file, row) = place.trim_start().split_once(':')?;
        let (row, _) = number(row)?;
        return match file.rsplit_once('.')?.1 {
            "sol" => Some(("solc", file, row)),
            "prisma" => Some(("prisma", file, row)),
            _ => None,
        };
    }
    // `  src/a.scss 3:10  root stylesheet`
    let (file, rest) = text.split_once(' ')?;
    if !matches!(file.rsplit_once('.')?.1, "scss" | "sass" | "css") {
        return None;
    }
    let (row, rest) = number(rest)?;
    let (_, rest) = number(rest.strip_prefix(':')?)?;
    rest.starts_with("  ").then_some(("sass", file, row))
}

/// `File "bin/main.ml", line 1, characters 9-12:`
fn ocaml(line: &str) -> Option<(&str, u32)> {
    let (file, rest) = line.strip_prefix("File \"")?.split_once("\", line")?;
    let rest = rest.strip_prefix('s').unwrap_or(rest).strip_prefix(' ')?;
    let (row, rest) = number(rest)?;
    let own = [".ml", ".mli", ".mll", ".mly", "dune"].iter().any(|end| file.ends_with(end));
    (own && rest.ends_with(':')).then_some((file, row))
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn each_is_read_with_its_file_and_message() {
        for (text, tool, file, first) in [
            (
                "lib/m.dart:9:3: Error: Method not found: 'f'.\n  f();\n",
                "dart",
                "lib/m.dart",
                "Method not found: 'f'.",
            ),
            (
                "/w/a.nim(3, 1) Error: undeclared identifier: 'f'\n",
                "nim",
                "/w/a.nim",
                "undeclared identifier: 'f'",
            ),
            (
                "x.proto:5:3: \"Foo\" is not defined.\n",
                "protoc",
                "x.proto",
                "\"Foo\" is not defined.",
            ),
            (
                "src/a.erl:3:5: function f/0 undefined\n",
                "erlc",
                "src/a.erl",
                "function f/0 undefined",
            ),
            (
                "File \"b/m.ml\", line 1, characters 9-12:\n1 | f ()\n    ^\nError: Unbound value f\n",
                "ocaml",
                "b/m.ml",
                "Error: Unbound value f",
            ),
            (
                "Error: Undeclared identifier.\n --> c/A.sol:5:9:\n  |\n5 | f();\n",
                "solc",
                "c/A.sol",
                "Error: Undeclared identifier.",
            ),
            (
                "Error: Undefined variable.\n  ╷\n3 │ color: $x;\n  ╵\n  s/a.scss 3:10  root stylesheet\n",
                "sass",
                "s/a.scss",
                "Error: Undefined variable.",
            ),
            (
                "error: Type \"U\" is neither a built-in type.\n  -->  p/schema.prisma:9\n   |\n",
                "prisma",
                "p/schema.prisma",
                "error: Type \"U\" is neither a built-in type.",
            ),
        ] {
            let found = analyze(text, &Status::default(), None, 0);
            assert_eq!((found.kind, found.tool), (Kind::BuildFailure, tool), "{text}");
            assert_eq!(found.details.affected_files, [file]);
            assert_eq!(found.details.first_error.as_deref(), Some(first));
            assert_eq!(found.details.error_count, Some(1));
        }
    }
}
