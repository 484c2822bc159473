//! The lanes: their names, their limits, and what they run.

use super::limits::{LaneIndex, LaneLimit};
use super::loans::Waits;
use crate::budget::refusal::Refusal;
use std::collections::HashMap;
use std::time::Duration;

/// Most lanes of one gate, configured or not.
pub const MOST_LANES: usize = 1024;

/// Where a slot comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    Own,
    Loan { lender: usize },
}

#[derive(Debug)]
pub(super) struct Lane {
    /// Calls that run, borrowed capacity included.
    pub(super) active: u32,
    /// How many of them run on borrowed capacity.
    pub(super) borrowed: u32,
    /// How much of its own capacity others use.
    pub(super) lent: u32,
    /// The limit enforced now, on its own capacity.
    pub(super) limit: u32,
    /// The limit enforced now, with borrowed capacity.
    pub(super) ceiling: u32,
    /// Until when an attempt refused counts as demand.
    pub(super) demand_until: Duration,
    /// From whom it borrowed, and how much; empty when `borrowed` is zero.
    pub(super) loans: Vec<(usize, u32)>,
    /// The configured limit and ceiling.
    pub(super) configured: Option<(u32, u32)>,
    effective: u32,
    pub(super) name: Box<str>,
}

impl Lane {
    fn new(name: &str) -> Self {
        Lane {
            active: 0,
            borrowed: 0,
            lent: 0,
            limit: u32::MAX,
            ceiling: u32::MAX,
            demand_until: Duration::ZERO,
            loans: vec![],
            configured: None,
            effective: u32::MAX,
            name: name.into(),
        }
    }

    #[inline]
    pub(super) fn own(&self) -> u32 {
        self.active.saturating_sub(self.borrowed)
    }

    /// How much of its own capacity nobody uses.
    #[inline]
    pub(super) fn free(&self) -> u32 {
        self.limit.saturating_sub(self.own().saturating_add(self.lent))
    }

    fn enforce(&mut self) {
        let (limit, ceiling) = self.configured.unwrap_or((u32::MAX, u32::MAX));
        self.limit = limit.min(self.effective);
        self.ceiling = ceiling.max(limit).min(self.effective);
    }
}

/// All lanes of a gate.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    pub(super) lanes: Vec<Lane>,
    indices: HashMap<Box<str>, u32>,
    pub(super) loans_made: u64,
}

impl Lanes {
    /// The index of a name, new or known; `None` when the house is full.
    pub(super) fn intern(&mut self, name: &str) -> Option<LaneIndex> {
        if let Some(index) = self.indices.get(name) {
            return Some(LaneIndex(*index));
        }
        if self.lanes.len() >= MOST_LANES {
            return None;
        }
        let index = u32::try_from(self.lanes.len()).ok()?;
        self.lanes.push(Lane::new(name));
        self.indices.insert(name.into(), index);
        Some(LaneIndex(index))
    }

    #[inline]
    pub(super) fn get(&self, place: usize) -> Option<&Lane> {
        self.lanes.get(place)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Lane> {
        self.lanes.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.lanes.len()
    }

    /// Replaces the configured limits. Refused as a whole when there are more names than lanes.
    pub(super) fn configure(
        &mut self,
        limits: &[LaneLimit],
        now: Duration,
        waits: Waits<'_>,
    ) -> Result<(), Refusal> {
        let configured: HashMap<&str, (u32, u32)> =
            limits.iter().map(|lane| (&*lane.name, (lane.limit, lane.ceiling))).collect();
        let new = configured.keys().filter(|name| !self.indices.contains_key(**name)).count();
        if self.lanes.len() + new > MOST_LANES {
            return Err(Refusal::TooManyLanes);
        }
        for lane in &mut self.lanes {
            lane.configured = None;
        }
        // In the order given: equal ones are shown and asked for loans in that order.
        for LaneLimit { name, .. } in limits {
            let Some(index) = self.intern(name) else { continue };
            if let Some(lane) = self.lanes.get_mut(index.place()) {
                lane.configured = configured.get(&**name).copied();
            }
        }
        self.lanes.iter_mut().for_each(Lane::enforce);
        for place in 0..self.lanes.len() {
            self.settle(place, now, waits);
        }
        Ok(())
    }

    /// Sets what a controller thinks the lane bears.
    pub(super) fn set_effective(
        &mut self,
        place: usize,
        limit: u32,
        now: Duration,
        waits: Waits<'_>,
    ) {
        if let Some(lane) = self.lanes.get_mut(place) {
            lane.effective = limit.max(1);
            lane.enforce();
            self.settle(place, now, waits);
        }
    }

    /// The fast path of [`room`](Self::room): whether the lane has room of its own as things stand.
    #[inline]
    pub(super) fn has_own_room(&self, place: usize) -> bool {
        self.lanes.get(place).is_some_and(|lane| lane.free() > 0)
    }

    /// Where a slot for this lane would come from. May pass loans on to other lenders: that takes nothing
    /// from anyone and is worth doing whether the slot is taken or not.
    pub(super) fn room(&mut self, place: usize, now: Duration, waits: Waits<'_>) -> Option<Room> {
        loop {
            let lane = self.lanes.get(place)?;
            if lane.free() > 0 {
                return Some(Room::Own);
            }
            let could_reclaim = lane.lent > 0 && lane.own() < lane.limit;
            if could_reclaim && self.pass_loan_on(place, now, waits) {
                continue;
            }
            let lane = self.lanes.get(place)?;
            let may_borrow = lane.configured.is_some() && lane.active < lane.ceiling;
            let lender = if may_borrow { self.lender(place, now, waits) } else { None };
            return lender.map(|lender| Room::Loan { lender });
        }
    }

    /// Takes the slot that [`room`](Self::room) found; it meets the lane's demand.
    #[inline]
    pub(super) fn take(&mut self, place: usize, room: Room) {
        let Some(lane) = self.lanes.get_mut(place) else { return };
        lane.active = lane.active.saturating_add(1);
        lane.demand_until = Duration::ZERO;
        if let Room::Loan { lender } = room {
            self.owe(place, lender);
            self.loans_made += 1;
        }
    }

    /// Frees a slot; `false` when the lane had none.
    #[inline]
    pub(super) fn free_slot(&mut self, place: usize, now: Duration, waits: Waits<'_>) -> bool {
        let Some(lane) = self.lanes.get_mut(place) else { return false };
        if lane.active == 0 {
            return false;
        }
        if lane.borrowed > 0 {
            let lender = self.repay(place, now, waits);
            if let Some(lane) = self.lanes.get_mut(place) {
                lane.active -= 1;
            }
            self.settle(lender.unwrap_or(place), now, waits);
        } else {
            lane.active -= 1;
        }
        true
    }
}
