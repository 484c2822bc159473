//! Work on the analysing thread, and its answers: one listener of the environment hears them, by token.

use super::{BindingAnalysisEvent, forget_all};
use crate::analysis::analyzer::Answer;
use crate::analysis::worker::{Job, Refusal, Worker};
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Error, Result};
use napi_derive::napi;
use std::cell::RefCell;
use std::sync::Arc;

type Listener = ThreadsafeFunction<
    BindingAnalysisEvent,
    (),
    BindingAnalysisEvent,
    napi::Status,
    false,
    true,
    0,
>;

thread_local! {
    static LISTENER: RefCell<Option<Arc<Listener>>> = RefCell::default();
}

/// Says who hears answers in this environment. Does not hold the event loop.
#[napi(catch_unwind)]
pub fn analysis_listen(env: Env, listener: Function<'_, BindingAnalysisEvent, ()>) -> Result<()> {
    let listener =
        listener.build_threadsafe_function().weak::<true>().callee_handled::<false>().build()?;
    LISTENER.set(Some(Arc::new(listener)));
    env.add_env_cleanup_hook((), |()| {
        LISTENER.set(None);
        forget_all();
    })?;
    Ok(())
}

/// Lets answers that are awaited hold the event loop open, or no longer. Calls are not counted.
#[napi(catch_unwind)]
pub fn analysis_hold(env: Env, hold: bool) -> Result<()> {
    LISTENER.with_borrow(|listener| match listener {
        Some(listener) => crate::bindings::fast::hold_loop(&env, listener.raw(), hold),
        None => Ok(()),
    })
}

impl BindingAnalysisEvent {
    /// Nothing but that it is done.
    pub(super) fn empty(token: u32) -> Self {
        BindingAnalysisEvent {
            token,
            json: None,
            data: None,
            code: None,
            message: None,
            cause: None,
        }
    }

    pub(super) fn failure(token: u32, code: &str, message: String) -> Self {
        let (code, message) = (Some(code.to_owned()), Some(message));
        BindingAnalysisEvent { code, message, ..BindingAnalysisEvent::empty(token) }
    }

    pub(super) fn answer(token: u32, answer: &Answer) -> Self {
        match json_of(answer) {
            Ok(json) => {
                BindingAnalysisEvent { json: Some(json), ..BindingAnalysisEvent::empty(token) }
            }
            Err(error) => {
                BindingAnalysisEvent::failure(token, "ERR_PLIMSOLL_INTERNAL", error.reason)
            }
        }
    }

    fn lost(token: u32) -> Self {
        let message =
            "a fault of Plimsoll's own was caught while the text was read; please report it";
        BindingAnalysisEvent::failure(token, "ERR_PLIMSOLL_INTERNAL", message.to_owned())
    }
}

pub(super) fn json_of(answer: &Answer) -> Result<String> {
    serde_json::to_string(answer).map_err(|error| Error::from_reason(error.to_string()))
}

/// Has work done that carries this many bytes of text. Returns whether it was accepted; if not, that is
/// the answer.
pub(super) fn submit(
    token: u32,
    bytes: usize,
    work: impl FnOnce() -> BindingAnalysisEvent + Send + 'static,
) -> bool {
    let Some(listener) = LISTENER.with_borrow(Clone::clone) else { return false };
    let tell = move |event| {
        // A loop that has ended hears nothing any more, and nobody is left to mind.
        let _: napi::Status = listener.call(event, ThreadsafeFunctionCallMode::NonBlocking);
    };
    let refused = tell.clone();
    let failed = tell.clone();
    let job = Job {
        bytes,
        work: Box::new(move || tell(work())),
        failed: Box::new(move || failed(BindingAnalysisEvent::lost(token))),
    };
    let Err(refusal) = Worker::global().submit(job) else { return true };
    let (code, message) = match refusal {
        Refusal::Full => (
            "ERR_PLIMSOLL_OVERFLOW",
            "as many texts wait for analysis as may; wait for earlier ones",
        ),
        Refusal::NoThread => ("ERR_PLIMSOLL_INTERNAL", "the analysing thread could not be started"),
    };
    refused(BindingAnalysisEvent::failure(token, code, message.to_owned()));
    false
}
