//! Several attachments in one process, each with a row of its own, as processes would be.

mod behaviour;
#[cfg(target_os = "linux")]
mod costs;
mod damage;
#[cfg(target_os = "linux")]
mod kills;
mod model;
mod waiting;

use super::*;
use crate::platform::clock::Clock;
use crate::platform::filesystem::RealFileSystem;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Attaches, panicking with the error's text.
fn attach(path: &Path, lanes: &[(&str, u32)], global: Option<u32>) -> SharedLanes {
    SharedLanes::attach(path, lanes, global).unwrap_or_else(|error| panic!("{error}")).0
}

fn active(lanes: &SharedLanes, name: &str) -> u64 {
    let status = lanes.status();
    status.lanes.iter().find(|lane| lane.name == name).unwrap().active
}

/// A clock on which a second passes at each look, so that the dead are looked for each time a lane is full.
#[derive(Default)]
struct HastyClock(AtomicU64);

impl Clock for HastyClock {
    fn wall_ms(&self) -> i64 {
        0
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

fn attach_hastily(path: &Path, lanes: &[(&str, u32)], global: Option<u32>) -> SharedLanes {
    let (fs, clock) = (Arc::new(RealFileSystem), Arc::new(HastyClock::default()));
    SharedLanes::attach_with(fs, clock, path, lanes, global)
        .unwrap_or_else(|error| panic!("{error}"))
        .0
}
