//! The verdict: one answer from what all dialects found and how the command ended.
//!
//! The exit status is believed before any text. A failure that no dialect understands is told as one
//! that is not understood, with the line most likely to be its cause.

use super::dialects::kind_of_message;
use super::engine::Reading;
use super::fingerprint::{fingerprint, normalise, project_path};
use super::kind::Kind;
use super::patterns::Match;
use super::report::{Fix, Located, Rank, Report, Severity, clip};
use super::status::{Outcome, Status};
use super::summary::{self, MAX_WORDS};
use super::watch::{Watch, claims_success};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Groups told.
pub const MAX_GROUPS: usize = 50;
/// The longest wait told: Node's timers take a longer one for none at all (`setTimeout`: a delay above
/// 2,147,483,647 is set to 1).
pub const MAX_RETRY_AFTER_MS: u64 = i32::MAX as u64;

/// The answer. Field names are the contract's.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Analysis {
    /// The kind of failure.
    #[serde(rename = "type")]
    pub kind: Kind,
    /// At most 500 characters.
    pub summary: String,
    /// What to do.
    pub suggestion: String,
    /// Whether somebody can act on it without guessing.
    pub actionable: bool,
    /// 16 hexadecimal digits, the same for the same failure.
    pub hash: String,
    /// The tool that printed the text; empty when not known.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub tool: &'static str,
    /// Who is best asked: a name to route by.
    pub specialist: &'static str,
    /// Milliseconds after which a service wants to be asked again, up to [`MAX_RETRY_AFTER_MS`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// More of it.
    pub details: Details,
    /// What repairs it mechanically.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<FixTask>,
}

/// More of it.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    /// How many errors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_count: Option<u64>,
    /// How many warnings, when there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warning_count: Option<u64>,
    /// By code.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub errors_by_type: BTreeMap<String, u64>,
    /// How many the tool repairs by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixable_count: Option<u64>,
    /// In which files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub affected_files: Vec<String>,
    /// What a human would quote as the cause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_error: Option<String>,
    /// By code, most frequent first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupDetails>,
    /// Names of failed tests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed_tests: Vec<String>,
    /// The custom pattern that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// Problems with their places, when asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<ProblemDetails>,
    /// Whether a bound was reached: something was counted and not named, or a line not read to its end.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// All problems of one code.
#[derive(Debug, Clone, Serialize)]
pub struct GroupDetails {
    code: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    count: u64,
    fixable: u64,
    files: Vec<String>,
    example: String,
}

/// One problem with its place.
#[derive(Debug, Clone, Serialize)]
pub struct ProblemDetails {
    severity: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    code: String,
    message: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    file: String,
    #[serde(skip_serializing_if = "is_zero")]
    line: u32,
    #[serde(skip_serializing_if = "is_zero")]
    column: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde wants a reference
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What repairs it mechanically.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FixTask {
    /// What it does, in a few words.
    pub title: String,
    /// The command to run where the tool ran.
    pub command: String,
    /// The files it will change, as far as known.
    pub files: Vec<String>,
    /// How many problems it repairs, where the tool says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimated_fixes: Option<u64>,
}

/// Decides. `problems` is how many problems are told with their places.
#[must_use]
pub fn decide(reading: Reading, status: &Status, problems: usize) -> Analysis {
    let Reading { reports, watch, matched, truncated, lines } = reading;
    let outcome = status.outcome();
    let mut analysis = match &matched {
        Some(found) if outcome != Outcome::Succeeded => of_match(found, status),
        _ => match choose(reports, status) {
            Some(report) => of_report(&report, status, problems),
            None => not_understood(status, &watch, lines),
        },
    };
    analysis.details.truncated |= truncated;
    analysis
}

/// The report that tells the cause.
fn choose(mut reports: Vec<Report>, status: &Status) -> Option<Report> {
    // A stable sort: of equals the one found first, then the registry's order.
    reports.sort_by_key(|report| {
        (Reverse(report.is_failure()), Reverse(report.rank), report.first_line)
    });
    reports.into_iter().find(|report| {
        let found = report.is_failure() || report.warnings > 0;
        let fits = match status.outcome() {
            // Only a tool that found faults outweighs that time ran out, or that somebody ended it.
            Outcome::Failed => {
                !(status.timed_out || status.cancelled) || report.rank >= Rank::Diagnostics
            }
            Outcome::Unknown => true,
            // Faults in the sources that fail nothing are still worth telling; stack traces and tests
            // that failed, in the log of a command that ended well, are not.
            Outcome::Succeeded => {
                report.rank >= Rank::Diagnostics && report.kind != Kind::TestFailure
            }
        };
        found && fits
    })
}

fn of_match(found: &Match, status: &Status) -> Analysis {
    let summary = if found.summary.is_empty() {
        format!("{}: {}", found.kind.label(), found.line)
    } else {
        found.summary.clone()
    };
    let suggestion = match (found.suggestion.is_empty(), found.fix_command.is_empty()) {
        (false, _) => found.suggestion.clone(),
        (true, false) => format!("Run: {}", found.fix_command),
        (true, true) => "Look at the line that matched".to_owned(),
    };
    let code = if found.code.is_empty() { found.name.clone() } else { found.code.clone() };
    Analysis {
        kind: found.kind,
        summary: clip(&truthful(&summary, found.kind, status), MAX_WORDS),
        actionable: !found.suggestion.is_empty() || !found.fix_command.is_empty(),
        suggestion,
        hash: fingerprint(["pattern", &found.name, &normalise(&found.line)].into_iter()),
        tool: "",
        specialist: found.kind.specialist(),
        retry_after_ms: None,
        details: Details {
            error_count: Some(found.count),
            errors_by_type: BTreeMap::from([(code, found.count)]),
            first_error: Some(found.line.clone()),
            pattern: Some(found.name.clone()),
            ..Details::default()
        },
        fix: (!found.fix_command.is_empty()).then(|| FixTask {
            title: format!("Fix {}", found.name),
            command: found.fix_command.clone(),
            files: Vec::new(),
            estimated_fixes: None,
        }),
    }
}

fn of_report(report: &Report, status: &Status, problems: usize) -> Analysis {
    let failed = report.is_failure();
    let mut groups: Vec<GroupDetails> = report
        .groups()
        .iter()
        .map(|group| GroupDetails {
            code: group.code.clone(),
            name: group.rule.clone(),
            count: group.count,
            fixable: group.fixable,
            files: group.files.clone(),
            example: group.example.clone(),
        })
        .collect();
    groups.sort_by_key(|group| Reverse(group.count));
    groups.truncate(MAX_GROUPS);
    let error_count = match report.kind {
        Kind::Linter if failed => report.total(),
        Kind::Typecheck => report.errors,
        _ => report.stated.unwrap_or(report.errors),
    };
    let fix = report.fix.as_ref().map(|Fix { command, title }| FixTask {
        title: title.clone(),
        command: command.clone(),
        files: report.files().to_vec(),
        estimated_fixes: report.total_fixable(),
    });
    Analysis {
        kind: report.kind,
        summary: truthful(&summary::summarise(report), report.kind, status),
        suggestion: advice(report, status),
        actionable: summary::is_actionable(report),
        hash: hash_of(report),
        tool: report.tool,
        specialist: report.kind.specialist(),
        retry_after_ms: report.retry_after_ms.map(|wait| wait.min(MAX_RETRY_AFTER_MS)),
        details: Details {
            error_count: Some(error_count),
            warning_count: (report.warnings > 0).then_some(report.warnings),
            errors_by_type: report
                .groups()
                .iter()
                .map(|group| (group.code.clone(), group.count))
                .collect(),
            fixable_count: report.total_fixable(),
            affected_files: report.files().to_vec(),
            first_error: report.first.clone(),
            groups,
            failed_tests: report.failures().to_vec(),
            pattern: None,
            problems: report.problems().iter().take(problems).map(located).collect(),
            truncated: report.truncated,
        },
        fix,
    }
}

fn located(problem: &Located) -> ProblemDetails {
    ProblemDetails {
        severity: match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        code: problem.code.clone(),
        message: problem.message.clone(),
        file: problem.file.clone(),
        line: problem.line,
        column: problem.column,
    }
}

fn hash_of(report: &Report) -> String {
    let mut parts = vec![report.kind.name().to_owned(), report.tool.to_owned()];
    let mut codes: Vec<String> = report
        .groups()
        .iter()
        .map(|group| {
            let mut files: Vec<String> =
                group.files.iter().map(|file| project_path(file)).collect();
            files.sort_unstable();
            format!("{} {}", group.code, files.join(" "))
        })
        .collect();
    codes.sort_unstable();
    parts.append(&mut codes);
    let mut files: Vec<String> = report.files().iter().map(|file| project_path(file)).collect();
    files.sort_unstable();
    parts.append(&mut files);
    let mut tests: Vec<String> = report.failures().iter().map(|name| normalise(name)).collect();
    tests.sort_unstable();
    parts.append(&mut tests);
    parts.push(normalise(report.first.as_deref().unwrap_or_default()));
    fingerprint(parts.iter().map(String::as_str))
}

/// A summary that does not contradict how the command ended.
fn truthful(summary: &str, kind: Kind, status: &Status) -> String {
    if status.outcome() != Outcome::Failed {
        return summary.to_owned();
    }
    let ended = status.words().unwrap_or_default();
    if claims_success(summary) {
        // What it quotes would read as success; the quotation is in the details.
        return format!("{} ({ended})", kind.label());
    }
    if status.timed_out || status.signal.is_some() {
        return format!("{summary} ({ended})");
    }
    summary.to_owned()
}

/// What to do, in words that do not read as success either.
fn advice(report: &Report, status: &Status) -> String {
    let words = summary::suggest(report);
    if status.outcome() == Outcome::Failed && claims_success(&words) {
        return summary::general(report.kind).to_owned();
    }
    words
}

/// Lines of a text that is one message.
const LINES_OF_MESSAGE: u64 = 1;

/// The answer when no dialect understood the text.
fn not_understood(status: &Status, watch: &Watch, lines: u64) -> Analysis {
    let (cause, first, last) = (watch.cause(), watch.first(), watch.last());
    let mut kind = kind_of(status);
    if kind == Kind::Unknown
        && lines <= LINES_OF_MESSAGE
        && status.outcome() != Outcome::Succeeded
        && let Some(told) = cause.or(first).and_then(kind_of_message)
    {
        kind = told;
    }
    let prefix = if kind == Kind::Unknown { "unknown" } else { kind.label() };
    let (line, words) = match status.outcome() {
        Outcome::Unknown => {
            let line = cause.or(first).unwrap_or_default();
            let words = if line.is_empty() { "no text".to_owned() } else { line.to_owned() };
            (line, format!("{prefix}: {words}"))
        }
        Outcome::Succeeded => {
            let line = last.unwrap_or_default();
            (line, "unknown: no failure found (exit code 0)".to_owned())
        }
        Outcome::Failed => {
            let ended = status.words().unwrap_or_else(|| "failed".to_owned());
            match cause {
                Some(line) => (line, format!("{prefix}: {line} ({ended})")),
                // What a failed command said last may be words of success: they are not repeated.
                None => ("", format!("{prefix}: {ended}, and nothing in the text tells why")),
            }
        }
    };
    let mut parts =
        vec![kind.name().to_owned(), normalise(line), status.words().unwrap_or_default()];
    if cause.is_none() {
        // Without a cause its ends tell one text from another; what was ended from outside broke off
        // anywhere.
        let broken_off = status.ending_signal().is_some() || kind_of(status) != Kind::Unknown;
        let ends = [first, last.filter(|_| !broken_off)];
        parts.extend(ends.map(|line| normalise(line.unwrap_or_default())));
    }
    let hash = fingerprint(parts.iter().map(String::as_str));
    Analysis {
        kind,
        summary: clip(&words, MAX_WORDS),
        suggestion: match kind {
            Kind::Unknown => "Read the whole text: it was not understood".to_owned(),
            Kind::ResourceExhaustion if status.ending_signal() == Some("SIGKILL") => {
                "It was killed, most likely for want of memory: give it more, or run less at once"
                    .to_owned()
            }
            Kind::RuntimeError => "Look at what the program did when the signal came".to_owned(),
            kind => summary::general(kind).to_owned(),
        },
        actionable: false,
        hash,
        tool: "",
        specialist: kind.specialist(),
        retry_after_ms: None,
        details: Details {
            first_error: (!line.is_empty() && status.outcome() != Outcome::Succeeded)
                .then(|| line.to_owned()),
            ..Details::default()
        },
        fix: None,
    }
}

/// The kind of failure a status alone tells.
fn kind_of(status: &Status) -> Kind {
    if status.timed_out {
        return Kind::Timeout;
    }
    if status.cancelled {
        return Kind::Cancelled;
    }
    match (status.ending_signal(), status.exit_code) {
        (Some("SIGINT" | "SIGTERM" | "SIGHUP"), _) => Kind::Cancelled,
        (Some("SIGKILL"), _) => Kind::ResourceExhaustion,
        (Some("SIGSEGV" | "SIGABRT" | "SIGBUS" | "SIGILL" | "SIGFPE"), _) => Kind::RuntimeError,
        // `timeout` of GNU coreutils exits with 124 when it ended the command.
        (_, Some(124)) => Kind::Timeout,
        _ => Kind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::super::analyze;
    use super::*;

    fn failed(text: &str) -> Analysis {
        let status = Status { exit_code: Some(3), ..Status::default() };
        analyze(text, &status, None, 0)
    }

    #[test]
    fn failures_without_a_cause_are_told_apart_by_their_first_and_last_lines() {
        let one = failed("widget 7 begins at 10:11:12\nsome work\nthe widget is bent\n");
        assert!(one.summary.contains("nothing in the text tells why"), "{}", one.summary);
        let again = failed("widget 7 begins at 23:59:01\nother work\nthe widget is bent\n");
        assert_eq!(one.hash, again.hash);
        for other in [
            "widget 7 begins at 10:11:12\nsome work\nthe widget is wet\n",
            "gadget 7 begins at 10:11:12\nsome work\nthe widget is bent\n",
            "",
        ] {
            let other = failed(other);
            assert!(other.details.first_error.is_none());
            assert_ne!(one.hash, other.hash);
        }
    }

    #[test]
    fn no_wait_is_longer_than_a_timer_can_be() {
        let told = |wait| {
            let text = format!("HTTP/1.1 429 Too Many Requests\nRetry-After: {wait}\n");
            analyze(&text, &Status::default(), None, 0).retry_after_ms
        };
        assert_eq!(told(2_147_483), Some(2_147_483_000));
        assert_eq!(told(2_147_484), Some(MAX_RETRY_AFTER_MS));
        assert_eq!(told(31_000_000), Some(MAX_RETRY_AFTER_MS));
        let repeated = format!("Rate limit reached. Please try again in {}", "8000h".repeat(500));
        let text = format!(
            "openai.RateLimitError: Error code: 429 - {{'error': {{'message': '{repeated}'}}}}"
        );
        let added = analyze(&text, &Status::default(), None, 0).retry_after_ms;
        assert_eq!(added, Some(MAX_RETRY_AFTER_MS));
    }

    #[test]
    fn where_a_command_was_when_it_was_ended_makes_no_other_failure() {
        let late = Status { timed_out: true, ..Status::default() };
        let killed = Status { signal: Some("SIGKILL".to_owned()), ..Status::default() };
        for status in [late, killed] {
            let hash = |text| analyze(text, &status, None, 0).hash;
            assert_eq!(hash("begin\nhalf way\n"), hash("begin\nhalf way\nalmost there\n"));
            assert_ne!(hash("begin\nhalf way\n"), hash("start\nhalf way\n"));
        }
    }

    #[test]
    fn with_a_cause_nothing_else_of_the_text_counts() {
        let one = failed("begin\nerror: the widget is bent\nend\n");
        let other = failed("starting\nerror: the widget is bent\nbye\n");
        assert_eq!(one.hash, other.hash);
    }
}
