//! JSON-RPC 2.0 as far as a pool must understand it: numbers of requests, and who a message is for.

use super::framing::FramingError;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The number a pool gives a request.
pub(super) type WireId = u64;

/// What a message of a worker is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    /// An answer, or an error in place of one.
    Answer { id: WireId, is_error: bool },
    /// No answer is expected.
    Notification,
    /// The worker wants an answer to this id, which is JSON.
    Request { id: String },
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<Cow<'a, str>>,
    #[serde(default)]
    result: Option<IgnoredAny>,
    #[serde(default)]
    error: Option<IgnoredAny>,
}

fn bad(what: impl ToString) -> FramingError {
    FramingError::Json(what.to_string())
}

/// Reads a message. The last member of a name that is there twice does not win: it is an error.
pub(super) fn read(message: &[u8]) -> Result<Incoming, FramingError> {
    let text = std::str::from_utf8(message).map_err(bad)?;
    // An array would be taken for the members in their order; there are no batches between peers of a pool.
    if !text.trim_ascii_start().starts_with('{') {
        return Err(bad("a message that is no object"));
    }
    let message: Message<'_> = serde_json::from_str(text).map_err(bad)?;
    match (message.method, message.id) {
        (Some(_), None) => Ok(Incoming::Notification),
        (Some(_), Some(id)) => Ok(Incoming::Request { id: id.get().to_owned() }),
        (None, Some(id)) if message.result.is_some() && message.error.is_some() => {
            Err(bad(format!("an answer with a result and an error to {:.40}", id.get())))
        }
        (None, Some(id)) => match id.get().parse() {
            Ok(id) => Ok(Incoming::Answer { id, is_error: message.error.is_some() }),
            Err(_) => Err(bad(format!("an answer to {:.40}, which was never asked", id.get()))),
        },
        (None, None) => Err(bad("a message with neither an id nor a method")),
    }
}

/// The text of a request with its number put in; `None` for what is no object or has an id already.
pub(super) fn with_id(text: &[u8], id: WireId) -> Option<Vec<u8>> {
    let behind = object_without_id(text)?;
    let comma = if behind.trim_ascii_start().starts_with(b"}") { "" } else { "," };
    Some([format!("{{\"id\":{id}{comma}").as_bytes(), behind].concat())
}

/// What is behind the opening brace of an object that has no `id`.
pub(super) fn object_without_id(text: &[u8]) -> Option<&[u8]> {
    #[derive(Deserialize)]
    struct NoId {
        /// Absent is `None`; `null` is something.
        #[serde(default, deserialize_with = "present")]
        id: Option<()>,
    }
    fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<()>, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Some(()))
    }
    let message: NoId = serde_json::from_str(std::str::from_utf8(text).ok()?).ok()?;
    if message.id.is_some() {
        return None;
    }
    text.trim_ascii_start().strip_prefix(b"{")
}

/// Tells a worker that nobody waits for an answer any more: Language Server Protocol 3.17, "Cancellation
/// Support".
pub(super) fn cancellation(id: WireId) -> Vec<u8> {
    format!(r#"{{"jsonrpc":"2.0","method":"$/cancelRequest","params":{{"id":{id}}}}}"#).into_bytes()
}

/// Tells a worker that nothing here answers its requests: JSON-RPC 2.0, section 5.1.
pub(super) fn method_not_found(id: &str) -> Vec<u8> {
    let error = r#"{"code":-32601,"message":"Method not found"}"#;
    format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{error}}}"#).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_apart_by_id_and_method() {
        let answer = |id, is_error| Incoming::Answer { id, is_error };
        for (text, incoming) in [
            (r#"{"jsonrpc":"2.0","id":7,"result":null}"#, answer(7, false)),
            (r#"{"result":{"id":9,"method":"x"},"id": 7}"#, answer(7, false)),
            (r#"{"id":18446744073709551615,"error":{"code":1}}"#, answer(u64::MAX, true)),
            (r#"{"method":"log"}"#, Incoming::Notification),
            (r#"{"method":"log","id":null}"#, Incoming::Notification),
            (r#"{"method":"l\u006fg","id":"a"}"#, Incoming::Request { id: "\"a\"".to_owned() }),
            (r#"{"id":[1, 2],"method":"log"}"#, Incoming::Request { id: "[1, 2]".to_owned() }),
        ] {
            assert_eq!(read(text.as_bytes()).unwrap(), incoming, "{text}");
        }
    }

    #[test]
    fn what_nobody_can_make_sense_of_is_an_error() {
        for text in [
            &b""[..],
            b"{}",
            b"[]",
            b"7",
            b"{\"id\":null,\"error\":{}}",
            b"{\"id\":\"7\"}",
            b"{\"id\":7.0}",
            b"{\"id\":-7}",
            b"{\"id\":1,\"id\":2}",
            b"{\"id\":1,\"result\":1,\"error\":{}}",
            b"{\"id\":1} {}",
            b"{\"id\":1,\"result\":\"\xff\"}",
            b"{\"id\":1,\"method\":5}",
            b"[1,\"x\"]",
        ] {
            assert!(read(text).is_err(), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn a_number_is_put_into_objects_that_have_none() {
        let with =
            |text: &str| with_id(text.as_bytes(), 5).map(|text| String::from_utf8(text).unwrap());
        assert_eq!(with("{}").unwrap(), r#"{"id":5}"#);
        assert_eq!(with(" { } ").unwrap(), r#"{"id":5 } "#);
        assert_eq!(with(r#"{"a":{"id":1}}"#).unwrap(), r#"{"id":5,"a":{"id":1}}"#);
        for bad in
            ["", "[]", "{", r#"{"id":1}"#, r#"{"a":1,"i\u0064":null}"#, r#"{"a":1}{}"#, "\"{\""]
        {
            assert_eq!(with(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_is_said_to_a_worker_is_json_that_it_understands() {
        assert_eq!(read(&cancellation(3)).unwrap(), Incoming::Notification);
        assert_eq!(
            read(&method_not_found("3")).unwrap(),
            Incoming::Answer { id: 3, is_error: true }
        );
    }
}
