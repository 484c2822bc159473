//! Admissions one after another once the limit has risen.

use std::time::Duration;

/// How many admissions are still to be spaced, and when the last one was.
#[derive(Debug, Clone)]
pub(super) struct Ramp {
    spacing: u64,
    owed: u32,
    last: Option<u64>,
}

impl Ramp {
    pub(super) fn new(spacing: u64) -> Self {
        Ramp { spacing, owed: 0, last: None }
    }

    pub(super) fn rose(&mut self, by: u32) {
        self.owed = self.owed.saturating_add(by);
    }

    pub(super) fn fell(&mut self, by: u32) {
        self.owed = self.owed.saturating_sub(by);
    }

    #[inline]
    pub(super) fn admits_at(&self, now: u64) -> Result<(), Duration> {
        let Some(last) = self.last.filter(|_| self.owed > 0) else { return Ok(()) };
        // A clock that ran backwards must not make anyone wait longer than the spacing.
        let wait = last.saturating_add(self.spacing).saturating_sub(now).min(self.spacing);
        if wait == 0 { Ok(()) } else { Err(Duration::from_nanos(wait)) }
    }

    #[inline]
    pub(super) fn admitted(&mut self, now: u64) {
        self.owed = self.owed.saturating_sub(1);
        self.last = Some(self.last.map_or(now, |last| last.max(now)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_admissions_are_spaced_as_the_limit_has_risen_by() {
        let mut ramp = Ramp::new(50);
        ramp.admitted(1000);
        assert_eq!(ramp.admits_at(1000), Ok(()), "nothing has risen");
        ramp.rose(2);
        assert_eq!(ramp.admits_at(1010), Err(Duration::from_nanos(40)));
        assert_eq!(ramp.admits_at(1050), Ok(()));
        ramp.admitted(1050);
        assert_eq!(ramp.admits_at(1050), Err(Duration::from_nanos(50)));
        ramp.admitted(1100);
        assert_eq!(ramp.admits_at(1100), Ok(()), "both are in");
    }

    #[test]
    fn a_limit_that_falls_again_takes_its_ramp_back() {
        let mut ramp = Ramp::new(50);
        ramp.admitted(0);
        ramp.rose(3);
        ramp.fell(7);
        assert_eq!(ramp.admits_at(0), Ok(()));
    }

    #[test]
    fn nobody_waits_longer_than_the_spacing_however_the_clock_runs() {
        let mut ramp = Ramp::new(50);
        ramp.admitted(1_000_000);
        ramp.rose(1);
        assert_eq!(ramp.admits_at(0), Err(Duration::from_nanos(50)));
        ramp.admitted(u64::MAX);
        ramp.rose(1);
        assert_eq!(ramp.admits_at(u64::MAX), Ok(()), "the end of time is not waited for");
    }

    #[test]
    fn without_a_spacing_there_is_no_ramp() {
        let mut ramp = Ramp::new(0);
        ramp.admitted(5);
        ramp.rose(9);
        assert_eq!(ramp.admits_at(5), Ok(()));
    }
}
