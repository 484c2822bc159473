//! What workers say without being asked, until somebody takes it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Most messages that wait to be taken.
pub const MOST_NOTIFICATIONS: usize = 1000;
/// Most bytes of them.
pub const MOST_NOTIFICATION_BYTES: usize = 8 << 20;

/// A message that is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The number of the worker's process.
    pub pid: i32,
    /// Whether the worker wanted an answer; it has been told that there is no such method.
    pub is_request: bool,
    /// The message, a JSON object.
    pub text: Vec<u8>,
}

/// A bounded queue: when it is full, what comes is dropped and counted.
#[derive(Debug, Default)]
pub(super) struct Notifications(Mutex<Queue>);

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Notification>,
    bytes: usize,
    dropped: u64,
}

impl Notifications {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns whether it is the first that waits.
    pub(super) fn push(&self, notification: Notification) -> bool {
        let mut queue = self.queue();
        let bytes = queue.bytes + notification.text.len();
        if queue.waiting.len() >= MOST_NOTIFICATIONS || bytes > MOST_NOTIFICATION_BYTES {
            queue.dropped += 1;
            return false;
        }
        queue.bytes = bytes;
        queue.waiting.push_back(notification);
        queue.waiting.len() == 1
    }

    /// Takes the oldest, at most so many.
    pub(super) fn take(&self, most: usize) -> Vec<Notification> {
        let mut queue = self.queue();
        let count = queue.waiting.len().min(most);
        let taken: Vec<_> = queue.waiting.drain(..count).collect();
        queue.bytes -= taken.iter().map(|notification| notification.text.len()).sum::<usize>();
        taken
    }

    pub(super) fn dropped(&self) -> u64 {
        self.queue().dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notification(length: usize) -> Notification {
        Notification { pid: 1, is_request: false, text: vec![b' '; length] }
    }

    #[test]
    fn the_oldest_are_taken_first_and_only_the_first_rings() {
        let queue = Notifications::default();
        assert!(queue.push(notification(1)) && !queue.push(notification(2)));
        assert_eq!(queue.take(1), [notification(1)]);
        assert!(!queue.push(notification(3)));
        assert_eq!(queue.take(10), [notification(2), notification(3)]);
        assert!(queue.take(10).is_empty() && queue.push(notification(4)));
    }

    #[test]
    fn what_is_too_many_or_too_much_is_dropped_and_counted() {
        let queue = Notifications::default();
        (0..MOST_NOTIFICATIONS + 5).for_each(|_| {
            queue.push(notification(1));
        });
        assert_eq!((queue.take(usize::MAX).len(), queue.dropped()), (MOST_NOTIFICATIONS, 5));
        queue.push(notification(MOST_NOTIFICATION_BYTES));
        queue.push(notification(1));
        assert_eq!((queue.take(usize::MAX).len(), queue.dropped()), (1, 6));
    }
}
