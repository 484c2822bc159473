//! The writer: one thread that moves the entries of every handle into their logs.
//!
//! It wakes when a ring is four fifths full (of the entries it was told to buffer, or of its bytes),
//! when the oldest entry has rested for the flush interval, and on demand; it needs nothing of the
//! JavaScript thread, so all of this goes on while that is blocked.
//!
//! # When the disk does not take them
//!
//! Entries stay in their ring. A busy lock is tried again after 1 ms, doubling to 4 ms; a failed write
//! after 50 ms, doubling to 5 s, and at once when a flush asks. A flush that meets a failure is
//! rejected, the retrying goes on. Each kind of failure is told once a second at most.
//!
//! A panic in the work for one handle is caught: it is counted and told, everything remembered of its
//! ring and log is read anew, and the work goes on.

use super::archive::{Compressor, Job, Mark};
use super::counters::LastError;
use super::drain::{Drain, SharedLog, Step, Terms};
use super::failure::{self, Failure};
use super::handle::{Event, Handle, LargeEntry};
use super::hub::{Hub, Mail, Request, Urgency};
use super::location::locate;
use super::log_file::{LogError, LogFile};
use super::paths::LogPaths;
use super::recovery;
use super::ring::Ring;
use super::settings::Durability;
use crate::platform::clock::Clock;
use crate::platform::filesystem::FileSystem;
use crate::platform::user;
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

/// Steps one handle may take before the others get their turn.
const STEPS_A_TURN: usize = 16;
const FIRST_BUSY: Duration = Duration::from_millis(1);
const LAST_BUSY: Duration = Duration::from_millis(4);
/// A lock found busy for this long is told as trouble, and opening gives up. Among many busy processes
/// it is normal to be turned away for a second.
const BUSY_IS_TROUBLE: Duration = Duration::from_secs(10);
const FIRST_RETRY: Duration = Duration::from_millis(50);
const LAST_RETRY: Duration = Duration::from_secs(5);
/// How long closing tries to write what is left before it leaves it in the ring.
const CLOSE_PATIENCE: Duration = Duration::from_secs(5);
/// How long closing waits for archives being compressed; what is unfinished then the next start does.
const COMPRESS_PATIENCE: Duration = Duration::from_secs(60);
const COMPRESS_POLL: Duration = Duration::from_millis(5);
/// Each kind of trouble is told once in this time.
const TROUBLE_EVERY: Duration = Duration::from_secs(1);
/// Kinds of trouble remembered; more than the system has error codes for a write.
const MAX_TROUBLE_KINDS: usize = 32;
/// Retention by age is looked after this often even when nothing rotates.
const RETAIN_EVERY: Duration = Duration::from_secs(3600);

struct Flush {
    token: u32,
    requested: Duration,
}

#[derive(Default)]
struct Waiting {
    delay: Duration,
    until: Option<Duration>,
    since: Option<Duration>,
}

impl Waiting {
    fn again(&mut self, now: Duration, first: Duration, last: Duration) {
        self.delay = if self.since.is_none() { first } else { (self.delay * 2).min(last) };
        self.since.get_or_insert(now);
        self.until = Some(now + self.delay);
    }
}

/// A handle that is not open yet because the log's lock is busy.
struct Opening {
    handle: Arc<Handle>,
    waiting: Waiting,
}

struct Client {
    handle: Arc<Handle>,
    paths: LogPaths,
    drain: Drain,
    due: Option<Duration>,
    waiting: Waiting,
    flushes: Vec<Flush>,
    large: VecDeque<LargeEntry>,
    closing: Option<Duration>,
    drained_at: Option<(Duration, Mark)>,
    retained_at: Duration,
    told: HashMap<(&'static str, Option<String>), Duration>,
}

/// What the writer works with.
pub(super) struct Writer {
    hub: Arc<Hub>,
    fs: Arc<dyn FileSystem>,
    clock: Arc<dyn Clock>,
    compressor: Arc<Compressor>,
    openings: Vec<Opening>,
    clients: HashMap<u64, Client>,
    logs: HashMap<LogPaths, SharedLog>,
    exiting: bool,
}

/// Why a handle is not open.
enum OpenError {
    /// Another process is in the log; try again.
    Busy,
    /// It cannot be opened.
    Failed(Failure),
}

/// The end of one turn of a client.
enum Turn {
    Drained,
    More,
    Failed(LogError),
}

impl Writer {
    pub(super) fn new(
        hub: Arc<Hub>,
        fs: Arc<dyn FileSystem>,
        clock: Arc<dyn Clock>,
        compressor: Arc<Compressor>,
    ) -> Writer {
        let (openings, clients, logs) = (Vec::new(), HashMap::new(), HashMap::new());
        Writer { hub, fs, clock, compressor, openings, clients, logs, exiting: false }
    }

    /// Works until the process ends.
    pub(super) fn run(&mut self, finished: &dyn Fn()) {
        loop {
            let now = self.clock.monotonic();
            let openings = self.openings.iter().filter_map(|opening| opening.waiting.until);
            let next = self.clients.values().filter_map(Client::next).chain(openings).min();
            let mail = self.hub.take(next.map(|at| at.saturating_sub(now)));
            self.read(mail);
            self.open_handles();
            let now = self.clock.monotonic();
            let mut due: Vec<u64> = self
                .clients
                .iter()
                .filter(|(_, client)| client.next().is_some_and(|at| at <= now))
                .map(|(id, _)| *id)
                .collect();
            due.sort_unstable();
            for id in due {
                self.serve(id);
            }
            if self.exiting && self.clients.is_empty() {
                self.exiting = false;
                finished();
            }
        }
    }

    fn read(&mut self, mail: Mail) {
        let now = self.clock.monotonic();
        let openings = mail.opening.into_iter();
        self.openings
            .extend(openings.map(|handle| Opening { handle, waiting: Waiting::default() }));
        for (id, urgency) in mail.urgent {
            if let Some(client) = self.clients.get_mut(&id) {
                let at = match urgency {
                    Urgency::Woken => now,
                    Urgency::Armed => now + client.handle.settings.flush_interval,
                };
                client.due = Some(client.due.map_or(at, |due| due.min(at)));
            }
        }
        for request in mail.requests {
            match request {
                Request::Flush { handle, token } => {
                    if let Some(client) = self.clients.get_mut(&handle) {
                        client.flushes.push(Flush { token, requested: now });
                        client.hurry(now);
                    }
                }
                Request::Large { handle, entry } => {
                    if let Some(client) = self.clients.get_mut(&handle) {
                        client.large.push_back(entry);
                        client.hurry(now);
                    }
                }
                Request::Close { handle } => {
                    if let Some(client) = self.clients.get_mut(&handle) {
                        client.closing.get_or_insert(now);
                        client.hurry(now);
                    }
                    self.give_up_opening(|opening| opening.handle.id == handle);
                }
                Request::Exit => {
                    self.exiting = true;
                    self.give_up_opening(|_| true);
                    for client in self.clients.values_mut() {
                        client.handle.end_intake();
                        client.closing.get_or_insert(now);
                        client.hurry(now);
                    }
                }
            }
        }
    }

    fn give_up_opening(&mut self, which: impl Fn(&Opening) -> bool) {
        for opening in self.openings.extract_if(.., |opening| which(opening)) {
            opening.handle.finish_closing();
            let message = "closed before it was open".to_owned();
            let failure = Failure { code: failure::CLOSED, message, cause: None };
            opening.handle.tell(Event::Opened(Err(failure)));
        }
    }

    fn open_handles(&mut self) {
        let now = self.clock.monotonic();
        for mut opening in std::mem::take(&mut self.openings) {
            if opening.waiting.until.is_some_and(|until| until > now) {
                self.openings.push(opening);
                continue;
            }
            let opened = catch_unwind(AssertUnwindSafe(|| self.open(&opening.handle)));
            let outcome =
                match opened.unwrap_or_else(|panic| Err(OpenError::Failed(internal(&*panic)))) {
                    Ok(()) => Ok(()),
                    Err(OpenError::Failed(failure)) => Err(failure),
                    Err(OpenError::Busy) => {
                        opening.waiting.again(now, FIRST_BUSY, LAST_BUSY);
                        if opening.waiting.since.is_none_or(|since| now - since < BUSY_IS_TROUBLE) {
                            self.openings.push(opening);
                            continue;
                        }
                        Err(Failure { code: failure::OPEN, ..Failure::of_log(&LogError::Busy, 0) })
                    }
                };
            if let Err(failure) = &outcome {
                self.note(&opening.handle, failure);
                opening.handle.finish_closing();
                self.logs
                    .retain(|paths, _| self.clients.values().any(|other| other.paths == *paths));
            }
            opening.handle.tell(Event::Opened(outcome));
        }
    }

    fn open(&mut self, handle: &Arc<Handle>) -> Result<(), OpenError> {
        let settings = &handle.settings;
        let paths = locate(&*self.fs, user::effective(), &settings.path)
            .map_err(|error| OpenError::Failed(Failure::of_location(&error)))?;
        let sanitizer = settings.profile.sanitizer().ok_or_else(|| {
            let message = "a path to redact is not valid".to_owned();
            OpenError::Failed(Failure { code: failure::OPEN, message, cause: None })
        })?;
        let (fs, clock) = (Arc::clone(&self.fs), Arc::clone(&self.clock));
        let log = self.logs.entry(paths.clone()).or_insert_with(|| SharedLog {
            file: LogFile::new(Arc::clone(&fs), Arc::clone(&clock), paths.clone()),
            dedup: super::dedup::Dedup::default(),
        });
        let threshold = settings.profile.rotation_threshold;
        let terms = Some(Terms { rotation_threshold: threshold, sync: false });
        let patience = Duration::ZERO;
        let recovery = recovery::recover_log(&fs, &clock, log, terms, &handle.counters, patience);
        if recovery.busy {
            return Err(OpenError::Busy);
        }
        let entered = log.file.enter(handle.id).and_then(|mut entered| {
            let due = entered.length() >= threshold;
            due.then(|| entered.rotate()).transpose()
        });
        match entered {
            Ok(_) => {}
            Err(LogError::Busy) => return Err(OpenError::Busy),
            Err(error) => {
                let failure = Failure { code: failure::OPEN, ..Failure::of_log(&error, 0) };
                return Err(OpenError::Failed(failure));
            }
        }
        for failure in recovery.failures {
            self.note(handle, &failure);
            handle.tell(Event::Trouble(failure));
        }
        let ring = Ring::create(
            &*self.fs,
            &paths.ring(handle.id),
            handle.id,
            settings.ring,
            self.clock.wall_ms(),
            &settings.profile.encode(),
        )
        .map_err(|error| OpenError::Failed(Failure::of_ring(&error)))?;
        let ring = Arc::new(ring);
        ring.populate();
        handle.start_intake(Arc::clone(&ring));
        let client = Client {
            handle: Arc::clone(handle),
            paths,
            drain: Drain::new(ring, sanitizer, Arc::clone(&self.clock)),
            due: None,
            waiting: Waiting::default(),
            flushes: Vec::new(),
            large: VecDeque::new(),
            closing: None,
            drained_at: None,
            retained_at: self.clock.monotonic(),
            told: HashMap::new(),
        };
        self.compressor.submit(self.job(&client, None));
        self.clients.insert(handle.id, client);
        Ok(())
    }

    fn job(&self, client: &Client, archive: Option<String>) -> Job {
        let handle = Arc::clone(&client.handle);
        Job {
            paths: client.paths.clone(),
            archive,
            compression: client.handle.settings.compression,
            retention: client.handle.settings.retention,
            done: Box::new(move |report| {
                handle.counters.compressions.add(report.compressed);
                if let Some(error) = report.error {
                    let failure = Failure {
                        code: failure::WRITE,
                        message: format!(
                            "archiving: {error}; the plain archive is kept and tried again"
                        ),
                        cause: None,
                    };
                    handle.tell(Event::Trouble(failure));
                }
            }),
        }
    }

    fn serve(&mut self, id: u64) {
        let Some(mut client) = self.clients.remove(&id) else { return };
        let now = self.clock.monotonic();
        client.handle.accept_wakes();
        let due = client.due.take().unwrap_or(now).min(now);
        if client.drained_at.is_none() {
            let turn = catch_unwind(AssertUnwindSafe(|| self.turn(&mut client)));
            match turn {
                Ok(Turn::Drained) => self.drained(&mut client, due),
                Ok(Turn::More) => client.due = Some(due),
                Ok(Turn::Failed(error)) => self.failed(&mut client, &error, due),
                Err(panic) => self.panicked(&mut client, &*panic),
            }
        }
        if !self.closed(&mut client) {
            self.clients.insert(id, client);
        }
    }

    /// Writes what the client's ring holds, up to the turn's share.
    fn turn(&mut self, client: &mut Client) -> Turn {
        self.keep_name(client);
        let settings = &client.handle.settings;
        let terms = Terms {
            rotation_threshold: settings.profile.rotation_threshold,
            sync: settings.durability == Durability::Disk,
        };
        let Some(log) = self.logs.get_mut(&client.paths) else { return Turn::Drained };
        let counters = &client.handle.counters;
        let finish = client.closing.is_some();
        let mut archives = Vec::new();
        let mut turn = Turn::More;
        for _ in 0..STEPS_A_TURN {
            match client.drain.step(log, terms, counters, finish) {
                Ok(step) => {
                    let more = step.more;
                    client.handle.passed(step.passed);
                    client.handle.offer_room();
                    archives.extend(step.archive);
                    if let Some(error) = step.rotation_error {
                        turn = Turn::Failed(error);
                        break;
                    }
                    if !more {
                        turn = Turn::Drained;
                        break;
                    }
                }
                Err(error) => {
                    turn = Turn::Failed(error);
                    break;
                }
            }
        }
        while matches!(turn, Turn::Drained)
            && let Some(entry) = client.large.pop_front()
        {
            match client.drain.write_large(log, &entry, terms, counters) {
                Ok(Step { archive, rotation_error, .. }) => {
                    counters.accepted_large.add(1);
                    counters.accepted_large_bytes.add(entry.json.len() as u64);
                    archives.extend(archive);
                    client.handle.tell(Event::LargeWritten(entry.token, Ok(())));
                    if let Some(error) = rotation_error {
                        turn = Turn::Failed(error);
                    }
                }
                Err(error) => {
                    client.large.push_front(entry);
                    turn = Turn::Failed(error);
                }
            }
        }
        for archive in archives {
            self.compressor.submit(self.job(client, Some(archive)));
        }
        turn
    }

    /// Gives the ring a name again when its directory was deleted under it.
    fn keep_name(&mut self, client: &mut Client) {
        let ring = Arc::clone(client.drain.ring());
        if self.fs.status(ring.file()).is_ok_and(|status| status.links > 0) {
            return;
        }
        let handle = Arc::clone(&client.handle);
        let remade = handle.replace_ring(|| {
            let path = client.paths.ring(handle.id);
            if self.fs.status_at(client.paths.directory()).is_err() {
                // Failing here shows again, with its path, when the ring is made.
                self.fs.create_directory(client.paths.directory()).ok();
            }
            let (now, profile) = (self.clock.wall_ms(), handle.settings.profile.encode());
            Ring::create(&*self.fs, &path, handle.id, ring.geometry(), now, &profile).map(|new| {
                new.copy_from(&ring);
                Arc::new(new)
            })
        });
        match remade {
            Ok(ring) => client.drain.move_to(ring),
            Err(error) => self.trouble(client, Failure::of_ring(&error)),
        }
    }

    fn drained(&mut self, client: &mut Client, due: Duration) {
        let now = self.clock.monotonic();
        let asked = client.flushes.first().map(|flush| flush.requested);
        client.handle.counters.flushed(now - asked.unwrap_or(due).min(due).min(now));
        client.waiting = Waiting::default();
        for flush in client.flushes.drain(..) {
            client.handle.tell(Event::Flushed(flush.token, Ok(())));
        }
        if client.closing.is_some() {
            client.due = Some(now);
            if client.drain.is_done() {
                client.drained_at = Some((now, self.compressor.mark()));
            }
        }
        if now - client.retained_at > RETAIN_EVERY {
            client.retained_at = now;
            self.compressor.submit(self.job(client, None));
        }
    }

    fn failed(&mut self, client: &mut Client, error: &LogError, due: Duration) {
        let now = self.clock.monotonic();
        client.due = Some(due);
        if matches!(error, LogError::Busy) {
            client.waiting.again(now, FIRST_BUSY, LAST_BUSY);
            if client.waiting.since.is_none_or(|since| now - since < BUSY_IS_TROUBLE) {
                return;
            }
        } else {
            client.waiting.again(now, FIRST_RETRY, LAST_RETRY);
        }
        let failure = Failure::of_log(error, client.handle.fill().entries);
        self.trouble(client, failure.clone());
        if !matches!(error, LogError::Busy) {
            for flush in client.flushes.drain(..) {
                client.handle.tell(Event::Flushed(flush.token, Err(failure.clone())));
            }
        }
    }

    fn panicked(&mut self, client: &mut Client, panic: &(dyn std::any::Any + Send)) {
        client.handle.counters.panics.add(1);
        client.drain.distrust();
        if let Some(log) = self.logs.get_mut(&client.paths) {
            let (fs, clock) = (Arc::clone(&self.fs), Arc::clone(&self.clock));
            log.file = LogFile::new(fs, clock, client.paths.clone());
            log.dedup.forget();
        }
        let now = self.clock.monotonic();
        client.due = Some(now);
        client.waiting.again(now, FIRST_RETRY, LAST_RETRY);
        self.trouble(client, internal(panic));
    }

    /// Finishes the closing of a client that is done or out of time. Returns whether it is gone.
    fn closed(&mut self, client: &mut Client) -> bool {
        let Some(since) = client.closing else { return false };
        let now = self.clock.monotonic();
        if let Some((drained_at, mark)) = client.drained_at {
            let waited = now - drained_at > COMPRESS_PATIENCE || self.exiting;
            if !waited && !self.compressor.is_done(&client.paths, mark) {
                client.waiting.until = Some(now + COMPRESS_POLL);
                client.due = Some(now);
                return false;
            }
            // A ring that stays behind empty is removed by the next start.
            self.fs.remove(client.drain.ring().path()).ok();
            self.forget(client, Ok(()));
            return true;
        }
        if now - since < CLOSE_PATIENCE {
            return false;
        }
        let ring = client.drain.ring().path().display().to_string();
        let last = client.handle.counters.last_error();
        let failure = Failure {
            code: failure::WRITE,
            message: format!(
                "closed with entries unwritten: they are safe in {ring}, and the next start with this log, \
                 or `plimsoll recover`, writes them{}",
                last.map(|last| format!(". The last failure: {}", last.message))
                    .unwrap_or_default()
            ),
            cause: None,
        };
        self.forget(client, Err(failure));
        true
    }

    fn forget(&mut self, client: &mut Client, outcome: Result<(), Failure>) {
        for flush in client.flushes.drain(..) {
            client.handle.tell(Event::Flushed(flush.token, outcome.clone()));
        }
        for large in client.large.drain(..) {
            client.handle.tell(Event::LargeWritten(large.token, outcome.clone()));
        }
        if !self.clients.values().any(|other| other.paths == client.paths) {
            self.logs.remove(&client.paths);
        }
        client.handle.finish_closing();
        client.handle.tell(Event::Closed(outcome));
    }

    fn note(&self, handle: &Handle, failure: &Failure) {
        handle.counters.fail(LastError {
            code: failure.code,
            message: failure.message.clone(),
            time_ms: self.clock.wall_ms(),
        });
    }

    fn trouble(&self, client: &mut Client, failure: Failure) {
        self.note(&client.handle, &failure);
        let now = self.clock.monotonic();
        let kind = (failure.code, failure.cause.clone());
        if client.told.get(&kind).is_some_and(|told| now - *told < TROUBLE_EVERY) {
            return;
        }
        if client.told.len() >= MAX_TROUBLE_KINDS {
            client.told.clear();
        }
        client.told.insert(kind, now);
        client.handle.tell(Event::Trouble(failure));
    }
}

impl Client {
    /// When it wants its next turn.
    fn next(&self) -> Option<Duration> {
        match (self.due, self.waiting.until) {
            (Some(due), Some(until)) => Some(due.max(until)),
            (due, _) => due,
        }
    }

    /// Gives it a turn now, also when it was waiting out a failure.
    fn hurry(&mut self, now: Duration) {
        self.due = Some(now);
        self.waiting.until = None;
    }
}

fn internal(panic: &(dyn std::any::Any + Send)) -> Failure {
    let what = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    Failure {
        code: failure::INTERNAL,
        message: format!(
            "a fault of Plimsoll's own was caught and the work goes on; please report it: {what}"
        ),
        cause: None,
    }
}
