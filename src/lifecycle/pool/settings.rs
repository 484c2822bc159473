//! What a pool is asked to be.

use super::super::group::{GroupId, WHOLE_PROCESS};
use super::super::keeper::order::Order;
use super::super::process::MOST_UNREAD_INPUT;
use std::time::Duration;

/// Most workers of one pool.
pub const MOST_WORKERS: usize = 256;
/// Most requests that may wait in one pool, whatever its settings.
pub const MOST_QUEUED: usize = 1_000_000;
/// Most requests in flight on one worker.
pub const MOST_IN_FLIGHT: usize = 1024;
/// The longest message of all pools, so that one always fits into what a process may have unread.
pub const LONGEST_MESSAGE: usize = MOST_UNREAD_INPUT / 2;

/// How requests and answers are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// A line of any bytes each way, in turn.
    Line,
    /// A line of JSON each way, in turn.
    Jsonl,
    /// JSON-RPC 2.0 behind `Content-Length` headers, as language servers speak it. Answers carry the number of
    /// their request, so that several may be in flight on one worker.
    ContentLength,
}

/// Asked of a worker before any request; it is ready when it has answered, other than by a JSON-RPC error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartupProbe {
    /// What is sent, as a request would be.
    pub text: Vec<u8>,
    /// How long after its start the worker may take to answer.
    pub timeout: Duration,
    /// A notification sent when it has answered (`initialized` of a language server); for
    /// [`Protocol::ContentLength`] alone.
    pub then: Option<Vec<u8>>,
}

/// Asked of a worker that has had nothing to do for a while; one that does not answer is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck {
    /// What is sent, as a request would be. With JSON-RPC an error is an answer too.
    pub text: Vec<u8>,
    /// Since its last answer.
    pub interval: Duration,
    /// How long it may take.
    pub timeout: Duration,
}

/// Everything about a pool that its user decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The program of a worker, its arguments, environment and directory.
    pub order: Order,
    /// The scope its workers belong to.
    pub group: GroupId,
    /// See [`Protocol`].
    pub protocol: Protocol,
    /// Workers kept even if nobody asks; they are started when the pool is opened. 0.
    pub min: usize,
    /// Most workers at once, those that are starting or ending included. 4.
    pub max: usize,
    /// Requests in flight on one worker. 1; more for [`Protocol::ContentLength`] alone.
    pub in_flight: usize,
    /// Requests that may wait for a worker; one more is refused. 1000.
    pub queue: usize,
    /// Bytes of all requests that wait; what is more is refused. 64 MiB.
    pub queue_bytes: usize,
    /// Bytes of one message, either way. 16 MiB.
    pub message_bytes: usize,
    /// A worker beyond `min` ends after so long without a request. 5 minutes.
    pub idle_timeout: Duration,
    /// A worker is replaced after so many requests. Never.
    pub max_requests: Option<u64>,
    /// A worker whose process tree has more bytes of resident memory is replaced once it is idle. Never.
    pub max_rss: Option<u64>,
    /// A worker is replaced after so long. Never.
    pub max_age: Option<Duration>,
    /// See [`StartupProbe`]. Without one a worker is ready as soon as it runs.
    pub startup_probe: Option<StartupProbe>,
    /// See [`HealthCheck`]. Without one nothing is asked of idle workers.
    pub health_check: Option<HealthCheck>,
    /// The first signal to a worker that must end. TERM.
    pub end_signal: i32,
    /// Between that and KILL. 5 seconds.
    pub grace: Duration,
}

impl Settings {
    /// The defaults for a program.
    #[must_use]
    pub fn new(order: Order, protocol: Protocol) -> Settings {
        Settings {
            order,
            group: WHOLE_PROCESS,
            protocol,
            min: 0,
            max: 4,
            in_flight: 1,
            queue: 1000,
            queue_bytes: 64 << 20,
            message_bytes: 16 << 20,
            idle_timeout: Duration::from_secs(300),
            max_requests: None,
            max_rss: None,
            max_age: None,
            startup_probe: None,
            health_check: None,
            end_signal: 15,
            grace: Duration::from_secs(5),
        }
    }

    /// Whether a pool can be like this.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] names the first setting that cannot be.
    pub fn check(&self) -> Result<(), SettingsError> {
        let within = |name, value: usize, least: usize, most: usize| {
            if (least..=most).contains(&value) {
                Ok(())
            } else {
                Err(SettingsError::OutOfRange { name, value, least, most })
            }
        };
        within("max", self.max, 1, MOST_WORKERS)?;
        within("min", self.min, 0, self.max)?;
        let several = if self.protocol == Protocol::ContentLength { MOST_IN_FLIGHT } else { 1 };
        within("in_flight", self.in_flight, 1, several)?;
        within("queue", self.queue, 1, MOST_QUEUED)?;
        within("message_bytes", self.message_bytes, 1, LONGEST_MESSAGE)?;
        if self.order.program.is_empty() {
            return Err(SettingsError::NoProgram);
        }
        if self.max_requests == Some(0) {
            return Err(SettingsError::Zero("max_requests"));
        }
        for (name, duration) in [
            ("max_age", self.max_age),
            ("startup_probe.timeout", self.startup_probe.as_ref().map(|probe| probe.timeout)),
            ("health_check.interval", self.health_check.as_ref().map(|check| check.interval)),
            ("health_check.timeout", self.health_check.as_ref().map(|check| check.timeout)),
        ] {
            if duration == Some(Duration::ZERO) {
                return Err(SettingsError::Zero(name));
            }
        }
        self.check_messages()
    }

    fn check_messages(&self) -> Result<(), SettingsError> {
        let probe = self.startup_probe.as_ref();
        let asked = [
            ("startup_probe.text", probe.map(|probe| &probe.text)),
            ("health_check.text", self.health_check.as_ref().map(|check| &check.text)),
        ];
        for (name, text) in asked {
            if let Some(reason) = text.and_then(|text| self.unfit(text)) {
                return Err(SettingsError::Message(name, reason));
            }
        }
        let Some(then) = probe.and_then(|probe| probe.then.as_ref()) else { return Ok(()) };
        if self.protocol != Protocol::ContentLength {
            return Err(SettingsError::Message("startup_probe.then", Unfit::NoNotifications));
        }
        match self.unfit(then) {
            Some(reason) => Err(SettingsError::Message("startup_probe.then", reason)),
            None => Ok(()),
        }
    }

    /// Why a message cannot be sent in this protocol.
    pub(super) fn unfit(&self, text: &[u8]) -> Option<Unfit> {
        if text.len() > self.message_bytes {
            return Some(Unfit::TooLong { most: self.message_bytes });
        }
        match self.protocol {
            Protocol::Line | Protocol::Jsonl => {
                memchr::memchr(b'\n', text).map(|_| Unfit::SeveralLines)
            }
            Protocol::ContentLength => {
                super::rpc::object_without_id(text).is_none().then_some(Unfit::NoObject)
            }
        }
    }
}

/// Why a message cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It has more bytes than the pool's messages may have.
    #[error("a message of this pool has at most {most} bytes")]
    TooLong {
        /// The bound.
        most: usize,
    },
    /// It holds a line feed.
    #[error("a message of this protocol is one line; encode line feeds, as JSON does")]
    SeveralLines,
    /// It is no JSON object, or has an `id`.
    #[error("a message of this protocol is a JSON object without an id, which the pool puts in")]
    NoObject,
    /// The protocol has no messages without an answer.
    #[error("this protocol knows no notifications; leave it out or use content-length")]
    NoNotifications,
}

/// Why a pool cannot be like this. The code is `ERR_PLIMSOLL_CONFIG`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A number out of its range.
    #[error("{name} of a pool is {value}; it must be from {least} to {most}")]
    OutOfRange {
        /// Which.
        name: &'static str,
        /// What it is.
        value: usize,
        /// The smallest it may be.
        least: usize,
        /// The largest.
        most: usize,
    },
    /// Something that must be more than nothing.
    #[error("{0} of a pool is 0; give more, or leave it out")]
    Zero(&'static str),
    /// Nothing to run.
    #[error("the command of a pool is empty")]
    NoProgram,
    /// A message that cannot be sent.
    #[error("{0} of a pool cannot be sent: {1}")]
    Message(&'static str, Unfit),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(protocol: Protocol) -> Settings {
        Settings::new(Order { program: b"worker".to_vec(), ..Order::default() }, protocol)
    }

    #[test]
    fn the_defaults_are_a_pool_in_every_protocol() {
        for protocol in [Protocol::Line, Protocol::Jsonl, Protocol::ContentLength] {
            assert_eq!(settings(protocol).check(), Ok(()));
        }
    }

    #[test]
    fn what_no_pool_can_be_is_refused_by_name() {
        let refused = |change: fn(&mut Settings)| {
            let mut settings = settings(Protocol::Line);
            change(&mut settings);
            settings.check().unwrap_err().to_string()
        };
        assert!(refused(|s| s.max = 0).starts_with("max "));
        assert!(refused(|s| s.max = MOST_WORKERS + 1).starts_with("max "));
        assert!(refused(|s| s.min = 5).starts_with("min "));
        assert!(refused(|s| s.in_flight = 2).starts_with("in_flight "));
        assert!(refused(|s| s.message_bytes = LONGEST_MESSAGE + 1).starts_with("message_bytes "));
        assert!(refused(|s| s.queue = usize::MAX).starts_with("queue "));
        assert!(refused(|s| s.order.program.clear()).contains("empty"));
        assert!(refused(|s| s.max_requests = Some(0)).starts_with("max_requests "));
        assert!(refused(|s| s.max_age = Some(Duration::ZERO)).starts_with("max_age "));
    }

    #[test]
    fn probes_and_checks_must_be_messages_of_the_protocol() {
        let probe = |text: &[u8], then: Option<&[u8]>| {
            Some(StartupProbe {
                text: text.to_vec(),
                timeout: Duration::from_secs(10),
                then: then.map(<[u8]>::to_vec),
            })
        };
        let refused = |protocol, startup_probe| {
            Settings { startup_probe, ..settings(protocol) }.check().unwrap_err()
        };
        let text = |reason| SettingsError::Message("startup_probe.text", reason);
        let then = |reason| SettingsError::Message("startup_probe.then", reason);
        assert_eq!(refused(Protocol::Jsonl, probe(b"a\nb", None)), text(Unfit::SeveralLines));
        let rpc = Protocol::ContentLength;
        assert_eq!(refused(rpc, probe(b"[]", None)), text(Unfit::NoObject));
        assert_eq!(refused(rpc, probe(b"{}", Some(b"{\"id\":1}"))), then(Unfit::NoObject));
        assert_eq!(refused(Protocol::Line, probe(b"a", Some(b"b"))), then(Unfit::NoNotifications));
        let most = settings(rpc).message_bytes;
        let long = vec![b' '; most + 1];
        assert_eq!(refused(rpc, probe(&long, None)), text(Unfit::TooLong { most }));
        let check = HealthCheck {
            text: b"a\n".to_vec(),
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
        };
        let checked = Settings { health_check: Some(check), ..settings(Protocol::Line) };
        assert_eq!(
            checked.check(),
            Err(SettingsError::Message("health_check.text", Unfit::SeveralLines))
        );
    }
}
