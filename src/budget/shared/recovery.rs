//! What is put right from time to time: the dead, our own row, and a segment that was lost.

use super::attachment::Attachment;
use super::error::SharedError;
use super::lanes::absolute;
use super::process::{Inner, settle};
use super::segment::Segment;
use super::status::Sweep;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

impl Inner {
    pub(super) fn sweep(&self) -> Sweep {
        let Ok(_alone) = self.sweeping.try_lock() else { return Sweep::default() };
        let attachment = self.attachment();
        let mut sweep = Sweep::default();
        match attachment.segment_at_path() {
            Ok(segment) if self.state().lost.is_none() => {
                sweep.restored = self.restore(&attachment, segment);
                sweep.reclaimed = attachment.reclaim(segment).unwrap_or(0);
            }
            Ok(_) => sweep.reattached = self.take_up_again(),
            Err(loss) => {
                self.state().lost = Some(loss);
                sweep.reattached = self.take_up_again();
            }
        }
        sweep
    }

    /// Our row is ours alone to write: whatever else is in it is a stranger's doing.
    fn restore(&self, attachment: &Attachment, segment: &Segment) -> bool {
        let state = self.state();
        let row = attachment.row();
        let mut wrong = !segment.is_live(row);
        let mut put = |word: &AtomicU32, value| {
            if word.load(Ordering::Acquire) != value {
                word.store(value, Ordering::SeqCst);
                wrong = true;
            }
        };
        for place in &state.places {
            put(segment.count_word(row, place.index), place.held);
        }
        put(segment.total_word(row), state.held);
        put(segment.attempt_word(row), 0);
        if wrong {
            segment.set_live(row);
            self.restored.fetch_add(1, Ordering::Relaxed);
        }
        wrong
    }

    /// Takes a row in whatever lies at the path now and enters there what runs here. Until every process
    /// has done so the segment knows too little, and more may run than the limits say.
    fn take_up_again(&self) -> bool {
        let taken = self.retake();
        let failure = taken.as_ref().err().map(ToString::to_string);
        let taken = taken.is_ok();
        self.state().failure = failure;
        if taken {
            self.reattached.fetch_add(1, Ordering::Relaxed);
            self.watch.moved(self);
        }
        taken
    }

    fn retake(&self) -> Result<(), SharedError> {
        let path = &self.path;
        absolute(self.fs.as_ref(), path)?;
        let (attachment, _) = Attachment::open(&self.fs, path, Duration::ZERO)?;
        let lost = |what| SharedError::Lost { path: path.clone(), what };
        let mut state = self.state();
        let lanes: Vec<(String, u32)> =
            state.places.iter().map(|place| (place.name.clone(), place.limit)).collect();
        let lanes: Vec<(&str, u32)> = lanes.iter().map(|(name, limit)| (&**name, *limit)).collect();
        let segment = attachment.segment().map_err(lost)?;
        let row = attachment.row();
        {
            let _maintenance = attachment
                .try_maintenance()
                .ok_or_else(|| SharedError::Busy { path: path.clone() })?;
            let places = settle(segment, &lanes, false, &mut Vec::new())
                .ok_or_else(|| SharedError::TooManyLanes { path: path.clone() })?;
            // Whoever takes up a new segment first enters its limits.
            if let (u32::MAX, Some(limit)) = (segment.global_limit(), state.global) {
                segment.set_global_limit(limit);
            }
            segment.total_word(row).store(state.held, Ordering::Release);
            for (place, index) in state.places.iter_mut().zip(places) {
                place.index = index;
                segment.count_word(row, index).store(place.held, Ordering::SeqCst);
            }
        }
        let before = std::mem::replace(&mut state.attachment, Arc::new(attachment));
        state.lost = None;
        drop(state);
        before.detach();
        Ok(())
    }
}
