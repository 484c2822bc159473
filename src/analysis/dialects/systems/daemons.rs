//! Daemons and their clients: Docker, Kubernetes, systemd, PostgreSQL, MySQL, Redis.
//!
//! ```text
//! Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?
//! docker: Error response from daemon: pull access denied for x, repository does not exist …
//! ERROR: failed to solve: process "/bin/sh -c npm ci" did not complete successfully: exit code: 1
//! Job for x.service failed because the control process exited with error code.     systemctl
//! psql: error: connection to server at "db", port 5432 failed: Connection refused
//! FATAL:  password authentication failed for user "x"     ERROR:  relation "t" does not exist
//! ERROR 1045 (28000): Access denied for user 'x'@'localhost'                       mysql
//! Could not connect to Redis at 127.0.0.1:6379: Connection refused                 redis-cli
//! ```
//! References: <https://www.postgresql.org/docs/current/errcodes-appendix.html>,
//! <https://dev.mysql.com/doc/mysql-errors/8.4/en/>, Docker's `daemon` and BuildKit's `solver` sources.

use super::super::runtimes::classes;
use crate::analysis::dialect::{Dialect, Spec};
use crate::analysis::kind::Kind;
use crate::analysis::report::{Rank, Report};

pub(super) static SPEC: Spec = Spec {
    name: "daemons",
    markers: &[
        "Docker daemon",
        "docker daemon",
        "Error response from daemon",
        "ERROR: failed to solve: ",
        ".service failed because",
        "Failed to start ",
        "Failed to restart ",
        "Failed with result '",
        "psql: error: ",
        "FATAL:  ",
        "ERROR:  ",
        "psql:",
        "ERROR 1",
        "ERROR 2",
        "Could not connect to Redis",
        "Error from server (",
        "The connection to the server ",
        "You must be logged in to the server",
        "(error) ",
    ],
    recognises: |sample| sample.lines().any(|line| said(line).is_some()),
    start: || Box::new(Daemons),
};

struct Daemons;

struct Said<'t> {
    tool: &'static str,
    kind: Kind,
    code: &'t str,
    message: &'t str,
    advice: Option<&'static str>,
}

impl Dialect for Daemons {
    fn report(&self) -> Report {
        Report::new("", Kind::RuntimeError, Rank::Runtime)
    }

    fn line(&mut self, line: &str, report: &mut Report) {
        if !matches!(line.as_bytes().first(), Some(b'A'..=b'Z' | b'a'..=b'z' | b'(')) {
            return;
        }
        let Some(said) = said(line) else { return };
        report.errors += 1;
        report.code(said.code);
        if report.first.is_none() {
            report.tool = said.tool;
            report.kind = said.kind;
            // A build's step that failed has said why before.
            if said.message.contains("did not complete successfully") {
                report.rank = Rank::Wrapper;
            }
            report.suggestion = said.advice.map(str::to_owned);
            report.quote(said.message);
        }
    }
}

fn said(line: &str) -> Option<Said<'_>> {
    if line.len() > 4000 {
        return None;
    }
    match line.as_bytes().first()? {
        b'J' | b'U' | b's' => systemd(line),
        b'F' => systemd(line).or_else(|| database(line)),
        b'C' | b'c' | b'd' | b'E' | b'e' | b'p' => {
            docker(line).or_else(|| kubernetes(line)).or_else(|| database(line))
        }
        b'P' | b'(' => database(line),
        b'T' => kubernetes(line),
        _ => None,
    }
}

fn docker(line: &str) -> Option<Said<'_>> {
    let of = |kind, advice| Some(Said { tool: "docker", kind, code: "", message: line, advice });
    let text = line.strip_prefix("docker: ").unwrap_or(line);
    let text =
        text.strip_prefix("ERROR: ").or_else(|| text.strip_prefix("error: ")).unwrap_or(text);
    if text.starts_with("Cannot connect to the Docker daemon") {
        return of(
            Kind::RuntimeError,
            Some("Start the Docker daemon (systemctl start docker), or set DOCKER_HOST"),
        );
    }
    if text.contains("permission denied while trying to connect to the Docker daemon")
        || text.contains("permission denied while trying to connect to the docker API")
    {
        return of(
            Kind::Permission,
            Some("Add the user to the group docker, or use rootless Docker"),
        );
    }
    let answer = text.strip_prefix("Error response from daemon: ");
    let solve = text.strip_prefix("failed to solve: ");
    let words = answer.or(solve)?;
    let lower: String = words.chars().take(400).collect::<String>().to_ascii_lowercase();
    let any = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    if any(&["toomanyrequests", "rate limit"]) {
        of(Kind::RateLimit, None)
    } else if any(&["no space left on device", "out of memory"]) {
        of(Kind::ResourceExhaustion, Some("Free space: docker system prune"))
    } else if any(&["unauthorized", "access denied", "authentication required", "no basic auth"]) {
        of(Kind::Auth, None)
    } else if any(&["manifest unknown", "manifest for", "not found: manifest", "no such image"]) {
        of(Kind::Dependency, Some("Correct the image's name or tag"))
    } else if any(&["port is already allocated", "address already in use"]) {
        of(Kind::NetworkError, Some("Stop what listens on that port, or publish another"))
    } else if any(&["permission denied"]) {
        of(Kind::Permission, None)
    } else if solve.is_some() {
        of(Kind::BuildFailure, None)
    } else {
        of(classes::of_message(words).unwrap_or(Kind::RuntimeError), None)
    }
}

fn systemd(line: &str) -> Option<Said<'_>> {
    let unit = [".service", ".socket", ".timer", ".mount"].iter().any(|unit| line.contains(unit));
    let failed = (line.starts_with("Job for ") && line.contains(" failed because "))
        || ["Failed to start ", "Failed to restart ", "Failed to enable unit", "Failed to stop "]
            .iter()
            .any(|start| line.starts_with(start))
        || (line.starts_with("Unit ") && line.ends_with("could not be found."))
        || (line.starts_with("systemd[") && line.contains(": Failed with result '"));
    (unit && failed).then_some(Said {
        tool: "systemd",
        kind: Kind::RuntimeError,
        code: "",
        message: line,
        advice: Some("Read why with journalctl -u on the unit"),
    })
}

/// `Error from server (NotFound): pods "x" not found`, of kubectl.
fn kubernetes(line: &str) -> Option<Said<'_>> {
    let of = |kind| Some(Said { tool: "kubectl", kind, code: "", message: line, advice: None });
    if line.starts_with("The connection to the server ") && line.contains(" was refused") {
        return of(Kind::NetworkError);
    }
    if line.starts_with("error: You must be logged in to the server") {
        return of(Kind::Auth);
    }
    let (reason, _) = line.strip_prefix("Error from server (")?.split_once(')')?;
    match reason {
        "Forbidden" => of(Kind::Permission),
        "Unauthorized" => of(Kind::Auth),
        "TooManyRequests" => of(Kind::RateLimit),
        "Timeout" | "ServiceUnavailable" | "ServerTimeout" => of(Kind::NetworkError),
        _ => of(Kind::RuntimeError),
    }
}

fn database(line: &str) -> Option<Said<'_>> {
    let of = |tool, kind, code| Some(Said { tool, kind, code, message: line, advice: None });
    if let Some(words) =
        line.strip_prefix("psql: error: ").or_else(|| line.strip_prefix("pg_dump: error: "))
    {
        return of("postgresql", postgres(words), "");
    }
    // psql:schema.sql:12: ERROR:  …
    if let Some(rest) = line.strip_prefix("psql:")
        && let Some((_, words)) =
            rest.split_once(": ERROR:  ").or_else(|| rest.split_once(": error: "))
    {
        return of("postgresql", postgres(words), "");
    }
    // The server's own severities are followed by two blanks.
    if let Some(words) = line.strip_prefix("FATAL:  ").or_else(|| line.strip_prefix("PANIC:  ")) {
        return of("postgresql", postgres(words), "");
    }
    if let Some(words) = line.strip_prefix("ERROR:  ") {
        return of("postgresql", postgres(words), "");
    }
    if let Some(rest) = line.strip_prefix("ERROR ") {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let state = rest.get(digits..)?.strip_prefix(" (")?;
        let known = digits == 4 && state.get(5..6) == Some(")");
        let kind = match rest.get(..digits)? {
            "1044" | "1045" | "1698" | "3118" => Kind::Auth,
            "2002" | "2003" | "2005" | "2006" | "2013" => Kind::NetworkError,
            "1040" | "1203" | "1021" | "1037" | "1041" | "1114" => Kind::ResourceExhaustion,
            _ => Kind::RuntimeError,
        };
        return known.then_some(()).and_then(|()| of("mysql", kind, line.get(..6 + digits)?));
    }
    if line.starts_with("Could not connect to Redis at ") {
        return of("redis", Kind::NetworkError, "");
    }
    if let Some(words) = line.strip_prefix("(error) ") {
        let kind = match words.split(' ').next()? {
            "NOAUTH" | "WRONGPASS" | "NOPERM" => Kind::Auth,
            "OOM" | "MISCONF" => Kind::ResourceExhaustion,
            "ERR" | "WRONGTYPE" | "LOADING" | "READONLY" | "MOVED" | "CLUSTERDOWN" | "BUSY" => {
                Kind::RuntimeError
            }
            _ => return None,
        };
        return of("redis", kind, "");
    }
    None
}

fn postgres(words: &str) -> Kind {
    if words.contains("authentication failed")
        || words.contains("no pg_hba.conf entry")
        || words.contains("no password supplied")
        || (words.contains("role \"") && words.contains("does not exist"))
    {
        Kind::Auth
    } else if words.contains("permission denied for ") {
        Kind::Permission
    } else {
        classes::of_message(words).unwrap_or(Kind::RuntimeError)
    }
}

#[cfg(test)]
mod tests {
    use crate::analysis::{analyze, kind::Kind, status::Status};

    #[test]
    fn daemons_answers_tell_the_kind() {
        for (text, kind) in [
            (
                "docker: Error response from daemon: pull access denied for x, repository does not exist",
                Kind::Auth,
            ),
            (
                "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
                Kind::RuntimeError,
            ),
            (
                "psql: error: connection to server at \"db\" (10.0.0.2), port 5432 failed: Connection refused",
                Kind::NetworkError,
            ),
            ("FATAL:  password authentication failed for user \"app\"", Kind::Auth),
            (
                "ERROR 2003 (HY000): Can't connect to MySQL server on 'db:3306' (111)",
                Kind::NetworkError,
            ),
            (
                "Job for web.service failed because the control process exited with error code.",
                Kind::RuntimeError,
            ),
        ] {
            let answer = analyze(text, &Status::default(), None, 0);
            assert_eq!(answer.kind, kind, "{text}");
            assert_eq!(answer.details.first_error.as_deref(), Some(text));
        }
    }
}
