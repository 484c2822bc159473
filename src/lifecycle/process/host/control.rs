//! The owner's end of the conversation with one keeper.

use crate::lifecycle::keeper::messages::{LENGTH, ToKeeper, ToOwner};
use crate::platform::poller::Watched;
use rustix::io::Errno;

/// Bytes that may wait for a keeper that does not read: only signals can be that many.
const MOST_UNSENT: usize = 64 * LENGTH;

/// What was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    Message(ToOwner),
    /// Nothing more for now.
    Nothing,
    /// The keeper is no more.
    End,
    /// Something no keeper says.
    Nonsense,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Control {
    socket: Watched,
    incoming: [u8; LENGTH],
    filled: usize,
    unsent: Vec<u8>,
}

impl Control {
    pub(super) fn new(socket: Watched) -> Control {
        Control { socket, incoming: [0; LENGTH], filled: 0, unsent: Vec::new() }
    }

    /// Asks to be told of the next message, and of room for what is unsent. `false`: it cannot be watched.
    pub(super) fn arm(&self) -> bool {
        self.socket.arm(true, !self.unsent.is_empty()).is_ok()
    }

    pub(super) fn hear(&mut self) -> Heard {
        while self.filled < LENGTH {
            match rustix::io::read(&self.socket, &mut self.incoming[self.filled..]) {
                Ok(0) => return Heard::End,
                Ok(count) => self.filled += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Heard::Nothing,
                Err(_) => return Heard::End,
            }
        }
        self.filled = 0;
        ToOwner::decode(&self.incoming).map_or(Heard::Nonsense, Heard::Message)
    }

    /// Says it, or keeps it until the keeper reads. `false`: too much is kept already, and it was dropped.
    /// Only signals are; that a keeper has gone is heard, not felt here.
    pub(super) fn say(&mut self, message: ToKeeper) -> bool {
        let droppable = matches!(message, ToKeeper::Signal { .. });
        if droppable && self.unsent.len() >= MOST_UNSENT {
            return false;
        }
        self.unsent.extend_from_slice(&message.encode());
        self.send();
        if !self.unsent.is_empty() {
            // That it cannot be armed is found out when it is armed next.
            self.arm();
        }
        true
    }

    /// Sends what is unsent, as far as the keeper takes it.
    pub(super) fn send(&mut self) {
        while !self.unsent.is_empty() {
            match rustix::io::write(&self.socket, &self.unsent) {
                Ok(count) => {
                    self.unsent.drain(..count);
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(_) => self.unsent.clear(),
            }
        }
    }
}
