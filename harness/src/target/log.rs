//! What a server prints: read as it comes, so that it never waits for a reader, and counted.

use std::collections::VecDeque;
use std::io::{PipeReader, Read};
use std::sync::{Arc, Mutex, PoisonError};

/// How much of the end is kept, in bytes.
const KEPT: usize = 16 * 1024;

/// The output of a server so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Log {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    lines: u64,
    end: VecDeque<u8>,
    complete: bool,
}

impl Log {
    /// Follows what comes from a pipe, in a thread that ends with the last writer.
    pub(super) fn follow(mut pipe: PipeReader) -> std::io::Result<Log> {
        let log = Log::default();
        let state = log.state.clone();
        std::thread::Builder::new().name("server log".to_owned()).spawn(move || {
            let mut chunk = [0; 16 * 1024];
            while let Ok(length @ 1..) = pipe.read(&mut chunk) {
                state.lock().unwrap_or_else(PoisonError::into_inner).add(&chunk[..length]);
            }
            state.lock().unwrap_or_else(PoisonError::into_inner).complete = true;
        })?;
        Ok(log)
    }

    /// How many lines there were.
    pub(super) fn lines(&self) -> u64 {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).lines
    }

    /// Whether nothing more will come: the last writer has closed the pipe.
    pub(super) fn is_complete(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).complete
    }

    /// The last of it.
    pub(super) fn end(&self) -> String {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(state.end.make_contiguous()).into_owned()
    }

    /// The last line that says something.
    pub(super) fn last_line(&self) -> String {
        let end = self.end();
        let last = end.lines().rev().find(|line| !line.trim().is_empty());
        last.unwrap_or("it printed nothing").trim().to_owned()
    }
}

impl State {
    fn add(&mut self, bytes: &[u8]) {
        self.lines += bytes.split(|byte| *byte == b'\n').count() as u64 - 1;
        self.end.extend(bytes);
        let excess = self.end.len().saturating_sub(KEPT);
        self.end.drain(..excess);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_and_the_end_is_kept() {
        let mut state = State::default();
        state.add(&b"x\n".repeat(KEPT));
        state.add(b"the last\n\n");
        let log = Log { state: Arc::new(Mutex::new(state)) };
        assert_eq!(log.lines(), KEPT as u64 + 2);
        assert_eq!(log.end().len(), KEPT);
        assert_eq!(log.last_line(), "the last");
        assert_eq!(Log::default().last_line(), "it printed nothing");
    }
}
