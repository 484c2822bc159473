//! A slot, taken and given back.

use super::Arguments;
use crate::bindings::holders;
use crate::budget::call::{Request, Timeout, Trace};
use crate::budget::calls::CallKey;
use crate::budget::ending::{Release, Released};
use crate::budget::gate::LaneIndex;
use crate::budget::memory::KindKey;
use crate::budget::refusal::Refusal;
use napi::sys;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The flags of an acquisition.
const SAMPLED: u32 = 1;
const OBSERVED: u32 = 2;
const ADAPTIVE: u32 = 4;
/// The flags of a release.
const SUCCESS: u32 = 1;
const AFTER_DEADLINE: u32 = 2;
const COLLECTED: u32 = 4;
/// What a release answers, bit by bit.
const NOT_RUNNING: u32 = 1;
const OVER_TIME: u32 = 2;
const EVENTS: u32 = 4;
/// What an acquisition answers when it failed itself; no reason of a refusal has this number.
const FAULT: f64 = -255.0;

/// The numbers of a request; 0 for a kind, a root or a parent is none.
pub(in crate::bindings) struct Numbers {
    pub(in crate::bindings) lane: f64,
    pub(in crate::bindings) serial: f64,
    pub(in crate::bindings) timeout: f64,
    pub(in crate::bindings) heap: f64,
    pub(in crate::bindings) flags: u32,
    pub(in crate::bindings) wall_ms: f64,
    pub(in crate::bindings) kind: f64,
    pub(in crate::bindings) root: f64,
    pub(in crate::bindings) parent: f64,
}

impl Numbers {
    /// The request for a task.
    pub(in crate::bindings) fn request<'a>(&self, task: &'a str) -> Request<'a> {
        let adaptive = self.flags & ADAPTIVE != 0;
        Request {
            serial: self.serial as u64,
            task,
            lane: (self.lane >= 0.0).then_some(LaneIndex(self.lane as u32)),
            kind: (self.kind > 0.0).then_some(KindKey(self.kind as u64)),
            timeout: if adaptive { Timeout::Adaptive } else { Timeout::Milliseconds(self.timeout) },
            heap: self.heap as u64,
            wall_ms: self.wall_ms as i64,
            observed: self.flags & OBSERVED != 0,
            trace: Trace {
                sampled: self.flags & SAMPLED != 0,
                root: self.root as u64,
                parent: self.parent as u64,
                foreign: None,
            },
        }
    }
}

/// `budgetAcquire(manager, lane, serial, timeoutMs, heapUsed, flags, now, task, kind, root, parent): number`
///
/// The number of the call, or a refusal's with a minus before it.
pub(super) unsafe extern "C" fn acquire(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: `env` and `info` are those of the call running now.
        unsafe { Arguments::<11>::of(env, info) }.and_then(|arguments| acquire_with(&arguments))
    }));
    Arguments::<11>::result(env, outcome.ok().flatten().unwrap_or(FAULT))
}

fn acquire_with(arguments: &Arguments<11>) -> Option<f64> {
    let numbers = Numbers {
        lane: arguments.number(1)?,
        serial: arguments.number(2)?,
        timeout: arguments.number(3)?,
        heap: arguments.number(4)?,
        flags: arguments.integer(5)?,
        wall_ms: arguments.number(6)?,
        kind: arguments.number(8)?,
        root: arguments.number(9)?,
        parent: arguments.number(10)?,
    };
    let number = arguments.integer(0)?;
    arguments.text(7, |task| {
        let request = numbers.request(task);
        let admitted = holders::with(number, |held| held.manager.acquire(&held.holder, request));
        match admitted.unwrap_or(Err(Refusal::Closed)) {
            Ok(call) => call.number() as f64,
            Err(reason) => -f64::from(reason as u8),
        }
    })
}

/// `budgetRelease(manager, call, flags, heapUsed, errorType?: string, additions?: string): number | undefined`
///
/// Nothing when the slot is free and there is nothing to tell.
pub(super) unsafe extern "C" fn release(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: `env` and `info` are those of the call running now.
        unsafe { Arguments::<6>::of(env, info) }.and_then(|arguments| release_with(&arguments))
    }));
    match outcome.ok().flatten().unwrap_or(NOT_RUNNING) {
        0 => std::ptr::null_mut(),
        answer => Arguments::<6>::result(env, f64::from(answer)),
    }
}

fn release_with(arguments: &Arguments<6>) -> Option<u32> {
    let call = CallKey::from_number(arguments.number(1)? as u64);
    let flags = arguments.integer(2)?;
    let error_type = arguments.string(4);
    let release = Release {
        success: flags & SUCCESS != 0,
        after_deadline: flags & AFTER_DEADLINE != 0,
        collected: flags & COLLECTED != 0,
        heap: arguments.number(3)? as u64,
        error_type: error_type.as_deref(),
        additions: arguments.string(5),
    };
    let answer = holders::with(arguments.integer(0)?, |held| {
        let answer = match held.manager.release(&held.holder, call, release) {
            Released::Done => 0,
            Released::NotRunning => NOT_RUNNING,
            Released::OverTime => OVER_TIME,
        };
        answer | if held.holder.outbox.has_events() { EVENTS } else { 0 }
    });
    Some(answer.unwrap_or(NOT_RUNNING))
}
