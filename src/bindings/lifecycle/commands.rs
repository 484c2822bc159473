//! Commands: started, written to, ended; their events come to one listener of the environment, by token.

use crate::lifecycle::keeper::messages::Step;
use crate::lifecycle::keeper::order::{Leftovers, Order};
use crate::lifecycle::owner::Owner;
use crate::lifecycle::process::{
    Captured, EndedBy, Ending, Event, Input, Listener, Outcome, Output, ProcessId, Processes,
    Request, Stream,
};
use napi::bindgen_prelude::{Buffer, Function, Uint8Array};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Env, Result};
use napi_derive::napi;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{BindingProblem, milliseconds};

/// A command, complete and validated.
#[napi(object)]
pub struct BindingCommand {
    pub program: String,
    pub arguments: Vec<String>,
    /// `NAME=value`; none: the environment of the process.
    pub environment: Option<Vec<String>>,
    pub directory: Option<String>,
    pub keep_leftovers: bool,
    /// `nothing`, `bytes`, `written` or `inherited`.
    pub input: String,
    pub input_bytes: Option<Uint8Array>,
    /// `dropped`, `kept`, `streamed` or `inherited`.
    pub output: String,
    pub error: String,
    pub most_bytes: f64,
    pub timeout_ms: Option<f64>,
    pub end_signal: i32,
    pub grace_ms: f64,
    pub group: u32,
}

/// How a command ended.
#[napi(object)]
pub struct BindingEnding {
    /// `exited`, `signalled`, `notRun`, `cancelled` or `lost`.
    pub outcome: String,
    /// Exit code, signal or the system's error number.
    pub code: i32,
    pub step: Option<String>,
    /// `timeout`, `request` or `deadline`.
    pub ended_by: Option<String>,
    pub pid: i32,
    pub duration_ms: f64,
    pub cpu_us: f64,
    pub max_rss_kib: f64,
    pub leftovers_ended: f64,
    pub refused: f64,
    pub stdout_head: Buffer,
    pub stdout_tail: Buffer,
    pub stdout_total: f64,
    pub stderr_head: Buffer,
    pub stderr_tail: Buffer,
    pub stderr_total: f64,
}

/// What happened to a command or to a request to a pool.
#[napi(object)]
pub struct BindingProcessEvent {
    pub token: u32,
    pub kind: String,
    pub pid: Option<i32>,
    /// 1 standard output, 2 standard error.
    pub stream: Option<u32>,
    pub bytes: Option<Buffer>,
    pub count: Option<f64>,
    pub ending: Option<BindingEnding>,
    pub text: Option<String>,
    pub code: Option<String>,
    pub message: Option<String>,
}

impl BindingProcessEvent {
    pub(super) fn of(token: u32, kind: &str) -> BindingProcessEvent {
        BindingProcessEvent {
            token,
            kind: kind.to_owned(),
            pid: None,
            stream: None,
            bytes: None,
            count: None,
            ending: None,
            text: None,
            code: None,
            message: None,
        }
    }
}

type Callback =
    ThreadsafeFunction<BindingProcessEvent, (), BindingProcessEvent, napi::Status, false, true, 0>;

/// One environment: who hears, and what runs for it.
pub(super) struct Ears {
    callback: Callback,
    /// By token. Shared by all listeners this thread has had: test runners load the facade several times.
    running: Arc<Mutex<HashMap<u32, ProcessId>>>,
}

thread_local! {
    static EARS: RefCell<Option<Arc<Ears>>> = const { RefCell::new(None) };
}

impl Ears {
    /// Those of this thread.
    pub(super) fn here() -> Option<Arc<Ears>> {
        EARS.with_borrow(Clone::clone)
    }

    pub(super) fn tell(&self, event: BindingProcessEvent) {
        // A loop that has ended hears nothing any more, and nobody is left to mind.
        let _: napi::Status = self.callback.call(event, ThreadsafeFunctionCallMode::NonBlocking);
    }

    fn running(&self) -> MutexGuard<'_, HashMap<u32, ProcessId>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says who hears of commands and pools in this environment. Does not hold the event loop.
#[napi(catch_unwind)]
pub fn process_listen(env: Env, listener: Function<'_, BindingProcessEvent, ()>) -> Result<()> {
    let callback =
        listener.build_threadsafe_function().weak::<true>().callee_handled::<false>().build()?;
    let before = EARS.take();
    let running = before.as_ref().map(|ears| Arc::clone(&ears.running)).unwrap_or_default();
    EARS.set(Some(Arc::new(Ears { callback, running })));
    if before.is_some() {
        return Ok(());
    }
    env.add_env_cleanup_hook((), |()| {
        super::pools::close_all_of_this_thread();
        let Some(ears) = EARS.take() else { return };
        // Whoever started them is gone: nobody could end them any more.
        for process in ears.running().values() {
            Owner::global().host().end(*process, EndedBy::Request, None);
        }
    })?;
    Ok(())
}

/// Lets what is awaited hold the event loop open, or no longer. Calls are not counted.
#[napi(catch_unwind)]
pub fn process_hold(env: Env, hold: bool) -> Result<()> {
    match Ears::here() {
        Some(ears) => crate::bindings::fast::hold_loop(&env, ears.callback.raw(), hold),
        None => Ok(()),
    }
}

struct Teller {
    token: u32,
    ears: Arc<Ears>,
}

impl Listener for Teller {
    fn hear(&self, _: ProcessId, event: Event) {
        if matches!(event, Event::Ended(_)) {
            self.ears.running().remove(&self.token);
        }
        self.ears.tell(shown(self.token, event));
    }
}

/// Has a command started; nothing, or why not.
#[napi(catch_unwind)]
pub fn process_start(token: u32, command: BindingCommand) -> Option<BindingProblem> {
    let Some(ears) = Ears::here() else {
        return Some(BindingProblem::new("ERR_PLIMSOLL_STATE", "nobody listens here".to_owned()));
    };
    let listener = Arc::new(Teller { token, ears: Arc::clone(&ears) });
    // Held meanwhile: the end may be heard before the number is known here.
    let mut running = ears.running();
    match Owner::global().host().start(core_request(command), listener) {
        Ok(process) => {
            running.insert(token, process);
            None
        }
        Err(refusal) => Some(BindingProblem::new(refusal.code(), refusal.to_string())),
    }
}

fn with_running(token: u32, work: impl FnOnce(&dyn Processes, ProcessId)) -> bool {
    let Some(ears) = Ears::here() else { return false };
    let process = ears.running().get(&token).copied();
    process.inspect(|process| work(&**Owner::global().host(), *process)).is_some()
}

/// Writes to the input of a command. Returns whether it was taken.
#[napi(catch_unwind)]
pub fn process_write(token: u32, bytes: Uint8Array) -> bool {
    let mut taken = false;
    with_running(token, |processes, process| {
        taken = processes.write(process, bytes.to_vec()).is_ok();
    });
    taken
}

/// Ends the input of a command once everything written is passed on.
#[napi(catch_unwind)]
pub fn process_close_input(token: u32) {
    with_running(token, |processes, process| processes.close_input(process));
}

fn stream_of(number: u32) -> Stream {
    if number == 1 { Stream::Output } else { Stream::Error }
}

/// So many bytes of an output (1 standard output, 2 standard error) were taken.
#[napi(catch_unwind)]
pub fn process_taken(token: u32, stream: u32, bytes: f64) {
    let stream = stream_of(stream);
    with_running(token, |processes, process| processes.taken(process, stream, bytes as usize));
}

/// Nobody wants the rest of an output.
#[napi(catch_unwind)]
pub fn process_ignore(token: u32, stream: u32) {
    with_running(token, |processes, process| processes.ignore(process, stream_of(stream)));
}

/// Sends a signal to a command, or to its whole tree. Returns whether it runs or waits to.
#[napi(catch_unwind)]
pub fn process_signal(token: u32, signal: i32, tree: bool) -> bool {
    with_running(token, |processes, process| processes.signal(process, signal, tree))
}

/// Ends the tree of a command, with this grace or its own. Returns whether there was anything to end.
#[napi(catch_unwind)]
pub fn process_end(token: u32, grace_ms: Option<f64>) -> bool {
    let grace = grace_ms.map(milliseconds);
    with_running(token, |processes, process| processes.end(process, EndedBy::Request, grace))
}

/// The environment of the process. Called on the thread that may change it, so nobody does meanwhile.
pub(super) fn own_environment() -> Vec<Vec<u8>> {
    std::env::vars_os()
        .map(|(name, value)| {
            let mut entry = name.into_encoded_bytes();
            entry.push(b'=');
            entry.extend_from_slice(value.as_encoded_bytes());
            entry
        })
        .collect()
}

pub(super) fn bytes_of(texts: Vec<String>) -> Vec<Vec<u8>> {
    texts.into_iter().map(String::into_bytes).collect()
}

fn core_request(command: BindingCommand) -> Request {
    let output = |kind: &str| match kind {
        "kept" => Output::Kept { most_bytes: command.most_bytes as usize },
        "streamed" => Output::Streamed,
        "inherited" => Output::Inherited,
        _ => Output::Dropped,
    };
    let (output, error) = (output(&command.output), output(&command.error));
    Request {
        order: Order {
            program: command.program.into_bytes(),
            arguments: bytes_of(command.arguments),
            environment: command.environment.map_or_else(own_environment, bytes_of),
            directory: command.directory.unwrap_or_default().into_bytes(),
            ledger: Vec::new(),
            leftovers: if command.keep_leftovers { Leftovers::Keep } else { Leftovers::End },
        },
        input: match command.input.as_str() {
            "bytes" => Input::Bytes(command.input_bytes.map(|it| it.to_vec()).unwrap_or_default()),
            "written" => Input::Written,
            "inherited" => Input::Inherited,
            _ => Input::Nothing,
        },
        output,
        error,
        timeout: command.timeout_ms.map(milliseconds),
        end_signal: command.end_signal,
        grace: milliseconds(command.grace_ms),
        group: command.group,
    }
}

fn shown(token: u32, event: Event) -> BindingProcessEvent {
    let of = |kind| BindingProcessEvent::of(token, kind);
    let number = |stream| Some(if stream == Stream::Output { 1 } else { 2 });
    match event {
        Event::Started { pid } => BindingProcessEvent { pid: Some(pid), ..of("started") },
        Event::Bytes { stream, bytes } => {
            BindingProcessEvent { stream: number(stream), bytes: Some(bytes.into()), ..of("bytes") }
        }
        Event::StreamEnded { stream } => {
            BindingProcessEvent { stream: number(stream), ..of("streamEnded") }
        }
        Event::InputPassed { bytes } => {
            BindingProcessEvent { count: Some(bytes as f64), ..of("inputPassed") }
        }
        Event::InputClosed => of("inputClosed"),
        Event::Ended(ending) => {
            BindingProcessEvent { ending: Some(shown_ending(*ending)), ..of("ended") }
        }
    }
}

fn shown_ending(ending: Ending) -> BindingEnding {
    let step_name = |step| match step {
        Step::Order => "order",
        Step::Prepare => "prepare",
        Step::Fork => "fork",
        Step::Directory => "directory",
        Step::Execute => "execute",
    };
    let (outcome, code, step) = match ending.outcome {
        Outcome::Exited(code) => ("exited", code, None),
        Outcome::Signalled(signal) => ("signalled", signal, None),
        Outcome::NotRun { step, errno } => ("notRun", errno, Some(step_name(step).to_owned())),
        Outcome::NotRecorded { errno } => ("notRun", errno, Some("ledger".to_owned())),
        Outcome::Cancelled => ("cancelled", 0, None),
        Outcome::Lost { errno } => ("lost", errno, None),
    };
    let ended_by = ending.ended_by.map(|by| match by {
        EndedBy::Timeout => "timeout",
        EndedBy::Request => "request",
        EndedBy::Deadline => "deadline",
    });
    let Captured { head: stdout_head, tail: stdout_tail, total: stdout_total } = ending.output;
    let Captured { head: stderr_head, tail: stderr_tail, total: stderr_total } = ending.error;
    BindingEnding {
        outcome: outcome.to_owned(),
        code,
        step,
        ended_by: ended_by.map(str::to_owned),
        pid: ending.pid,
        duration_ms: ending.duration.as_secs_f64() * 1000.0,
        cpu_us: ending.cpu_us as f64,
        max_rss_kib: ending.max_rss_kib as f64,
        leftovers_ended: ending.leftovers_ended as f64,
        refused: ending.refused as f64,
        stdout_head: stdout_head.into(),
        stdout_tail: stdout_tail.into(),
        stdout_total: stdout_total as f64,
        stderr_head: stderr_head.into(),
        stderr_tail: stderr_tail.into(),
        stderr_total: stderr_total as f64,
    }
}
