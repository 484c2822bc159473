//! What lanes lend each other. The rules stand on the page of the [gate](super).
//!
//! What one lane owes another is a number, not a certain slot: any call that ends in a borrowing lane gives
//! a loan back, and a loan may pass from one lender to another while the call it carries runs on. So a loan
//! lasts no longer than until the next end of a call in the lane that borrowed.
//!
//! Invariants: the loans of all lanes and what is lent by all lanes are the same number; a lane borrows
//! only what its own capacity does not hold, so a lane that borrows has nothing free, and none can lend on
//! what it borrowed.

use super::lanes::Lanes;
use std::time::Duration;

/// How long a refused attempt counts as demand of its lane, if the lane lets nothing in before: who was
/// refused and does not wait may never come back, and must not keep capacity idle for ever.
pub const DEMAND_KEPT: Duration = Duration::from_secs(1);

/// Whether somebody waits in a lane who could run.
pub(super) type Waits<'a> = &'a mut dyn FnMut(usize) -> bool;

impl Lanes {
    /// An attempt was refused for want of room: nothing more is borrowed from this lane for a while.
    pub(super) fn demand(&mut self, place: usize, now: Duration) {
        if let Some(lane) = self.lanes.get_mut(place).filter(|lane| lane.configured.is_some()) {
            lane.demand_until = now.saturating_add(DEMAND_KEPT);
        }
    }

    /// When the next demand of a refused attempt lapses.
    pub(super) fn next_lapse(&self) -> Option<Duration> {
        self.lanes.iter().map(|lane| lane.demand_until).filter(|until| !until.is_zero()).min()
    }

    /// Forgets demands that have lapsed.
    pub(super) fn lapse(&mut self, now: Duration) {
        for lane in self.lanes.iter_mut().filter(|lane| lane.demand_until <= now) {
            lane.demand_until = Duration::ZERO;
        }
    }

    fn in_demand(&self, place: usize, now: Duration, waits: Waits<'_>) -> bool {
        self.lanes.get(place).is_some_and(|lane| lane.demand_until > now) || waits(place)
    }

    /// The lane with most to spare; the first of equals.
    pub(super) fn lender(&self, borrower: usize, now: Duration, waits: Waits<'_>) -> Option<usize> {
        let mut best = None;
        let mut most = 1;
        for (place, lane) in self.lanes.iter().enumerate() {
            let spare = lane.free() > most && lane.configured.is_some() && place != borrower;
            if spare && !self.in_demand(place, now, waits) {
                (best, most) = (Some(place), lane.free());
            }
        }
        best
    }

    /// Moves one loan made by `owner` to another lender.
    pub(super) fn pass_loan_on(&mut self, owner: usize, now: Duration, waits: Waits<'_>) -> bool {
        let borrower = self
            .lanes
            .iter()
            .position(|lane| lane.loans.iter().any(|(lender, _)| *lender == owner));
        let Some(borrower) = borrower else { return false };
        let Some(lender) = self.lender(owner, now, waits) else { return false };
        self.forgive(borrower, owner);
        self.owe(borrower, lender);
        self.settle(owner, now, waits);
        true
    }

    pub(super) fn owe(&mut self, borrower: usize, lender: usize) {
        if let Some(lane) = self.lanes.get_mut(lender) {
            lane.lent += 1;
        }
        if let Some(lane) = self.lanes.get_mut(borrower) {
            lane.borrowed += 1;
            match lane.loans.iter_mut().find(|(from, _)| *from == lender) {
                Some((_, count)) => *count += 1,
                None => lane.loans.push((lender, 1)),
            }
        }
    }

    fn forgive(&mut self, borrower: usize, lender: usize) {
        if let Some(lane) = self.lanes.get_mut(borrower) {
            let Some((_, count)) = lane.loans.iter_mut().find(|(from, _)| *from == lender) else {
                return;
            };
            *count -= 1;
            lane.borrowed -= 1;
            lane.loans.retain(|(_, count)| *count > 0);
        }
        if let Some(lane) = self.lanes.get_mut(lender) {
            lane.lent = lane.lent.saturating_sub(1);
        }
    }

    /// Gives one loan back, to a lender in demand if there is one, and says to whom.
    pub(super) fn repay(
        &mut self,
        borrower: usize,
        now: Duration,
        waits: Waits<'_>,
    ) -> Option<usize> {
        let loans = &self.lanes.get(borrower)?.loans;
        let wanted = loans.iter().find(|(lender, _)| self.in_demand(*lender, now, waits));
        let (lender, _) = *wanted.or(loans.first())?;
        self.forgive(borrower, lender);
        Some(lender)
    }

    /// Moves borrowed calls to the lane's own capacity as far as it is free, and so on with every lender
    /// paid back. Each step ends one loan, so it ends.
    pub(super) fn settle(&mut self, first: usize, now: Duration, waits: Waits<'_>) {
        let mut place = first;
        loop {
            let settles = |place: usize| {
                self.lanes.get(place).is_some_and(|l| l.borrowed > 0 && l.free() > 0)
            };
            if settles(place) {
                let Some(lender) = self.repay(place, now, waits) else { return };
                place = lender;
            } else if place != first && settles(first) {
                place = first;
            } else {
                return;
            }
        }
    }
}
