//! Whether one more may run: announced first, then counted.

use super::segment::Segment;
use crate::budget::refusal::Refusal;
use std::sync::atomic::{Ordering, fence};

/// How often one that gave way tries again, and how often one that did not looks again, before it is
/// refused. A rival decides within some hundred nanoseconds, unless the scheduler took its processor away;
/// nobody waits for that.
const TRIES: u32 = 8;
const LOOKS: u32 = 64;

/// What a process holds, of which its row is the copy the others see.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) in_lane: u32,
    pub(super) in_all: u32,
}

/// Writes one more into the row if the limits allow it; else the row is as before.
///
/// Why the limits hold without a lock: whoever is admitted had announced itself before it counted, with a
/// fence between. Of all that run at a moment, take the one whose fence came last: it counted every other
/// one, and found no more than the limit. A count that is stale can only be too high.
pub(super) fn admit(segment: &Segment, row: u32, lane: usize, held: Held) -> Result<(), Refusal> {
    let (Some(in_lane), Some(in_all)) = (held.in_lane.checked_add(1), held.in_all.checked_add(1))
    else {
        return Err(Refusal::LaneFull);
    };
    let over = |more: u64| {
        let (of_lane, of_all) = segment.sums(lane);
        if of_lane + more > u64::from(segment.limit(lane)) {
            Err(Refusal::LaneFull)
        } else if of_all + more > u64::from(segment.global_limit()) {
            Err(Refusal::GlobalFull)
        } else {
            Ok(())
        }
    };
    let mut verdict = Ok(());
    for _ in 0..TRIES {
        // Nothing is announced in a full lane: taking that back would have to wake whoever waits.
        over(1)?;
        segment.attempt_word(row).store(1, Ordering::Release);
        super::steps::reached();
        segment.total_word(row).store(in_all, Ordering::Release);
        super::steps::reached();
        segment.count_word(row, lane).store(in_lane, Ordering::Release);
        super::steps::reached();
        for _ in 0..LOOKS {
            fence(Ordering::SeqCst);
            verdict = over(0);
            if verdict.is_ok() {
                segment.attempt_word(row).store(0, Ordering::Release);
                super::steps::reached();
                return Ok(());
            }
            // Two that announce themselves for the last slot both count too many. The lowest row stays.
            match lowest_rival(segment, row) {
                Some(rival) if rival > row => std::hint::spin_loop(),
                _ => break,
            }
        }
        withdraw(segment, row, lane, held);
        for _ in 0..32 {
            std::hint::spin_loop();
        }
    }
    verdict
}

fn lowest_rival(segment: &Segment, row: u32) -> Option<u32> {
    segment
        .live_rows()
        .find(|other| *other != row && segment.attempt_word(*other).load(Ordering::Acquire) != 0)
}

/// Writes what is held into the row, which was more until now, and wakes who may have been kept out by it.
pub(super) fn withdraw(segment: &Segment, row: u32, lane: usize, held: Held) {
    segment.count_word(row, lane).store(held.in_lane, Ordering::Release);
    super::steps::reached();
    segment.total_word(row).store(held.in_all, Ordering::Release);
    segment.attempt_word(row).store(0, Ordering::Release);
    super::steps::reached();
    segment.wake_others(row);
}
