//! What is written to a command.

use super::super::{Event, Input, ProcessId};
use super::mailbox::Shared;
use super::teller::Teller;
use crate::platform::poller::Watched;
use rustix::io::Errno;
use std::collections::VecDeque;

/// Bytes written to one process before the others have their turn.
const MOST_PER_TURN: usize = 256 * 1024;

/// The standard input of one process.
#[derive(Debug)]
pub(super) struct InputPump {
    process: ProcessId,
    /// The writing end, while it is open.
    pipe: Option<Watched>,
    queue: VecDeque<Vec<u8>>,
    /// Bytes of the first in line that were passed on.
    at: usize,
    /// Nothing more will come.
    closing: bool,
    /// Whether the listener hears of it: not of bytes that came with the request.
    told: bool,
    /// Bytes passed on since that was said.
    passed: usize,
}

impl InputPump {
    pub(super) fn new(process: ProcessId, input: &mut Input) -> InputPump {
        let mut queue = VecDeque::new();
        if let Input::Bytes(bytes) = input {
            queue.extend((!bytes.is_empty()).then(|| std::mem::take(bytes)));
        }
        let told = matches!(input, Input::Written);
        InputPump { process, pipe: None, queue, at: 0, closing: !told, told, passed: 0 }
    }

    pub(super) fn open(&mut self, pipe: Watched) {
        self.pipe = Some(pipe);
    }

    pub(super) fn write(&mut self, bytes: Vec<u8>, shared: &Shared, teller: &Teller) {
        if !self.told || self.closing {
            return;
        }
        let first = self.queue.is_empty();
        self.queue.push_back(bytes);
        if first && teller.has_started() {
            self.pump(shared, teller);
        }
    }

    pub(super) fn close(&mut self, shared: &Shared, teller: &Teller) {
        let first = !std::mem::replace(&mut self.closing, true);
        if first && teller.has_started() && self.queue.is_empty() {
            self.end(shared, teller);
        }
    }

    /// Passes on what the command takes.
    pub(super) fn pump(&mut self, shared: &Shared, teller: &Teller) {
        let mut left = MOST_PER_TURN;
        let mut passed = 0;
        let mut broken = false;
        while let (Some(pipe), Some(first)) = (&self.pipe, self.queue.front()) {
            let rest = &first[self.at..];
            if rest.is_empty() {
                self.queue.pop_front();
                self.at = 0;
                continue;
            }
            if left == 0 {
                break;
            }
            match rustix::io::write(pipe, &rest[..rest.len().min(left)]) {
                Ok(count) => {
                    self.at += count;
                    passed += count;
                    left -= count;
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) => {
                    broken = true;
                    break;
                }
            }
        }
        self.passed += passed;
        if self.told && passed > 0 {
            shared.input_passed(self.process, passed);
        }
        if broken {
            self.end(shared, teller);
        } else if self.queue.is_empty() {
            self.say_passed(teller);
            if self.closing {
                self.end(shared, teller);
            }
        } else if self.pipe.as_ref().is_some_and(|pipe| pipe.arm(false, true).is_err()) {
            self.end(shared, teller);
        }
    }

    fn say_passed(&mut self, teller: &Teller) {
        let bytes = std::mem::take(&mut self.passed);
        if self.told && bytes > 0 {
            teller.tell(Event::InputPassed { bytes });
        }
    }

    /// Nothing more is written. Said once.
    pub(super) fn end(&mut self, shared: &Shared, teller: &Teller) {
        self.pipe = None;
        self.queue.clear();
        self.closing = true;
        if self.told {
            shared.input_closed(self.process);
            if teller.has_started() {
                self.say_passed(teller);
                teller.tell(Event::InputClosed);
            }
            self.told = false;
        }
    }
}
