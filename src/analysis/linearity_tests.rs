//! Analysis takes time linear in the text, whatever the text: the markers of every dialect are drawn out to
//! the longest lines and to many lines, with everything between them that readers look for; so is what the
//! cleaner takes out.
//!
//! No time is compared with a fixed one: each text is measured against one a sixteenth its size in the same
//! run, of which a linear reader takes sixteen times as long and a quadratic one 256 times. What takes
//! longer than [`ALLOWED`] is measured again, and only a ratio that no repetition brings down fails.

use super::analyze;
use super::clean::{Cleaner, MAX_LINE};
use super::dialect::Spec;
use super::dialects::all;
use super::sample::Sample;
use super::status::Status;
use std::time::Duration;

/// How much larger the larger text is.
const TIMES: usize = 16;
/// How many times as long it may take: four times what is linear, a quarter of what is quadratic.
const ALLOWED: u32 = 64;
/// Measurements of a text before it is called superlinear.
const ROUNDS: usize = 25;
/// What is shorter is taken for as long as this: clocks do not tell it from nothing.
const SHORTEST: Duration = Duration::from_micros(3);
/// Bytes of the larger text, as one line or as many.
const BYTES: usize = MAX_LINE - 1;

/// What stands between markers, before and behind them.
const GLUE: [&str; 7] = ["", " ", ":1:1: ", "(1,1", "[", "'", "{\"a\":"];

/// What readers look for beside their markers.
const SHARED: [&str; 14] = [
    "<error ",
    "<file ",
    "<failure ",
    "<testcase ",
    "&#",
    "  code: 'x'",
    "  --> a/b.rs:1:1",
    "a/b.c:1:1: error: x",
    "a/b.ts(1,1): error TS1: x",
    "│ Error: x",
    "  File \"a.py\", line 1, in f",
    "error: ",
    "{\"message\":\"",
    "\\u001b[",
];

/// A text that grows: what it begins with, and what is repeated, on one line or with its line's end.
#[derive(Debug)]
struct Shape {
    head: String,
    unit: String,
}

impl Shape {
    /// The text at its largest, or at a sixteenth of that.
    fn text(&self, parts: usize) -> String {
        let bytes = BYTES / TIMES * parts;
        let count = bytes.saturating_sub(self.head.len()) / self.unit.len();
        format!("{}{}\n", self.head, self.unit.repeat(count.max(1)))
    }
}

fn shapes(spec: &Spec) -> Vec<Shape> {
    let mut shapes = Vec::new();
    let mut add = |head: &str, unit: String| {
        if !unit.is_empty() {
            shapes.push(Shape { head: head.to_owned(), unit });
        }
    };
    let own: Vec<String> = spec.markers.iter().map(|marker| marker.replace('\n', "")).collect();
    let together = own.concat();
    for glue in GLUE {
        add(&together, glue.to_owned());
        add("", format!("{together}{glue}"));
        add("", format!("{glue}{together}\n"));
    }
    for marker in &own {
        for glue in [" x", ":"] {
            add("", format!("{marker}{glue}"));
            add("", format!("{marker}{glue}\n"));
        }
        add(marker, " ".to_owned());
    }
    for shared in SHARED {
        add("", shared.to_owned());
        add("", format!("{shared}\n"));
    }
    shapes
}

/// What this thread worked so far: a thread that waits for the processor does not work.
#[cfg(target_os = "linux")]
fn worked() -> Duration {
    use rustix::time::{ClockId, clock_gettime};
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}

#[cfg(not(target_os = "linux"))]
fn worked() -> Duration {
    static BEGUN: std::sync::LazyLock<std::time::Instant> =
        std::sync::LazyLock::new(std::time::Instant::now);
    BEGUN.elapsed()
}

/// How much work it is to recognise a text, and to read it whether recognised or not.
fn read(spec: &Spec, text: &str) -> [Duration; 2] {
    let sample = Sample::of(text, &Cleaner::default(), true);
    let begun = worked();
    std::hint::black_box((spec.recognises)(&sample));
    let recognised = worked() - begun;
    let mut dialect = (spec.start)();
    let mut report = dialect.report();
    for (line, number) in spec.markers.iter().chain(spec.markers).zip(1..) {
        report.at_line(number);
        dialect.line(line.trim(), &mut report);
    }
    let begun = worked();
    for line in text.lines() {
        report.at_line(report.line_number() + 1);
        dialect.line(line.trim_end(), &mut report);
    }
    dialect.finish(&mut report);
    [recognised, worked() - begun]
}

/// Whether nothing measured takes more than [`ALLOWED`] times as long for the larger text.
fn is_linear<const N: usize>(shape: &Shape, measure: impl Fn(&str) -> [Duration; N]) -> bool {
    let (small, large) = (shape.text(1), shape.text(TIMES));
    let mut least = [[Duration::MAX; N]; 2];
    for _ in 0..ROUNDS {
        for (least, text) in least.iter_mut().zip([&small, &large]) {
            for (least, took) in least.iter_mut().zip(measure(text)) {
                *least = took.min(*least);
            }
        }
        let [small, large] = &least;
        if small.iter().zip(large).all(|(small, large)| *large <= *small.max(&SHORTEST) * ALLOWED) {
            return true;
        }
    }
    false
}

/// The dialects of these, each with the first shape it is not linear for.
fn superlinear(specs: &[&Spec]) -> Vec<String> {
    let first = |spec: &&Spec| {
        let found =
            shapes(spec).into_iter().find(|shape| !is_linear(shape, |text| read(spec, text)));
        found.map(|shape| format!("{}: {shape:?}", spec.name))
    };
    specs.iter().filter_map(first).collect()
}

#[test]
fn every_dialect_reads_hostile_texts_in_linear_time() {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let found: Vec<String> = std::thread::scope(|scope| {
        let parts: Vec<_> = all()
            .chunks(all().len().div_ceil(threads))
            .map(|part| scope.spawn(|| superlinear(part)))
            .collect();
        parts.into_iter().flat_map(|part| part.join().unwrap()).collect()
    });
    assert!(found.is_empty(), "superlinear:\n{}", found.join("\n"));
}

#[test]
fn hostile_texts_are_cleaned_and_told_in_linear_time() {
    let units = [
        "\u{1b}",
        "\u{1b}[",
        "\u{1b}[1;",
        "\u{1b}]",
        "\u{1b}]8;;a\u{7}",
        "\u{1b}(",
        "\u{9b}",
        "\u{9b}1;",
        "a\r",
        "\r",
        "ab\u{8}\u{8}\u{8}",
        "\u{c2}\u{a0}",
        "##[",
        "##[error]",
        "2026-01-31T12:34:56Z ",
        "12:34:56 ",
        "[a] ",
        "a | ",
        "#1 0.1 ",
        "a:b: ",
        "packages/a b: ",
    ];
    for unit in units {
        for (unit, head) in
            [(unit.to_owned(), ""), (unit.to_owned(), "error: "), (format!("{unit}error: x\n"), "")]
        {
            let shape = Shape { head: head.to_owned(), unit };
            let whole = |text: &str| {
                let begun = worked();
                std::hint::black_box(analyze(text, &Status::default(), None, 10));
                [worked() - begun]
            };
            assert!(is_linear(&shape, whole), "superlinear: {shape:?}");
        }
    }
}
