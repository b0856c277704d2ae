//! From a request to its response, and how a response is written.

use std::io::Write as _;
use std::time::Duration;

use base64::Engine as _;
use nix::time::{ClockId, clock_gettime};
use sha2::Digest as _;

use super::request::{Method, Request, Resource};
use crate::mutants::{self, Fault, planted};
use crate::{stop, sys};

/// The text of `/`.
const GREETING: &str = "ioconform reference server\n";
/// What a mutant takes for long work is longer, in microseconds.
const SHORT: u64 = 15_000;
/// What `/bytes/N` consists of, over and over.
const ALPHABET: &[u8; 64] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-\n";

/// The statuses that these servers answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Ok,
    BadRequest,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    ContentTooLarge,
    FieldsTooLarge,
    NotImplemented,
    VersionNotSupported,
}

impl Status {
    /// The code and the phrase of the status line.
    fn line(self) -> &'static str {
        match self {
            Status::Ok => "200 OK",
            Status::BadRequest => "400 Bad Request",
            Status::NotFound => "404 Not Found",
            Status::MethodNotAllowed => "405 Method Not Allowed",
            Status::RequestTimeout => "408 Request Timeout",
            Status::ContentTooLarge => "413 Content Too Large",
            Status::FieldsTooLarge => "431 Request Header Fields Too Large",
            Status::NotImplemented => "501 Not Implemented",
            Status::VersionNotSupported => "505 HTTP Version Not Supported",
        }
    }
}

/// The content of a response.
#[derive(Debug)]
pub(super) enum Content {
    Text(&'static str),
    Echo(Vec<u8>),
    Bytes(u64),
}

impl Content {
    pub(super) fn length(&self) -> u64 {
        match self {
            Content::Text(text) => text.len() as u64,
            Content::Echo(body) => body.len() as u64,
            Content::Bytes(length) => *length,
        }
    }

    /// Appends to `window` the content from byte `from` on, until the window holds `most` bytes.
    /// Returns where the next call goes on.
    pub(super) fn fill(&self, from: u64, window: &mut Vec<u8>, most: usize) -> u64 {
        let room = most.saturating_sub(window.len());
        let left = usize::try_from(self.length() - from).unwrap_or(usize::MAX).min(room);
        let end = from + left as u64;
        let slice = |bytes: &[u8], window: &mut Vec<u8>| {
            let start = usize::try_from(from).unwrap_or(bytes.len());
            window.extend_from_slice(&bytes[start..start + left]);
        };
        match self {
            Content::Text(text) => slice(text.as_bytes(), window),
            Content::Echo(body) => slice(body, window),
            Content::Bytes(_) => {
                let start = (from % 64) as usize;
                let end = window.len() + left;
                window.extend_from_slice(&ALPHABET[start..start + left.min(64 - start)]);
                while window.len() < end {
                    window.extend_from_slice(&ALPHABET[..(end - window.len()).min(64)]);
                }
            }
        }
        end
    }
}

/// What a request is answered with. It remembers the thread that made it.
#[derive(Debug)]
pub(crate) struct Response {
    status: Status,
    pub(super) content: Content,
    /// The content of `HEAD` is only described.
    pub(super) described: bool,
    allow: Option<&'static str>,
    digest: Option<[u8; 32]>,
    version: u8,
    pub(super) keep_alive: bool,
    thread: sys::Thread,
}

impl Request {
    /// Answers the request on the calling thread. This is where `/work` computes.
    pub(crate) fn process(self) -> Response {
        let _lock = mutants::lock();
        let mut keep_alive = self.keep_alive;
        let (status, content) = match (self.resource, self.method) {
            (Resource::Refused(status), _) => (status, None),
            (Resource::Root, Method::Get | Method::Head) => {
                (Status::Ok, Some(Content::Text(GREETING)))
            }
            (Resource::Bytes(length), Method::Get | Method::Head) => {
                (Status::Ok, Some(Content::Bytes(length)))
            }
            (Resource::Work(micros), _) if planted(Fault::GivesUpLongWork) && micros > SHORT => {
                (Status::NotImplemented, None)
            }
            (Resource::Work(micros), Method::Get | Method::Head) => {
                compute(Duration::from_micros(micros));
                keep_alive &= !stop::is_pending();
                (Status::Ok, Some(Content::Text("done\n")))
            }
            (Resource::Echo, Method::Post) => (Status::Ok, Some(Content::Echo(self.body))),
            (Resource::Unknown, _) => (Status::NotFound, None),
            _ => (Status::MethodNotAllowed, None),
        };
        let allow = match (status, self.resource) {
            (Status::MethodNotAllowed, Resource::Echo) => Some("POST"),
            (Status::MethodNotAllowed, _) => Some("GET, HEAD"),
            _ => None,
        };
        let digest = match &content {
            Some(Content::Echo(body)) => Some(sha2::Sha256::digest(body).into()),
            _ => None,
        };
        Response {
            status,
            content: content.unwrap_or(Content::Text(status.line())),
            described: self.method == Method::Head,
            allow,
            digest,
            version: self.version,
            keep_alive,
            thread: sys::Thread::current(),
        }
    }
}

impl Response {
    /// Appends the status line and the fields to `window`.
    pub(super) fn write_head(&self, window: &mut Vec<u8>) {
        let (status, length) = (self.status.line(), self.content.length());
        let sys::Thread { process, thread } = self.thread;
        // Writing to a vector does not fail.
        let _ = write!(
            window,
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nContent-Type: text/plain\r\n\
             Server-Thread: {process}/{thread}\r\n"
        );
        if let Some(methods) = self.allow {
            let _ = write!(window, "Allow: {methods}\r\n");
        }
        if let Some(digest) = self.digest {
            let digest = base64::engine::general_purpose::STANDARD.encode(digest);
            let _ = write!(window, "Content-Digest: sha-256=:{digest}:\r\n");
        }
        match (self.keep_alive, self.version) {
            (false, _) => window.extend_from_slice(b"Connection: close\r\n"),
            (true, 0) => window.extend_from_slice(b"Connection: keep-alive\r\n"),
            (true, _) => {}
        }
        window.extend_from_slice(b"\r\n");
    }
}

/// Computes for as long as `time` of a processor's, however many others share that.
fn compute(time: Duration) {
    let used = || clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from);
    let Ok(start) = used() else { return };
    while used().is_ok_and(|used| used.saturating_sub(start) < time) {
        std::hint::spin_loop();
    }
}
