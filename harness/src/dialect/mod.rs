//! How to ask a server for something, and how to tell that its answer is whole.
//!
//! A case asks for a *wish* (a small reply, a big one, its own bytes back, some work first); the
//! dialect turns it into the bytes of a request and a rule for the reply. What a dialect cannot
//! express is nothing that a server could fail.

mod http;
mod script;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use http::Http;
pub(crate) use http::field;
pub use script::Script;

/// The size of a big reply at least, in bytes: more than the socket buffers of both sides hold
/// while the client does not read and its receive buffer is small.
pub const BIG: usize = 4 << 20;
/// How often a value is fetched in one request of those protocols that limit a value's size.
const PARTS: usize = 8;

/// The language that a server speaks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "protocol", rename_all = "lowercase", deny_unknown_fields)]
pub enum Dialect {
    /// HTTP/1.1.
    Http(Http),
    /// The protocol of Redis, version 2.
    Resp,
    /// The text protocol of memcached.
    Memcached,
    /// Every byte comes back.
    Echo,
    /// Requests and regular expressions from a file.
    Script(Script),
}

/// What a case wants from a server.
#[derive(Debug, Clone, Copy)]
pub enum Wish<'a> {
    /// A small reply. The number makes request and reply unlike all others, where the protocol
    /// has room for it.
    Small(u64),
    /// A reply of [`BIG`] bytes or more.
    Big,
    /// These bytes back.
    Payload(&'a [u8]),
    /// A small reply after so much work.
    Work(Duration),
}

impl Wish<'_> {
    /// The words for it in the reason of an `unsupported`.
    fn words(self) -> &'static str {
        match self {
            Wish::Small(_) => "a small reply",
            Wish::Big => "a reply of some MiB",
            Wish::Payload(_) => "one's own bytes back",
            Wish::Work(_) => "a reply that takes a while",
        }
    }

    /// Where a dialect whose author can say so says how to ask for it.
    fn key(self) -> &'static str {
        match self {
            Wish::Small(_) => "small",
            Wish::Big => "big",
            Wish::Payload(_) => "echo",
            Wish::Work(_) => "work",
        }
    }
}

/// Why a dialect cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DialectError {
    /// No such word and no such file.
    #[error("there is no dialect `{0}`: it is http, resp, memcached, echo or a FILE.toml")]
    Unknown(String),
    /// The file cannot be read.
    #[error("cannot read the dialect {0}: {1}")]
    Read(String, std::io::Error),
    /// The file is no dialect.
    #[error("the dialect {0} is not valid: {1}")]
    Parse(String, String),
}

/// A request and the rule for its reply.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The bytes to send.
    pub request: Vec<u8>,
    rule: Rule,
}

#[derive(Debug, Clone)]
enum Rule {
    Exactly(Vec<u8>),
    Http(http::Expected),
    Matching(Box<regex::bytes::Regex>),
}

/// How far a reply has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// More must come.
    More,
    /// It is whole, and so long.
    Whole(usize),
    /// It is not the reply to this request, for this reason.
    Wrong(String),
}

impl Exchange {
    /// A request whose reply is known to the byte.
    fn exact(request: impl Into<Vec<u8>>, reply: impl Into<Vec<u8>>) -> Exchange {
        Exchange { request: request.into(), rule: Rule::Exactly(reply.into()) }
    }

    /// Looks at what was received so far; `ended` tells that nothing more will come.
    pub fn judge(&self, received: &[u8], ended: bool) -> Progress {
        match &self.rule {
            Rule::Exactly(reply) => exactly(reply, received),
            Rule::Http(expected) => expected.judge(received, ended),
            Rule::Matching(pattern) => match pattern.find(received) {
                Some(found) => Progress::Whole(found.end()),
                None => Progress::More,
            },
        }
    }
}

/// Looks at the first bytes of a reply on its way, and at all of one that is whole.
fn exactly(reply: &[u8], received: &[u8]) -> Progress {
    let here = received.len().min(reply.len());
    let looked_at = if here == reply.len() { here } else { here.min(64) };
    if received[..looked_at] != reply[..looked_at] {
        let at = received.iter().zip(reply).take_while(|(a, b)| a == b).count();
        let seen = &received[at..received.len().min(at + 40)];
        Progress::Wrong(format!("from byte {at} on it is {:?}", String::from_utf8_lossy(seen)))
    } else if here == reply.len() {
        Progress::Whole(here)
    } else {
        Progress::More
    }
}

impl From<Http> for Dialect {
    fn from(http: Http) -> Dialect {
        Dialect::Http(http)
    }
}

impl Dialect {
    /// HTTP/1.1, with a server of which nothing is known but that it answers `GET /`.
    pub fn http() -> Dialect {
        Dialect::Http(Http::default())
    }

    /// A dialect by its word (`http`, `resp`, `memcached`, `echo`), or from a TOML file.
    pub fn named(text: &str) -> Result<Dialect, DialectError> {
        match text {
            "http" => Ok(Dialect::http()),
            "resp" => Ok(Dialect::Resp),
            "memcached" => Ok(Dialect::Memcached),
            "echo" => Ok(Dialect::Echo),
            _ if Path::new(text).extension().is_some_and(|ending| ending == "toml") => {
                let content = std::fs::read_to_string(text)
                    .map_err(|error| DialectError::Read(text.to_owned(), error))?;
                Dialect::parse(text, &content)
            }
            _ => Err(DialectError::Unknown(text.to_owned())),
        }
    }

    fn parse(name: &str, content: &str) -> Result<Dialect, DialectError> {
        let invalid = |error: String| {
            let line = error.split_whitespace().collect::<Vec<_>>().join(" ");
            DialectError::Parse(name.to_owned(), line)
        };
        let dialect: Dialect =
            toml::from_str(content).map_err(|error| invalid(error.to_string()))?;
        if let Dialect::Script(script) = &dialect {
            script.check().map_err(invalid)?;
        }
        Ok(dialect)
    }

    /// The word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Dialect::Http(_) => "http",
            Dialect::Resp => "resp",
            Dialect::Memcached => "memcached",
            Dialect::Echo => "echo",
            Dialect::Script(_) => "script",
        }
    }

    /// The request for a wish. With `last` the server is asked to close the connection after its
    /// reply. An error names what the protocol, or this server's part of it, does not have.
    pub fn exchange(&self, wish: Wish, last: bool) -> Result<Exchange, String> {
        let exchange = match self {
            Dialect::Http(http) => http.exchange(wish, last),
            Dialect::Resp => Some(resp(wish, last)),
            Dialect::Memcached => memcached(wish, last),
            Dialect::Echo => echo(wish, last),
            Dialect::Script(script) => script.exchange(wish, last),
        };
        let close = if last { " and the end of the connection" } else { "" };
        exchange.ok_or_else(|| {
            let lacks = match self {
                Dialect::Http(_) => format!(": it does not name its `{}`", wish.key()),
                Dialect::Script(script) => {
                    let key = if script.has(wish) { "last" } else { wish.key() };
                    format!(": it does not name its `{key}`")
                }
                Dialect::Resp | Dialect::Memcached | Dialect::Echo => String::new(),
            };
            let (word, what) = (self.word(), wish.words());
            format!("its dialect ({word}) has no way to ask for {what}{close}{lacks}")
        })
    }

    /// What has to be asked for once, before the wishes, as with a value that is to be fetched.
    pub fn preparation(&self) -> Option<Exchange> {
        let part = filler(BIG / PARTS);
        match self {
            Dialect::Resp => Some(Exchange::exact(
                [b"*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n" as &[u8], &bulk(&part)].concat(),
                "+OK\r\n",
            )),
            Dialect::Memcached => Some(Exchange::exact(
                [format!("set big 0 0 {}\r\n", part.len()).as_bytes(), &part, b"\r\n"].concat(),
                "STORED\r\n",
            )),
            Dialect::Http(_) | Dialect::Echo | Dialect::Script(_) => None,
        }
    }

    /// What makes the server keep bytes for as long as it runs, and what asks for them afterwards,
    /// on whatever connection. Nothing for a protocol without a memory.
    pub fn keep(&self, bytes: &[u8]) -> Option<(Vec<u8>, Exchange)> {
        match self {
            Dialect::Resp => Some((
                [b"*3\r\n$3\r\nSET\r\n$4\r\nkept\r\n" as &[u8], &bulk(bytes)].concat(),
                Exchange::exact("*2\r\n$3\r\nGET\r\n$4\r\nkept\r\n", bulk(bytes)),
            )),
            Dialect::Memcached => {
                let length = bytes.len();
                let value = format!("VALUE kept 0 {length}\r\n");
                Some((
                    [format!("set kept 0 0 {length}\r\n").as_bytes(), bytes, b"\r\n"].concat(),
                    Exchange::exact(
                        "get kept\r\n",
                        [value.as_bytes(), bytes, b"\r\nEND\r\n"].concat(),
                    ),
                ))
            }
            Dialect::Http(_) | Dialect::Echo | Dialect::Script(_) => None,
        }
    }

    /// How binding it is that a client which has shut down its sending direction still gets its
    /// reply. A protocol without a word for "this was the last request" has only that.
    pub fn ends_by_half_close(&self) -> bool {
        matches!(self, Dialect::Echo | Dialect::Script(_))
    }
}

/// So many bytes of text.
pub fn filler(length: usize) -> Vec<u8> {
    b"0123456789abcdefghijklmnopqrstuvwxyz-\n".iter().copied().cycle().take(length).collect()
}

/// A bulk string of RESP.
fn bulk(bytes: &[u8]) -> Vec<u8> {
    [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

fn resp(wish: Wish, last: bool) -> Exchange {
    let echo =
        |bytes: &[u8]| ([b"*2\r\n$4\r\nECHO\r\n" as &[u8], &bulk(bytes)].concat(), bulk(bytes));
    let (mut request, mut reply) = match wish {
        Wish::Small(nonce) => echo(format!("nonce {nonce}").as_bytes()),
        Wish::Payload(bytes) => echo(bytes),
        Wish::Big => {
            let keys = "$3\r\nbig\r\n".repeat(PARTS);
            let values = bulk(&filler(BIG / PARTS)).repeat(PARTS);
            (
                format!("*{}\r\n$4\r\nMGET\r\n{keys}", PARTS + 1).into_bytes(),
                [format!("*{PARTS}\r\n").as_bytes(), &values].concat(),
            )
        }
        Wish::Work(time) => {
            // A loop of the server's own interpreter: about a hundred million turns a second.
            let turns = time.as_micros() * 100;
            let script = format!("local n=0 for i=1,{turns} do n=n+1 end return 'done'");
            (
                [b"*3\r\n$4\r\nEVAL\r\n" as &[u8], &bulk(script.as_bytes()), b"$1\r\n0\r\n"]
                    .concat(),
                b"$4\r\ndone\r\n".to_vec(),
            )
        }
    };
    if last {
        request.extend_from_slice(b"*1\r\n$4\r\nQUIT\r\n");
        reply.extend_from_slice(b"+OK\r\n");
    }
    Exchange::exact(request, reply)
}

fn memcached(wish: Wish, last: bool) -> Option<Exchange> {
    // To be told its own bytes, a client stores them first. An hour is long enough.
    let told = |key: &str, bytes: &[u8]| {
        let length = bytes.len();
        let store = format!("set {key} 0 3600 {length}\r\n");
        let value = format!("STORED\r\nVALUE {key} 0 {length}\r\n");
        (
            [store.as_bytes(), bytes, format!("\r\nget {key}\r\n").as_bytes()].concat(),
            [value.as_bytes(), bytes, b"\r\nEND\r\n"].concat(),
        )
    };
    let (mut request, reply) = match wish {
        Wish::Small(nonce) => told(&format!("nonce-{nonce}"), nonce.to_string().as_bytes()),
        Wish::Payload(bytes) if bytes.len() < 1 << 20 => told(&own_key(bytes), bytes),
        Wish::Big => {
            let length = BIG / PARTS;
            let value =
                [format!("VALUE big 0 {length}\r\n").as_bytes(), &filler(length), b"\r\n"].concat();
            (
                format!("get{}\r\n", " big".repeat(PARTS)).into_bytes(),
                [value.repeat(PARTS), b"END\r\n".to_vec()].concat(),
            )
        }
        Wish::Payload(_) | Wish::Work(_) => return None,
    };
    if last {
        request.extend_from_slice(b"quit\r\n");
    }
    Some(Exchange::exact(request, reply))
}

/// The key under which a client stores bytes to be told them: clients that store other bytes at the
/// same time do not meet there.
fn own_key(bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    format!("payload-{:016x}", hasher.finish())
}

/// The end of a connection is the client's own half-close here: there is no word for it.
fn echo(wish: Wish, last: bool) -> Option<Exchange> {
    let bytes = match wish {
        Wish::Small(nonce) => format!("nonce {nonce}\n").into_bytes(),
        Wish::Payload(bytes) => bytes.to_vec(),
        Wish::Big => filler(BIG),
        Wish::Work(_) => return None,
    };
    (!last).then(|| Exchange::exact(bytes.clone(), bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(b"", Progress::More)]
    #[case(b"+O", Progress::More)]
    #[case(b"+OK\r\n", Progress::Whole(5))]
    #[case(b"+OK\r\n+OK", Progress::Whole(5))]
    #[case(b"-ERR", Progress::Wrong("from byte 0 on it is \"-ERR\"".to_owned()))]
    fn an_exact_reply_is_followed(#[case] received: &[u8], #[case] progress: Progress) {
        assert_eq!(Exchange::exact("x", "+OK\r\n").judge(received, false), progress);
    }

    #[test]
    fn a_wrong_byte_late_in_a_long_reply_is_found() {
        let reply = filler(1000);
        let mut received = reply.clone();
        received[900] = b'?';
        assert_eq!(exactly(&reply, &received[..999]), Progress::More);
        assert!(matches!(exactly(&reply, &received), Progress::Wrong(why) if why.contains("900")));
    }

    #[test]
    fn clients_of_a_store_do_not_share_a_key_for_different_bytes() {
        let request = |bytes| {
            let exchange = Dialect::Memcached.exchange(Wish::Payload(bytes), false).unwrap();
            String::from_utf8(exchange.request).unwrap()
        };
        let key = |request: String| request.split(' ').nth(1).unwrap().to_owned();
        assert_ne!(key(request(b"one")), key(request(b"two")));
        assert_eq!(request(b"one"), request(b"one"));
    }

    #[test]
    fn what_is_kept_can_be_asked_for() {
        let (store, fetch) = Dialect::Resp.keep(b"ab").unwrap();
        assert_eq!(store, b"*3\r\n$3\r\nSET\r\n$4\r\nkept\r\n$2\r\nab\r\n");
        assert_eq!(fetch.judge(b"$2\r\nab\r\n", false), Progress::Whole(8));
        let (store, fetch) = Dialect::Memcached.keep(b"ab").unwrap();
        assert_eq!(store, b"set kept 0 0 2\r\nab\r\n");
        assert_eq!(fetch.judge(b"VALUE kept 0 2\r\nab\r\nEND\r\n", false), Progress::Whole(25));
        assert!(matches!(fetch.judge(b"END\r\n", false), Progress::Wrong(_)));
        assert!(Dialect::Echo.keep(b"ab").is_none());
    }

    #[test]
    fn what_a_protocol_does_not_have_is_said() {
        let refusal = Dialect::http().exchange(Wish::Big, false).unwrap_err();
        assert!(refusal.ends_with("a reply of some MiB: it does not name its `big`"), "{refusal}");
        let refusal = Dialect::Echo.exchange(Wish::Work(Duration::from_secs(1)), false);
        assert_eq!(
            refusal.unwrap_err(),
            "its dialect (echo) has no way to ask for a reply that takes a while"
        );
    }

    #[rstest]
    #[case("protocol = \"http\"\nbig = \"/big\"", None)]
    #[case("protocol = \"resp\"", None)]
    #[case(
        "protocol = \"script\"\nrequest = \"PING {nonce}\\n\"\nreply = \"PONG {nonce}\\n\"",
        None
    )]
    #[case("protocol = \"gopher\"", Some("gopher"))]
    #[case("protocol = \"http\"\nbigg = \"/\"", Some("bigg"))]
    #[case("protocol = \"script\"\nrequest = \"a\"\nreply = \"(\"", Some("unclosed"))]
    #[case("request = \"a\"", Some("protocol"))]
    fn a_dialect_comes_from_a_file(#[case] content: &str, #[case] complains: Option<&str>) {
        match (Dialect::parse("d.toml", content), complains) {
            (Ok(_), None) => {}
            (Err(error), Some(words)) => {
                let text = error.to_string();
                assert!(text.contains(words) && !text.contains('\n'), "{text}");
            }
            (other, _) => panic!("{other:?}"),
        }
    }
}
