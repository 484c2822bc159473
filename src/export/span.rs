//! One finished span, as OpenTelemetry's trace data model has it.
//!
//! The subset that Plimsoll produces: internal spans without links.
//! Source: <https://opentelemetry.io/docs/specs/otel/trace/api/#span>.

use std::borrow::Cow;

/// A text; most names are known when the addon is built.
pub type Text = Cow<'static, str>;

/// The value of an attribute: a scalar or an array of scalars of one kind.
/// Source: <https://opentelemetry.io/docs/specs/otel/common/#attribute>.
#[derive(Debug, Clone, PartialEq)]
pub enum AttributeValue {
    /// A text.
    Str(Text),
    /// A truth value.
    Bool(bool),
    /// A whole number.
    I64(i64),
    /// A number; also infinite or not a number at all.
    F64(f64),
    /// Texts.
    StrArray(Vec<Text>),
    /// Truth values.
    BoolArray(Vec<bool>),
    /// Whole numbers.
    I64Array(Vec<i64>),
    /// Numbers.
    F64Array(Vec<f64>),
}

/// A name and a value.
pub type Attribute = (Text, AttributeValue);

/// How the operation ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SpanStatus {
    /// Nobody said.
    #[default]
    Unset,
    /// It was declared a success.
    Ok,
    /// It failed, with what is known of it; may be empty.
    Error(Text),
}

/// Something that happened while the span ran.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SpanEvent {
    /// What happened.
    pub name: Text,
    /// When, nanoseconds since the Unix epoch.
    pub time_unix_nanos: u64,
    /// More of it.
    pub attributes: Vec<Attribute>,
    /// Attributes left out.
    pub dropped_attributes: u32,
}

/// A finished span.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SpanRecord {
    /// The trace it belongs to; never all zero.
    pub trace_id: [u8; 16],
    /// Its own id; never all zero.
    pub span_id: [u8; 8],
    /// The span that caused it, if any.
    pub parent_span_id: Option<[u8; 8]>,
    /// The flags of W3C trace context: 1 sampled, 2 random.
    pub trace_flags: u8,
    /// What ran.
    pub name: Text,
    /// When it began, nanoseconds since the Unix epoch.
    pub start_unix_nanos: u64,
    /// When it ended, nanoseconds since the Unix epoch.
    pub end_unix_nanos: u64,
    /// How it ended.
    pub status: SpanStatus,
    /// What is known of it. Of several values for one key the last counts.
    pub attributes: Vec<Attribute>,
    /// What happened meanwhile, in order.
    pub events: Vec<SpanEvent>,
    /// Attributes left out.
    pub dropped_attributes: u32,
    /// Events left out.
    pub dropped_events: u32,
}

/// What can be made into a span on the exporter's thread.
///
/// Whoever submits hands over what it has, and the texts are formed later. With two destinations each
/// forms the span for itself, so that a dead one holds on to no more than what was handed over.
pub trait SpanSource: Send + Sync + 'static {
    /// About how many bytes it holds, for the bound of the queue. Heap memory it owns is to be counted.
    fn bytes(&self) -> usize;
    /// The span. A panic here costs this span and no other.
    fn span(&self) -> SpanRecord;
}

impl SpanSource for SpanRecord {
    fn bytes(&self) -> usize {
        SpanRecord::bytes(self)
    }

    fn span(&self) -> SpanRecord {
        self.clone()
    }
}

/// A closure counts with its own size: of what its captures own on the heap nothing is known.
impl<F: Fn() -> SpanRecord + Send + Sync + 'static> SpanSource for F {
    fn bytes(&self) -> usize {
        size_of_val(self)
    }

    fn span(&self) -> SpanRecord {
        self()
    }
}

impl AttributeValue {
    /// Bytes of what it says.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            AttributeValue::Str(text) => text.len(),
            AttributeValue::Bool(_) => 1,
            AttributeValue::I64(_) | AttributeValue::F64(_) => 8,
            AttributeValue::StrArray(texts) => texts.iter().map(|text| text.len() + 16).sum(),
            AttributeValue::BoolArray(values) => values.len() * 4,
            AttributeValue::I64Array(values) => values.len() * 12,
            AttributeValue::F64Array(values) => values.len() * 12,
        }
    }
}

pub(super) fn attribute_bytes((key, value): &Attribute) -> usize {
    size_of::<Attribute>() + key.len() + value.bytes()
}

impl SpanEvent {
    /// About how many bytes it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<SpanEvent>()
            + self.name.len()
            + self.attributes.iter().map(attribute_bytes).sum::<usize>()
    }
}

impl SpanRecord {
    /// About how many bytes it takes: in memory, and no fewer than when sent.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let status = match &self.status {
            SpanStatus::Error(message) => message.len(),
            SpanStatus::Unset | SpanStatus::Ok => 0,
        };
        size_of::<SpanRecord>()
            + self.name.len()
            + status
            + self.attributes.iter().map(attribute_bytes).sum::<usize>()
            + self.events.iter().map(SpanEvent::bytes).sum::<usize>()
    }
}

impl From<&'static str> for AttributeValue {
    fn from(text: &'static str) -> Self {
        AttributeValue::Str(Cow::Borrowed(text))
    }
}

impl From<String> for AttributeValue {
    fn from(text: String) -> Self {
        AttributeValue::Str(Cow::Owned(text))
    }
}

impl From<bool> for AttributeValue {
    fn from(value: bool) -> Self {
        AttributeValue::Bool(value)
    }
}

impl From<i64> for AttributeValue {
    fn from(value: i64) -> Self {
        AttributeValue::I64(value)
    }
}

impl From<f64> for AttributeValue {
    fn from(value: f64) -> Self {
        AttributeValue::F64(value)
    }
}
