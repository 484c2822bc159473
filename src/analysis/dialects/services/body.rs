//! Bodies of answers: JSON (RFC 8259), and the way Python prints the same (`{'a': None}`), whole or cut
//! off. Read is a bounded list of fields by their path; arrays add nothing to a path.

/// Fields read of one body.
const MAX_FIELDS: usize = 120;
/// Objects and arrays within each other.
const MAX_DEPTH: usize = 8;
/// Bytes of one text.
const MAX_TEXT: usize = 4096;

/// A body's fields in order.
#[derive(Debug, Default)]
pub(super) struct Body {
    fields: Vec<Field>,
    /// Bytes of the text that were read.
    pub(super) length: usize,
}

#[derive(Debug)]
struct Field {
    path: String,
    value: String,
    /// Where its value ends in the text.
    end: usize,
    text: bool,
    /// Whether it is an object or an array.
    inner: bool,
}

impl Body {
    /// Reads the object a text begins with.
    pub(super) fn read(text: &str) -> Option<Body> {
        let mut reader = Reader { bytes: text.as_bytes(), text, at: 0, fields: Vec::new() };
        if reader.bytes.first() != Some(&b'{') {
            return None;
        }
        reader.value("", 0);
        (!reader.fields.is_empty()).then_some(Body { fields: reader.fields, length: reader.at })
    }

    fn field(&self, path: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.path == path)
    }

    /// A text that is not empty.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        let field = self.field(path)?;
        (field.text && !field.value.is_empty()).then_some(field.value.as_str())
    }

    /// A number, also one written as a text.
    pub(super) fn number(&self, path: &str) -> Option<f64> {
        self.field(path)?.value.parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// Whether there is such a field, whatever it is.
    pub(super) fn has(&self, path: &str) -> bool {
        self.field(path).is_some()
    }

    /// Whether it is an object or an array.
    pub(super) fn is_inner(&self, path: &str) -> bool {
        self.field(path).is_some_and(|field| field.inner)
    }

    /// Where the value of a field ends in the text that was read.
    pub(super) fn end_of(&self, path: &str) -> Option<usize> {
        self.field(path).map(|field| field.end)
    }

    /// Names of the outermost fields.
    pub(super) fn outer(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| field.path.as_str()).filter(|path| !path.contains('.'))
    }

    /// The first text under a name at any depth.
    pub(super) fn text_named(&self, name: &str) -> Option<&str> {
        let named = |field: &&Field| field.path.rsplit('.').next() == Some(name) && field.text;
        self.fields.iter().find(named).map(|field| field.value.as_str())
    }

    /// The first number under a name at any depth.
    pub(super) fn number_named(&self, name: &str) -> Option<f64> {
        let named = |field: &&Field| field.path.rsplit('.').next() == Some(name);
        self.fields.iter().find(named)?.value.parse().ok()
    }
}

struct Reader<'t> {
    bytes: &'t [u8],
    text: &'t str,
    at: usize,
    fields: Vec<Field>,
}

impl Reader<'_> {
    fn peek(&mut self) -> Option<u8> {
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }

    /// Reads a value; `false` when nothing sensible follows.
    fn value(&mut self, path: &str, depth: usize) -> bool {
        let Some(first) = self.peek() else { return false };
        match first {
            b'{' | b'[' => {
                if !path.is_empty() {
                    self.push(path, String::new(), false, true);
                }
                self.at += 1;
                depth < MAX_DEPTH && self.inner(path, depth, first == b'{')
            }
            b'"' | b'\'' => {
                let Some(value) = self.string(first) else { return false };
                self.push(path, value, true, false);
                true
            }
            _ => {
                let start = self.at;
                while self.bytes.get(self.at).is_some_and(|byte| !b",]} \n\t:".contains(byte)) {
                    self.at += 1;
                }
                let word = self.text.get(start..self.at).unwrap_or_default();
                if word.is_empty() || word.len() > 64 {
                    return false;
                }
                let word = word.to_owned();
                self.push(path, word, false, false);
                true
            }
        }
    }

    fn inner(&mut self, path: &str, depth: usize, named: bool) -> bool {
        loop {
            match self.peek() {
                None => return false,
                Some(b'}' | b']') => {
                    self.at += 1;
                    return true;
                }
                Some(b',') => {
                    self.at += 1;
                    continue;
                }
                Some(_) => {}
            }
            if self.fields.len() >= MAX_FIELDS {
                return false;
            }
            if !named {
                if !self.value(path, depth + 1) {
                    return false;
                }
                continue;
            }
            let Some(quote @ (b'"' | b'\'')) = self.peek() else { return false };
            let Some(name) = self.string(quote) else { return false };
            if self.peek() != Some(b':') {
                return false;
            }
            self.at += 1;
            let path = if path.is_empty() { name } else { format!("{path}.{name}") };
            if path.len() > 200 || !self.value(&path, depth + 1) {
                return false;
            }
        }
    }

    /// A text between quotation marks; of one that is cut off, what there is.
    fn string(&mut self, quote: u8) -> Option<String> {
        self.at += 1;
        let mut out = String::new();
        let mut rest = self.text.get(self.at..)?.chars();
        while let Some(character) = rest.next() {
            match character {
                _ if character == char::from(quote) => {
                    self.at = self.text.len() - rest.as_str().len();
                    return Some(out);
                }
                '\\' => out.push(escaped(&mut rest)?),
                other => out.push(other),
            }
            if out.len() > MAX_TEXT {
                return None;
            }
        }
        self.at = self.text.len();
        Some(out)
    }

    fn push(&mut self, path: &str, value: String, text: bool, inner: bool) {
        let path = path.to_owned();
        self.fields.push(Field { path, value, end: self.at, text, inner });
    }
}

/// What follows a backslash. Line ends become blanks: what is quoted is one line.
fn escaped(rest: &mut std::str::Chars<'_>) -> Option<char> {
    Some(match rest.next()? {
        'n' | 'r' | 't' => ' ',
        'u' => {
            let digits: String = rest.clone().take(4).collect();
            match u32::from_str_radix(&digits, 16) {
                Ok(code) => {
                    rest.nth(3);
                    char::from_u32(code).filter(|found| !found.is_control()).unwrap_or('\u{fffd}')
                }
                Err(_) => '\u{fffd}',
            }
        }
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_and_python_s_way_of_it_are_read_even_cut() {
        let body = Body::read(r#"{"a": {"b": "x\u0041\"y", "n": 4.5}, "c": null} rest"#).unwrap();
        assert_eq!((body.text("a.b"), body.number("a.n")), (Some("xA\"y"), Some(4.5)));
        assert!(body.has("c") && body.text("c").is_none() && body.is_inner("a"));
        let body = Body::read("{'error': {'message': \"it's\", 'param': None}}").unwrap();
        assert_eq!(body.text("error.message"), Some("it's"));
        let body = Body::read(r#"{"error":{"message":"cut of"#).unwrap();
        assert_eq!(body.text("error.message"), Some("cut of"));
        assert!(Body::read("{").is_none() && Body::read("{x}").is_none());
    }
}
