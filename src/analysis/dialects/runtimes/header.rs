//! The line that names an error in JavaScript and what prints alike: `TypeError: message`,
//! `Error [CODE]: message`, `[Error: message] {`, `DOMException [TimeoutError]: message`.

/// Such a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header<'t> {
    pub(super) class: &'t str,
    pub(super) code: &'t str,
    pub(super) message: &'t str,
    /// Where in the line it begins.
    start: usize,
    bracketed: bool,
}

impl<'t> Header<'t> {
    /// A line that is a message without a class.
    pub(super) fn bare(line: &'t str) -> Header<'t> {
        Header { class: "", code: "", message: line, start: 0, bracketed: false }
    }

    /// The line as a human quotes it.
    pub(super) fn quote(&self, line: &str) -> String {
        let text = line.get(self.start..).unwrap_or(line).trim();
        let text = text.strip_suffix('{').map_or(text, str::trim_end);
        if self.bracketed {
            return text.trim_start_matches('[').trim_end_matches(']').to_owned();
        }
        let text = text.trim_end_matches(',');
        // Node takes the bracket off the beginning of what it shows, but not off the end.
        let text = if text.contains('[') { text } else { text.trim_end_matches(']') };
        text.to_owned()
    }
}

/// What runtimes put before it.
const BEFORE: [&str; 9] = [
    "Uncaught:",
    "Uncaught ",
    "error: Uncaught ",
    "(in promise) ",
    "Unhandled rejection ",
    "Unhandled Rejection: ",
    "UnhandledPromiseRejectionWarning: ",
    "Unhandled promise rejection: ",
    "throw ",
];

/// The line without what runtimes put before an error.
fn without_before(line: &str) -> &str {
    let mut text = line;
    while let Some(rest) = BEFORE.iter().find_map(|before| text.strip_prefix(before)) {
        text = rest.trim_start();
    }
    if let Some(rest) = text.strip_prefix("(node:")
        && let Some((_, rest)) = rest.split_once(") UnhandledPromiseRejectionWarning: ")
    {
        text = rest;
    }
    text
}

/// Reads a line that is known to name an error, whatever its class is called.
pub(super) fn any(line: &str) -> Header<'_> {
    if let Some(found) = header(line).or_else(|| logged(line)) {
        return found;
    }
    let text = without_before(line);
    let start = line.len() - text.len();
    match text.split_once(": ") {
        Some((class, message))
            if class.starts_with(|c: char| c.is_ascii_uppercase())
                && class.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') =>
        {
            Header { class, code: "", message, start, bracketed: false }
        }
        _ => Header { start, ..Header::bare(text) },
    }
}

/// Reads one at the start of a line.
pub(super) fn header(line: &str) -> Option<Header<'_>> {
    let text = without_before(line);
    let inner = text.strip_prefix('[').filter(|rest| rest.contains(']')).unwrap_or(text);
    let bracketed = inner.len() < text.len();
    let length = inner
        .bytes()
        .take(120)
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'.'))
        .count();
    let (name, rest) = inner.split_at_checked(length)?;
    if !is_class(name) {
        return None;
    }
    let (class, code, message) = if let Some(message) = rest.strip_prefix(':') {
        (name, "", message)
    } else if let Some((bracket, message)) =
        rest.strip_prefix(" [").and_then(|rest| rest.split_once(']'))
    {
        let message = message.strip_prefix(':').unwrap_or(message);
        // `DOMException [TimeoutError]` has its name there, `Error [ERR_X]` its code.
        if is_class(bracket) { (bracket, "", message) } else { (name, bracket, message) }
    } else if rest.is_empty() || rest == "]" || rest == " {" {
        (name, "", "")
    } else {
        return None;
    };
    let message = message.trim().trim_end_matches('{').trim_end();
    let message = if bracketed { message.trim_end_matches(']') } else { message };
    Some(Header { class, code, message, start: line.len() - text.len(), bracketed })
}

/// One after a logger's words: `[fatal] PaymentError: card declined`, `error: job: Error: no`.
pub(super) fn logged(line: &str) -> Option<Header<'_>> {
    if line.len() > 4096 {
        return None;
    }
    let at = memchr::memchr_iter(b'E', line.as_bytes()).find(|at| {
        let rest = line.as_bytes().get(*at..).unwrap_or_default();
        rest.starts_with(b"Error") || rest.starts_with(b"Exception")
    })?;
    let before = line.get(..at)?;
    let start = before
        .rfind(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '.')))
        .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
    let rest = line.get(start..)?;
    if !before.is_empty() && start > 0 && !before.get(..start)?.ends_with([' ', '"', '[', ':']) {
        return None;
    }
    let found = header(rest)?;
    (!found.message.is_empty()).then_some(Header { start: start + found.start, ..found })
}

/// Names that end as errors do, or begin with a capital as classes do.
fn is_class(name: &str) -> bool {
    let last = name.rsplit(['.', '$']).next().unwrap_or(name);
    // `django.core.exceptions.ImproperlyConfigured`: packages in small letters say enough.
    let mut packages = name.split('.');
    packages.next_back();
    let qualified = name.bytes().filter(|byte| *byte == b'.').count() > 1
        && packages.all(|part| part.starts_with(|c: char| c.is_ascii_lowercase()));
    last.starts_with(|c: char| c.is_ascii_uppercase())
        && (qualified
            || last.ends_with("Error")
            || last.ends_with("Exception")
            || last.ends_with("Rejection")
            || last.ends_with("Failure")
            || last == "AssertionError")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_the_code_and_the_message_are_told_apart() {
        let read = |line| header(line).map(|found| (found.class, found.code, found.message));
        assert_eq!(read("TypeError: x: y"), Some(("TypeError", "", "x: y")));
        assert_eq!(read("Error [ERR_X]: y"), Some(("Error", "ERR_X", "y")));
        assert_eq!(read("DOMException [AbortError]: y"), Some(("AbortError", "", "y")));
        assert_eq!(read("[AggregateError: all] {"), Some(("AggregateError", "", "all")));
        assert_eq!(read("Uncaught (in promise) RangeError: y"), Some(("RangeError", "", "y")));
        assert_eq!(read("Errors were found: y"), None);
        assert_eq!(read("note: y"), None);
        let found = logged("[fatal] PayError: no").unwrap();
        assert_eq!(found.quote("[fatal] PayError: no"), "PayError: no");
        assert_eq!(logged("AssertionError is mentioned"), None);
    }
}
