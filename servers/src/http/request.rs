//! What a request says, read out of its head (RFC 9112).

use super::response::Status;
use crate::mutants::{Fault, planted};

/// The header fields of one request; more are answered with 431.
const MOST_FIELDS: usize = 64;
/// The largest body that is taken; a larger one is answered with 413.
pub(super) const MOST_BODY: u64 = 1024 * 1024;
/// The largest `N` of `GET /bytes/N`.
const MOST_BYTES: u64 = 1024 * 1024 * 1024;
/// The largest `MICROS` of `GET /work/MICROS`: ten seconds.
const MOST_WORK: u64 = 10_000_000;

/// The methods that some resource knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Head,
    Post,
    Other,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resource {
    /// `/`: a short text.
    Root,
    /// `/echo`: the body of the request.
    Echo,
    /// `/bytes/N`: so many bytes.
    Bytes(u64),
    /// `/work/MICROS`: a text, after so much computing.
    Work(u64),
    /// Anything else.
    Unknown,
    /// Not to be asked for at all: the request is answered with this and is the last one.
    Refused(Status),
}

/// How the end of a body is told (RFC 9112, section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
}

/// A request: whole, as soon as it leaves its exchange.
#[derive(Debug)]
pub(crate) struct Request {
    pub(super) method: Method,
    pub(super) resource: Resource,
    /// The minor version: 0 or 1.
    pub(super) version: u8,
    /// The client expects to send another request after this one.
    pub(super) keep_alive: bool,
    /// The client waits for a `100 Continue` before it sends the body.
    pub(super) expects_continue: bool,
    pub(super) framing: Framing,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// A request that gets `status` for an answer, after which the connection ends.
    pub(super) fn refused(status: Status) -> Request {
        Request {
            method: Method::Get,
            resource: Resource::Refused(status),
            version: 1,
            keep_alive: false,
            expects_continue: false,
            framing: Framing::Length(0),
            body: Vec::new(),
        }
    }

    /// Reads a head from the beginning of `input`: the request and the length of its head, or
    /// `None` while the head is not complete. A head that breaks the rules is the status that
    /// says so.
    pub(super) fn parse(input: &[u8]) -> Result<Option<(Request, usize)>, Status> {
        let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut head = httparse::Request::new(&mut fields);
        let length = match head.parse(input) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if planted(Fault::TakesTheFirstReadForTheHead) => {
                return Err(Status::BadRequest);
            }
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::Version) => return Err(Status::VersionNotSupported),
            Err(httparse::Error::TooManyHeaders) => return Err(Status::FieldsTooLarge),
            Err(_) => return Err(Status::BadRequest),
        };
        let method = match head.method.unwrap_or_default() {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            _ => Method::Other,
        };
        let version = head.version.unwrap_or_default();
        let mut request = Request {
            method,
            resource: resource(head.path.unwrap_or_default()),
            version,
            keep_alive: version == 1,
            expects_continue: false,
            framing: Framing::Length(0),
            body: Vec::new(),
        };
        request.read_fields(head.headers)?;
        Ok(Some((request, length)))
    }

    /// Takes over what the fields say about the connection and the body.
    fn read_fields(&mut self, fields: &[httparse::Header]) -> Result<(), Status> {
        let (mut hosts, mut close, mut length, mut chunked) = (0, false, None, false);
        for field in fields {
            let is = |name: &str| field.name.eq_ignore_ascii_case(name);
            if is("host") {
                hosts += 1;
            } else if is("connection") {
                close |= lists(field.value, "close");
                self.keep_alive |= lists(field.value, "keep-alive");
            } else if is("content-length") {
                let value = decimal(field.value).ok_or(Status::BadRequest)?;
                if length.replace(value).is_some_and(|before| before != value) {
                    return Err(Status::BadRequest);
                }
            } else if is("transfer-encoding") {
                if chunked {
                    return Err(Status::BadRequest);
                }
                if !field.value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                    return Err(Status::NotImplemented);
                }
                chunked = true;
            } else if is("expect") {
                self.expects_continue = self.version == 1 && lists(field.value, "100-continue");
            }
        }
        self.keep_alive &= !close;
        // Two ways to tell the end are how requests are smuggled; none is right for both readers.
        if chunked && (length.is_some() || self.version == 0) {
            return Err(Status::BadRequest);
        }
        if hosts > 1 || (hosts == 0 && self.version == 1) {
            return Err(Status::BadRequest);
        }
        if length.is_some_and(|length| length > MOST_BODY) {
            return Err(Status::ContentTooLarge);
        }
        self.framing =
            if chunked { Framing::Chunked } else { Framing::Length(length.unwrap_or_default()) };
        Ok(())
    }
}

/// Whether a comma-separated field lists `word`.
fn lists(value: &[u8], word: &str) -> bool {
    value
        .split(|byte| *byte == b',')
        .any(|it| it.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
}

/// A number that is written with digits alone: no sign, no spaces.
fn decimal(digits: &[u8]) -> Option<u64> {
    let digits = std::str::from_utf8(digits).ok()?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    // Too large for a number is too large for a body.
    plain.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// What a target in origin or absolute form (RFC 9112, section 3.2) names. Queries are ignored.
fn resource(target: &str) -> Resource {
    let path = match target.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => target,
    };
    let path = path.split('?').next().unwrap_or_default();
    let number = |digits: &str, most| decimal(digits.as_bytes()).filter(|number| *number <= most);
    match path {
        "/" => Resource::Root,
        "/echo" => Resource::Echo,
        _ => {
            let bytes = path.strip_prefix("/bytes/").and_then(|digits| number(digits, MOST_BYTES));
            let work = path.strip_prefix("/work/").and_then(|digits| number(digits, MOST_WORK));
            match (bytes, work) {
                (Some(bytes), _) => Resource::Bytes(bytes),
                (_, Some(micros)) => Resource::Work(micros),
                _ => Resource::Unknown,
            }
        }
    }
}
