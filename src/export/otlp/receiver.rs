//! A collector for tests: reads whole requests, decodes them, and answers from a script.

use libdeflater::Decompressor;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver as Channel, Sender, channel};
use std::thread::JoinHandle;

/// What it does with one connection.
pub(in crate::export) enum Reply {
    /// A status with more header lines and a body.
    Status(u16, &'static str, Vec<u8>),
    /// Reads the request, answers when told or when the teller is gone.
    Held(Channel<()>),
    /// Ends the connection in the middle of the request.
    CutRequest,
    /// Reads the request and ends the connection without an answer.
    CutAnswer,
    /// Promises a longer answer than it gives.
    CutBody,
    /// Says something that is not HTTP.
    Nonsense,
}

/// One request, as it came.
pub(in crate::export) struct Request {
    /// Request line and headers in lower case.
    pub(in crate::export) head: String,
    pub(in crate::export) body: Vec<u8>,
}

impl Request {
    pub(in crate::export) fn message(&self) -> ExportTraceServiceRequest {
        let body = if self.head.contains("content-encoding: gzip") {
            let length = self.body.len() - 4;
            let plain = u32::from_le_bytes(self.body[length..].try_into().unwrap());
            let mut plain = vec![0; plain as usize];
            Decompressor::new().gzip_decompress(&self.body, &mut plain).unwrap();
            plain
        } else {
            self.body.clone()
        };
        ExportTraceServiceRequest::decode(body.as_slice()).unwrap()
    }

    pub(in crate::export) fn spans(&self) -> Vec<Span> {
        let resource_spans = self.message().resource_spans;
        resource_spans.into_iter().flat_map(|r| r.scope_spans).flat_map(|s| s.spans).collect()
    }
}

/// A collector that listens on a port of its own.
pub(in crate::export) struct Receiver {
    address: SocketAddr,
    requests: Channel<Request>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    /// Answers from the script, then 200 to everything.
    pub(in crate::export) fn start(script: Vec<Reply>) -> Receiver {
        Receiver::start_at("127.0.0.1:0".parse().unwrap(), script)
    }

    pub(in crate::export) fn start_at(address: SocketAddr, script: Vec<Reply>) -> Receiver {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut script = VecDeque::from(script);
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let reply = script.pop_front().unwrap_or(Reply::Status(200, "", vec![]));
                serve(stream.unwrap(), reply, &sender);
            }
        });
        Receiver { address, requests, stop, thread: Some(thread) }
    }

    pub(in crate::export) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(in crate::export) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next request, which is waited for.
    pub(in crate::export) fn request(&self) -> Request {
        self.requests.recv_timeout(std::time::Duration::from_secs(60)).expect("a request")
    }

    /// Those that came meanwhile.
    pub(in crate::export) fn requests(&self) -> Vec<Request> {
        self.requests.try_iter().collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        self.thread.take().unwrap().join().unwrap();
    }
}

fn serve(mut stream: TcpStream, reply: Reply, requests: &Sender<Request>) {
    let mut bytes = Vec::new();
    let mut chunk = [0; 65_536];
    let request = loop {
        let count = stream.read(&mut chunk).unwrap_or(0);
        if count == 0 {
            return;
        }
        bytes.extend_from_slice(&chunk[..count]);
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        if matches!(reply, Reply::CutRequest) {
            // With bytes unread, the end of the connection reaches the client as a reset.
            return;
        }
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap().to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.expect("a length").trim().parse().unwrap();
        if bytes.len() >= end + 4 + length {
            assert_eq!(bytes.len(), end + 4 + length);
            break Request { head, body: bytes.split_off(end + 4) };
        }
    };
    requests.send(request).ok();
    let answer = |status: u16, more: &str, length: usize| {
        format!("HTTP/1.1 {status} Scripted\r\n{more}content-length: {length}\r\nconnection: close\r\n\r\n")
            .into_bytes()
    };
    let answer = match reply {
        Reply::Status(status, more, body) => [answer(status, more, body.len()), body].concat(),
        Reply::Held(told) => {
            told.recv().ok();
            answer(200, "", 0)
        }
        Reply::CutBody => [answer(200, "", 100), vec![10, 50]].concat(),
        Reply::Nonsense => b"220 smtp.example.org ESMTP\r\n\r\n".to_vec(),
        Reply::CutRequest | Reply::CutAnswer => return,
    };
    stream.write_all(&answer).ok();
    stream.shutdown(Shutdown::Write).ok();
}
