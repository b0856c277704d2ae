//! A client that sends bytes as they are, and reads replies.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use servers::Address;

use crate::server::PATIENCE;

/// A whole reply.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// By their names in lower case.
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// A field, or nothing.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// The process and the thread that processed the request.
    pub(crate) fn thread(&self) -> (i32, i32) {
        let (process, thread) = self.field("server-thread").split_once('/').expect("PID/TID");
        (process.parse().expect("a pid"), thread.parse().expect("a tid"))
    }
}

/// A connection.
pub(crate) enum Client {
    Inet(BufReader<TcpStream>),
    Unix(BufReader<UnixStream>),
}

impl Client {
    /// Connects.
    pub(crate) fn connect(address: &Address) -> io::Result<Client> {
        Ok(match address {
            Address::Inet(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_nodelay(true)?;
                Client::Inet(BufReader::new(stream))
            }
            Address::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                Client::Unix(BufReader::new(stream))
            }
        })
    }

    /// Sends bytes as they are.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Client::Inet(stream) => stream.get_mut().write_all(bytes),
            Client::Unix(stream) => stream.get_mut().write_all(bytes),
        }
    }

    /// Sends a request without a body.
    pub(crate) fn ask(&mut self, method: &str, path: &str) -> io::Result<()> {
        self.send(request(method, path).as_bytes())
    }

    /// Sends `GET path` and reads the reply.
    pub(crate) fn get(&mut self, path: &str) -> io::Result<Reply> {
        self.ask("GET", path)?;
        self.reply()
    }

    /// Says that nothing more will be sent.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        match self {
            Client::Inet(stream) => stream.get_ref().shutdown(Shutdown::Write),
            Client::Unix(stream) => stream.get_ref().shutdown(Shutdown::Write),
        }
    }

    /// Closes with a reset.
    pub(crate) fn reset(self) {
        if let Client::Inet(stream) = self {
            let now = libc::linger { l_onoff: 1, l_linger: 0 };
            setsockopt(stream.get_ref(), sockopt::Linger, &now).expect("SO_LINGER can be set");
        }
    }

    /// Reads one reply with a body.
    pub(crate) fn reply(&mut self) -> io::Result<Reply> {
        let mut reply = self.head()?;
        let length = reply.field("content-length").parse().unwrap_or_default();
        reply.body.resize(length, 0);
        self.reader().read_exact(&mut reply.body)?;
        Ok(reply)
    }

    /// Reads a reply up to its body.
    pub(crate) fn head(&mut self) -> io::Result<Reply> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if self.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_string()),
            }
        }
        let status = lines[0].split(' ').nth(1).and_then(|code| code.parse().ok());
        let field = |line: &String| {
            let (name, value) = line.split_once(": ").expect("a field");
            (name.to_lowercase(), value.to_string())
        };
        let fields = lines[1..].iter().map(field).collect();
        Ok(Reply { status: status.expect("a status line"), fields, body: Vec::new() })
    }

    /// Everything up to the end.
    pub(crate) fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        self.reader().read_to_end(&mut rest)?;
        Ok(rest)
    }

    /// Whether nothing comes within `time`.
    pub(crate) fn is_silent_for(&mut self, time: Duration) -> bool {
        let Client::Inet(stream) = self else { return false };
        stream.get_ref().set_read_timeout(Some(time)).expect("a time-out can be set");
        let silent =
            stream.fill_buf().is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        stream.get_ref().set_read_timeout(Some(PATIENCE)).expect("a time-out can be set");
        silent
    }

    fn read_line(&mut self, line: &mut String) -> io::Result<usize> {
        match self {
            Client::Inet(stream) => stream.read_line(line),
            Client::Unix(stream) => stream.read_line(line),
        }
    }

    fn reader(&mut self) -> &mut dyn Read {
        match self {
            Client::Inet(stream) => stream,
            Client::Unix(stream) => stream,
        }
    }
}

/// A request without a body.
pub(crate) fn request(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}
