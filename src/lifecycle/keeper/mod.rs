//! The keeper: the program between the owner and a command, so that nothing of the command outlives the owner.
//!
//! One keeper is started a command, from the binary `plimsoll-keeper` beside the addon. Inherited:
//!
//! | descriptor | what |
//! |---|---|
//! | 0, 1, 2 | standard input, output and error of the command |
//! | 3 | the control socket (`SOCK_STREAM`): [`messages`] both ways. Its end is the owner's death |
//! | 4 | the order ([`order`]), an anonymous file, read and closed before anything is started |
//!
//! # What it promises
//!
//! - It is a session leader without a terminal and a child subreaper (`PR_SET_CHILD_SUBREAPER`, prctl(2)): every
//!   descendant of the command, also one that called `setsid` or forked twice, is at any time below it.
//! - The command is forked first, reported by [`messages::ToOwner::Ready`], and executed only after
//!   [`messages::ToKeeper::Go`]: until then it has run nothing. It has a process group of its own.
//! - When the socket ends, everything below is killed at once; then the ledger of the dead owner is swept.
//!   The owner is watched through a pidfd besides, so that a copy of the socket in a stray process hides nothing.
//! - [`messages::ToKeeper::End`] is TERM to the tree, a time of grace, then KILL; the time is kept here, so it
//!   passes while the owner is blocked or stopped.
//! - After the command has ended, what it left behind is ended too ([`order::Leftovers::End`]) or kept until the
//!   owner wants it ended or dies ([`order::Leftovers::Keep`]). The last message is
//!   [`messages::ToOwner::Gone`]: nothing of it is left.
//! - A signal goes to a process whose exit status the keeper has not collected yet, or through a pidfd: never to
//!   another one that was given the same number.
//! - The command has the three standard streams and nothing else that was open in the owner or the keeper; the
//!   keeper lets go of its own copies, so that an end of a stream is seen when the command makes it.
//! - Only SIGKILL ends a keeper itself; its tree is then reparented to the owner's subreaper or to init, the
//!   owner hears the socket end and kills what it knows of the tree by pidfd.
//!
//! # Limits
//!
//! - Processes that became another user's (`setuid`) may refuse to be killed: after a second the keeper goes
//!   without them and says how many.
//! - A keeper that may not raise its priority competes with what it kills: a bomb of forks on a busy machine may
//!   take seconds instead of the fraction of one.
//! - Unix other than Linux: no subreaper and no pidfds. The process group of the command is ended, as long as the
//!   command itself is not collected; what left the group, and leftovers, are missed. Windows: there are no keepers.

pub mod messages;
pub mod order;
#[cfg(unix)]
mod owner;
pub mod program;
#[cfg(unix)]
mod session;
#[cfg(unix)]
mod watch;
