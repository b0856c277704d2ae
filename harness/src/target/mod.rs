//! A server under test: any command, or one that already runs. A reference server, nginx and a
//! user's own binary are the same here.

mod build;
mod check;
mod client;
mod crowd;
mod listening;
mod log;
mod preset;
mod server;
mod tasks;
mod usage;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};

use crate::dialect::Dialect;

pub use check::TargetError;
pub use client::{Client, Ending, Reply};
pub use preset::{PresetError, presets};
pub use server::{Server, Shortage};
pub use tasks::{Sum, Tasks};
pub use usage::{Spent, Switches, Usage};

/// A server under test, as data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// What reports call it.
    pub name: String,
    /// How it comes to run.
    pub start: Start,
    /// What it speaks.
    pub dialect: Dialect,
    /// How many workers it is told to have, or is said to have.
    pub workers: usize,
    /// How many connections it holds at once, if that is limited and known: more than those have to
    /// wait, or are refused.
    pub connections: Option<usize>,
    /// The signal that ends it in order.
    pub stop: SignalName,
    /// The signal that makes it read its configuration anew, if it has one.
    pub reload: Option<SignalName>,
    /// What it is beyond its name: a version, as it says itself.
    pub version: String,
    /// Whether it is one of ioconform's own reference servers.
    pub reference: bool,
}

/// How a server comes to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// The suite starts it.
    Command(Command),
    /// It runs already, and is left alone: no signal is sent to it.
    Running {
        /// Where it listens.
        address: Address,
        /// Its first process, if it is known.
        pid: Option<i32>,
    },
}

/// A command, with `{addr} {host} {port} {unix} {dir} {workers}` to be filled in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Variables beside the environment of the suite.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Files that lie in `{dir}`, an empty folder made for the trial, before it starts.
    #[serde(default)]
    pub files: Vec<File>,
}

/// A file for a server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Its path below `{dir}`.
    pub name: String,
    /// What is in it, with the placeholders of a command.
    #[serde(default)]
    pub text: String,
    /// So many bytes of text instead.
    #[serde(default)]
    pub size: Option<usize>,
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Address {
    /// TCP.
    Tcp(SocketAddr),
    /// `AF_UNIX`, by path.
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => write!(out, "{address}"),
            Address::Unix(path) => write!(out, "unix:{}", path.display()),
        }
    }
}

impl FromStr for Address {
    type Err = String;

    /// `127.0.0.1:8080`, `[::1]:8080`, `unix:/path`.
    fn from_str(text: &str) -> Result<Address, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Address::Unix(path.into()));
        }
        let address: SocketAddr = text
            .parse()
            .map_err(|_| format!("`{text}` is neither HOST:PORT (an IP address) nor unix:PATH"))?;
        if address.ip().is_loopback() {
            Ok(Address::Tcp(address))
        } else {
            Err(format!(
                "{} is not this machine's loopback: only local servers are tested",
                address.ip()
            ))
        }
    }
}

/// A signal by its name, with or without `SIG`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SignalName(pub Signal);

impl FromStr for SignalName {
    type Err = String;

    fn from_str(text: &str) -> Result<SignalName, String> {
        let upper = text.to_ascii_uppercase();
        let name = if upper.starts_with("SIG") { upper } else { format!("SIG{upper}") };
        name.parse().map(SignalName).map_err(|_| format!("there is no signal `{text}`"))
    }
}

impl TryFrom<String> for SignalName {
    type Error = String;

    fn try_from(text: String) -> Result<SignalName, String> {
        text.parse()
    }
}

impl From<SignalName> for String {
    fn from(signal: SignalName) -> String {
        signal.0.as_str().to_owned()
    }
}

impl Target {
    /// A command of a user's own, that speaks `dialect` and is stopped by SIGTERM.
    pub fn command(argv: Vec<String>, dialect: Dialect, workers: usize) -> Target {
        let program = argv.first().map_or("", String::as_str);
        let name = Path::new(program).file_name().unwrap_or_default().to_string_lossy();
        Target {
            name: name.into_owned(),
            start: Start::Command(Command { argv, ..Command::default() }),
            dialect,
            workers,
            connections: None,
            stop: SignalName(Signal::SIGTERM),
            reload: None,
            version: String::new(),
            reference: false,
        }
    }

    /// Whether the suite starts it, and so may give it a network and processes of its own.
    pub fn is_started(&self) -> bool {
        matches!(self.start, Start::Command(_))
    }
}

/// What the placeholders of a command stand for in one trial.
#[derive(Debug)]
struct Places {
    address: SocketAddr,
    unix: PathBuf,
    folder: PathBuf,
    workers: usize,
}

impl Places {
    fn fill(&self, text: &str) -> String {
        let pairs = [
            ("{addr}", self.address.to_string()),
            ("{host}", self.address.ip().to_string()),
            ("{port}", self.address.port().to_string()),
            ("{unix}", self.unix.display().to_string()),
            ("{dir}", self.folder.display().to_string()),
            ("{workers}", self.workers.to_string()),
        ];
        pairs.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("127.0.0.1:80", Ok("127.0.0.1:80"))]
    #[case("[::1]:80", Ok("[::1]:80"))]
    #[case("unix:/run/x", Ok("unix:/run/x"))]
    #[case("localhost", Err("neither HOST:PORT"))]
    #[case("192.0.2.1:80", Err("only local servers"))]
    fn an_address_is_of_this_machine(#[case] text: &str, #[case] outcome: Result<&str, &str>) {
        match (text.parse::<Address>(), outcome) {
            (Ok(address), Ok(shown)) => assert_eq!(address.to_string(), shown),
            (Err(error), Err(words)) => assert!(error.contains(words), "{error}"),
            (other, _) => panic!("{other:?}"),
        }
    }

    #[rstest]
    #[case("TERM", Some(Signal::SIGTERM))]
    #[case("sighup", Some(Signal::SIGHUP))]
    #[case("NONSENSE", None)]
    fn a_signal_has_a_name(#[case] text: &str, #[case] signal: Option<Signal>) {
        assert_eq!(text.parse::<SignalName>().ok().map(|name| name.0), signal);
    }

    #[test]
    fn placeholders_are_filled_in() {
        let places = Places {
            address: "127.0.0.1:81".parse().unwrap(),
            unix: "/d/socket".into(),
            folder: "/d".into(),
            workers: 3,
        };
        assert_eq!(
            places.fill("{addr} {host}:{port} {unix} {dir}/x -w{workers} {other}"),
            "127.0.0.1:81 127.0.0.1:81 /d/socket /d/x -w3 {other}"
        );
    }
}
