//! What becomes of requests.

use super::super::process;
use super::framing::FramingError;
use super::settings::Unfit;
use std::fmt;

/// Names one request of one pool, never used again; later ones are larger.
pub type RequestId = u64;

/// The one end of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The message of the worker, as it came: a line without its end, or a JSON-RPC message, which may hold a
    /// `result` or an `error`.
    Answer(Vec<u8>),
    /// Its time was over.
    TimedOut {
        /// Whether a worker had been given it.
        started: bool,
    },
    /// Its asker wanted no answer any more.
    Cancelled,
    /// Its worker died before it answered. The request may have been carried out in part.
    WorkerDied(Box<Death>),
    /// Its worker printed something that is no message. The request may have been carried out.
    ProtocolError(Box<Death>),
    /// No worker could be started, several times in a row; the request was not carried out.
    NoWorker(Box<Death>),
    /// The pool did not take it.
    Refused(Refused),
    /// The pool was closed before it was answered.
    Closed,
}

impl Outcome {
    /// The stable code; empty for an answer.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Outcome::Answer(_) => "",
            Outcome::TimedOut { .. } => "ERR_PLIMSOLL_TIMEOUT",
            Outcome::Cancelled => "ERR_PLIMSOLL_CANCELLED",
            Outcome::WorkerDied(_) | Outcome::NoWorker(_) => "ERR_PLIMSOLL_WORKER",
            Outcome::ProtocolError(_) => "ERR_PLIMSOLL_PROTOCOL",
            Outcome::Refused(refused) => refused.code(),
            Outcome::Closed => "ERR_PLIMSOLL_CLOSED",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Answer(text) => write!(f, "answered with {} bytes", text.len()),
            Outcome::TimedOut { started: true } => {
                f.write_str("the worker did not answer in time; allow more time, or ask for less")
            }
            Outcome::TimedOut { started: false } => f.write_str(
                "no worker was free in time; allow more time or more workers, or ask less often",
            ),
            Outcome::Cancelled => f.write_str("the request was cancelled"),
            Outcome::WorkerDied(death) => {
                write!(f, "the worker died before it answered: {death}")
            }
            Outcome::ProtocolError(death) => {
                write!(f, "the worker did not keep to the protocol: {death}")
            }
            Outcome::NoWorker(death) => {
                write!(f, "no worker could be started, {} times in a row: {death}", death.failures)
            }
            Outcome::Refused(refused) => refused.fmt(f),
            Outcome::Closed => f.write_str("the pool was closed; create another one"),
        }
    }
}

/// Why a pool does not take a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// As many wait as may.
    #[error(
        "{most} requests wait already; wait for answers, or allow more workers or a longer queue"
    )]
    Full {
        /// How many.
        most: usize,
    },
    /// Those that wait have as many bytes as they may.
    #[error("the requests that wait have {most} bytes already; wait for answers")]
    TooManyBytes {
        /// How many.
        most: usize,
    },
    /// It cannot be sent.
    #[error("the request cannot be sent: {0}")]
    Unfit(Unfit),
    /// The pool was closed.
    #[error("the pool was closed; create another one")]
    Closed,
    /// The pool itself failed.
    #[error("the pool failed and was closed; please report this, with what was asked of it")]
    Internal,
}

impl Refused {
    /// The stable code.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Refused::Full { .. } | Refused::TooManyBytes { .. } => "ERR_PLIMSOLL_OVERFLOW",
            Refused::Unfit(_) => "ERR_PLIMSOLL_ARGUMENT",
            Refused::Closed => "ERR_PLIMSOLL_CLOSED",
            Refused::Internal => "ERR_PLIMSOLL_INTERNAL",
        }
    }
}

/// The end of a worker that was to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// Why.
    pub cause: Cause,
    /// The number of its process; 0 when there never was one.
    pub pid: i32,
    /// The end of its standard error, at most [`super::ERROR_TAIL`] bytes.
    pub error_tail: Vec<u8>,
    /// How many workers in a row ended like this one, without an answer.
    pub failures: u32,
}

/// Why a worker is of no more use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// Its process ended.
    Ended(process::Outcome),
    /// It was not started.
    NotStarted(process::Refusal),
    /// It did not answer the startup probe in time.
    ProbeTimedOut,
    /// It answered the startup probe with an error.
    ProbeFailed,
    /// It did not answer a health check in time.
    CheckTimedOut,
    /// What it printed is no message.
    Framing(FramingError),
    /// It printed something while nothing was asked of it.
    Unasked,
    /// It took no more input.
    InputClosed,
    /// It printed all it ever will.
    OutputEnded,
    /// It left too many requests that were cancelled or timed out without an answer.
    Unresponsive,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use process::Outcome as Ended;
        match self {
            Cause::Ended(Ended::Exited(code)) => write!(f, "it exited with code {code}"),
            Cause::Ended(Ended::Signalled(signal)) => write!(f, "signal {signal} ended it"),
            Cause::Ended(Ended::NotRun { step, errno }) => {
                let reason = std::io::Error::from_raw_os_error(*errno);
                write!(f, "it could not be run ({step:?}): {reason}")
            }
            Cause::Ended(Ended::NotRecorded { errno }) => {
                let reason = std::io::Error::from_raw_os_error(*errno);
                write!(f, "it could not be recorded in the ledger: {reason}")
            }
            Cause::Ended(Ended::Cancelled) => f.write_str("its start was cancelled"),
            Cause::Ended(Ended::Lost { errno: 0 }) => f.write_str("its keeper was killed"),
            Cause::Ended(Ended::Lost { errno }) => {
                let reason = std::io::Error::from_raw_os_error(*errno);
                write!(
                    f,
                    "its keeper, the program plimsoll-keeper beside the addon, could not be started or did not answer: {reason}"
                )
            }
            Cause::NotStarted(refusal) => refusal.fmt(f),
            Cause::ProbeTimedOut => f.write_str("it did not answer the startup probe in time"),
            Cause::ProbeFailed => f.write_str("it answered the startup probe with an error"),
            Cause::CheckTimedOut => f.write_str("it did not answer a health check in time"),
            Cause::Framing(error) => error.fmt(f),
            Cause::Unasked => f.write_str(
                "it printed something that was not asked for; nothing but answers may go to its standard output",
            ),
            Cause::InputClosed => f.write_str("it closed its standard input"),
            Cause::OutputEnded => f.write_str("it closed its standard output"),
            Cause::Unresponsive => f.write_str("it left too many abandoned requests unanswered"),
        }
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)?;
        let tail = String::from_utf8_lossy(self.error_tail.trim_ascii());
        if tail.is_empty() { Ok(()) } else { write!(f, "\n{tail}") }
    }
}
