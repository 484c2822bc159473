//! Secrets recognised by their shape alone.
//!
//! Every shape here is one that next to nothing else has: a fixed prefix and a length, or a fixed frame.
//! What matches becomes `[redacted:<kind>]`; around it, a URL keeps its user and host, and an
//! authorization header its scheme. Secrets without a shape of their own (most passwords) are not
//! recognised: name them in the paths to redact.
//!
//! A secret begins where no letter, digit, `_` or `-` stands before it; a terminal colour may.

use super::prefilter::{Needles, Prefilter};
use regex::bytes::Regex;
use std::ops::Range;
use std::sync::LazyLock;

/// One kind of secret.
#[derive(Debug)]
pub struct Shape {
    /// What stands in the replacement.
    pub kind: &'static str,
    /// Where the shape is documented.
    pub source: &'static str,
    /// What every secret of this kind contains.
    pub(super) needles: &'static [&'static str],
    /// Whether the needle begins the secret, so that no word may run into it.
    begins: bool,
    /// Whether what follows the needle in JSON text may belong to such a secret.
    plausible: fn(&[u8]) -> bool,
    confirm: Confirm,
}

#[derive(Debug)]
enum Confirm {
    /// A pattern for the text from the needle on; its first group is the secret.
    Pattern(&'static str),
    /// The secret around the needle `text[start..end]`.
    Code(fn(&[u8], Range<usize>) -> Option<Range<usize>>),
}

/// The shapes, in the order in which they are tried.
pub static SHAPES: &[Shape] = &[
    Shape {
        kind: "aws-access-key-id",
        source: "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html",
        needles: &["AKIA", "ASIA", "ABIA", "ACCA"],
        begins: true,
        plausible: |after| starts_with(after, 16, |b| matches!(b, b'A'..=b'Z' | b'0'..=b'9')),
        confirm: Confirm::Pattern("^(A[A-Z]{3}[A-Z0-9]{16})(?:[^A-Za-z0-9_]|$)"),
    },
    Shape {
        kind: "github-token",
        source: "https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/",
        needles: &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        begins: true,
        plausible: |after| starts_with(after, 36, |b| b.is_ascii_alphanumeric()),
        confirm: Confirm::Pattern("^(gh[pousr]_[A-Za-z0-9]{36,})"),
    },
    Shape {
        kind: "github-token",
        source: "https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github",
        needles: &["github_pat_"],
        begins: true,
        plausible: |after| starts_with(after, 22, is_word),
        confirm: Confirm::Pattern("^(github_pat_[A-Za-z0-9_]{22,})"),
    },
    Shape {
        kind: "anthropic-key",
        source: "https://docs.anthropic.com/en/api/overview",
        needles: &["sk-ant-"],
        begins: true,
        plausible: |after| starts_with(after, 16, is_token),
        confirm: Confirm::Pattern("^(sk-ant-[A-Za-z0-9_-]{16,})"),
    },
    Shape {
        kind: "openai-key",
        source: "https://platform.openai.com/docs/api-reference/authentication",
        needles: &["sk-proj-", "sk-svcacct-", "sk-admin-"],
        begins: true,
        plausible: |after| starts_with(after, 16, is_token),
        confirm: Confirm::Pattern("^(sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{16,})"),
    },
    Shape {
        kind: "openai-key",
        source: "https://platform.openai.com/docs/api-reference/authentication",
        needles: &["sk-"],
        begins: true,
        plausible: |after| starts_with(after, 32, |b| b.is_ascii_alphanumeric()),
        confirm: Confirm::Pattern("^(sk-[A-Za-z0-9]{32,})"),
    },
    Shape {
        kind: "slack-token",
        source: "https://docs.slack.dev/authentication/tokens",
        needles: &["xoxa-", "xoxb-", "xoxe-", "xoxp-", "xoxr-", "xoxs-"],
        begins: true,
        plausible: |after| starts_with(after, 10, is_token),
        confirm: Confirm::Pattern("^(xox[abeprs]-[A-Za-z0-9-]{10,})"),
    },
    Shape {
        kind: "google-api-key",
        source: "https://cloud.google.com/docs/authentication/api-keys",
        needles: &["AIza"],
        begins: true,
        plausible: |after| starts_with(after, 35, is_token),
        confirm: Confirm::Pattern("^(AIza[A-Za-z0-9_-]{35})(?:[^A-Za-z0-9_-]|$)"),
    },
    Shape {
        kind: "npm-token",
        source: "https://github.blog/changelog/2021-09-23-npm-has-a-new-access-token-format/",
        needles: &["npm_"],
        begins: true,
        plausible: |after| starts_with(after, 36, |b| b.is_ascii_alphanumeric()),
        confirm: Confirm::Pattern("^(npm_[A-Za-z0-9]{36})(?:[^A-Za-z0-9_]|$)"),
    },
    Shape {
        kind: "stripe-key",
        source: "https://docs.stripe.com/keys",
        needles: &["sk_live_", "rk_live_"],
        begins: true,
        plausible: |after| starts_with(after, 16, |b| b.is_ascii_alphanumeric()),
        confirm: Confirm::Pattern("^([rs]k_live_[A-Za-z0-9]{16,})"),
    },
    Shape {
        kind: "jwt",
        source: "https://www.rfc-editor.org/rfc/rfc7519#section-3.1",
        needles: &["eyJ"],
        begins: true,
        plausible: |after| starts_with(after, 10, is_token),
        confirm: Confirm::Pattern(
            r"^(eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*)",
        ),
    },
    Shape {
        kind: "private-key",
        source: "https://www.rfc-editor.org/rfc/rfc7468",
        needles: &["-----BEGIN "],
        begins: false,
        plausible: |after| memchr::memmem::find(head(after, 64), b"PRIVATE KEY").is_some(),
        confirm: Confirm::Code(private_key),
    },
    Shape {
        kind: "url-password",
        source: "https://www.rfc-editor.org/rfc/rfc3986#section-3.2.1",
        needles: &["://"],
        begins: false,
        plausible: |after| url_password(after).is_some(),
        confirm: Confirm::Code(|text, needle| {
            let password = url_password(text.get(needle.end..)?)?;
            Some(needle.end + password.start..needle.end + password.end)
        }),
    },
    Shape {
        kind: "credentials",
        source: "https://www.rfc-editor.org/rfc/rfc6750#section-2.1",
        needles: &["Bearer ", "bearer ", "BEARER ", "Basic ", "basic ", "BASIC "],
        begins: true,
        plausible: |after| starts_with(after, 6, is_credential),
        confirm: Confirm::Code(credentials),
    },
];

static PATTERNS: LazyLock<Vec<Option<Regex>>> = LazyLock::new(|| {
    let compile = |shape: &Shape| match shape.confirm {
        Confirm::Pattern(pattern) => Regex::new(&format!("(?-u){pattern}")).ok(),
        Confirm::Code(_) => None,
    };
    SHAPES.iter().map(compile).collect()
});

impl Shape {
    /// Whether a needle found at `start..end` of JSON text deserves a closer look. Cheap: it keeps
    /// identifiers and plain URLs on the fast path.
    pub(super) fn is_plausible(&self, json: &[u8], start: usize, end: usize) -> bool {
        let free = !self.begins || is_free(json, start) || follows_escape(json, start);
        free && (self.plausible)(json.get(end..).unwrap_or_default())
    }
}

/// The secret of the shape `SHAPES[index]` whose needle is at `needle` of plain text.
pub(super) fn confirm(index: usize, text: &[u8], needle: Range<usize>) -> Option<Range<usize>> {
    let shape = SHAPES.get(index)?;
    if shape.begins && !is_free(text, needle.start) {
        return None;
    }
    match shape.confirm {
        Confirm::Code(code) => code(text, needle),
        Confirm::Pattern(_) => {
            let pattern = PATTERNS.get(index)?.as_ref()?;
            let group = pattern.captures(text.get(needle.start..)?)?.get(1)?;
            Some(needle.start + group.start()..needle.start + group.end())
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_token(byte: u8) -> bool {
    is_word(byte) || byte == b'-'
}

/// The characters of a `token68` (RFC 9110, section 11.2).
fn is_credential(byte: u8) -> bool {
    is_token(byte) || matches!(byte, b'.' | b'~' | b'+' | b'/' | b'=')
}

fn starts_with(text: &[u8], count: usize, class: impl Fn(u8) -> bool) -> bool {
    text.get(..count).is_some_and(|head| head.iter().all(|&byte| class(byte)))
}

fn head(text: &[u8], len: usize) -> &[u8] {
    text.get(..len).unwrap_or(text)
}

/// Whether a secret may begin at `at`: no word runs into it, unless it is a terminal colour.
fn is_free(text: &[u8], at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    match before.last() {
        Some(&byte) if !is_token(byte) => true,
        Some(b'm') => {
            let parameters = before.iter().rev().skip(1).take(24);
            let mut rest = parameters.skip_while(|byte| matches!(byte, b'0'..=b'9' | b';'));
            rest.next() == Some(&b'[')
        }
        Some(_) => false,
        None => true,
    }
}

/// Whether what stands before `at` in JSON text is, or may be, an escape.
fn follows_escape(json: &[u8], at: usize) -> bool {
    let back = |distance: usize| at.checked_sub(distance).and_then(|before| json.get(before));
    back(2) == Some(&b'\\') || (back(6) == Some(&b'\\') && back(5) == Some(&b'u'))
}

/// The password in `user:password@`, given what follows `://`. A password may hold an unescaped `@`,
/// but no `/`, `?` or `#`, which would end the authority.
fn url_password(after: &[u8]) -> Option<Range<usize>> {
    let ends = |byte: &u8| {
        byte.is_ascii_whitespace()
            || byte.is_ascii_control()
            || matches!(byte, b'/' | b'?' | b'#' | b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\')
    };
    let authority = after.get(..after.iter().position(ends).unwrap_or(after.len()))?;
    let at_sign = memchr::memrchr(b'@', authority)?;
    let colon = memchr::memchr(b':', authority.get(..at_sign)?)?;
    let password = colon + 1..at_sign;
    let text = authority.get(password.clone())?;
    (!text.is_empty() && !text.starts_with(b"[redacted")).then_some(password)
}

/// A private key from its first line to its last, or as far as it goes when it was cut.
fn private_key(text: &[u8], needle: Range<usize>) -> Option<Range<usize>> {
    static BEGIN: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new("(?-u)^-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----").ok()
    });
    static END: LazyLock<Option<Regex>> = LazyLock::new(|| {
        Regex::new("(?-u)^-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----").ok()
    });
    let body = needle.start + BEGIN.as_ref()?.find(text.get(needle.start..)?)?.end();
    let rest = text.get(body..)?;
    let dashes = memchr::memmem::find(rest, b"-----").unwrap_or(rest.len());
    if let Some(end) = END.as_ref()?.find(rest.get(dashes..)?) {
        return Some(needle.start..body + dashes + end.end());
    }
    // Without its end, only what looks like key material: lines of base64, however they are broken.
    let material = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'\\' | b'\r' | b'\n')
    };
    let length = rest.iter().take_while(|byte| material(byte)).count();
    (length >= 40).then_some(needle.start..body + length)
}

/// The credentials of an authorization header. Behind `Bearer` alone, they must look random.
fn credentials(text: &[u8], needle: Range<usize>) -> Option<Range<usize>> {
    let token = text.get(needle.end..)?;
    let length = token.iter().take_while(|&&byte| is_credential(byte)).count();
    let token = token.get(..length)?;
    let secret = needle.end..needle.end + length;
    let header = text.get(needle.start.saturating_sub(24)..needle.start)?;
    if length >= 6 && memchr::memmem::find(header, b"uthorization").is_some() {
        return Some(secret);
    }
    let bearer =
        text.get(needle.start + 1) == Some(&b'e') || text.get(needle.start + 1) == Some(&b'E');
    let random = length >= 20 && token.iter().any(u8::is_ascii_digit);
    (bearer && random).then_some(secret)
}

/// `text` without its secrets, and how many there were; `None` when there are none.
pub(super) fn redact(text: &str, finder: &Prefilter) -> Option<(String, u32)> {
    let mut clean = String::new();
    let mut count = 0;
    let (mut copied, mut from) = (0, 0);
    let mut needles = Needles::new(finder, text);
    while let Some((needle, index)) = needles.next(from) {
        from = needle.end;
        let Some(secret) = confirm(index, text.as_bytes(), needle) else { continue };
        let (Some(kept), Some(shape)) = (text.get(copied..secret.start), SHAPES.get(index)) else {
            continue;
        };
        clean.push_str(kept);
        clean.push_str("[redacted:");
        clean.push_str(shape.kind);
        clean.push(']');
        count += 1;
        copied = secret.end;
        from = from.max(secret.end);
    }
    clean.push_str(text.get(copied..)?);
    (count > 0).then_some((clean, count))
}
