#![allow(missing_docs)]
#[derive(Debug, Clone)]
pub struct Redaction;
#[derive(Debug)]
pub struct InvalidPath;
impl Redaction {
    pub fn new(_: &[String], _: bool) -> Result<Redaction, InvalidPath> {
        Ok(Redaction)
    }
}
pub struct Sanitizer {
    errors: Vec<ErrorText>,
}
#[derive(Debug)]
pub struct Malformed;
pub struct ErrorText {
    pub hash: [u8; 16],
}
pub struct Sanitized<'a> {
    pub body: &'a [u8],
    pub errors: &'a [ErrorText],
    pub truncated: u32,
    pub redacted: u32,
}
impl Sanitizer {
    pub fn new(_: usize, _: Redaction) -> Self {
        Sanitizer { errors: vec![] }
    }
    pub fn sanitize<'a>(
        &'a mut self,
        json: &'a [u8],
        _m: bool,
    ) -> Result<Sanitized<'a>, Malformed> {
        self.errors.clear();
        if json.windows(8).any(|w| w == b"\"error\":") {
            use sha2::Digest;
            let h = format!("{:x?}", sha2::Sha256::digest(json));
            let mut x = [b'0'; 16];
            x.copy_from_slice(
                &h.as_bytes()[1..17]
                    .iter()
                    .map(|b| if b.is_ascii_hexdigit() { *b } else { b'0' })
                    .collect::<Vec<_>>(),
            );
            self.errors.push(ErrorText { hash: x });
        }
        Ok(Sanitized { body: json, errors: &self.errors, truncated: 0, redacted: 0 })
    }
}
impl Sanitized<'_> {
    pub fn primary_hash(&self) -> Option<[u8; 16]> {
        self.errors.first().map(|e| e.hash)
    }
    pub fn without_error_text(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.body)
    }
}
impl std::fmt::Display for InvalidPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "bad")
    }
}
