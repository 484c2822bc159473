//! The ends of standard input, output and error: the owner's, where it has one, and the command's.

use super::super::{Input, Output, Stream};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

type Ends = (Option<OwnedFd>, OwnedFd);

pub(super) fn input(input: &Input) -> io::Result<Ends> {
    match input {
        Input::Nothing => Ok((None, File::open("/dev/null")?.into())),
        Input::Bytes(_) | Input::Written => {
            let (reader, writer) = io::pipe()?;
            Ok((Some(writer.into()), reader.into()))
        }
        Input::Inherited => Ok((None, io::stdin().as_fd().try_clone_to_owned()?)),
    }
}

pub(super) fn output(output: Output, stream: Stream) -> io::Result<Ends> {
    match output {
        Output::Dropped => Ok((None, File::options().write(true).open("/dev/null")?.into())),
        Output::Kept { .. } | Output::Streamed => {
            let (reader, writer) = io::pipe()?;
            Ok((Some(reader.into()), writer.into()))
        }
        Output::Inherited => {
            let own = match stream {
                Stream::Output => io::stdout().as_fd().try_clone_to_owned()?,
                Stream::Error => io::stderr().as_fd().try_clone_to_owned()?,
            };
            Ok((None, own))
        }
    }
}
