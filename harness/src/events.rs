//! A run as it goes on, a line of JSON an event: how a run on another system reaches the one who
//! started it there.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::record::{Record, Run};
use crate::runner::{Item, Watcher};

/// What happens in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// It starts: the run without its records.
    Start(Box<Run>),
    /// A trial of a case begins.
    Begin(String),
    /// A case is through.
    Record(Box<Record>),
    /// All are through: the run without its records.
    End(Box<Run>),
}

/// Writes events, and marks in the kernel's log where each case begins and ends.
#[derive(Debug)]
pub struct Writer<W, L> {
    out: Mutex<W>,
    log: Option<Mutex<L>>,
}

/// What stands in the kernel's log before the name of a case that begins.
pub const BEGIN: &str = "ioconform: begin ";
/// And before the name of one that ends.
pub const END: &str = "ioconform: end ";

impl<W: Write, L: Write> Writer<W, L> {
    /// Writes events to `out`, and marks to `log` (`/dev/kmsg`) if there is one.
    pub fn new(out: W, log: Option<L>) -> Writer<W, L> {
        Writer { out: Mutex::new(out), log: log.map(Mutex::new) }
    }

    /// Writes one event. That nobody reads it any more is no reason to end.
    pub fn write(&self, event: &Event) {
        let mut line = serde_json::to_vec(event).unwrap_or_default();
        line.push(b'\n');
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = out.write_all(&line).and_then(|()| out.flush());
    }

    /// At the level of a warning, so that it reaches the console.
    fn mark(&self, text: &str) {
        if let Some(log) = &self.log {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = log.write_all(format!("<4>{text}\n").as_bytes());
        }
    }
}

impl<W: Write + Send, L: Write + Send> Watcher for Writer<W, L> {
    fn started(&self, item: Item) {
        self.write(&Event::Begin(item.name()));
        self.mark(&format!("{BEGIN}{}", item.name()));
    }

    fn finished(&self, item: Item, record: Option<&Record>, last: bool) {
        self.mark(&format!("{END}{}", item.name()));
        if let (Some(record), true) = (record, last) {
            self.write(&Event::Record(Box::new(record.clone())));
        }
    }
}

/// Events, in whatever pieces their bytes come.
#[derive(Debug, Default)]
pub struct Reader {
    pending: Vec<u8>,
}

impl Reader {
    /// Takes in a piece and returns the events that are whole now. Lines that are none are dropped.
    pub fn take(&mut self, piece: &[u8]) -> Vec<Event> {
        self.pending.extend_from_slice(piece);
        let end = self.pending.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let whole: Vec<u8> = self.pending.drain(..end).collect();
        whole
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice(line).ok())
            .collect()
    }
}
