//! What a thread may ask of the scheduler.

#![allow(unsafe_code)] // the fence: scheduling calls have no safe interface

/// Gives the calling thread the least claim on the processor that still keeps it moving. Returns
/// whether the system took it; where it has no such thing nothing changes.
///
/// Linux: nice 19 and `SCHED_BATCH`, for this thread alone. Not `SCHED_IDLE`: on a machine that is
/// busy for hours such a thread all but stands still, and the files it was to compress fill the disk.
/// macOS: the background quality of service. Elsewhere: nothing.
pub fn lower_priority() -> bool {
    #[cfg(target_os = "linux")]
    {
        // On Linux the nice value belongs to a thread, and process 0 is the calling one (setpriority(2)).
        let nice = rustix::process::setpriority_process(None, 19).is_ok();
        let parameters = libc::sched_param { sched_priority: 0 };
        // SAFETY: the structure outlives the call, which only reads it; 0 names the calling thread.
        let batch =
            unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const parameters) } == 0;
        nice && batch
    }
    #[cfg(target_os = "macos")]
    {
        // SAFETY: changes the calling thread and nothing else.
        let set = unsafe {
            libc::pthread_set_qos_class_self_np(libc::qos_class_t::QOS_CLASS_BACKGROUND, 0)
        };
        set == 0
    }
    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    false
}

/// Has writes of the calling thread to a pipe or socket that nobody reads fail with `EPIPE`, whatever `SIGPIPE`
/// does in this process: the signal goes to the thread that wrote (`pipe(7)`) and stays blocked there.
#[cfg(unix)]
pub fn block_broken_pipe_signal() {
    let mut set = std::mem::MaybeUninit::uninit();
    // SAFETY: the set is initialised before it is used; only the mask of the calling thread is changed.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGPIPE);
        libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut());
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn the_signal_of_a_broken_pipe_is_blocked_for_the_calling_thread_alone() {
        let blocked = || {
            let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
            let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:\t")).unwrap();
            u64::from_str_radix(mask, 16).unwrap() >> (libc::SIGPIPE - 1) & 1
        };
        let before = blocked();
        let inside = std::thread::spawn(move || {
            block_broken_pipe_signal();
            blocked()
        });
        assert_eq!((inside.join().unwrap(), blocked()), (1, before));
    }

    /// Policy and nice value of a thread: fields 41 and 19 of its `stat` (`proc(5)`).
    fn scheduling() -> (i32, i32) {
        let stat = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let behind_name = stat.rsplit_once(") ").unwrap().1;
        let fields: Vec<&str> = behind_name.split(' ').collect();
        (fields[41 - 3].parse().unwrap(), fields[19 - 3].parse().unwrap())
    }

    #[test]
    fn only_the_calling_thread_is_lowered() {
        let before = scheduling();
        let lowered = std::thread::spawn(|| (lower_priority(), scheduling())).join().unwrap();
        assert_eq!(lowered, (true, (libc::SCHED_BATCH, 19)));
        assert_eq!(scheduling(), before);
    }
}
