//! Cleaning: what dialects see is plain text, a line at a time.
//!
//! Removed are terminal sequences (ECMA-48 control sequences and strings, and other control
//! characters), all but the last state of a line drawn again with carriage returns or backspaces, line
//! ends of Windows, and what continuous-integration services, container runtimes and task runners put
//! before every line (see [`Prefix`]). A line without any of these is passed on as it is, uncopied.

use super::report::floor_boundary;
use memchr::{memchr_iter, memchr3, memrchr};
use std::borrow::Cow;

/// Bytes of one line that are looked at; the rest is counted by the engine and left out.
pub const MAX_LINE: usize = 16 << 10;

/// Cleans the lines of one text. It learns from the text's first lines what is put before each.
#[derive(Debug, Default)]
pub struct Cleaner {
    prefix: Option<Prefix>,
    learned: bool,
}

/// What is put before every line by those that run tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefix {
    /// RFC 3339 time stamps, bare (GitHub Actions logs, `docker logs -t`) or in brackets (Jenkins).
    Time,
    /// `12:34:56` with or without brackets or fractions (`ts`, GitLab, Buildkite).
    Clock,
    /// `name  | ` (Docker Compose, foreman, concurrently's `[0]` is [`Prefix::Bracket`]).
    Bar,
    /// `[name] ` (concurrently, lerna) at the start of every line.
    Bracket,
    /// `#12 0.345 ` (BuildKit's plain progress).
    BuildKit,
    /// `name:task: ` (Turborepo, Nx).
    Task,
    /// `packages/name task: `, and `packages/name task$ ` before the command (pnpm, recursive).
    Recursive,
}

/// Lines that decide whether there is a prefix.
const LEARN_FROM: usize = 40;

impl Cleaner {
    /// Looks at the beginning of a text, once.
    pub fn learn<'t>(&mut self, lines: impl Iterator<Item = &'t str>) {
        if self.learned {
            return;
        }
        self.learned = true;
        let lines: Vec<Cow<'_, str>> = lines
            .map(|line| plain(cut(line)))
            .filter(|line| !line.trim().is_empty())
            .take(LEARN_FROM)
            .collect();
        if lines.is_empty() {
            return;
        }
        const ALL: [Prefix; 7] = [
            Prefix::Time,
            Prefix::Clock,
            Prefix::BuildKit,
            Prefix::Bar,
            Prefix::Bracket,
            Prefix::Task,
            Prefix::Recursive,
        ];
        self.prefix = ALL.into_iter().find(|prefix| {
            let with = lines.iter().filter(|line| prefix.strip(line).is_some()).count();
            // Time stamps are unmistakable; names before lines must be on all but a few.
            match prefix {
                Prefix::Time | Prefix::Clock | Prefix::BuildKit => with * 2 > lines.len(),
                // What these say themselves stands before and after what they run.
                Prefix::Task | Prefix::Recursive if prefix.is_told(&lines) => {
                    with * 2 > lines.len()
                }
                Prefix::Recursive => false,
                _ => lines.len() >= 4 && with * 10 >= lines.len() * 9 && prefix.fits(&lines),
            }
        });
    }

    /// One line without what is not its own; `line` has no line feed.
    #[must_use]
    pub fn clean<'t>(&self, line: &'t str) -> Cow<'t, str> {
        let plain = plain(cut(line));
        let plain = match self.prefix {
            None => plain,
            Some(prefix) => strip(plain, |text| prefix.strip(text)),
        };
        // Commands of GitHub's runner wrap the line they speak of.
        if plain.starts_with("##[") { strip(plain, strip_runner_command) } else { plain }
    }

    /// Whether lines without control characters are passed on as they are.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.prefix.is_none()
    }
}

fn strip<'t>(text: Cow<'t, str>, by: impl Fn(&str) -> Option<&str>) -> Cow<'t, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(by(text).unwrap_or(text)),
        Cow::Owned(text) => match by(&text) {
            Some(rest) => Cow::Owned(rest.to_owned()),
            None => Cow::Owned(text),
        },
    }
}

/// `##[error]text`, `##[group]text`: documented for GitHub Actions and Azure Pipelines.
fn strip_runner_command(text: &str) -> Option<&str> {
    let (command, rest) = text.strip_prefix("##[")?.split_once(']')?;
    command.bytes().all(|byte| byte.is_ascii_lowercase()).then_some(rest)
}

fn cut(line: &str) -> &str {
    if line.len() <= MAX_LINE { line } else { &line[..floor_boundary(line, MAX_LINE)] }
}

/// Whether a text has control characters that change what is seen: ESC, carriage return, backspace, or
/// those of the second range (ISO/IEC 6429's C1), which UTF-8 begins with C2.
#[must_use]
pub fn has_controls(bytes: &[u8]) -> bool {
    memchr3(0x1b, b'\r', 0x08, bytes).is_some()
        || memchr_iter(0xc2, bytes)
            .any(|at| bytes.get(at + 1).is_some_and(|next| (0x80..0xa0).contains(next)))
}

/// Without control characters and what they erased.
fn plain(line: &str) -> Cow<'_, str> {
    let line = line.strip_suffix('\r').unwrap_or(line);
    let bytes = line.as_bytes();
    if !has_controls(bytes) {
        return Cow::Borrowed(line);
    }
    // What is before the last carriage return was drawn over, unless nothing was drawn after it.
    let line = line.trim_end_matches('\r');
    let line = memrchr(b'\r', line.as_bytes()).map_or(line, |at| &line[at + 1..]);
    let mut out = String::with_capacity(line.len());
    let mut rest = line.chars();
    loop {
        let text = rest.as_str();
        let ordinary = text.bytes().position(|byte| byte < 0x20 || byte == 0x7f || byte == 0xc2);
        let (ordinary, other) = text.split_at(ordinary.unwrap_or(text.len()));
        out.push_str(ordinary);
        rest = other.chars();
        let Some(character) = rest.next() else { break };
        match character {
            '\u{1b}' => skip_escape(&mut rest),
            '\u{9b}' => skip_control_sequence(&mut rest),
            '\u{08}' => {
                out.pop();
            }
            '\t' => out.push('\t'),
            other if other.is_control() => {}
            other => out.push(other),
        }
    }
    Cow::Owned(out)
}

/// After ESC (ECMA-48 5.3): a control sequence, a control string, or one more character.
fn skip_escape(rest: &mut std::str::Chars<'_>) {
    let mut ahead = rest.clone();
    match ahead.next() {
        Some('[') => {
            *rest = ahead;
            skip_control_sequence(rest);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            *rest = ahead;
            skip_control_string(rest);
        }
        Some('(' | ')' | '#' | '%') => {
            ahead.next();
            *rest = ahead;
        }
        Some('\u{20}'..='\u{7e}') => *rest = ahead,
        _ => {}
    }
}

fn skip_control_sequence(rest: &mut std::str::Chars<'_>) {
    let mut ahead = rest.clone();
    for character in ahead.by_ref() {
        match character {
            '\u{20}'..='\u{3f}' => {}
            '\u{40}'..='\u{7e}' => break,
            // Not a sequence after all: nothing more is taken.
            _ => return,
        }
        *rest = ahead_of(rest);
    }
    *rest = ahead_of(rest);
}

fn ahead_of<'t>(rest: &std::str::Chars<'t>) -> std::str::Chars<'t> {
    let mut next = rest.clone();
    next.next();
    next
}

/// To BEL or ESC \, as terminals end them.
fn skip_control_string(rest: &mut std::str::Chars<'_>) {
    while let Some(character) = rest.next() {
        match character {
            '\u{07}' | '\u{9c}' => return,
            '\u{1b}' => {
                if rest.as_str().starts_with('\\') {
                    rest.next();
                }
                return;
            }
            _ => {}
        }
    }
}

impl Prefix {
    /// The line without it; `None` when it has none.
    fn strip(self, line: &str) -> Option<&str> {
        match self {
            Prefix::Time => {
                let bare = line.strip_prefix('[').unwrap_or(line);
                let rest = after_time(bare)?;
                let rest = if bare.len() < line.len() { rest.strip_prefix(']')? } else { rest };
                if rest.is_empty() {
                    return Some(rest);
                }
                rest.strip_prefix([' ', '\t'])
            }
            Prefix::Clock => {
                let bare = line.strip_prefix('[').unwrap_or(line);
                let rest = after_clock(bare)?;
                let rest = if bare.len() < line.len() { rest.strip_prefix(']')? } else { rest };
                if rest.is_empty() {
                    return Some(rest);
                }
                rest.strip_prefix(' ')
            }
            Prefix::Bar => {
                let (name, rest) = line.split_once('|')?;
                let trimmed = name.trim_end();
                let shaped = !trimmed.is_empty()
                    && name.len() <= 64
                    && !trimmed.starts_with(' ')
                    && !trimmed.contains(' ')
                    && !trimmed.bytes().all(|byte| byte.is_ascii_digit())
                    && name.ends_with(' ');
                shaped.then(|| rest.strip_prefix(' ').unwrap_or(rest))
            }
            Prefix::Bracket => {
                let (name, rest) = line.strip_prefix('[')?.split_once(']')?;
                let shaped = !name.is_empty() && name.len() <= 40 && !name.contains([' ', '[']);
                if !shaped {
                    return None;
                }
                if rest.is_empty() { Some(rest) } else { rest.strip_prefix(' ') }
            }
            Prefix::BuildKit => {
                let (step, rest) = line.strip_prefix('#')?.split_once(' ')?;
                let number = |text: &str| {
                    !text.is_empty()
                        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
                };
                let (seconds, rest) = rest.split_once(' ').unwrap_or((rest, ""));
                (number(step) && number(seconds) && seconds.contains('.')).then_some(rest)
            }
            Prefix::Task => {
                let (name, rest) = line.split_once(": ").or_else(|| {
                    line.strip_suffix(':').filter(|name| name.contains(':')).map(|name| (name, ""))
                })?;
                let (package, task) = name.rsplit_once(':')?;
                let word = |text: &str| {
                    !text.is_empty()
                        && text
                            .bytes()
                            .all(|byte| byte.is_ascii_alphanumeric() || b"@/-_.".contains(&byte))
                };
                let shaped = name.len() <= 80
                    && word(package)
                    && word(task)
                    && task.starts_with(|first: char| first.is_ascii_alphabetic())
                    && !package.contains('.');
                shaped.then_some(rest)
            }
            Prefix::Recursive => {
                let end = line.find([':', '$']).unwrap_or(line.len());
                if !is_package_task(&line[..end]) {
                    return None;
                }
                let rest = line.get(end + 1..)?;
                if rest.is_empty() { Some(rest) } else { rest.strip_prefix(' ') }
            }
        }
    }

    /// Whether the runner that puts this before lines speaks itself: Turborepo of its scope and its tasks,
    /// pnpm of the commands it begins.
    fn is_told(self, lines: &[Cow<'_, str>]) -> bool {
        let told = |line: &str| match self {
            Prefix::Task => {
                let text = line.trim_start();
                text.starts_with("\u{2022} Packages in scope: ")
                    || text.starts_with("\u{2022} Running ")
                    || text.starts_with("ERROR  run failed: ")
                    || text.starts_with("Tasks: ") && text.ends_with(" total")
            }
            Prefix::Recursive => {
                line.split_once("$ ").is_some_and(|(head, _)| is_package_task(head))
            }
            _ => false,
        };
        lines.iter().any(|line| told(line))
    }

    /// Whether what the lines have before them looks like a runner's doing: few names, each often.
    fn fits(self, lines: &[Cow<'_, str>]) -> bool {
        let mut names: Vec<&str> = lines
            .iter()
            .filter_map(|line| self.strip(line).map(|rest| &line[..line.len() - rest.len()]))
            .collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        // A tool's own marks, such as Maven's levels, are not a runner's names.
        let levels = ["[INFO]", "[ERROR]", "[WARNING]", "[WARN]", "[error]", "[warn]", "[vite]"];
        names.len() * 3 <= all && !names.iter().any(|name| levels.contains(&name.trim()))
    }
}

/// `packages/core lint`: a directory and a script's name.
fn is_package_task(head: &str) -> bool {
    let word = |text: &str| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"@/-_.:".contains(&byte))
    };
    head.len() <= 120
        && head.split_once(' ').is_some_and(|(path, task)| {
            word(path) && word(task) && (path == "." || path.contains('/') || path.len() > 2)
        })
}

fn digits(text: &str, count: usize) -> Option<&str> {
    let bytes = text.as_bytes();
    (bytes.len() >= count && bytes[..count].iter().all(u8::is_ascii_digit)).then(|| &text[count..])
}

/// What follows `2026-01-31T12:34:56.789Z` or the same with a space or an offset (RFC 3339).
fn after_time(text: &str) -> Option<&str> {
    let rest = digits(text, 4)?.strip_prefix('-')?;
    let rest = digits(rest, 2)?.strip_prefix('-')?;
    let rest = digits(rest, 2)?.strip_prefix(['T', ' '])?;
    let rest = after_clock(rest)?;
    if let Some(rest) = rest.strip_prefix('Z') {
        return Some(rest);
    }
    let Some(offset) = rest.strip_prefix(['+', '-']) else { return Some(rest) };
    let rest = digits(offset, 2)?;
    digits(rest.strip_prefix(':').unwrap_or(rest), 2)
}

/// What follows `12:34:56` or `12:34:56.789`.
fn after_clock(text: &str) -> Option<&str> {
    let rest = digits(text, 2)?.strip_prefix(':')?;
    let rest = digits(rest, 2)?.strip_prefix(':')?;
    let rest = digits(rest, 2)?;
    match rest.strip_prefix(['.', ',']) {
        Some(fraction) if fraction.starts_with(|first: char| first.is_ascii_digit()) => {
            Some(fraction.trim_start_matches(|digit: char| digit.is_ascii_digit()))
        }
        _ => Some(rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(text: &str) -> Vec<String> {
        let mut cleaner = Cleaner::default();
        cleaner.learn(text.split('\n'));
        text.split('\n').map(|line| cleaner.clean(line).into_owned()).collect()
    }

    #[test]
    fn monorepos_runners_names_go_though_they_speak_themselves() {
        let text = "\u{2022} Packages in scope: web\nweb:lint: a\nweb:lint: b\nweb:lint: \n ERROR  run failed: x";
        assert_eq!(cleaned(text)[1..4], ["a", "b", ""]);
        let text = "Scope: 2 of 3\npackages/a lint$ eslint .\npackages/a lint: x\npackages/a lint: y: z\npackages/a lint: Failed";
        assert_eq!(cleaned(text)[1..], ["eslint .", "x", "y: z", "Failed"]);
    }

    #[test]
    fn colours_links_and_titles_go() {
        assert_eq!(cleaned("\u{1b}[1;31merror\u{1b}[0m: x"), ["error: x"]);
        assert_eq!(cleaned("\u{9b}31mred\u{9b}0m"), ["red"]);
        assert_eq!(cleaned("\u{1b}]8;;http://a\u{1b}\\link\u{1b}]8;;\u{07}."), ["link."]);
        assert_eq!(cleaned("\u{1b}(Bplain\u{1b}="), ["plain"]);
        assert_eq!(cleaned("cut \u{1b}[3"), ["cut "]);
        assert_eq!(cleaned("cut \u{1b}"), ["cut "]);
        assert_eq!(cleaned("é\u{1b}[0mü"), ["éü"]);
    }

    #[test]
    fn a_line_drawn_again_is_what_it_was_last() {
        assert_eq!(cleaned(" 10%\r 50%\r100%\r\ndone\r"), ["100%", "done"]);
        assert_eq!(cleaned("abc\u{8}\u{8}d"), ["ad"]);
    }

    #[test]
    fn what_runners_put_before_lines_goes() {
        let body = ["src/a.ts(1,2): error TS1005: x", "", "Found 1 error."];
        for mark in [
            "2026-03-02T09:14:55.1234567Z ",
            "[2026-03-02T09:14:55.123Z] ",
            "2026-03-02 09:14:55,123 ",
            "[09:14:55] ",
            "09:14:55.120 ",
            "#12 0.345 ",
        ] {
            let text: Vec<String> = body.iter().map(|line| format!("{mark}{line}")).collect();
            assert_eq!(cleaned(&text.join("\n")), body, "{mark}");
        }
        let body = ["one: a", "two", "three [x]", "four", "five"];
        for mark in ["web-1  | ", "[0] ", "app:build: "] {
            let text: Vec<String> = body.iter().map(|line| format!("{mark}{line}")).collect();
            assert_eq!(cleaned(&text.join("\n")), body, "{mark}");
        }
        assert_eq!(cleaned("##[error]Process completed"), ["Process completed"]);
    }

    #[test]
    fn what_is_the_text_s_own_stays() {
        let maven = "[INFO] a\n[INFO] b\n[ERROR] c\n[INFO] d";
        assert_eq!(cleaned(maven).join("\n"), maven);
        let code = "1 | a\n2 | b\n3 | c\n4 | d";
        assert_eq!(cleaned(code).join("\n"), code);
        let gcc = "a.c:1:2: error: x\na.c:2:2: error: y\na.c:3:2: error: x\na.c:4:2: error: y";
        assert_eq!(cleaned(gcc).join("\n"), gcc);
    }

    #[test]
    fn a_line_without_end_is_cut_between_characters() {
        let long = "é".repeat(MAX_LINE);
        assert!(cleaned(&long)[0].len() <= MAX_LINE);
    }
}
