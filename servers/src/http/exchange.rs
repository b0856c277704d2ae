//! One connection's requests and replies, as a state machine that does no input or output.
//!
//! ```text
//!  space, received          process (or take, respond)         output, sent
//! ──────────────────▶ input ──▶ request ──▶ response ──▶ window ──────────────▶
//!        16 KiB                 body: 1 MiB                64 KiB
//! ```
//!
//! Nothing is parsed while the window has no room for a reply, and nothing should be read while
//! the window has output: so a client that sends and does not read is stopped by its own socket.
//! Requests that are already in the input are another matter. The kernel will not report them
//! again, so a driver must go on until [`Wants`] names something that the kernel reports.

use super::body::Progress;
use super::request::Request;
use super::response::{Content, Response, Status};
use crate::mutants::{Fault, planted};

/// The input buffer: the largest head, and how much is read at once.
const INPUT: usize = 16 * 1024;
/// How much output is made ahead of the client.
const WINDOW: usize = 64 * 1024;
/// No head of a reply is longer.
const REPLY_HEAD: usize = 1024;
/// What is read and thrown away behind the last reply before the connection is cut.
const MOST_DISCARDED: usize = 8 * 1024 * 1024;

/// What an exchange needs next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wants {
    /// Input: fill [`Exchange::space`] and say [`Exchange::received`].
    Read,
    /// A complete request is to be processed: [`Exchange::process`], or [`Exchange::take`].
    Process,
    /// The response to the request that was taken.
    Response,
    /// To be rid of [`Exchange::output`]; then say [`Exchange::sent`].
    Write,
    /// The last reply is sent: shut the sending side down, then read on until the client ends too.
    /// A close with unread input would reset the connection and take the reply from the client.
    Linger,
    /// To be closed.
    Close,
}

/// What an exchange spends its time on: each has a time-out of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nothing was received yet.
    Fresh,
    /// A part of a request was received.
    Request,
    /// A request is being answered.
    Process,
    /// Output waits for the client.
    Write,
    /// Between two requests.
    Idle,
    /// Behind the last reply.
    Linger,
}

#[derive(Debug)]
enum State {
    /// A head is next in the input.
    Head,
    /// A body is next in the input.
    Body(Request, Progress),
    /// A request is whole.
    Ready(Request),
    /// A request was taken, and its response is awaited.
    Taken,
    /// The last reply was given to the window.
    Last,
    /// Nothing more is to be sent or received.
    Over,
}

/// See the module.
pub(crate) struct Exchange {
    input: Box<[u8]>,
    start: usize,
    end: usize,
    window: Vec<u8>,
    written: usize,
    /// What of the current reply has not been in the window yet, and from where on.
    content: Option<(Content, u64)>,
    state: State,
    /// The client sends nothing more.
    ended: bool,
    /// The next reply shall be the last one.
    finishing: bool,
    replies: u64,
    total_sent: u64,
    discarded: usize,
}

impl Exchange {
    /// The exchange of a fresh connection.
    pub(crate) fn new() -> Exchange {
        Exchange {
            input: vec![0; INPUT].into_boxed_slice(),
            start: 0,
            end: 0,
            window: Vec::new(),
            written: 0,
            content: None,
            state: State::Head,
            ended: false,
            finishing: false,
            replies: 0,
            total_sent: 0,
            discarded: 0,
        }
    }

    /// What is needed next.
    pub(crate) fn wants(&self) -> Wants {
        match self.state {
            State::Over => Wants::Close,
            State::Ready(_) => Wants::Process,
            _ if self.has_output() => Wants::Write,
            State::Taken => Wants::Response,
            State::Head | State::Body(..) => Wants::Read,
            State::Last if planted(Fault::HurriesToClose) => Wants::Close,
            State::Last => Wants::Linger,
        }
    }

    /// Where input goes: never empty when input is wanted.
    pub(crate) fn space(&mut self) -> &mut [u8] {
        if self.start == self.end || matches!(self.state, State::Last) {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.input.len() {
            self.input.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        &mut self.input[self.end..]
    }

    /// `count` bytes were put into [`space`](Self::space); 0 says that no more will come.
    pub(crate) fn received(&mut self, count: usize) {
        self.ended |= count == 0;
        if matches!(self.state, State::Last) {
            self.discarded += count;
            if self.ended || self.discarded > MOST_DISCARDED {
                self.state = State::Over;
            }
            return;
        }
        self.end += count;
        self.advance();
    }

    /// The request that is whole, to be processed elsewhere.
    pub(crate) fn take(&mut self) -> Option<Request> {
        match std::mem::replace(&mut self.state, State::Taken) {
            State::Ready(request) => Some(request),
            state => {
                self.state = state;
                None
            }
        }
    }

    /// The response to the request that was taken.
    pub(crate) fn respond(&mut self, mut response: Response) {
        response.keep_alive &= !self.finishing && !planted(Fault::EndsBehindEachReply);
        if planted(Fault::DropsPipelinedRequests) {
            self.start = self.end;
        }
        response.write_head(&mut self.window);
        self.state = if response.keep_alive { State::Head } else { State::Last };
        if !response.described {
            self.content = Some((response.content, 0));
            self.fill();
        }
        self.replies += 1;
        self.advance();
    }

    /// Processes the request that is whole on the calling thread.
    pub(crate) fn process(&mut self) {
        if let Some(request) = self.take() {
            self.respond(request.process());
        }
    }

    /// The output that is next: up to 64 KiB of it.
    pub(crate) fn output(&self) -> &[u8] {
        &self.window[self.written..]
    }

    /// The first `count` bytes of the output are gone.
    pub(crate) fn sent(&mut self, count: usize) {
        self.written += count;
        self.total_sent += count as u64;
        if self.written < self.window.len() {
            return;
        }
        self.window.clear();
        self.written = 0;
        self.fill();
        self.advance();
        // The reply had promised to go on before that changed.
        if self.finishing && self.phase() == Phase::Idle {
            self.state = State::Last;
        }
    }

    /// Makes the next reply the last one, or the one that is being sent.
    pub(crate) fn finish(&mut self) {
        self.finishing = true;
    }

    /// The time of the current phase has run out. A client that sent a part of a request is told.
    pub(crate) fn expire(&mut self) {
        self.state = if self.phase() == Phase::Request {
            State::Ready(Request::refused(Status::RequestTimeout))
        } else {
            State::Over
        };
    }

    /// What is going on.
    pub(crate) fn phase(&self) -> Phase {
        match self.state {
            State::Ready(_) => Phase::Process,
            _ if self.has_output() => Phase::Write,
            State::Taken => Phase::Process,
            State::Head if self.start == self.end && self.replies == 0 => Phase::Fresh,
            State::Head if self.start == self.end => Phase::Idle,
            State::Head | State::Body(..) => Phase::Request,
            State::Last | State::Over => Phase::Linger,
        }
    }

    /// A count that grows with every progress for which the current phase gets its time anew:
    /// a reply, and output that the client took. More of an incomplete request is no progress, or
    /// a client could send a byte now and then for ever.
    pub(crate) fn progress(&self) -> u64 {
        self.replies + self.total_sent
    }

    /// How many requests were answered.
    pub(crate) fn replies(&self) -> u64 {
        self.replies
    }

    fn has_output(&self) -> bool {
        self.written < self.window.len()
    }

    /// Moves content into the window.
    fn fill(&mut self) {
        if let Some((content, from)) = self.content.take() {
            let end = content.fill(from, &mut self.window, WINDOW);
            if end < content.length() {
                self.content = Some((content, end));
            }
        }
    }

    /// Parses on, as far as the input and the window go.
    fn advance(&mut self) {
        while self.content.is_none() && self.window.len() + REPLY_HEAD <= WINDOW {
            match self.step() {
                Ok(true) => {}
                Ok(false) => {
                    // What is missing will never come.
                    if self.ended && matches!(self.state, State::Head | State::Body(..)) {
                        self.state = State::Last;
                    }
                    break;
                }
                Err(status) => self.state = State::Ready(Request::refused(status)),
            }
        }
        if self.ended && matches!(self.state, State::Last) && !self.has_output() {
            self.state = State::Over;
        }
    }

    /// Parses one thing; false if the input does not hold it, or nothing is to be parsed.
    fn step(&mut self) -> Result<bool, Status> {
        let input = &self.input[self.start..self.end];
        let full = input.len() == self.input.len();
        match std::mem::replace(&mut self.state, State::Head) {
            State::Head if input.is_empty() => Ok(false),
            State::Head => match Request::parse(input)? {
                Some((request, length)) => {
                    self.start += length;
                    let progress = Progress::from(request.framing);
                    let unsent = progress != Progress::Whole && self.start == self.end;
                    if request.expects_continue && unsent {
                        self.window.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
                    }
                    self.state = State::Body(request, progress);
                    Ok(true)
                }
                None if full => Err(Status::FieldsTooLarge),
                None => Ok(false),
            },
            State::Body(request, Progress::Whole) => {
                self.state = State::Ready(request);
                Ok(true)
            }
            State::Body(mut request, mut progress) => {
                let before = progress;
                self.start += progress.step(input, full, &mut request.body)?;
                self.state = State::Body(request, progress);
                Ok(progress != before)
            }
            state => {
                self.state = state;
                Ok(false)
            }
        }
    }
}
