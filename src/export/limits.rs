//! How much one span may say.
//!
//! The counts are OpenTelemetry's defaults; the sizes are Plimsoll's, since OpenTelemetry leaves them open
//! and a collector refuses a request of more than 20 MiB. Of several values for one key the last is kept.
//! What is over is left out from the end and counted in the span; texts are cut at a character's boundary
//! and end in `…`.
//! Source: <https://opentelemetry.io/docs/specs/otel/trace/sdk/#span-limits>.

use super::span::{Attribute, AttributeValue, SpanRecord, SpanStatus, Text, attribute_bytes};
use std::borrow::Cow;
use std::collections::HashMap;

/// Attributes of a span.
pub const MAX_ATTRIBUTES: usize = 128;
/// Events of a span.
pub const MAX_EVENTS: usize = 128;
/// Attributes of one event.
pub const MAX_EVENT_ATTRIBUTES: usize = 128;
/// Bytes of a name or a key.
pub const MAX_NAME_BYTES: usize = 1024;
/// Bytes of a text as value or status message.
pub const MAX_TEXT_BYTES: usize = 16 * 1024;
/// Bytes of a whole span, as [`SpanRecord::bytes`] counts.
pub const MAX_SPAN_BYTES: usize = 128 * 1024;

const ELLIPSIS: &str = "…";

/// Holds a span to the limits. Applied twice it changes nothing more.
pub fn apply(span: &mut SpanRecord) {
    cut(&mut span.name, MAX_NAME_BYTES);
    if let SpanStatus::Error(message) = &mut span.status {
        cut(message, MAX_TEXT_BYTES);
    }
    let attributes = std::mem::take(&mut span.attributes);
    let events = std::mem::take(&mut span.events);
    let mut room = MAX_SPAN_BYTES.saturating_sub(span.bytes());
    let left_out = &mut span.dropped_attributes;
    span.attributes = limit_attributes(attributes, MAX_ATTRIBUTES, &mut room, left_out);
    for mut event in events {
        cut(&mut event.name, MAX_NAME_BYTES);
        let attributes = std::mem::take(&mut event.attributes);
        let bare = event.bytes();
        if span.events.len() == MAX_EVENTS || bare > room {
            span.dropped_events = span.dropped_events.saturating_add(1);
            // A later, smaller one must not take the place of the one left out.
            room = 0;
            continue;
        }
        room -= bare;
        let left_out = &mut event.dropped_attributes;
        event.attributes = limit_attributes(attributes, MAX_EVENT_ATTRIBUTES, &mut room, left_out);
        span.events.push(event);
    }
}

fn limit_attributes(
    attributes: Vec<Attribute>,
    most: usize,
    room: &mut usize,
    left_out: &mut u32,
) -> Vec<Attribute> {
    let mut kept: Vec<Attribute> = Vec::with_capacity(attributes.len().min(most));
    let mut places: HashMap<Text, usize> = HashMap::with_capacity(kept.capacity());
    for (mut key, mut value) in attributes {
        cut(&mut key, MAX_NAME_BYTES);
        limit_value(&mut value);
        if let Some(&place) = places.get(&key) {
            // The place is that of the first value, the value that of the last, where there is room for it.
            let (before, after) = (kept[place].1.bytes(), value.bytes());
            if after <= before + *room {
                *room = *room + before - after;
                kept[place].1 = value;
            } else {
                *left_out = left_out.saturating_add(1);
            }
            continue;
        }
        let attribute = (key, value);
        let bytes = attribute_bytes(&attribute);
        if kept.len() == most || bytes > *room {
            *left_out = left_out.saturating_add(1);
            continue;
        }
        *room -= bytes;
        places.insert(attribute.0.clone(), kept.len());
        kept.push(attribute);
    }
    kept
}

fn limit_value(value: &mut AttributeValue) {
    match value {
        AttributeValue::Str(text) => cut(text, MAX_TEXT_BYTES),
        AttributeValue::StrArray(texts) => {
            texts.iter_mut().for_each(|text| cut(text, MAX_TEXT_BYTES));
        }
        _ => {}
    }
}

fn cut(text: &mut Text, most: usize) {
    if text.len() <= most {
        return;
    }
    let mut end = most - ELLIPSIS.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    *text = Cow::Owned(format!("{}{ELLIPSIS}", &text[..end]));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::span::SpanEvent;

    fn numbered(count: usize) -> Vec<Attribute> {
        (0..count).map(|n| (format!("k{n}").into(), AttributeValue::I64(n as i64))).collect()
    }

    #[test]
    fn the_first_128_attributes_and_events_stay_and_the_rest_is_counted() {
        let event = SpanEvent { attributes: numbered(131), ..SpanEvent::default() };
        let mut span = SpanRecord {
            attributes: numbered(130),
            events: vec![event; 133],
            dropped_attributes: 5,
            ..SpanRecord::default()
        };
        // 128 events of 128 attributes are over the bytes; 12 are not.
        apply(&mut span);
        assert_eq!((span.attributes.len(), span.dropped_attributes), (128, 7));
        assert_eq!(span.attributes, numbered(128));
        assert_eq!(span.events.len() + span.dropped_events as usize, 133);
        assert_eq!((span.events[0].attributes.len(), span.events[0].dropped_attributes), (128, 3));
        let mut plain =
            SpanRecord { events: vec![SpanEvent::default(); 133], ..SpanRecord::default() };
        apply(&mut plain);
        assert_eq!((plain.events.len(), plain.dropped_events), (128, 5));
    }

    #[test]
    fn the_last_value_of_a_key_counts_and_is_not_a_dropped_one() {
        let mut span = SpanRecord {
            attributes: vec![
                ("a".into(), 1.into()),
                ("b".into(), 2.into()),
                ("a".into(), 3.into()),
            ],
            ..SpanRecord::default()
        };
        apply(&mut span);
        assert_eq!(span.attributes, vec![("a".into(), 3.into()), ("b".into(), 2.into())]);
        assert_eq!(span.dropped_attributes, 0);
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = "ü".repeat(MAX_TEXT_BYTES);
        let mut span = SpanRecord {
            name: "n".repeat(MAX_NAME_BYTES + 1).into(),
            status: SpanStatus::Error(long.clone().into()),
            attributes: vec![("a".into(), long.into())],
            ..SpanRecord::default()
        };
        apply(&mut span);
        assert_eq!(span.name.len(), MAX_NAME_BYTES);
        let SpanStatus::Error(message) = &span.status else { panic!("{:?}", span.status) };
        assert!(message.len() <= MAX_TEXT_BYTES && message.ends_with("ü…"), "{}", message.len());
        let AttributeValue::Str(text) = &span.attributes[0].1 else { panic!() };
        assert!(text.len() <= MAX_TEXT_BYTES && text.len() > MAX_TEXT_BYTES - 4);
    }

    #[test]
    fn whatever_it_says_a_span_stays_within_its_bytes_and_the_limits_are_stable() {
        let text = || AttributeValue::from("x".repeat(MAX_TEXT_BYTES * 2));
        let many = AttributeValue::StrArray(vec!["y".repeat(MAX_TEXT_BYTES).into(); 100]);
        let attributes: Vec<Attribute> = (0..MAX_ATTRIBUTES)
            .map(|n| (format!("{n}").into(), text()))
            .chain([("many".into(), many)])
            .collect();
        let event = SpanEvent { attributes: attributes[..3].to_vec(), ..SpanEvent::default() };
        let mut span = SpanRecord { attributes, events: vec![event; 200], ..SpanRecord::default() };
        apply(&mut span);
        assert!(span.bytes() <= MAX_SPAN_BYTES, "{}", span.bytes());
        assert_eq!(span.attributes.len() + span.dropped_attributes as usize, MAX_ATTRIBUTES + 1);
        assert_eq!(span.events.len() + span.dropped_events as usize, 200);
        let once = span.clone();
        apply(&mut span);
        assert_eq!(span, once);
    }
}
