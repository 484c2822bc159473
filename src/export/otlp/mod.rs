//! Spans to an OpenTelemetry collector: OTLP over HTTP with protobuf.
//!
//! The messages are those of the `opentelemetry-proto` crate, generated from the official definitions. What
//! an answer means follows <https://opentelemetry.io/docs/specs/otlp/#otlphttp-response>: 2xx is delivered, but
//! for the spans a partial success rejects; 429, 502, 503, 504 and a connection that fails are tried again,
//! after `Retry-After` where it is given; 413 is tried again in halves; everything else is refused for good.
//!
//! Plain HTTP only: TLS would make the addon larger by more than a megabyte. A collector
//! on the same host, which takes encryption and credentials upon itself, is what OpenTelemetry recommends
//! anyway (<https://opentelemetry.io/docs/collector/deploy/agent/>).

mod answer;
mod encode;
mod endpoint;
mod http;
mod response;
mod settings;

#[cfg(test)]
pub(super) mod receiver;
#[cfg(test)]
mod tests;

pub use settings::{DEFAULT_ENDPOINT, DEFAULT_TIMEOUT, OtlpSettings};

use super::exporter::StartError;
use super::span::SpanRecord;
use super::worker::{Delivery, Destination};
use crate::platform::clock::Clock;
use answer::{classify, unreachable};
use encode::Encoder;
use http::HttpClient;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

/// The name under which the spans come: of the SDK and of the instrumentation scope.
pub const SCOPE: &str = "plimsoll";

/// A collector.
pub(super) struct OtlpDestination {
    client: HttpClient,
    encoder: Encoder,
    clock: Arc<dyn Clock>,
}

impl OtlpDestination {
    pub(super) fn new(
        settings: OtlpSettings,
        clock: Arc<dyn Clock>,
    ) -> Result<OtlpDestination, StartError> {
        let client = HttpClient::new(&settings)?;
        Ok(OtlpDestination { client, encoder: Encoder::new(&settings), clock })
    }
}

impl Destination for OtlpDestination {
    fn deliver(&mut self, spans: &[SpanRecord]) -> Delivery {
        let (body, encoding) = self.encoder.encode(spans);
        match self.client.post(&body, encoding) {
            Ok(answer) => {
                let now_ms = u64::try_from(self.clock.wall_ms()).unwrap_or(0);
                let now = UNIX_EPOCH + Duration::from_millis(now_ms);
                classify(&answer, self.client.endpoint(), now)
            }
            Err(trouble) => unreachable(self.client.endpoint(), &trouble),
        }
    }
}
