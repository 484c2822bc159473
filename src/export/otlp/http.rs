//! One POST over plain HTTP/1.1.
//!
//! Written on the standard library's sockets and `httparse`: a client crate would make the addon larger by
//! more than all the rest of this module. It does what a collector needs and no more. A connection is made
//! for each request: batches are seconds apart, and a kept one that the collector has closed meanwhile would
//! fail the next batch for nothing. Redirects are not followed, and proxies from the environment are not used.

use super::endpoint::Endpoint;
use super::response::{Answer, read_answer};
use super::settings::OtlpSettings;
use crate::export::exporter::StartError;
use crate::platform::system_error::system_name;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) what: String,
    /// `ECONNREFUSED` and its like.
    pub(super) cause: Option<String>,
}

/// Posts a body.
pub(super) struct HttpClient {
    endpoint: Endpoint,
    shown: String,
    /// Everything before the length.
    head: String,
    timeout: Duration,
}

impl HttpClient {
    pub(super) fn new(settings: &OtlpSettings) -> Result<HttpClient, StartError> {
        let endpoint = Endpoint::parse(&settings.endpoint)?;
        let mut head = format!(
            "POST {} HTTP/1.1\r\nhost: {}\r\nuser-agent: plimsoll/{}\r\nconnection: close\r\n\
             content-type: application/x-protobuf\r\n",
            endpoint.target,
            endpoint.authority,
            env!("CARGO_PKG_VERSION")
        );
        for (name, value) in settings.checked_headers()? {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let shown = endpoint.shown();
        Ok(HttpClient { endpoint, shown, head, timeout: settings.checked_timeout()? })
    }

    /// Where to, as it may be shown.
    pub(super) fn endpoint(&self) -> &str {
        &self.shown
    }

    pub(super) fn post(
        &self,
        body: &[u8],
        encoding: Option<&'static str>,
    ) -> Result<Answer, Trouble> {
        let deadline = Instant::now() + self.timeout;
        let mut connection = self.connect(deadline)?;
        let encoding =
            encoding.map_or_else(String::new, |name| format!("content-encoding: {name}\r\n"));
        let head = format!("{}{encoding}content-length: {}\r\n\r\n", self.head, body.len());
        let sent = connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(body));
        // A collector may refuse a body before it has read all of it: what it says counts for more than
        // that it does not listen any longer.
        match (read_answer(&mut connection), sent) {
            (Ok(answer), _) => Ok(answer),
            (Err(_), Err(error)) | (Err(error), Ok(())) => Err(trouble("exchange", &error)),
        }
    }

    fn connect(&self, deadline: Instant) -> Result<Connection, Trouble> {
        // On this thread: where a resolver hangs, a thread for each look-up would stay behind.
        let looked_up = (self.endpoint.host.as_str(), self.endpoint.port).to_socket_addrs();
        let addresses: Vec<_> = looked_up
            .map_err(|error| Trouble {
                what: format!("look-up of {}: {error}", self.endpoint.host),
                cause: Some("ENOTFOUND".to_owned()),
            })?
            .collect();
        let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for (place, address) in addresses.iter().enumerate() {
            // One that swallows what is sent to it must not take the time of the others.
            let share = u32::try_from(addresses.len() - place).unwrap_or(u32::MAX);
            let connected = left(deadline)
                .and_then(|left| TcpStream::connect_timeout(address, left / share))
                .and_then(|stream| stream.set_nodelay(true).map(|()| stream));
            match connected {
                Ok(stream) => return Ok(Connection { stream, deadline }),
                Err(error) => last = error,
            }
        }
        Err(trouble("connection", &last))
    }
}

/// A connection whose every read and write ends at the deadline.
struct Connection {
    stream: TcpStream,
    deadline: Instant,
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    // Less than a microsecond would be taken for no timeout at all.
    if left < Duration::from_micros(1) { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// How a socket's own timeout shows.
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::ErrorKind::TimedOut.into() } else { error }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(left(self.deadline)?))?;
        self.stream.read(buffer).map_err(timed_out)
    }
}

impl Write for Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(left(self.deadline)?))?;
        self.stream.write(bytes).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn trouble(phase: &str, error: &io::Error) -> Trouble {
    Trouble { what: format!("{phase}: {error}"), cause: Some(network_name(error)) }
}

/// The names Node gives to what a network refuses.
fn network_name(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "ECONNREFUSED",
        io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof => "ECONNRESET",
        io::ErrorKind::ConnectionAborted => "ECONNABORTED",
        io::ErrorKind::BrokenPipe => "EPIPE",
        io::ErrorKind::TimedOut => "ETIMEDOUT",
        io::ErrorKind::HostUnreachable => "EHOSTUNREACH",
        io::ErrorKind::NetworkUnreachable => "ENETUNREACH",
        io::ErrorKind::AddrNotAvailable => "EADDRNOTAVAIL",
        io::ErrorKind::InvalidData => "EPROTO",
        _ => return system_name(error),
    }
    .to_owned()
}
