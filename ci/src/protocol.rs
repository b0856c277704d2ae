//! What host and guest tell each other: JSON, a message a line, on a serial port of its own (the
//! kernel's messages go to another one, and tear nothing here).

use std::io::Write as _;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::{DeflateDecoder, DeflateEncoder};
use serde::{Deserialize, Serialize};

/// A program that is to be run in the guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// The program's file.
    pub program: PathBuf,
    /// What it sees as its arguments; the first is the name by which it was called.
    pub argv: Vec<String>,
    /// Its whole environment.
    pub environment: Vec<(String, String)>,
    /// Its working directory, which is made if it is missing.
    pub folder: PathBuf,
}

/// What the host says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToGuest {
    /// Run this; answered by [`FromGuest::Ended`].
    Run(Job),
    /// Standard input of the program, in base64; an answer to [`FromGuest::Wants`]. Empty: that was
    /// all.
    Input(String),
    /// Nobody reads this stream of the program any more.
    Close(Stream),
    /// Power off.
    Stop,
}

/// What the guest says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum FromGuest {
    /// It is up, and waits for a job.
    Ready {
        /// The clock that its kernel keeps time by.
        clocksource: String,
    },
    /// It is still alive.
    Alive,
    /// What the program wrote, as [`Packer`] packs it.
    Output(Stream, String),
    /// The program can take a piece of input of [`PIECE`] bytes.
    Wants,
    /// [`PART`] bytes of a long message have come in: the next may come.
    More,
    /// The program is through: its exit status, or 128 and the signal that ended it.
    Ended(i32),
    /// The program could not be started, and why.
    NotStarted(String),
}

/// Where a program writes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Error,
    /// [`EVENTS`].
    Events,
}

/// The file to which a program in the guest writes its events.
pub const EVENTS: &str = "/run/ioconform-events";

/// The largest piece of data in a message, in bytes.
pub const PIECE: usize = 2048;

/// How many bytes of a message to the guest may be on their way: a terminal that is too full tells
/// its driver to stop, and that of user-mode Linux never goes on again.
pub const PART: usize = 1024;

/// Bytes as they stand in a message.
pub fn encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of a message; nothing if they are garbled.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// What the guest packs output with: a serial port is slow, and evidence repeats itself. All messages
/// of a guest are one stream of deflate, flushed at the end of each, and are to be unpacked in order.
#[derive(Debug)]
pub struct Packer(DeflateEncoder<Vec<u8>>);

impl Default for Packer {
    fn default() -> Packer {
        Packer(DeflateEncoder::new(Vec::new(), Compression::default()))
    }
}

impl Packer {
    /// The bytes as they stand in the next message.
    pub fn pack(&mut self, bytes: &[u8]) -> std::io::Result<String> {
        self.0.write_all(bytes)?;
        self.0.flush()?;
        Ok(encode(&std::mem::take(self.0.get_mut())))
    }
}

/// What the host unpacks it with.
#[derive(Debug)]
pub struct Unpacker(DeflateDecoder<Vec<u8>>);

impl Default for Unpacker {
    fn default() -> Unpacker {
        Unpacker(DeflateDecoder::new(Vec::new()))
    }
}

impl Unpacker {
    /// The bytes of the next message; nothing if they are garbled.
    pub fn unpack(&mut self, text: &str) -> Option<Vec<u8>> {
        self.0.write_all(&decode(text)?).ok()?;
        self.0.flush().ok()?;
        Some(std::mem::take(self.0.get_mut()))
    }
}

/// A message as a line.
pub fn line(message: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(message).unwrap_or_default();
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_message_can_be_unpacked_when_it_has_come(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..PIECE), 0..20)
        ) {
            let (mut packer, mut unpacker) = (Packer::default(), Unpacker::default());
            for message in messages {
                let packed = packer.pack(&message).unwrap();
                prop_assert_eq!(unpacker.unpack(&packed), Some(message));
            }
        }
    }

    #[test]
    fn what_repeats_itself_becomes_small_and_what_is_garbled_is_noticed() {
        let (mut packer, mut unpacker) = (Packer::default(), Unpacker::default());
        let record = b"{\"id\":\"epoll.edge.every_arrival\",\"verdict\":\"conforms\"}\n".repeat(10);
        packer.pack(&record).unwrap();
        assert!(packer.pack(&record).unwrap().len() < record.len() / 10);
        assert_eq!(unpacker.unpack("no base64"), None);
        assert_eq!(unpacker.unpack(&encode(b"\xff\xff\xff\xff")), None);
    }
}
