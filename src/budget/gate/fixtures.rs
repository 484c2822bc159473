//! What the tests of the gate share.

use super::*;
use std::collections::HashMap;

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const NOW: Duration = Duration::from_secs(1000);
pub(super) const FAR: Duration = Duration::from_secs(1_000_000);

pub(super) fn task(number: u64) -> TaskKey {
    TaskKey(number)
}

/// Lanes as name, limit and ceiling; ageing after ten seconds.
pub(super) fn limits(global: u32, lanes: &[(&str, u32, u32)]) -> Limits {
    let lane = |(name, limit, ceiling): &(&str, u32, u32)| LaneLimit {
        name: (*name).into(),
        limit: *limit,
        ceiling: *ceiling,
    };
    Limits {
        global,
        lanes: lanes.iter().map(lane).collect(),
        queue: 20_000,
        shed: Shed::RejectNew,
        quota: Quota::default(),
        named_quotas: HashMap::new(),
        ageing: SECOND * 10,
    }
}

pub(super) fn gate(global: u32, lanes: &[(&str, u32, u32)]) -> Gate {
    Gate::new(limits(global, lanes)).unwrap()
}

impl Gate {
    /// Waits as long as it takes.
    pub(super) fn wait(
        &mut self,
        lane: LaneIndex,
        number: u64,
        priority: Priority,
        tag: u64,
        now: Duration,
    ) -> WaiterId {
        self.enqueue(lane, task(number), priority, FAR, tag, now).unwrap().0
    }

    /// Lets in everybody who may go in.
    pub(super) fn pump(&mut self, now: Duration) -> Vec<Grant> {
        std::iter::from_fn(|| self.next_grant(now, &mut |_| Admission::Admit)).collect()
    }

    /// Runs one call after the other in a gate that has room for one, and gives their tags.
    pub(super) fn one_by_one(&mut self, now: Duration, most: usize) -> Vec<u64> {
        let mut tags = vec![];
        while tags.len() < most {
            let Some(grant) = self.next_grant(now, &mut |_| Admission::Admit) else { break };
            assert_eq!(self.next_grant(now, &mut |_| Admission::Admit), None);
            tags.push(grant.tag);
            self.release(grant.slot, now, Duration::ZERO);
        }
        tags
    }

    pub(super) fn shown(&self, lane: LaneIndex) -> LaneStatus {
        self.status().lanes.swap_remove(lane.place())
    }

    /// Active, borrowed and lent.
    pub(super) fn ledger(&self, lane: LaneIndex) -> (u32, u32, u32) {
        let lane = self.shown(lane);
        (lane.active, lane.borrowed, lane.lent)
    }
}
