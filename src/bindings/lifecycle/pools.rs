//! Pools and the requests to them, by token; their events come to the listener of commands.

use super::commands::{BindingProcessEvent, Ears, bytes_of, own_environment};
use super::{BindingProblem, milliseconds};
use crate::lifecycle::keeper::order::Order;
use crate::lifecycle::owner::Owner;
use crate::lifecycle::pool::{
    HealthCheck, Outcome, Pool, PoolListener, Protocol, RequestId, Settings, StartupProbe,
};
use napi_derive::napi;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Notifications that are told at once; the rest waits, bounded, until these are heard.
const TOLD_AT_ONCE: usize = 100;

/// Asked of a worker before anything else.
#[napi(object)]
pub struct BindingStartupProbe {
    pub text: String,
    pub timeout_ms: f64,
    pub notification: Option<String>,
}

/// Asked of a worker that has nothing to do.
#[napi(object)]
pub struct BindingHealthCheck {
    pub text: String,
    pub interval_ms: f64,
    pub timeout_ms: f64,
}

/// A pool, complete and validated.
#[napi(object)]
pub struct BindingPool {
    pub program: String,
    pub arguments: Vec<String>,
    /// `NAME=value`; none: the environment of the process.
    pub environment: Option<Vec<String>>,
    pub directory: Option<String>,
    pub end_signal: i32,
    pub min: u32,
    pub max: u32,
    pub idle_timeout_ms: f64,
    pub max_requests: Option<f64>,
    pub max_rss_bytes: Option<f64>,
    pub max_age_ms: Option<f64>,
    /// `line`, `jsonl` or `content-length`.
    pub protocol: String,
    pub startup_probe: Option<BindingStartupProbe>,
    pub health_check: Option<BindingHealthCheck>,
    pub max_queue: u32,
    pub max_queue_bytes: f64,
    pub max_in_flight: u32,
    pub max_message_bytes: f64,
    pub grace_ms: f64,
    pub group: u32,
}

/// One pool of this environment.
struct Held {
    pool: Pool,
    teller: Arc<Teller>,
}

thread_local! {
    static POOLS: RefCell<HashMap<u32, Held>> = RefCell::default();
}

struct Teller {
    token: u32,
    ears: Arc<Ears>,
    /// The tokens of requests that have not finished.
    requests: Mutex<HashMap<RequestId, u32>>,
}

impl Teller {
    fn requests(&self) -> MutexGuard<'_, HashMap<RequestId, u32>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PoolListener for Teller {
    fn finished(&self, request: RequestId, outcome: Outcome) {
        let Some(token) = self.requests().remove(&request) else { return };
        let event = match outcome {
            Outcome::Answer(text) => BindingProcessEvent {
                text: Some(text_of(text)),
                ..BindingProcessEvent::of(token, "answer")
            },
            other => BindingProcessEvent {
                code: Some(other.code().to_owned()),
                message: Some(other.to_string()),
                ..BindingProcessEvent::of(token, "requestFailed")
            },
        };
        self.ears.tell(event);
    }

    fn notified(&self) {
        self.ears.tell(BindingProcessEvent::of(self.token, "notification"));
    }

    fn closed(&self) {
        self.ears.tell(BindingProcessEvent::of(self.token, "poolClosed"));
    }
}

/// JavaScript has no strings of bytes; what is no UTF-8 is U+FFFD there.
fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|bad| String::from_utf8_lossy(bad.as_bytes()).into_owned())
}

/// Opens a pool; nothing, or why not.
#[napi(catch_unwind)]
pub fn pool_open(token: u32, settings: BindingPool) -> Option<BindingProblem> {
    let Some(ears) = Ears::here() else {
        return Some(BindingProblem::new("ERR_PLIMSOLL_STATE", "nobody listens here".to_owned()));
    };
    let teller = Arc::new(Teller { token, ears, requests: Mutex::default() });
    match Owner::global().open_pool(core_settings(settings), teller.clone()) {
        Ok(pool) => {
            POOLS.with_borrow_mut(|pools| pools.insert(token, Held { pool, teller }));
            None
        }
        Err(error) => Some(BindingProblem::new(error.code(), error.to_string())),
    }
}

/// Asks something of a pool; nothing, or why not.
#[napi(catch_unwind)]
pub fn pool_request(
    pool: u32,
    token: u32,
    text: String,
    timeout_ms: Option<f64>,
) -> Option<BindingProblem> {
    POOLS.with_borrow(|pools| {
        let Some(held) = pools.get(&pool) else {
            let message = "the pool was closed; make another one".to_owned();
            return Some(BindingProblem::new("ERR_PLIMSOLL_CLOSED", message));
        };
        // Held meanwhile: the end may come before the number is known here.
        let mut requests = held.teller.requests();
        match held.pool.request(text.into_bytes(), timeout_ms.map(milliseconds)) {
            Ok(request) => {
                requests.insert(request, token);
                None
            }
            Err(refused) => Some(BindingProblem::new(refused.code(), refused.to_string())),
        }
    })
}

/// Nobody wants the answer to a request any more.
#[napi(catch_unwind)]
pub fn pool_cancel(pool: u32, token: u32) {
    POOLS.with_borrow(|pools| {
        let Some(held) = pools.get(&pool) else { return };
        let found = held.teller.requests().iter().find(|(_, of)| **of == token).map(|(id, _)| *id);
        if let Some(request) = found {
            held.pool.cancel(request);
        }
    });
}

/// What workers said without being asked, the oldest first, at most a hundred. Asked again until there is none.
#[napi(catch_unwind)]
pub fn pool_take_notifications(pool: u32) -> Vec<String> {
    POOLS.with_borrow(|pools| {
        let taken = pools.get(&pool).map(|held| held.pool.take_notifications(TOLD_AT_ONCE));
        let texts = taken.unwrap_or_default().into_iter();
        texts.map(|notification| text_of(notification.text)).collect()
    })
}

/// Ends a pool; `poolClosed` is told when no worker is left.
#[napi(catch_unwind)]
pub fn pool_close(pool: u32, grace_ms: f64) {
    POOLS.with_borrow(|pools| {
        if let Some(held) = pools.get(&pool) {
            held.pool.close(milliseconds(grace_ms));
        }
    });
}

/// Forgets a pool that was closed.
#[napi(catch_unwind)]
pub fn pool_forget(pool: u32) {
    POOLS.with_borrow_mut(|pools| pools.remove(&pool));
}

/// Counters of a pool, as JSON.
#[napi(catch_unwind)]
pub fn pool_stats(pool: u32) -> Option<String> {
    POOLS.with_borrow(|pools| {
        let stats = pools.get(&pool)?.pool.stats();
        serde_json::to_string(&stats).ok()
    })
}

/// Ends every pool of this thread: its environment ends.
pub(super) fn close_all_of_this_thread() {
    POOLS.take();
}

fn core_settings(given: BindingPool) -> Settings {
    let order = Order {
        program: given.program.into_bytes(),
        arguments: bytes_of(given.arguments),
        environment: given.environment.map_or_else(own_environment, bytes_of),
        directory: given.directory.unwrap_or_default().into_bytes(),
        ..Order::default()
    };
    let protocol = match given.protocol.as_str() {
        "line" => Protocol::Line,
        "jsonl" => Protocol::Jsonl,
        _ => Protocol::ContentLength,
    };
    Settings {
        group: given.group,
        min: given.min as usize,
        max: given.max as usize,
        in_flight: given.max_in_flight as usize,
        queue: given.max_queue as usize,
        queue_bytes: given.max_queue_bytes as usize,
        message_bytes: given.max_message_bytes as usize,
        idle_timeout: milliseconds(given.idle_timeout_ms),
        max_requests: given.max_requests.map(|most| most as u64),
        max_rss: given.max_rss_bytes.map(|most| most as u64),
        max_age: given.max_age_ms.map(milliseconds),
        startup_probe: given.startup_probe.map(|probe| StartupProbe {
            text: probe.text.into_bytes(),
            timeout: milliseconds(probe.timeout_ms),
            then: probe.notification.map(String::into_bytes),
        }),
        health_check: given.health_check.map(|check| HealthCheck {
            text: check.text.into_bytes(),
            interval: milliseconds(check.interval_ms),
            timeout: milliseconds(check.timeout_ms),
        }),
        end_signal: given.end_signal,
        grace: if given.grace_ms > 0.0 { milliseconds(given.grace_ms) } else { Duration::ZERO },
        ..Settings::new(order, protocol)
    }
}
