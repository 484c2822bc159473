//! The rules of sanitising, one sentence each.

use super::*;
use serde_json::{Value, json};

fn sanitizer(limit: usize, paths: &[&str]) -> Sanitizer {
    let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
    Sanitizer::new(limit, Redaction::new(&paths, true).unwrap())
}

/// The body, the body without error texts, and the errors' hashes.
fn run(sanitizer: &mut Sanitizer, text: &str, marked: bool) -> (String, String, Vec<String>) {
    let sanitized = sanitizer.sanitize(text.as_bytes(), marked).unwrap();
    let mut reduced = Vec::new();
    sanitized.without_error_text(&mut reduced);
    let hashes = sanitized.errors.iter().map(|error| hex(&error.hash)).collect();
    let body = String::from_utf8(sanitized.body.to_vec()).unwrap();
    let reduced = String::from_utf8(reduced).unwrap();
    for text in [&body, &reduced] {
        serde_json::from_str::<Value>(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    }
    (body, reduced, hashes)
}

fn body(text: &str) -> String {
    run(&mut sanitizer(20, &[]), text, false).0
}

fn hex(hash: &ErrorHash) -> String {
    String::from_utf8(hash.to_vec()).unwrap()
}

fn sha(text: &str) -> String {
    hex(&hash_of(text.as_bytes()))
}

#[test]
fn the_hash_is_the_start_of_the_sha256() {
    // printf hello | sha256sum
    assert_eq!(sha("hello"), "2cf24dba5fb0a30e");
}

#[test]
fn nothing_to_change_is_not_copied() {
    let text =
        br#"{"phase":"build","task":17,"note":"null is a word, so is error","level":"error"}"#;
    let mut sanitizer = sanitizer(20, &["password"]);
    let sanitized = sanitizer.sanitize(text, false).unwrap();
    assert!(std::ptr::eq(sanitized.body, text));
    let checked = sanitizer.sanitize_untrusted(text, false).unwrap();
    assert!(std::ptr::eq(checked.body, text));
}

#[test]
fn nulls_are_left_out_of_objects_at_any_depth() {
    for (text, expected) in [
        (r#"{"a":null}"#, r#"{}"#),
        (r#"{"a":null,"b":null}"#, r#"{}"#),
        (r#"{"a":null,"b":1}"#, r#"{"b":1}"#),
        (r#"{"a":1,"b":null}"#, r#"{"a":1}"#),
        (r#"{"a":1,"b":null,"c":null,"d":2}"#, r#"{"a":1,"d":2}"#),
        (r#"{"a":null,"b":null,"c":{"d":null},"e":null}"#, r#"{"c":{}}"#),
        (r#"{"error":null}"#, r#"{}"#),
        (r#"null"#, r#"null"#),
    ] {
        assert_eq!(body(text), expected, "{text}");
    }
}

#[test]
fn arrays_pass_through_unchanged() {
    let text = r#"{"a":[null,{"b":null,"error":"a text of more than twenty characters"},[null]]}"#;
    assert_eq!(body(text), text);
    let (_, _, hashes) = run(&mut sanitizer(20, &[]), text, false);
    assert!(hashes.is_empty());
}

#[test]
fn a_long_error_is_shortened_and_its_hash_set_beside_it() {
    let long = "x".repeat(600);
    let text = json!({ "a": { "error": long, "z": 1 } }).to_string();
    let (body, reduced, hashes) = run(&mut sanitizer(500, &[]), &text, false);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["a"]["errorHash"], sha(&long));
    let error = body["a"]["error"].as_str().unwrap();
    assert_eq!(error.len(), 500);
    assert!(error.contains("...[117 chars]..."), "{error}");
    assert_eq!(reduced, format!(r#"{{"a":{{"errorHash":"{}","z":1}}}}"#, sha(&long)));
    assert_eq!(hashes, [sha(&long)]);
}

#[test]
fn the_dotted_key_has_a_dotted_hash() {
    let long = "y".repeat(30);
    let (body, reduced, _) =
        run(&mut sanitizer(20, &[]), &format!(r#"{{"telemetry.meta.error":"{long}"}}"#), false);
    let hash = sha(&long);
    assert!(body.ends_with(&format!(r#","telemetry.meta.errorHash":"{hash}"}}"#)), "{body}");
    assert_eq!(reduced, format!(r#"{{"telemetry.meta.errorHash":"{hash}"}}"#));
}

#[test]
fn a_short_error_stays_and_counts_as_an_error() {
    let text = r#"{"error":"same"}"#;
    let (body, reduced, hashes) = run(&mut sanitizer(20, &[]), text, false);
    assert_eq!(body, text);
    assert_eq!(reduced, format!(r#"{{"errorHash":"{}"}}"#, sha("same")));
    assert_eq!(hashes, [sha("same")]);
}

#[test]
fn an_existing_hash_is_overwritten_and_never_doubled() {
    let long = "z".repeat(30);
    let hash = sha(&long);
    for text in [
        format!(r#"{{"error":"{long}","x":1,"errorHash":"old"}}"#),
        format!(r#"{{"errorHash":{{"a":null}},"x":1,"error":"{long}"}}"#),
    ] {
        let (body, reduced, _) = run(&mut sanitizer(20, &[]), &text, false);
        assert_eq!(body.matches("errorHash").count(), 1, "{body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((&body["errorHash"], &body["x"]), (&json!(hash), &json!(1)));
        let reduced: Value = serde_json::from_str(&reduced).unwrap();
        assert_eq!(reduced, json!({ "errorHash": hash, "x": 1 }));
    }
}

#[test]
fn a_short_error_beside_another_ones_hash_is_never_left_out() {
    for text in [
        r#"{"error":"short","errorHash":"0123456789abcdef"}"#,
        r#"{"errorHash":"0123456789abcdef","error":"short"}"#,
    ] {
        let (body, reduced, _) = run(&mut sanitizer(20, &[]), text, false);
        assert_eq!((body.as_str(), reduced.as_str()), (text, text));
    }
    let own = format!(r#"{{"a":1,"error":"short","errorHash":"{}"}}"#, sha("short"));
    let (body, reduced, _) = run(&mut sanitizer(20, &[]), &own, false);
    assert_eq!(body, own);
    assert_eq!(reduced, format!(r#"{{"a":1,"errorHash":"{}"}}"#, sha("short")));
}

#[test]
fn the_primary_error_is_the_entrys_own() {
    for (text, expected) in [
        (r#"{"a":{"error":"1"},"error":"2"}"#, "2"),
        (r#"{"a":{"error":"1"},"telemetry":{"meta":{"error":"2"}}}"#, "2"),
        (r#"{"telemetry":{"meta":{"error":"1"}},"error":"2"}"#, "2"),
        (r#"{"a":{"b":{"error":"1"}},"c":{"error":"2"},"d":{"error":"3"}}"#, "2"),
    ] {
        let mut sanitizer = sanitizer(20, &[]);
        let sanitized = sanitizer.sanitize(text.as_bytes(), false).unwrap();
        assert_eq!(sanitized.primary_hash(), Some(hash_of(expected.as_bytes())), "{text}");
    }
    assert_eq!(sanitizer(20, &[]).sanitize(b"{\"a\":1}", false).unwrap().primary_hash(), None);
}

const RECORD: &str = r#"{"\u0000plimsoll:error":1,"name":"Error","message":"a message of more than twenty","cause":{"\u0000plimsoll:error":1,"message":"inner"}}"#;

#[test]
fn an_error_record_loses_its_mark_and_its_texts_are_shortened() {
    let (body, reduced, hashes) =
        run(&mut sanitizer(20, &[]), &format!(r#"{{"error":{RECORD},"x":null}}"#), true);
    let hash = sha(RECORD);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["errorHash"], hash);
    assert_eq!(body["error"]["name"], "Error");
    assert!(body["error"]["message"].as_str().unwrap().len() <= 20);
    assert_eq!(body["error"]["cause"], json!({ "message": "inner" }));
    assert_eq!(reduced, format!(r#"{{"errorHash":"{hash}"}}"#));
    assert_eq!(hashes, [hash]);
}

#[test]
fn a_record_elsewhere_carries_its_hash_inside() {
    for (before, after) in [(r#"{"reason":"#, "}"), (r#"{"all":["#, "]}"), ("", "")] {
        let text = format!("{before}{RECORD}{after}");
        let (body, reduced, hashes) = run(&mut sanitizer(20, &[]), &text, true);
        let hash = sha(RECORD);
        assert!(body.ends_with(&format!(r#","errorHash":"{hash}"}}{after}"#)), "{body}");
        assert_eq!(reduced, format!(r#"{before}{{"errorHash":"{hash}"}}{after}"#));
        assert_eq!(hashes, [hash]);
    }
}

#[test]
fn without_the_mark_a_record_is_ordinary_data() {
    let text = format!(r#"{{"a":{RECORD}}}"#);
    let (body, _, hashes) = run(&mut sanitizer(20, &[]), &text, false);
    assert_eq!((body, hashes.len()), (text, 0));
}

#[test]
fn records_that_differ_anywhere_differ_in_their_hash() {
    let mut seen = std::collections::HashSet::new();
    for (name, message, code, stack, cause) in [
        ("a", "b", "c", "d", "e"),
        ("_", "b", "c", "d", "e"),
        ("a", "_", "c", "d", "e"),
        ("a", "b", "_", "d", "e"),
        ("a", "b", "c", "_", "e"),
        ("a", "b", "c", "d", "_"),
    ] {
        let text = format!(
            r#"{{"error":{{"\u0000plimsoll:error":1,"name":"{name}","message":"{message}","code":"{code}","stack":"{stack}","cause":{{"message":"{cause}"}}}}}}"#
        );
        assert!(seen.insert(run(&mut sanitizer(20, &[]), &text, true).2));
    }
}

#[test]
fn values_at_paths_are_blackened() {
    let text = r#"{"password":{"a":"x"},"headers":{"authorization":"y","ok":1},"users":[{"email":"e"},{"email":"f","n":null}],"a":{"token":1,"b":{"token":2}}}"#;
    let mut sanitizer =
        sanitizer(20, &["password", "headers.authorization", "users[*].email", "*.token"]);
    let (body, _, _) = run(&mut sanitizer, text, false);
    assert_eq!(
        body,
        r#"{"password":"[redacted]","headers":{"authorization":"[redacted]","ok":1},"users":[{"email":"[redacted]"},{"email":"[redacted]","n":null}],"a":{"token":"[redacted]","b":{"token":2}}}"#
    );
    assert_eq!(sanitizer.sanitize(text.as_bytes(), false).unwrap().redacted, 5);
}

#[test]
fn a_deep_path_reaches_every_depth() {
    let (body, _, _) = run(
        &mut sanitizer(20, &["**.key"]),
        r#"{"key":1,"a":{"key":2,"b":[{"key":{"key":3}},{"c":4}]}}"#,
        false,
    );
    assert_eq!(
        body,
        r#"{"key":"[redacted]","a":{"key":"[redacted]","b":[{"key":"[redacted]"},{"c":4}]}}"#
    );
}

#[test]
fn a_secret_in_an_error_never_survives_shortening_and_the_hash_is_of_the_raw_text() {
    let token = format!("ghp_{}", "a1B2".repeat(9));
    for padding in 0..60 {
        let raw = format!("{}{} {token} {}", "p".repeat(padding), "", "q".repeat(60));
        let text = json!({ "error": raw }).to_string();
        let (body, _, hashes) = run(&mut sanitizer(50, &[]), &text, false);
        assert!(!body.contains("ghp_"), "{body}");
        assert_eq!(hashes, [sha(&raw)]);
    }
}

#[test]
fn malformed_text_is_refused_with_its_place() {
    for (text, offset) in [
        ("", 0),
        ("{", 1),
        ("{\"a\"", 4),
        ("{\"a\":1,}", 7),
        ("[1 2]", 3),
        ("[1,]", 3),
        ("{\"a\":01}", 6),
        ("\"\\x\"", 2),
        ("\"\n\"", 1),
        ("{}{}", 2),
        ("{\"a\":nul}", 5),
        ("{1:2}", 1),
        ("]", 0),
        ("[}", 1),
    ] {
        let error = sanitizer(20, &[]).sanitize_untrusted(text.as_bytes(), true).unwrap_err();
        assert_eq!(error.offset, offset, "{text}: {error}");
    }
    assert!(sanitizer(20, &[]).sanitize_untrusted(b"\"\xff\"", false).is_err());
}

#[test]
fn nesting_is_bounded_and_needs_no_call_stack() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let mut sanitizer = sanitizer(20, &[]);
    assert!(sanitizer.sanitize_untrusted(nested(MAX_DEPTH).as_bytes(), true).is_ok());
    assert!(sanitizer.sanitize_untrusted(nested(MAX_DEPTH + 1).as_bytes(), true).is_err());
    assert!(sanitizer.sanitize_untrusted("[".repeat(1_000_000).as_bytes(), true).is_err());
}
