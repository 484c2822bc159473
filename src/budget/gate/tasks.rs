//! What tasks have used of their quotas.
//!
//! A task is remembered while it has slots, and after that only if something of its quota is used up:
//! calls of the last minute or time in total. Of such idle tasks the [`IDLE_TASKS`] last used are kept; one
//! more and the longest idle is forgotten, which gives it a fresh quota and is counted.

use super::limits::{Quota, TaskKey};
use super::rate::Minute;
use crate::budget::refusal::Refusal;
use lru::LruCache;
use std::collections::HashMap;
use std::time::Duration;

/// Most idle tasks remembered.
pub const IDLE_TASKS: usize = 10_000;

/// Why a task may not go on, and when time alone may have changed that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blocked {
    pub(super) refusal: Refusal,
    pub(super) again: Option<Duration>,
    /// Whether no end of a call and no time can change it: only other quotas.
    pub(super) for_good: bool,
}

#[derive(Debug, Default)]
struct TaskState {
    slots: u32,
    spent: Duration,
    minute: Option<Minute>,
}

impl TaskState {
    /// Whether forgetting it would give the task back what it used.
    fn matters(&mut self, quota: &Quota, now: Duration) -> bool {
        let calls = self.minute.as_mut().is_some_and(|minute| minute.count(now) > 0);
        (quota.total.is_some() && !self.spent.is_zero())
            || (quota.calls_per_minute.is_some() && calls)
    }
}

/// The quotas and what is used of them.
pub(super) struct Tasks {
    quota: Quota,
    named: HashMap<TaskKey, Quota>,
    /// Whether any task has a quota: without one no map is touched.
    limited: bool,
    running: HashMap<TaskKey, TaskState>,
    idle: LruCache<TaskKey, TaskState>,
    forgotten: u64,
}

impl Tasks {
    pub(super) fn new(quota: Quota, named: HashMap<TaskKey, Quota>) -> Self {
        let mut tasks = Tasks {
            quota: Quota::default(),
            named: HashMap::new(),
            limited: false,
            running: HashMap::new(),
            idle: LruCache::unbounded(),
            forgotten: 0,
        };
        tasks.set(quota, named);
        tasks
    }

    /// Changes the quotas; what was used stays used.
    pub(super) fn set(&mut self, quota: Quota, named: HashMap<TaskKey, Quota>) {
        self.limited = !quota.is_free() || named.values().any(|quota| !quota.is_free());
        (self.quota, self.named) = (quota, named);
    }

    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    fn quota(&self, task: TaskKey) -> Quota {
        *self.named.get(&task).unwrap_or(&self.quota)
    }

    /// Whether the quota lets the task make one more call.
    #[inline]
    pub(super) fn check(&mut self, task: TaskKey, now: Duration) -> Result<(), Blocked> {
        if !self.limited {
            return Ok(());
        }
        self.check_quota(task, now)
    }

    fn check_quota(&mut self, task: TaskKey, now: Duration) -> Result<(), Blocked> {
        let quota = self.quota(task);
        if quota.is_free() {
            return Ok(());
        }
        let blocked = |refusal, again, for_good| Err(Blocked { refusal, again, for_good });
        let mut unknown = TaskState::default();
        let state = match self.running.get_mut(&task) {
            Some(state) => state,
            None => self.idle.peek_mut(&task).unwrap_or(&mut unknown),
        };
        if quota.total.is_some_and(|total| state.spent >= total) {
            return blocked(Refusal::TaskTime, None, true);
        }
        if let Some(slots) = quota.slots.filter(|slots| state.slots >= *slots) {
            return blocked(Refusal::TaskSlots, None, slots == 0);
        }
        let Some(limit) = quota.calls_per_minute else { return Ok(()) };
        let again = match &mut state.minute {
            Some(minute) => minute.below(limit, now),
            None => (limit > 0).then_some(now),
        };
        if again == Some(now) {
            return Ok(());
        }
        blocked(Refusal::TaskRate, again, again.is_none())
    }

    /// Counts a call let in; the answer is whether it holds a slot of its task's quota.
    #[inline]
    pub(super) fn begin(&mut self, task: TaskKey, now: Duration) -> bool {
        self.limited && self.begin_counted(task, now)
    }

    fn begin_counted(&mut self, task: TaskKey, now: Duration) -> bool {
        let quota = self.quota(task);
        if quota.is_free() {
            return false;
        }
        let idle = &mut self.idle;
        let state = self.running.entry(task).or_insert_with(|| idle.pop(&task).unwrap_or_default());
        state.slots = state.slots.saturating_add(1);
        if quota.calls_per_minute.is_some() {
            state.minute.get_or_insert_with(Minute::new).record(now);
        }
        true
    }

    /// Charges a call that has ended.
    #[inline]
    pub(super) fn end(&mut self, task: TaskKey, counted: bool, ran: Duration, now: Duration) {
        if self.limited || counted {
            self.end_counted(task, counted, ran, now);
        }
    }

    fn end_counted(&mut self, task: TaskKey, counted: bool, ran: Duration, now: Duration) {
        let quota = self.quota(task);
        let mut state = match self.running.remove(&task) {
            Some(state) => state,
            None => self.idle.pop(&task).unwrap_or_default(),
        };
        state.slots = state.slots.saturating_sub(u32::from(counted));
        if quota.total.is_some() {
            state.spent = state.spent.saturating_add(ran);
        }
        if state.slots > 0 {
            self.running.insert(task, state);
        } else if state.matters(&quota, now) {
            self.idle.push(task, state);
            if self.idle.len() > IDLE_TASKS {
                self.forget_one(now);
            }
        }
    }

    fn forget_one(&mut self, now: Duration) {
        if let Some((task, mut state)) = self.idle.pop_lru() {
            let quota = self.quota(task);
            self.forgotten += u64::from(state.matters(&quota, now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const TASK: TaskKey = TaskKey(7);

    fn tasks(quota: Quota) -> Tasks {
        Tasks::new(quota, HashMap::new())
    }

    #[test]
    fn without_a_quota_nothing_is_remembered() {
        let mut tasks = tasks(Quota::default());
        assert!(!tasks.begin(TASK, SECOND));
        tasks.end(TASK, false, SECOND, SECOND);
        assert_eq!((tasks.running.len(), tasks.idle.len()), (0, 0));
    }

    #[test]
    fn an_idle_task_that_used_nothing_up_is_not_remembered() {
        let mut tasks = tasks(Quota { slots: Some(2), ..Quota::default() });
        assert!(tasks.begin(TASK, SECOND));
        assert_eq!(tasks.running.len(), 1);
        tasks.end(TASK, true, SECOND, SECOND);
        assert_eq!((tasks.running.len(), tasks.idle.len()), (0, 0));
    }

    #[test]
    fn time_is_charged_when_calls_end_and_stays_charged() {
        let mut tasks = tasks(Quota { total: Some(SECOND * 3), ..Quota::default() });
        for _ in 0..3 {
            assert_eq!(tasks.check(TASK, SECOND), Ok(()));
            assert!(tasks.begin(TASK, SECOND));
            tasks.end(TASK, true, SECOND, SECOND);
        }
        let spent = Err(Blocked { refusal: Refusal::TaskTime, again: None, for_good: true });
        assert_eq!(tasks.check(TASK, SECOND * 1000), spent);
        assert_eq!(tasks.check(TaskKey(8), SECOND), Ok(()));
    }

    #[test]
    fn calls_in_a_minute_are_held_until_the_moment_named() {
        let mut tasks = tasks(Quota { calls_per_minute: Some(1), ..Quota::default() });
        assert!(tasks.begin(TASK, SECOND));
        tasks.end(TASK, true, SECOND, SECOND);
        let again = SECOND * 62;
        let held = Err(Blocked { refusal: Refusal::TaskRate, again: Some(again), for_good: false });
        assert_eq!(tasks.check(TASK, SECOND * 2), held);
        assert_eq!(tasks.check(TASK, again), Ok(()));
    }

    #[test]
    fn the_longest_idle_is_forgotten_and_counted_but_never_a_task_with_slots() {
        let mut tasks = tasks(Quota { total: Some(SECOND), ..Quota::default() });
        assert!(tasks.begin(TASK, SECOND));
        assert!(tasks.begin(TASK, SECOND));
        tasks.end(TASK, true, SECOND, SECOND);
        for number in 0..IDLE_TASKS as u64 + 5 {
            let task = TaskKey(1000 + number);
            assert!(tasks.begin(task, SECOND));
            tasks.end(task, true, SECOND, SECOND);
        }
        assert_eq!((tasks.idle.len(), tasks.forgotten()), (IDLE_TASKS, 5));
        assert_eq!(tasks.check(TaskKey(1004), SECOND), Ok(()));
        assert!(tasks.check(TaskKey(1005), SECOND).is_err());
        assert!(tasks.check(TASK, SECOND).is_err());
    }

    #[test]
    fn a_task_forgotten_after_its_minute_is_no_loss() {
        let mut tasks = tasks(Quota { calls_per_minute: Some(1), ..Quota::default() });
        for number in 0..=IDLE_TASKS as u64 {
            let now = if number == 0 { SECOND } else { SECOND * 100 };
            assert!(tasks.begin(TaskKey(number), now));
            tasks.end(TaskKey(number), true, SECOND, now);
        }
        assert_eq!((tasks.idle.len(), tasks.forgotten()), (IDLE_TASKS, 0));
    }

    #[test]
    fn a_named_task_has_its_own_quota() {
        let free = HashMap::from([(TASK, Quota::default())]);
        let mut tasks = Tasks::new(Quota { slots: Some(0), ..Quota::default() }, free);
        assert_eq!(tasks.check(TASK, SECOND), Ok(()));
        assert!(tasks.check(TaskKey(8), SECOND).is_err());
    }

    #[test]
    fn quotas_changed_while_calls_run_lose_no_slot() {
        let mut tasks = tasks(Quota::default());
        let before = tasks.begin(TASK, SECOND);
        tasks.set(Quota { slots: Some(1), ..Quota::default() }, HashMap::new());
        let after = tasks.begin(TASK, SECOND);
        assert_eq!((before, after), (false, true));
        tasks.end(TASK, before, SECOND, SECOND);
        assert!(tasks.check(TASK, SECOND).is_err(), "the counted one still holds its slot");
        tasks.set(Quota::default(), HashMap::new());
        tasks.end(TASK, after, SECOND, SECOND);
        assert!(tasks.running.is_empty());
    }
}
