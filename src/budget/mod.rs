//! `ResourceBudgetManager`: how much may run at once, how long, and in how much memory.
//!
//! # What it promises
//!
//! - Never more runs in a lane, or in the process, than its limit allows; a slot is never lost: it ends by
//!   release, by its deadline, by the collection of a forgotten context, by the end of the worker thread that
//!   held it, or, for lanes shared between processes, by the death of the process.
//! - Deadlines are kept by a thread of their own. While JavaScript is blocked, the processes a call has
//!   registered are ended on time, by helpers so that no other deadline waits, and the record says when.
//! - What is reported was measured: durations on the monotonic clock, resident memory by the sampler with the
//!   age of its reading, the heap by V8.
//!
//! # How a call goes
//!
//! ```text
//! acquire ── breaker ── memory guard ── gate (global, lane, quota) ── shared segment ──▶ call
//!    │            refused: the reason, at once                                            │
//!    └─ wait: queue by priority, fair between tasks, bounded ──── granted ───────────────▶│
//!                                                                                         │
//!   timer thread: warning at the timeout ── end at timeout × factor: kill, event ─────────┤
//!   sampler thread: memory, peaks, next look at the queue ────────────────────────────────┤
//!                                                                                         ▼
//!                                release ── gate ── metrics ── controllers ── span ── next waiter
//! ```
//!
//! One mutex holds the gate and the table of calls: an uncontended lock costs some 15 ns, and every rule
//! (limits, quotas, queue, loans) is decided in one place that a model test can check. What is only read,
//! readings of memory among it, is atomic.

mod admission;
pub mod call;
pub mod calls;
pub mod control;
mod deadlines;
pub mod ending;
pub mod events;
pub mod gate;
mod killing;
pub mod manager;
#[cfg(test)]
mod manager_tests;
pub mod memory;
pub mod metrics;
pub mod refusal;
mod rejection;
mod report;
pub mod scopes;
pub mod settings;
pub mod shared;
mod span;
pub mod timer;
pub mod waiting;
