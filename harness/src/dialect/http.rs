//! HTTP/1.1, as far as one needs it to ask for something and to know when the answer is whole
//! (RFC 9112, section 6).

use serde::{Deserialize, Serialize};

use super::{BIG, Exchange, Progress, Rule, Wish};

/// Where an HTTP server keeps what a case may wish for: paths, `None` where it has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Http {
    /// Something small, for GET. A `{nonce}` in the path is replaced; the reply need not show it.
    pub small: String,
    /// Something of 4 MiB or more, for GET. `{bytes}` stands for the size where it can be chosen.
    pub big: Option<String>,
    /// What answers a POST with the body that came.
    pub echo: Option<String>,
    /// What works for a while before it answers; `{micros}` stands for how long.
    pub work: Option<String>,
    /// The field of a reply that names the thread, or process, that made it.
    pub thread: Option<String>,
}

impl Default for Http {
    /// A server of which nothing is known but that it answers `GET /`.
    fn default() -> Http {
        Http { small: "/".to_owned(), big: None, echo: None, work: None, thread: None }
    }
}

/// What a reply must be like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expected {
    /// Any final answer but the server's own failure (5xx).
    Answer,
    /// Success, with at least so many bytes.
    AtLeast(usize),
    /// Success, with these bytes.
    Body(Vec<u8>),
}

impl Http {
    /// With something small at `path`.
    #[must_use]
    pub fn small(self, path: &str) -> Http {
        Http { small: path.to_owned(), ..self }
    }

    /// With something of 4 MiB or more at `path`.
    #[must_use]
    pub fn big(self, path: &str) -> Http {
        Http { big: Some(path.to_owned()), ..self }
    }

    /// With what answers a POST by its body at `path`.
    #[must_use]
    pub fn echo(self, path: &str) -> Http {
        Http { echo: Some(path.to_owned()), ..self }
    }

    /// With something that takes `{micros}` at `path`.
    #[must_use]
    pub fn work(self, path: &str) -> Http {
        Http { work: Some(path.to_owned()), ..self }
    }

    /// With a field of that name in each reply that tells who made it.
    #[must_use]
    pub fn thread(self, field: &str) -> Http {
        Http { thread: Some(field.to_owned()), ..self }
    }

    pub(super) fn exchange(&self, wish: Wish, last: bool) -> Option<Exchange> {
        let get = |path: String, expected| (format!("GET {path}"), Vec::new(), expected);
        let (line, body, expected) = match wish {
            Wish::Small(nonce) => {
                get(self.small.replace("{nonce}", &nonce.to_string()), Expected::Answer)
            }
            Wish::Big => {
                get(self.big.as_ref()?.replace("{bytes}", &BIG.to_string()), Expected::AtLeast(BIG))
            }
            Wish::Work(time) => get(
                self.work.as_ref()?.replace("{micros}", &time.as_micros().to_string()),
                Expected::Answer,
            ),
            Wish::Payload(bytes) => (
                format!("POST {}", self.echo.as_ref()?),
                bytes.to_vec(),
                Expected::Body(bytes.to_vec()),
            ),
        };
        let length = if line.starts_with("POST") {
            format!("Content-Length: {}\r\n", body.len())
        } else {
            String::new()
        };
        let close = if last { "Connection: close\r\n" } else { "" };
        let head = format!("{line} HTTP/1.1\r\nHost: localhost\r\n{length}{close}\r\n");
        Some(Exchange { request: [head.into_bytes(), body].concat(), rule: Rule::Http(expected) })
    }
}

/// The value of a field in the head of the first reply in `received`.
pub(crate) fn field(received: &[u8], name: &str) -> Option<String> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut fields);
    response.parse(received).ok()?.is_complete().then_some(())?;
    value(&response, name).map(str::to_owned)
}

fn value<'a>(response: &httparse::Response<'_, 'a>, name: &str) -> Option<&'a str> {
    let field = response.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name))?;
    std::str::from_utf8(field.value).ok().map(str::trim)
}

impl Expected {
    pub(super) fn judge(&self, received: &[u8], ended: bool) -> Progress {
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut response = httparse::Response::new(&mut fields);
        let head = match response.parse(received) {
            Ok(httparse::Status::Complete(head)) => head,
            Ok(httparse::Status::Partial) => return Progress::More,
            Err(error) => {
                let seen = String::from_utf8_lossy(&received[..received.len().min(40)]);
                return Progress::Wrong(format!("no HTTP reply ({error}): {seen:?}"));
            }
        };
        let status = response.code.unwrap_or(0);
        if (100..200).contains(&status) {
            return match self.judge(&received[head..], ended) {
                Progress::Whole(length) => Progress::Whole(head + length),
                other => other,
            };
        }
        let least = match self {
            Expected::Answer => 500,
            Expected::AtLeast(_) | Expected::Body(_) => 300,
        };
        if !(200..least).contains(&status) {
            return Progress::Wrong(format!("status {status}"));
        }
        let (length, body) = match body(&response, status, &received[head..], ended) {
            Ok(Some(found)) => found,
            Ok(None) => return Progress::More,
            Err(why) => return Progress::Wrong(why),
        };
        match self {
            Expected::AtLeast(bytes) if body.len() < *bytes => {
                Progress::Wrong(format!("only {} bytes", body.len()))
            }
            Expected::Body(sent) if *sent != *body => {
                Progress::Wrong(format!("{} other bytes than the {} sent", body.len(), sent.len()))
            }
            _ => Progress::Whole(head + length),
        }
    }
}

/// A body that is whole: how many bytes it takes on the wire, and itself.
type Body<'a> = (usize, std::borrow::Cow<'a, [u8]>);

fn body<'a>(
    response: &httparse::Response,
    status: u16,
    rest: &'a [u8],
    ended: bool,
) -> Result<Option<Body<'a>>, String> {
    if matches!(status, 204 | 304) {
        return Ok(Some((0, rest[..0].into())));
    }
    if value(response, "Transfer-Encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
        return chunked(rest);
    }
    match value(response, "Content-Length") {
        Some(text) => {
            let length: usize = text.parse().map_err(|_| format!("Content-Length: {text}"))?;
            Ok((rest.len() >= length).then(|| (length, rest[..length].into())))
        }
        // Without a length the end of the connection is the end of the body.
        None => Ok(ended.then(|| (rest.len(), rest.into()))),
    }
}

fn chunked(rest: &[u8]) -> Result<Option<Body<'_>>, String> {
    let (mut at, mut body) = (0, Vec::new());
    loop {
        let (start, length) = match httparse::parse_chunk_size(&rest[at..]) {
            Ok(httparse::Status::Complete(found)) => found,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err("a chunk without a size".to_owned()),
        };
        let length = usize::try_from(length).map_err(|_| "a chunk without end".to_owned())?;
        at += start;
        if length == 0 {
            return Ok(trailer(&rest[at..]).map(|end| (at + end, body.into())));
        }
        let Some(chunk) = rest.get(at..at + length + 2) else { return Ok(None) };
        if &chunk[length..] != b"\r\n" {
            return Err("a chunk longer than its size".to_owned());
        }
        body.extend_from_slice(&chunk[..length]);
        at += length + 2;
    }
}

/// The length of the trailer section, its empty line included.
fn trailer(rest: &[u8]) -> Option<usize> {
    if rest.starts_with(b"\r\n") {
        return Some(2);
    }
    rest.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at + 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::length("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")]
    #[case::chunked("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n")]
    #[case::trailer(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nA: b\r\n\r\n"
    )]
    #[case::none("HTTP/1.1 204 No Content\r\n\r\n")]
    #[case::interim("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")]
    fn a_reply_is_whole_at_its_last_byte_and_not_before(#[case] reply: &str) {
        let length = reply.len();
        let with_more = format!("{reply}HTTP/1.1 200");
        assert_eq!(Expected::Answer.judge(with_more.as_bytes(), false), Progress::Whole(length));
        for short in 0..length {
            let progress = Expected::Answer.judge(&reply.as_bytes()[..short], false);
            assert_eq!(progress, Progress::More, "{short}");
        }
    }

    #[rstest]
    #[case::garbage("hello there, this is no HTTP\r\n\r\n")]
    #[case::own_failure("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")]
    #[case::bad_length("HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nhi")]
    #[case::bad_chunk("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi!!0\r\n\r\n")]
    fn what_is_no_answer_is_wrong(#[case] reply: &str) {
        let progress = Expected::Answer.judge(reply.as_bytes(), true);
        assert!(matches!(progress, Progress::Wrong(_)), "{progress:?}");
    }

    #[test]
    fn without_a_length_the_end_is_the_end() {
        let reply = b"HTTP/1.1 200 OK\r\n\r\nhi";
        assert_eq!(Expected::Answer.judge(reply, false), Progress::More);
        assert_eq!(Expected::Answer.judge(reply, true), Progress::Whole(reply.len()));
        let other = Expected::Body(b"ho".to_vec()).judge(reply, true);
        assert!(matches!(other, Progress::Wrong(_)), "{other:?}");
    }

    #[test]
    fn a_thread_is_named_in_a_field() {
        let reply = b"HTTP/1.1 200 OK\r\nServer-Thread: 7/8\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(field(reply, "server-thread").as_deref(), Some("7/8"));
        assert_eq!(field(reply, "other"), None);
        assert_eq!(field(&reply[..20], "server-thread"), None);
    }
}
