//! A keeper under test, with pipes to its command.

use plimsoll::lifecycle::keeper::messages::{LENGTH, ToKeeper, ToOwner};
use plimsoll::lifecycle::keeper::order::Order;
use plimsoll::platform::spawn::spawn;
use rustix::process::{Pid, WaitOptions, waitpid};
use std::ffi::CString;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Held by tests that measure time, and by those that use up the processors.
static ALONE: Mutex<()> = Mutex::new(());

/// Ends a test that would hang; no result depends on it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Kept {
    pub(crate) pid: i32,
    control: Option<UnixStream>,
    pub(crate) input: Option<PipeWriter>,
    pub(crate) output: BufReader<PipeReader>,
    pub(crate) error: PipeReader,
    /// What the keeper and all below it carry in their environments.
    pub(crate) mark: String,
    reaped: bool,
}

pub(crate) fn alone() -> impl Drop {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An order for a program found in the usual places.
pub(crate) fn order(program: &str, arguments: &[&str]) -> Order {
    Order {
        program: program.into(),
        arguments: arguments.iter().map(|argument| argument.as_bytes().to_vec()).collect(),
        environment: vec![b"PATH=/usr/bin:/bin".to_vec()],
        ..Order::default()
    }
}

pub(crate) fn script(text: &str) -> Order {
    order("sh", &["-c", text])
}

/// An anonymous file, its position at its end, as a writer leaves it.
pub(crate) fn anonymous(bytes: &[u8]) -> OwnedFd {
    let file = rustix::fs::memfd_create("order", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
    let mut file = File::from(file);
    file.write_all(bytes).unwrap();
    file.into()
}

fn new_mark() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("PLIMSOLL_TEST_KEPT={}.{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Kept {
    /// Starts a keeper with an order, whose environment gets the mark.
    pub(crate) fn start(mut order: Order) -> Kept {
        let mark = new_mark();
        order.environment.push(mark.clone().into_bytes());
        Kept::start_bytes(&order.encode(), mark)
    }

    pub(crate) fn start_raw(bytes: &[u8]) -> Kept {
        Kept::start_bytes(bytes, new_mark())
    }

    fn start_bytes(bytes: &[u8], mark: String) -> Kept {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_read_timeout(Some(PATIENCE)).unwrap();
        let (input_reader, input) = std::io::pipe().unwrap();
        let (output, output_writer) = std::io::pipe().unwrap();
        let (error, error_writer) = std::io::pipe().unwrap();
        let order = anonymous(bytes);
        let program = CString::new(env!("CARGO_BIN_EXE_plimsoll-keeper")).unwrap();
        let pid = spawn(
            &program,
            &[],
            &[CString::new(mark.clone()).unwrap()],
            &[
                input_reader.as_fd(),
                output_writer.as_fd(),
                error_writer.as_fd(),
                theirs.as_fd(),
                order.as_fd(),
            ],
        )
        .unwrap();
        Kept {
            pid,
            control: Some(ours),
            input: Some(input),
            output: BufReader::new(output),
            error,
            mark,
            reaped: false,
        }
    }

    /// Started, and let go.
    pub(crate) fn run(order: Order) -> Kept {
        let mut kept = Kept::start(order);
        kept.ready();
        kept.tell(ToKeeper::Go);
        kept
    }

    /// Started and being executed.
    pub(crate) fn running(order: Order) -> (Kept, i32) {
        let mut kept = Kept::start(order);
        let pid = kept.ready();
        kept.tell(ToKeeper::Go);
        assert_eq!(kept.hear(), Some(ToOwner::Running));
        (kept, pid)
    }

    pub(crate) fn tell(&mut self, message: ToKeeper) {
        self.control.as_ref().unwrap().write_all(&message.encode()).unwrap();
    }

    pub(crate) fn tell_bytes(&mut self, bytes: &[u8]) {
        self.control.as_ref().unwrap().write_all(bytes).unwrap();
    }

    /// The next message, or `None` at the end of the socket.
    pub(crate) fn hear(&mut self) -> Option<ToOwner> {
        let mut record = [0; LENGTH];
        match self.control.as_ref().unwrap().read_exact(&mut record) {
            Ok(()) => Some(ToOwner::decode(&record).unwrap()),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => None,
            // What was unread when the keeper went.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => None,
            Err(error) => panic!("the keeper says nothing: {error}"),
        }
    }

    pub(crate) fn hear_all(&mut self) -> Vec<ToOwner> {
        std::iter::from_fn(|| self.hear()).collect()
    }

    /// The pid of the command, which waits.
    pub(crate) fn ready(&mut self) -> i32 {
        match self.hear() {
            Some(ToOwner::Ready { pid, start }) => {
                assert!(pid > 1 && start > 0);
                pid
            }
            other => panic!("not ready: {other:?}"),
        }
    }

    /// Closes the socket, as the death of the owner does.
    pub(crate) fn leave(&mut self) {
        self.control = None;
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Everything the command and all that hold its output still print.
    pub(crate) fn rest(&mut self) -> String {
        let mut text = Vec::new();
        self.output.read_to_end(&mut text).unwrap();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Waits for the keeper's own end.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        self.reaped = true;
        let (_, status) = waitpid(Pid::from_raw(self.pid), WaitOptions::empty()).unwrap().unwrap();
        status.exit_status()
    }

    /// All that carry the mark and live, the keeper too.
    pub(crate) fn living(&self) -> Vec<i32> {
        living(&self.mark)
    }

    pub(crate) fn assert_nothing_lives(&self) {
        wait_until("nothing of the tree lives", || {
            self.living().iter().all(|&pid| pid == self.pid)
        });
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.control = None;
        if !self.reaped {
            self.exit_code();
        }
    }
}

/// The numbers of all that live and carry a mark.
pub(crate) fn living(mark: &str) -> Vec<i32> {
    let mark = format!("{mark}\0");
    let marked = |pid: i32| {
        std::fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|text| memchr::memmem::find(&text, mark.as_bytes()).is_some())
    };
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|&pid| marked(pid))
        .collect()
}

/// The limit only ends a test that would otherwise hang.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "never: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}
