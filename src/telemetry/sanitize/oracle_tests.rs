//! Sanitising compared with the same rules written down over a tree.

use super::condense::condense;
use super::*;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

const LIMIT: usize = 40;
const MARK: &str = "\u{0}plimsoll:error";
const PATHS: [&str; 4] = ["password", "a.*", "items[1].x", "**.secret"];

/// Whether one of [`PATHS`] leads to `place`.
fn is_redacted(place: &[String]) -> bool {
    match place {
        [only] if only == "password" => true,
        [first, _] if first == "a" => true,
        [first, second, third] if first == "items" && second == "1" && third == "x" => true,
        _ => place.last().is_some_and(|key| key == "secret"),
    }
}

struct Oracle {
    marked: bool,
    redact: bool,
    errors: usize,
    truncated: u32,
    redacted: u32,
}

/// What becomes of a value: in the body, and in the body without error texts.
type Both = (Value, Value);

impl Oracle {
    fn shown(&mut self, text: &str) -> (Value, bool) {
        match condense(text, LIMIT) {
            std::borrow::Cow::Owned(short) => {
                self.truncated += 1;
                (json!(short), true)
            }
            std::borrow::Cow::Borrowed(text) => (json!(text), false),
        }
    }

    fn value(
        &mut self,
        value: &Value,
        place: &[String],
        plain: bool,
        record: bool,
    ) -> (Both, bool) {
        let same = |value: Value| ((value.clone(), value), false);
        match value {
            Value::Array(items) => {
                let (mut body, mut reduced, mut shortened) = (vec![], vec![], false);
                for (index, item) in items.iter().enumerate() {
                    let place = [place, &[index.to_string()]].concat();
                    let (both, short) = self.member(item, &place, false, record);
                    body.push(both.0);
                    reduced.push(both.1);
                    shortened |= short;
                }
                ((Value::Array(body), Value::Array(reduced)), shortened)
            }
            Value::Object(map) => self.object(value, map, place, plain, record),
            other => same(other.clone()),
        }
    }

    fn member(
        &mut self,
        value: &Value,
        place: &[String],
        plain: bool,
        record: bool,
    ) -> (Both, bool) {
        if self.redact && is_redacted(place) {
            self.redacted += 1;
            return ((json!("[redacted]"), json!("[redacted]")), false);
        }
        self.value(value, place, plain, record)
    }

    fn is_record(&self, map: &Map<String, Value>) -> bool {
        self.marked && map.get(MARK) == Some(&json!(1))
    }

    fn object(
        &mut self,
        whole: &Value,
        map: &Map<String, Value>,
        place: &[String],
        plain: bool,
        inside_record: bool,
    ) -> (Both, bool) {
        let record = self.is_record(map);
        let in_record = record || inside_record;
        let (mut body, mut reduced, mut shortened) = (Map::new(), Map::new(), false);
        for (key, value) in map {
            if (record && key == MARK) || (plain && value.is_null()) {
                continue;
            }
            let place = [place, std::slice::from_ref(key)].concat();
            let redacted = self.redact && is_redacted(&place);
            let text = record && ["message", "stack", "cause"].contains(&key.as_str());
            let ((mut kept, mut without), short) = match value {
                Value::String(text_value) if text && !redacted => {
                    let (shown, short) = self.shown(text_value);
                    ((shown.clone(), shown), short)
                }
                _ => self.member(value, &place, plain, in_record),
            };
            shortened |= short && in_record;
            let hash_key = match key.as_str() {
                "error" => "errorHash",
                "telemetry.meta.error" => "telemetry.meta.errorHash",
                _ => {
                    body.entry(key.clone()).or_insert(kept);
                    reduced.entry(key.clone()).or_insert(without);
                    continue;
                }
            };
            let found = match value {
                _ if redacted => None,
                Value::String(text) if plain => {
                    let (shown, short) = self.shown(text);
                    (kept, without) = (shown.clone(), shown);
                    Some((hash_of(text.as_bytes()), short))
                }
                Value::Object(inner) if self.is_record(inner) && !in_record => {
                    Some((hash_of(value.to_string().as_bytes()), short))
                }
                _ => None,
            };
            let Some((hash, short)) = found else {
                body.insert(key.clone(), kept);
                reduced.insert(key.clone(), without);
                continue;
            };
            let hash = json!(hex(&hash));
            self.errors += usize::from(!in_record);
            let theirs = map.get(hash_key).filter(|theirs| !(plain && theirs.is_null()));
            if short {
                body.insert(hash_key.to_owned(), hash.clone());
            }
            body.insert(key.clone(), kept.clone());
            if in_record {
                if short {
                    reduced.insert(hash_key.to_owned(), hash);
                }
                reduced.insert(key.clone(), without);
            } else if short || theirs.is_none() {
                reduced.insert(hash_key.to_owned(), hash);
            } else if theirs != Some(&hash) {
                let whole = if value.is_object() { kept } else { without };
                reduced.insert(key.clone(), whole);
            }
        }
        if record && !inside_record {
            let hash = json!(hex(&hash_of(whole.to_string().as_bytes())));
            let under_error =
                place.last().is_some_and(|key| key == "error" || key == "telemetry.meta.error");
            if !under_error {
                self.errors += 1;
                let own = map.get("error").is_some_and(|own| {
                    plain && own.as_str().is_some_and(|own| condense(own, LIMIT).len() != own.len())
                });
                if shortened && !own {
                    body.insert("errorHash".to_owned(), hash.clone());
                }
            }
            return ((Value::Object(body), json!({ "errorHash": hash })), shortened);
        }
        ((Value::Object(body), Value::Object(reduced)), shortened && in_record)
    }
}

fn hex(hash: &ErrorHash) -> String {
    String::from_utf8(hash.to_vec()).unwrap()
}

fn key() -> impl Strategy<Value = String> {
    const KNOWN: [&str; 17] = [
        "a",
        "x",
        "error",
        "errorHash",
        "telemetry",
        "meta",
        "telemetry.meta.error",
        "telemetry.meta.errorHash",
        "password",
        "items",
        "secret",
        "message",
        "stack",
        "cause",
        MARK,
        "__proto__",
        "quote\"d",
    ];
    prop_oneof![8 => proptest::sample::select(&KNOWN[..]).prop_map(str::to_owned), 1 => "\\PC{1,6}"]
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!(1)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,60}".prop_map(Value::from),
        "[a-z\n\"\\\\\u{0}😀é]{30,90}".prop_map(Value::from),
        Just(json!("same")),
        Just(json!(hex(&hash_of(b"same")))),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    leaf().prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            1 => proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            3 => proptest::collection::btree_map(key(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn sanitizer(redact: bool) -> Sanitizer {
    let paths = PATHS.map(str::to_owned);
    let redaction = Redaction::new(if redact { &paths } else { &[] }, true).unwrap();
    Sanitizer::new(LIMIT, redaction)
}

/// Body, body without error texts, number of errors, truncated, redacted.
type Outcome = (Vec<u8>, Vec<u8>, usize, u32, u32);

fn outcome(result: Result<Sanitized<'_>, Malformed>) -> Outcome {
    let sanitized = result.unwrap();
    let mut reduced = Vec::new();
    sanitized.without_error_text(&mut reduced);
    let Sanitized { errors, truncated, redacted, .. } = sanitized;
    assert_eq!(sanitized.primary_hash().is_some(), !errors.is_empty());
    (sanitized.body.to_vec(), reduced, errors.len(), truncated, redacted)
}

proptest! {
    #[test]
    fn every_entry_becomes_what_the_rules_say(
        data in tree(), marked in any::<bool>(), redact in any::<bool>()
    ) {
        let text = data.to_string();
        let mut oracle = Oracle { marked, redact, errors: 0, truncated: 0, redacted: 0 };
        let ((body, reduced), _) = oracle.value(&data, &[], true, false);
        let mut sanitizer = sanitizer(redact);
        let fast = outcome(sanitizer.sanitize(text.as_bytes(), marked));
        prop_assert_eq!(serde_json::from_slice::<Value>(&fast.0).unwrap(), body);
        prop_assert_eq!(serde_json::from_slice::<Value>(&fast.1).unwrap(), reduced);
        prop_assert_eq!((fast.2, fast.3, fast.4), (oracle.errors, oracle.truncated, oracle.redacted));
        let careful = outcome(sanitizer.sanitize_untrusted(text.as_bytes(), marked));
        prop_assert_eq!(fast, careful);
    }

    #[test]
    fn white_space_changes_nothing(data in tree(), redact in any::<bool>()) {
        let mut sanitizer = sanitizer(redact);
        let read = |outcome: Outcome| -> (Value, Value) {
            (serde_json::from_slice(&outcome.0).unwrap(), serde_json::from_slice(&outcome.1).unwrap())
        };
        let compact = outcome(sanitizer.sanitize(data.to_string().as_bytes(), false));
        let pretty = serde_json::to_string_pretty(&data).unwrap();
        let pretty = outcome(sanitizer.sanitize_untrusted(pretty.as_bytes(), false));
        prop_assert_eq!(read(compact), read(pretty));
    }

    #[test]
    fn what_is_sanitised_stays_as_it_is(data in tree(), redact in any::<bool>()) {
        let mut sanitizer = sanitizer(redact);
        let once = outcome(sanitizer.sanitize(data.to_string().as_bytes(), false));
        let twice = outcome(sanitizer.sanitize(&once.0, false));
        prop_assert_eq!(once.0, twice.0);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), marked: bool) {
        let mut sanitizer = sanitizer(true);
        for untrusted in [false, true] {
            let result = if untrusted {
                sanitizer.sanitize_untrusted(&bytes, marked)
            } else {
                sanitizer.sanitize(&bytes, marked)
            };
            if let Ok(sanitized) = result {
                sanitized.without_error_text(&mut Vec::new());
            }
        }
    }

    #[test]
    fn damaged_text_is_judged_as_a_parser_does(
        data in tree(),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3), 1..4),
    ) {
        let mut text = data.to_string().into_bytes();
        for (index, byte, kind) in damage {
            let at = index.index(text.len().max(1));
            match kind {
                0 if at < text.len() => text[at] = byte,
                1 if at < text.len() => drop(text.remove(at)),
                _ => text.insert(at.min(text.len()), b"{}[]\",:\\u0n1-.eE"[usize::from(byte) % 16]),
            }
        }
        let mut sanitizer = sanitizer(true);
        let accepted = sanitizer.sanitize_untrusted(&text, true).is_ok();
        if serde_json::from_slice::<Value>(&text).is_ok() {
            prop_assert!(accepted);
        }
        if accepted {
            let (body, reduced, ..) = outcome(sanitizer.sanitize_untrusted(&text, true));
            prop_assert!(sanitizer.sanitize_untrusted(&body, false).is_ok());
            prop_assert!(sanitizer.sanitize_untrusted(&reduced, false).is_ok());
        }
    }
}
