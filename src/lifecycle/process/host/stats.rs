//! What the host has done and is doing.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counted as it happens, on whichever thread.
        #[derive(Debug, Default)]
        pub(super) struct Counters {
            $(pub(super) $name: AtomicU64,)*
        }

        /// What the host has done since it was made, and what is there now.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct HostStats {
            /// Processes that run now, or that are being started.
            pub running: u64,
            /// Requests that wait for one of them to end.
            pub waiting: u64,
            /// Most processes at once, so far.
            pub most_running: u64,
            /// How many may run at once.
            pub limit: u64,
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counters {
            pub(super) fn read(&self) -> HostStats {
                HostStats {
                    $($name: self.$name.load(Ordering::Relaxed),)*
                    ..HostStats::default()
                }
            }
        }
    };
}

counters! {
    /// Commands that were executed.
    started,
    /// Requests whose end was told, however they ended.
    ended,
    /// Keepers that vanished, could not be started, or were not to be understood.
    lost,
    /// Requests that ended before they were executed because somebody wanted it.
    cancelled,
    /// Requests that were not accepted.
    refused,
    /// Commands that were not executed because the system would not.
    not_run,
    /// Commands whose time was over.
    timeouts,
    /// Attempts to start a keeper that were made again for want of descriptors, processes or memory.
    launch_retries,
    /// Bytes of outputs that were read and dropped.
    dropped_output_bytes,
    /// Writes that were not accepted.
    refused_writes,
    /// Signals that were dropped: for a keeper that does not read, or too many at once.
    dropped_signals,
    /// Commands that were not executed because the ledger did not take them.
    ledger_failures,
    /// Commands that were executed without a record, because there is no ledger.
    unrecorded,
    /// Processes that commands had left behind and that were ended.
    leftovers_ended,
    /// Processes that could not be signalled: another user's.
    not_signalled,
    /// Keepers that did not do what they were told and were killed with their tree.
    keepers_killed,
    /// Keepers that said something no keeper says.
    nonsense,
    /// Panics on the thread that watches processes, and failures to wait. After one, all processes are ended.
    panics,
    /// Panics of listeners.
    listener_panics,
}
