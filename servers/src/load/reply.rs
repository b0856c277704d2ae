//! Where a reply ends, and what it says that matters to the client (RFC 9112, section 6).

use super::Failure;
use crate::http::{Framing, Progress};

/// The header fields of one reply.
const MOST_FIELDS: usize = 64;

/// What is next in the input.
#[derive(Debug)]
enum Part {
    Head,
    Body(Progress),
    /// All that comes, until the connection ends.
    Rest,
}

/// A reply on its way.
#[derive(Debug)]
pub(super) struct Reply {
    part: Part,
    /// The connection is of no use behind it.
    pub(super) is_last: bool,
    /// What a body was moved to is thrown away.
    body: Vec<u8>,
}

/// What the input brought.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// So many bytes were used up; the reply is not whole.
    More(usize),
    /// So many bytes were used up, and the reply is whole.
    Whole(usize),
}

impl Reply {
    /// Nothing has come.
    pub(super) fn new() -> Reply {
        Reply { part: Part::Head, is_last: false, body: Vec::new() }
    }

    /// Waits for a reply on a new connection.
    pub(super) fn restart(&mut self) {
        self.part = Part::Head;
    }

    /// Goes through the bytes that are there. `full` says that the input cannot grow. `field` is
    /// told the value of the field of that name.
    pub(super) fn step(
        &mut self,
        input: &[u8],
        full: bool,
        field: Option<&str>,
        mut tell: impl FnMut(&[u8]),
    ) -> Result<Step, Failure> {
        let mut used = 0;
        loop {
            let rest = &input[used..];
            match &mut self.part {
                Part::Head => match self.head(rest, field, &mut tell)? {
                    0 if full && used == 0 => return Err(Failure::Garbage("a head without end")),
                    0 => return Ok(Step::More(used)),
                    length => used += length,
                },
                Part::Body(Progress::Whole) => {
                    self.part = Part::Head;
                    return Ok(Step::Whole(used));
                }
                Part::Body(progress) => {
                    self.body.clear();
                    let step = progress.step(rest, full && used == 0, &mut self.body);
                    let length = step.map_err(|_| Failure::Garbage("a body out of form"))?;
                    used += length;
                    if length == 0 && *progress != Progress::Whole {
                        return Ok(Step::More(used));
                    }
                }
                Part::Rest => return Ok(Step::More(input.len())),
            }
        }
    }

    /// The connection has ended: whether that was the end of the reply.
    pub(super) fn ends_with_connection(&self) -> bool {
        matches!(self.part, Part::Rest)
    }

    /// Takes a head, and returns its length; 0 if it is not whole.
    fn head(
        &mut self,
        input: &[u8],
        wanted: Option<&str>,
        tell: &mut impl FnMut(&[u8]),
    ) -> Result<usize, Failure> {
        let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut head = httparse::Response::new(&mut fields);
        let length = match head.parse(input) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(0),
            Err(_) => return Err(Failure::Garbage("a head out of form")),
        };
        let status = head.code.unwrap_or_default();
        if (100..200).contains(&status) {
            return Ok(length);
        }
        if !(200..300).contains(&status) {
            return Err(Failure::Status(status));
        }
        let (mut close, mut keep, mut framing) = (false, head.version == Some(1), None);
        for field in head.headers {
            let is = |name: &str| field.name.eq_ignore_ascii_case(name);
            let says = |word: &[u8]| field.value.trim_ascii().eq_ignore_ascii_case(word);
            if is("content-length") {
                let digits = std::str::from_utf8(field.value).ok();
                let value = digits.and_then(|digits| digits.trim().parse().ok());
                let value = value.ok_or(Failure::Garbage("a length that is no number"))?;
                framing = framing.or(Some(Framing::Length(value)));
            } else if is("transfer-encoding") {
                framing = says(b"chunked").then_some(Framing::Chunked);
            } else if is("connection") {
                close |= says(b"close");
                keep |= says(b"keep-alive");
            }
            if wanted.is_some_and(is) {
                tell(field.value);
            }
        }
        if status == 204 {
            framing = Some(Framing::Length(0));
        }
        self.is_last = close || !keep || framing.is_none();
        self.part = framing.map_or(Part::Rest, |framing| Part::Body(framing.into()));
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// Gives the bytes piece by piece, as a connection would; returns what was used up in all if
    /// the reply came to its end.
    fn read(bytes: &[u8], piece: usize) -> Result<(Option<usize>, Reply), Failure> {
        let (mut reply, mut start, mut end) = (Reply::new(), 0, 0);
        while end < bytes.len() {
            end = (end + piece).min(bytes.len());
            match reply.step(&bytes[start..end], false, None, |_| {})? {
                Step::Whole(used) => return Ok((Some(start + used), reply)),
                Step::More(used) => start += used,
            }
        }
        Ok((None, reply))
    }

    #[rstest]
    #[case::length("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", false)]
    #[case::empty("HTTP/1.1 204 No Content\r\n\r\n", false)]
    #[case::nothing("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", false)]
    #[case::chunks(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
        false
    )]
    #[case::interim(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
        false
    )]
    #[case::close("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx", true)]
    #[case::old("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", true)]
    fn a_reply_ends_where_it_ends_however_it_comes(#[case] text: &str, #[case] is_last: bool) {
        for piece in 1..=text.len() {
            let (used, reply) = read(text.as_bytes(), piece).unwrap();
            assert_eq!((used, reply.is_last), (Some(text.len()), is_last), "by {piece}");
        }
    }

    #[test]
    fn a_reply_without_a_length_ends_with_its_connection() {
        let (used, reply) = read(b"HTTP/1.1 200 OK\r\n\r\nsome bytes", 7).unwrap();
        assert!(used.is_none() && reply.ends_with_connection() && reply.is_last);
        let (_, reply) = read(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", 7).unwrap();
        assert!(!reply.ends_with_connection());
    }

    #[rstest]
    #[case("HTTP/1.1 503 Busy\r\n\r\n", Failure::Status(503))]
    #[case("HTTP/1.1 404 No\r\n\r\n", Failure::Status(404))]
    #[case("+PONG\r\n", Failure::Garbage("a head out of form"))]
    #[case(
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        Failure::Garbage("a length that is no number")
    )]
    #[case(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        Failure::Garbage("a body out of form")
    )]
    fn what_is_no_success_is_a_failure(#[case] text: &str, #[case] failure: Failure) {
        assert_eq!(read(text.as_bytes(), text.len()).unwrap_err(), failure);
    }

    #[test]
    fn a_field_is_told() {
        let mut told = Vec::new();
        let text = b"HTTP/1.1 200 OK\r\nServer-Thread: 1/2\r\nContent-Length: 0\r\n\r\n";
        let mut reply = Reply::new();
        let step = reply.step(text, false, Some("server-thread"), |value| told.extend(value));
        assert_eq!((step, &told[..]), (Ok(Step::Whole(text.len())), &b"1/2"[..]));
    }
}
