//! The end of what a worker printed on its standard error.

use super::ERROR_TAIL;
use std::collections::VecDeque;

/// The last [`ERROR_TAIL`] bytes.
#[derive(Debug, Default)]
pub(super) struct ErrorTail(VecDeque<u8>);

impl ErrorTail {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(ERROR_TAIL)..];
        let over = (self.0.len() + bytes.len()).saturating_sub(ERROR_TAIL);
        self.0.drain(..over);
        self.0.extend(bytes);
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn the_tail_is_the_last_bytes_however_they_came(
            pieces in proptest::collection::vec((proptest::prelude::any::<u8>(), 0_usize..ERROR_TAIL * 2), 0..8),
        ) {
            let mut tail = ErrorTail::default();
            let mut all = Vec::new();
            for (byte, length) in pieces {
                let piece = vec![byte; length];
                tail.push(&piece);
                all.extend(piece);
            }
            proptest::prop_assert_eq!(tail.bytes(), &all[all.len().saturating_sub(ERROR_TAIL)..]);
        }
    }
}
