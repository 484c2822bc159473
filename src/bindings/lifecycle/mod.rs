//! ResourceLifecycleManager's native half.

pub(super) mod commands;
mod pools;
mod temp_files;

use crate::lifecycle::ledger::sweep::SweepReport;
use crate::lifecycle::owner::Owner;
use crate::lifecycle::process::EndedBy;
use napi::bindgen_prelude::Function;
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Result};
use napi_derive::napi;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

/// Why something was refused.
#[napi(object)]
pub struct BindingProblem {
    pub code: String,
    pub message: String,
}

impl BindingProblem {
    fn new(code: &str, message: String) -> BindingProblem {
        BindingProblem { code: code.to_owned(), message }
    }
}

/// What became of a piece of work.
#[napi(object)]
pub struct BindingLifecycleEvent {
    pub token: u32,
    /// `done` or `failed`.
    pub kind: String,
    pub json: Option<String>,
    pub code: Option<String>,
    pub message: Option<String>,
    pub cause: Option<String>,
}

type Callback = ThreadsafeFunction<
    BindingLifecycleEvent,
    (),
    BindingLifecycleEvent,
    napi::Status,
    false,
    true,
    0,
>;

thread_local! {
    static LISTENER: RefCell<Option<Arc<Callback>>> = const { RefCell::new(None) };
}

fn milliseconds(time: f64) -> Duration {
    Duration::try_from_secs_f64(time / 1000.0).unwrap_or(Duration::MAX)
}

/// Says who hears what became of work in this environment. Does not hold the event loop.
#[napi(catch_unwind)]
pub fn lifecycle_listen(env: Env, listener: Function<'_, BindingLifecycleEvent, ()>) -> Result<()> {
    let listener =
        listener.build_threadsafe_function().weak::<true>().callee_handled::<false>().build()?;
    LISTENER.set(Some(Arc::new(listener)));
    env.add_env_cleanup_hook((), |()| LISTENER.set(None))?;
    Ok(())
}

/// Lets what is awaited hold the event loop open, or no longer. Calls are not counted.
#[napi(catch_unwind)]
pub fn lifecycle_hold(env: Env, hold: bool) -> Result<()> {
    LISTENER.with_borrow(|listener| match listener {
        Some(listener) => super::fast::hold_loop(&env, listener.raw(), hold),
        None => Ok(()),
    })
}

/// What went wrong, for JavaScript.
struct Failure {
    code: &'static str,
    message: String,
    cause: Option<String>,
}

/// Tells what became of a piece of work exactly once, also when it panicked or was never begun.
struct Answer {
    token: u32,
    begun: bool,
    listener: Option<Arc<Callback>>,
}

impl Answer {
    fn tell(mut self, outcome: std::result::Result<Value, Failure>) {
        self.send(outcome);
    }

    fn send(&mut self, outcome: std::result::Result<Value, Failure>) {
        let Some(listener) = self.listener.take() else { return };
        let event = match outcome {
            Ok(json) => BindingLifecycleEvent {
                token: self.token,
                kind: "done".to_owned(),
                json: (!json.is_null()).then(|| json.to_string()),
                code: None,
                message: None,
                cause: None,
            },
            Err(Failure { code, message, cause }) => BindingLifecycleEvent {
                token: self.token,
                kind: "failed".to_owned(),
                json: None,
                code: Some(code.to_owned()),
                message: Some(message),
                cause,
            },
        };
        // A loop that has ended hears nothing any more, and nobody is left to mind.
        let _: napi::Status = listener.call(event, ThreadsafeFunctionCallMode::NonBlocking);
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let (code, message) = if self.begun {
            ("ERR_PLIMSOLL_INTERNAL", "a fault of Plimsoll's own was caught; please report it")
        } else {
            (
                "ERR_PLIMSOLL_OVERFLOW",
                "as much work waits as may: end scopes and delete files first",
            )
        };
        self.send(Err(Failure { code, message: message.to_owned(), cause: None }));
    }
}

/// Has work done that may block; `token` hears what became of it.
fn submit(
    token: u32,
    work: impl FnOnce(&'static Owner) -> std::result::Result<Value, Failure> + Send + 'static,
) {
    let listener = LISTENER.with_borrow(Clone::clone);
    let mut answer = Answer { token, begun: false, listener };
    let owner = Owner::global();
    // Dropped where it was refused, which answers.
    let _accepted: bool = owner.jobs().submit(Box::new(move || {
        answer.begun = true;
        answer.tell(work(owner));
    }));
}

/// Opens the native half of a scope within another, or within 0. Returns its number; 0 when there are too many.
#[napi(catch_unwind)]
pub fn group_open(within: u32) -> u32 {
    Owner::global().groups().open(within).unwrap_or(0)
}

/// Forgets a scope that has ended.
#[napi(catch_unwind)]
pub fn group_close(group: u32) {
    Owner::global().groups().close(group);
}

/// Ends what is in a scope; 0: everything. `token` hears `{ processes, files, failures }`.
#[napi(catch_unwind)]
pub fn group_end(token: u32, group: u32, grace_ms: Option<f64>) {
    let grace = grace_ms.map(milliseconds);
    submit(token, move |owner| {
        let ending = owner.end_group(group, EndedBy::Request, grace);
        let failures: Vec<Value> = ending
            .failures
            .iter()
            .map(|(path, message)| json!({ "path": path, "message": message }))
            .collect();
        Ok(json!({ "processes": ending.processes, "files": ending.files, "failures": failures }))
    });
}

/// A process that is tracked, or why not.
#[napi(object)]
pub struct BindingTracked {
    pub id: Option<u32>,
    pub code: Option<String>,
    pub message: Option<String>,
}

/// Takes hold of a process that somebody else started.
#[napi(catch_unwind)]
pub fn process_track(pid: i32, command: String, group: u32) -> BindingTracked {
    match Owner::global().track(pid, &command, group) {
        Ok(id) => BindingTracked { id: Some(id), code: None, message: None },
        Err(why) => BindingTracked {
            id: None,
            code: Some(why.code().to_owned()),
            message: Some(why.to_string()),
        },
    }
}

/// Lets go of it without ending it.
#[napi(catch_unwind)]
pub fn process_untrack(id: u32) {
    Owner::global().tracked().untrack(id);
}

/// Ends it with its tree.
#[napi(catch_unwind)]
pub fn tracked_end(token: u32, id: u32, grace_ms: Option<f64>) {
    let grace = grace_ms.map(milliseconds);
    submit(token, move |owner| {
        let report = owner.end_tracked(&[id], grace);
        Ok(json!({ "processes": report.signalled, "refused": report.refused }))
    });
}

/// What runs, as JSON: `[{ id, pid, command, group, startedMs, tracked }]`.
#[napi(catch_unwind)]
pub fn process_list() -> String {
    let owner = Owner::global();
    let started = owner.host().list().into_iter().map(|one| {
        json!({
            "id": one.id, "pid": one.pid, "command": String::from_utf8_lossy(&one.command),
            "group": one.group, "startedMs": one.started_ms, "tracked": false,
        })
    });
    let tracked = owner.tracked().list().into_iter().map(|one| {
        json!({
            "id": one.id, "pid": one.identity.pid, "command": one.command, "group": one.group,
            "startedMs": one.since_ms, "tracked": true,
        })
    });
    Value::from_iter(started.chain(tracked)).to_string()
}

/// Counters, as JSON.
#[napi(catch_unwind)]
pub fn lifecycle_counts() -> String {
    Owner::global().counts().to_string()
}

/// Finishes what dead owners left in a state directory, or in the user's own; the listener hears JSON, or why not.
#[napi(catch_unwind)]
pub fn lifecycle_sweep(
    directory: Option<String>,
    done: Function<'_, BindingSwept, ()>,
) -> Result<()> {
    let done = done.build_threadsafe_function().callee_handled::<false>().build()?;
    std::thread::Builder::new().name("plimsoll-sweep".to_owned()).spawn(move || {
        let swept = match Owner::global().sweep(directory.map(Into::into)) {
            Ok((directory, report)) => BindingSwept {
                code: None,
                message: None,
                json: Some(shown_sweep(&directory, &report).to_string()),
            },
            Err(error) => BindingSwept {
                code: Some(error.code().to_owned()),
                message: Some(error.to_string()),
                json: None,
            },
        };
        let _: napi::Status = done.call(swept, ThreadsafeFunctionCallMode::NonBlocking);
    })?;
    Ok(())
}

/// What a sweep did, or why it did nothing.
#[napi(object)]
pub struct BindingSwept {
    pub code: Option<String>,
    pub message: Option<String>,
    pub json: Option<String>,
}

fn shown_sweep(directory: &std::path::Path, report: &SweepReport) -> Value {
    let kept: Vec<Value> = report
        .kept
        .iter()
        .map(|kept| json!({ "path": kept.path, "reason": kept.reason }))
        .collect();
    json!({
        "directory": directory,
        "ledgers": report.ledgers,
        "living": report.living,
        "processesKilled": report.processes_killed,
        "filesRemoved": report.files_removed,
        "directoriesRemoved": report.directories_removed,
        "damagedRecords": report.garbage,
        "kept": kept,
        "otherNamespaces": report.foreign_namespace,
    })
}
