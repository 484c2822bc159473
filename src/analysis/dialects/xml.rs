//! Elements of XML as reports have them, wherever lines end.

/// The known elements of a line, each from after its `<` to where the next known one begins: however many
/// there are, the line is read once. `known` is given the text after a `<` and looks at its beginning alone.
pub(super) fn elements(line: &str, known: fn(&str) -> bool) -> impl Iterator<Item = &str> {
    let mut starts = memchr::memchr_iter(b'<', line.as_bytes())
        .map(|at| at + 1)
        .filter(move |start| known(&line[*start..]))
        .peekable();
    std::iter::from_fn(move || {
        let start = starts.next()?;
        let end = starts.peek().map_or(line.len(), |next| next - 1);
        Some(&line[start..end])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_ends_where_the_next_known_one_begins() {
        let known = |text: &str| text.starts_with("a ");
        let found: Vec<&str> = elements("x<a 1=\"<b>\"/><b><a 2><", known).collect();
        assert_eq!(found, ["a 1=\"<b>\"/><b>", "a 2><"]);
        assert_eq!(elements("no element", known).count(), 0);
    }
}
