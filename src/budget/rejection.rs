//! The last call that was not let in: the facts, and the words for them when somebody asks.

use super::gate::{LaneIndex, Status};
use super::memory::{self, HeldBy};
use super::refusal::Refusal;
use super::settings::Settings;
use serde::Serialize;
use std::time::Duration;

/// The facts.
#[derive(Debug, Clone)]
pub(super) struct Rejection {
    pub(super) refusal: Refusal,
    pub(super) task: Box<str>,
    pub(super) lane: Option<LaneIndex>,
    pub(super) at_ms: i64,
    /// What was missing, when it was memory.
    pub(super) shortage: Option<memory::Rejection>,
    /// When an open breaker lets the next call in.
    pub(super) retry_in: Option<Duration>,
}

/// The words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Explanation {
    reason: &'static str,
    detail: String,
    task_id: String,
    lane: String,
    at_ms: i64,
}

impl Rejection {
    /// What it says to people. Figures of lanes are those of now.
    pub(super) fn explain(&self, status: &Status, settings: &Settings) -> Explanation {
        let lane = self.lane.and_then(|lane| status.lanes.get(lane.0 as usize));
        let name = lane.map_or("", |lane| &*lane.name);
        let full = |active: u32, limit: u32| format!("{active} of {limit} run");
        let detail = match self.refusal {
            Refusal::LaneFull => {
                let figures = lane.map_or_else(String::new, |lane| full(lane.active, lane.limit));
                format!("the lane {name:?} is full: {figures}; wait for a slot or raise its limit")
            }
            Refusal::GlobalFull => format!(
                "the process is full: {}; wait for a slot or raise globalConcurrencyLimit",
                full(status.global.active, status.global.limit)
            ),
            Refusal::OthersWait => format!(
                "{} wait for the lane {name:?} already; wait too",
                lane.map_or(0, |lane| lane.waiting)
            ),
            Refusal::Timeout => {
                "the timeout is negative or no number; give milliseconds from 0 on".to_owned()
            }
            Refusal::Memory | Refusal::MemoryPredicted => {
                self.shortage.as_ref().map_or_else(|| "too little memory".to_owned(), shortage)
            }
            Refusal::BreakerOpen => format!(
                "calls of the lane {name:?} keep failing: its breaker is open{}",
                self.retry_in.map_or_else(String::new, |wait| format!(
                    " for another {} ms",
                    wait.as_millis()
                ))
            ),
            Refusal::TaskSlots => "the task has as many slots as its quota allows".to_owned(),
            Refusal::TaskRate => {
                "the task made as many calls in a minute as its quota allows".to_owned()
            }
            Refusal::TaskTime => "the task has used up the time of its quota".to_owned(),
            Refusal::Ramp => format!(
                "the limit of the lane {name:?} has just risen and lets calls in one by one"
            ),
            Refusal::QueueFull => {
                format!("{} wait already; raise queue.max or send less", status.waiting)
            }
            Refusal::Shed => {
                "a caller of higher priority took its place in the full queue".to_owned()
            }
            Refusal::WaitExpired => "no slot became free while it waited".to_owned(),
            Refusal::Cancelled => "the caller gave up waiting".to_owned(),
            Refusal::TooManyLanes => {
                format!("there are {} lanes already; use fewer names", status.lanes.len())
            }
            Refusal::SharedUnavailable => format!(
                "the segment {} cannot be reached; it is taken up again within a second if it can be",
                settings.shared.as_deref().unwrap_or_else(|| std::path::Path::new("")).display()
            ),
            Refusal::Closed => "the manager is closed; make a new one".to_owned(),
        };
        Explanation {
            reason: self.refusal.name(),
            detail,
            task_id: self.task.to_string(),
            lane: name.to_owned(),
            at_ms: self.at_ms,
        }
    }
}

fn shortage(shortage: &memory::Rejection) -> String {
    let megabytes = |bytes: u64| bytes as f64 / 1_048_576.0;
    let what = match shortage.held_by {
        HeldBy::Resident => "resident memory",
        HeldBy::Cgroup => "memory of the container",
    };
    let used = format!(
        "{what} is {:.1} MB of {:.1} MB, read {} ms before",
        megabytes(shortage.rss),
        megabytes(shortage.limit),
        shortage.age.as_millis()
    );
    if shortage.reason == Refusal::Memory {
        return format!("{used}; free some or raise the limit");
    }
    format!(
        "{used}, {:.1} MB are promised to calls that run, and the call is expected to need {:.1} MB; wait for others to end",
        megabytes(shortage.reserved),
        megabytes(shortage.needed)
    )
}
