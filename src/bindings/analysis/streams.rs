//! Texts that come in parts. A stream is made here, and read and given up on the analysing thread: with a
//! raw store both touch the disk.

use super::answers::submit;
use super::{BindingAnalysisEvent, BindingAnalysisRequest, analyzer, next_number};
use crate::analysis::stream::Stream;
use crate::analysis::worker::Worker;
use napi::bindgen_prelude::Buffer;
use napi::{Error, Result};
use napi_derive::napi;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

thread_local! {
    static STREAMS: RefCell<HashMap<u32, Arc<Stream>>> = RefCell::default();
}

/// Forgets every stream of an environment that ends; no loop is left that could be held up.
pub(super) fn forget_all() {
    drop(STREAMS.take());
}

/// Begins to read a stream. Returns its number.
#[napi(catch_unwind)]
pub fn analysis_stream_open(handle: u32) -> Result<u32> {
    let stream = Arc::new(Stream::new(analyzer(handle)?));
    let number = next_number();
    STREAMS.with_borrow_mut(|streams| streams.insert(number, stream));
    Ok(number)
}

fn stream(number: u32) -> Result<Arc<Stream>> {
    STREAMS
        .with_borrow(|streams| streams.get(&number).cloned())
        .ok_or_else(|| Error::from_reason("no such stream"))
}

/// Reads on; answers with nothing but the token once that is done.
#[napi(catch_unwind)]
pub fn analysis_stream_feed(stream: u32, token: u32, bytes: Buffer) -> Result<()> {
    let stream = self::stream(stream)?;
    // Copied: JavaScript may change its buffer meanwhile.
    let bytes = bytes.to_vec();
    submit(token, bytes.len(), move || {
        stream.feed(&bytes);
        BindingAnalysisEvent::empty(token)
    });
    Ok(())
}

/// Ends a stream and answers with its analysis. When that is refused, the stream is still there.
#[napi(catch_unwind)]
pub fn analysis_stream_end(stream: u32, token: u32, request: BindingAnalysisRequest) -> Result<()> {
    let (number, stream) = (stream, self::stream(stream)?);
    let request = request.into();
    let accepted =
        submit(token, 0, move || BindingAnalysisEvent::answer(token, &stream.end(&request)));
    if accepted {
        STREAMS.with_borrow_mut(|streams| streams.remove(&number));
    }
    Ok(())
}

/// Gives a stream up; what was stored of it is removed on the analysing thread.
#[napi(catch_unwind)]
pub fn analysis_stream_drop(stream: u32) {
    if let Some(stream) = STREAMS.with_borrow_mut(|streams| streams.remove(&stream)) {
        Worker::global().release(stream);
    }
}
