//! A run put together again from its events, and told of as they come.

use std::collections::BTreeMap;

use harness::events::{Event, Reader};
use harness::record::{Record, Run};

/// Is told how a column goes on, from several threads at once.
pub trait Watcher: Sync {
    /// The system starts, or starts again.
    fn booting(&self, column: &str);
    /// It is up.
    fn booted(&self, column: &str, millis: u64);
    /// A case begins.
    fn began(&self, column: &str, case: &str);
    /// A case is through.
    fn judged(&self, column: &str, record: &Record);
}

/// What has come in so far.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    reader: Reader,
    frame: Option<Run>,
    /// By id.
    pub(crate) records: BTreeMap<String, Record>,
    millis: u64,
}

impl Gathered {
    /// The system starts again: what the last event of the time before lacks will never come.
    pub(crate) fn again(&mut self) {
        self.reader = Reader::default();
    }

    /// Takes in a piece of the events of `column`.
    pub(crate) fn take(&mut self, piece: &[u8], column: &str, watcher: &dyn Watcher) {
        for event in self.reader.take(piece) {
            match event {
                Event::Start(run) => {
                    self.frame.get_or_insert(*run);
                }
                Event::Begin(case) => watcher.began(column, &case),
                Event::Record(record) => {
                    watcher.judged(column, &record);
                    self.records.insert(record.id.clone(), *record);
                }
                Event::End(run) => {
                    self.millis += run.millis;
                    self.frame = Some(*run);
                }
            }
        }
    }

    /// The run, if it began at all.
    pub(crate) fn run(self, complete: bool) -> Option<Run> {
        let mut run = self.frame?;
        run.records = self.records.into_values().collect();
        run.complete = complete;
        run.millis = self.millis;
        Some(run)
    }
}
