//! A protocol told in a file: requests, and regular expressions for their replies.
//!
//! ```toml
//! protocol = "script"
//! request = "PING {nonce}\n"        # {nonce}: a number, unlike all others
//! reply = "PONG {nonce}\n"          # a regular expression; must match from the first byte on
//! big = { request = "GET big\n", reply = "(?s-u).*END\n" }              # optional, 4 MiB or more
//! echo = { request = "ECHO {payload}\n", reply = "{payload}\n" }        # optional
//! work = { request = "WORK {micros}\n", reply = "DONE\n" }              # optional
//! last = "QUIT\n"                   # optional: sent behind a request, makes the server close
//! ```

use regex::bytes::Regex;
use serde::{Deserialize, Serialize};

use super::{Exchange, Rule, Wish};

/// The content of such a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// The request for something small.
    pub request: String,
    /// Its reply.
    pub reply: String,
    /// Something of 4 MiB or more.
    pub big: Option<Pair>,
    /// The client's own bytes.
    pub echo: Option<Pair>,
    /// Something that takes a while.
    pub work: Option<Pair>,
    /// What is sent behind a request to have the connection closed after it.
    pub last: Option<String>,
}

/// A request and its reply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pair {
    request: String,
    reply: String,
}

impl Script {
    /// Tells what is wrong with the regular expressions.
    pub(super) fn check(&self) -> Result<(), String> {
        let small = Pair { request: self.request.clone(), reply: self.reply.clone() };
        let pairs = [Some(&small), self.big.as_ref(), self.echo.as_ref(), self.work.as_ref()];
        for pair in pairs.into_iter().flatten() {
            let harmless = ["nonce", "payload", "micros"]
                .iter()
                .fold(pair.reply.clone(), |text, name| text.replace(&format!("{{{name}}}"), "0"));
            pattern(&harmless).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Whether it tells how to ask for it.
    pub(super) fn has(&self, wish: Wish) -> bool {
        match wish {
            Wish::Small(_) => true,
            Wish::Big => self.big.is_some(),
            Wish::Payload(_) => self.echo.is_some(),
            Wish::Work(_) => self.work.is_some(),
        }
    }

    pub(super) fn exchange(&self, wish: Wish, last: bool) -> Option<Exchange> {
        let (request, reply, name, value) = match wish {
            Wish::Small(nonce) => {
                (&self.request, &self.reply, "{nonce}", nonce.to_string().into_bytes())
            }
            Wish::Big => {
                let big = self.big.as_ref()?;
                (&big.request, &big.reply, "{nonce}", b"0".to_vec())
            }
            Wish::Payload(bytes) => {
                let echo = self.echo.as_ref()?;
                (&echo.request, &echo.reply, "{payload}", bytes.to_vec())
            }
            Wish::Work(time) => {
                let work = self.work.as_ref()?;
                let micros = time.as_micros().to_string().into_bytes();
                (&work.request, &work.reply, "{micros}", micros)
            }
        };
        // A pattern is text: only text can be looked for in a reply.
        let text = std::str::from_utf8(&value).ok()?;
        let mut request = request.replace(name, text);
        if last {
            request.push_str(self.last.as_ref()?);
        }
        let pattern = pattern(&reply.replace(name, &regex::escape(text))).ok()?;
        Some(Exchange { request: request.into_bytes(), rule: Rule::Matching(Box::new(pattern)) })
    }
}

fn pattern(text: &str) -> Result<Regex, regex::Error> {
    Regex::new(&format!(r"\A(?:{text})"))
}

#[cfg(test)]
mod tests {
    use super::super::Progress;
    use super::*;

    fn script() -> Script {
        Script {
            request: "PING {nonce}\n".to_owned(),
            reply: r"PONG {nonce}\r?\n".to_owned(),
            big: None,
            echo: Some(Pair {
                request: "E {payload}\n".to_owned(),
                reply: "{payload}\n".to_owned(),
            }),
            work: None,
            last: Some("QUIT\n".to_owned()),
        }
    }

    #[test]
    fn placeholders_are_filled_in_and_replies_are_followed() {
        let small = script().exchange(Wish::Small(17), false).unwrap();
        assert_eq!(small.request, b"PING 17\n");
        assert_eq!(small.judge(b"PONG 17\r", false), Progress::More);
        assert_eq!(small.judge(b"PONG 17\r\nPONG", false), Progress::Whole(9));
        let last = script().exchange(Wish::Payload(b"a.c"), true).unwrap();
        assert_eq!(last.request, b"E a.c\nQUIT\n");
        assert_eq!(last.judge(b"abc\n", false), Progress::More, "the dot is no pattern");
        assert_eq!(last.judge(b"a.c\n", false), Progress::Whole(4));
    }

    #[test]
    fn what_is_not_in_the_file_cannot_be_asked_for() {
        assert!(script().exchange(Wish::Big, false).is_none());
        assert!(Script { last: None, ..script() }.exchange(Wish::Small(1), true).is_none());
    }
}
