//! One handle: what a caller stores entries through.
//!
//! [`Handle::store`] is the acknowledgement: when it says [`Stored::InRing`], the entry survives the
//! process. It takes one uncontended lock and never waits for the disk or for the writer.

use super::counters::Counters;
use super::failure::Failure;
use super::hub::Hub;
use super::level::Level;
use super::ring::{Encoding, Producer, Refusal, Ring};
use super::settings::{Overflow, Settings};
use crate::platform::clock::Clock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Stored {
    /// It is in the ring: acknowledged.
    InRing = 0,
    /// No room; nothing was stored. Ask for [`Handle::want_room`] and try again.
    Full = 1,
    /// No room for its level, and the settings say to drop it; it was counted.
    Dropped = 2,
    /// Longer than a frame can be: use [`Handle::begin_large`].
    TooLarge = 3,
    /// The handle is closed.
    Closed = 4,
    /// The filler wrote nothing.
    NotFilled = 5,
}

/// What a handle tells its owner. Delivered on the writer thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The handle is ready, or could not be made so.
    Opened(Result<(), Failure>),
    /// Everything stored before the request with this number is in the log, or could not be written.
    Flushed(u32, Result<(), Failure>),
    /// The handle is closed; what could not be written waits in its ring.
    Closed(Result<(), Failure>),
    /// The ring has room again.
    Room,
    /// The large entry with this number is in the log, or never will be.
    LargeWritten(u32, Result<(), Failure>),
    /// Something went wrong that no caller waits for. At most one a second of each code and cause.
    Trouble(Failure),
}

/// Who hears the events of a handle.
pub type EventSink = Box<dyn Fn(Event) + Send + Sync>;

/// An entry too long for the ring, on its way to the writer.
#[derive(Debug)]
pub struct LargeEntry {
    /// The number its [`Event::LargeWritten`] will bear.
    pub token: u32,
    /// Its level.
    pub level: Level,
    /// When it was logged.
    pub time_ms: i64,
    /// Whether its text may hold error records.
    pub error_records: bool,
    /// The JSON text of its data.
    pub json: Vec<u8>,
}

/// How full a ring is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fill {
    /// Entries waiting to be written.
    pub entries: u64,
    /// Bytes they take.
    pub bytes: u64,
}

#[derive(Default)]
struct Intake {
    producer: Option<Producer>,
    entries: u64,
    bytes: u64,
}

/// A handle of one log. Shared by the thread that stores and the writer.
pub struct Handle {
    /// Its number in this process.
    pub id: u64,
    /// What was asked for.
    pub settings: Settings,
    /// What it has done.
    pub counters: Counters,
    hub: Arc<Hub>,
    clock: Arc<dyn Clock>,
    events: EventSink,
    intake: Mutex<Intake>,
    large: Mutex<Option<LargeEntry>>,
    passed_sequence: AtomicU64,
    armed: AtomicBool,
    wake_requested: AtomicBool,
    wants_room: AtomicBool,
    closed: Mutex<bool>,
    closed_bell: Condvar,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic while it was held left plain numbers behind, all of them whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Handle {
    pub(super) fn new(
        id: u64,
        settings: Settings,
        hub: Arc<Hub>,
        clock: Arc<dyn Clock>,
        events: EventSink,
    ) -> Handle {
        Handle {
            id,
            settings,
            counters: Counters::default(),
            hub,
            clock,
            events,
            intake: Mutex::default(),
            large: Mutex::new(None),
            passed_sequence: AtomicU64::new(0),
            armed: AtomicBool::new(false),
            wake_requested: AtomicBool::new(false),
            wants_room: AtomicBool::new(false),
            closed: Mutex::new(false),
            closed_bell: Condvar::new(),
        }
    }

    pub(super) fn tell(&self, event: Event) {
        (self.events)(event);
    }

    pub(super) fn start_intake(&self, ring: Arc<Ring>) {
        lock(&self.intake).producer = Some(Producer::new(ring));
    }

    /// Ends the taking of entries; what is in the ring stays there.
    pub(super) fn end_intake(&self) {
        lock(&self.intake).producer = None;
    }

    /// Replaces the ring by what `remake` makes of it, with nothing stored meanwhile.
    pub(super) fn replace_ring<E>(
        &self,
        remake: impl FnOnce() -> Result<Arc<Ring>, E>,
    ) -> Result<Arc<Ring>, E> {
        let mut intake = lock(&self.intake);
        let ring = remake()?;
        if let Some(producer) = &mut intake.producer {
            producer.move_to(Arc::clone(&ring));
        }
        Ok(ring)
    }

    /// Stores an entry of at most `longest` bytes, which `fill` writes to the address it is given,
    /// returning how many bytes it wrote (`None`: the entry is given up).
    pub fn store(
        &self,
        longest: usize,
        level: Level,
        encoding: Encoding,
        error_records: bool,
        fill: impl FnOnce(*mut u8) -> Option<usize>,
    ) -> Stored {
        let mut intake = lock(&self.intake);
        let Intake { producer: Some(producer), entries, bytes } = &mut *intake else {
            return Stored::Closed;
        };
        let share = self.settings.overflow.share(level);
        let geometry = self.settings.ring;
        let waiting = self.waiting(producer);
        if waiting >= (geometry.max_entries * share / 100).max(1) {
            return Stored::Full;
        }
        let reservation = match producer.reserve(longest, share) {
            Ok(reservation) => reservation,
            Err(Refusal::Full) => return Stored::Full,
            Err(Refusal::TooLarge) => return Stored::TooLarge,
        };
        let Some(length) = fill(producer.pointer(&reservation)) else { return Stored::NotFilled };
        let time_ms = self.clock.wall_ms();
        producer.commit(&reservation, length, level, encoding, error_records, time_ms);
        *entries += 1;
        *bytes += length as u64;
        let full = waiting + 1 >= self.settings.wake_entries || producer.is_nearly_full();
        drop(intake);
        // Either the writer's next look at the ring sees this entry, or this swap sees that the flag
        // was cleared before that look: see `accept_wakes`.
        let armed = self.armed.swap(true, Ordering::SeqCst);
        if full && !self.wake_requested.swap(true, Ordering::SeqCst) {
            self.hub.wake(self.id);
        } else if !armed {
            self.hub.arm(self.id);
        }
        Stored::InRing
    }

    /// Decides about an entry that found no room: it is to wait ([`Stored::Full`]), or it is given up and
    /// counted ([`Stored::Dropped`]).
    pub fn refuse(&self, level: Level) -> Stored {
        match self.settings.overflow {
            Overflow::Wait => Stored::Full,
            Overflow::DropLowest => {
                self.counters.drop_entry(level);
                self.hub.wake(self.id);
                Stored::Dropped
            }
        }
    }

    fn waiting(&self, producer: &Producer) -> u64 {
        producer.next_sequence() - 1 - self.passed_sequence.load(Ordering::Acquire)
    }

    /// Asks for [`Event::Room`]. Returns `true` when there is room already, and no event will come.
    pub fn want_room(&self) -> bool {
        self.wants_room.store(true, Ordering::SeqCst);
        let fill = self.fill();
        let half = self.settings.ring.capacity / 2;
        let room = fill.bytes < half && fill.entries < self.settings.ring.max_entries.div_ceil(2);
        if !room {
            self.hub.wake(self.id);
        }
        room && self.wants_room.swap(false, Ordering::SeqCst)
    }

    pub(super) fn passed(&self, sequence: Option<u64>) {
        if let Some(sequence) = sequence {
            self.passed_sequence.fetch_max(sequence, Ordering::AcqRel);
        }
    }

    pub(super) fn offer_room(&self) {
        if self.wants_room.load(Ordering::SeqCst) && self.wants_room.swap(false, Ordering::SeqCst) {
            self.tell(Event::Room);
        }
    }

    /// Lets the next entry arm and wake the writer again. Called before the writer looks at the ring.
    pub(super) fn accept_wakes(&self) {
        self.armed.swap(false, Ordering::SeqCst);
        self.wake_requested.swap(false, Ordering::SeqCst);
    }

    pub(super) fn finish_closing(&self) {
        *lock(&self.closed) = true;
        self.closed_bell.notify_all();
    }

    /// Waits until the handle is closed, at most `bound`. Returns whether it is.
    pub fn wait_closed(&self, bound: Duration) -> bool {
        let waited =
            self.closed_bell.wait_timeout_while(lock(&self.closed), bound, |closed| !*closed);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// How full its ring is.
    #[must_use]
    pub fn fill(&self) -> Fill {
        lock(&self.intake).producer.as_ref().map_or_else(Fill::default, |producer| Fill {
            entries: self.waiting(producer),
            bytes: producer.used(),
        })
    }

    /// Entries and bytes of JSON acknowledged so far.
    #[must_use]
    pub fn accepted(&self) -> Fill {
        let intake = lock(&self.intake);
        Fill {
            entries: intake.entries + self.counters.accepted_large.get(),
            bytes: intake.bytes + self.counters.accepted_large_bytes.get(),
        }
    }

    /// Begins an entry too long for the ring; its text follows in pieces. `false` when another one is
    /// still on its way: one at a time bounds the memory.
    pub fn begin_large(
        &self,
        token: u32,
        level: Level,
        error_records: bool,
        length: usize,
    ) -> bool {
        let mut large = lock(&self.large);
        if large.is_some() {
            return false;
        }
        let time_ms = self.clock.wall_ms();
        let json = Vec::with_capacity(length);
        *large = Some(LargeEntry { token, level, time_ms, error_records, json });
        true
    }

    /// Adds a piece of the large entry that was begun.
    pub fn extend_large(&self, extend: impl FnOnce(&mut Vec<u8>)) {
        if let Some(large) = lock(&self.large).as_mut() {
            extend(&mut large.json);
        }
    }

    /// Hands the large entry to the writer. [`Event::LargeWritten`] is its acknowledgement.
    pub fn end_large(&self) {
        if let Some(large) = lock(&self.large).take() {
            self.hub.write_large(self.id, large);
        }
    }

    /// Asks for [`Event::Flushed`] with this number.
    pub fn flush(&self, token: u32) {
        self.hub.flush(self.id, token);
    }

    /// Asks for [`Event::Closed`]; stores nothing from now on.
    pub fn close(&self) {
        self.end_intake();
        self.hub.close(self.id);
    }
}
