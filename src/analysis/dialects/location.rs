//! Places in sources as tools write them: `path:line:column: rest` and `path(line,column): rest`.

/// A place, and what follows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place<'t> {
    pub(super) file: &'t str,
    /// From 1; 0 when there is none.
    pub(super) line: u32,
    /// From 1; 0 when there is none.
    pub(super) column: u32,
    /// What follows, without the colon and blanks between.
    pub(super) rest: &'t str,
}

/// `path:line:column: rest` or `path:line: rest`, as compilers and linters print it (GNU Coding
/// Standards 4.4). Paths may have blanks and a drive letter.
pub(super) fn colons(line: &str) -> Option<Place<'_>> {
    let mut from = drive(line);
    loop {
        let at = from + memchr::memchr(b':', &line.as_bytes()[from..])?;
        let after = &line[at + 1..];
        if let Some((number, rest)) = number(after)
            && at > 0
        {
            let file = &line[..at];
            if let Some(column) = rest.strip_prefix(':') {
                if let Some((column, rest)) = self::number(column) {
                    return Some(Place { file, line: number, column, rest: end(rest)? });
                }
                return Some(Place { file, line: number, column: 0, rest: column.trim_start() });
            }
            return None;
        }
        from = at + 1;
    }
}

/// `path(line,column): rest` or `path(line): rest`, as TypeScript and Microsoft's tools print it.
pub(super) fn parentheses(line: &str) -> Option<Place<'_>> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr(b'(', &line.as_bytes()[from..])?;
        if let Some((number, rest)) = number(&line[at + 1..])
            && at > 0
        {
            let (column, rest) = match rest.strip_prefix(',') {
                Some(column) => self::number(column)?,
                None => (0, rest),
            };
            if let Some(rest) = rest.strip_prefix("):").or_else(|| rest.strip_prefix(") :")) {
                return Some(Place {
                    file: &line[..at],
                    line: number,
                    column,
                    rest: rest.trim_start(),
                });
            }
        }
        from = at + 1;
    }
}

/// A text that is nothing but a place: `path:line:column` or `path:line`, as stack frames end.
pub(super) fn whole(text: &str) -> Option<Place<'_>> {
    let (rest, last) = text.rsplit_once(':')?;
    let last: u32 = last.parse().ok()?;
    if let Some((file, line)) = rest.rsplit_once(':')
        && let Ok(line) = line.parse()
        && !file.is_empty()
    {
        return Some(Place { file, line, column: last, rest: "" });
    }
    (!rest.is_empty()).then_some(Place { file: rest, line: last, column: 0, rest: "" })
}

/// A number, and what follows it.
pub(super) fn number(text: &str) -> Option<(u32, &str)> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    let value = text[..length].parse().ok()?;
    Some((value, &text[length..]))
}

fn drive(line: &str) -> usize {
    let bytes = line.as_bytes();
    if bytes.len() > 2
        && bytes[0].is_ascii_alphabetic()
        && bytes[1] == b':'
        && (bytes[2] == b'\\' || bytes[2] == b'/')
    {
        2
    } else {
        0
    }
}

fn end(rest: &str) -> Option<&str> {
    match rest.strip_prefix(':') {
        Some(rest) => Some(rest.trim_start()),
        None if rest.is_empty() => Some(rest),
        None => rest.strip_prefix(' ').or_else(|| rest.strip_prefix("- ")).map(str::trim_start),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_with_and_without_column() {
        let place = |file, line, column, rest| Some(Place { file, line, column, rest });
        assert_eq!(colons("a b/c.py:3:14: F401 x: y"), place("a b/c.py", 3, 14, "F401 x: y"));
        assert_eq!(colons("c.c:3: error: x"), place("c.c", 3, 0, "error: x"));
        assert_eq!(colons(r"C:\a\b.py:3:1: E1"), place(r"C:\a\b.py", 3, 1, "E1"));
        assert_eq!(colons("src/a.ts:10:5 - error TS1"), place("src/a.ts", 10, 5, "- error TS1"));
        assert_eq!(colons("note: 3:4"), None);
        assert_eq!(colons(""), None);
        assert_eq!(
            parentheses("src/a(1).ts(3,4): error TS1: x"),
            place("src/a(1).ts", 3, 4, "error TS1: x")
        );
        assert_eq!(parentheses("f(3)"), None);
        assert_eq!(whole(r"C:\a.go:7"), place(r"C:\a.go", 7, 0, ""));
        assert_eq!(whole("/a/b.rs:4:15"), place("/a/b.rs", 4, 15, ""));
        assert_eq!(whole("a:b"), None);
    }
}
